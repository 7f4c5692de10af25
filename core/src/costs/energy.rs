//! Energy of one inference.

use std::collections::BTreeMap;

use super::Costs;
use super::activations::{self, bits_of_owners, peak_activation_bits, producers};
use super::layers::{Layer, layers, sum_bits};
use crate::graph::{Graph, Node, NumberFormat, Op};

/// Energy in picojoules.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Energy {
    /// Of multiplications and additions.
    pub compute: f64,
    /// Of reading weights and of reading and writing results.
    pub memory: f64,
}

/// What numbers are computed with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Arithmetic {
    /// Whole numbers of so many bits.
    Integer(f64),
    /// Floats with so many bits of significand, that which is not stored included.
    Float(f64),
    /// Powers of two of so many bits.
    Power(f64),
}

const FLOAT32: Arithmetic = Arithmetic::Float(24.0);

/// Energies in picojoules of [Horowitz 2014], by size; between two sizes they are on the line that
/// joins them, below the first on the line to zero, and above the last on that of the last two.
type Table = [(f64, f64); 2];

/// By bits.
const INTEGER_ADDITION: Table = [(8.0, 0.03), (32.0, 0.1)];
/// By the product of the operands' bits.
const INTEGER_MULTIPLICATION: Table = [(64.0, 0.2), (1024.0, 3.1)];
/// By bits of the significand: 11 of float16, 24 of float32.
const FLOAT_ADDITION: Table = [(11.0, 0.4), (24.0, 0.9)];
/// By the product of the significands' bits.
const FLOAT_MULTIPLICATION: Table = [(121.0, 1.1), (576.0, 3.7)];

/// Bytes of a memory and picojoules for 64 bits of it; what does not fit is in DRAM.
const MEMORIES: [(u64, f64); 3] = [(8 << 10, 10.0), (32 << 10, 20.0), (1 << 20, 100.0)];
const DRAM: f64 = 1300.0;

/// Returns the energy of each node, for one input, in a 45 nm circuit at 0.9 V.
///
/// Computing: a multiplication and an addition for each multiply-accumulate, an addition for each
/// bias, both for each value of batch normalisation, an addition for each further value that is
/// added, averaged or compared, of the kind and width of the formats; relu looks at signs alone, which
/// costs nothing. Multiplying with a power of two adds exponents or shifts, which costs an addition.
/// Sums of whole numbers have the bits of a product and those that they carry, at most 32; those of
/// floats are float32. Who notes no format reads what there is: sums as they come, the network's
/// input in float32.
///
/// Memory: each weight is read once, each result written once and read once by each reader, in the
/// smallest memory of 8 KiB, 32 KiB and 1 MiB that holds all weights and the results that are
/// there at one time, or else in DRAM. Relu and batch normalisation work on what is on its way.
///
/// # Units
/// Picojoules.
///
/// # Source
/// Horowitz, "Computing's Energy Problem (and what we can do about it)", ISSCC 2014, figure 1.1.9:
/// additions 0.03 and 0.1 (8 and 32 bits), 0.4 and 0.9 (float16 and float32), multiplications 0.2,
/// 3.1, 1.1 and 3.7, caches 10, 20 and 100 for 64 bits, DRAM from 1300. Between these we
/// interpolate: additions in the bits, multiplications in the product of the bits.
pub fn energy(graph: &Graph) -> Vec<Energy> {
    let costs = Costs::of(graph);
    let kept = costs.total.weight_bits;
    let bytes = kept.saturating_add(peak_activation_bits(graph)).div_ceil(8);
    let memory = MEMORIES.iter().find(|(size, _)| bytes <= *size);
    let a_bit = memory.map_or(DRAM, |(_, energy)| *energy) / 64.0;
    let (made_bits, read_bits) = (activations::bits(graph), bits_of_owners(graph));
    let producers = producers(graph);
    let layers = layers(graph).map(|layer| (layer.idx, layer));
    let layers: BTreeMap<usize, Layer> = layers.collect();
    let mut energies = vec![Energy::default(); graph.nodes().len()];
    let mut made: Vec<Arithmetic> = Vec::with_capacity(energies.len());
    for (idx, node) in graph.nodes().iter().enumerate() {
        let noted = node.annotations.formats.get("data_in").map(arithmetic_of);
        let results = producers[idx].iter().map(|read| made[*read]);
        let data_in = noted.or_else(|| results.reduce(wider)).unwrap_or(FLOAT32);
        let (result, compute) = match layers.get(&idx) {
            Some(layer) => of_layer(node, layer, data_in),
            None => of_values(graph, idx, data_in),
        };
        made.push(result);
        energies[idx].compute = compute;
        let moved = if is_on_the_way(&node.op) {
            0
        } else {
            let read = producers[idx].iter().map(|read| read_bits[*read]);
            read.fold(made_bits[idx], u64::saturating_add)
        };
        let weights = costs.nodes[idx].cost.weight_bits;
        energies[idx].memory = weights.saturating_add(moved) as f64 * a_bit;
    }
    energies
}

/// Returns whether a node takes its input as it is made and hands it on at once.
pub(super) fn is_on_the_way(op: &Op) -> bool {
    matches!(
        op,
        Op::BatchNorm { .. } | Op::Relu | Op::Flatten | Op::Dropout { .. } | Op::Output
    )
}

