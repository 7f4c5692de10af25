//! The CPU time of asking for a trial.

use std::collections::{BTreeMap, BTreeSet};

use cpu_time::ThreadTime;
use firebrick_core::objective::Direction;
use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::strategy::{StrategyError, Study};
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::{Params, Value};
use serde_json::json;

use crate::run::{make, strategies};
use crate::spaces::{mixed, space};

/// How often a case is measured; the median counts.
const N_ROUNDS: usize = 7;

/// A kind of space, with its name.
type Kind = (&'static str, fn(usize) -> Result<Space, String>);

const MIXED: Kind = ("mixed", mixed);
const WIDE: Kind = ("wide", wide);

/// What is timed: the kind of space, the numbers of parameters and of objectives.
const CASES: [(Kind, usize, usize); 6] = [
    (MIXED, 6, 1),
    (MIXED, 6, 2),
    (MIXED, 20, 1),
    (MIXED, 20, 2),
    (WIDE, 6, 1),
    (WIDE, 20, 1),
];

/// Prints the time of asking and telling for every strategy, number of trials and case, and of the
/// whole of a space of 512 points by `brute`.
pub(crate) fn speed(only: Option<&str>) -> Result<(), String> {
    for (label, name, settings) in strategies(only) {
        for n_trials in [100, 1_000, 10_000] {
            for ((kind, make_space), n_parameters, n_objectives) in CASES {
                let study = Study {
                    space: make_space(n_parameters)?,
                    directions: vec![Direction::Minimize; n_objectives],
                    seed: 0,
                    n_trials: Some(2 * n_trials),
                };
                let ms = make(name, &settings, &study)
                    .and_then(|strategy| ask_ms(strategy, &study, n_trials));
                match ms {
                    Ok(ms) => println!(
                        "{}",
                        json!({
                            "sampler": label, "space": kind, "n_trials": n_trials,
                            "n_parameters": n_parameters, "n_objectives": n_objectives,
                            "ask_ms": ms,
                        })
                    ),
                    Err(error) => {
                        eprintln!("skipped the speed of `{label}` ({kind}): {error}");
                    }
                }
            }
        }
    }
    match only {
        None | Some("brute") => brute(),
        Some(_) => Ok(()),
    }
}

/// Half each of whole numbers from 1 to 1,000 and logarithmic whole numbers from 1 to 1,024.
fn wide(n_parameters: usize) -> Result<Space, String> {
    let domain = |idx: usize| {
        let log = idx % 2 == 1;
        Domain::Int {
            low: 1,
            high: if log { 1024 } else { 1000 },
            step: 1,
            log,
        }
    };
    space((0..n_parameters).map(domain).collect())
}

/// Returns the CPU time of an ask and the tell that follows it, after some trials at random points.
fn ask_ms(
    mut strategy: Box<dyn firebrick_core::strategy::Strategy>,
    study: &Study,
    n_trials: u64,
) -> Result<f64, StrategyError> {
    let mut random = make("random", &serde_json::Value::Null, study)?;
    let numbers: Vec<u64> = (0..n_trials).collect();
    let points = random.ask(&numbers)?;
    let n_objectives = study.directions.len();
    let told: Vec<Trial> = numbers
        .into_iter()
        .zip(points)
        .map(|(number, params)| finished(&study.space, number, params, n_objectives))
        .collect();
    strategy.tell(&told)?;
    let mut number = n_trials;
    let n_asks = (n_trials / 20).clamp(1, 50);
    let mut times = Vec::new();
    for _ in 0..=N_ROUNDS {
        let start = ThreadTime::now();
        for _ in 0..n_asks {
            let Some(params) = strategy.ask(&[number])?.pop() else {
                return Err(StrategyError::Other("the space is used up".to_owned()));
            };
            strategy.tell(&[finished(&study.space, number, params, n_objectives)])?;
            number += 1;
        }
        times.push(start.elapsed().as_secs_f64() * 1e3 / n_asks as f64);
    }
    // The first round pays for what is made once.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Returns a finished trial whose objectives are near to opposite corners of the space.
fn finished(space: &Space, number: u64, params: Params, n_objectives: usize) -> Trial {
    let coordinate = |parameter: &Parameter| match (&parameter.domain, params.get(&parameter.name))
    {
        (Domain::Float { .. }, Some(value)) => value
            .as_f64()
            .map_or(0.0, |value| 1.0 + value.log10() / 5.0),
        (domain, Some(value)) => {
            let last = domain.size().unwrap_or(2).saturating_sub(1) as f64;
            domain.index(value).map_or(0.0, |idx| idx as f64 / last)
        }
        (_, None) => 0.0,
    };
    let corners = [0.25, 0.75].map(|corner: f64| {
        let parameters = space.parameters().iter();
        parameters
            .map(|parameter| (coordinate(parameter) - corner).powi(2))
            .sum()
    });
    Trial {
        number,
        outcome: Outcome::Complete {
            values: corners[..n_objectives].to_vec(),
        },
        params,
        metrics: BTreeMap::new(),
        intermediate: Vec::new(),
    }
}

/// Prints how long `brute` takes for all points of the space of VGG7: 2 * 4^4 = 512.
fn brute() -> Result<(), String> {
    let choices = |n: i64| Domain::Ordinal {
        choices: (0..n).map(Value::Int).collect(),
    };
    let space = space([2, 4, 4, 4, 4].map(choices).to_vec())?;
    let study = Study {
        space,
        directions: vec![Direction::Minimize],
        seed: 0,
        n_trials: None,
    };
    let all = || -> Result<(f64, usize, usize), StrategyError> {
        let mut strategy = make("brute", &serde_json::Value::Null, &study)?;
        let mut proposals = Vec::new();
        let start = ThreadTime::now();
        while let Some(params) = strategy.ask(&[proposals.len() as u64])?.pop() {
            let number = proposals.len() as u64;
            proposals.push(params.clone());
            strategy.tell(&[finished(&study.space, number, params, 1)])?;
        }
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let distinct: BTreeSet<&Params> = proposals.iter().collect();
        Ok((ms, proposals.len(), distinct.len()))
    };
    let (ms, n_proposed, n_distinct) = all().map_err(|error| error.to_string())?;
    let line = json!({
        "brute_ms": ms, "n_proposed": n_proposed, "n_distinct": n_distinct,
    });
    println!("{line}");
    Ok(())
}
