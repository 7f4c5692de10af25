//! Behind the best at almost every epoch.

use serde::{Deserialize, Serialize};

use super::Curve;
use super::signed_rank::p_above_zero;

/// Stops a trial that has been behind the best complete one at almost every epoch so far.
///
/// The values of both after the same epochs are paired, and the signed-rank test says how likely
/// the trial would be as far behind if it were ahead and behind by chance. Below `p_threshold` it
/// ends, unless the mean of its values is at least as good as the mean of the best's. A trial that
/// ended with NaN is never the best, and where a value of either is not finite the trial is left
/// alone.
///
/// **The pairs are epochs, and epochs are not repetitions**: the values of one training follow from
/// one another. So the p value is no rate of error; it says how consistently one curve lies behind
/// another, and by the default of 0.1 four epochs behind in a row are enough (`1/2^4`). It is meant
/// for values that scatter from epoch to epoch around what they are going to be, as where
/// candidates start from a trained base or formats are tuned after training, and for short
/// trainings of much the same pace. A trial that starts slowly and would win late is stopped.
///
/// With several objectives trials are looked at from `n_startup_epochs` on, and `p_threshold` says
/// nothing.
///
/// # Source
/// Optuna's `WilcoxonPruner`, whose settings these are (`n_startup_steps` is `n_startup_epochs`).
/// Differs: Optuna's pairs are problems, folds or questions, which a trial may take in any order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wilcoxon {
    /// The p value below which a trial ends: above 0 and at most 1.
    pub p_threshold: f64,
    /// After how many epochs trials are looked at for the first time, at least 2.
    pub n_startup_epochs: usize,
}

impl Default for Wilcoxon {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Wilcoxon {
    /// The settings that Optuna has where none are given.
    pub const DEFAULT: Self = Self {
        p_threshold: 0.1,
        n_startup_epochs: 2,
    };

    /// Returns the first epoch after which a trial may be stopped.
    ///
    /// One that was behind at each of `n` epochs has a p value of `1/2^n`, and nothing has a lower
    /// one.
    pub(super) fn first_look(&self, n_objectives: usize) -> Option<usize> {
        let startup = self.n_startup_epochs.max(2);
        let is_low = |epochs: &i32| 0.5_f64.powi(*epochs) < self.p_threshold;
        match n_objectives {
            // `f64` has no lower positive number than 1/2^1074.
            1 => (0..=1075)
                .find(is_low)
                .map(|epochs| startup.max(epochs as usize)),
            _ => Some(startup),
        }
    }

    /// Returns whether trials are looked at after so many epochs.
    pub(super) fn looks(&self, epoch: usize) -> bool {
        epoch >= self.n_startup_epochs.max(2)
    }

    /// Returns whether a trial is behind the best complete one.
    pub(super) fn stops(&self, earlier: &[&Curve], points: &[Vec<f64>]) -> bool {
        let complete = earlier.iter().filter(|curve| curve.is_complete);
        let ends = complete
            .filter_map(|curve| Some((curve, curve.points.last()?[0])))
            .filter(|(_, end)| !end.is_nan());
        // The first of equals.
        let Some((best, _)) = ends.min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
            return false;
        };
        let (values, best) = (first_objective(points), first_objective(&best.points));
        let mut all = values.iter().chain(&best);
        if all.any(|value| !value.is_finite()) {
            return false;
        }
        let pairs = values.iter().zip(&best);
        let behind: Vec<f64> = pairs.map(|(value, best)| value - best).collect();
        // The best may have had fewer epochs.
        behind.len() >= self.n_startup_epochs.max(2)
            && mean(&values) > mean(&best)
            && p_above_zero(&behind) < self.p_threshold
    }
}

fn first_objective(points: &[Vec<f64>]) -> Vec<f64> {
    points.iter().map(|point| point[0]).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
