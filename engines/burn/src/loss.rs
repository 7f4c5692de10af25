//! Cross-entropy on the host: it is a few numbers a row, and the host needs the loss anyway.

/// What a batch came to.
#[derive(Debug, PartialEq)]
pub(crate) struct BatchLoss {
    /// The sum of the cross-entropies of the rows, in nats, smoothed as was asked.
    pub(crate) loss: f64,
    /// How many rows were right; of equal logits the first counts.
    pub(crate) right: usize,
    /// The gradient of the *mean* cross-entropy by the logits, row after row.
    pub(crate) gradient: Vec<f32>,
}

/// Judges the logits of a batch, row after row, against its labels; a share of the target,
/// `smoothing`, is spread evenly over all classes.
pub(crate) fn cross_entropy(logits: &[f32], labels: &[u32], smoothing: f64) -> BatchLoss {
    let n_classes = logits.len() / labels.len();
    let share = 1.0 / labels.len() as f32;
    let of_label = share * (1.0 - smoothing) as f32;
    let of_any = share * (smoothing / n_classes as f64) as f32;
    let mut gradient = vec![0.0; logits.len()];
    let (mut loss, mut right) = (0.0, 0);
    let rows = logits.chunks_exact(n_classes).zip(labels);
    for ((logits, label), gradient) in rows.zip(gradient.chunks_exact_mut(n_classes)) {
        let label = *label as usize;
        let (first_top, top) = first_largest(logits);
        right += usize::from(first_top == label);
        let mut sum = 0.0;
        for (gradient, logit) in gradient.iter_mut().zip(logits) {
            *gradient = (logit - top).exp();
            sum += *gradient;
        }
        loss += f64::from(sum.ln() - (logits[label] - top));
        if smoothing > 0.0 {
            let rest = logits.iter().map(|logit| f64::from(logit - top));
            let mean = rest.sum::<f64>() / n_classes as f64;
            loss += smoothing * (f64::from(logits[label] - top) - mean);
        }
        let scale = share / sum;
        for value in gradient.iter_mut() {
            *value = *value * scale - of_any;
        }
        gradient[label] -= of_label;
    }
    BatchLoss {
        loss,
        right,
        gradient,
    }
}

fn first_largest(logits: &[f32]) -> (usize, f32) {
    let mut first = (0, logits[0]);
    for (idx, logit) in logits.iter().enumerate().skip(1) {
        if *logit > first.1 {
            first = (idx, *logit);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrick_core::engine::Evaluation;

    const LOGITS: [f32; 9] = [0.3, -1.2, 2.0, 0.5, 0.5, 0.1, -3.0, 4.0, 4.0];
    const LABELS: [u32; 3] = [1, 0, 2];

    #[test]
    fn agrees_with_the_evaluation_of_core() {
        let batch = cross_entropy(&LOGITS, &LABELS, 0.0);
        let evaluation = Evaluation::of(&LOGITS, &LABELS);
        assert!((batch.loss / 3.0 - evaluation.loss).abs() < 1e-6);
        assert!((batch.right as f64 / 3.0 - evaluation.accuracy).abs() < 1e-12);
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_mean() {
        for smoothing in [0.0, 0.3] {
            let gradient = cross_entropy(&LOGITS, &LABELS, smoothing).gradient;
            for (idx, gradient) in gradient.into_iter().enumerate() {
                let mean = |step: f32| {
                    let mut logits = LOGITS;
                    logits[idx] += step;
                    smoothed(&logits, smoothing)
                };
                let slope = (mean(0.01) - mean(-0.01)) / 0.02;
                assert!(
                    (slope - f64::from(gradient)).abs() < 1e-4,
                    "logit {idx}: {slope} {gradient}"
                );
            }
        }
    }

    #[test]
    fn smoothed_targets_are_spread_over_all_classes() {
        for smoothing in [0.0, 0.1, 0.7] {
            let loss = cross_entropy(&LOGITS, &LABELS, smoothing).loss / 3.0;
            let expected = smoothed(&LOGITS, smoothing);
            assert!((loss - expected).abs() < 1e-6, "{loss}, not {expected}");
        }
    }

    /// The mean loss as the weighed mean of what each class would cost as the label.
    fn smoothed(logits: &[f32; 9], smoothing: f64) -> f64 {
        let hard = Evaluation::of(logits, &LABELS).loss;
        let others = (0..3).map(|class| Evaluation::of(logits, &[class; 3]).loss);
        (1.0 - smoothing) * hard + smoothing / 3.0 * others.sum::<f64>()
    }

    #[test]
    fn a_logit_that_is_no_number_makes_the_loss_no_number() {
        for at in 0..3 {
            let mut logits = [1.0, 2.0, 3.0];
            logits[at] = f32::NAN;
            assert!(
                cross_entropy(&logits, &[0], 0.0).loss.is_nan(),
                "logit {at}"
            );
        }
        let infinite = cross_entropy(&[f32::INFINITY, 0.0], &[0], 0.0);
        assert!(!infinite.loss.is_finite());
    }
}
