//! How much memory a network takes.

use firebrick_core::costs::{Costs, peak_activation_bits};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::per_node::table;

register_pass!("size_bits"; SizeBitsArgs => SizeBits);

/// Measures the memory of a network in bits, for one input.
///
/// `weight_bits` are those of all learned numbers, each in the format noted for it, 32 where none
/// is noted, with the exponents and scales that numbers share; running statistics of batch norm do not
/// count, since they fold into its scale and shift. Of these, `kernel_bits` are the weights of linear
/// layers and convolutions (`total_mem_w_bits` of `qonnx-inference-cost`, without its discount for
/// sparsity) and `bias_bits` their biases.
///
/// `activation_bits` are those of the input and of every result, all held at once, each in the widest
/// format in which it is read. `peak_activation_bits` are the most that there are at one time if nodes
/// are computed one after the other and what nobody reads any more goes. `size_bits` is the sum of
/// `weight_bits` and `activation_bits`: what a circuit holds in which every layer is there at the same
/// time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SizeBitsArgs {}

struct SizeBits;

impl Pass for SizeBits {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let SizeBitsArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let costs = Costs::of(graph);
        let total = costs.total;
        let size = total.weight_bits.saturating_add(total.activation_bits);
        let metrics = [
            ("size_bits", size),
            ("weight_bits", total.weight_bits),
            ("kernel_bits", total.kernel_bits),
            ("bias_bits", total.bias_bits),
            ("activation_bits", total.activation_bits),
            ("peak_activation_bits", peak_activation_bits(graph)),
        ];
        let mut info = Info::of_metrics(metrics.map(|(name, bits)| (name, bits as f64)));
        let columns = ["weight_bits", "kernel_bits", "bias_bits", "activation_bits"];
        let row = |idx: usize| {
            let cost = &costs.nodes[idx].cost;
            let bits = [
                cost.weight_bits,
                cost.kernel_bits,
                cost.bias_bits,
                cost.activation_bits,
            ];
            bits.map(|bits| bits as f64)
        };
        info.table = Some(table(graph, columns, row));
        Ok((graph.clone(), info))
    }
}
