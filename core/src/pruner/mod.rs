//! Early stopping: which trials are not worth the rest of their epochs.

mod asha;
mod hopeless;
mod hyperband;
mod median;
mod signed_rank;
mod wilcoxon;

pub use asha::Asha;
pub use hyperband::Hyperband;
pub use median::Median;
pub use wilcoxon::Wilcoxon;

use serde::{Deserialize, Serialize};

/// The objectives of a trial after each of its epochs, turned so that less is better.
///
/// What is known before training (the number of parameters) is the same after every epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// One point an epoch. The last one of a complete curve is what the trial came to.
    pub points: Vec<Vec<f64>>,
    /// Whether training went on to its end.
    pub is_complete: bool,
}

/// A trial that ended, as one that is running is compared with it.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The number of the trial.
    pub number: u64,
    /// How it went.
    pub curve: &'a Curve,
}

/// A trial after one of its epochs.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// The number of the trial.
    pub number: u64,
    /// How many epochs it has if nobody stops it.
    pub max_epochs: usize,
    /// Its objectives after each epoch that it had, as in [`Curve::points`].
    pub points: &'a [Vec<f64>],
}

/// Decides after each epoch whether a trial goes on.
///
/// With several objectives the rule for one says when a trial is looked at and which trials it is
/// compared with. It ends when it can't be expected to come onto the front any more: when a trial
/// that was trained to its end dominates what this one would reach if, from this epoch on, it
/// gained as much in each objective as any complete trial has gained. What is known before
/// training gains nothing, so that it counts as it is.
///
/// A decision depends on what it is given and on nothing else. A caller that gives the trials of
/// earlier batches, and never those that run beside, stops the same trials whatever the number of
/// jobs.
///
/// # Example
/// ```
/// use firebrick_core::pruner::{Curve, Earlier, Median, Pruner, Running};
///
/// let pruner = Pruner::Median(Median { n_startup_trials: 1, ..Median::DEFAULT });
/// let curve = Curve { points: vec![vec![1.0], vec![0.5]], is_complete: true };
/// let earlier = [Earlier { number: 0, curve: &curve }];
/// let stops = |value: f64| {
///     pruner.stops(&earlier, &Running { number: 1, max_epochs: 2, points: &[vec![value]] })
/// };
/// assert!(stops(1.1));
/// assert!(!stops(0.9));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Pruner {
    /// Stops what is behind the median at the same epoch.
    Median(Median),
    /// Asynchronous successive halving: lets the best go on from each rung.
    Asha(Asha),
    /// Successive halving whose first rung is another one for some trials than for others.
    Hyperband(Hyperband),
    /// Stops what is behind the best at almost every epoch.
    Wilcoxon(Wilcoxon),
}

impl Pruner {
    /// Every pruner, with the settings that it has where none are given.
    pub const ALL: [Self; 4] = [
        Self::Median(Median::DEFAULT),
        Self::Asha(Asha::DEFAULT),
        Self::Hyperband(Hyperband::DEFAULT),
        Self::Wilcoxon(Wilcoxon::DEFAULT),
    ];

    /// Returns the name in study files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Median(_) => "median",
            Self::Asha(_) => "asha",
            Self::Hyperband(_) => "hyperband",
            Self::Wilcoxon(_) => "wilcoxon",
        }
    }

    /// Returns whether a trial ends after the epochs that it has had; after its last one it is
    /// never stopped.
    ///
    /// `earlier` are the trials that ended. A point with a NaN is never better than another.
    pub fn stops(&self, earlier: &[Earlier<'_>], trial: &Running<'_>) -> bool {
        let points = trial.points;
        let Some(now) = points.last().filter(|_| points.len() < trial.max_epochs) else {
            return false;
        };
        if !self.looks(earlier, trial) {
            return false;
        }
        let compared = self.compared(earlier, trial);
        match self {
            _ if now.len() > 1 => hopeless::is_hopeless(&compared, points),
            Self::Median(_) => median::stops(&compared, points),
            Self::Asha(asha) => asha.stops(&compared, points),
            Self::Hyperband(hyperband) => hyperband.asha(trial).stops(&compared, points),
            Self::Wilcoxon(wilcoxon) => wilcoxon.stops(&compared, points),
        }
    }

    /// Returns the first epoch after which a trial with so many objectives may be stopped, if
    /// there is one.
    pub fn first_look(&self, n_objectives: usize) -> Option<usize> {
        match self {
            Self::Median(median) => median.n_warmup_epochs.checked_add(1),
            Self::Asha(asha) => Some(asha.min_epochs),
            Self::Hyperband(hyperband) => Some(hyperband.min_epochs),
            Self::Wilcoxon(wilcoxon) => wilcoxon.first_look(n_objectives),
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
            Self::Asha(Asha {
                min_epochs,
                reduction_factor,
            })
            | Self::Hyperband(Hyperband {
                min_epochs,
                reduction_factor,
            }) => {
                at_least("min_epochs", *min_epochs, 1)?;
                at_least("reduction_factor", *reduction_factor, 2)
            }
            Self::Wilcoxon(wilcoxon) => {
                let p = wilcoxon.p_threshold;
                if !(p > 0.0 && p <= 1.0) {
                    let reason = format!("must be above 0 and at most 1, is {p}");
                    return Err(("p_threshold", reason));
                }
                at_least("n_startup_epochs", wilcoxon.n_startup_epochs, 2)
            }
        }
    }

    /// Returns whether a trial is looked at after the epochs that it has had.
    fn looks(&self, earlier: &[Earlier<'_>], trial: &Running<'_>) -> bool {
        let epoch = trial.points.len();
        match self {
            Self::Median(median) => median.looks(earlier, epoch),
            Self::Asha(asha) => asha.looks(epoch),
            Self::Hyperband(hyperband) => hyperband.asha(trial).looks(epoch),
            Self::Wilcoxon(wilcoxon) => wilcoxon.looks(epoch),
        }
    }

    /// Returns the curves of the trials that one is compared with.
    fn compared<'a>(&self, earlier: &[Earlier<'a>], trial: &Running<'_>) -> Vec<&'a Curve> {
        let curves = |earlier: &Earlier<'a>| earlier.curve;
        match self {
            Self::Hyperband(hyperband) => {
                let brackets = hyperband.brackets(trial.max_epochs);
                let own = brackets.of(trial.number);
                let rivals = earlier.iter().filter(|one| brackets.of(one.number) == own);
                rivals.map(curves).collect()
            }
            Self::Median(_) | Self::Asha(_) | Self::Wilcoxon(_) => {
                earlier.iter().map(curves).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
