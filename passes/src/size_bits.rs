//! How much memory a network takes.

use firebrick_core::costs::Costs;
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

register_pass!("size_bits"; SizeBitsArgs => SizeBits);

/// Measures the memory of a network in bits, for one input.
///
/// `weight_bits` are those of all learned numbers, each in the format noted for it, 32 where none
/// is noted; running statistics of batch norm do not count, since they fold into its scale and
/// shift. `activation_bits` are those of the input and of every result, all held at once.
/// `size_bits` is the sum: what a circuit holds in which every layer is there at the same time.
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
        let total = Costs::of(graph).total;
        let metrics = [
            (
                "size_bits",
                total.weight_bits.saturating_add(total.activation_bits) as f64,
            ),
            ("weight_bits", total.weight_bits as f64),
            ("activation_bits", total.activation_bits as f64),
        ];
        Ok((graph.clone(), Info::of_metrics(metrics)))
    }
}
