//! Networks for tests: random ones with formats, and weights that are not the first ones.

pub(crate) mod convolutions;

use firebrick_core::formats::operands;
use firebrick_core::graph::{Graph, NumberFormat, Op};
use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::testing::random_graph;
use firebrick_core::weights::Weights;
use rand::RngExt;

/// Returns a network from its text, with weights that a training could have left.
pub(crate) fn network(text: &str) -> (Graph, Weights) {
    let graph: Graph = text.parse().unwrap();
    let weights = weights(&graph, 1);
    (graph, weights)
}

/// Returns weights of all tensors that differ from number to number.
pub(crate) fn weights(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::init(graph, seed);
    let mut rng = stream(seed, Purpose::Dataset, 1);
    for (key, tensor) in &mut weights.0 {
        let range = match key.rsplit_once('.') {
            Some((_, "running_var")) => 0.3..1.5,
            Some((_, "running_mean")) => -0.5..0.5,
            Some((_, step)) if step.ends_with("_step") => 0.02..0.2,
            _ => continue,
        };
        tensor.data.fill_with(|| rng.random_range(range.clone()));
    }
    weights
}

/// Returns rows of numbers in `-3.0..3.0`.
pub(crate) fn rows(graph: &Graph, n_rows: usize) -> Vec<f32> {
    let size: usize = graph.input_shape().iter().product();
    let mut rng = stream(n_rows as u64, Purpose::Dataset, 2);
    let numbers = (0..n_rows * size).map(|_| rng.random_range(-3.0..3.0));
    numbers.collect()
}

/// Returns a random network all of whose operands are fixed point.
pub(crate) fn fixed_point_graph(seed: u64) -> Graph {
    let graph = random_graph(seed, 3);
    let mut rng = stream(seed, Purpose::Dataset, 3);
    let mut nodes = graph.nodes().to_vec();
    for node in &mut nodes {
        for operand in operands(node) {
            let is_activation = operand == "data_in";
            // Some results are taken as they come.
            let may_pass = matches!(node.op, Op::Relu | Op::Flatten | Op::Dropout { .. });
            if is_activation && (node.op == Op::Output || may_pass && rng.random_range(0..3) > 0) {
                continue;
            }
            let format = random_format(&mut rng, is_activation);
            node.annotations.formats.insert(operand.to_owned(), format);
        }
    }
    let input = graph.nodes()[0].name.clone();
    for node in &mut nodes {
        if node.inputs.contains(&input) && node.op != Op::Output {
            let format = NumberFormat::integer(6, 3);
            node.annotations
                .formats
                .entry("data_in".to_owned())
                .or_insert(format);
        }
    }
    Graph::new(nodes).unwrap()
}

fn random_format(rng: &mut Stream, is_activation: bool) -> NumberFormat {
    use firebrick_core::graph::Scale;
    let width = rng.random_range(2..6);
    let integer = NumberFormat::integer(width, rng.random_range(-1..5));
    match rng.random_range(0..8) {
        0 => NumberFormat {
            signed: false,
            ..integer
        },
        1 => NumberFormat {
            scale: Some(Scale::One),
            ..NumberFormat::new("binary", 1)
        },
        2 => NumberFormat {
            scale: Some(if is_activation {
                Scale::One
            } else {
                Scale::PowerOfTwo
            }),
            ..NumberFormat::new("ternary", 2)
        },
        3 if !is_activation => NumberFormat {
            scale: Some(Scale::PowerOfTwo),
            signed: rng.random_range(0..2) == 0,
            ..NumberFormat::new("binary", 1)
        },
        _ => integer,
    }
}
