//! Moves the numbers of a base to where a candidate has them.

use rand::RngExt;

use super::choose::Sources;
use super::matching::{Matching, Pair};
use crate::formats::{STEP, learns_step, step_of};
use crate::graph::{Graph, Op};
use crate::random::{Purpose, Stream, stream};
use crate::weights::{Tensor, Weights};

/// Overwrites the weights of a candidate wherever the base has a number for them.
pub(super) fn transfer(
    base_weights: &Weights,
    candidate: &Graph,
    matching: &Matching,
    sources: &Sources,
    seed: u64,
    weights: &mut Weights,
) {
    let base_nodes = &matching.base_names;
    for Pair {
        candidate: node_idx,
        base,
        base_input,
    } in &matching.pairs
    {
        let node = &candidate.nodes()[*node_idx];
        let outputs = places(matching, sources, *base);
        let inputs = places(matching, sources, *base_input);
        for (name, _) in crate::weights::tensors(node) {
            let base_tensor = base_weights.get(&format!("{}.{name}", base_nodes[*base]));
            let tensor = weights.0.get_mut(&format!("{}.{name}", node.name));
            let (Some(from), Some(to)) = (base_tensor, tensor) else {
                continue;
            };
            let counter = (1 << 32) + *node_idx as u64;
            let mut rng = stream(seed, Purpose::Inherit, counter);
            match &node.op {
                // Which formats are the same decides, not channels.
                _ if name.ends_with(STEP) => {}
                Op::Linear { .. } if name == "weight" => {
                    move_weight(from, to, &outputs, &inputs, 1, &mut rng);
                }
                // Rows of a depthwise convolution read the channel that they make.
                Op::Conv2d { .. } if name == "weight" && matching.is_depthwise[*base] => {
                    move_rows(from, to, &outputs);
                }
                Op::Conv2d { groups, .. } if name == "weight" => {
                    move_weight(from, to, &outputs, &inputs, *groups, &mut rng);
                }
                _ => move_rows(from, to, &outputs),
            }
        }
    }
}

/// Takes over the learned steps of operands that a candidate stores in the format of the base.
///
/// Nodes of the same name are meant, those without weights too, and for nodes with weights their
/// sources if any of their numbers come from there.
pub(super) fn transfer_steps(
    base: &Graph,
    base_weights: &Weights,
    candidate: &Graph,
    matching: &Matching,
    weights: &mut Weights,
) {
    let pairs = matching
        .pairs
        .iter()
        .map(|pair| (pair.candidate, pair.base));
    let nodes = candidate.nodes().iter().enumerate();
    let without = nodes.filter(|(_, node)| !node.op.has_weights());
    let same = without.filter_map(|(idx, node)| Some((idx, base.index(&node.name)?)));
    for (idx, source) in pairs.chain(same) {
        let (node, source) = (&candidate.nodes()[idx], &base.nodes()[source]);
        for (operand, format) in &node.annotations.formats {
            if source.annotations.formats.get(operand) != Some(format) {
                continue;
            }
            let Some(step) = step_of(operand).filter(|_| learns_step(format)) else {
                continue;
            };
            if let Some(tensor) = base_weights.get(&format!("{}.{step}", source.name)) {
                let key = format!("{}.{step}", node.name);
                weights.0.insert(key, tensor.clone());
            }
        }
    }
}

/// Returns by place of a result's first dimension the place that the base has for it; `None` where
/// it is new.
fn places(matching: &Matching, sources: &Sources, base_idx: usize) -> Vec<Option<usize>> {
    let channels = &matching.channels;
    let mut places = Vec::new();
    let mut start = 0;
    for segment in channels.segments(base_idx) {
        for unit in &sources[segment.bundle] {
            let first = unit.map(|unit| start + unit * segment.places);
            places.extend((0..segment.places).map(|nth| first.map(|first| first + nth)));
        }
        let group = channels.group_of(segment.bundle);
        start += channels.groups()[group].units * segment.places;
    }
    places
}

/// Moves whole rows.
fn move_rows(from: &Tensor, to: &mut Tensor, outputs: &[Option<usize>]) {
    let row = to.data.len() / outputs.len();
    for (to_row, source) in to.data.chunks_mut(row).zip(outputs) {
        if let Some(source) = source {
            to_row.copy_from_slice(&from.data[source * row..][..row]);
        }
    }
}

/// Moves a weight of shape `[out, in / groups, ...]`, splitting it among the copies of an input.
fn move_weight(
    from: &Tensor,
    to: &mut Tensor,
    outputs: &[Option<usize>],
    inputs: &[Option<usize>],
    groups: usize,
    rng: &mut Stream,
) {
    let (n_from, n_to) = (from.shape[1], to.shape[1]);
    let taps: usize = to.shape[2..].iter().product();
    let rows_a_group = to.shape[0] / groups;
    let copies: Vec<Vec<(usize, Vec<usize>)>> = (0..groups)
        .map(|group| copies(&inputs[group * n_to..][..n_to], group * n_from, n_from))
        .collect();
    for (row_idx, row) in to.data.chunks_mut(n_to * taps).enumerate() {
        let Some(source) = outputs[row_idx] else {
            continue;
        };
        for (from_idx, copies) in &copies[row_idx / rows_a_group] {
            let values = &from.data[(source * n_from + from_idx) * taps..][..taps];
            let shares = shares(copies.len(), rng);
            for (tap, value) in values.iter().enumerate() {
                let mut rest = f64::from(*value);
                for (nth, to_idx) in copies.iter().enumerate() {
                    // The last copy gets what rounding has left of the others.
                    let part = match nth + 1 == copies.len() {
                        true => rest as f32,
                        false => (f64::from(*value) * shares[nth]) as f32,
                    };
                    rest -= f64::from(part);
                    row[to_idx * taps + tap] = part;
                }
            }
        }
    }
}

/// Returns the inputs of the base that a row reads, each with the row's own inputs that copy it.
fn copies(own: &[Option<usize>], first: usize, n_from: usize) -> Vec<(usize, Vec<usize>)> {
    let mut copies: Vec<(usize, Vec<usize>)> = (0..n_from).map(|idx| (idx, Vec::new())).collect();
    for (to_idx, source) in own.iter().enumerate() {
        if let Some(source) = source {
            copies[source - first].1.push(to_idx);
        }
    }
    copies.retain(|(_, copies)| !copies.is_empty());
    copies
}

/// Returns random shares that sum to 1, none of them more than three times another.
fn shares(n_copies: usize, rng: &mut Stream) -> Vec<f64> {
    if n_copies == 1 {
        return vec![1.0];
    }
    let draws: Vec<f64> = (0..n_copies).map(|_| rng.random_range(0.5..1.5)).collect();
    let sum: f64 = draws.iter().sum();
    draws.iter().map(|draw| draw / sum).collect()
}
