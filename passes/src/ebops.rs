//! How many effective bit operations a network takes.

use firebrick_core::costs::{Ebops, ebops};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::per_node::table;

register_pass!("ebops"; EbopsArgs => EbopsPass);

/// Counts the effective bit operations of one inference, every constant as wide as its format.
///
/// `ebops` is the sum over multiplications of the product of the bits of both operands, and over
/// additions of the bits of the wider one. Multiplications are those of linear layers and convolutions
/// and of the scales of batch norm; additions those of biases and shifts, of results to each other,
/// and of what is averaged. Those that sum up products count with the multiplications. What has no
/// number format counts 32 bits. `trained_ebops`, which the program measures of a trained candidate,
/// takes of each constant the bits between the outermost that are set.
///
/// `LUT + 55 DSP` of a network of fixed-point numbers that hls4ml unrolls is about as much, and with
/// da4ml it is a bound from above.
///
/// # Source
/// Sun et al., "Gradient-based Automatic Mixed Precision Quantization for Neural Networks On-Chip",
/// 2024, equation 11, <https://arxiv.org/abs/2405.00645>. Differs: HGQ2 adds the bits of a bias
/// instead of those of the sum that it is added to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EbopsArgs {}

struct EbopsPass;

impl Pass for EbopsPass {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let EbopsArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let nodes = ebops(graph);
        let total = nodes.iter().map(|node| node.total() as f64).sum();
        let mut info = Info::of_metrics([("ebops", total)]);
        let row = |idx: usize| {
            let Ebops {
                multiplications,
                additions,
            } = nodes[idx];
            [
                multiplications as f64,
                additions as f64,
                nodes[idx].total() as f64,
            ]
        };
        info.table = Some(table(graph, ["multiplications", "additions", "ebops"], row));
        Ok((graph.clone(), info))
    }
}
