use std::collections::BTreeMap;

use firebrick_core::dataset::Rows;
use firebrick_core::engine::{Engine, EngineError, Placement, ZeroCost};
use firebrick_core::formats::operands;
use firebrick_core::graph::{Graph, NumberFormat, Op};
use firebrick_core::weights::{Tensor, Weights, tensors};
use serde::Deserialize;

use crate::BurnEngine;

/// What `tests/parity/make_zero_cost.py` wrote.
#[derive(Deserialize)]
struct Reference {
    graph: String,
    weights: BTreeMap<String, Vec<f32>>,
    features: Vec<f32>,
    labels: Vec<u32>,
    scores: BTreeMap<ZeroCost, f64>,
}

impl Reference {
    fn graph(&self) -> Graph {
        self.graph.parse().unwrap()
    }

    fn weights(&self) -> Weights {
        let graph = self.graph();
        let nodes = graph.nodes().iter();
        let all = nodes.flat_map(|node| {
            tensors(node).into_iter().map(|(name, shape)| {
                let key = format!("{}.{name}", node.name);
                let data = self.weights[&key].clone();
                (key, Tensor { shape, data })
            })
        });
        Weights(all.collect())
    }
}

fn dense() -> Reference {
    serde_json::from_str(include_str!("../../tests/parity/zero_cost_dense.json")).unwrap()
}

fn convolutions() -> Reference {
    serde_json::from_str(include_str!(
        "../../tests/parity/zero_cost_convolutions.json"
    ))
    .unwrap()
}

fn scores(
    graph: &Graph,
    weights: &Weights,
    rows: Rows<'_>,
    metrics: &[ZeroCost],
) -> Result<Vec<f64>, EngineError> {
    let placement = Placement {
        device: "cpu".to_owned(),
        threads: 1,
    };
    BurnEngine::cpu().score(graph, weights, rows, metrics, &placement)
}

fn one(graph: &Graph, weights: &Weights, reference: &Reference, metric: ZeroCost) -> f64 {
    let rows = Rows::of_numbers(&reference.features, &reference.labels);
    scores(graph, weights, rows, &[metric]).unwrap()[0]
}

#[test]
fn scores_are_those_of_pytorch() {
    for reference in [dense(), convolutions()] {
        let (graph, weights) = (reference.graph(), reference.weights());
        for (metric, expected) in &reference.scores {
            let found = one(&graph, &weights, &reference, *metric);
            // The reference is in float64 throughout; so is synflow, and naswot counts.
            let tolerance = match metric {
                ZeroCost::Synflow | ZeroCost::Naswot => 1e-9,
                ZeroCost::GradNorm | ZeroCost::JacobCov => 1e-5,
            };
            let off = (found - expected).abs() / expected.abs();
            assert!(off <= tolerance, "{metric} is {found}, not {expected}");
        }
    }
}

#[test]
fn the_order_in_which_metrics_are_asked_for_plays_no_part() {
    let reference = convolutions();
    let (graph, weights) = (reference.graph(), reference.weights());
    let rows = Rows::of_numbers(&reference.features, &reference.labels);
    let mut backwards = ZeroCost::ALL;
    backwards.reverse();
    let together = scores(&graph, &weights, rows, &backwards).unwrap();
    for (metric, found) in backwards.into_iter().zip(together) {
        assert_eq!(found, one(&graph, &weights, &reference, metric), "{metric}");
    }
}

