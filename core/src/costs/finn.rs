//! Lookup tables of an FPGA, as FINN's matrix-vector units take them.

use super::activations::taken;
use super::layers::{Layer, layers};
use crate::graph::Graph;

/// How much of a layer is there at once; absent is all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Folding {
    /// Outputs that are computed at once (processing elements).
    pub pe: Option<u64>,
    /// Inputs of each that are multiplied at once.
    pub simd: Option<u64>,
}

/// What a node takes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Finn {
    /// 6-input lookup tables.
    pub luts: f64,
    /// Clock cycles for one input.
    pub cycles: u64,
}

/// More threshold bits than any circuit has: a result that is read in more is not compared with
/// thresholds but handed on as a sum.
const THRESHOLD_BITS_MAX: u64 = 16;

/// Returns the lookup tables and cycles of each node; only linear layers and convolutions have any.
///
/// With `P` outputs and `Q` inputs at once, `W` and `A` bits of weights and of what is read, `M`
/// inputs and `N` outputs:
/// `300 + 1.1 P (mult + adders + acc + thresholds + comparators) + memory`, where
/// - `mult = Q (2 ceil((W + A) / 6) - 1) (W + A)` and `adders = (W + A) (2 Q - 1)`,
/// - `acc = min(32, ceil(a + log2(1 + 2^-a) + 1))` with `a = log2(M) + W + A - 1`, one less where
///   what is read has a sign,
/// - `thresholds = (2^B - 1) acc ceil(N / P / 64)` and `comparators = (2^B - 1) acc`, with the `B`
///   bits in which the result is read; none where that is float32 or more than 16 bits,
/// - `memory = P Q W ceil((N / P) (M / Q) / 64)` for weights in distributed memory; none where the
///   layer is not folded, since its weights are then wired in.
///
/// Cycles are `ceil(N / P) ceil(M / Q)` a place of the result. The whole is rounded down, as FINN
/// does.
///
/// # Source
/// Blott et al., "FINN-R: An End-to-End Deep-Learning Framework for Fast Exploration of Quantized
/// Neural Networks", TRETS 2018, <https://arxiv.org/abs/1809.04570>, as FINN's
/// `MVAU_hls.lut_estimation` has it.
pub fn finn(graph: &Graph, folding: Folding) -> Vec<Finn> {
    let mut finn = vec![Finn::default(); graph.nodes().len()];
    let taken = taken(graph);
    for layer in layers(graph) {
        let data_in = graph.nodes()[layer.idx].annotations.formats.get("data_in");
        let is_signed = data_in.is_none_or(|format| format.signed);
        let result_bits = match &taken[layer.idx] {
            taken if taken.is_float || taken.width() > THRESHOLD_BITS_MAX => None,
            taken => Some(taken.width()),
        };
        finn[layer.idx] = of_layer(&layer, folding, is_signed, result_bits);
    }
    finn
}

fn of_layer(layer: &Layer, folding: Folding, is_signed: bool, result_bits: Option<u64>) -> Finn {
    let at_once = |asked: Option<u64>, all: u64| asked.unwrap_or(all).clamp(1, all.max(1));
    let pe = at_once(folding.pe, layer.n_channels);
    let simd = at_once(folding.simd, layer.n_inputs);
    let (rows, columns) = (layer.n_channels.div_ceil(pe), layer.n_inputs.div_ceil(simd));
    let bits = (layer.weight_bits + layer.data_in_bits) as f64;
    let (pe, simd) = (pe as f64, simd as f64);
    let mult = simd * (2.0 * (bits / 6.0).ceil() - 1.0) * bits;
    let adders = bits * (2.0 * simd - 1.0);
    let sign = f64::from(u8::from(is_signed));
    let range = (layer.n_inputs as f64).log2() + bits - 1.0 - sign;
    let acc = (range + (-range).exp2().ln_1p() / std::f64::consts::LN_2 + 1.0)
        .ceil()
        .min(32.0);
    let compared = result_bits.map_or(0.0, |bits| ((1_u64 << bits) - 1) as f64 * acc);
    let thresholds = compared * rows.div_ceil(64) as f64;
    let folds = rows.saturating_mul(columns);
    let memory = match folds {
        1 => 0.0,
        folds => pe * simd * layer.weight_bits as f64 * folds.div_ceil(64) as f64,
    };
    let luts = 300.0 + 1.1 * pe * (mult + adders + acc + thresholds + compared) + memory;
    Finn {
        luts: luts.floor(),
        cycles: folds.saturating_mul(layer.n_places),
    }
}
