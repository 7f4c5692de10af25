//! What an engine must hold that takes number formats. What it refuses is not asked of it.

use super::{Suite, recipe, trained};
use crate::engine::{Candidate, Evaluation, Silent};
use crate::formats::{Layout, Quantizer, STEP, check};
use crate::graph::{Graph, Node, NumberFormat};
use crate::recipe::{Optimizer, Recipe};
use crate::testing::number_formats;
use crate::testing::reference::{Statistics, forward};
use crate::weights::Weights;

/// In fixed point throughout: every sum is a small multiple of a power of two, so that float32
/// rounds none.
const FIXED_POINT: &str = "
    x = input[4]
    norm = batch_norm(x) @ data_in=integer(8, 5) weight=integer(8, 5) bias=integer(7, 5)
    hidden = linear(norm, out=8) @ data_in=integer(6, 3) weight=integer(5, 4) bias=integer(8, 5)
    relu = relu(hidden) @ data_in=integer(7, 4)
    classes = linear(relu, out=3) @ data_in=integer(5, 3, unsigned) weight=integer(4, 3) bias=integer(6, 5)
    output = output(classes)";
const LAYERS: [(&str, &str, [usize; 2]); 2] = [
    ("hidden", "integer(5, 4)", [8, 4]),
    ("classes", "integer(4, 3)", [3, 8]),
];

impl Suite<'_> {
    /// Checks networks with number formats, of an engine that takes them.
    pub(super) fn computes_with_number_formats(&self) {
        for format in number_formats() {
            self.computes_with(&format);
        }
        let graph: Graph = FIXED_POINT.parse().expect("the network can be parsed");
        if self.engine.supports(&graph).is_err() {
            return;
        }
        self.computes_in_fixed_point(&graph);
        self.trains_in_fixed_point(&graph);
        self.moves_no_weight_beyond_the_limits(&graph);
    }

    /// One layer, all of whose operands are stored that can be.
    fn computes_with(&self, format: &NumberFormat) {
        let text = "x = input[4]\nclasses = linear(x, out=3)\noutput = output(classes)";
        let plain: Graph = text.parse().expect("the network can be parsed");
        for operand in ["data_in", "weight", "bias"] {
            let mut nodes = plain.nodes().to_vec();
            let formats = &mut nodes[1].annotations.formats;
            formats.insert(operand.to_owned(), format.clone());
            let fits = |node: &Node| check(node).is_ok();
            let Some(graph) = fits(&nodes[1]).then(|| Graph::new(nodes)) else {
                continue;
            };
            let graph = graph.expect("formats change no shape");
            if self.engine.supports(&graph).is_err() {
                continue;
            }
            let mut weights = Weights::init(&graph, 5);
            for (key, tensor) in &mut weights.0 {
                if key.ends_with(STEP) {
                    tensor.data = vec![0.1];
                }
            }
            let (found, expected) = self.predicted(&graph, &weights);
            for (found, expected) in found.into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-5,
                    "`{operand}` in {format}: {found}, the reference has {expected}"
                );
            }
        }
    }

    fn computes_in_fixed_point(&self, graph: &Graph) {
        let candidates: Vec<Candidate> = (0..3).map(|seed| candidate(graph, seed)).collect();
        let outcomes = self.run(&candidates, &recipe(3), 2, &Silent);
        let alone = self.one(&candidates[1], &recipe(3));
        let weights = &trained(&outcomes[1]).weights;
        let promise = "others change nothing in fixed point";
        self.same(&trained(&alone).weights, weights, promise);
        let (found, expected) = self.predicted(graph, weights);
        assert_eq!(found, expected, "fixed point is exact");

        let mut stored = weights.clone();
        for (node, format, shape) in LAYERS {
            let key = format!("{node}.weight");
            let data = &mut stored.0.get_mut(&key).expect("layers have weights").data;
            *data = in_format(data, format, &shape);
            assert_ne!(data, &weights.0[&key].data, "`{key}` stays in float32");
        }
        assert_eq!(
            self.predicted(graph, &stored).0,
            found,
            "weights are stored before they are computed with"
        );
    }

    /// All rows are one batch, so that the loss is that of the first weights.
    fn trains_in_fixed_point(&self, graph: &Graph) {
        let recipe = Recipe {
            batch_size: self.train.len(),
            ..recipe(1)
        };
        let rows: Vec<f64> = wide(self.train.features.numbers());
        let expected = |graph: &Graph| {
            let logits = forward(graph, &Weights::init(graph, 2), &rows, Statistics::OfRows);
            let logits: Vec<f32> = logits.into_iter().map(|logit| logit as f32).collect();
            Evaluation::of(&logits, &self.train.labels).loss
        };
        let outcome = self.one(&candidate(graph, 2), &recipe);
        let loss = trained(&outcome).epochs[0].train_loss;
        let (stored, plain) = (expected(graph), expected(&self.graph));
        assert!(
            (loss - stored).abs() < 1e-3,
            "in training numbers are stored as well: {loss}, the reference has {stored}"
        );
        assert!((stored - plain).abs() > 3e-3, "which matters: {plain}");
    }

    fn moves_no_weight_beyond_the_limits(&self, graph: &Graph) {
        let mut first = Weights::init(graph, 2);
        for (key, value) in [("hidden.weight", 5.0), ("classes.bias", -9.0)] {
            first.0.get_mut(key).expect("layers have weights").data[1] = value;
        }
        let descent = Recipe {
            optimizer: Optimizer::Sgd,
            learning_rate: 0.5,
            ..recipe(1)
        };
        let start = Candidate {
            weights: Some(first.clone()),
            ..candidate(graph, 2)
        };
        let outcome = self.one(&start, &descent);
        for key in ["hidden.weight", "classes.bias"] {
            let (before, after) = (&first.0[key].data, &trained(&outcome).weights.0[key].data);
            assert_eq!(
                after[1], before[1],
                "`{key}`: what is beyond the limits has no gradient"
            );
            assert_ne!(after[0], before[0], "`{key}`: what is inside has one");
        }
    }

    /// Returns what the engine predicts for the validation rows, and what the reference computes.
    fn predicted(&self, graph: &Graph, weights: &Weights) -> (Vec<f64>, Vec<f64>) {
        let features = self.validation.features.borrow();
        let placement = self.placement(1);
        let found = self.engine.predict(graph, weights, features, &placement);
        let found = found.expect("the engine predicts what it supports");
        let rows = wide(self.validation.features.numbers());
        (
            wide(&found),
            forward(graph, weights, &rows, Statistics::Running),
        )
    }
}

fn candidate(graph: &Graph, seed: u64) -> Candidate {
    Candidate {
        graph: graph.clone(),
        seed,
        weights: None,
    }
}

/// Returns a weight as it is stored in a format in text form.
fn in_format(x: &[f32], format: &str, shape: &[usize]) -> Vec<f32> {
    let text = format!("x = input[1]\ny = relu(x) @ data_in={format}\noutput = output(y)");
    let graph: Graph = text.parse().expect("the format can be parsed");
    let format = &graph.nodes()[1].annotations.formats["data_in"];
    let format = Quantizer::of(format, None).expect("the format can be computed");
    let mut stored = vec![0.0; x.len()];
    format.quantize(x, Layout::of_tensor(shape), &mut stored);
    stored
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}
