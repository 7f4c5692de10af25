//! Every point of a finite space.

use firebrick_core::register_strategy;
use firebrick_core::space::Space;
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::seen::canonical;
use crate::turns::{Points, Turns};

/// Evaluates every point of a finite space exactly once, in an order that the seed decides.
///
/// A parameter that exists only under a condition counts where it exists, so no two trials train
/// the same network twice. The study ends when every point had its turn. The order is computed,
/// not stored: a space of a trillion points starts at once, and trial n gets the n-th point
/// whatever other trials gave.
///
/// A trial that is told and was not proposed here takes the turn of its number, and its point does
/// not come again: the turn that was that point's gets the point whose turn was taken. Such trials
/// are all that is stored.
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
    turns: Turns,
}

impl Brute {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// As [`Study::n_points`]: every point must be counted.
    pub fn new(study: &Study, _: BruteSettings) -> Result<Self, StrategyError> {
        let n_points = study.n_points()?;
        let space = study.space.clone();
        let order = Order::new(n_points, study.seed);
        Ok(Self {
            turns: Turns::new(Points::Shuffled(space.clone(), order)),
            space,
        })
    }
}

impl Strategy for Brute {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(self.turns.ask(numbers))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        for trial in trials {
            let params = canonical(&self.space, trial)?;
            self.turns.tell(trial.number, params);
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
        assert_eq!(brute.turns.n_points(), 1_000_000_000_000);
        let points = brute
            .ask(&[0, 1, 999_999_999_999, 1_000_000_000_000])
            .expect("asks");
        assert_eq!(points.len(), 3);
    }

    #[test]
    fn a_foreign_trial_takes_a_turn_and_its_point_does_not_come_again() {
        let mut brute = brute(grid(2, 3), 0).expect("finite");
        let order = brute.ask(&(0..9).collect::<Vec<u64>>()).expect("asks");
        let tell = |brute: &mut Brute, number: u64, params: &Params| {
            brute
                .tell(&[complete(number, params.clone(), vec![0.0])])
                .expect("tells");
        };
        // Trial 2 was told with the point of turn 5, so that turn gets the point of trial 2.
        tell(&mut brute, 2, &order[5]);
        assert_eq!(
            brute.ask(&[3, 5]).expect("asks"),
            [order[3].clone(), order[2].clone()]
        );
        // Unless that point was told in such a way as well.
        tell(&mut brute, 3, &order[2]);
        assert_eq!(brute.ask(&[5]).expect("asks"), [order[3].clone()]);
        tell(&mut brute, 5, &order[3]);
        assert!(brute.ask(&[9]).expect("asks").is_empty());
    }

    #[test]
    fn a_point_that_is_told_twice_costs_no_other_point() {
        let mut brute = brute(grid(2, 3), 0).expect("finite");
        let order = brute.ask(&(0..9).collect::<Vec<u64>>()).expect("asks");
        for (number, point) in [(0, 0), (1, 0), (2, 2)] {
            let trial = complete(number, order[point].clone(), vec![0.0]);
            brute.tell(&[trial]).expect("tells");
        }
        let numbers: Vec<u64> = (3..12).collect();
        let mut expected = order[3..].to_vec();
        expected.push(order[1].clone());
        assert_eq!(brute.ask(&numbers).expect("asks"), expected);
    }

    #[test]
    fn trials_of_its_own_are_not_stored() {
        let mut brute = brute(grid(12, 10), 0).expect("finite");
        for number in 0..100 {
            let params = brute.ask(&[number]).expect("asks").remove(0);
            brute
                .tell(&[complete(number, params, vec![0.0])])
                .expect("tells");
        }
        assert_eq!(brute.turns.n_stored(), 0);
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
    fn the_points_of_vgg7_are_512_and_then_there_are_none() {
        let mut brute = brute(grid(9, 2), 0).expect("finite");
        let n_points = (0..513).map(|n| brute.ask(&[n]).expect("asks").len());
        assert_eq!(n_points.sum::<usize>(), 512);
    }

    #[test]
    fn more_points_than_can_be_counted_are_refused() {
        let error = brute(grid(130, 2), 0).err().expect("refused");
        assert_eq!(error.to_string(), "the space has more than 2^128 points");
    }
}
