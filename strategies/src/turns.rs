//! Points that come one after the other, each in the turn that is its own.

use std::collections::{BTreeMap, BTreeSet};

use firebrick_core::space::Space;
use firebrick_core::value::Params;

use crate::order::Order;

/// Distinct canonical points, each with a turn.
pub(crate) enum Points {
    /// Every point of a finite space, in a seeded order that is computed, not stored.
    Shuffled(Space, Order),
    /// These, in their order.
    Listed(Vec<Params>),
}

impl Points {
    fn n(&self) -> u128 {
        match self {
            Self::Shuffled(_, order) => order.size(),
            Self::Listed(points) => points.len() as u128,
        }
    }

    fn at(&self, turn: u128) -> Option<Params> {
        match self {
            Self::Shuffled(space, order) => space.point(order.at(turn)?),
            Self::Listed(points) => points.get(usize::try_from(turn).ok()?).cloned(),
        }
    }
}

/// Which trial gets which point: trial n the n-th one, whatever other trials gave.
///
/// A trial that is told and was not proposed here takes the turn of its number, and the point whose
/// turn it was comes after all others, unless it was told in such a way too. The point of such a
/// trial keeps its own turn.
pub(crate) struct Turns {
    points: Points,
    /// The points of trials that were not proposed here, and the points that lost their turn to
    /// them, by trial number. Empty as long as every trial is one of ours.
    foreign: BTreeSet<Params>,
    missed: BTreeMap<u64, Params>,
}

impl Turns {
    /// Makes the turns of some points.
    pub(crate) fn new(points: Points) -> Self {
        Self {
            points,
            foreign: BTreeSet::new(),
            missed: BTreeMap::new(),
        }
    }

    /// Returns how many points there are.
    #[cfg(test)]
    pub(crate) fn n_points(&self) -> u128 {
        self.points.n()
    }

    /// Returns the point whose turn a trial number is; `None` after the last one.
    pub(crate) fn of(&self, number: u64) -> Option<Params> {
        let turn = u128::from(number);
        let Some(late) = turn.checked_sub(self.points.n()) else {
            return self.points.at(turn);
        };
        let mut left = self
            .missed
            .values()
            .filter(|params| !self.foreign.contains(*params));
        left.nth(usize::try_from(late).ok()?).cloned()
    }

    /// Returns the points of as many of the trial numbers, from the first, as have one.
    pub(crate) fn ask(&self, numbers: &[u64]) -> Vec<Params> {
        numbers.iter().map_while(|n| self.of(*n)).collect()
    }

    /// Notes the canonical params of a finished trial.
    pub(crate) fn tell(&mut self, number: u64, params: Params) {
        let turn = self.of(number);
        if turn.as_ref() == Some(&params) {
            return;
        }
        if let Some(missed) = turn {
            self.missed.insert(number, missed);
        }
        self.foreign.insert(params);
    }
}
