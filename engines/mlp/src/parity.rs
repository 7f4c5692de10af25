//! The engine steps as PyTorch steps: against numbers that `make.py` of the engine
//! `burn` wrote, on every path of this machine.

use std::collections::BTreeMap;

use firebrick_core::dataset::{Rows, Split};
use firebrick_core::engine::{Candidate, Engine, Placement, Silent, TrainJob, TrainOutcome};
use firebrick_core::graph::Graph;
use firebrick_core::random::epoch_order;
use firebrick_core::recipe::{Keep, LrScheduler, Optimizer, Recipe};
use firebrick_core::weights::{Tensor, Weights, tensors};
use serde::Deserialize;

use crate::{MlpEngine, Path};

/// What `make.py` writes.
#[derive(Deserialize)]
struct Reference {
    graph: String,
    batch_size: usize,
    weights: BTreeMap<String, Vec<f32>>,
    features: Vec<f32>,
    labels: Vec<u32>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    recipe: RunRecipe,
    losses: Vec<f64>,
    running: BTreeMap<String, Vec<f32>>,
    outputs: Vec<f32>,
}

#[derive(Debug, Clone, Deserialize)]
struct RunRecipe {
    optimizer: Optimizer,
    learning_rate: f64,
    weight_decay: f64,
    momentum: f64,
    nesterov: bool,
}

#[test]
fn the_jet_network_trains_as_in_pytorch() {
    let reference = include_str!("../../burn/tests/parity/jets.json");
    for path in Path::available() {
        check(reference, MlpEngine::on(path), 1e-5);
    }
}

/// Trains as each run did. Losses may differ by a relative `tolerance`; statistics and outputs,
/// which gather the differences of all steps, by ten times as much, absolutely below 1.
fn check(reference: &str, engine: MlpEngine, tolerance: f64) {
    let reference: Reference = serde_json::from_str(reference).unwrap();
    let graph: Graph = reference.graph.parse().unwrap();
    let weights = weights(&graph, &reference.weights);
    let width = reference.features.len() / reference.labels.len();
    let seed = 11;
    let rows = arranged(&reference, width, seed);
    for run in &reference.runs {
        let placement = Placement {
            device: "cpu".to_owned(),
            threads: 1,
        };
        let job = TrainJob {
            candidates: &[Candidate {
                graph: graph.clone(),
                seed,
                weights: Some(weights.clone()),
            }],
            train: rows.rows(),
            validation: rows.rows(),
            recipe: &recipe(&run.recipe, reference.batch_size),
            placement: &placement,
        };
        let outcome = engine.train(&job, &Silent).unwrap().remove(0);
        let TrainOutcome::Trained(trained) = outcome else {
            panic!("{outcome:?}");
        };
        let losses: Vec<f64> = trained.epochs[0]
            .steps
            .iter()
            .map(|step| step.loss)
            .collect();
        near(&run.recipe, "losses", &losses, &run.losses, tolerance);
        for (key, expected) in &run.running {
            let found = &trained.weights.get(key).unwrap().data;
            near(
                &run.recipe,
                key,
                &wide(found),
                &wide(expected),
                10.0 * tolerance,
            );
        }
        let n_judged = run.outputs.len() / graph.output_shape()[0];
        let judged = &reference.features[..n_judged * width];
        let outputs = engine.predict(&graph, &trained.weights, judged, &placement);
        let outputs = wide(&outputs.unwrap());
        near(
            &run.recipe,
            "outputs",
            &outputs,
            &wide(&run.outputs),
            10.0 * tolerance,
        );
    }
}

/// Puts the rows where the order of the first epoch reads them one after the other.
fn arranged(reference: &Reference, width: usize, seed: u64) -> Split {
    let mut rows = Split {
        features: vec![0.0; reference.features.len()],
        labels: vec![0; reference.labels.len()],
    };
    let read = Rows {
        features: &reference.features,
        labels: &reference.labels,
    };
    for (nth, row) in epoch_order(seed, 0, read.len()).into_iter().enumerate() {
        let row = row as usize;
        rows.labels[row] = read.labels[nth];
        rows.features[row * width..][..width]
            .copy_from_slice(&read.features[nth * width..][..width]);
    }
    rows
}

fn weights(graph: &Graph, flat: &BTreeMap<String, Vec<f32>>) -> Weights {
    let mut weights = BTreeMap::new();
    for node in graph.nodes() {
        for (name, shape) in tensors(node) {
            let key = format!("{}.{name}", node.name);
            let data = flat[&key].clone();
            weights.insert(key, Tensor { shape, data });
        }
    }
    Weights(weights)
}

fn recipe(run: &RunRecipe, batch_size: usize) -> Recipe {
    Recipe {
        max_epochs: 1,
        batch_size,
        learning_rate: run.learning_rate,
        lr_scheduler: LrScheduler::Constant,
        optimizer: run.optimizer,
        weight_decay: run.weight_decay,
        momentum: run.momentum,
        nesterov: run.nesterov,
        keep: Keep::Last,
        patience: None,
        log_every_n_steps: Some(1),
    }
}

fn near(recipe: &RunRecipe, what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what} of {recipe:?}");
    let mut worst = 0.0_f64;
    for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / expected.abs().max(1.0);
        worst = worst.max(off);
        assert!(
            off <= tolerance,
            "{what}[{idx}] is {found}, PyTorch has {expected} ({recipe:?})"
        );
    }
    println!("{what}: off by at most {worst:.1e} ({recipe:?})");
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}
