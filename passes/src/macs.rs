//! How much is computed.

use firebrick_core::costs::Costs;
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

register_pass!("macs"; MacsArgs => Macs);

/// Counts the operations of one inference.
///
/// `macs` are the multiply-accumulates of linear layers and convolutions. `flops` are
/// floating-point operations: 2 a multiply-accumulate, 1 a bias, 2 a value of batch norm, 1 a value
/// of relu or of each further input of an addition, 1 a value read by a pooling window.
///
/// # Source
/// MACs as in Hawks et al., "Ps and Qs: Quantization-Aware Pruning for Efficient Low Latency
/// Neural Network Inference", 2021, <https://arxiv.org/abs/2102.11289>.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MacsArgs {}

struct Macs;

impl Pass for Macs {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let MacsArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let total = Costs::of(graph).total;
        let metrics = [("macs", total.macs as f64), ("flops", total.flops as f64)];
        Ok((graph.clone(), Info::of_metrics(metrics)))
    }
}
