//! What a network costs, from its graph alone.

use serde::{Deserialize, Serialize};

use crate::formats::Layout;
use crate::graph::{Graph, Node, Op};
use crate::weights::{is_buffer, tensors};

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
    /// Bits of the result: its values in the widest format in which a reader takes it (operand
    /// `data_in`), 32 where a reader notes none.
    pub activation_bits: u64,
}

impl Costs {
    /// Returns the costs of a graph.
    pub fn of(graph: &Graph) -> Self {
        let nodes: Vec<NodeCost> = (0..graph.nodes().len())
            .map(|idx| NodeCost {
                node: graph.nodes()[idx].name.clone(),
                cost: cost(graph, idx),
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
            activation_bits: self.activation_bits.saturating_add(other.activation_bits),
        }
    }
}

fn cost(graph: &Graph, idx: usize) -> Cost {
    let node = &graph.nodes()[idx];
    let mut cost = Cost::default();
    for (name, shape) in tensors(node) {
        let size = product(&shape);
        if is_buffer(name) {
            cost.buffers += size;
        } else {
            cost.params += size;
            cost.weight_bits = cost
                .weight_bits
                .saturating_add(node.annotations.bits_of(name, Layout::of_tensor(&shape)));
        }
    }
    if !node.annotations.frozen {
        cost.trainable_params = cost.params;
    }
    cost.macs = macs(graph, idx);
    cost.flops = flops(graph, idx, cost.macs);
    cost.activation_bits = activation_bits(graph, idx);
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
        Op::BatchNorm { .. } => 2 * outputs,
        Op::Relu => outputs,
        Op::Add => outputs * (node.inputs.len() as u64 - 1),
        Op::MaxPool { kernel, .. } | Op::AvgPool { kernel, .. } => {
            outputs.saturating_mul(product(kernel))
        }
        Op::GlobalAvgPool => product(graph.input_shapes(idx)[0]),
        Op::Input { .. } | Op::Flatten | Op::Concat | Op::Dropout { .. } | Op::Output => 0,
    }
}

fn activation_bits(graph: &Graph, idx: usize) -> u64 {
    let node = &graph.nodes()[idx];
    if !makes_values(node) {
        return 0;
    }
    let layout = Layout::of_rows(1, graph.shape(idx));
    let readers = graph
        .consumers(&node.name)
        .map(|reader| reader.annotations.bits_of("data_in", layout));
    readers.max().unwrap_or(32 * layout.len() as u64)
}

/// Returns whether a node's result is new memory rather than another view of its input.
fn makes_values(node: &Node) -> bool {
    !matches!(node.op, Op::Flatten | Op::Dropout { .. } | Op::Output)
}

fn product(sizes: &[usize]) -> u64 {
    sizes
        .iter()
        .fold(1, |product: u64, size| product.saturating_mul(*size as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(text: &str) -> Cost {
        Costs::of(&text.parse().unwrap()).total
    }

    #[test]
    fn counts_the_network_of_the_seed() {
        // reference: PyTorch counts 661 parameters, and 16*16 + 16*16 + 16*5 multiplications.
        let cost = total(
            "x = input[16]
             a = batch_norm(x)
             b = relu(a)
             c = linear(b, out=16)
             d = relu(c)
             e = linear(d, out=16)
             f = relu(e)
             g = linear(f, out=5)
             h = relu(g)
             y = output(h)",
        );
        assert_eq!((cost.params, cost.buffers, cost.macs), (661, 32, 592));
        assert_eq!(cost.flops, 2 * 592 + 37 + 2 * 16 + (16 + 16 + 16 + 5));
        assert_eq!(cost.weight_bits, 661 * 32);
    }

    #[test]
    fn counts_a_grouped_convolution() {
        let cost = total(
            "x = input[4, 8, 8]\nc = conv2d(x, out=8, kernel=3, padding=1, groups=2)\ny = output(c)",
        );
        assert_eq!(cost.params, 8 * 2 * 9 + 8);
        assert_eq!(cost.macs, 8 * 2 * 9 * 64);
    }

    #[test]
    fn formats_change_bits_and_nothing_else() {
        let float = total("x = input[4]\na = linear(x, out=8)\ny = output(a)");
        let fixed = total(
            "x = input[4]\na = linear(x, out=8) @ weight=integer(4) bias=integer(8) data_in=integer(6)\ny = output(a)",
        );
        assert_eq!(fixed.weight_bits, 32 * 4 + 8 * 8);
        assert_eq!(fixed.activation_bits, 4 * 6 + 8 * 32);
        assert_eq!((fixed.macs, fixed.params), (float.macs, float.params));
    }

    #[test]
    fn frozen_nodes_have_no_trainable_parameters() {
        let cost = total("x = input[4]\na = linear(x, out=8) @ frozen\ny = output(a)");
        assert_eq!((cost.params, cost.trainable_params), (40, 0));
    }
}
