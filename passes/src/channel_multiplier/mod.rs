//! Widens and narrows layers, and makes what reads them fit.

mod change;
mod rewire;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::Json;
use firebrick_core::graph::{Graph, Op};
use firebrick_core::pass::{Choice, Info, Pass, PassError, Role};
use firebrick_core::{register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::by_node::{By, keys_of_nodes};
use change::{Change, Setting};
use rewire::{Plan, makes_output, rewire};

register_pass!(
    "channel_multiplier", "redefine_linear_transform_pass";
    ChannelMultiplierArgs => ChannelMultiplier
);

/// Multiplies the output channels of linear layers and convolutions, and makes the rest fit.
///
/// Arguments are a table by node, each entry in one of two spellings.
///
/// `{"factor": 2}` is relative to the layer's own width: a layer of `o` outputs gets
/// `round(2 * o)`, half up, at least 1. Every node that reads the result follows by itself, through
/// relu, batch norm, dropout, pooling, flatten, addition and concatenation. Where results are
/// added, all must get the same width.
///
/// `{"name": MODE, "channel_multiplier": 2}`, also inside `{"config": ...}`, is the spelling of the
/// lab. A multiplier counts in units of `base_width`: 2 means 32 outputs where that is 16; without
/// `base_width` it is relative to the layer's own width, rounded in the same way. Modes:
/// - `output_only`: the layer gets new outputs; its input must have the width that it has had.
/// - `both`: the layer follows its input and gets new outputs.
/// - `input_only`: the layer follows its input and keeps its outputs; it takes no multiplier.
/// - null, `"NA"` or no entry: the layer keeps both; its input must have the width that it has had
///   (in a call without any mode it follows).
///
/// The two spellings exclude each other in one call. The width of the input and the number of
/// classes are fixed: the layer that makes the output keeps its width, and a key that matches no
/// other layer can't change it. A `default`, a type or a pattern passes it over, and also those of
/// the matched that have no channels of their own. Widths are always counted from the network that
/// is given, so neither the order of the entries nor an earlier call changes anything.
///
/// A node whose sizes change starts afresh: it loses `weights_from`, `frozen` and its sparsity, and
/// keeps everything else (number formats, momentum and eps, stride, bias). All others stay as they
/// are.
///
/// # Errors
/// A key that matches no node; a mode or factor for nodes without channels of their own; widths
/// that do not meet; a convolution in groups, whose groups would have to change too.
///
/// # Source
/// `redefine_linear_transform_pass` of lab 4 of Advanced Deep Learning Systems (Imperial College
/// London). Differs: there a layer takes its input width from a register that earlier layers have
/// written, which is the producer's in chains of one `output_only`, one `both` and one
/// `input_only` and in few others; the unit is 16 for every network; and every layer that has a
/// mode loses its weights, even if its sizes stay.
#[derive(Deserialize, JsonSchema)]
struct ChannelMultiplierArgs {
    /// What the other keys are.
    #[serde(default = "By::unsaid")]
    by: By,
    /// What changes in every layer that no key matches.
    #[serde(default)]
    #[schemars(with = "Option<Setting>")]
    default: Json,
    /// The channels that a `channel_multiplier` of 1 stands for; 16 for the jet networks of the
    /// lab, 128 for its VGG7.
    #[serde(default)]
    base_width: Option<NonZeroUsize>,
    /// What changes in the nodes that a key matches.
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, Setting>")]
    nodes: BTreeMap<String, Json>,
}

struct ChannelMultiplier;

impl Pass for ChannelMultiplier {
    fn role(&self) -> Role {
        Role::Transform
    }

    fn choices(&self) -> Vec<Choice> {
        let choice = |field: &str, ordered, summary: &str| Choice {
            field: field.to_owned(),
            ordered,
            ops: vec!["linear".to_owned(), "conv2d".to_owned()],
            summary: summary.to_owned(),
        };
        vec![
            choice(
                "factor",
                true,
                "Output channels, relative to the layer's own.",
            ),
            choice(
                "name",
                false,
                "Which side changes, as in the lab: `output_only`, `both`, `input_only`.",
            ),
            choice(
                "channel_multiplier",
                true,
                "Output channels, in units of the model's base width.",
            ),
        ]
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let args: ChannelMultiplierArgs = registry::parse(args).map_err(PassError::Args)?;
        let nodes = rewire(graph, &plan(graph, &args)?)?;
        Ok((Graph::new(nodes)?, Info::default()))
    }
}

/// Returns the plan of every layer, `None` for the other nodes.
fn plan(graph: &Graph, args: &ChannelMultiplierArgs) -> Result<Vec<Option<Plan>>, PassError> {
    let default = Change::read("default", &args.default)?;
    let mut changes: BTreeMap<&str, Change> = BTreeMap::new();
    for (key, entry) in &args.nodes {
        changes.insert(key, Change::read(key, entry)?);
    }
    let has_mode = default.is_mode() || changes.values().any(Change::is_mode);
    let has_factor = default.is_factor() || changes.values().any(Change::is_factor);
    if has_mode && has_factor {
        let reason = "`factor` and the modes (`name`) exclude each other in one call";
        return Err(PassError::Args(reason.to_owned()));
    }

    let keys = keys_of_nodes(graph, args.by, changes.keys().copied())?;
    check_layers(graph, &keys, &changes)?;
    let makes_output = makes_output(graph);
    let mut plans = Vec::with_capacity(keys.len());
    for (node_idx, node) in graph.nodes().iter().enumerate() {
        let Some(width) = own_width(&node.op) else {
            plans.push(None);
            continue;
        };
        let change = keys[node_idx].map_or(default, |key| changes[key]);
        let mut plan = Plan {
            reads: change.reads(has_mode),
            outputs: change.outputs(node, width, args.base_width)?,
        };
        if makes_output[node_idx] && plan.outputs != width {
            if keys[node_idx].is_some_and(|key| !has_free_layer(graph, &keys, &makes_output, key)) {
                return Err(PassError::NotApplicable {
                    node: node.name.clone(),
                    reason: format!("it makes the network's output, which stays {width} wide"),
                });
            }
            plan.outputs = width;
        }
        plans.push(Some(plan));
    }
    Ok(plans)
}

/// Refuses keys that ask something of nodes none of which can do it.
fn check_layers(
    graph: &Graph,
    keys: &[Option<&str>],
    changes: &BTreeMap<&str, Change>,
) -> Result<(), PassError> {
    for (key, change) in changes {
        let nodes = graph.nodes().iter().zip(keys);
        let mut matched = nodes.filter(|(_, of_node)| *of_node == &Some(*key));
        if *change == Change::Keep
            || matched
                .clone()
                .any(|(node, _)| own_width(&node.op).is_some())
        {
            continue;
        }
        if let Some((node, _)) = matched.next() {
            return Err(PassError::NotApplicable {
                node: node.name.clone(),
                reason: format!("{} has no channels of its own", node.op.name()),
            });
        }
    }
    Ok(())
}

/// Returns whether a key matches a layer whose output channels may change.
fn has_free_layer(graph: &Graph, keys: &[Option<&str>], makes_output: &[bool], key: &str) -> bool {
    let nodes = graph.nodes().iter().zip(keys).zip(makes_output);
    nodes.into_iter().any(|((node, of_node), makes_output)| {
        *of_node == Some(key) && own_width(&node.op).is_some() && !makes_output
    })
}

/// Returns the output channels of a layer that has some of its own.
fn own_width(op: &Op) -> Option<usize> {
    match op {
        Op::Linear { out_features, .. } => Some(*out_features),
        Op::Conv2d { out_channels, .. } => Some(*out_channels),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
