use super::*;
use crate::Fractions;
use crate::testing::request;

/// Pictures of two pixels: the number of the row, and its class.
fn rows(n_rows: u8, first: u8) -> PictureRows {
    PictureRows {
        bytes: (0..n_rows).flat_map(|row| [first + row, row % 2]).collect(),
        labels: (0..n_rows).map(|row| u32::from(row % 2)).collect(),
    }
}

fn pictures() -> Pictures {
    Pictures {
        shape: [1, 1, 2],
        class_names: vec!["even".to_owned(), "odd".to_owned()],
        train: rows(40, 0),
        test: rows(6, 100),
    }
}

fn asked() -> Request {
    Request {
        splits: Fractions::new(0.1, 0.5).unwrap(),
        ..request("shown")
    }
}

fn bytes(split: &Split) -> (&[u8], &Normalize) {
    match &split.features {
        Features::Pixels { bytes, normalize } => (bytes, normalize),
        Features::Numbers(_) => panic!("pictures stay bytes"),
    }
}

fn firsts(split: &Split) -> Vec<u8> {
    let mut firsts: Vec<u8> = bytes(split).0.iter().step_by(2).copied().collect();
    firsts.sort_unstable();
    firsts
}

#[test]
fn validation_is_carved_from_training_and_the_test_stays() {
    let dataset = prepare(pictures(), &asked(), None, false).unwrap();
    assert_eq!(dataset.input_shape, [1, 1, 2]);
    assert_eq!((dataset.train.len(), dataset.validation.len()), (36, 4));
    assert_eq!(dataset.validation.labels.iter().sum::<u32>(), 2, "by class");
    assert_eq!(firsts(&dataset.test), [100, 101, 102, 103, 104, 105]);
    let mut kept = [firsts(&dataset.train), firsts(&dataset.validation)].concat();
    kept.sort_unstable();
    assert_eq!(kept, (0..40).collect::<Vec<u8>>());
    for split in [&dataset.train, &dataset.validation, &dataset.test] {
        for (picture, label) in bytes(split).0.chunks(2).zip(&split.labels) {
            assert_eq!(u32::from(picture[1]), *label, "labels move with pictures");
        }
    }
}

#[test]
fn scaling_undone_gives_the_bytes() {
    for standardize in [true, false] {
        let request = Request {
            standardize,
            ..asked()
        };
        let dataset = prepare(pictures(), &request, None, false).unwrap();
        let scaling = dataset.scaling.unwrap();
        let rows = dataset.test.rows().features.to_numbers(&[1, 1, 2]);
        let undone = rows
            .iter()
            .map(|x| f64::from(*x) * scaling.std[0] + scaling.mean[0]);
        let bytes = bytes(&dataset.test).0;
        assert!(
            bytes
                .iter()
                .zip(undone)
                .all(|(byte, undone)| (undone - f64::from(*byte)).abs() < 1e-3)
        );
    }
}

#[test]
fn pictures_that_repeat_stay() {
    let mut twice = pictures();
    twice.train.append(rows(40, 0));
    let dataset = prepare(twice, &asked(), None, false).unwrap();
    assert_eq!(dataset.train.len() + dataset.validation.len(), 80);
}

#[test]
fn every_split_is_scaled_by_training() {
    let dataset = prepare(pictures(), &asked(), None, false).unwrap();
    let (train, normalize) = bytes(&dataset.train);
    assert_eq!(*normalize, Normalize::of(train, &[1, 1, 2]));
    assert_eq!(bytes(&dataset.validation).1, normalize);
    assert_eq!(bytes(&dataset.test).1, normalize);
    let raw = Request {
        standardize: false,
        ..asked()
    };
    let dataset = prepare(pictures(), &raw, None, false).unwrap();
    assert_eq!(*bytes(&dataset.test).1, Normalize::none(1));
}

#[test]
fn takes_so_many_pictures_of_each_class_as_its_share() {
    let dataset = prepare(pictures(), &asked(), Some(20), false).unwrap();
    let labels = [&dataset.train.labels[..], &dataset.validation.labels].concat();
    assert_eq!((labels.len(), labels.iter().sum::<u32>()), (20, 10));
    assert_eq!(dataset.test.len(), 6, "the test stays whole");
    let error = |n_rows| prepare(pictures(), &asked(), Some(n_rows), false).unwrap_err();
    insta::assert_snapshot!(error(41), @"cannot take 41 rows of dataset `shown`, only 1 to 40");
    insta::assert_snapshot!(error(0), @"cannot take 0 rows of dataset `shown`, only 1 to 40");
    insta::assert_snapshot!(error(1), @"dataset `shown` has too few rows for a validation split: 1");
}

#[test]
fn another_seed_makes_another_validation_split() {
    let validation = |seed| {
        let dataset = prepare(pictures(), &Request { seed, ..asked() }, None, false);
        firsts(&dataset.unwrap().validation)
    };
    assert_eq!(validation(1), validation(1));
    assert_ne!(validation(1), validation(2));
}
