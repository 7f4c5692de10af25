//! Which unit of the base each unit of the candidate stands for.

use rand::RngExt;

use super::matching::Matching;
use super::{How, Importance, Inherit};
use crate::channels::{Channels, Segment, depthwise_multiplier, own_width};
use crate::graph::{Graph, Op};
use crate::random::{Purpose, stream};
use crate::weights::Weights;

/// By bundle of the base, the unit that each of the candidate's units is; `None` where it is new.
pub(super) type Sources = Vec<Vec<Option<usize>>>;

/// Chooses for every bundle of the base.
pub(super) fn sources(
    base: &Graph,
    weights: &Weights,
    matching: &Matching,
    how: How,
    seed: u64,
) -> Sources {
    let channels = &matching.channels;
    let bundles = (0..channels.n_bundles()).map(|bundle| {
        let group = channels.group_of(bundle);
        let (before, after) = (channels.groups()[group].units, matching.units[group]);
        if after < before {
            let scores = scores(base, weights, channels, bundle, how.importance, seed);
            return keep(&scores, after);
        }
        let mut rng = stream(seed, Purpose::Inherit, bundle as u64);
        let more = (before..after).map(|_| match how.inherit {
            Inherit::Net2net => Some(rng.random_range(0..before)),
            Inherit::None | Inherit::Slice => None,
        });
        (0..before).map(Some).chain(more).collect()
    });
    bundles.collect()
}

/// Returns the positions of the greatest scores, ascending; of two equal ones the first.
fn keep(scores: &[f64], n_kept: usize) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]));
    order.truncate(n_kept);
    order.sort_unstable();
    order.into_iter().map(Some).collect()
}

/// Returns the importance of each unit of a bundle.
fn scores(
    base: &Graph,
    weights: &Weights,
    channels: &Channels,
    bundle: usize,
    importance: Importance,
    seed: u64,
) -> Vec<f64> {
    let n_units = channels.groups()[channels.group_of(bundle)].units;
    let tensors = |name: &str, is_in: &dyn Fn(&Op) -> bool| -> Vec<Vec<f64>> {
        let nodes = base.nodes().iter().enumerate();
        let tensors = nodes
            .filter(|(_, node)| is_in(&node.op))
            .flat_map(|(idx, node)| {
                let tensor = weights.get(&format!("{}.{name}", node.name));
                let rows = tensor.map_or(&[][..], |tensor| &tensor.data);
                let width = base.shape(idx)[0];
                stretches(channels, idx, bundle).map(move |(start, length)| {
                    let row = rows.len() / width;
                    let values = &rows[start * row..][..length * row];
                    values.iter().copied().map(f64::from).collect()
                })
            });
        tensors.collect()
    };
    let makes = |op: &Op| own_width(op).is_some() && depthwise_multiplier(op).is_none();
    let normalises = |op: &Op| matches!(op, Op::BatchNorm { .. });
    match importance {
        Importance::Random => {
            let mut rng = stream(seed, Purpose::Inherit, bundle as u64);
            (0..n_units).map(|_| rng.random()).collect()
        }
        Importance::L1 => sums(&tensors("weight", &makes), n_units, norm_l1),
        Importance::L2 => sums(&tensors("weight", &makes), n_units, norm_l2),
        Importance::BatchNorm => {
            let scales = tensors("weight", &normalises);
            match scales.is_empty() {
                true => sums(&tensors("weight", &makes), n_units, norm_l1),
                false => sums(&scales, n_units, norm_l1),
            }
        }
    }
}

/// Returns where a bundle lies in the result of a node: the first place and their number.
fn stretches(
    channels: &Channels,
    node_idx: usize,
    bundle: usize,
) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut position = 0;
    let segments = channels.segments(node_idx).iter();
    segments.filter_map(
        move |Segment {
                  bundle: own,
                  places,
              }| {
            let start = position;
            let length = channels.groups()[channels.group_of(*own)].units * places;
            position += length;
            (*own == bundle).then_some((start, length))
        },
    )
}

/// Returns a norm of each unit's part, summed over all tensors.
fn sums(tensors: &[Vec<f64>], n_units: usize, norm: fn(&[f64]) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; n_units];
    for tensor in tensors {
        for (sum, part) in sums.iter_mut().zip(tensor.chunks(tensor.len() / n_units)) {
            *sum += norm(part);
        }
    }
    sums
}

fn norm_l1(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).sum()
}

fn norm_l2(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
