//! What every strategy must hold.

mod spaces;

use std::collections::{BTreeMap, BTreeSet};

use crate::objective::Direction;
use crate::strategy::{Strategy, StrategyError, Study};
use crate::trial::{Outcome, Trial};
use crate::value::Params;
use spaces::spaces;

/// How many trials a checked study has, if its space has so many points.
const N_TRIALS: u64 = 30;
/// How many trials are asked for at once.
const BATCH: u64 = 4;

/// Checks a strategy on small studies: categorical, ordinal, whole, real and conditional
/// parameters, one point and more than 2^64 points, one objective and two, with and without a
/// known number of trials.
///
/// `make` makes the strategy for a study, with the settings that are to be checked. It may refuse
/// a space with [`StrategyError::Space`], naming the parameter that it can't handle, or a number of
/// objectives with [`StrategyError::Objectives`].
///
/// Held to be true:
/// - Proposals are canonical points of the space, at most one for each number asked.
/// - The answer to a number depends on the study, the trials told and the numbers asked before it
///   and not told yet: asking again, asking another instance, or asking for more numbers in the
///   same call does not change it. Nor does whether trials were told in one call or in many.
/// - An answer that is shorter than asked stays so: afterwards there is nothing.
/// - Failed, pruned and infeasible trials, huge values, points that someone else proposed and
///   trials told late are taken without an error.
///
/// Points may come twice; [`check_strategy_without_repeats`] is for strategies that never do that.
///
/// # Panics
/// If a promise is broken, with a message that says which one and in which study.
///
/// # Example
/// ```
/// use firebrick_core::random::{Purpose, stream};
/// use firebrick_core::strategy::{Strategy, StrategyError, Study};
/// use firebrick_core::testing::check_strategy;
/// use firebrick_core::{trial::Trial, value::Params};
///
/// struct Draw(Study);
///
/// impl Strategy for Draw {
///     fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
///         let rng = |number: &u64| stream(self.0.seed, Purpose::Propose, *number);
///         Ok(numbers.iter().map(|n| self.0.space.sample(&mut rng(n))).collect())
///     }
///     fn tell(&mut self, _: &[Trial]) -> Result<(), StrategyError> {
///         Ok(())
///     }
/// }
///
/// check_strategy(|study| Ok(Box::new(Draw(study.clone()))));
/// ```
pub fn check_strategy(make: impl Fn(&Study) -> Result<Box<dyn Strategy>, StrategyError>) {
    for case in cases() {
        let Some(mut live) = case.made(&make) else {
            continue;
        };
        let trials = case.run(live.as_mut(), &make);
        let mut again = case.made(&make).unwrap_or_else(|| {
            panic!("{case}: the strategy was made once and is refused the second time")
        });
        let repeated = case.run(again.as_mut(), &make);
        assert_eq!(
            repeated, trials,
            "{case}: the same study gives the same proposals"
        );
        case.check_late_and_foreign_trials(&make, &trials);
    }
}

/// Checks a strategy as [`check_strategy`] does, and that it proposes every point of a finite
/// space exactly once and then nothing: also where some points were told that it did not propose,
/// as those of an earlier study are, which it leaves out.
///
/// # Panics
/// If a promise is broken, with a message that says which one and in which study.
pub fn check_strategy_without_repeats(
    make: impl Fn(&Study) -> Result<Box<dyn Strategy>, StrategyError>,
) {
    check_strategy(&make);
    for case in cases() {
        let Some(size) = case.study.space.size().filter(|size| *size <= 100) else {
            continue;
        };
        let size = size as u64;
        // Nothing, some points and all are told first; or someone else has a part now and then.
        let first_ones = (0..size.min(3)).collect();
        let others = (0..size).filter(|n| n % 4 == 2).collect();
        for foreign in [Vec::new(), first_ones, (0..size).collect(), others] {
            case.check_without_repeats(&make, size, &foreign);
        }
    }
}

/// A study under check.
struct Case {
    name: &'static str,
    study: Study,
}

impl std::fmt::Display for Case {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.study.directions.len();
        write!(formatter, "{} space, {n} objective(s)", self.name)
    }
}

