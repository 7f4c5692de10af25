//! How candidates of one topology lie in one network that is wide enough for all of them.
//!
//! A result of the stack is `[rows, candidates * channels, places]`, candidate after candidate, each
//! as wide as the widest. Which of these channels a candidate has of its own follows from the
//! bundles of [`Channels`]: each bundle is padded to the most units that a candidate has in it, and a
//! candidate's units are the first of them. So channels that are added, or put side by side and
//! added, stand at the same places wherever they come from.
//!
//! # Why nothing is masked
//! What pads a weight, a bias or a scale starts at 0, and stays there. A padded channel is made by
//! padded weights alone, so it is 0 and adds 0 to what reads it; what reads it has padded weights
//! for it, so the gradient by it is 0, and so is that by every padded number of a weight: it is a
//! product with one of these zeros. Optimisers move a number whose gradients are 0 by its decay,
//! which is a share of 0. A variance that pads may be anything, as its scale is 0.

use std::ops::Range;

use firebrick_core::channels::{Channels, depthwise_multiplier};
use firebrick_core::formats::{STEP, learns_step};
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::weights::tensors;

/// Candidates of one topology, and where each of them lies in the widest network.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The network that has room for every candidate; formats are those of the first.
    graph: Graph,
    candidates: Vec<Own>,
}

/// What of the widest network is a candidate's own.
#[derive(Debug, Clone)]
struct Own {
    graph: Graph,
    /// For each node, the channels of its result, ascending.
    channels: Vec<Vec<Range<usize>>>,
}

impl Layout {
    /// Returns the narrowest layout of candidates; `None` where they have none in common: their
    /// nodes differ in more than widths and number formats, or in which operands have a format or
    /// learn a step, or what is added or cut into groups consists of other parts.
    pub(crate) fn of(graphs: &[&Graph]) -> Option<Self> {
        let first = graphs.first()?;
        let channels: Vec<Channels> = graphs.iter().map(|graph| Channels::of(graph)).collect();
        for (graph, its) in graphs.iter().zip(&channels).skip(1) {
            if !are_alike(first, graph) || !consist_alike(first, &channels[0], its) {
                return None;
            }
        }
        let units: Vec<Vec<usize>> = channels.iter().map(Channels::units).collect();
        let most = |group: usize| units.iter().map(|units| units[group]).fold(1, usize::max);
        let widest: Vec<usize> = (0..units[0].len()).map(most).collect();
        let graph = Graph::new(channels[0].resized(first, &widest)).ok()?;
        let own = |(graph, units): (&&Graph, &Vec<usize>)| Own {
            graph: (*graph).clone(),
            channels: (0..graph.nodes().len())
                .map(|idx| own_channels(&channels[0], idx, units, &widest))
                .collect(),
        };
        Some(Self {
            graph,
            candidates: graphs.iter().zip(&units).map(own).collect(),
        })
    }

    /// Returns the widest network, with the number formats of the first candidate.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns how many candidates there are.
    pub(crate) fn n_candidates(&self) -> usize {
        self.candidates.len()
    }

    /// Returns the graph of a candidate.
    pub(crate) fn graph_of(&self, candidate: usize) -> &Graph {
        &self.candidates[candidate].graph
    }

    /// Returns the channels of a node's result that a candidate has, of those that are its share.
    pub(crate) fn channels(&self, candidate: usize, node: usize) -> &[Range<usize>] {
        &self.candidates[candidate].channels[node]
    }

    /// Keeps some candidates, in their order; none gets another width.
    pub(crate) fn keep(&mut self, candidates: &[usize]) {
        let kept = candidates.iter().map(|idx| self.candidates[*idx].clone());
        self.candidates = kept.collect();
    }

    /// Returns a tensor of a node of a candidate as it lies in that of the widest network, zeros
    /// around it.
    pub(crate) fn widen(
        &self,
        candidate: usize,
        node: usize,
        name: &str,
        shape: &[usize],
        own: &[f32],
    ) -> Vec<f32> {
        let mut wide = vec![0.0; shape.iter().product()];
        let mut own = own.iter();
        self.each_place(candidate, node, name, shape, |place| {
            if let Some(number) = own.next() {
                wide[place] = *number;
            }
        });
        wide
    }

