//! How many bit operations a network takes.

use firebrick_core::costs::{bops, bops_baskin};
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::per_node::table;

register_pass!("bops"; BopsArgs => Bops);

/// Counts the bit operations of one inference, by two definitions.
///
/// `bops` is the sum over linear layers and convolutions of multiply-accumulates times bits of a
/// weight times bits of what is read (van Baalen). `bops_baskin` is that of multiply-accumulates
/// times `b_a * b_w + b_a + b_w + log2(n)`, with the `n` products that one value sums up, so
/// that additions count as well. What has no number format counts 32 bits; weights that are zero
/// count as any other.
///
/// # Source
/// `bops`: van Baalen et al., "Bayesian Bits", NeurIPS 2020, <https://arxiv.org/abs/2005.07093>;
/// `total_bops` of `qonnx-inference-cost` without its discount for sparsity. `bops_baskin`: Baskin et
/// al., "UNIQ", 2018, <https://arxiv.org/abs/1804.10969>.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BopsArgs {}

struct Bops;

impl Pass for Bops {
    fn role(&self) -> Role {
        Role::Analysis
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let BopsArgs {} = registry::parse(args).map_err(PassError::Args)?;
        let (plain, baskin) = (bops(graph), bops_baskin(graph));
        let total = plain.iter().map(|bops| *bops as f64).sum();
        let mut info = Info::of_metrics([("bops", total), ("bops_baskin", baskin.iter().sum())]);
        let row = |idx: usize| [plain[idx] as f64, baskin[idx]];
        info.table = Some(table(graph, ["bops", "bops_baskin"], row));
        Ok((graph.clone(), info))
    }
}
