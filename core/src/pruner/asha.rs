//! Asynchronous successive halving.

use serde::{Deserialize, Serialize};

use super::Curve;

/// Lets the best of every `reduction_factor` trials go on from each rung.
///
/// Rungs are at `min_epochs`, `min_epochs * reduction_factor`, and so on. A trial that reaches one
/// goes on if it is among the best `1 / reduction_factor` of the trials that reached it, itself
/// counted; the best goes on in any case, and NaN in none.
///
/// # Source
/// Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2, in
/// the form that stops rather than promotes (Optuna's `SuccessiveHalvingPruner`, whose settings
/// these are). Differs: Optuna takes the first rung from the first complete trial where none is
/// given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asha {
    /// The epochs that every trial gets, the first rung.
    pub min_epochs: usize,
    /// How many times more epochs each rung takes, and one in how many goes on.
    pub reduction_factor: usize,
}

impl Default for Asha {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Asha {
    /// The settings that Optuna has where none are given.
    pub const DEFAULT: Self = Self {
        min_epochs: 1,
        reduction_factor: 4,
    };

    /// Returns whether there is a rung after so many epochs.
    pub(super) fn looks(&self, epoch: usize) -> bool {
        let mut rung = self.min_epochs.max(1);
        while rung < epoch {
            rung = rung.saturating_mul(self.reduction_factor.max(2));
        }
        rung == epoch
    }

    /// Returns whether a trial is none of the best that go on from the rung that it reached.
    pub(super) fn stops(&self, earlier: &[&Curve], points: &[Vec<f64>]) -> bool {
        let epoch = points.len();
        let now = points[epoch - 1][0];
        let there = earlier
            .iter()
            .filter_map(|curve| curve.points.get(epoch - 1));
        let values: Vec<f64> = there
            .map(|point| point[0])
            .filter(|value| !value.is_nan())
            .collect();
        let n_better = values.iter().filter(|value| **value < now).count();
        let n_to_go_on = ((values.len() + 1) / self.reduction_factor.max(2)).max(1);
        now.is_nan() || n_better >= n_to_go_on
    }
}
