//! Which node of the base is the source of which of the candidate, and how wide groups became.

use super::InheritError;
use crate::channels::{Channels, depthwise_multiplier, own_width};
use crate::graph::{Graph, Node, Op};

/// What a candidate has to do with a base.
pub(super) struct Matching {
    /// The groups of the base.
    pub(super) channels: Channels,
    /// The names of the base's nodes.
    pub(super) base_names: Vec<String>,
    /// Which of the base's nodes are depthwise convolutions.
    pub(super) is_depthwise: Vec<bool>,
    /// The units of each group of the base in the candidate, at least 1.
    pub(super) units: Vec<usize>,
    /// The nodes of the candidate whose weights have a source.
    pub(super) pairs: Vec<Pair>,
}

/// A node with its source, by position in their graphs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) candidate: usize,
    pub(super) base: usize,
    /// The base's node that makes what the source reads.
    pub(super) base_input: usize,
}

impl Matching {
    /// Matches nodes by name and groups by the widths of the layers that make them.
    pub(super) fn of(base: &Graph, candidate: &Graph) -> Result<Self, InheritError> {
        let channels = Channels::of(base);
        let mut named = Vec::new();
        for (idx, node) in candidate.nodes().iter().enumerate() {
            if let Some(source) = source(base, node)? {
                named.push((idx, source));
            }
        }
        let widths: Vec<Width> = named
            .iter()
            .filter_map(|(idx, source)| {
                let [node, source_node] = [&candidate.nodes()[*idx], &base.nodes()[*source]];
                let makes = depthwise_multiplier(&source_node.op).is_none()
                    && node.op.name() == source_node.op.name();
                let width = own_width(&node.op).filter(|_| makes)?;
                Some(Width {
                    base: *source,
                    width,
                })
            })
            .collect();
        let (units, is_explained) = solve(&channels, &widths);
        let fits = |base_idx: usize, width: usize| {
            let groups = channels.groups_of(base_idx);
            let mut groups = groups.iter();
            groups.all(|group| is_explained[*group]) && channels.width(base_idx, &units) == width
        };
        let pairs = named.iter().filter_map(|(idx, source)| {
            let [op, source_op] = [&candidate.nodes()[*idx].op, &base.nodes()[*source].op];
            let base_input = base.producers(*source).next()?;
            let pair = Pair {
                candidate: *idx,
                base: *source,
                base_input,
            };
            let inputs = candidate.input_shapes(*idx)[0][0];
            let fits = fits(*source, candidate.shape(*idx)[0]) && fits(base_input, inputs);
            (fits && can_inherit(op, source_op)).then_some(pair)
        });
        let pairs = pairs.collect();
        let nodes = base.nodes().iter();
        let is_depthwise = |node: &Node| depthwise_multiplier(&node.op).is_some();
        Ok(Self {
            channels,
            base_names: nodes.clone().map(|node| node.name.clone()).collect(),
            is_depthwise: nodes.map(is_depthwise).collect(),
            units,
            pairs,
        })
    }
}

/// Returns the position of a node's source in the base; `None` if there is none of its name.
pub(super) fn source(base: &Graph, node: &Node) -> Result<Option<usize>, InheritError> {
    if !node.op.has_weights() {
        return Ok(None);
    }
    let Some(name) = &node.annotations.weights_from else {
        return Ok(base.index(&node.name));
    };
    match base.index(name) {
        Some(idx) => Ok(Some(idx)),
        None => Err(InheritError::UnknownSource {
            node: node.name.clone(),
            source_node: name.clone(),
        }),
    }
}

/// Returns whether weights of one op mean the same in another, sizes aside.
fn can_inherit(op: &Op, source: &Op) -> bool {
    match (op, source) {
        (Op::Linear { .. }, Op::Linear { .. }) | (Op::BatchNorm { .. }, Op::BatchNorm { .. }) => {
            true
        }
        (
            Op::Conv2d {
                kernel,
                groups,
                in_channels,
                out_channels,
                ..
            },
            Op::Conv2d {
                kernel: source_kernel,
                groups: source_groups,
                ..
            },
        ) => {
            // A depthwise convolution of one channel no longer looks like one.
            let same_groups = match depthwise_multiplier(source) {
                Some(multiplier) => {
                    groups == in_channels && *out_channels == multiplier * in_channels
                }
                None => groups == source_groups,
            };
            kernel == source_kernel && same_groups
        }
        _ => false,
    }
}

/// The output channels of a candidate's layer, by the position of its source.
struct Width {
    base: usize,
    width: usize,
}

/// Returns the units of each group in the candidate, and whether all widths agree with them.
///
/// The width of a layer is the sum of its segments, and that of a group that can't change is known:
/// linear equations, one a layer. A group that they do not decide stays as it is.
fn solve(channels: &Channels, widths: &[Width]) -> (Vec<usize>, Vec<bool>) {
    let mut units = channels.units();
    let unknown: Vec<usize> = (0..units.len())
        .filter(|group| channels.groups()[*group].fixed.is_none())
        .collect();
    let equations = widths.iter().map(|Width { base, width }| {
        let mut equation = vec![0.0; unknown.len() + 1];
        equation[unknown.len()] = *width as f64;
        for segment in channels.segments(*base) {
            let group = channels.group_of(segment.bundle);
            match unknown.iter().position(|unknown| *unknown == group) {
                Some(column) => equation[column] += segment.places as f64,
                None => equation[unknown.len()] -= (units[group] * segment.places) as f64,
            }
        }
        equation
    });
    for (column, value) in eliminate(equations.collect(), unknown.len()) {
        // Whatever is not whole or below 1 fails the check below.
        units[unknown[column]] = (value.round() as usize).max(1);
    }
    let mut is_explained = vec![true; units.len()];
    for Width { base, width } in widths {
        if channels.width(*base, &units) != *width {
            for group in channels.groups_of(*base) {
                is_explained[group] = false;
            }
        }
    }
    (units, is_explained)
}

/// Returns the unknowns that linear equations decide, by Gauss and Jordan.
///
/// The last number of an equation is what the sum of the others, each times its unknown, comes to.
fn eliminate(mut equations: Vec<Vec<f64>>, n_unknown: usize) -> Vec<(usize, f64)> {
    let is_zero = |value: f64| value.abs() < 1e-6;
    let mut pivots = Vec::new();
    for column in 0..n_unknown {
        let used = pivots.len();
        let rest = used..equations.len();
        let largest = rest.max_by(|one, other| {
            let [one, other] = [one, other].map(|row| equations[*row][column].abs());
            one.total_cmp(&other)
        });
        let Some(row) = largest.filter(|row| !is_zero(equations[*row][column])) else {
            continue;
        };
        equations.swap(used, row);
        let pivot = equations[used][column];
        equations[used].iter_mut().for_each(|value| *value /= pivot);
        let pivot_row = equations[used].clone();
        for (row, equation) in equations.iter_mut().enumerate() {
            let factor = equation[column];
            if row != used && !is_zero(factor) {
                for (value, pivot) in equation.iter_mut().zip(&pivot_row) {
                    *value -= factor * pivot;
                }
            }
        }
        pivots.push(column);
    }
    let solved = pivots.into_iter().zip(&equations);
    let solved = solved.filter(|(_, row)| {
        let coefficients = row[..n_unknown].iter();
        coefficients.filter(|value| !is_zero(**value)).count() == 1
    });
    solved
        .map(|(column, row)| (column, row[n_unknown]))
        .collect()
}