#[test]
fn synflow_does_not_overflow_in_deep_networks() {
    let mut text = "x = input[64]\n".to_owned();
    let mut last = "x".to_owned();
    for depth in 0..60 {
        text += &format!("a{depth} = linear({last}, out=64)\nb{depth} = relu(a{depth})\n");
        last = format!("b{depth}");
    }
    let graph: Graph = format!("{text}y = output({last})").parse().unwrap();
    let mut weights = Weights::init(&graph, 1);
    for tensor in weights.0.values_mut() {
        let is_bias = tensor.shape.len() == 1;
        tensor.data.fill(if is_bias { 0.0 } else { -2.0 });
    }
    let (features, labels) = ([0.5; 64], [0]);
    let rows = Rows::of_numbers(&features, &labels);
    let found = scores(&graph, &weights, rows, &[ZeroCost::Synflow]).unwrap()[0];
    // Each of 60 layers has all of the flow, 64 outputs of 128^60: far beyond float32.
    let expected = 60.0_f64.ln() + 64.0_f64.ln() + 60.0 * 128.0_f64.ln();
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

#[test]
fn frozen_layers_do_not_count() {
    let reference = dense();
    let weights = reference.weights();
    let frozen = reference.graph.replace("out=40)", "out=40) @ frozen");
    let frozen: Graph = frozen.parse().unwrap();
    for metric in [ZeroCost::Synflow, ZeroCost::GradNorm] {
        let all = reference.scores[&metric];
        let less = one(&frozen, &weights, &reference, metric);
        assert!(less < all - 0.01, "{metric}: {less}, {all} with all layers");
    }
    for metric in [ZeroCost::JacobCov, ZeroCost::Naswot] {
        let all = one(&reference.graph(), &weights, &reference, metric);
        assert_eq!(one(&frozen, &weights, &reference, metric), all, "{metric}");
    }
    let chain = "x = input[6]\ny = linear(x, out=3) @ frozen\noutput = output(y)";
    let chain: Graph = chain.parse().unwrap();
    let weights = Weights::init(&chain, 0);
    let none = one(&chain, &weights, &reference, ZeroCost::Synflow);
    assert_eq!(none, f64::NEG_INFINITY);
    assert_eq!(one(&chain, &weights, &reference, ZeroCost::GradNorm), 0.0);
}

#[test]
fn fewer_relus_than_rows_are_ordered_by_their_number() {
    let naswot = |width: usize| {
        let reference = dense();
        let graph = format!(
            "x = input[6]\na = linear(x, out={width})\nb = relu(a)\nc = linear(b, out=3)\ny = \
             output(c)"
        );
        let graph: Graph = graph.parse().unwrap();
        one(
            &graph,
            &Weights::init(&graph, 3),
            &reference,
            ZeroCost::Naswot,
        )
    };
    let widths = [2, 4, 8, 16].map(naswot);
    assert!(widths.iter().all(|score| score.is_finite()), "{widths:?}");
    assert!(widths.is_sorted(), "{widths:?}");
}

#[test]
fn says_what_can_not_be_scored() {
    let reference = dense();
    let graph: Graph = "x = input[6]\na = linear(x, out=3)\ny = output(a)"
        .parse()
        .unwrap();
    let rows = Rows::of_numbers(&reference.features, &reference.labels);
    let refusal = scores(&graph, &Weights::init(&graph, 0), rows, &[ZeroCost::Naswot]);
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "`naswot` counts relus, the network has none"
    );
    let single = Rows::of_numbers(&reference.features[..6], &reference.labels[..1]);
    let (graph, weights) = (reference.graph(), reference.weights());
    let refusal = scores(&graph, &weights, single, &[ZeroCost::GradNorm]);
    assert_eq!(
        refusal.unwrap_err().to_string(),
        "node `norm` (batch_norm) can't normalise a batch of 1 row, which has one value a channel"
    );
    let flow = scores(&graph, &weights, single, &[ZeroCost::Synflow]);
    assert!(flow.is_ok(), "rows play no part: {flow:?}");
}

#[test]
fn formats_are_scored_as_they_are_computed() {
    let reference = dense();
    let (plain, weights) = (reference.graph(), reference.weights());
    let with = |format: NumberFormat, asked: fn(&str) -> bool| {
        let mut nodes = plain.nodes().to_vec();
        for node in &mut nodes {
            let formats = operands(node).into_iter().filter(|operand| asked(operand));
            node.annotations.formats = formats
                .map(|operand| (operand.to_owned(), format.clone()))
                .collect();
        }
        Graph::new(nodes).unwrap()
    };
    let wide = with(NumberFormat::integer(24, 16), |_| true);
    let coarse = with(NumberFormat::integer(4, 3), |_| true);
    let of_weights = with(NumberFormat::integer(4, 3), |operand| operand == "weight");
    for metric in ZeroCost::ALL {
        let score = |graph| one(graph, &weights, &reference, metric);
        let off = (score(&wide) - score(&plain)).abs() / score(&plain).abs();
        assert!(off < 1e-2, "{metric}: {off}");
        assert_ne!(score(&coarse), score(&plain), "{metric}");
    }

    // Weights as they are stored, written out by hand.
    let mut stored = weights.clone();
    let layers = plain
        .nodes()
        .iter()
        .filter(|node| matches!(node.op, Op::Linear { .. }));
    for node in layers {
        let data = &mut stored
            .0
            .get_mut(&format!("{}.weight", node.name))
            .unwrap()
            .data;
        data.iter_mut()
            .for_each(|x| *x = (*x * 8.0).round_ties_even().clamp(-8.0, 7.0) / 8.0);
    }
    let synflow = |graph, weights| one(graph, weights, &reference, ZeroCost::Synflow);
    assert_eq!(synflow(&of_weights, &weights), synflow(&plain, &stored));
    assert_eq!(
        one(&of_weights, &weights, &reference, ZeroCost::Naswot),
        one(&of_weights, &stored, &reference, ZeroCost::Naswot)
    );
}
