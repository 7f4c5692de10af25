//! Early stopping: which trials are not worth the rest of their epochs.

mod asha;
mod hopeless;
mod median;

pub use asha::Asha;
pub use median::Median;

use serde::{Deserialize, Serialize};

/// The objectives of a trial after each of its epochs, turned so that less is better.
///
/// What is known before training (the number of parameters) is the same after every epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// One point an epoch.
    pub points: Vec<Vec<f64>>,
    /// Whether training went on to its end.
    pub is_complete: bool,
}

/// Decides after each epoch whether a trial goes on.
///
/// With several objectives, whatever the rule for one, a trial ends when it can't be expected to
/// come onto the front any more: when a trial that was trained to its end dominates what this one
/// would reach if, from this epoch on, it gained as much in each objective as any complete trial
/// has gained.
///
/// A decision depends on the curves that it is given and on nothing else. A caller that gives the
/// trials of earlier batches, and never those that run beside, stops the same trials whatever the
/// number of jobs.
///
/// # Example
/// ```
/// use firebrick_core::pruner::{Curve, Median, Pruner};
///
/// let pruner = Pruner::Median(Median { n_startup_trials: 1, ..Median::DEFAULT });
/// let earlier = Curve { points: vec![vec![1.0], vec![0.5]], is_complete: true };
/// assert!(pruner.stops(&[&earlier], &[vec![1.1]]));
/// assert!(!pruner.stops(&[&earlier], &[vec![0.9]]));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Pruner {
    /// Below the median at the same epoch.
    Median(Median),
    /// Asynchronous successive halving.
    Asha(Asha),
}

impl Pruner {
    /// The names of all pruners.
    pub const NAMES: [&'static str; 2] = ["asha", "median"];

    /// Returns whether a trial ends after the epochs that it has had, one point each.
    ///
    /// `earlier` are the curves of trials that ended. A point with a NaN is never better than
    /// another.
    pub fn stops(&self, earlier: &[&Curve], points: &[Vec<f64>]) -> bool {
        let Some(now) = points.last() else {
            return false;
        };
        match (now.len(), self) {
            (1, Self::Median(median)) => median.stops(earlier, points),
            (1, Self::Asha(asha)) => asha.stops(earlier, points),
            (_, Self::Median(median)) => {
                median.looks(earlier, points.len()) && hopeless::is_hopeless(earlier, points)
            }
            (_, Self::Asha(asha)) => {
                asha.looks(points.len()) && hopeless::is_hopeless(earlier, points)
            }
        }
    }

    /// Returns what makes no sense about the settings: the name of the key and the reason.
    ///
    /// # Errors
    /// The first key that is out of range.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let at_least = |key, value: usize, least: usize| match value < least {
            true => Err((key, format!("must be at least {least}, is {value}"))),
            false => Ok(()),
        };
        match self {
            Self::Median(median) => at_least("interval_epochs", median.interval_epochs, 1),
            Self::Asha(asha) => {
                at_least("min_epochs", asha.min_epochs, 1)?;
                at_least("reduction_factor", asha.reduction_factor, 2)
            }
        }
    }
}

/// Returns the only objective of a point, NaN as the worst.
fn single(point: &[f64]) -> f64 {
    if point[0].is_nan() {
        f64::INFINITY
    } else {
        point[0]
    }
}

#[cfg(test)]
mod tests;
