//! Prints how many samples a second the engine trains: `{"batch_size": 256, "threads": 1, ...}`.
//!
//! The network normalises its 16 inputs by batch and has linear layers with relus between them, the
//! last one to 5 classes; it trains under Adam, on random rows. Arguments: batch size (256), threads
//! (1), candidates (as many as threads), rows (100000), epochs (3), widths of the hidden layers
//! (16,16), path of the kernels (`fastest`), formats of the operands of layers, as in
//! `data_in=integer(8, 4) weight=ternary(2)` (float32).
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use firebrick_core::dataset::{Features, Split};
use firebrick_core::engine::{Candidate, Engine, Placement, Silent, TrainJob, TrainOutcome};
use firebrick_core::formats::operands;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::Recipe;
use firebrick_core::testing::PLAIN_RECIPE;
use firebrick_engine_mlp::{MlpEngine, Path};
use rand::RngExt;

/// Returns the network with hidden layers of these widths, as in `16,16`.
fn network(widths: &str) -> Result<Graph, Box<dyn std::error::Error>> {
    let mut builder = GraphBuilder::new(&[16]);
    builder.push("norm", Op::batch_norm(16));
    let mut inputs = 16;
    for (idx, width) in widths.split(',').enumerate() {
        let width = width.parse()?;
        builder.push(format!("linear_{idx}"), Op::linear(inputs, width));
        builder.push(format!("relu_{idx}"), Op::Relu);
        inputs = width;
    }
    builder.push("classes", Op::linear(inputs, 5));
    Ok(builder.finish()?)
}

/// Returns the network with formats, written as in the text form of a graph, on all of its nodes that
/// have such operands, but the output.
fn quantized(graph: &Graph, formats: &str) -> Result<Graph, Box<dyn std::error::Error>> {
    let probe = format!("x = input[1]\na = linear(x, out=1) @ {formats}\ny = output(a)");
    let probe: Graph = probe.parse()?;
    let formats = &probe.nodes()[1].annotations.formats;
    let mut nodes = graph.nodes().to_vec();
    for node in nodes.iter_mut().filter(|node| node.op != Op::Output) {
        for operand in operands(node) {
            if let Some(format) = formats.get(operand) {
                let formats = &mut node.annotations.formats;
                formats.insert(operand.to_owned(), format.clone());
            }
        }
    }
    Ok(Graph::new(nodes)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut arg = |default: usize| args.next().map_or(Ok(default), |text| text.parse());
    let batch_size = arg(256)?;
    let threads = arg(1)?;
    let n_candidates = arg(threads)?;
    let n_rows = arg(100_000)?;
    let max_epochs = arg(3)?;

    let mut args = std::env::args().skip(6);
    let mut graph = network(&args.next().unwrap_or_else(|| "16,16".to_owned()))?;
    let paths = Path::available();
    let path = match args.next() {
        Some(name) if name != "fastest" => paths.iter().find(|path| path.name() == name),
        _ => paths.first(),
    };
    if let Some(formats) = args.next() {
        graph = quantized(&graph, &formats)?;
    }
    let path = *path.ok_or("this machine has no such path")?;
    let engine = MlpEngine::on(path);
    let rows = random_rows(n_rows, 16, 5);
    let recipe = Recipe {
        max_epochs,
        batch_size,
        learning_rate: 1e-3,
        ..PLAIN_RECIPE
    };
    let placement = Placement {
        device: "cpu".to_owned(),
        threads,
    };
    let candidates: Vec<Candidate> = (0..n_candidates as u64)
        .map(|seed| Candidate {
            graph: graph.clone(),
            seed,
            weights: None,
        })
        .collect();
    let validation = random_rows(1, 16, 5);
    let job = TrainJob {
        candidates: &candidates,
        train: rows.rows(),
        validation: validation.rows(),
        recipe: &recipe,
        placement: &placement,
    };
    let start = Instant::now();
    let outcomes = engine.train(&job, &Silent)?;
    let seconds = start.elapsed().as_secs_f64();
    for outcome in outcomes {
        if let TrainOutcome::Failed { reason } = outcome {
            return Err(reason.into());
        }
    }
    let samples_per_s = (n_rows * max_epochs * n_candidates) as f64 / seconds;
    println!(
        "{{\"batch_size\": {batch_size}, \"threads\": {threads}, \"candidates\": {n_candidates}, \
         \"path\": \"{}\", \"samples_per_s\": {samples_per_s:.0}}}",
        path.name()
    );
    Ok(())
}

fn random_rows(n_rows: usize, width: usize, n_classes: u32) -> Split {
    let mut rng = stream(1, Purpose::Dataset, 0);
    Split {
        features: Features::Numbers(
            (0..n_rows * width)
                .map(|_| rng.random_range(-2.0..2.0))
                .collect(),
        ),
        labels: (0..n_rows)
            .map(|_| rng.random_range(0..n_classes))
            .collect(),
    }
}
