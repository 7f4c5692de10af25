//! Cross-entropy on a device, of all candidates of a stack at once.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::ops::Values;

/// Rows that are summed up on the device: beyond so many, float32 would lose digits. The host adds
/// up these sums in float64.
const ROWS_A_SUM: usize = 128;

/// What rows came to, row by row and candidate by candidate.
#[derive(Debug)]
pub(crate) struct RowLosses {
    /// Cross-entropies in nats, smoothed as was asked, `[rows, candidates]`.
    pub(crate) losses: Tensor<2>,
    /// 1 where a row is right, else 0; of equal logits the first counts. `[rows, candidates]`.
    pub(crate) right: Tensor<2>,
}

/// The classes that a network tells apart, on a device.
#[derive(Debug)]
pub(crate) struct Classes {
    n_classes: usize,
    /// 0, 1, ..., `[classes]`.
    numbers: Tensor<1, Int>,
}

impl Classes {
    pub(crate) fn new(n_classes: usize, device: &Device) -> Self {
        let numbers: Vec<i32> = (0..n_classes as i32).collect();
        let data = TensorData::new(numbers, [n_classes]);
        Self {
            n_classes,
            numbers: Tensor::from_data(data, (device, DType::I32)),
        }
    }
}

/// Judges the logits of a stack, `[rows, candidates * classes, 1]`, against its labels,
/// `[rows, candidates]`.
pub(crate) fn row_losses(logits: Values, labels: Tensor<2, Int>, classes: &Classes) -> RowLosses {
    judged(logits, labels, classes, 0.0).rows
}

/// Judges logits in training, a share of the target, `smoothing`, being spread evenly over all
/// classes; returns the gradient of the *mean* cross-entropy of each candidate by its logits, too.
pub(crate) fn cross_entropy(
    logits: Values,
    labels: Tensor<2, Int>,
    classes: &Classes,
    smoothing: f64,
) -> (RowLosses, Values) {
    let [n_rows, width, _] = logits.dims();
    let judged = judged(logits, labels, classes, smoothing);
    let n_classes = classes.n_classes;
    let share = 1.0 / n_rows as f32;
    let of_label = share * (1.0 - smoothing) as f32;
    let of_any = share * (smoothing / n_classes as f64) as f32;
    let probabilities = judged.exponentials * judged.sums.recip().mul_scalar(share);
    let probabilities = match smoothing > 0.0 {
        true => probabilities.sub_scalar(of_any),
        false => probabilities,
    };
    let gradient = probabilities - judged.is_label.mul_scalar(of_label);
    (judged.rows, gradient.reshape([n_rows, width, 1]))
}

/// What the loss and its gradient are made of.
struct Judged {
    rows: RowLosses,
    /// Of logits below the largest, `[rows, candidates, classes]`.
    exponentials: Tensor<3>,
    /// Their sums, `[rows, candidates, 1]`.
    sums: Tensor<3>,
    /// 1 at the label of a row, else 0.
    is_label: Tensor<3>,
}

fn judged(logits: Values, labels: Tensor<2, Int>, classes: &Classes, smoothing: f64) -> Judged {
    let [n_rows, n_candidates] = labels.dims();
    let n_classes = classes.n_classes;
    let logits = logits.reshape([n_rows, n_candidates, n_classes]);
    let labels = labels.reshape([n_rows, n_candidates, 1]);
    let shape = [n_rows, n_candidates, n_classes];
    let numbers = classes.numbers.clone().reshape([1, 1, n_classes]);
    let numbers = numbers.expand(shape);
    let of_each = labels.clone().expand(shape);
    let below = logits.clone() - logits.max_dim(2);
    let of_label = below.clone().gather(2, labels);
    let exponentials = below.clone().exp();
    let sums = exponentials.clone().sum_dim(2);
    let log_sums = sums.clone().log();
    let losses = match smoothing > 0.0 {
        true => {
            let mean = below
                .clone()
                .sum_dim(2)
                .mul_scalar(smoothing / n_classes as f64);
            log_sums - of_label.clone().mul_scalar(1.0 - smoothing) - mean
        }
        false => log_sums - of_label.clone(),
    };
    // Right is a row whose label has a largest logit, and no class before it has one.
    let is_top = below.equal_scalar(0.0);
    let before = numbers.clone().lower(of_each.clone());
    let tops_before = is_top.bool_and(before).float().sum_dim(2);
    let right = of_label.equal_scalar(0.0);
    let right = right.bool_and(tops_before.equal_scalar(0.0)).float();
    let flat = |values: Tensor<3>| values.reshape([n_rows, n_candidates]);
    Judged {
        rows: RowLosses {
            losses: flat(losses),
            right: flat(right),
        },
        exponentials,
        sums,
        is_label: numbers.equal(of_each).float(),
    }
}

