//! Trials in generations, and the parents that each generation leaves.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::strategy::{StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use rand::RngExt;
use rand::seq::index;

use crate::breeding::cross;
use crate::merit::Merit;
use crate::seen::{Seen, ask_each};

/// How often a child is bred again because it was seen, before a point is drawn at random.
const N_BROODS: usize = 32;

/// The most trials of a generation: selection takes the square of it.
const SIZE_MAX: usize = 10_000;

/// Chooses parents among trials, better ones first, by index.
///
/// The second number of each is its tier: in a tournament the lower tier wins. Chance comes from
/// the stream, which belongs to the generation.
pub(crate) type Survive = fn(merits: &[&Merit], n: usize, rng: &mut Stream) -> Vec<(usize, usize)>;

/// A genetic algorithm over generations of trials.
///
/// A generation is as many trials, in the order of their numbers, as there are parents; failed
/// trials do not count. When it is full, the next parents are chosen among it and the parents so
/// far. Trials do not wait for a generation to fill: children come from the last parents that
/// there are, so any number of trials may run at a time.
pub(crate) struct Generations {
    study: Study,
    size: usize,
    survive: Survive,
    seen: Seen,
    told: BTreeMap<u64, Member>,
    /// The generations that are full, in order.
    closed: Vec<Closed>,
}

struct Member {
    params: Params,
    merit: Merit,
}

struct Closed {
    /// The number of the last trial that belongs to the generation.
    last: u64,
    /// The parents that it leaves: trial number and tier.
    parents: Vec<(u64, usize)>,
}

impl Generations {
    /// Makes a genetic algorithm for a study.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if the study has no objective, [`StrategyError::Settings`] if the
    /// generations are too large or have a single trial.
    pub(crate) fn new(
        study: &Study,
        population_size: Option<NonZeroUsize>,
        survive: Survive,
    ) -> Result<Self, StrategyError> {
        let size = match population_size.map(NonZeroUsize::get) {
            None => size_for(study),
            Some(size) if (2..=SIZE_MAX).contains(&size) => size,
            Some(size) => {
                return Err(StrategyError::Settings(format!(
                    "`population_size` is {size}, expected 2 to {SIZE_MAX}"
                )));
            }
        };
        if study.directions.is_empty() {
            return Err(StrategyError::Other(
                "there is no objective to learn from".to_owned(),
            ));
        }
        Ok(Self {
            size,
            survive,
            seen: Seen::new(&study.space, study.seed),
            told: BTreeMap::new(),
            closed: Vec::new(),
            study: study.clone(),
        })
    }

    pub(crate) fn ask(&mut self, numbers: &[u64]) -> Vec<Params> {
        ask_each(
            self,
            numbers,
            |own| &mut own.seen,
            |own, number| own.propose(number),
        )
    }

    pub(crate) fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        for trial in trials {
            let merit = Merit::of(trial, &self.study.directions)?;
            let params = self.seen.tell(trial)?;
            let Some(merit) = merit else {
                continue;
            };
            self.told.insert(trial.number, Member { params, merit });
            // What was closed without a trial that belongs to it is closed anew.
            self.closed.retain(|closed| closed.last < trial.number);
        }
        self.close();
        Ok(())
    }

    /// Closes the generations that are full.
    fn close(&mut self) {
        loop {
            let (next, parents) = match self.closed.last() {
                None => (0, &[][..]),
                Some(closed) => (closed.last + 1, closed.parents.as_slice()),
            };
            let generation = self.told.range(next..).take(self.size);
            let generation: Vec<u64> = generation.map(|(number, _)| *number).collect();
            if generation.len() < self.size {
                return;
            }
            let last = generation[self.size - 1];
            let mut numbers: Vec<u64> = parents.iter().map(|(number, _)| *number).collect();
            numbers.extend(generation);
            let merits: Vec<&Merit> = numbers.iter().map(|n| &self.told[n].merit).collect();
            let idx = self.closed.len() as u64;
            let mut rng = stream(self.study.seed, Purpose::Strategy, idx);
            let chosen = (self.survive)(&merits, self.size, &mut rng);
            let parents = chosen.into_iter().map(|(idx, tier)| (numbers[idx], tier));
            let parents = parents.collect();
            self.closed.push(Closed { last, parents });
        }
    }

    fn propose(&self, number: u64) -> Option<Params> {
        if self.seen.is_exhausted(number) {
            return None;
        }
        let mut rng = stream(self.study.seed, Purpose::Propose, number);
        // Parents chosen with trials that came after this one are not for it.
        let earlier = self.closed.iter().rev().find(|c| c.last < number);
        if let Some(Closed { parents, .. }) = earlier {
            for _ in 0..N_BROODS {
                let child = self.breed(parents, &mut rng);
                if !self.seen.contains(&child, number) {
                    return Some(child);
                }
            }
        }
        self.seen.draw(number, &mut rng)
    }

    /// Returns a child of two parents, each the better one of two.
    fn breed(&self, parents: &[(u64, usize)], rng: &mut Stream) -> Params {
        let winners = [(); 2].map(|()| {
            let drawn = index::sample(rng, parents.len(), 2.min(parents.len()));
            let better = drawn.iter().map(|idx| parents[idx]).min_by_key(|p| p.1);
            better.map_or(parents[0].0, |(number, _)| number)
        });
        let mut params = winners.map(|number| &self.told[&number].params);
        // One child in ten is of one parent.
        if rng.random_bool(0.1) {
            params[1] = params[0];
        }
        cross(&self.study.space, params, rng)
    }
}

