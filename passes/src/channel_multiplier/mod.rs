//! Widens and narrows layers, and makes what reads them fit.

mod change;
mod factor;
mod rewire;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::Json;
use firebrick_core::channels::{Channels, depthwise_multiplier, own_width};
use firebrick_core::graph::{Graph, Node};
use firebrick_core::pass::{Choice, Info, Pass, PassError, Role};
use firebrick_core::{register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::by_node::{By, keys_of_nodes};
use change::{Change, Setting};
use rewire::{Plan, Reads, makes_output, rewire};

register_pass!(
    "channel_multiplier", "redefine_linear_transform_pass", "redefine_vgg_pass";
    ChannelMultiplierArgs => ChannelMultiplier
);

/// Multiplies the output channels of linear layers and convolutions, and makes the rest fit.
///
/// Arguments are a table by node, each entry in one of two spellings.
///
/// `{"factor": 2}` is relative to the layer's own width: a layer of `o` outputs gets
/// `round(2 * o)`, half up, at least 1. Layers whose channels are tied change together, whichever of
/// them is named: those whose results are added, a depthwise convolution and what it reads, the
/// blocks of a convolution in groups (which get one size, so that their sum is a multiple of the
/// groups). Every node that reads the result follows by itself, through relu, batch norm, dropout,
/// pooling, flatten and concatenation. Where concatenations with other boundaries are added, a
/// layer is in several groups at once, each of which is rounded on its own; a factor is for all of
/// them. `firebrick transform --groups` shows what is tied.
///
/// `{"name": MODE, "channel_multiplier": 2}`, also inside `{"config": ...}`, is the spelling of the
/// lab. A multiplier counts in units of `base_width`: 2 means 32 outputs where that is 16; without
/// `base_width` it is relative to the layer's own width, rounded in the same way. Modes:
/// - `output_only`: the layer gets new outputs; its input must have the width that it has had.
/// - `both`: the layer follows its input and gets new outputs.
/// - `input_only`: the layer follows its input and keeps its outputs; it takes no multiplier.
/// - null, `"NA"` or no entry: the layer keeps both; its input must have the width that it has had.
///
/// A depthwise convolution follows its input under every mode, its groups too.
///
/// The two spellings exclude each other in one call. The width of the input and the number of
/// classes are fixed: a layer that makes the output, or whose result is added to the input, keeps
/// its width, and a key that matches no other layer can't change it. A `default`, a type or a
/// pattern passes it over, and also those of the matched that have no channels of their own. A
/// factor by a key counts before the `default`. Widths are always counted from the network that
/// is given, so neither the order of the entries nor an earlier call changes anything.
///
/// A node whose sizes change starts afresh: it loses `weights_from`, `frozen` and its sparsity, and
/// keeps everything else (number formats, folds, momentum and eps, stride, bias). All others stay as they
/// are.
///
/// # Errors
/// A key that matches no node; a mode or factor for nodes without channels of their own; two factors
/// for layers that are tied; under modes, widths that do not meet.
///
/// # Source
/// `redefine_linear_transform_pass` and `redefine_vgg_pass` of lab 4 of Advanced Deep Learning Systems
/// (Imperial College London). Differs: there a layer takes its input width from a register that earlier layers have
/// written, which is the producer's in chains of one `output_only`, one `both` and one
/// `input_only` and in few others; the unit is 16 for every network; and every layer that has a
/// mode loses its weights, even if its sizes stay, and convolutions and batch norms lose stride,
/// kernel, groups, bias and momentum, which stay here.
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
            per_group: field == "factor",
            needs: Vec::new(),
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
        let default = Change::read("default", &args.default)?;
        let mut changes: BTreeMap<&str, Change> = BTreeMap::new();
        for (key, entry) in &args.nodes {
            changes.insert(key, Change::read(key, entry)?);
        }
        let has = |is: fn(&Change) -> bool| is(&default) || changes.values().any(is);
        let has_mode = has(Change::is_mode);
        if has_mode && has(Change::is_factor) {
            let reason = "`factor` and the modes (`name`) exclude each other in one call";
            return Err(PassError::Args(reason.to_owned()));
        }
        let asked = Asked {
            keys: keys_of_nodes(graph, args.by, changes.keys().copied())?,
            is_by_name: args.by == By::Name,
            default,
            changes,
        };
        check_layers(graph, &asked)?;
        let nodes = match has_mode {
            true => rewire(graph, &plan(graph, &asked, args.base_width)?)?,
            false => resized(graph, &asked)?,
        };
        Ok((Graph::new(nodes)?, Info::default()))
    }
}