/// Returns how many sums [`sums`] makes of rows.
pub(crate) fn n_sums(n_rows: usize) -> usize {
    n_rows.div_ceil(ROWS_A_SUM)
}

/// Adds up rows, at most [`ROWS_A_SUM`] of them at a time: `[rows, values]` to `[sums, values]`.
pub(crate) fn sums(rows: Tensor<2>) -> Tensor<2> {
    let [n_rows, values] = rows.dims();
    if n_rows <= ROWS_A_SUM {
        return rows.sum_dim(0);
    }
    let n_sums = n_sums(n_rows);
    let missing = n_sums * ROWS_A_SUM - n_rows;
    let rows = match missing {
        0 => rows,
        _ => {
            let zeros = Tensor::zeros([missing, values], (&rows.device(), rows.dtype()));
            Tensor::cat(vec![rows, zeros], 0)
        }
    };
    let sums = rows.reshape([n_sums, ROWS_A_SUM, values]).sum_dim(1);
    sums.reshape([n_sums, values])
}

/// Counts the rows of each class that are right: `[rows, candidates]` to `[classes, candidates]`,
/// for labels of `[rows]`.
pub(crate) fn right_by_class(
    right: Tensor<2>,
    labels: Tensor<1, Int>,
    classes: &Classes,
) -> Tensor<2> {
    let (n_classes, n_rows) = (classes.n_classes, labels.dims()[0]);
    let shape = [n_classes, n_rows];
    let numbers = classes.numbers.clone().reshape([n_classes, 1]);
    let is_class = numbers
        .expand(shape)
        .equal(labels.reshape([1, n_rows]).expand(shape));
    // Products and sums of 0 and 1 are exact, however a device multiplies matrices.
    is_class.float().matmul(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss;
    use crate::parameters::numbers;
    use firebrick_core::engine::Evaluation;
    use firebrick_core::random::{Purpose, stream};
    use rand::RngExt;

    const N_CLASSES: usize = 5;

    fn classes() -> Classes {
        Classes::new(N_CLASSES, &Device::flex())
    }

    /// Logits, among them equal and large ones, and labels: for candidate after candidate.
    fn candidates(n_candidates: usize, n_rows: usize) -> Vec<(Vec<f32>, Vec<u32>)> {
        let mut rng = stream(8, Purpose::Dataset, 0);
        let mut one = || {
            let logits = (0..n_rows * N_CLASSES).map(|_| match rng.random_range(0..9) {
                0 => 40.0,
                1 => -40.0,
                other => (other % 4) as f32 / 2.0,
            });
            let logits = logits.collect();
            let labels = (0..n_rows).map(|_| rng.random_range(0..N_CLASSES as u32));
            (logits, labels.collect())
        };
        (0..n_candidates).map(|_| one()).collect()
    }

    fn stacked(candidates: &[(Vec<f32>, Vec<u32>)]) -> (Values, Tensor<2, Int>) {
        let (n_rows, device) = (candidates[0].1.len(), Device::flex());
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for row in 0..n_rows {
            for (its_logits, its_labels) in candidates {
                logits.extend_from_slice(&its_logits[row * N_CLASSES..][..N_CLASSES]);
                labels.push(its_labels[row] as i32);
            }
        }
        let width = candidates.len() * N_CLASSES;
        let logits = TensorData::new(logits, [n_rows, width, 1]);
        let labels = TensorData::new(labels, [n_rows, candidates.len()]);
        let labels = Tensor::from_data(labels, (&device, DType::I32));
        (Tensor::from_data(logits, &device), labels)
    }

    #[test]
    fn each_candidate_comes_to_what_it_comes_to_on_the_host() {
        for (smoothing, n_rows) in [(0.0, 37), (0.3, 37), (0.1, 300)] {
            let candidates = candidates(3, n_rows);
            let (logits, labels) = stacked(&candidates);
            let (rows, gradient) = cross_entropy(logits, labels, &classes(), smoothing);
            let gradient = numbers(gradient);
            let [losses, right] = [rows.losses, rows.right].map(|rows| numbers(sums(rows)));
            for (idx, (logits, labels)) in candidates.iter().enumerate() {
                let expected = loss::cross_entropy(logits, labels, smoothing);
                let sum = |sums: &[f32]| -> f64 {
                    sums.iter()
                        .skip(idx)
                        .step_by(3)
                        .map(|sum| f64::from(*sum))
                        .sum()
                };
                let off = (sum(&losses) / expected.loss - 1.0).abs();
                assert!(off < 1e-6, "{off} with smoothing {smoothing}");
                assert_eq!(sum(&right) as usize, expected.right);
                for (row, expected) in expected.gradient.chunks(N_CLASSES).enumerate() {
                    let found = &gradient[(row * 3 + idx) * N_CLASSES..][..N_CLASSES];
                    for (found, expected) in found.iter().zip(expected) {
                        assert!((found - expected).abs() < 1e-8, "{found} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn sums_and_counts_by_class_are_those_of_the_evaluation_of_core() {
        let n_rows = 1000;
        let candidates = candidates(2, n_rows);
        let labels = &candidates[0].1;
        let alike: Vec<_> = candidates
            .iter()
            .map(|(logits, _)| (logits.clone(), labels.clone()))
            .collect();
        let (logits, of_each) = stacked(&alike);
        let rows = row_losses(logits, of_each.clone(), &classes());
        let of_rows = of_each.narrow(1, 0, 1).reshape([n_rows]);
        let counts = numbers(right_by_class(rows.right, of_rows, &classes()));
        let losses = sums(rows.losses);
        assert_eq!(losses.dims(), [8, 2]);
        let losses = numbers(losses);
        for (idx, (logits, labels)) in alike.iter().enumerate() {
            let expected = Evaluation::of(logits, labels);
            let of_candidate = |sums: &[f32]| -> f64 {
                let sums = sums.iter().skip(idx).step_by(2);
                sums.map(|sum| f64::from(*sum)).sum()
            };
            let loss = of_candidate(&losses) / n_rows as f64;
            assert!((loss / expected.loss - 1.0).abs() < 1e-6);
            assert_eq!(of_candidate(&counts) / n_rows as f64, expected.accuracy);
            for class in 0..N_CLASSES {
                let pairs = logits.chunks(N_CLASSES).zip(labels);
                let right = pairs.filter(|(logits, label)| {
                    let one = Evaluation::of(logits, &[**label]);
                    **label as usize == class && one.accuracy == 1.0
                });
                assert_eq!(counts[class * 2 + idx] as usize, right.count());
            }
        }
    }

    #[test]
    fn logits_that_are_no_numbers_make_one_loss_no_number() {
        for (wild, at) in [(f32::NAN, 0), (f32::NAN, 4), (f32::INFINITY, 2)] {
            let mut candidates = candidates(3, 9);
            candidates[1].0[at] = wild;
            let (logits, labels) = stacked(&candidates);
            let losses = numbers(sums(
                cross_entropy(logits, labels, &classes(), 0.1).0.losses,
            ));
            assert!(!losses[1].is_finite(), "{wild} at {at}");
            assert!(losses[0].is_finite() && losses[2].is_finite());
        }
        let mut candidates = candidates(1, 1);
        candidates[0] = (vec![1.0, f32::NEG_INFINITY, 0.0, 0.0, 0.0], vec![0]);
        let (logits, labels) = stacked(&candidates);
        let rows = cross_entropy(logits, labels, &classes(), 0.0).0;
        let expected = loss::cross_entropy(&candidates[0].0, &[0], 0.0).loss;
        assert!((f64::from(numbers(rows.losses)[0]) - expected).abs() < 1e-6);
    }
}
