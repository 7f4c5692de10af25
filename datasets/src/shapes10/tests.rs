use firebrick_core::dataset::{RowReader, Split};
use firebrick_core::random::epoch_order;
use md5::{Digest, Md5};

use super::*;
use crate::load as load_any;
use crate::testing::request;

fn dataset(n_rows: Option<usize>) -> Dataset {
    load_any(&Request {
        n_rows,
        splits: crate::Fractions::new(0.1, 0.2).unwrap(),
        ..request("shapes10")
    })
    .unwrap()
}

/// The bytes of the first 50 pictures: any other, on whatever machine, is another data set.
#[test]
fn pictures_are_the_same_on_every_machine() {
    let (bytes, labels) = generate(SEED, 50);
    let digest = Md5::digest(&bytes);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!(digest, @"ec1e0fb0b3e51d9e09cc1dd129851649");
    assert_eq!(labels[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_eq!(generate(SEED, 20).0, bytes[..20 * SIZE]);
    assert_ne!(generate(SEED + 1, 20).0, bytes[..20 * SIZE]);
}

#[test]
fn ten_thousand_are_to_train_on_and_two_thousand_for_the_test() {
    let start = std::time::Instant::now();
    let dataset = dataset(None);
    eprintln!("{ROWS} pictures in {:?}", start.elapsed());
    assert!(dataset.simulated);
    assert_eq!(dataset.input_shape, [3, 32, 32]);
    assert_eq!(dataset.train.len(), 9000);
    assert_eq!(dataset.validation.len(), 1000);
    assert_eq!(dataset.test.len(), 2000);
    for split in [&dataset.train, &dataset.validation, &dataset.test] {
        for class in 0..10 {
            let n_rows = split.labels.iter().filter(|label| **label == class).count();
            assert_eq!(n_rows * 10, split.len());
        }
    }
}

#[test]
fn so_many_are_generated_as_are_asked_for() {
    let dataset = dataset(Some(120));
    assert_eq!(dataset.train.len() + dataset.validation.len(), 100);
    assert_eq!(dataset.test.len(), 20);
    let error = |n_rows| {
        let asked = Request {
            n_rows: Some(n_rows),
            ..request("shapes10")
        };
        load_any(&asked).unwrap_err()
    };
    insta::assert_snapshot!(error(59), @"cannot take 59 rows of dataset `shapes10`, only 60 to 500000");
    insta::assert_snapshot!(error(usize::MAX), @"cannot take 18446744073709551615 rows of dataset `shapes10`, only 60 to 500000");
}

/// No shape is a part of another one's area that could not be told apart.
#[test]
fn shapes_cover_different_points() {
    let points = |class| -> Vec<bool> {
        let at = |idx: i32| idx as f32 / 20.0;
        let all = (-20..=20).flat_map(|y| (-20..=20).map(move |x| (at(x), at(y))));
        all.map(|(u, v)| shape::contains(class, u, v)).collect()
    };
    for (class, name) in CLASSES.iter().enumerate() {
        let area = points(class).iter().filter(|inside| **inside).count();
        assert!((200..1200).contains(&area), "{name}: {area}");
        for other in 0..class {
            let (a, b) = (points(class), points(other));
            let n_different = a.iter().zip(&b).filter(|(a, b)| a != b).count();
            assert!(n_different > 150, "{class} {other}: {n_different}");
        }
    }
}

/// Returns the accuracies on training and test of a linear classifier: softmax regression by
/// gradient descent, picture by picture.
fn linear_accuracies(dataset: &Dataset, n_epochs: usize) -> [f64; 2] {
    let numbers = |split: &Split| -> Vec<f32> {
        let rows = split.rows();
        let reader = RowReader::new(rows.features, &SHAPE);
        let mut numbers = vec![0.0; rows.len() * SIZE];
        for (row, into) in numbers.chunks_exact_mut(SIZE).enumerate() {
            reader.read(row, into);
        }
        numbers
    };
    let scores = |weights: &[f32], row: &[f32]| -> [f32; 10] {
        let mut scores = [0.0; 10];
        for (score, weights) in scores.iter_mut().zip(weights.chunks_exact(SIZE)) {
            *score = weights.iter().zip(row).map(|(w, x)| w * x).sum();
        }
        scores
    };
    let train = numbers(&dataset.train);
    let mut weights = vec![0.0_f32; 10 * SIZE];
    for epoch in 0..n_epochs {
        let rate = 1e-4 * (1.0 - epoch as f32 / n_epochs as f32);
        for row in epoch_order(1, epoch, dataset.train.len()) {
            let row = row as usize;
            let features = &train[row * SIZE..][..SIZE];
            let scores = scores(&weights, features);
            let largest = scores.iter().copied().fold(f32::MIN, f32::max);
            let exps = scores.map(|score| (score - largest).exp());
            let sum: f32 = exps.iter().sum();
            for (class, weights) in weights.chunks_exact_mut(SIZE).enumerate() {
                let is_label = dataset.train.labels[row] as usize == class;
                let step = rate * (exps[class] / sum - f32::from(u8::from(is_label)));
                for (weight, feature) in weights.iter_mut().zip(features) {
                    *weight -= step * feature;
                }
            }
        }
    }
    [&dataset.train, &dataset.test].map(|split| {
        let numbers = numbers(split);
        let judged = numbers.chunks_exact(SIZE).zip(&split.labels);
        let n_right = judged.filter(|(row, label)| {
            let scores = scores(&weights, row);
            let best = (0..10).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
            best == Some(**label as usize)
        });
        n_right.count() as f64 / split.len() as f64
    })
}

/// So that convolutions have something to show.
#[test]
fn no_linear_classifier_is_good() {
    let [train, test] = linear_accuracies(&dataset(None), 4);
    eprintln!("linear: {train} of training, {test} of the test");
    assert!(train > 0.2, "it learns: {train}");
    assert!(test < 0.45, "{test}");
}
