//! How many lookup tables FINN makes of a network.

use std::num::NonZeroU64;

use firebrick_core::costs::{Folding, finn};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::per_node::{above_zero, table};

register_pass!("finn_luts"; FinnLutsArgs => FinnLuts);

/// Estimates the lookup tables of a network on an FPGA, as FINN's matrix-vector units take them.
///
/// `finn_luts` is the sum over linear layers and convolutions of FINN's formula for the multipliers,
/// adders, accumulators, thresholds and comparators of a layer, times `calibration`. The thresholds
/// are those of what the result is read in: `2^B - 1` for `B` bits, none for float32. `finn_cycles`
/// is the number of clock cycles of the slowest layer, which is how often an input can come.
///
/// The formula ranks networks; it does not know what synthesis does. On the five dense networks of
/// FINNAS (jets, 8-bit weights) it ranks as synthesis does (Spearman 1.0; multiply-accumulates 0.8)
/// and is 5.6 to 9 times too high: `calibration = 0.1369` is right on average there, and each network
/// within a factor of 1.3.
///
/// # Source
/// Blott et al., "FINN-R: An End-to-End Deep-Learning Framework for Fast Exploration of Quantized
/// Neural Networks", TRETS 2018, <https://arxiv.org/abs/1809.04570>, as FINN's estimate of its
/// matrix-vector unit has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FinnLutsArgs {
    /// Outputs of a layer that are computed at once; all of them where none are given.
    #[serde(default)]
    pe: Option<NonZeroU64>,
    /// Inputs of each that are multiplied at once; all of them where none are given.
    #[serde(default)]
    simd: Option<NonZeroU64>,
    /// What the formula is multiplied with, above 0.
    #[serde(default = "uncalibrated")]
    calibration: f64,
}

fn uncalibrated() -> f64 {
    1.0
}

struct FinnLuts;

impl Pass for FinnLuts {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let args: FinnLutsArgs = registry::parse(args).map_err(PassError::Args)?;
        above_zero("calibration", args.calibration).map_err(PassError::Args)?;
        let folding = Folding {
            pe: args.pe.map(NonZeroU64::get),
            simd: args.simd.map(NonZeroU64::get),
        };
        let nodes = finn(graph, folding);
        let luts = nodes.iter().map(|node| node.luts * args.calibration);
        let cycles = nodes.iter().map(|node| node.cycles).max().unwrap_or(0);
        let mut info = Info::of_metrics([
            ("finn_luts", luts.clone().sum()),
            ("finn_cycles", cycles as f64),
        ]);
        let luts: Vec<f64> = luts.collect();
        let row = |idx: usize| [luts[idx], nodes[idx].cycles as f64];
        let mut rows = table(graph, ["finn_luts", "finn_cycles"], row);
        // Layers work at the same time, so that their cycles are no sum.
        if let Some(total) = rows.rows.last_mut().and_then(|row| row.last_mut()) {
            *total = cycles.to_string();
        }
        info.table = Some(rows);
        Ok((graph.clone(), info))
    }
}
