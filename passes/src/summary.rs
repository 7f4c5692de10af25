//! A network as a table.

use firebrick_core::costs::{Cost, Costs};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role, Table};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

register_pass!("summary"; SummaryArgs => Summary);

/// Lists the layers of a network with their shapes and costs.
///
/// The table has a row a node: name, type, shapes read and made (without the batch), learned
/// numbers, multiply-accumulates, bits of the weights and of the result. The metrics are the sums:
/// `params`, `trainable_params`, `macs`, `flops`, `weight_bits`, `activation_bits`, each as the
/// pass that measures it defines it (`params`, `macs`, `size_bits`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SummaryArgs {}

struct Summary;

impl Pass for Summary {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let SummaryArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let costs = Costs::of(graph);
        let total = &costs.total;
        let metrics = [
            ("params", total.params as f64),
            ("trainable_params", total.trainable_params as f64),
            ("macs", total.macs as f64),
            ("flops", total.flops as f64),
            ("weight_bits", total.weight_bits as f64),
            ("activation_bits", total.activation_bits as f64),
        ];
        let mut info = Info::of_metrics(metrics);
        let rows = costs.nodes.iter().enumerate();
        info.table = Some(Table {
            columns: COLUMNS.map(str::to_owned).to_vec(),
            rows: rows
                .map(|(idx, node)| row(graph, idx, &node.cost))
                .collect(),
        });
        Ok((graph.clone(), info))
    }
}

const COLUMNS: [&str; 8] = [
    "node",
    "type",
    "reads",
    "makes",
    "params",
    "macs",
    "weight_bits",
    "activation_bits",
];

fn row(graph: &Graph, node_idx: usize, cost: &Cost) -> Vec<String> {
    let node = &graph.nodes()[node_idx];
    let inputs = graph.input_shapes(node_idx);
    let reads: Vec<String> = inputs.iter().map(|shape| format!("{shape:?}")).collect();
    vec![
        node.name.clone(),
        node.op.name().to_owned(),
        reads.join(", "),
        format!("{:?}", graph.shape(node_idx)),
        cost.params.to_string(),
        cost.macs.to_string(),
        cost.weight_bits.to_string(),
        cost.activation_bits.to_string(),
    ]
}
