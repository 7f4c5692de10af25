//! How much energy an inference takes.

use firebrick_core::costs::energy;
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::per_node::table;

register_pass!("energy"; EnergyArgs => EnergyPass);

/// Estimates the energy of one inference in a 45 nm circuit, in picojoules.
///
/// `energy_pj` is the sum of `energy_compute_pj`, multiplications and additions of the kind and
/// width of the number formats, and `energy_memory_pj`: each weight read once, each result written
/// once and read once by each reader, in the smallest memory of 8 KiB, 32 KiB and 1 MiB that holds
/// the weights and the results that are there at one time, or else in DRAM.
///
/// Additions are interpolated in the bits, multiplications in the product of the bits; of floats it
/// is those of the significand. Multiplying with a power of two costs an addition, a relu
/// nothing. Relu and batch norm work on what is on its way, and no control or wire counts: compare
/// networks by it, not chips.
///
/// # Source
/// Horowitz, "Computing's Energy Problem (and what we can do about it)", ISSCC 2014, figure 1.1.9.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EnergyArgs {}

struct EnergyPass;

impl Pass for EnergyPass {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let EnergyArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let nodes = energy(graph);
        let compute: f64 = nodes.iter().map(|node| node.compute).sum();
        let memory: f64 = nodes.iter().map(|node| node.memory).sum();
        let mut info = Info::of_metrics([
            ("energy_pj", compute + memory),
            ("energy_compute_pj", compute),
            ("energy_memory_pj", memory),
        ]);
        let row = |idx: usize| {
            let node = nodes[idx];
            [node.compute, node.memory, node.compute + node.memory]
        };
        let columns = ["energy_compute_pj", "energy_memory_pj", "energy_pj"];
        info.table = Some(table(graph, columns, row));
        Ok((graph.clone(), info))
    }
}
