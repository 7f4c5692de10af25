//! Time on a chip that is described by what it can do in a second.

use super::Costs;
use super::activations::{self, bits_of_owners, peak_activation_bits, producers};
use super::energy::is_on_the_way;
use super::layers::layers;
use crate::graph::Graph;

/// A chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Multiply-accumulates a clock cycle, of operands of any width.
    pub macs_per_cycle: f64,
    /// The same where both operands have at most so many bits, for 4, 8 and 16.
    pub macs_per_cycle_of: [(u64, Option<f64>); 3],
    /// Clock cycles a second, in millions.
    pub clock_mhz: f64,
    /// Bytes a second between the chip and its memory.
    pub memory_bytes_per_s: f64,
    /// Bytes that the chip holds itself; absent is none.
    pub on_chip_bytes: Option<f64>,
}

/// What bounds the time of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Computing.
    Compute,
    /// Moving weights and results.
    Memory,
    /// Nothing is computed or moved.
    Nothing,
}

/// The time of a node, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// If it only had to be computed.
    pub compute_us: f64,
    /// If it only had to be moved.
    pub memory_us: f64,
}

impl Time {
    /// Returns the longer of the two, which the node takes.
    pub fn us(&self) -> f64 {
        self.compute_us.max(self.memory_us)
    }

    /// Returns which of the two it is.
    pub fn bound(&self) -> Bound {
        match (self.compute_us, self.memory_us) {
            (compute, memory) if compute == 0.0 && memory == 0.0 => Bound::Nothing,
            (compute, memory) if compute >= memory => Bound::Compute,
            _ => Bound::Memory,
        }
    }
}

/// Returns the time of each node for one input: the longer of computing it and of moving what it
/// needs, both at the full speed of the chip.
///
/// Computing is the multiply-accumulates of linear layers and convolutions, and half of one for each
/// operation of another node. Moving is each weight once, each result once when it is made and once
/// by each reader. What the chip holds itself is not moved: results, if all that are there at one
/// time fit, and weights, if they fit in what is left; the network's input and output are moved
/// nevertheless. Relu, batch normalisation, flatten and dropout work on what is on its way.
///
/// # Units
/// Microseconds.
///
/// # Source
/// Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
/// Architectures", Communications of the ACM 52(4), 2009.
pub fn roofline(graph: &Graph, target: &Target) -> Vec<Time> {
    let costs = Costs::of(graph);
    let (made_bits, read_bits) = (activations::bits(graph), bits_of_owners(graph));
    let producers = producers(graph);
    let on_chip_bits = 8.0 * target.on_chip_bytes.unwrap_or(0.0);
    let left = on_chip_bits - peak_activation_bits(graph) as f64;
    let holds_results = left >= 0.0;
    let free = if holds_results { left } else { on_chip_bits };
    let holds_weights = costs.total.weight_bits as f64 <= free;
    let mut width = vec![None; graph.nodes().len()];
    for layer in layers(graph) {
        width[layer.idx] = Some(layer.weight_bits.max(layer.data_in_bits));
    }
    let last = graph.nodes().len() - 1;
    let times = graph.nodes().iter().enumerate().map(|(idx, node)| {
        let cost = &costs.nodes[idx].cost;
        let (macs, per_cycle) = match width[idx] {
            Some(bits) => (cost.macs as f64, target.macs_per_cycle_at(bits)),
            None => (cost.flops as f64 / 2.0, target.macs_per_cycle),
        };
        let weights = match holds_weights {
            true => 0,
            false => cost.weight_bits,
        };
        let reads = producers[idx].iter().map(|read| read_bits[*read]);
        let results = match holds_results {
            true if idx == 0 => made_bits[0],
            true if idx == last => reads.sum(),
            true => 0,
            false if is_on_the_way(&node.op) => 0,
            false => reads.fold(made_bits[idx], u64::saturating_add),
        };
        let moved = weights.saturating_add(results);
        Time {
            compute_us: macs / per_cycle / target.clock_mhz,
            memory_us: moved as f64 / 8.0 / target.memory_bytes_per_s * 1e6,
        }
    });
    times.collect()
}

impl Target {
    fn macs_per_cycle_at(&self, bits: u64) -> f64 {
        let mut narrow = self.macs_per_cycle_of.iter();
        let own = narrow.find_map(|(most, macs)| macs.filter(|_| bits <= *most));
        own.unwrap_or(self.macs_per_cycle)
    }
}
