//! How long an inference takes on a described chip.

use firebrick_core::costs::{Bound, Target, roofline};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role, Table};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::per_node::{above_zero, shown};

register_pass!("roofline_latency", "roofline"; RooflineLatencyArgs => RooflineLatency);

/// Estimates the time of one inference on a chip that is described by what it can do, in microseconds.
///
/// `roofline_latency_us` is the sum over nodes of the longer of two times, that of computing at full
/// speed and that of moving weights and results at full speed; the table says of each node which of
/// them it is. `roofline_compute_us` and `roofline_memory_us` are the sums of each alone. The arguments
/// are what a study says of the chip under `[target]`.
///
/// Computing is multiply-accumulates, and half of one for each other operation. Moving is each weight
/// once, each result once when it is made and once by each reader, in the bits of its number format.
/// Of what fits into `on_chip_bytes`, first the results that are there at one time, then all weights,
/// only the network's input and output are moved. Relu, batch norm, flatten and dropout work on what
/// is on its way.
///
/// # Source
/// Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
/// Architectures", Communications of the ACM 52(4), 2009.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RooflineLatencyArgs {
    /// Multiply-accumulates a clock cycle, above 0.
    macs_per_cycle: f64,
    /// The same where weights and what is read have at most 16 bits.
    #[serde(default)]
    macs_per_cycle_16_bit: Option<f64>,
    /// The same where they have at most 8 bits.
    #[serde(default)]
    macs_per_cycle_8_bit: Option<f64>,
    /// The same where they have at most 4 bits.
    #[serde(default)]
    macs_per_cycle_4_bit: Option<f64>,
    /// Clock cycles a second, in millions, above 0.
    clock_mhz: f64,
    /// Bytes a second between the chip and its memory, above 0.
    memory_bytes_per_s: f64,
    /// Bytes that the chip holds itself; none where nothing is said.
    #[serde(default)]
    on_chip_bytes: Option<f64>,
}

struct RooflineLatency;

impl Pass for RooflineLatency {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let args: RooflineLatencyArgs = registry::parse(args).map_err(PassError::Args)?;
        let target = args.target().map_err(PassError::Args)?;
        let times = roofline(graph, &target);
        let compute = times.iter().map(|time| time.compute_us).sum();
        let memory = times.iter().map(|time| time.memory_us).sum();
        let total: f64 = times.iter().map(|time| time.us()).sum();
        let mut info = Info::of_metrics([
            ("roofline_latency_us", total),
            ("roofline_compute_us", compute),
            ("roofline_memory_us", memory),
        ]);
        let mut rows = Vec::new();
        for (node, time) in graph.nodes().iter().zip(&times) {
            let bound = match time.bound() {
                Bound::Compute => "compute",
                Bound::Memory => "memory",
                Bound::Nothing => continue,
            };
            let row = [
                node.name.clone(),
                node.op.name().to_owned(),
                shown(time.compute_us),
                shown(time.memory_us),
                shown(time.us()),
                bound.to_owned(),
            ];
            rows.push(row.to_vec());
        }
        let sums = [compute, memory, total].map(shown);
        let ends = ["total".to_owned(), String::new()].into_iter();
        rows.push(ends.chain(sums).chain([String::new()]).collect());
        info.table = Some(Table {
            columns: COLUMNS.map(str::to_owned).to_vec(),
            rows,
        });
        Ok((graph.clone(), info))
    }
}

const COLUMNS: [&str; 6] = [
    "node",
    "type",
    "roofline_compute_us",
    "roofline_memory_us",
    "roofline_latency_us",
    "bound",
];

impl RooflineLatencyArgs {
    fn target(&self) -> Result<Target, String> {
        let narrow = [
            ("macs_per_cycle_4_bit", self.macs_per_cycle_4_bit),
            ("macs_per_cycle_8_bit", self.macs_per_cycle_8_bit),
            ("macs_per_cycle_16_bit", self.macs_per_cycle_16_bit),
        ];
        let given = [
            ("macs_per_cycle", self.macs_per_cycle),
            ("clock_mhz", self.clock_mhz),
            ("memory_bytes_per_s", self.memory_bytes_per_s),
        ];
        let narrow_given = narrow
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)));
        for (name, value) in given.into_iter().chain(narrow_given) {
            above_zero(name, value)?;
        }
        if let Some(bytes) = self.on_chip_bytes.filter(|bytes| *bytes < 0.0) {
            return Err(format!("`on_chip_bytes` is {bytes}, expected 0 or more"));
        }
        let [four, eight, sixteen] = narrow.map(|(_, value)| value);
        Ok(Target {
            macs_per_cycle: self.macs_per_cycle,
            macs_per_cycle_of: [(4, four), (8, eight), (16, sixteen)],
            clock_mhz: self.clock_mhz,
            memory_bytes_per_s: self.memory_bytes_per_s,
            on_chip_bytes: self.on_chip_bytes,
        })
    }
}
