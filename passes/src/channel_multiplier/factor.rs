//! What factors come to: the units of every group of tied channels.

use firebrick_core::channels::{Channels, Fixed, depthwise_multiplier, own_width};
use firebrick_core::graph::{Graph, Op};
use firebrick_core::pass::PassError;

use super::Asked;
use super::change::{Change, scaled};

/// What is asked of a group by key.
#[derive(Debug, Clone, Copy)]
enum Claim {
    /// Nothing yet.
    None,
    /// To stay as it is, unless another layer of it has a factor.
    Keep,
    /// A factor, by the layer at a position.
    Factor { factor: f64, layer: usize },
}

/// Returns the units of each group that the factors ask for.
///
/// # Errors
/// [`PassError::NotApplicable`] for two factors on one group, or one that can't change any width.
pub(super) fn units(
    graph: &Graph,
    channels: &Channels,
    asked: &Asked<'_>,
) -> Result<Vec<usize>, PassError> {
    let mut claims = vec![Claim::None; channels.groups().len()];
    for (layer, node) in graph.nodes().iter().enumerate() {
        let Some(width) = own_width(&node.op) else {
            continue;
        };
        let free = channels.free_groups_of(layer);
        match asked.by_key(layer) {
            Some(Change::Factor(factor)) => {
                if free.is_empty() && scaled(node, width, factor)? != width {
                    check_fixed(graph, channels, asked, layer, width)?;
                }
                for group in free {
                    claim(graph, channels, &mut claims[group], factor, layer)?;
                }
            }
            Some(_) => {
                for group in free {
                    if matches!(claims[group], Claim::None) {
                        claims[group] = Claim::Keep;
                    }
                }
            }
            None => {}
        }
    }
    let mut units = channels.units();
    for (group, units) in units.iter_mut().enumerate() {
        let (factor, layer) = match (claims[group], asked.default) {
            (Claim::Factor { factor, layer }, _) => (factor, layer),
            (Claim::None, Change::Factor(factor)) => {
                let group = &channels.groups()[group];
                match group.makers.first() {
                    Some(layer) if group.fixed.is_none() => (factor, *layer),
                    _ => continue,
                }
            }
            _ => continue,
        };
        *units = scaled(&graph.nodes()[layer], *units, factor)?;
    }
    Ok(units)
}

/// Notes the factor of a layer for a group.
fn claim(
    graph: &Graph,
    channels: &Channels,
    claim: &mut Claim,
    factor: f64,
    layer: usize,
) -> Result<(), PassError> {
    match *claim {
        Claim::Factor {
            factor: earlier,
            layer: other,
        } if earlier != factor => {
            let nodes = graph.nodes();
            let tie = channels.tie(other, layer);
            let why = tie.map_or_else(
                || "their channels are tied".to_owned(),
                |tie| {
                    let name = &nodes[tie].name;
                    match &nodes[tie].op {
                        op if depthwise_multiplier(op).is_some() => {
                            format!("`{name}` is depthwise, so it is as wide as its input")
                        }
                        Op::Conv2d { groups, .. } => {
                            format!("`{name}` reads them as {groups} groups of one size")
                        }
                        _ => format!("`{name}` adds their results"),
                    }
                },
            );
            Err(PassError::NotApplicable {
                node: nodes[layer].name.clone(),
                reason: format!(
                    "its factor is {factor}, that of `{}` is {earlier}, but {why}",
                    nodes[other].name
                ),
            })
        }
        _ => {
            *claim = Claim::Factor { factor, layer };
            Ok(())
        }
    }
}

/// Refuses a factor for a layer that can't change, unless its key matches one that can.
fn check_fixed(
    graph: &Graph,
    channels: &Channels,
    asked: &Asked<'_>,
    layer: usize,
    width: usize,
) -> Result<(), PassError> {
    let nodes = graph.nodes();
    let mut free = (0..nodes.len()).filter(|idx| {
        own_width(&nodes[*idx].op).is_some() && !channels.free_groups_of(*idx).is_empty()
    });
    if asked.matches_one_of(layer, &mut free) {
        return Ok(());
    }
    let groups = channels.groups_of(layer);
    let mut reasons = groups
        .iter()
        .filter_map(|group| channels.groups()[*group].fixed);
    let reason = match reasons.next() {
        Some(Fixed::Input) => format!(
            "its channels are tied to those of the network's input, which stays {} wide",
            graph.input_shape()[0]
        ),
        Some(Fixed::Misaligned(node)) => format!(
            "it keeps its width, since `{}` joins results whose channels do not line up",
            nodes[node].name
        ),
        Some(Fixed::Output) | None => {
            format!("it makes the network's output, which stays {width} wide")
        }
    };
    Err(PassError::NotApplicable {
        node: nodes[layer].name.clone(),
        reason,
    })
}