impl Case {
    fn made<M>(&self, make: M) -> Option<Box<dyn Strategy>>
    where
        M: Fn(&Study) -> Result<Box<dyn Strategy>, StrategyError>,
    {
        match make(&self.study) {
            Ok(strategy) => Some(strategy),
            Err(StrategyError::Space { parameter, .. }) => {
                let known = self.study.space.parameter(&parameter).is_some();
                assert!(
                    known,
                    "{self}: the refusal names `{parameter}`, which is not in the space"
                );
                None
            }
            Err(StrategyError::Objectives { found, .. }) => {
                let n = self.study.directions.len();
                assert_eq!(found, n, "{self}: the refusal counts the objectives");
                None
            }
            Err(error) => panic!("{self}: the strategy can't be made: {error}"),
        }
    }

    /// Runs a study to its end, checking every answer against other ways to ask for it.
    fn run<M>(&self, strategy: &mut dyn Strategy, make: M) -> Vec<Trial>
    where
        M: Fn(&Study) -> Result<Box<dyn Strategy>, StrategyError>,
    {
        let mut trials: Vec<Trial> = Vec::new();
        for first in (0..N_TRIALS).step_by(BATCH as usize) {
            let numbers: Vec<u64> = (first..first + BATCH).collect();
            let answer = self.ask(strategy, &numbers);
            let again = self.ask(strategy, &numbers);
            assert_eq!(again, answer, "{self}: asking again gives the same answer");

            let replayed = || self.made(&make);
            if let Some(mut fresh) = replayed() {
                self.tell(fresh.as_mut(), &trials);
                let one = self.ask(fresh.as_mut(), &numbers[..1]);
                let n_one = answer.len().min(1);
                assert_eq!(
                    one,
                    answer[..n_one],
                    "{self}: numbers after it do not change the answer to trial {first}"
                );
            }
            if let Some(mut fresh) = replayed() {
                for trial in &trials {
                    self.tell(fresh.as_mut(), std::slice::from_ref(trial));
                }
                let replay = self.ask(fresh.as_mut(), &numbers);
                assert_eq!(
                    replay, answer,
                    "{self}: a resumed study goes on as it would have"
                );
            }

            let exhausted = answer.len() < numbers.len();
            let proposed = numbers.iter().zip(answer);
            let finished: Vec<Trial> = proposed
                .map(|(number, params)| self.finished(*number, params))
                .collect();
            self.tell(strategy, &finished);
            trials.extend(finished);
            if exhausted {
                for later in [first + BATCH, first + 3 * BATCH] {
                    let more = self.ask(strategy, &[later]);
                    assert!(more.is_empty(), "{self}: a short answer is the end");
                }
                break;
            }
        }
        trials
    }

    /// Runs a study to its end, in which the trials of some numbers are not the strategy's own, and
    /// checks that every point comes once.
    fn check_without_repeats<M>(&self, make: M, size: u64, foreign: &[u64])
    where
        M: Fn(&Study) -> Result<Box<dyn Strategy>, StrategyError>,
    {
        let Some(mut strategy) = self.made(make) else {
            return;
        };
        let n_foreign = foreign.len();
        let told = format!("{self}, {n_foreign} trials of someone else");
        let mut points = BTreeSet::new();
        let mut number = 0;
        while number <= size {
            let is_foreign = foreign.contains(&number);
            let batch = number..number + if is_foreign { 1 } else { BATCH };
            let numbers: Vec<u64> = batch
                .take_while(|n| foreign.contains(n) == is_foreign)
                .collect();
            number += numbers.len() as u64;
            let asked = match is_foreign {
                true => self.others_point(&points).into_iter().collect(),
                false => self.ask(strategy.as_mut(), &numbers),
            };
            let mut trials = Vec::new();
            for (number, params) in numbers.iter().zip(asked) {
                assert!(
                    points.insert(params.clone()),
                    "{told}: {{{params}}} comes twice"
                );
                trials.push(self.finished(*number, params));
            }
            self.tell(strategy.as_mut(), &trials);
        }
        assert_eq!(points.len() as u64, size, "{told}: every point comes once");
        let more = self.ask(strategy.as_mut(), &[size + BATCH]);
        assert!(
            more.is_empty(),
            "{told}: nothing is proposed after the last point"
        );
    }

