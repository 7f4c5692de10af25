//! Prints how long an export takes: `cargo run -p firebrick-export --example export_time`.
//!
//! One line a case, as JSON: its name and milliseconds, the fastest of several. Each file is QONNX,
//! and is read again and compared with the network in whole numbers before it counts.

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

#[path = "../src/testing/convolutions.rs"]
mod convolutions;

use std::error::Error;
use std::time::{Duration, Instant};

use convolutions::of_convolutions;
use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;
use firebrick_export::{Format, export};
use serde_json::json;

const N_ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    for (case, size) in [
        ("small", convolutions::SMALL),
        ("large", convolutions::LARGE),
    ] {
        let graph: Graph = of_convolutions(size).parse()?;
        let weights = Weights::init(&graph, 1);
        let mut fastest = Duration::MAX;
        for _ in 0..N_ROUNDS {
            let start = Instant::now();
            let exported = export(&graph, &weights, None, Format::Qonnx, "a.onnx")?;
            fastest = fastest.min(start.elapsed());
            if !exported.checked.is_some_and(|checked| checked.is_exact) {
                return Err(format!("network `{case}` was not checked in whole numbers").into());
            }
        }
        let line = json!({ "case": case, "ms": fastest.as_secs_f64() * 1e3 });
        println!("{line}");
    }
    Ok(())
}
