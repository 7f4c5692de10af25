//! Runs of strategies on table problems, and their scores.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use firebrick_core::Json;
use firebrick_core::registry::{Make, Registration};
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::{Outcome, Trial};
use serde::Deserialize;
use serde_json::json;

use crate::problem::Problem;
use crate::score::{Scale, mean_and_error};

/// A run may spend so many trials for each evaluation: a strategy that repeats itself ends there.
const N_TRIALS_PER_EVALUATION: usize = 4;

/// What one run asked for: the row of the table, trial by trial.
#[derive(Debug, Deserialize)]
struct Run {
    problem: String,
    sampler: String,
    rows: Vec<usize>,
}

/// Returns the strategies of this package, or the one of a label: a label, the name, and settings.
pub(crate) fn strategies(only: Option<&str>) -> Vec<(String, &'static str, Json)> {
    // The plugin's crate links the strategies by itself; an example has to name one.
    black_box(firebrick_strategies::Tpe::new as *const ());
    let mut all = Vec::new();
    for item in Registration::of_package("firebrick-strategies") {
        if let Make::Strategy(_) = item.make {
            all.push((item.names[0].to_owned(), item.names[0], Json::Null));
        }
    }
    let univariate = json!({ "multivariate": false });
    all.push(("tpe univariate".to_owned(), "tpe", univariate));
    all.retain(|(label, _, _)| only.is_none_or(|only| only == label));
    all
}

/// Makes a strategy of this package by its name.
pub(crate) fn make(
    name: &str,
    settings: &Json,
    study: &Study,
) -> Result<Box<dyn Strategy>, StrategyError> {
    let items = Registration::of_package("firebrick-strategies");
    let item = items.iter().find(|item| item.names[0] == name);
    match item.map(|item| &item.make) {
        Some(Make::Strategy(make)) => make(study, settings),
        _ => Err(StrategyError::Other(format!("`{name}` is no strategy"))),
    }
}

/// Runs strategies on every problem and prints a line each.
pub(crate) fn run(problems: &[Problem], only: Option<&str>, n_seeds: u64) -> Result<(), String> {
    for problem in problems {
        let scale = Scale::new(problem);
        for (label, name, settings) in strategies(only) {
            let runs: Result<Vec<Vec<usize>>, StrategyError> = (0..n_seeds)
                .map(|seed| one_run(problem, name, &settings, seed))
                .collect();
            match runs {
                Ok(runs) => print_scores(problem, &scale, &label, &runs),
                Err(error) => eprintln!("skipped `{label}` on `{}`: {error}", problem.name),
            }
        }
    }
    Ok(())
}

/// Scores the runs of peers that are read from the input.
pub(crate) fn score_peers(problems: &[Problem]) -> Result<(), String> {
    let mut all: BTreeMap<(String, String), Vec<Vec<usize>>> = BTreeMap::new();
    for line in std::io::stdin().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let run: Run =
            serde_json::from_str(&line).map_err(|error| format!("`{line}` is no run: {error}"))?;
        all.entry((run.problem, run.sampler))
            .or_default()
            .push(run.rows);
    }
    for ((name, sampler), runs) in &all {
        let problem = problems.iter().find(|problem| problem.name == *name);
        let problem = problem.ok_or_else(|| format!("there is no problem `{name}`"))?;
        let row = runs.iter().flatten().max();
        if row.is_some_and(|row| *row >= problem.values.len()) {
            return Err(format!("`{name}` has no row {row:?}"));
        }
        print_scores(problem, &Scale::new(problem), sampler, runs);
    }
    Ok(())
}

/// Returns the rows that a strategy asked for. A point that comes again is answered from what was
/// measured: it is told, and costs no evaluation.
fn one_run(
    problem: &Problem,
    name: &str,
    settings: &Json,
    seed: u64,
) -> Result<Vec<usize>, StrategyError> {
    let budget = problem.marks()[2];
    let study = Study {
        space: problem.space.clone(),
        directions: problem.directions.clone(),
        seed,
        n_trials: Some(budget as u64),
    };
    let mut strategy = make(name, settings, &study)?;
    let mut evaluated = BTreeSet::new();
    let mut rows = Vec::new();
    while evaluated.len() < budget && rows.len() < budget * N_TRIALS_PER_EVALUATION {
        let number = rows.len() as u64;
        let Some(params) = strategy.ask(&[number])?.pop() else {
            break;
        };
        let row = problem.row(&params).ok_or_else(|| {
            StrategyError::Other(format!("{{{params}}} is no point of `{}`", problem.name))
        })?;
        evaluated.insert(row);
        rows.push(row);
        strategy.tell(&[Trial {
            number,
            params,
            outcome: Outcome::Complete {
                values: problem.values[row].clone(),
            },
            metrics: BTreeMap::new(),
            intermediate: Vec::new(),
        }])?;
    }
    Ok(rows)
}

/// Prints the scores of one sampler on one problem, over seeds.
///
/// They are counted in two ways: after so many trials, a repeated point being a trial as any other,
/// and after so many evaluations, a repeated point costing none.
fn print_scores(problem: &Problem, scale: &Scale<'_>, sampler: &str, runs: &[Vec<usize>]) {
    let distinct: Vec<Vec<usize>> = runs.iter().map(|rows| without_repeats(rows)).collect();
    let n_repeated: usize = runs
        .iter()
        .zip(&distinct)
        .map(|(a, b)| a.len() - b.len())
        .sum();
    let n_trials: usize = runs.iter().map(Vec::len).sum();
    for mark in problem.marks() {
        let scores = |runs: &[Vec<usize>]| -> Vec<f64> {
            let runs = runs.iter();
            runs.map(|rows| scale.score(&rows[..mark.min(rows.len())]))
                .collect()
        };
        let (by_trials, by_evaluations) = (scores(runs), scores(&distinct));
        let line = json!({
            "problem": problem.name,
            "sampler": sampler,
            "n_objectives": problem.directions.len(),
            "mark": mark,
            "by_trials": mean_and_error(&by_trials),
            "by_evaluations": mean_and_error(&by_evaluations),
            "repeated": n_repeated as f64 / n_trials as f64,
            "seeds_by_trials": by_trials,
            "seeds_by_evaluations": by_evaluations,
        });
        println!("{line}");
    }
}

fn without_repeats(rows: &[usize]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    rows.iter()
        .copied()
        .filter(|row| seen.insert(*row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_point_costs_no_evaluation() {
        assert_eq!(without_repeats(&[3, 1, 3, 2, 1, 4]), [3, 1, 2, 4]);
    }
}