/// Returns how many trials a generation has: the more there are in all, the larger it is and the
/// more generations there are.
///
/// The square root of twice the number of trials, or of points if there are fewer: 200 trials make
/// 10 generations of 20, 10,000 make 70 of 142. Where the number is not known there are 50, as in
/// Optuna.
pub(crate) fn size_for(study: &Study) -> usize {
    let size = study.space.size().unwrap_or(u128::MAX);
    let Some(n_trials) = study.n_trials else {
        return 50;
    };
    let n_trials = u128::from(n_trials).min(size) as f64;
    let even = 2.0 * ((2.0 * n_trials).sqrt() / 2.0).ceil();
    (even as usize).clamp(8, 200)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use firebrick_core::space::Space;
    use firebrick_core::trial::Outcome;

    use super::*;
    use crate::tests::{complete, ordinal, study};

    /// Takes the trials of the least first objective.
    fn least(merits: &[&Merit], n: usize, _: &mut Stream) -> Vec<(usize, usize)> {
        let mut order: Vec<usize> = (0..merits.len()).collect();
        order.sort_by(|a, b| crate::merit::compare(merits[*a], merits[*b]));
        order
            .into_iter()
            .take(n)
            .enumerate()
            .map(|(tier, idx)| (idx, tier))
            .collect()
    }

    fn generations(size: usize) -> Generations {
        let choices: Vec<i64> = (0..100).collect();
        let parameters = ["a", "b", "c"].map(|name| ordinal(name, &choices));
        let space = Space::new(parameters.to_vec()).expect("well-formed");
        Generations::new(&study(space, 1, 0), NonZeroUsize::new(size), least).expect("made")
    }

    fn tell(generations: &mut Generations, number: u64, value: f64) {
        let params = generations.ask(&[number]).remove(0);
        generations
            .tell(&[complete(number, params, vec![value])])
            .expect("tells");
    }

    fn parents(generations: &Generations) -> Vec<u64> {
        let closed = generations.closed.last().expect("closed");
        closed.parents.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn a_full_generation_leaves_the_best_so_far() {
        let mut generations = generations(3);
        for (number, value) in (0..).zip([5.0, 1.0, 4.0, 3.0, 9.0]) {
            tell(&mut generations, number, value);
        }
        // The second one is not full.
        assert_eq!(parents(&generations), [1, 2, 0]);
        tell(&mut generations, 5, 2.0);
        assert_eq!(parents(&generations), [1, 5, 3]);
    }

    #[test]
    fn a_failed_trial_is_not_of_a_generation() {
        let mut generations = generations(3);
        tell(&mut generations, 0, 1.0);
        tell(&mut generations, 1, 2.0);
        let params = generations.ask(&[2]).remove(0);
        let reason = "for the test".to_owned();
        let mut failed = complete(2, params, Vec::new());
        failed.outcome = Outcome::Failed { reason };
        generations.tell(&[failed]).expect("tells");
        assert!(generations.closed.is_empty());
        tell(&mut generations, 3, 0.0);
        assert_eq!(parents(&generations), [3, 0, 1]);
    }

    #[test]
    fn a_late_trial_changes_the_generations_as_if_it_had_been_there() {
        let values = [5.0, 1.0, 4.0, 3.0, 9.0, 2.0];
        let mut in_order = generations(2);
        let mut late = generations(2);
        let mut trials = Vec::new();
        for (number, value) in (0..).zip(values) {
            let params = in_order.ask(&[number]).remove(0);
            trials.push(complete(number, params, vec![value]));
            in_order.tell(&trials[number as usize..]).expect("tells");
        }
        late.tell(&trials[2..]).expect("tells");
        late.tell(&trials[..2]).expect("tells");
        assert_eq!(late.ask(&[6]), in_order.ask(&[6]));
    }

    #[test]
    fn no_child_is_a_point_that_was_seen() {
        let space = Space::new(vec![
            ordinal("a", &[1, 2, 3, 4]),
            ordinal("b", &[1, 2, 3, 4]),
        ]);
        let study = study(space.expect("well-formed"), 1, 0);
        let mut generations = Generations::new(&study, NonZeroUsize::new(2), least).expect("made");
        for number in 0..16 {
            tell(&mut generations, number, number as f64);
        }
        let points: BTreeSet<&Params> = generations.told.values().map(|m| &m.params).collect();
        assert_eq!(points.len(), 16);
        assert!(generations.ask(&[16]).is_empty());
    }

    #[test]
    fn the_size_follows_the_budget() {
        let size = |n_trials, n_choices: i64| {
            let choices: Vec<i64> = (0..n_choices).collect();
            let space = Space::new(vec![ordinal("a", &choices)]).expect("well-formed");
            size_for(&Study {
                n_trials,
                ..study(space, 1, 0)
            })
        };
        assert_eq!(size(Some(200), 5000), 20);
        assert_eq!(size(Some(1000), 5000), 46);
        assert_eq!(size(Some(1), 5000), 8);
        assert_eq!(size(Some(1_000_000), 5000), 100);
        assert_eq!(size(Some(200), 50), 10);
        assert_eq!(size(None, 5000), 50);
    }
}
