//! What a network costs, from its graph alone.
//!
//! One formula a file, each with its source. What they have in common: the bits of a weight, a bias
//! or of what a node reads are those of the format noted for that operand, 32 where none is noted;
//! bits that a block shares count where numbers are kept, not where they are computed with.

mod activations;
mod bops;
mod ebops;
mod energy;
mod finn;
mod layers;
mod roofline;

use serde::{Deserialize, Serialize};

use crate::formats::Layout;
use crate::graph::{Graph, Op};
use crate::weights::{is_buffer, tensors};

pub use activations::peak_activation_bits;
pub use bops::{bops, bops_baskin};
pub use ebops::{Ebops, ebops, ebops_of_weights};
pub use energy::{Energy, energy};
pub use finn::{Finn, Folding, finn};
pub use roofline::{Bound, Target, Time, roofline};

/// The costs of a graph, node by node and in total, for one input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// One entry a node, in the order of the graph.
    pub nodes: Vec<NodeCost>,
    /// The sum over the nodes.
    pub total: Cost,
}

/// The costs of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCost {
    /// The name of the node.
    pub node: String,
    /// What it costs.
    pub cost: Cost,
}

/// What something costs, for one input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Learned numbers, as PyTorch's `parameters()` counts: weights and biases, those of batch
    /// normalisation included, its running statistics not.
    pub params: u64,
    /// Learned numbers of nodes that are not frozen.
    pub trainable_params: u64,
    /// Running statistics of batch normalisation.
    pub buffers: u64,
    /// Multiply-accumulates of linear layers and convolutions: outputs times inputs that each
    /// reads. Adding the bias does not count.
    ///
    /// # Source
    /// The usual definition, e.g. Hawks et al., "Ps and Qs", 2021, section 3.3.
    pub macs: u64,
    /// Floating-point operations of inference: 2 a multiply-accumulate, 1 a bias, 2 a value of
    /// batch normalisation (one multiplication, one addition, its constants folded), 1 a value of
    /// relu or of each further input of an addition, 1 a value read by a pooling window.
    pub flops: u64,
    /// Bits of the learned numbers: each in the format noted for its operand (`weight`, `bias`),
    /// 32 where none is noted, with the exponents and scales that blocks of them share. Running
    /// statistics do not count, since they fold into the scale and shift.
    pub weight_bits: u64,
    /// Of these, the bits of the weights of linear layers and convolutions.
    pub kernel_bits: u64,
    /// Of these, the bits of the biases of linear layers and convolutions.
    pub bias_bits: u64,
    /// Bits of the result: its values in the widest format in which a reader takes it (operand
    /// `data_in`), 32 where a reader notes none. A reader that only picks values and notes no format
    /// (relu, max pool, flatten, dropout, concatenation) takes it as its own readers do.
    pub activation_bits: u64,
}

impl Costs {
    /// Returns the costs of a graph.
    pub fn of(graph: &Graph) -> Self {
        let activation_bits = activations::bits(graph);
        let nodes = graph.nodes().iter().zip(activation_bits).enumerate();
        let nodes: Vec<NodeCost> = nodes
            .map(|(idx, (node, activation_bits))| NodeCost {
                node: node.name.clone(),
                cost: cost(graph, idx, activation_bits),
            })
            .collect();
        let total = nodes
            .iter()
            .fold(Cost::default(), |total, node| total.plus(&node.cost));
        Self { nodes, total }
    }
}

impl Cost {
    fn plus(&self, other: &Self) -> Self {
        Self {
            params: self.params.saturating_add(other.params),
            trainable_params: self.trainable_params.saturating_add(other.trainable_params),
            buffers: self.buffers.saturating_add(other.buffers),
            macs: self.macs.saturating_add(other.macs),
            flops: self.flops.saturating_add(other.flops),
            weight_bits: self.weight_bits.saturating_add(other.weight_bits),
            kernel_bits: self.kernel_bits.saturating_add(other.kernel_bits),
            bias_bits: self.bias_bits.saturating_add(other.bias_bits),
            activation_bits: self.activation_bits.saturating_add(other.activation_bits),
        }
    }
}

fn cost(graph: &Graph, idx: usize, activation_bits: u64) -> Cost {
    let node = &graph.nodes()[idx];
    let is_layer = layers::is_layer(&node.op);
    let mut cost = Cost {
        activation_bits,
        ..Cost::default()
    };
    for (name, shape) in tensors(node) {
        let size = product(&shape);
        if is_buffer(name) {
            cost.buffers += size;
        } else {
            cost.params += size;
            let bits = node.annotations.bits_of(name, Layout::of_tensor(&shape));
            cost.weight_bits = cost.weight_bits.saturating_add(bits);
            match name {
                "weight" if is_layer => cost.kernel_bits = bits,
                "bias" if is_layer => cost.bias_bits = bits,
                _ => {}
            }
        }
    }
    if !node.annotations.frozen {
        cost.trainable_params = cost.params;
    }
    cost.macs = macs(graph, idx);
    cost.flops = flops(graph, idx, cost.macs);
    cost
}

fn macs(graph: &Graph, idx: usize) -> u64 {
    let outputs = product(graph.shape(idx));
    match &graph.nodes()[idx].op {
        Op::Linear { in_features, .. } => outputs.saturating_mul(*in_features as u64),
        Op::Conv2d {
            in_channels,
            kernel,
            groups,
            ..
        } => outputs.saturating_mul(product(&[in_channels / groups, kernel[0], kernel[1]])),
        _ => 0,
    }
}

fn flops(graph: &Graph, idx: usize, macs: u64) -> u64 {
    let outputs = product(graph.shape(idx));
    let node = &graph.nodes()[idx];
    match &node.op {
        Op::Linear { bias, .. } | Op::Conv2d { bias, .. } => macs
            .saturating_mul(2)
            .saturating_add(if *bias { outputs } else { 0 }),
        Op::BatchNorm { .. } => outputs.saturating_mul(2),
        Op::Relu => outputs,
        Op::Add => outputs.saturating_mul(node.inputs.len() as u64 - 1),
        Op::MaxPool { kernel, .. } | Op::AvgPool { kernel, .. } => {
            outputs.saturating_mul(product(kernel))
        }
        Op::GlobalAvgPool => product(graph.input_shapes(idx)[0]),
        Op::Input { .. } | Op::Flatten | Op::Concat | Op::Dropout { .. } | Op::Output => 0,
    }
}

fn product(sizes: &[usize]) -> u64 {
    sizes
        .iter()
        .fold(1, |product: u64, size| product.saturating_mul(*size as u64))
}

#[cfg(test)]
mod tests;
