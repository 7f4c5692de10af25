//! Networks of every kind: the engine computes what the reference does, and what a wider network
//! inherits computes what its base does, in float32.

use firebrick_core::channels::Channels;
use firebrick_core::dataset::FeatureRows;
use firebrick_core::engine::{Engine, Placement};
use firebrick_core::formats::{STEP, operands};
use firebrick_core::graph::{Graph, NumberFormat, Scale};
use firebrick_core::inherit::{How, Importance, Inherit, inherit};
use firebrick_core::random::{Purpose, stream};
use firebrick_core::testing::{Statistics, forward, number_formats, random_graph};
use firebrick_core::weights::Weights;
use rand::RngExt;

use crate::BurnEngine;

/// Returns random networks that end in classes.
fn networks() -> impl Iterator<Item = (u64, Graph)> {
    let graphs = (0..60).map(|seed| (seed, random_graph(seed, 3)));
    graphs.filter(|(_, graph)| graph.output_shape().len() == 1)
}

fn rows(graph: &Graph, seed: u64) -> Vec<f32> {
    let size: usize = graph.input_shape().iter().product();
    let mut rng = stream(seed, Purpose::Dataset, 0);
    (0..5 * size).map(|_| rng.random_range(-2.0..2.0)).collect()
}

fn predict(graph: &Graph, weights: &Weights, rows: &[f32]) -> Vec<f64> {
    let placement = Placement {
        device: "cpu".to_owned(),
        threads: 1,
    };
    let rows = FeatureRows::Numbers(rows);
    let outputs = BurnEngine::cpu().predict(graph, weights, rows, &placement);
    outputs.unwrap().into_iter().map(f64::from).collect()
}

/// Returns the largest distance, relative to values above 1.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let pairs = one.iter().zip(other);
    let distances = pairs.map(|(one, other)| (one - other).abs() / one.abs().max(1.0));
    distances.fold(0.0, f64::max)
}

#[test]
fn predicts_what_the_reference_computes() {
    for (seed, graph) in networks() {
        let weights = Weights::init(&graph, seed);
        let rows = rows(&graph, seed);
        let wide: Vec<f64> = rows.iter().copied().map(f64::from).collect();
        let expected = forward(&graph, &weights, &wide, Statistics::Running);
        let found = predict(&graph, &weights, &rows);
        let distance = distance(&expected, &found);
        assert!(distance < 1e-5, "{distance} in\n{graph}");
    }
}

/// Gives every operand of every node a format, by its name.
fn with_formats(graph: &Graph, format: impl Fn(&str) -> NumberFormat) -> Graph {
    let mut nodes = graph.nodes().to_vec();
    for node in &mut nodes {
        let formats = operands(node).into_iter();
        node.annotations.formats = formats
            .map(|operand| (operand.to_owned(), format(operand)))
            .collect();
    }
    Graph::new(nodes).unwrap()
}

/// Checks that all but a few networks compute what the reference does: where it is within rounding
/// of a half, float32 may go to the other side.
fn check_stored(format: impl Fn(&str) -> NumberFormat) {
    let (mut n_networks, mut n_equal) = (0, 0);
    for (seed, graph) in networks().take(30) {
        let graph = with_formats(&graph, &format);
        let mut weights = Weights::init(&graph, seed);
        for (key, tensor) in &mut weights.0 {
            if key.ends_with(STEP) {
                tensor.data = vec![0.125];
            }
        }
        let rows = rows(&graph, seed);
        let wide: Vec<f64> = rows.iter().copied().map(f64::from).collect();
        let expected = forward(&graph, &weights, &wide, Statistics::Running);
        let found = predict(&graph, &weights, &rows);
        n_networks += 1;
        n_equal += usize::from(distance(&expected, &found) < 1e-5);
    }
    println!("{n_equal} of {n_networks} networks are equal");
    assert!(10 * n_equal > 9 * n_networks, "{n_equal} of {n_networks}");
}

#[test]
fn predicts_what_the_reference_computes_in_fixed_point() {
    check_stored(|operand| match operand {
        "data_in" => NumberFormat::integer(8, 4),
        _ => NumberFormat::integer(6, 4),
    });
}

#[test]
fn predicts_what_the_reference_computes_in_every_format() {
    for format in number_formats() {
        let is_scaled = matches!(format.scale, Some(Scale::Mean | Scale::PowerOfTwo));
        println!("{format}");
        check_stored(|operand| match operand {
            // What is scaled by the mean of a tensor is not for activations.
            "data_in" if is_scaled => NumberFormat::integer(8, 4),
            _ => format.clone(),
        });
    }
}

/// Convolutions of so many channels at stride 1 are those that are faster with rounding.
#[test]
fn wide_convolutions_of_fixed_point_numbers_are_exact() {
    let graph: Graph = "x = input[16, 12, 12]
        a = conv2d(x, out=24, kernel=3, padding=1) @ \
            data_in=integer(6, 4) weight=integer(6, 7) bias=integer(8, 9)
        n = batch_norm(a) @ data_in=integer(8, 6) weight=integer(8, 6) bias=integer(8, 6)
        r = relu(n)
        b = conv2d(r, out=16, kernel=3, padding=1) @ \
            data_in=integer(6, 4, unsigned) weight=integer(6, 7) bias=integer(8, 9)
        f = flatten(b) @ data_in=integer(12, 7)
        y = output(f)"
        .parse()
        .unwrap();
    let weights = Weights::init(&graph, 1);
    let rows = rows(&graph, 1);
    let wide: Vec<f64> = rows.iter().copied().map(f64::from).collect();
    let expected = forward(&graph, &weights, &wide, Statistics::Running);
    assert_eq!(predict(&graph, &weights, &rows), expected);
    assert!(expected.iter().filter(|number| **number != 0.0).count() > 1000);
}

#[test]
fn a_wider_network_predicts_what_its_base_does() {
    let how = How {
        inherit: Inherit::Net2net,
        importance: Importance::L1,
    };
    let (mut n_wider, mut farthest) = (0, 0.0_f64);
    for (seed, base) in networks() {
        let channels = Channels::of(&base);
        let groups = channels.groups().iter();
        let units: Vec<usize> = groups
            .map(|group| group.units + if group.fixed.is_none() { 3 } else { 0 })
            .collect();
        let wide = Graph::new(channels.resized(&base, &units)).unwrap();
        let weights = Weights::init(&base, seed);
        let inherited = inherit(&base, &weights, &wide, how, seed).unwrap();
        let rows = rows(&base, seed);
        let distance = distance(
            &predict(&base, &weights, &rows),
            &predict(&wide, &inherited, &rows),
        );
        assert!(distance < 1e-5, "{distance} in\n{base}{wide}");
        n_wider += usize::from(wide != base);
        farthest = farthest.max(distance);
    }
    println!("{n_wider} wider networks, at most {farthest:.1e} off");
    assert!(n_wider > 20, "{n_wider}");
}
