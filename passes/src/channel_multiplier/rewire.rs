//! Carries widths from producers to readers, as the modes of the lab ask.

use firebrick_core::channels::{depthwise_multiplier, own_width};
use firebrick_core::graph::{Annotations, Graph, Node, Op};
use firebrick_core::pass::PassError;

/// What becomes of a linear layer or convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The input channels.
    pub(super) reads: Reads,
    /// The output channels; `None` for a depthwise convolution that follows its input.
    pub(super) outputs: Option<usize>,
}

/// Where a layer has its input channels from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reads {
    /// Whatever the producer makes now.
    Producer,
    /// What the layer has always read, else it is an error.
    Base {
        /// The mode that says so, if one does.
        mode: Option<&'static str>,
    },
}

/// The first size of a node's result, and the node that decided it.
#[derive(Debug, Clone, Copy)]
struct Width {
    channels: usize,
    source: usize,
}

/// Returns for each node whether it is a layer whose channels are those of the output.
pub(super) fn makes_output(graph: &Graph) -> Vec<bool> {
    let nodes = graph.nodes();
    let mut reached = vec![false; nodes.len()];
    reached[nodes.len() - 1] = true;
    for (node_idx, node) in nodes.iter().enumerate().rev() {
        if reached[node_idx] && !is_layer(&node.op) {
            for producer in graph.producers(node_idx) {
                reached[producer] = true;
            }
        }
    }
    let layers = nodes.iter().zip(reached);
    layers
        .map(|(node, reached)| reached && is_layer(&node.op))
        .collect()
}

/// Returns the nodes with the widths that the plans ask for, one plan a layer.
///
/// # Errors
/// [`PassError::NotApplicable`] names the first node whose inputs do not have the widths that it
/// can read.
pub(super) fn rewire(graph: &Graph, plans: &[Option<Plan>]) -> Result<Vec<Node>, PassError> {
    let mut widths: Vec<Width> = Vec::with_capacity(plans.len());
    let mut nodes = Vec::with_capacity(plans.len());
    for (node_idx, node) in graph.nodes().iter().enumerate() {
        let inputs: Vec<Width> = graph
            .producers(node_idx)
            .map(|producer| widths[producer])
            .collect();
        let mut node = node.clone();
        let is_layer = is_layer(&node.op);
        let width = match plans[node_idx] {
            Some(plan) => {
                let input = inputs[0];
                check_reads(graph, node_idx, plan.reads, input)?;
                let channels = resize(&mut node, input.channels, plan.outputs)?;
                let source = match is_layer {
                    true => node_idx,
                    false => input.source,
                };
                Width { channels, source }
            }
            None => follow(graph, node_idx, &mut node, &inputs)?,
        };
        widths.push(width);
        nodes.push(node);
    }
    Ok(nodes)
}

fn check_reads(
    graph: &Graph,
    node_idx: usize,
    reads: Reads,
    input: Width,
) -> Result<(), PassError> {
    let base = graph.input_shapes(node_idx)[0][0];
    let Reads::Base { mode } = reads else {
        return Ok(());
    };
    if input.channels == base {
        return Ok(());
    }
    let without = mode.map_or("without a mode".to_owned(), |mode| format!("with `{mode}`"));
    Err(PassError::NotApplicable {
        node: graph.nodes()[node_idx].name.clone(),
        reason: format!(
            "its input, from `{}`, is now {} wide, but {without} it reads {base} \
             (`both` and `input_only` follow)",
            graph.nodes()[input.source].name,
            input.channels
        ),
    })
}

/// Gives a layer its new sizes, and returns its outputs.
fn resize(node: &mut Node, inputs: usize, outputs: Option<usize>) -> Result<usize, PassError> {
    let before = node.op.clone();
    let followed =
        depthwise_multiplier(&before).map(|multiplier| inputs.saturating_mul(multiplier));
    let outputs = match (followed, outputs) {
        (Some(followed), Some(outputs)) if followed != outputs => {
            return Err(PassError::NotApplicable {
                node: node.name.clone(),
                reason: format!(
                    "it is depthwise: of {inputs} channels it makes {followed}, not {outputs} \
                     (`input_only` follows)"
                ),
            });
        }
        (Some(followed), _) => followed,
        (None, Some(outputs)) => outputs,
        (None, None) => inputs,
    };
    match &mut node.op {
        Op::Linear {
            in_features,
            out_features,
            ..
        } => {
            *in_features = inputs;
            *out_features = outputs;
        }
        Op::Conv2d {
            in_channels,
            out_channels,
            groups,
            ..
        } => {
            *in_channels = inputs;
            *out_channels = outputs;
            if followed.is_some() {
                *groups = inputs;
            }
        }
        _ => {}
    }
    if node.op != before {
        start_afresh(node);
    }
    Ok(outputs)
}

/// Makes a node without channels of its own fit its inputs, and returns its width.
fn follow(
    graph: &Graph,
    node_idx: usize,
    node: &mut Node,
    inputs: &[Width],
) -> Result<Width, PassError> {
    let Some(&first) = inputs.first() else {
        return Ok(Width {
            channels: graph.input_shape()[0],
            source: node_idx,
        });
    };
    match &mut node.op {
        Op::BatchNorm { features, .. } => {
            if *features != first.channels {
                *features = first.channels;
                start_afresh(node);
            }
            Ok(first)
        }
        Op::Flatten => {
            let values_a_channel: usize = graph.input_shapes(node_idx)[0][1..].iter().product();
            Ok(Width {
                channels: first.channels.saturating_mul(values_a_channel),
                source: first.source,
            })
        }
        Op::Add => match inputs.iter().find(|input| input.channels != first.channels) {
            Some(other) => Err(PassError::NotApplicable {
                node: node.name.clone(),
                reason: format!(
                    "it adds results of one width, but `{}` would make {} channels and `{}` {}",
                    graph.nodes()[first.source].name,
                    first.channels,
                    graph.nodes()[other.source].name,
                    other.channels
                ),
            }),
            None => Ok(first),
        },
        Op::Concat => Ok(Width {
            channels: inputs
                .iter()
                .fold(0, |sum, input| sum.saturating_add(input.channels)),
            source: node_idx,
        }),
        _ => Ok(first),
    }
}

/// Forgets what was known of weights that no longer fit.
pub(super) fn start_afresh(node: &mut Node) {
    let Annotations { formats, folds, .. } = std::mem::take(&mut node.annotations);
    node.annotations = Annotations {
        formats,
        folds,
        ..Annotations::default()
    };
}

/// Returns whether an op makes channels of its own; a depthwise convolution hands its input's on.
fn is_layer(op: &Op) -> bool {
    own_width(op).is_some() && depthwise_multiplier(op).is_none()
}