/// What is asked of the nodes of a graph.
struct Asked<'a> {
    /// The key of each node that has one.
    keys: Vec<Option<&'a str>>,
    is_by_name: bool,
    changes: BTreeMap<&'a str, Change>,
    default: Change,
}

impl Asked<'_> {
    /// Returns what is asked of a node by key, if anything.
    fn by_key(&self, node_idx: usize) -> Option<Change> {
        self.keys[node_idx].map(|key| self.changes[key])
    }

    /// Returns whether the key of a node matches one of some others.
    fn matches_one_of(&self, node_idx: usize, mut others: impl Iterator<Item = usize>) -> bool {
        others.any(|other| self.keys[other] == self.keys[node_idx])
    }
}

/// Returns the nodes with the sizes that factors ask for.
fn resized(graph: &Graph, asked: &Asked<'_>) -> Result<Vec<Node>, PassError> {
    let channels = Channels::of(graph);
    let units = factor::units(graph, &channels, asked)?;
    let mut nodes = channels.resized(graph, &units);
    for (node, before) in nodes.iter_mut().zip(graph.nodes()) {
        if node.op != before.op {
            rewire::start_afresh(node);
        }
    }
    Ok(nodes)
}

/// Returns the plan of every layer under modes, `None` for the other nodes.
fn plan(
    graph: &Graph,
    asked: &Asked<'_>,
    base_width: Option<NonZeroUsize>,
) -> Result<Vec<Option<Plan>>, PassError> {
    let makes_output = makes_output(graph);
    let free = || (0..makes_output.len()).filter(|idx| is_free(graph, &makes_output, *idx));
    let mut plans = Vec::with_capacity(makes_output.len());
    for (node_idx, node) in graph.nodes().iter().enumerate() {
        let Some(width) = own_width(&node.op) else {
            plans.push(None);
            continue;
        };
        let change = asked.by_key(node_idx).unwrap_or(asked.default);
        let mut outputs = change.outputs(node, width, base_width)?;
        if depthwise_multiplier(&node.op).is_some() {
            let is_told = asked.is_by_name && asked.keys[node_idx].is_some();
            plans.push(Some(Plan {
                reads: Reads::Producer,
                outputs: (is_told && change.sets_outputs()).then_some(outputs),
            }));
            continue;
        }
        if makes_output[node_idx] && outputs != width {
            if asked.keys[node_idx].is_some() && !asked.matches_one_of(node_idx, free()) {
                return Err(PassError::NotApplicable {
                    node: node.name.clone(),
                    reason: format!("it makes the network's output, which stays {width} wide"),
                });
            }
            outputs = width;
        }
        plans.push(Some(Plan {
            reads: change.reads(),
            outputs: Some(outputs),
        }));
    }
    Ok(plans)
}

/// Returns whether a node is a layer whose output channels may change.
fn is_free(graph: &Graph, makes_output: &[bool], node_idx: usize) -> bool {
    own_width(&graph.nodes()[node_idx].op).is_some() && !makes_output[node_idx]
}

/// Refuses keys that ask something of nodes none of which can do it.
fn check_layers(graph: &Graph, asked: &Asked<'_>) -> Result<(), PassError> {
    for (key, change) in &asked.changes {
        let nodes = graph.nodes().iter().zip(&asked.keys);
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

#[cfg(test)]
mod tests;
