//! Linear layers and convolutions as sums of products.

use crate::graph::{Graph, Op};

/// A linear layer or convolution: how many sums of how many products, of numbers of how many bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    /// Position in the graph.
    pub(super) idx: usize,
    /// Products that are summed up for one value of the result.
    pub(super) n_inputs: u64,
    /// Channels of the result.
    pub(super) n_channels: u64,
    /// Places of the result, 1 of a linear layer.
    pub(super) n_places: u64,
    /// Bits of a weight.
    pub(super) weight_bits: u64,
    /// Bits of what is read.
    pub(super) data_in_bits: u64,
    /// Bits of a bias, if there are any.
    pub(super) bias_bits: Option<u64>,
    /// Bits of what is summed up.
    pub(super) sum_bits: u64,
}

/// The most bits that a sum has: what is wider is cut off, or computed in float32.
const SUM_BITS_MAX: u64 = 32;

/// Returns whether an op is a linear layer or a convolution.
pub(super) fn is_layer(op: &Op) -> bool {
    matches!(op, Op::Linear { .. } | Op::Conv2d { .. })
}

/// Returns all layers of a graph.
pub(super) fn layers(graph: &Graph) -> impl Iterator<Item = Layer> + '_ {
    (0..graph.nodes().len()).filter_map(|idx| layer(graph, idx))
}

fn layer(graph: &Graph, idx: usize) -> Option<Layer> {
    let node = &graph.nodes()[idx];
    let (n_inputs, has_bias) = match &node.op {
        Op::Linear {
            in_features, bias, ..
        } => (*in_features as u64, *bias),
        Op::Conv2d {
            in_channels,
            kernel,
            groups,
            bias,
            ..
        } => {
            let taps = super::product(kernel);
            ((*in_channels / groups) as u64 * taps, *bias)
        }
        _ => return None,
    };
    let shape = graph.shape(idx);
    let annotations = &node.annotations;
    let (weight_bits, data_in_bits) = (annotations.bits("weight"), annotations.bits("data_in"));
    Some(Layer {
        idx,
        n_inputs,
        n_channels: shape[0] as u64,
        n_places: super::product(&shape[1..]),
        weight_bits,
        data_in_bits,
        bias_bits: has_bias.then(|| annotations.bits("bias")),
        sum_bits: sum_bits(weight_bits + data_in_bits, n_inputs),
    })
}

impl Layer {
    /// Returns the multiply-accumulates.
    pub(super) fn macs(&self) -> u64 {
        self.outputs().saturating_mul(self.n_inputs)
    }

    /// Returns how many values the result has.
    pub(super) fn outputs(&self) -> u64 {
        self.n_channels.saturating_mul(self.n_places)
    }
}

/// Returns the bits of a sum of so many products of so many bits, at most 32.
pub(super) fn sum_bits(product_bits: u64, n_products: u64) -> u64 {
    let carried = u64::from(n_products.max(1).next_power_of_two().ilog2());
    (product_bits + carried).min(SUM_BITS_MAX)
}
