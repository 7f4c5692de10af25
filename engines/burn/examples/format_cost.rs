//! Prints what training with number formats costs: `{"network": "jsc-three-linear", ...}`, a line a
//! network and kind of format.
//!
//! A step of the network with formats over one of it in float32, the median of several rounds in
//! which they take turns. Formats are those that a study would give all layers: fixed point on
//! every operand that a node has, others on weights and on what layers read. Arguments: rounds (7),
//! and names of networks (all). One core: `RAYON_NUM_THREADS=1`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use firebrick_core::dataset::{Features, Split};
use firebrick_core::engine::{Candidate, Engine, Placement, Silent, TrainJob, TrainOutcome};
use firebrick_core::formats::operands;
use firebrick_core::graph::{Graph, NumberFormat, Op};
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::Recipe;
use firebrick_core::testing::PLAIN_RECIPE;
use firebrick_engine_burn::BurnEngine;
use rand::RngExt;

#[path = "common/jets.rs"]
mod jets;
#[path = "common/vgg7.rs"]
mod vgg7;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WIDE: &str = "
    x = input[16]
    a = linear(x, out=64)
    b = relu(a)
    c = linear(b, out=32)
    d = relu(c)
    e = linear(d, out=5)
    output = output(e)";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let n_rounds = args.first().map_or(Ok(7), |text| text.parse())?;
    let networks = [
        ("16-64-32-5", WIDE.to_owned(), 256, 100),
        ("jsc-three-linear", jets::JETS.to_owned(), 256, 100),
        ("vgg7-quarter", vgg7::vgg7(0.25)?, 32, 2),
    ];
    let asked = |name: &&str| args.len() < 2 || args[1..].iter().any(|arg| arg == name);
    for (name, text, batch_size, n_steps) in networks {
        if !asked(&name) {
            continue;
        }
        let graph: Graph = text.parse()?;
        let kinds = kinds(&graph)?;
        let rows = random_rows(&graph, batch_size * n_steps);
        let mut seconds = vec![Vec::new(); kinds.len()];
        for round in 0..=n_rounds {
            for ((_, graph), seconds) in kinds.iter().zip(&mut seconds) {
                let of_run = step(graph, &rows, batch_size)? / n_steps as f64;
                // The first round warms up.
                if round > 0 {
                    seconds.push(of_run);
                }
            }
        }
        let steps: Vec<f64> = seconds.into_iter().map(median).collect();
        for ((kind, _), seconds) in kinds.iter().zip(&steps) {
            println!(
                "{{\"network\": \"{name}\", \"batch_size\": {batch_size}, \"formats\": \"{kind}\", \
                 \"step_us\": {:.0}, \"over_float\": {:.2}}}",
                seconds * 1e6,
                seconds / steps[0]
            );
        }
    }
    Ok(())
}

/// Returns a network in float32, and with formats of several kinds.
fn kinds(graph: &Graph) -> Result<Vec<(&'static str, Graph)>, Box<dyn std::error::Error>> {
    let plain = NumberFormat::new;
    let minifloat = NumberFormat {
        exponent_width: Some(4),
        ..plain("minifloat_ieee", 8)
    };
    let block = NumberFormat {
        exponent_width: Some(8),
        block_size: Some(16),
        ..plain("block_fp", 8)
    };
    let kinds = [
        ("integer", NumberFormat::integer(8, 4), true),
        ("lsq", plain("lsq", 8), false),
        ("minifloat_ieee", minifloat, false),
        ("fp8_e4m3", plain("fp8_e4m3", 8), false),
        ("log", plain("log", 6), false),
        ("block_fp", block, false),
        ("mxfp6_e3m2", plain("mxfp6_e3m2", 6), false),
    ];
    let mut graphs = vec![("none", graph.clone())];
    for (kind, format, everywhere) in kinds {
        let mut nodes = graph.nodes().to_vec();
        for node in &mut nodes {
            let is_layer = matches!(node.op, Op::Linear { .. } | Op::Conv2d { .. });
            for operand in operands(node) {
                if everywhere || is_layer && operand != "bias" {
                    let formats = &mut node.annotations.formats;
                    formats.insert(operand.to_owned(), format.clone());
                }
            }
        }
        let graph = Graph::new(nodes)?;
        if BurnEngine::cpu().supports(&graph).is_ok() {
            graphs.push((kind, graph));
        }
    }
    Ok(graphs)
}

/// Trains an epoch; returns how many seconds it took.
fn step(graph: &Graph, rows: &Split, batch_size: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let recipe = Recipe {
        batch_size,
        learning_rate: 1e-4,
        ..PLAIN_RECIPE
    };
    let validation = random_rows(graph, 1);
    let candidates = [Candidate {
        graph: graph.clone(),
        seed: 0,
        weights: None,
    }];
    let placement = Placement {
        device: "cpu".to_owned(),
        threads: 1,
    };
    let job = TrainJob {
        candidates: &candidates,
        train: rows.rows(),
        validation: validation.rows(),
        recipe: &recipe,
        placement: &placement,
    };
    let start = Instant::now();
    let outcomes = BurnEngine::cpu().train(&job, &Silent)?;
    let seconds = start.elapsed().as_secs_f64();
    for outcome in outcomes {
        if let TrainOutcome::Failed { reason } = outcome {
            return Err(reason.into());
        }
    }
    Ok(seconds)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn random_rows(graph: &Graph, n_rows: usize) -> Split {
    let mut rng = stream(1, Purpose::Dataset, 0);
    let width: usize = graph.input_shape().iter().product();
    let n_classes = graph.output_shape()[0] as u32;
    let numbers = (0..n_rows * width).map(|_| rng.random_range(-2.0..2.0));
    Split {
        features: Features::Numbers(numbers.collect()),
        labels: (0..n_rows)
            .map(|_| rng.random_range(0..n_classes))
            .collect(),
    }
}
