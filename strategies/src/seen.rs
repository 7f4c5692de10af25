//! The points that a study has proposed or was told.

use std::collections::BTreeMap;

use firebrick_core::random::Stream;
use firebrick_core::space::Space;
use firebrick_core::strategy::StrategyError;
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use rand::RngExt;

use crate::order::Order;

/// How often a point is drawn before the space is walked for one that was not seen.
const N_DRAWS: usize = 16;

/// The canonical params that were proposed or told, and what is still out.
///
/// Every question is asked for a trial number: what was proposed for that number or a later one
/// does not count, so asking for a number again gives the same answer.
pub(crate) struct Seen {
    space: Space,
    /// The order in which a finite space is walked; `None` for an infinite one.
    order: Option<Order>,
    points: BTreeMap<Params, Origin>,
    pending: BTreeMap<u64, Params>,
}

/// Proposes for trials one after the other, each knowing what was proposed before it, until there is
/// nothing left.
pub(crate) fn ask_each<S>(
    strategy: &mut S,
    numbers: &[u64],
    seen: fn(&mut S) -> &mut Seen,
    propose: impl Fn(&mut S, u64) -> Option<Params>,
) -> Vec<Params> {
    let proposals = numbers.iter().map_while(|number| {
        let params = propose(strategy, *number)?;
        seen(strategy).propose(*number, params.clone());
        Some(params)
    });
    proposals.collect()
}

/// Why a point is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Told,
    /// It was proposed, first for this trial number, and not told yet.
    Proposed(u64),
}

impl Seen {
    /// Makes the set for a space, without any point.
    pub(crate) fn new(space: &Space, seed: u64) -> Self {
        Self {
            space: space.clone(),
            order: space.size().map(|size| Order::new(size, seed)),
            points: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Notes the proposal for a trial, in place of an earlier one for the same trial.
    pub(crate) fn propose(&mut self, number: u64, params: Params) {
        self.forget(number);
        let origin = self
            .points
            .entry(params.clone())
            .or_insert(Origin::Proposed(number));
        if let Origin::Proposed(first) = origin {
            *first = number.min(*first);
        }
        self.pending.insert(number, params);
    }

    /// Notes a finished trial and returns its canonical params.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if its params do not belong to the space.
    pub(crate) fn tell(&mut self, trial: &Trial) -> Result<Params, StrategyError> {
        let params = canonical(&self.space, trial)?;
        self.forget(trial.number);
        self.points.insert(params.clone(), Origin::Told);
        Ok(params)
    }

    /// Returns the proposals for trials before `number` that were not told yet, by number.
    pub(crate) fn pending(&self, number: u64) -> impl Iterator<Item = (u64, &Params)> {
        self.pending
            .range(..number)
            .map(|(number, params)| (*number, params))
    }

    /// Returns whether a point was told, or proposed for a trial before `number`.
    pub(crate) fn contains(&self, params: &Params, number: u64) -> bool {
        match self.points.get(params) {
            None => false,
            Some(Origin::Told) => true,
            Some(Origin::Proposed(first)) => *first < number,
        }
    }

    /// Returns whether every point of a finite space is seen.
    pub(crate) fn is_exhausted(&self, number: u64) -> bool {
        let Some(order) = &self.order else {
            return false;
        };
        let later = self
            .pending
            .range(number..)
            .filter(|(later, params)| self.points.get(*params) == Some(&Origin::Proposed(**later)));
        (self.points.len() - later.count()) as u128 >= order.size()
    }

    /// Draws a point that is not seen; `None` if there is none left.
    ///
    /// In an infinite space a point that is seen may come, when every draw was one.
    pub(crate) fn draw(&self, number: u64, rng: &mut Stream) -> Option<Params> {
        if self.is_exhausted(number) {
            return None;
        }
        for _ in 0..N_DRAWS {
            let params = self.space.sample(rng);
            if !self.contains(&params, number) {
                return Some(params);
            }
        }
        let Some(order) = &self.order else {
            return Some(self.space.sample(rng));
        };
        // Every step of the walk is another point, so it takes at most one step more than there
        // are points seen, however large the space is.
        let start = rng.random_range(0..order.size());
        let places = (start..order.size()).chain(0..start);
        places
            .filter_map(|place| self.space.point(order.at(place)?))
            .find(|params| !self.contains(params, number))
    }

    fn forget(&mut self, number: u64) {
        let Some(params) = self.pending.remove(&number) else {
            return;
        };
        if self.points.get(&params) != Some(&Origin::Proposed(number)) {
            return;
        }
        let next = self.pending.iter().find(|(_, other)| **other == params);
        match next {
            Some((next, _)) => self.points.insert(params, Origin::Proposed(*next)),
            None => self.points.remove(&params),
        };
    }
}

/// Returns the canonical params of a trial.
///
/// # Errors
/// [`StrategyError::Other`] if they do not belong to the space.
pub(crate) fn canonical(space: &Space, trial: &Trial) -> Result<Params, StrategyError> {
    space.canonical(&trial.params).map_err(|error| {
        let number = trial.number;
        StrategyError::Other(format!("trial {number} is not of this space: {error}"))
    })
}