    /// Returns the numbers of a tensor that are a candidate's own, what [`Layout::widen`] takes.
    pub(crate) fn narrow(
        &self,
        candidate: usize,
        node: usize,
        name: &str,
        shape: &[usize],
        wide: &[f32],
    ) -> Vec<f32> {
        let mut own = Vec::new();
        self.each_place(candidate, node, name, shape, |place| own.push(wide[place]));
        own
    }

    /// Goes through the places of a candidate's own numbers in a tensor of the widest network, which
    /// has this shape, in their order.
    fn each_place(
        &self,
        candidate: usize,
        node: usize,
        name: &str,
        shape: &[usize],
        mut act: impl FnMut(usize),
    ) {
        let makes = self.channels(candidate, node);
        match shape {
            [_] if name.ends_with(STEP) => act(0),
            [_, inputs, taps @ ..] => {
                let taps: usize = taps.iter().product();
                let producer = self.graph.producers(node).next();
                let reads = producer.map_or(&[][..], |idx| self.channels(candidate, idx));
                for out in makes.iter().cloned().flatten() {
                    // The groups of a convolution read blocks that are alike, so the first tells.
                    let of_group = reads.iter().cloned().flatten();
                    for input in of_group.take_while(|channel| channel < inputs) {
                        let first = (out * inputs + input) * taps;
                        (first..first + taps).for_each(&mut act);
                    }
                }
            }
            _ => makes.iter().cloned().flatten().for_each(act),
        }
    }
}

/// Returns whether two graphs differ in widths and the numbers of formats alone.
fn are_alike(one: &Graph, other: &Graph) -> bool {
    let pairs = one.nodes().iter().zip(other.nodes());
    one.nodes().len() == other.nodes().len()
        && pairs.into_iter().all(|(one, other)| {
            let named = |node: &Node| -> Vec<(String, bool)> {
                let formats = node.annotations.formats.iter();
                let named = formats.map(|(name, format)| (name.clone(), learns_step(format)));
                named.collect()
            };
            let names = |node: &Node| tensors(node).into_iter().map(|(name, _)| name);
            one.name == other.name
                && one.inputs == other.inputs
                && without_widths(&one.op) == without_widths(&other.op)
                && one.annotations.frozen == other.annotations.frozen
                && named(one) == named(other)
                && names(one).eq(names(other))
        })
}

/// Returns an op with every width at 0.
fn without_widths(op: &Op) -> Op {
    let is_depthwise = depthwise_multiplier(op).is_some();
    let mut op = op.clone();
    match &mut op {
        Op::Linear {
            in_features,
            out_features,
            ..
        } => (*in_features, *out_features) = (0, 0),
        Op::Conv2d {
            in_channels,
            out_channels,
            groups,
            ..
        } => {
            (*in_channels, *out_channels) = (0, 0);
            if is_depthwise {
                *groups = 0;
            }
        }
        Op::BatchNorm { features, .. } => *features = 0,
        _ => {}
    }
    op
}

/// Returns whether results consist of the same bundles, those that are fixed of the same widths.
fn consist_alike(graph: &Graph, one: &Channels, other: &Channels) -> bool {
    let n_bundles = one.n_bundles();
    let groups = one.groups().iter().zip(other.groups());
    n_bundles == other.n_bundles()
        && one.groups().len() == other.groups().len()
        && (0..n_bundles).all(|bundle| one.group_of(bundle) == other.group_of(bundle))
        && (0..graph.nodes().len()).all(|idx| one.segments(idx) == other.segments(idx))
        && groups.into_iter().all(|(one, other)| {
            let is_fixed = one.fixed.is_some() || other.fixed.is_some();
            !is_fixed || one.units == other.units
        })
}

/// Returns the channels of a node's result that a candidate of some units has in the widest network.
fn own_channels(
    channels: &Channels,
    node: usize,
    units: &[usize],
    widest: &[usize],
) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut own = Vec::new();
    for segment in channels.segments(node) {
        let group = channels.group_of(segment.bundle);
        own.push(start..start + units[group] * segment.places);
        start += widest[group] * segment.places;
    }
    own
}

#[cfg(test)]
mod tests;
