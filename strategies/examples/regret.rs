//! Prints how near strategies come to the best of measured tables:
//! `cargo run -p firebrick-strategies --example regret -- FOLDER`.
//!
//! The folder has `hwnas201.csv` and `hpolib_protein_structure.csv`. One line a case, as JSON: the
//! mean over 20 seeds and its standard error. With one objective it is the regret after 100 trials,
//! 0 being the best of the table and 1 its median; with two, the hypervolume after 200 trials as a
//! part of that of the exact front, from a reference 10 % of the range beyond the worst values.

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use firebrick_core::Json;
use firebrick_core::front::{hypervolume, pareto_front};
use firebrick_core::objective::Direction;
use firebrick_core::registry::{Make, Registration};
use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::strategy::{Strategy, Study};
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::{Params, Value};
use serde_json::json;

const N_SEEDS: u64 = 20;

/// A table: costs of every point, by the number that its digits make.
struct Table {
    name: &'static str,
    space: Space,
    costs: Vec<Vec<f64>>,
}

fn main() {
    // The plugin's crate links the strategies by itself; an example has to name one.
    black_box(firebrick_strategies::Tpe::new as *const ());
    let folder = std::env::args()
        .nth(1)
        .expect("the folder of the tables is given");
    let nas = "hwnas201.csv";
    let edges = [5; 6];
    let layers = [2, 2, 4, 3, 3, 6, 2, 6, 6];
    let protein = "hpolib_protein_structure.csv";
    let read = |name, file: &str, sizes: &[i64], ordered: &[usize], columns: &[(usize, f64)]| {
        Table::read(
            name,
            &Path::new(&folder).join(file),
            sizes,
            ordered,
            columns,
        )
    };
    let tables = [
        read("nas201 c100", nas, &edges, &[], &[(2, -1.0)]),
        read("fcnet protein, choices", protein, &layers, &[], &[(2, 1.0)]),
        read(
            "fcnet protein, ordered",
            protein,
            &layers,
            &[2, 3, 4, 5, 7, 8],
            &[(2, 1.0)],
        ),
        read(
            "nas201 c100 and fpga",
            nas,
            &edges,
            &[],
            &[(2, -1.0), (6, 1.0)],
        ),
        read(
            "nas201 in16 and eyeriss",
            nas,
            &edges,
            &[],
            &[(3, -1.0), (7, 1.0)],
        ),
    ];
    for table in &tables {
        let strategies = [
            ("random", json!({})),
            ("tpe", json!({})),
            ("tpe", json!({ "multivariate": false })),
        ];
        for (strategy, settings) in strategies {
            let scores: Vec<f64> = (0..N_SEEDS)
                .map(|seed| table.score(strategy, &settings, seed))
                .collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
            let error = (squares / (scores.len() as f64 - 1.0) / scores.len() as f64).sqrt();
            let line = json!({
                "table": table.name, "strategy": strategy, "settings": settings,
                "mean": mean, "standard_error": error,
            });
            println!("{line}");
        }
    }
}

impl Table {
    fn read(
        name: &'static str,
        path: &Path,
        sizes: &[i64],
        ordered: &[usize],
        columns: &[(usize, f64)],
    ) -> Self {
        let parameter = |(idx, size): (usize, &i64)| {
            let choices = (0..*size).map(Value::Int).collect();
            let domain = if ordered.contains(&idx) {
                Domain::Ordinal { choices }
            } else {
                Domain::Categorical { choices }
            };
            Parameter {
                name: format!("p{idx}"),
                domain,
                condition: None,
            }
        };
        let space = Space::new(sizes.iter().enumerate().map(parameter).collect());
        let text = std::fs::read_to_string(path).expect("the table can be read");
        let costs = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            let cost = |(column, scale): &(usize, f64)| {
                scale * cells[*column].parse::<f64>().expect("a number")
            };
            columns.iter().map(cost).collect()
        };
        let costs = text.lines().skip(1).map(costs).collect();
        Self {
            name,
            space: space.expect("the space is well-formed"),
            costs,
        }
    }

    fn costs(&self, params: &Params) -> &Vec<f64> {
        let row = self.space.parameters().iter().fold(0, |row, parameter| {
            let value = params
                .get(&parameter.name)
                .expect("no parameter is conditional");
            let size = parameter.domain.size().expect("finite");
            row * size + parameter.domain.index(value).expect("inside")
        });
        &self.costs[row as usize]
    }

    fn score(&self, name: &str, settings: &Json, seed: u64) -> f64 {
        let n_objectives = self.costs[0].len();
        let directions = vec![Direction::Minimize; n_objectives];
        let study = Study {
            space: self.space.clone(),
            directions: directions.clone(),
            seed,
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
        let mut strategy = make(&study, settings).expect("the space fits");
        let n_trials = if n_objectives == 1 { 100 } else { 200 };
        let found: Vec<Vec<f64>> = (0..n_trials)
            .map(|number| self.run_trial(strategy.as_mut(), number))
            .collect();
        if n_objectives == 1 {
            let mut all: Vec<f64> = self.costs.iter().map(|costs| costs[0]).collect();
            all.sort_by(f64::total_cmp);
            let (best, median) = (all[0], all[all.len() / 2]);
            let least = found
                .iter()
                .map(|costs| costs[0])
                .fold(f64::INFINITY, f64::min);
            return (least - best) / (median - best);
        }
        let reference: Vec<f64> = (0..n_objectives)
            .map(|objective| self.beyond(objective))
            .collect();
        let front: Vec<Vec<f64>> = pareto_front(&self.costs, &directions)
            .into_iter()
            .map(|idx| self.costs[idx].clone())
            .collect();
        hypervolume(&found, &reference, &directions) / hypervolume(&front, &reference, &directions)
    }

    fn run_trial(&self, strategy: &mut dyn Strategy, number: u64) -> Vec<f64> {
        let params = strategy
            .ask(&[number])
            .expect("asks")
            .pop()
            .expect("not exhausted");
        let values = self.costs(&params).clone();
        let trial = Trial {
            number,
            params,
            outcome: Outcome::Complete {
                values: values.clone(),
            },
            metrics: BTreeMap::new(),
            intermediate: Vec::new(),
        };
        strategy.tell(&[trial]).expect("the trial fits");
        values
    }

    fn beyond(&self, objective: usize) -> f64 {
        let column = self.costs.iter().map(|costs| costs[objective]);
        let (least, most) = column
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), cost| {
                (cost.min(least), cost.max(most))
            });
        most + 0.1 * (most - least)
    }
}
