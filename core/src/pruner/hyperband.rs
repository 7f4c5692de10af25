//! Successive halving with several first rungs.

use serde::{Deserialize, Serialize};

use super::{Asha, Running};

/// Spreads trials over brackets of successive halving, each with a later first rung than the one
/// before.
///
/// A single successive halving has to choose between many trials that are judged early and few that
/// are judged late. Here bracket `b` of `n` is an [`Asha`] whose first rung is at `min_epochs *
/// reduction_factor^b`, and a trial is compared with those of its own bracket only. There are as
/// many brackets as first rungs that training reaches: `n` is the largest number with `min_epochs *
/// reduction_factor^(n - 1) <= max_epochs`. Where the first rung of the last bracket is the end of
/// training, its trials are never stopped.
///
/// With `s = n - 1 - b`, bracket `b` has a share of `ceil(n * reduction_factor^s / (s + 1))` trials
/// in the sum of all shares. Which one a trial is in follows from its number alone: the shares are
/// laid end to end on `[0, 1)`, and trial `i` falls where the fractional part of `i * 0.618...`,
/// the golden ratio, is. So any run of numbers is spread in proportion to the shares, and brackets
/// have no period that one of a strategy's proposals could fall together with.
///
/// # Source
/// Li et al., "Hyperband", JMLR 18 (2018), algorithm 1, in the asynchronous form of Optuna's
/// `HyperbandPruner`, whose shares and settings these are. Differs: Optuna draws brackets by the
/// CRC-32 of the study's name and the trial's number, which leaves short searches uneven; its
/// samplers are shown the trials of one bracket, ours all of them; and it counts brackets with a
/// logarithm that rounds down too far for 3^5 = 243 epochs, where it misses the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hyperband {
    /// The epochs that every trial gets, the first rung of the first bracket.
    pub min_epochs: usize,
    /// How many times more epochs each rung and each bracket takes, and one in how many goes on.
    pub reduction_factor: usize,
}

impl Default for Hyperband {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The fractional part of the golden ratio, of `2^64`.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hyperband {
    /// The settings that Optuna has where none are given.
    pub const DEFAULT: Self = Self {
        min_epochs: 1,
        reduction_factor: 3,
    };

    /// Returns the brackets of trials that have so many epochs.
    pub(super) fn brackets(&self, max_epochs: usize) -> Brackets {
        let factor = self.reduction_factor.max(2);
        let mut rung = self.min_epochs.max(1);
        let mut powers = vec![1_u128];
        while let Some(next) = rung.checked_mul(factor).filter(|next| *next <= max_epochs) {
            rung = next;
            powers.push(powers[powers.len() - 1] * factor as u128);
        }
        let n_brackets = powers.len() as u128;
        let (mut ends, mut end) = (Vec::new(), 0);
        for (s, power) in powers.into_iter().enumerate().rev() {
            end += (n_brackets * power).div_ceil(s as u128 + 1);
            ends.push(end);
        }
        Brackets { ends }
    }

    /// Returns the successive halving of a trial's bracket.
    pub(super) fn asha(&self, trial: &Running<'_>) -> Asha {
        let factor = self.reduction_factor.max(2);
        let mut min_epochs = self.min_epochs.max(1);
        for _ in 0..self.brackets(trial.max_epochs).of(trial.number) {
            min_epochs = min_epochs.saturating_mul(factor);
        }
        Asha {
            min_epochs,
            reduction_factor: factor,
        }
    }
}

/// Which bracket each trial is in.
pub(super) struct Brackets {
    /// The sum of the shares up to each bracket.
    ends: Vec<u128>,
}

impl Brackets {
    /// Returns how many trials each bracket gets of as many as there are in all of them.
    #[cfg(test)]
    pub(super) fn shares(&self) -> Vec<u128> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let shares = starts.zip(&self.ends).map(|(start, end)| end - start);
        shares.collect()
    }

    /// Returns the bracket of a trial, from 0, by its number.
    pub(super) fn of(&self, number: u64) -> usize {
        let total = self.ends.last().copied().unwrap_or(0);
        // 32 bits are enough to place a trial, and the product stays within 128.
        let fraction = number.wrapping_mul(GOLDEN) >> 32;
        let place = (u128::from(fraction) * total) >> 32;
        self.ends.iter().take_while(|end| **end <= place).count()
    }
}
