//! Prints how many images a second the engine trains and runs VGG7 with: `{"width": 0.25, ...}`.
//!
//! The network is that of `xtask/bench/torch_vgg.py`, on random pictures of 3x32x32, under SGD with
//! momentum. Training is timed from the end of one epoch to that of the next, the first left out;
//! the median counts. Arguments: width (1), batch size (32), steps an epoch (4), epochs (6). Threads
//! are those of rayon (`RAYON_NUM_THREADS`).
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::sync::Mutex;
use std::time::Instant;

use firebrick_core::dataset::{Features, Split};
use firebrick_core::engine::{
    Candidate, Engine, Epoch, Observer, Placement, TrainJob, TrainOutcome, Verdict,
};
use firebrick_core::graph::Graph;
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::{Optimizer, Recipe};
use firebrick_core::testing::PLAIN_RECIPE;
use firebrick_core::weights::Weights;
use firebrick_engine_burn::BurnEngine;
use rand::RngExt;

#[path = "common/vgg7.rs"]
mod vgg7;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// When epochs ended.
struct Clock(Mutex<Vec<Instant>>);

impl Observer for Clock {
    fn epoch(&self, _candidate: usize, _epoch: &Epoch) -> Verdict {
        let mut ends = self.0.lock().expect("nothing panics under the lock");
        ends.push(Instant::now());
        Verdict::Continue
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |nth: usize, default: usize| args.get(nth).map_or(Ok(default), |text| text.parse());
    let width: f64 = args.first().map_or(Ok(1.0), |text| text.parse())?;
    let (batch_size, n_steps, max_epochs) = (arg(1, 32)?, arg(2, 4)?, arg(3, 6)?);

    let graph: Graph = vgg7::vgg7(width)?.parse()?;
    let rows = random_rows(batch_size * n_steps);
    let recipe = Recipe {
        max_epochs,
        batch_size,
        optimizer: Optimizer::Sgd,
        momentum: 0.9,
        ..PLAIN_RECIPE
    };
    let candidates = [Candidate {
        graph: graph.clone(),
        seed: 0,
        weights: None,
    }];
    let placement = Placement {
        device: "cpu".to_owned(),
        threads: 1,
    };
    let validation = random_rows(1);
    let job = TrainJob {
        candidates: &candidates,
        train: rows.rows(),
        validation: validation.rows(),
        recipe: &recipe,
        placement: &placement,
    };
    let clock = Clock(Mutex::new(Vec::new()));
    let engine = BurnEngine::cpu();
    for outcome in engine.train(&job, &clock)? {
        if let TrainOutcome::Failed { reason } = outcome {
            return Err(reason.into());
        }
    }
    let ends = clock.0.into_inner()?;
    let trained = ends.windows(2).map(|ends| ends[1] - ends[0]);
    let trained = median(trained.map(|time| time.as_secs_f64()).collect());

    let weights = Weights::init(&graph, 0);
    let mut predicted = Vec::new();
    for _ in 0..max_epochs {
        let start = Instant::now();
        engine.predict(&graph, &weights, rows.features.borrow(), &placement)?;
        predicted.push(start.elapsed().as_secs_f64());
    }
    let n_images = (batch_size * n_steps) as f64;
    println!(
        "{{\"width\": {width}, \"batch_size\": {batch_size}, \"train_images_per_s\": {:.1}, \
         \"infer_images_per_s\": {:.1}, \"peak_mib\": {}}}",
        n_images / trained,
        n_images / median(predicted),
        peak_mib()
    );
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The most memory that the process had, in MiB; 0 where the system does not say.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

fn random_rows(n_rows: usize) -> Split {
    let mut rng = stream(1, Purpose::Dataset, 0);
    let numbers = (0..n_rows * 3 * 32 * 32).map(|_| rng.random_range(-2.0..2.0));
    Split {
        features: Features::Numbers(numbers.collect()),
        labels: (0..n_rows).map(|_| rng.random_range(0..10)).collect(),
    }
}
