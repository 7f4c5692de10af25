//! Every point of a finite space.

use std::collections::{BTreeMap, BTreeSet};

use firebrick_core::register_strategy;
use firebrick_core::space::Space;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::seen::canonical;

/// Evaluates every point of a finite space exactly once, in an order that the seed decides.
///
/// A parameter that exists only under a condition counts where it exists, so no two trials train
/// the same network twice. The study ends when every point had its turn. The order is computed,
/// not stored: a space of a trillion points starts at once, and trial n gets the n-th point
/// whatever other trials gave.
///
/// A trial that is told and was not proposed here takes the turn of its number, and the point whose
/// turn it was comes after all others, unless it was told in such a way too. The point of such a
/// trial keeps its own turn.
///
/// # Source
/// Exhaustive search; the order is a Feistel permutation of the points' numbers (Black and
/// Rogaway, CT-RSA 2002). Differs from Optuna's `BruteForceSampler`, which keeps a tree of all
/// points tried: the cost of a proposal does not grow with the number of trials, and parallel
/// trials never get the same point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BruteSettings {}

register_strategy!("brute", "bruteforce", "brute-force"; BruteSettings => Brute::new);

/// The strategy `brute`; see [`BruteSettings`].
pub struct Brute {
    space: Space,
    order: Order,
    /// The points of trials that were not proposed here, and the points that lost their turn to
    /// them, by trial number. Empty as long as every trial is one of ours.
    foreign: BTreeSet<Params>,
    missed: BTreeMap<u64, Params>,
}

impl Brute {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// As [`Study::n_points`]: every point must be counted.
    pub fn new(study: &Study, _: BruteSettings) -> Result<Self, StrategyError> {
        Ok(Self {
            space: study.space.clone(),
            order: Order::new(study.n_points()?, study.seed),
            foreign: BTreeSet::new(),
            missed: BTreeMap::new(),
        })
    }

    /// Returns the point whose turn a trial number is.
    fn turn(&self, number: u64) -> Option<Params> {
        let place = u128::from(number);
        let late = place.checked_sub(self.order.size());
        let Some(late) = late else {
            return self.space.point(self.order.at(place)?);
        };
        let mut left = self
            .missed
            .values()
            .filter(|params| !self.foreign.contains(*params));
        left.nth(usize::try_from(late).ok()?).cloned()
    }
}

impl Strategy for Brute {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(numbers.iter().map_while(|n| self.turn(*n)).collect())
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        for trial in trials {
            let params = canonical(&self.space, trial)?;
            let turn = self.turn(trial.number);
            if turn.as_ref() == Some(&params) {
                continue;
            }
            if let Some(missed) = turn {
                self.missed.insert(trial.number, missed);
            }
            self.foreign.insert(params);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::space::{Domain, Parameter};

    use super::*;
    use crate::tests::{complete, ordinal, parameter, study};

    fn brute(parameters: Vec<Parameter>, seed: u64) -> Result<Brute, StrategyError> {
        let space = Space::new(parameters).expect("well-formed");
        Brute::new(&study(space, 1, seed), BruteSettings {})
    }

    fn grid(n_parameters: usize, n_choices: i64) -> Vec<Parameter> {
        let choices: Vec<i64> = (0..n_choices).collect();
        let names = (0..n_parameters).map(|n| format!("p{n}"));
        names.map(|name| ordinal(&name, &choices)).collect()
    }

    #[test]
    fn the_order_depends_on_the_seed_alone() {
        let order = |seed| {
            let mut brute = brute(grid(2, 6), seed).expect("finite");
            brute.ask(&(0..36).collect::<Vec<u64>>()).expect("asks")
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn an_answer_depends_on_the_trial_number_alone() {
        let mut whole = brute(grid(2, 6), 3).expect("finite");
        let all = whole.ask(&(0..36).collect::<Vec<u64>>()).expect("asks");
        let mut fresh = brute(grid(2, 6), 3).expect("finite");
        assert_eq!(
            fresh.ask(&[35, 0]).expect("asks"),
            [all[35].clone(), all[0].clone()]
        );
    }

    #[test]
    fn a_trillion_points_start_at_once() {
        // 12 parameters of 10 choices; visiting or storing them would take hours.
        let mut brute = brute(grid(12, 10), 0).expect("finite");
        assert_eq!(brute.order.size(), 1_000_000_000_000);
        let points = brute
            .ask(&[0, 1, 999_999_999_999, 1_000_000_000_000])
            .expect("asks");
        assert_eq!(points.len(), 3);
    }

    #[test]
    fn a_foreign_trial_takes_a_turn_and_no_point_is_lost() {
        let mut brute = brute(grid(2, 3), 0).expect("finite");
        let order = brute.ask(&(0..9).collect::<Vec<u64>>()).expect("asks");
        // Trial 2 was told with the point of turn 5, so that of turn 2 comes at the end.
        let tell = |brute: &mut Brute, number: u64, params: &Params| {
            brute
                .tell(&[complete(number, params.clone(), vec![0.0])])
                .expect("tells");
        };
        tell(&mut brute, 2, &order[5]);
        assert_eq!(
            brute.ask(&[3, 5]).expect("asks"),
            [order[3].clone(), order[5].clone()]
        );
        assert_eq!(brute.ask(&[9, 10]).expect("asks"), [order[2].clone()]);
        // Unless that point was told in such a way as well.
        tell(&mut brute, 3, &order[2]);
        assert_eq!(brute.ask(&[9, 10]).expect("asks"), [order[3].clone()]);
    }

    #[test]
    fn a_continuous_parameter_is_refused_by_name() {
        let mut parameters = grid(1, 2);
        let float = Domain::Float {
            low: 0.0,
            high: 1.0,
            step: None,
            log: false,
        };
        parameters.push(parameter("rate", float));
        let error = brute(parameters, 0).err().expect("refused");
        assert_eq!(
            error.to_string(),
            "parameter `rate` is continuous: trying every point needs a `step`"
        );
    }

    #[test]
    fn more_points_than_can_be_counted_are_refused() {
        let error = brute(grid(130, 2), 0).err().expect("refused");
        assert_eq!(error.to_string(), "the space has more than 2^128 points");
    }
}
