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
    #[cfg(test)]
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
/// A trial that is told and was not proposed here takes the turn of its number, and its point does
/// not come again. So the turn that was that point's gets the point whose turn was taken; what is
/// left of those comes after all others.
pub(crate) struct Turns {
    points: Points,
    /// The points that were told for another number than the one whose turn they are, and the
    /// points whose turn was taken so, by trial number. Empty as long as every trial has its own.
    foreign: BTreeSet<Params>,
    missed: BTreeMap<u64, Params>,
    /// What was proposed in place of another point and not told yet, by trial number.
    pending: BTreeMap<u64, Params>,
}

impl Turns {
    /// Makes the turns of some points.
    pub(crate) fn new(points: Points) -> Self {
        Self {
            points,
            foreign: BTreeSet::new(),
            missed: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Returns how many points there are.
    #[cfg(test)]
    pub(crate) fn n_points(&self) -> u128 {
        self.points.n()
    }

    /// Returns how many points are kept.
    #[cfg(test)]
    pub(crate) fn n_stored(&self) -> usize {
        self.foreign.len() + self.missed.len() + self.pending.len()
    }

    /// Returns the points of as many of the trial numbers, from the first, as have one.
    pub(crate) fn ask(&mut self, numbers: &[u64]) -> Vec<Params> {
        numbers.iter().map_while(|n| self.of(*n)).collect()
    }

    /// Notes the canonical params of a finished trial.
    pub(crate) fn tell(&mut self, number: u64, params: Params) {
        self.pending.remove(&number);
        let turn = self.points.at(u128::from(number));
        if turn.as_ref() == Some(&params) {
            return;
        }
        if let Some(missed) = turn {
            self.missed.insert(number, missed);
        }
        self.foreign.insert(params);
    }

    /// Returns the point of a trial number; `None` after the last one.
    fn of(&mut self, number: u64) -> Option<Params> {
        let turn = self.points.at(u128::from(number));
        let is_free = turn.as_ref().is_some_and(|own| !self.foreign.contains(own));
        if is_free {
            return turn;
        }
        let missed = self.missed.values().find(|params| {
            let mut earlier = self.pending.range(..number);
            !self.foreign.contains(*params) && !earlier.any(|(_, other)| other == *params)
        });
        let Some(missed) = missed.cloned() else {
            // Where a turn is left without a missed point, a number after the last turn was told
            // with its point: then that one comes again, rather than ending the study too early.
            return turn;
        };
        self.pending.insert(number, missed.clone());
        Some(missed)
    }
}