    /// Returns the last point of the space that is not among some.
    fn others_point(&self, points: &BTreeSet<Params>) -> Option<Params> {
        let size = self.study.space.size()?;
        let mut all = (0..size)
            .rev()
            .filter_map(|idx| self.study.space.point(idx));
        all.find(|params| !points.contains(params))
    }

    /// Tells trials while others are out, and trials that the strategy never proposed.
    fn check_late_and_foreign_trials<M>(&self, make: M, trials: &[Trial])
    where
        M: Fn(&Study) -> Result<Box<dyn Strategy>, StrategyError>,
    {
        let Some(mut strategy) = self.made(&make) else {
            return;
        };
        if let Some(last) = trials.last() {
            let queued = self.finished(0, last.params.clone());
            self.tell(strategy.as_mut(), &[queued]);
        }
        let mut out: Vec<Trial> = Vec::new();
        for number in 1..N_TRIALS {
            for params in self.ask(strategy.as_mut(), &[number]) {
                out.push(self.finished(number, params));
            }
            if out.len() > 3 {
                self.tell(strategy.as_mut(), &[out.remove(0)]);
            }
        }
        self.tell(strategy.as_mut(), &out);
        self.ask(strategy.as_mut(), &[N_TRIALS]);
    }

    fn ask(&self, strategy: &mut dyn Strategy, numbers: &[u64]) -> Vec<Params> {
        let answer = strategy
            .ask(numbers)
            .unwrap_or_else(|error| panic!("{self}: asking for trials {numbers:?}: {error}"));
        assert!(
            answer.len() <= numbers.len(),
            "{self}: {} proposals for {} trials",
            answer.len(),
            numbers.len()
        );
        for params in &answer {
            match self.study.space.canonical(params) {
                Ok(canonical) => {
                    assert_eq!(params, &canonical, "{self}: proposals are canonical");
                }
                Err(error) => panic!("{self}: {{{params}}} is outside the space: {error}"),
            }
        }
        answer
    }

    fn tell(&self, strategy: &mut dyn Strategy, trials: &[Trial]) {
        if let Err(error) = strategy.tell(trials) {
            let numbers: Vec<u64> = trials.iter().map(|trial| trial.number).collect();
            panic!("{self}: telling trials {numbers:?}: {error}");
        }
    }

    /// Returns how a trial would end: every outcome comes up, and values from tame to huge.
    fn finished(&self, number: u64, params: Params) -> Trial {
        let reason = "for the check".to_owned();
        let steps = (0..number % 3).map(|step| (step, number as f64 - step as f64));
        let outcome = match number % 8 {
            2 => Outcome::Failed { reason },
            4 => Outcome::Pruned { step: number % 3 },
            6 => Outcome::Infeasible {
                reason,
                violation: (number % 16 == 6).then_some(number as f64),
            },
            7 => Outcome::Complete {
                values: self.values(|idx| [1e300, -1e300][idx % 2]),
            },
            _ => {
                let scale = params
                    .iter()
                    .map(|(_, value)| value.as_f64().unwrap_or(1.0))
                    .sum();
                let tilt = |idx: usize| {
                    if idx == 0 {
                        scale
                    } else {
                        number as f64 - scale
                    }
                };
                Outcome::Complete {
                    values: self.values(tilt),
                }
            }
        };
        let metrics = BTreeMap::new();
        Trial {
            number,
            params,
            outcome,
            metrics,
            intermediate: steps.collect(),
        }
    }

    fn values(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..self.study.directions.len()).map(value).collect()
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (seed, (name, space)) in (0..).zip(spaces()) {
        for directions in [
            vec![Direction::Maximize],
            vec![Direction::Maximize, Direction::Minimize],
        ] {
            let n_trials = (directions.len() == 1).then_some(N_TRIALS);
            let space = space.clone();
            let study = Study {
                space,
                directions,
                seed,
                n_trials,
            };
            cases.push(Case { name, study });
        }
    }
    cases
}

#[cfg(test)]
mod tests;
