//! Behind the median.

use serde::{Deserialize, Serialize};

use super::{Curve, Earlier};

/// Stops a trial whose best value so far is worse than the median of complete trials at the same
/// epoch.
///
/// # Source
/// Golovin et al., "Google Vizier", KDD 2017, section 3.5.2, with the settings of Optuna's
/// `MedianPruner`. Differs: Vizier compares with running averages, Optuna with the values at the
/// epoch, as here. Optuna counts epochs as they are reported; here the first is its step 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Median {
    /// How many trials must have been trained to their end before one is stopped.
    pub n_startup_trials: usize,
    /// How many epochs no trial is looked at.
    pub n_warmup_epochs: usize,
    /// Every how many epochs, from then on, trials are looked at.
    pub interval_epochs: usize,
}

impl Default for Median {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Median {
    /// The settings that Optuna has where none are given.
    pub const DEFAULT: Self = Self {
        n_startup_trials: 5,
        n_warmup_epochs: 0,
        interval_epochs: 1,
    };

    /// Returns whether trials are looked at after so many epochs.
    pub(super) fn looks(&self, earlier: &[Earlier<'_>], epoch: usize) -> bool {
        let complete = earlier.iter().filter(|one| one.curve.is_complete);
        let after_warmup = epoch
            .checked_sub(self.n_warmup_epochs)
            .and_then(|after| after.checked_sub(1));
        complete.count() >= self.n_startup_trials.max(1)
            && after_warmup.is_some_and(|after| after.is_multiple_of(self.interval_epochs.max(1)))
    }
}

/// Returns whether the best of a trial's values is above the median of complete trials now.
pub(super) fn stops(earlier: &[&Curve], points: &[Vec<f64>]) -> bool {
    let complete = earlier.iter().filter(|curve| curve.is_complete);
    let there = complete.filter_map(|curve| curve.points.get(points.len() - 1));
    let mut values: Vec<f64> = there
        .map(|point| point[0])
        .filter(|value| !value.is_nan())
        .collect();
    values.sort_by(f64::total_cmp);
    // A NaN is left out as long as there is a number.
    let best = points.iter().map(|point| point[0]).fold(f64::NAN, f64::min);
    best.is_nan() || median(&values).is_some_and(|median| best > median)
}

/// Returns the middle of ascending values, halfway between two where their number is even.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        0 => Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper)),
        _ => Some(upper),
    }
}
