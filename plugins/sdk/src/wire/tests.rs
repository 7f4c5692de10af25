use std::collections::BTreeMap;

use firebrick_core::engine::{Epoch, Evaluation, Trained};
use firebrick_core::graph::GraphError;
use firebrick_core::pass::PassError;
use firebrick_core::registry::Manifest;
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::{Params, Value};
use serde_json::json;

use super::*;

fn crosses<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let arrived: T = decode(&encode(value)).unwrap();
    assert_eq!(&arrived, value);
}

#[test]
fn a_graph_with_annotations_crosses() {
    let text = "x = input[3, 8, 8]
        c = conv2d(x, out=8, kernel=3, padding=1)
        b = batch_norm(c)
        r = relu(b)
        p = max_pool(r, kernel=2)
        f = flatten(p)
        a = linear(f, out=5) @ weight=integer(4) frozen
        y = output(a)";
    crosses(&text.parse::<Graph>().unwrap());
}

#[test]
fn every_kind_of_value_stays_what_it_is() {
    let values = [
        Value::Null,
        Value::Bool(true),
        Value::Int(-3),
        Value::Int(i64::MAX),
        Value::Float(2.0),
        Value::Float(f64::INFINITY),
        Value::Text("relu".to_owned()),
    ];
    let params: Params = values
        .into_iter()
        .enumerate()
        .map(|(idx, value)| (format!("p{idx}"), value))
        .collect();
    crosses(&params);
}

#[test]
fn json_arguments_cross() {
    let args = json!({
        "whole": 2, "real": 2.0, "big": u64::MAX, "none": null, "list": [1, "a", {"b": false}],
    });
    let arrived: Json = decode(&encode(&args)).unwrap();
    assert_eq!(arrived.to_string(), args.to_string());
}

#[test]
fn a_trial_that_measured_nan_crosses() {
    let trial = Trial {
        number: u64::MAX,
        params: Params::from_iter([("a/b/c", 1_i64)]),
        outcome: Outcome::Pruned { step: 3 },
        metrics: BTreeMap::from([("loss".to_owned(), f64::NAN)]),
        intermediate: vec![(1, 0.5)],
    };
    let arrived: Trial = decode(&encode(&trial)).unwrap();
    assert!(arrived.metrics["loss"].is_nan());
    assert_eq!(arrived.params, trial.params);
    assert_eq!(arrived.outcome, trial.outcome);
}

#[test]
fn errors_cross_with_what_hints_need() {
    crosses(&PassError::UnknownNode {
        key: "seq_block".to_owned(),
        known: vec!["seq_blocks_0".to_owned()],
    });
    crosses(&PassError::Graph(GraphError::Unread {
        node: "a".to_owned(),
    }));
}

#[test]
fn an_older_answer_without_new_fields_is_read() {
    // What a plugin of an earlier minor version would send: no `table` in the info.
    let older = json!({"info": {"metrics": {"depth": 3.0}, "table": null}});
    let applied: Applied = decode(&encode(&older)).unwrap();
    assert!(applied.graph.is_none());
    // What a plugin of a later one would: a field that we do not know.
    let later = json!({"base_width": 16, "depth": 3});
    let facts: ModelFacts = decode(&encode(&later)).unwrap();
    assert_eq!(facts.base_width, 16);
}

#[test]
fn a_manifest_crosses() {
    let manifest = json!([{
        "kind": "pass", "name": "depth", "aliases": [], "docs": "Counts.", "schema": {"type": "object"},
    }]);
    let manifests: Vec<Manifest> = serde_json::from_value(manifest).unwrap();
    crosses(&manifests);
}

#[test]
fn weights_come_apart_and_together() {
    let graph: Graph = "x = input[4]\na = linear(x, out=3)\ny = output(a)"
        .parse()
        .unwrap();
    let weights = Weights::init(&graph, 1);
    let (facts, numbers) = split(&weights);
    let joined = join(facts.clone(), &mut numbers.into_iter()).unwrap();
    assert_eq!(joined, weights);
    let missing = join(facts.clone(), &mut std::iter::empty::<Vec<f32>>()).unwrap_err();
    assert_eq!(missing, "the numbers of tensor `a.bias` are missing");
    let wrong = join(facts, &mut vec![vec![0.0]; 2].into_iter()).unwrap_err();
    assert_eq!(wrong, "tensor `a.bias` of shape [3] has 1 numbers");
}

#[test]
fn an_outcome_crosses_without_its_weights() {
    let epoch = Epoch {
        epoch: 1,
        learning_rate: 1e-3,
        train_loss: 1.5,
        train_accuracy: 0.25,
        validation: Evaluation {
            loss: 1.0,
            accuracy: 0.5,
            macro_accuracy: 0.5,
        },
        steps: Vec::new(),
    };
    crosses(&TrainOutcome::Stopped(Trained {
        weights: Weights::default(),
        epochs: vec![epoch],
        kept_epoch: 1,
    }));
}

#[test]
fn a_tensor_of_an_impossible_shape_is_an_error() {
    let facts = TensorFacts {
        key: "a.weight".to_owned(),
        shape: vec![usize::MAX, 3],
    };
    let error = join(vec![facts], &mut [vec![0.0]].into_iter()).unwrap_err();
    assert!(error.starts_with("tensor `a.weight` of shape "), "{error}");
}
