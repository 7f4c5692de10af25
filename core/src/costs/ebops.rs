//! Effective bit operations.

use super::layers::{Layer, layers, sum_bits};
use crate::formats::{FormatError, LearnedStep, learns_step, step_of, stored};
use crate::graph::{Graph, Node, Op};
use crate::weights::Weights;

/// Effective bit operations, those of multiplications and of additions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ebops {
    /// The sum over multiplications of the product of the bits of their operands.
    pub multiplications: u64,
    /// The sum over additions of the bits of the wider operand.
    pub additions: u64,
}

impl Ebops {
    /// Returns both together.
    pub fn total(&self) -> u64 {
        self.multiplications.saturating_add(self.additions)
    }
}

/// Returns the effective bit operations of each node, every constant as wide as its format.
///
/// `sum(b_i * b_j)` over all multiplications and `sum(max(b_k, b_l))` over all additions, for one
/// input. Multiplications are those of linear layers and convolutions and of the scales of batch
/// normalisation. Additions are those that the network has beside the sums of products (which the
/// multiplications stand for): of a bias or shift to a sum, of results to each other, and of the
/// values of a window that is averaged. A sum of products has the bits of a product and those that it
/// carries, at most 32.
///
/// # Source
/// Sun et al., "Gradient-based Automatic Mixed Precision Quantization for Neural Networks On-Chip",
/// 2024, equation 11, <https://arxiv.org/abs/2405.00645>. `LUT + 55 DSP` of a fully unrolled network
/// made with hls4ml is about as much. Differs: HGQ2, which trains bit widths by it, adds the bits of
/// a bias instead of those of the sum that it is added to.
pub fn ebops(graph: &Graph) -> Vec<Ebops> {
    per_node(graph, |node, operand, tensor_size| {
        let bits = node.annotations.bits(operand);
        Constants {
            bits: bits.saturating_mul(tensor_size),
            n_nonzero: tensor_size,
        }
    })
}

/// Returns the effective bit operations of each node as [`ebops`], with the effective bits of every
/// constant as it is stored: those from the highest to the lowest that is not zero, so that
/// multiplying with 4 costs one bit and with 0 none. The sign does not count. A constant in float32
/// counts 32 bits, one of `binary` or `ternary` a single bit, and a bias of 0 is not added.
///
/// # Errors
/// [`FormatError`] if a format is still open in part.
pub fn ebops_of_weights(graph: &Graph, weights: &Weights) -> Result<Vec<Ebops>, FormatError> {
    let mut error = None;
    let ebops = per_node(graph, |node, operand, tensor_size| {
        let constants = constants(node, operand, weights).unwrap_or_else(|other| {
            error.get_or_insert(other);
            None
        });
        // What has no numbers counts as it is declared.
        constants.unwrap_or_else(|| Constants {
            bits: node.annotations.bits(operand).saturating_mul(tensor_size),
            n_nonzero: tensor_size,
        })
    });
    error.map_or(Ok(ebops), Err)
}

/// The constants of one operand.
struct Constants {
    /// The bits of all of them together.
    bits: u64,
    /// How many are not zero.
    n_nonzero: u64,
}

/// Returns the effective bit operations of each node, given the constants of an operand.
fn per_node(graph: &Graph, mut constants: impl FnMut(&Node, &str, u64) -> Constants) -> Vec<Ebops> {
    let mut ebops = vec![Ebops::default(); graph.nodes().len()];
    for layer in layers(graph) {
        let node = &graph.nodes()[layer.idx];
        ebops[layer.idx] = of_layer(&layer, |operand, size| constants(node, operand, size));
    }
    for (idx, node) in graph.nodes().iter().enumerate() {
        let outputs = super::product(graph.shape(idx));
        let data_in = node.annotations.bits("data_in");
        ebops[idx].additions = match &node.op {
            Op::BatchNorm { features, .. } => {
                let channels = *features as u64;
                let n_places = outputs / channels;
                let scale = constants(node, "weight", channels);
                let shift = constants(node, "bias", channels);
                let scaled = sum_bits(node.annotations.bits("weight") + data_in, 1);
                let multiplied = scale.bits.saturating_mul(data_in);
                ebops[idx].multiplications = multiplied.saturating_mul(n_places);
                let widest = node.annotations.bits("bias").max(scaled);
                shift
                    .n_nonzero
                    .saturating_mul(widest)
                    .saturating_mul(n_places)
            }
            Op::Add => {
                let further = outputs.saturating_mul(node.inputs.len() as u64 - 1);
                further.saturating_mul(data_in)
            }
            Op::AvgPool { kernel, .. } => {
                let further = outputs.saturating_mul(super::product(kernel) - 1);
                further.saturating_mul(data_in)
            }
            Op::GlobalAvgPool => {
                let read = super::product(graph.input_shapes(idx)[0]);
                read.saturating_sub(outputs).saturating_mul(data_in)
            }
            _ => continue,
        };
    }
    ebops
}

fn of_layer(layer: &Layer, mut constants: impl FnMut(&str, u64) -> Constants) -> Ebops {
    let weight = constants("weight", layer.n_channels.saturating_mul(layer.n_inputs));
    let products = weight.bits.saturating_mul(layer.data_in_bits);
    let additions = layer.bias_bits.map_or(0, |bias_bits| {
        let bias = constants("bias", layer.n_channels);
        bias.n_nonzero.saturating_mul(bias_bits.max(layer.sum_bits))
    });
    Ebops {
        multiplications: products.saturating_mul(layer.n_places),
        additions: additions.saturating_mul(layer.n_places),
    }
}

/// Returns the effective bits of an operand as it is stored; `None` where there are no numbers.
fn constants(
    node: &Node,
    operand: &str,
    weights: &Weights,
) -> Result<Option<Constants>, FormatError> {
    let Some(tensor) = stored(node, operand, weights)? else {
        return Ok(None);
    };
    let numbers = tensor.data.iter().filter(|number| **number != 0.0);
    let n_nonzero = numbers.clone().count() as u64;
    let Some(format) = node.annotations.formats.get(operand) else {
        let bits = n_nonzero * 32;
        return Ok(Some(Constants { bits, n_nonzero }));
    };
    let step = step_of(operand).and_then(|step| weights.get(&format!("{}.{step}", node.name)));
    let step = match step.and_then(|tensor| tensor.data.first()) {
        Some(step) if learns_step(format) => {
            LearnedStep::new(format.width, format.signed, *step)?.step()
        }
        _ => 1.0,
    };
    let is_level = matches!(format.name.as_str(), "binary" | "ternary");
    let bits = numbers.map(|number| match (is_level, learns_step(format)) {
        (true, _) => 1,
        // In hardware it is the number of steps that is multiplied with.
        (false, true) => effective_bits((number / step).round()),
        (false, false) => effective_bits(*number),
    });
    let bits = bits.sum();
    Ok(Some(Constants { bits, n_nonzero }))
}

/// Returns the bits from the highest to the lowest that is not zero, wherever the binary point is.
fn effective_bits(number: f32) -> u64 {
    let bits = number.abs().to_bits();
    let (exponent, fraction) = (bits >> 23, bits & 0x7f_ffff);
    let significand = match exponent {
        0 => fraction,
        _ => fraction | 0x80_0000,
    };
    match significand {
        0 => 0,
        _ => u64::from(32 - significand.leading_zeros() - significand.trailing_zeros()),
    }
}
