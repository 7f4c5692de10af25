//! Prints how many samples a second the engine trains: `{"batch_size": 256, "threads": 1, ...}`.
//!
//! The network is the jet classifier 16-16-16-5 with batch normalisation, under Adam, on random
//! rows, with mimalloc as allocator, as in the plugin. Arguments: batch size (256), threads (1),
//! candidates (as many as threads), rows (100000), epochs (3), candidates a stack (each on its own).
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::time::Instant;

use firebrick_core::dataset::{Features, Split};
use firebrick_core::engine::{Candidate, Engine, Placement, Silent, TrainJob, TrainOutcome};
use firebrick_core::graph::Graph;
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::Recipe;
use firebrick_core::testing::PLAIN_RECIPE;
use firebrick_engine_burn::BurnEngine;
use rand::RngExt;

#[path = "common/jets.rs"]
mod jets;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut arg = |default: usize| args.next().map_or(Ok(default), |text| text.parse());
    let batch_size = arg(256)?;
    let threads = arg(1)?;
    let n_candidates = arg(threads)?;
    let n_rows = arg(100_000)?;
    let max_epochs = arg(3)?;
    let stack = arg(0)?;

    let graph: Graph = jets::JETS.parse()?;
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
    let engine = match stack {
        0 => BurnEngine::cpu(),
        most => BurnEngine::cpu().stacking(most),
    };
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
         \"samples_per_s\": {samples_per_s:.0}}}"
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