/// Returns what a linear layer or convolution makes, and the energy of computing it.
fn of_layer(node: &Node, layer: &Layer, data_in: Arithmetic) -> (Arithmetic, f64) {
    let [weight, bias] = ["weight", "bias"].map(|of| arithmetic(node, of));
    let sum = added(weight, data_in, layer.n_inputs);
    let products = layer.macs() as f64 * (multiplication(weight, data_in) + addition(sum));
    match layer.bias_bits {
        Some(_) => {
            let sum = wider(sum, bias);
            (sum, products + layer.outputs() as f64 * addition(sum))
        }
        None => (sum, products),
    }
}

/// Returns what a node without sums of products makes, and the energy of computing it.
fn of_values(graph: &Graph, idx: usize, data_in: Arithmetic) -> (Arithmetic, f64) {
    let node = &graph.nodes()[idx];
    let outputs = super::product(graph.shape(idx)) as f64;
    match &node.op {
        Op::BatchNorm { .. } => {
            let [scale, shift] = ["weight", "bias"].map(|of| arithmetic(node, of));
            let sum = wider(added(scale, data_in, 1), shift);
            let each = multiplication(scale, data_in) + addition(sum);
            (sum, outputs * each)
        }
        Op::Add => {
            let further = node.inputs.len() as f64 - 1.0;
            (data_in, outputs * further * addition(data_in))
        }
        Op::MaxPool { kernel, .. } | Op::AvgPool { kernel, .. } => {
            let further = super::product(kernel) as f64 - 1.0;
            (data_in, outputs * further * addition(data_in))
        }
        Op::GlobalAvgPool => {
            let read = super::product(graph.input_shapes(idx)[0]) as f64;
            (data_in, (read - outputs) * addition(data_in))
        }
        _ => (data_in, 0.0),
    }
}

fn arithmetic(node: &Node, operand: &str) -> Arithmetic {
    let format = node.annotations.formats.get(operand);
    format.map_or(FLOAT32, arithmetic_of)
}

/// Returns what numbers of a format are computed with; what blocks share is no part of it.
fn arithmetic_of(format: &NumberFormat) -> Arithmetic {
    let width = f64::from(format.width);
    let float = |exponent_width: u32| {
        // The sign's bit is as many as the bit that is not stored.
        Arithmetic::Float((width - f64::from(exponent_width)).max(1.0))
    };
    match format.name.as_str() {
        "minifloat_ieee" | "minifloat_denorm" | "block_minifloat" => {
            float(format.exponent_width.unwrap_or(0))
        }
        "fp8_e5m2" | "mxfp8_e5m2" => float(5),
        "fp8_e4m3" | "mxfp8_e4m3" => float(4),
        "mxfp6_e3m2" => float(3),
        "mxfp6_e2m3" | "mxfp4_e2m1" => float(2),
        "log" | "block_log" => Arithmetic::Power(width),
        _ => Arithmetic::Integer(width),
    }
}

fn multiplication(one: Arithmetic, other: Arithmetic) -> f64 {
    use Arithmetic::{Float, Integer, Power};
    match (one, other) {
        (Power(one), Power(other)) => energy_at(INTEGER_ADDITION, one.max(other)),
        (Power(_), Integer(bits) | Float(bits)) | (Integer(bits) | Float(bits), Power(_)) => {
            energy_at(INTEGER_ADDITION, bits)
        }
        (Integer(one), Integer(other)) => energy_at(INTEGER_MULTIPLICATION, one * other),
        (Float(one) | Integer(one), Float(other) | Integer(other)) => {
            energy_at(FLOAT_MULTIPLICATION, one * other)
        }
    }
}

fn addition(of: Arithmetic) -> f64 {
    match of {
        Arithmetic::Integer(bits) | Arithmetic::Power(bits) => energy_at(INTEGER_ADDITION, bits),
        Arithmetic::Float(bits) => energy_at(FLOAT_ADDITION, bits),
    }
}

/// Returns what the sum of so many products is.
fn added(one: Arithmetic, other: Arithmetic, n_products: u64) -> Arithmetic {
    match (one, other) {
        (Arithmetic::Integer(one), Arithmetic::Integer(other)) => {
            Arithmetic::Integer(sum_bits((one + other) as u64, n_products) as f64)
        }
        _ => FLOAT32,
    }
}

fn wider(one: Arithmetic, other: Arithmetic) -> Arithmetic {
    match (one, other) {
        (Arithmetic::Integer(one), Arithmetic::Integer(other)) => {
            Arithmetic::Integer(one.max(other))
        }
        _ => FLOAT32,
    }
}

fn energy_at([(first, at_first), (second, at_second)]: Table, size: f64) -> f64 {
    if size <= first {
        return at_first * size / first;
    }
    at_first + (size - first) / (second - first) * (at_second - at_first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_talk() {
        use Arithmetic::{Float, Integer, Power};
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        near(multiplication(Integer(8.0), Integer(8.0)), 0.2);
        near(multiplication(Integer(32.0), Integer(32.0)), 3.1);
        near(multiplication(Float(11.0), Float(11.0)), 1.1);
        near(multiplication(FLOAT32, FLOAT32), 3.7);
        near(addition(Integer(8.0)), 0.03);
        near(addition(Integer(32.0)), 0.1);
        near(addition(Float(11.0)), 0.4);
        near(addition(FLOAT32), 0.9);
        // Half of the bits of both is a quarter of the work; a shift is as wide as what is shifted.
        near(multiplication(Integer(4.0), Integer(4.0)), 0.05);
        near(multiplication(Power(4.0), Integer(8.0)), 0.03);
        near(
            multiplication(Integer(8.0), FLOAT32),
            1.1 + (192.0 - 121.0) / 455.0 * 2.6,
        );
    }
}
