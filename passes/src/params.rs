//! How many numbers are learned.

use firebrick_core::costs::Costs;
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

register_pass!("params"; ParamsArgs => Params);

/// Counts the learned numbers of a network.
///
/// `params` are weights and biases, those of batch norm included, its running statistics not, as
/// `parameters()` of PyTorch has them. `trainable_params` leaves out frozen nodes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ParamsArgs {}

struct Params;

impl Pass for Params {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let ParamsArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let total = Costs::of(graph).total;
        let metrics = [
            ("params", total.params as f64),
            ("trainable_params", total.trainable_params as f64),
        ];
        Ok((graph.clone(), Info::of_metrics(metrics)))
    }
}
