//! Which channels of a network can only change together.
//!
//! Whoever widens or narrows one layer has to know what else must follow. Three words:
//!
//! - A **unit** is the least that can come or go: one channel nearly everywhere. Where every
//!   channel takes several places of a result, as `height * width` values after a flatten, so does
//!   a unit.
//! - A **bundle** is a row of units with an identity: wherever the bundle shows up, the same unit
//!   is the same channel. Addition puts the channels of its inputs into one bundle.
//! - A **group** is a set of bundles that always have as many units as each other. Mostly it is one
//!   bundle; a convolution in `n` groups reads and makes `n` blocks of one size, and each block is
//!   a bundle of its own.
//!
//! A result is a list of [`Segment`]s, bundles side by side in the first dimension, in the order of
//! its channels. Concatenation puts lists one after the other; where lists with other boundaries
//! are added, bundles are cut until they agree, so that a layer can make several bundles.
//!
//! # Example
//! ```
//! use firebrick_core::channels::Channels;
//! use firebrick_core::graph::Graph;
//!
//! let graph: Graph = "x = input[3, 8, 8]
//!     a = conv2d(x, out=4, kernel=3, padding=1)
//!     b = conv2d(a, out=4, kernel=3, padding=1)
//!     s = add(a, b)
//!     f = flatten(s)
//!     l = linear(f, out=5)
//!     y = output(l)".parse()?;
//! let channels = Channels::of(&graph);
//! // The input, what `a` and `b` make, and the classes.
//! assert_eq!(channels.groups().len(), 3);
//! assert_eq!(channels.groups()[1].makers, [1, 2]);
//! // Two units more are two channels more of `s`, and 128 values more of `f`.
//! assert_eq!(channels.width(3, &[3, 6, 5]), 6);
//! assert_eq!(channels.width(4, &[3, 6, 5]), 384);
//! # Ok::<(), firebrick_core::graph::ParseError>(())
//! ```
//!
//! # Source
//! The coupling of layers as in Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023,
//! <https://arxiv.org/abs/2301.12900>. Differs: groups are found by unification of what results
//! consist of, not by closure over a matrix of dependencies, and may be parts of a layer.

mod find;
mod leaders;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Node, Op};

pub use leaders::Lead;

/// The channels of a network: what each result consists of, and what changes together.
///
/// Groups and bundles are numbered in the order in which results of the graph show them, so the
/// first is the network's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    groups: Vec<Group>,
    /// The group of each bundle.
    group_of: Vec<usize>,
    /// One list a node.
    results: Vec<Vec<Segment>>,
    meetings: Vec<Meeting>,
}

/// Bundles that always have as many units as each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The units of each bundle, at least 1.
    pub units: usize,
    /// The bundles, ascending.
    pub bundles: Vec<usize>,
    /// The linear layers and convolutions that make these channels, by position in the graph.
    pub makers: Vec<usize>,
    /// The batch norms and depthwise convolutions that have as many channels as they read, by
    /// position in the graph.
    pub followers: Vec<usize>,
    /// Why the width can't change, if it can't.
    pub fixed: Option<Fixed>,
}

/// Why a width can't change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixed {
    /// The channels are, or are tied to, those of the network's input.
    Input,
    /// The channels are those of the network's output.
    Output,
    /// The node at this position would have to cut through the places of one unit.
    Misaligned(usize),
}

/// A bundle as a part of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The bundle.
    pub bundle: usize,
    /// How many places side by side in the first dimension one unit takes, at least 1.
    pub places: usize,
}

/// A node at which layers came to share a group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Meeting {
    node: usize,
    layers: Vec<usize>,
}

impl Channels {
    /// Finds the groups of a network.
    pub fn of(graph: &Graph) -> Self {
        find::find(graph)
    }

    /// Returns the groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the number of bundles.
    pub fn n_bundles(&self) -> usize {
        self.group_of.len()
    }

    /// Returns the group of a bundle.
    pub fn group_of(&self, bundle: usize) -> usize {
        self.group_of[bundle]
    }

    /// Returns what the result of a node consists of.
    pub fn segments(&self, node_idx: usize) -> &[Segment] {
        &self.results[node_idx]
    }

    /// Returns the groups of a node's result, each once, in the order of its channels.
    pub fn groups_of(&self, node_idx: usize) -> Vec<usize> {
        let mut groups = Vec::new();
        for segment in self.segments(node_idx) {
            let group = self.group_of(segment.bundle);
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// Returns the units of each group as they are in the network.
    pub fn units(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.units).collect()
    }

    /// Returns the first size of a node's result where groups have these units, one number a group;
    /// [`usize::MAX`] where it does not fit.
    pub fn width(&self, node_idx: usize, units: &[usize]) -> usize {
        let sizes = self
            .segments(node_idx)
            .iter()
            .map(|segment| units[self.group_of(segment.bundle)].saturating_mul(segment.places));
        sizes.fold(0, usize::saturating_add)
    }

    /// Returns the channels of a group as people count them: those that its first maker has in it,
    /// or the network's input.
    pub fn group_width(&self, group: usize) -> usize {
        let node_idx = self.groups[group].makers.first().copied().unwrap_or(0);
        let segments = self.segments(node_idx).iter();
        let own = segments.filter(|segment| self.group_of(segment.bundle) == group);
        own.map(|segment| self.groups[group].units * segment.places)
            .sum()
    }

    /// Returns the nodes with the sizes that groups of these units have, one number a group.
    ///
    /// Nothing but the sizes changes: a depthwise convolution stays one, in as many groups as it
    /// reads channels.
    pub fn resized(&self, graph: &Graph, units: &[usize]) -> Vec<Node> {
        let mut nodes = graph.nodes().to_vec();
        for (node_idx, node) in nodes.iter_mut().enumerate() {
            let input = graph.producers(node_idx).next();
            let inputs = input.map_or(0, |producer| self.width(producer, units));
            let outputs = self.width(node_idx, units);
            let is_depthwise = depthwise_multiplier(&node.op).is_some();
            match &mut node.op {
                Op::Linear {
                    in_features,
                    out_features,
                    ..
                } => (*in_features, *out_features) = (inputs, outputs),
                Op::Conv2d {
                    in_channels,
                    out_channels,
                    groups,
                    ..
                } => {
                    (*in_channels, *out_channels) = (inputs, outputs);
                    if is_depthwise {
                        *groups = inputs;
                    }
                }
                Op::BatchNorm { features, .. } => *features = inputs,
                _ => {}
            }
        }
        nodes
    }

    /// Returns the first node that ties the widths of two layers, by their positions; `None` if
    /// they share no group.
    pub fn tie(&self, one: usize, other: usize) -> Option<usize> {
        let both =
            |meeting: &&Meeting| meeting.layers.contains(&one) && meeting.layers.contains(&other);
        self.meetings.iter().find(both).map(|meeting| meeting.node)
    }
}

/// Returns how many channels a depthwise convolution makes of each that it reads; `None` for
/// everything else.
///
/// A convolution of a single channel is not taken for one: it is free to make others.
pub fn depthwise_multiplier(op: &Op) -> Option<usize> {
    match op {
        Op::Conv2d {
            in_channels,
            out_channels,
            groups,
            ..
        } if *groups > 1 && groups == in_channels => Some(out_channels / in_channels),
        _ => None,
    }
}

/// Returns the output channels of a linear layer or convolution; `None` for everything else.
pub fn own_width(op: &Op) -> Option<usize> {
    match op {
        Op::Linear { out_features, .. } => Some(*out_features),
        Op::Conv2d { out_channels, .. } => Some(*out_channels),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
