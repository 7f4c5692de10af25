//! What `tests/pruners/make.py` wrote: Optuna's decisions and SciPy's p values.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::signed_rank::p_above_zero;
use super::*;

#[derive(Deserialize)]
struct Case {
    pruner: Pruner,
    max_epochs: usize,
    trials: Vec<GoldenTrial>,
}

#[derive(Deserialize)]
struct GoldenTrial {
    /// Which of Optuna's brackets it is in.
    bracket: usize,
    stopped_after: Option<usize>,
    values: Vec<Option<f64>>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../tests/pruners/decisions.json");
    serde_json::from_str(text).unwrap()
}

/// Gives trials numbers that put each into the bracket that Optuna drew for it.
struct Numbers {
    next: BTreeMap<usize, u64>,
}

impl Numbers {
    fn next(&mut self, pruner: &Pruner, max_epochs: usize, bracket: usize) -> u64 {
        let next = self.next.entry(bracket).or_default();
        let fits = |number: &u64| match pruner {
            Pruner::Hyperband(hyperband) => hyperband.brackets(max_epochs).of(*number) == bracket,
            _ => true,
        };
        let number = (*next..).find(fits).unwrap();
        *next = number + 1;
        number
    }
}

/// Trials one after another, as long as each is let; returns after how many epochs each is stopped.
fn replay(case: &Case) -> Vec<Option<usize>> {
    let mut numbers = Numbers {
        next: BTreeMap::new(),
    };
    let mut ended: Vec<(u64, Curve)> = Vec::new();
    let mut decisions = Vec::new();
    for trial in &case.trials {
        let number = numbers.next(&case.pruner, case.max_epochs, trial.bracket);
        let values = trial.values.iter();
        let mut points: Vec<Vec<f64>> = values.map(|v| vec![v.unwrap_or(f64::NAN)]).collect();
        let earlier = ended.iter();
        let earlier: Vec<Earlier<'_>> = earlier
            .map(|(number, curve)| Earlier {
                number: *number,
                curve,
            })
            .collect();
        let stopped_after = (1..=case.max_epochs).find(|epoch| {
            let running = Running {
                number,
                max_epochs: case.max_epochs,
                points: &points[..*epoch],
            };
            case.pruner.stops(&earlier, &running)
        });
        points.truncate(stopped_after.unwrap_or(case.max_epochs));
        ended.push((
            number,
            Curve {
                points,
                is_complete: stopped_after.is_none(),
            },
        ));
        decisions.push(stopped_after);
    }
    decisions
}

fn decides_as_optuna(name: &str) {
    let mut n_cases = 0;
    for case in cases().iter().filter(|case| case.pruner.name() == name) {
        let expected = case.trials.iter().map(|trial| trial.stopped_after);
        assert_eq!(
            replay(case),
            expected.collect::<Vec<_>>(),
            "{:?}",
            case.pruner
        );
        n_cases += 1;
    }
    assert!(n_cases >= 4);
}

#[test]
fn the_median_stops_what_optuna_stops() {
    decides_as_optuna("median");
}

#[test]
fn asha_stops_what_optuna_stops() {
    decides_as_optuna("asha");
}

#[test]
fn hyperband_stops_what_optuna_stops_in_each_bracket() {
    decides_as_optuna("hyperband");
}

#[test]
fn wilcoxon_stops_what_optuna_stops() {
    decides_as_optuna("wilcoxon");
}

#[derive(Deserialize)]
struct Test {
    differences: Vec<f64>,
    p: f64,
}

#[test]
fn p_values_are_those_of_scipy() {
    let text = include_str!("../../../tests/pruners/signed_rank.json");
    let tests: Vec<Test> = serde_json::from_str(text).unwrap();
    assert!(tests.len() > 70);
    for Test { differences, p } in tests {
        let found = p_above_zero(&differences);
        assert!(
            (found - p).abs() <= 1e-12 * p,
            "{found} for {p}: {differences:?}"
        );
    }
}
