//! Prints how long passes take: `cargo run -p firebrick-passes --example pass_time`.
//!
//! One line a case, as JSON: its name and milliseconds, the fastest of several. What a trial pays
//! before it trains: the network's channels multiplied and its costs counted, and all analyses of a
//! large network with formats.

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

// Links the passes, which are found by name.
use firebrick_passes as _;

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use firebrick_core::Json;
use firebrick_core::costs::Costs;
use firebrick_core::graph::Graph;
use firebrick_core::pass::Pass;
use firebrick_core::registry::{Make, Registration};
use serde_json::json;

const N_ROUNDS: usize = 20;
/// Repetitions a round of what takes microseconds.
const N_APPLIED: u32 = 100;

/// The network of the seed, its weights from a checkpoint.
const JSC: &str = include_str!("../src/channel_multiplier/jsc.txt");

/// Arguments that make the same network of it: in the seed's modes, and as factors.
fn multipliers() -> [(&'static str, Json); 2] {
    let modes = json!({
        "by": "name",
        "base_width": 16,
        "default": { "config": { "name": "NA" } },
        "seq_blocks_1": { "config": { "name": null } },
        "seq_blocks_2": { "config": { "name": "output_only", "channel_multiplier": 2 } },
        "seq_blocks_4": { "config": { "name": "both", "channel_multiplier": 4 } },
        "seq_blocks_6": { "config": { "name": "input_only" } },
    });
    let factors = json!({ "seq_blocks_2": { "factor": 2 }, "seq_blocks_4": { "factor": 4 } });
    [("multiply_by_mode", modes), ("multiply_by_factor", factors)]
}

fn main() -> Result<(), Box<dyn Error>> {
    let graph: Graph = JSC.parse()?;
    let multiply = pass("channel_multiplier");
    for (case, args) in multipliers() {
        let round = fastest(|| {
            for _ in 0..N_APPLIED {
                let (changed, _) = multiply.apply(&graph, &args)?;
                black_box(Costs::of(&changed));
            }
            Ok(())
        })?;
        show(case, round / N_APPLIED);
    }

    let preset = json!({ "default": { "format": "int8" } });
    let graph = pass("quantize").apply(&vgg7().parse()?, &preset)?.0;
    let analyses = analyses();
    let round = fastest(|| {
        for (analysis, args) in &analyses {
            black_box(analysis.apply(&graph, args)?);
        }
        Ok(())
    })?;
    show("analyses_of_vgg7", round);
    Ok(())
}

fn show(case: &str, time: Duration) {
    let line = json!({ "case": case, "ms": time.as_secs_f64() * 1e3 });
    println!("{line}");
}

/// Returns the shortest time of several rounds.
fn fastest(
    mut round: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut fastest = Duration::MAX;
    for _ in 0..N_ROUNDS {
        let start = Instant::now();
        round()?;
        fastest = fastest.min(start.elapsed());
    }
    Ok(fastest)
}

fn pass(name: &str) -> Box<dyn Pass> {
    let items = Registration::of_package("firebrick-passes");
    let item = items.iter().find(|item| item.names.contains(&name));
    let Make::Pass(make) = item.expect("registered").make else {
        panic!("`{name}` is no pass");
    };
    make()
}

/// Returns what costs a candidate, with the arguments that an analysis can't do without.
fn analyses() -> [(Box<dyn Pass>, Json); 9] {
    let names = [
        "average_bitwidth",
        "bops",
        "ebops",
        "energy",
        "finn_luts",
        "macs",
        "params",
        "roofline_latency",
        "size_bits",
    ];
    names.map(|name| {
        let args = match name {
            "roofline_latency" => {
                json!({ "macs_per_cycle": 64, "clock_mhz": 200, "memory_bytes_per_s": 1e9 })
            }
            _ => json!({}),
        };
        (pass(name), args)
    })
}

/// Returns six convolutions, two and two between pools, and three linear layers.
fn vgg7() -> String {
    let mut text = "x = input[3, 32, 32]\n".to_owned();
    let mut last = "x".to_owned();
    for (idx, channels) in [128, 128, 256, 256, 512, 512].into_iter().enumerate() {
        text += &format!(
            "c{idx} = conv2d({last}, out={channels}, kernel=3, padding=1)
             n{idx} = batch_norm(c{idx})
             r{idx} = relu(n{idx})\n"
        );
        last = format!("r{idx}");
        if idx % 2 == 1 {
            text += &format!("p{idx} = max_pool({last}, kernel=2)\n");
            last = format!("p{idx}");
        }
    }
    text + &format!(
        "f = flatten({last})
         l0 = linear(f, out=1024)
         l1 = relu(l0)
         l2 = linear(l1, out=1024)
         l3 = relu(l2)
         l4 = linear(l3, out=10)
         y = output(l4)"
    )
}
