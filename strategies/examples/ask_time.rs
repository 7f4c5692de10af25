//! Prints how long one `ask` takes: `cargo run -p firebrick-strategies --example ask_time`.
//!
//! One line a case, as JSON: strategy, parameters, objectives, trials told and microseconds a
//! proposal, the median of several after the same trials.

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

#[path = "samplers/spaces.rs"]
mod spaces;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use firebrick_core::Json;
use firebrick_core::objective::Direction;
use firebrick_core::registry::{Make, Registration};
use firebrick_core::space::{Domain, Space};
use firebrick_core::strategy::Study;
use firebrick_core::trial::{Outcome, Trial};
use serde_json::json;
use spaces::{mixed, space};

const N_ASKS: u64 = 51;

fn main() {
    // The plugin's crate links the strategies by itself; an example has to name one.
    black_box(firebrick_strategies::Tpe::new as *const ());
    for (n_parameters, n_trials) in [(6, 100), (20, 100), (6, 1000), (20, 1000)] {
        for (name, n_objectives) in [("random", 1), ("brute", 1), ("tpe", 1), ("tpe", 2)] {
            // Every point of real intervals can't be tried.
            let space = if name == "brute" {
                whole(n_parameters)
            } else {
                mixed(n_parameters)
            };
            let space = space.expect("the space is well-formed");
            let ask_us = ask_us(name, space, n_objectives, n_trials);
            let line = json!({
                "strategy": name, "n_parameters": n_parameters, "n_objectives": n_objectives,
                "n_trials": n_trials, "ask_us": ask_us,
            });
            println!("{line}");
        }
    }
}

/// Returns the median time of asking for one trial, in microseconds.
fn ask_us(name: &str, space: Space, n_objectives: usize, n_trials: u64) -> f64 {
    let study = Study {
        space,
        directions: vec![Direction::Minimize; n_objectives],
        seed: 0,
        n_trials: None,
    };
    let items = Registration::of_package("firebrick-strategies");
    let item = items
        .iter()
        .find(|item| item.names[0] == name)
        .expect("registered");
    let Make::Strategy(make) = item.make else {
        panic!("`{name}` is no strategy");
    };
    let random = items
        .iter()
        .find(|item| item.names[0] == "random")
        .expect("registered");
    let Make::Strategy(make_random) = random.make else {
        panic!("`random` is no strategy");
    };
    let numbers: Vec<u64> = (0..n_trials).collect();
    let mut told = make_random(&study, &Json::Null).expect("any space will do");
    let points = told.ask(&numbers).expect("there are enough points");
    let mut strategy = make(&study, &Json::Null).expect("the space fits");
    for (number, params) in numbers.into_iter().zip(points) {
        let cost: f64 = params
            .iter()
            .map(|(_, value)| value.as_f64().unwrap_or(0.5))
            .sum();
        let values = [cost, -cost * (1.0 + (number % 7) as f64)];
        let outcome = Outcome::Complete {
            values: values[..n_objectives].to_vec(),
        };
        let trial = Trial {
            number,
            params,
            outcome,
            metrics: BTreeMap::new(),
            intermediate: Vec::new(),
        };
        strategy.tell(&[trial]).expect("the trial fits");
    }
    let mut times: Vec<f64> = (0..N_ASKS)
        .map(|idx| {
            // Told again, so that every ask pays for what the last trial changes.
            let last = strategy
                .ask(&[n_trials + idx])
                .expect("asks")
                .pop()
                .expect("not exhausted");
            let outcome = Outcome::Complete {
                values: vec![1.0; n_objectives],
            };
            let trial = Trial {
                number: n_trials + idx,
                params: last,
                outcome,
                metrics: BTreeMap::new(),
                intermediate: Vec::new(),
            };
            let start = Instant::now();
            strategy.tell(&[trial]).expect("the trial fits");
            black_box(strategy.ask(&[n_trials + idx + 1]).expect("asks"));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn whole(n_parameters: usize) -> Result<Space, String> {
    let domain = Domain::Int {
        low: 1,
        high: 32,
        step: 1,
        log: false,
    };
    space(vec![domain; n_parameters])
}
