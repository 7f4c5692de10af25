//! Bit operations.

use super::layers::layers;
use crate::graph::Graph;

/// Returns the bit operations of each node: multiply-accumulates times the bits of a weight times
/// the bits of what is read.
///
/// Linear layers and convolutions count, their zero weights too; all else is 0. The sum is what
/// `qonnx-inference-cost` calls `total_bops` where it discounts no sparsity.
///
/// # Source
/// van Baalen et al., "Bayesian Bits: Unifying Quantization and Pruning", NeurIPS 2020, appendix B,
/// <https://arxiv.org/abs/2005.07093>.
pub fn bops(graph: &Graph) -> Vec<u64> {
    let mut bops = vec![0; graph.nodes().len()];
    for layer in layers(graph) {
        let bits = layer.weight_bits * layer.data_in_bits;
        bops[layer.idx] = layer.macs().saturating_mul(bits);
    }
    bops
}

/// Returns the bit operations of each node, additions included: multiply-accumulates times
/// `b_a * b_w + b_a + b_w + log2(n)`, with the bits of what is read, of a weight, and the number of
/// products that one value sums up.
///
/// # Source
/// Baskin et al., "UNIQ: Uniform Noise Injection for Non-Uniform Quantization of Neural Networks",
/// 2018, section 4.2, <https://arxiv.org/abs/1804.10969>.
pub fn bops_baskin(graph: &Graph) -> Vec<f64> {
    let mut bops = vec![0.0; graph.nodes().len()];
    for layer in layers(graph) {
        let (weight, data_in) = (layer.weight_bits as f64, layer.data_in_bits as f64);
        let bits = data_in * weight + data_in + weight + (layer.n_inputs as f64).log2();
        bops[layer.idx] = layer.macs() as f64 * bits;
    }
    bops
}
