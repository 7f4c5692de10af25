//! An engine against numbers that another framework computed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::dataset::{FeatureRows, Features, Split};
use crate::engine::{Candidate, Engine, Placement, Silent, TrainJob, TrainOutcome};
use crate::graph::Graph;
use crate::random::epoch_order;
use crate::recipe::Recipe;
use crate::weights::{Tensor, Weights, tensors};

/// Trains as each run of a reference did, and compares.
///
/// The reference is JSON: `graph` (text form), first `weights` by key, `features` and `labels` in
/// the order in which they are read, and `runs`, each a [`Recipe`] with the `losses` of all of its
/// steps, at least 20, the `running` statistics after them and the `outputs` of the first rows. A
/// run of several epochs has to have one batch an epoch, so that the order of later ones does not
/// matter. Losses may differ by a relative `tolerance`; statistics and outputs, which gather the
/// differences of all steps, by ten times as much, absolutely below 1.
///
/// # Panics
/// If a number is further off, or the reference can't be read.
pub fn check_parity(engine: &dyn Engine, reference: &str, tolerance: f64) {
    let reference: Reference =
        serde_json::from_str(reference).expect("the reference is of this form");
    let graph: Graph = reference
        .graph
        .parse()
        .expect("the graph of the reference is well-formed");
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
            recipe: &run.recipe,
            placement: &placement,
        };
        let outcomes = engine.train(&job, &Silent).expect("the engine trains");
        let [TrainOutcome::Trained(trained)] = outcomes.as_slice() else {
            panic!("the candidate is not trained to the end: {outcomes:?}");
        };
        let steps = trained.epochs.iter().flat_map(|epoch| &epoch.steps);
        let losses: Vec<f64> = steps.map(|step| step.loss).collect();
        assert!(losses.len() >= MIN_STEPS, "{} steps", losses.len());
        assert_eq!(losses.len(), run.losses.len(), "steps of {:?}", run.recipe);
        for (idx, (found, expected)) in losses.iter().zip(&run.losses).enumerate() {
            assert!(
                (found - expected).abs() <= tolerance * expected,
                "the loss of step {idx} is {found}, the reference has {expected} ({:?})",
                run.recipe
            );
        }
        for (key, expected) in &run.running {
            let found = &trained
                .weights
                .get(key)
                .expect("the network has the tensor")
                .data;
            near(
                &run.recipe,
                key,
                &wide(found),
                &wide(expected),
                10.0 * tolerance,
            );
        }
        let n_judged = run.outputs.len() / graph.output_shape()[0];
        let judged = FeatureRows::Numbers(&reference.features[..n_judged * width]);
        let outputs = engine.predict(&graph, &trained.weights, judged, &placement);
        let outputs = wide(&outputs.expect("the engine predicts"));
        near(
            &run.recipe,
            "outputs",
            &outputs,
            &wide(&run.outputs),
            10.0 * tolerance,
        );
    }
}

/// How many steps a run has at least.
const MIN_STEPS: usize = 20;

/// What a reference run wrote.
#[derive(Deserialize)]
struct Reference {
    graph: String,
    weights: BTreeMap<String, Vec<f32>>,
    features: Vec<f32>,
    labels: Vec<u32>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    recipe: Recipe,
    losses: Vec<f64>,
    running: BTreeMap<String, Vec<f32>>,
    outputs: Vec<f32>,
}

/// Puts the rows where the order of the first epoch reads them one after the other.
fn arranged(reference: &Reference, width: usize, seed: u64) -> Split {
    let mut features = vec![0.0; reference.features.len()];
    let mut labels = vec![0; reference.labels.len()];
    for (nth, row) in epoch_order(seed, 0, labels.len()).into_iter().enumerate() {
        let row = row as usize;
        labels[row] = reference.labels[nth];
        features[row * width..][..width]
            .copy_from_slice(&reference.features[nth * width..][..width]);
    }
    let features = Features::Numbers(features);
    Split { features, labels }
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

fn near(recipe: &Recipe, what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what} of {recipe:?}");
    for (idx, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / expected.abs().max(1.0);
        assert!(
            off <= tolerance,
            "{what}[{idx}] is {found}, the reference has {expected} ({recipe:?})"
        );
    }
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}
