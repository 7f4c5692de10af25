//! How well what was known before training ordered the trials.

use firebrick_core::engine::ZeroCost;

use crate::output::artifacts::Record;
use crate::study::BASELINE;

/// Trials from which on an order says anything.
const TRIALS_MIN: usize = 3;

/// Returns a line for each zero-cost metric and one for the number of parameters: the rank
/// correlation with the final validation accuracy over the finished trials, each point counted
/// once. Nothing where fewer than three trials are finished.
pub(super) fn lines(records: &[Record], metrics: &[ZeroCost]) -> Vec<String> {
    let names = metrics.iter().map(|metric| metric.name());
    let lines = names.chain([BASELINE]).filter_map(|name| {
        let (values, accuracies) = finished(records, name);
        let n_trials = values.len();
        (n_trials >= TRIALS_MIN).then(|| {
            let what = match spearman(&values, &accuracies) {
                Some(correlation) => format!("{correlation:.2}"),
                None => "undefined, all are equal".to_owned(),
            };
            let note = match name == BASELINE {
                true => " (what the others have to beat)",
                false => "",
            };
            format!("rank correlation of {name} with accuracy over {n_trials} trials: {what}{note}")
        })
    });
    match metrics.is_empty() {
        true => Vec::new(),
        false => lines.collect(),
    }
}

/// Returns a metric and the accuracy of the finished trials that have both.
fn finished(records: &[Record], name: &str) -> (Vec<f64>, Vec<f64>) {
    let is_finished = |record: &&Record| {
        let is_first = record.same_as.is_none();
        is_first && record.trial.values().is_some()
    };
    let pairs = records.iter().filter(is_finished).filter_map(|record| {
        let metric = |name| record.trial.metrics.get(name).copied();
        let (value, accuracy) = (metric(name)?, metric("accuracy")?);
        (!value.is_nan() && !accuracy.is_nan()).then_some((value, accuracy))
    });
    pairs.unzip()
}

/// Returns Spearman's rank correlation, equal values having the mean of their ranks; none where all
/// values of a side are equal.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 {
        let pairs = x.iter().zip(y);
        pairs.map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// Returns the rank of each value, counted from 1.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_orders_alike_correlates_by_one_whatever_the_distances() {
        let a = [1.0, 2.0, 300.0, f64::INFINITY];
        assert_eq!(spearman(&a, &[0.1, 0.2, 0.3, 0.4]), Some(1.0));
        assert_eq!(spearman(&a, &[0.4, 0.3, 0.2, 0.1]), Some(-1.0));
    }

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 9.0]), [2.5, 1.0, 2.5, 4.0]);
        // Of ranks 1.5, 1.5, 3 and 1, 2, 3: covariance 1.5, variances 1.5 and 2.
        let correlation = spearman(&[0.0, 0.0, 1.0], &[1.0, 2.0, 3.0]).unwrap();
        assert!((correlation - 1.5 / 3.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_constant_orders_nothing() {
        assert_eq!(spearman(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), None);
    }
}
