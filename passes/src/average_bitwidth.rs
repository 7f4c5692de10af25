//! How many bits a weight has on average.

use std::num::NonZeroU64;

use firebrick_core::costs::Costs;
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::weights::tensors;
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

register_pass!("average_bitwidth"; AverageBitwidthArgs => AverageBitwidth);

/// Measures the bits of a weight, averaged over all weights of linear layers and convolutions.
///
/// `average_bitwidth` is the sum over these layers of weights times bits a weight, divided by the
/// sum of weights. A weight without a number format counts 32 bits, and so does a network without
/// such layers. Biases, batch norm and activations do not count (`size_bits` counts them).
/// `memory_density` is `compare_to / average_bitwidth`.
///
/// Both are averages: they say nothing about how many weights there are, and are constant in a
/// search over widths alone. `size_density` sees them: it is how many times smaller than
/// `reference_params` numbers in float32 all learned numbers are, biases and batch norm included, as
/// `weight_bits` of `size_bits` counts them. Give it the parameters of the base, so that candidates of
/// a search are compared with one size; without, it is the number of the network itself.
///
/// # Source
/// `average_bitwidth` of MASE, <https://github.com/DeepWok/mase>. Differs: MASE averages over the
/// quantised linear layers only, so that a network with one 2-bit layer of four scores 2.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AverageBitwidthArgs {
    /// The bits that `memory_density` compares to, above 0.
    #[serde(default = "float32_bits")]
    compare_to: f64,
    /// The learned numbers that `size_density` compares to, in float32; those of the network itself
    /// where none are given.
    #[serde(default)]
    reference_params: Option<NonZeroU64>,
}

fn float32_bits() -> f64 {
    32.0
}

struct AverageBitwidth;

impl Pass for AverageBitwidth {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let AverageBitwidthArgs {
            compare_to,
            reference_params,
        } = registry::parse(args).map_err(PassError::Args)?;
        if !(compare_to > 0.0 && compare_to.is_finite()) {
            let reason = format!("`compare_to` is {compare_to}, expected a number above 0");
            return Err(PassError::Args(reason));
        }
        let (mut n_weights, mut n_bits) = (0.0, 0.0);
        for node in graph.nodes() {
            let count = weights(node);
            n_weights += count;
            n_bits += count * node.annotations.bits("weight") as f64;
        }
        let average = if n_weights > 0.0 {
            n_bits / n_weights
        } else {
            float32_bits()
        };
        let total = Costs::of(graph).total;
        let reference = reference_params.map_or(total.params, NonZeroU64::get) as f64;
        // Of nothing at all, nothing is left out.
        let density = match total.weight_bits {
            0 => 1.0,
            bits => float32_bits() * reference / bits as f64,
        };
        let metrics = [
            ("average_bitwidth", average),
            ("memory_density", compare_to / average),
            ("size_density", density),
        ];
        Ok((graph.clone(), Info::of_metrics(metrics)))
    }
}

/// Returns how many weights a linear layer or convolution has.
fn weights(node: &Node) -> f64 {
    if !matches!(node.op, Op::Linear { .. } | Op::Conv2d { .. }) {
        return 0.0;
    }
    let tensors = tensors(node);
    let shapes = tensors.iter().filter(|(name, _)| *name == "weight");
    shapes
        .map(|(_, shape)| shape.iter().map(|size| *size as f64).product::<f64>())
        .sum()
}
