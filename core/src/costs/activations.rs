//! In how many bits results are kept.

use std::collections::BTreeMap;

use crate::formats::Layout;
use crate::graph::{Graph, Node, NumberFormat, Op};

/// How the numbers of a result are taken by those who read it.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken<'a> {
    /// Whether one of them takes them in float32, or nobody reads them.
    pub(super) is_float: bool,
    /// The formats in which the others do.
    pub(super) formats: Vec<&'a NumberFormat>,
}

impl Taken<'_> {
    /// Returns the bits of one number in the widest of the formats.
    pub(super) fn width(&self) -> u64 {
        let widths = self.formats.iter().map(|format| u64::from(format.width));
        match self.is_float {
            true => 32,
            false => widths.max().unwrap_or(32),
        }
    }

    fn bits(&self, layout: Layout) -> u64 {
        let bits = self.formats.iter().map(|format| format.bits_of(layout));
        let float = (layout.len() as u64).saturating_mul(32);
        match self.is_float {
            true => bits.fold(float, u64::max),
            false => bits.max().unwrap_or(float),
        }
    }
}

/// Returns for each node how its result is taken.
pub(super) fn taken(graph: &Graph) -> Vec<Taken<'_>> {
    let nodes = graph.nodes();
    let mut taken: Vec<Taken<'_>> = vec![Taken::default(); nodes.len()];
    let producers = producers(graph);
    for (reader, node) in nodes.iter().enumerate().rev() {
        let own = match node.annotations.formats.get("data_in") {
            Some(format) => Taken {
                is_float: false,
                formats: vec![format],
            },
            None if only_picks(&node.op) => taken[reader].clone(),
            None => Taken {
                is_float: true,
                formats: Vec::new(),
            },
        };
        for producer in &producers[reader] {
            let taken = &mut taken[*producer];
            taken.is_float |= own.is_float;
            for format in &own.formats {
                if !taken.formats.contains(format) {
                    taken.formats.push(format);
                }
            }
        }
    }
    taken
}

/// Returns the bits of each node's result; 0 where it is another view of what is read.
pub(super) fn bits(graph: &Graph) -> Vec<u64> {
    let taken = taken(graph);
    let nodes = graph.nodes().iter().zip(&taken).enumerate();
    let bits = nodes.map(|(idx, (node, taken))| match makes_values(node) {
        true => taken.bits(Layout::of_rows(1, graph.shape(idx))),
        false => 0,
    });
    bits.collect()
}

/// Returns the bits of what each node's result lies in: of a view, those of what it looks at.
pub(super) fn bits_of_owners(graph: &Graph) -> Vec<u64> {
    let bits = bits(graph);
    let owners = owners(graph, &producers(graph));
    owners.iter().map(|owner| bits[*owner]).collect()
}

/// Returns the node whose result each node's result is, itself unless it is a view.
fn owners(graph: &Graph, producers: &[Vec<usize>]) -> Vec<usize> {
    let mut owners: Vec<usize> = (0..producers.len()).collect();
    for (idx, node) in graph.nodes().iter().enumerate() {
        if let (false, Some(read)) = (makes_values(node), producers[idx].first()) {
            owners[idx] = owners[*read];
        }
    }
    owners
}

/// Returns the most bits of results that are held at one time, for one input: nodes are computed one
/// after the other, each with what it reads and what it makes in memory, and a result goes when
/// nobody reads it any more.
pub fn peak_activation_bits(graph: &Graph) -> u64 {
    let bits = bits(graph);
    let producers = producers(graph);
    // A view is there as long as what it looks at.
    let owner = owners(graph, &producers);
    let mut last_read: Vec<usize> = (0..bits.len()).collect();
    for (idx, producers) in producers.iter().enumerate() {
        for producer in producers {
            last_read[owner[*producer]] = idx;
        }
    }
    let (mut held, mut peak) = (0_u64, 0);
    for idx in 0..bits.len() {
        held = held.saturating_add(bits[idx]);
        peak = peak.max(held);
        let mut done: Vec<usize> = producers[idx].iter().map(|read| owner[*read]).collect();
        done.sort_unstable();
        done.dedup();
        for read in done.into_iter().filter(|read| last_read[*read] == idx) {
            held = held.saturating_sub(bits[read]);
        }
    }
    peak
}

/// Returns the positions of the nodes that each node reads.
pub(super) fn producers(graph: &Graph) -> Vec<Vec<usize>> {
    let nodes = graph.nodes().iter();
    let named = nodes.clone().enumerate();
    let idx_of: BTreeMap<&str, usize> =
        named.map(|(idx, node)| (node.name.as_str(), idx)).collect();
    let producers = nodes.map(|node| {
        let inputs = node.inputs.iter();
        inputs.map(|input| idx_of[input.as_str()]).collect()
    });
    producers.collect()
}

/// Returns whether an op hands on some of the numbers that it reads, or zeros.
fn only_picks(op: &Op) -> bool {
    matches!(
        op,
        Op::Relu | Op::MaxPool { .. } | Op::Flatten | Op::Dropout { .. } | Op::Concat
    )
}

/// Returns whether a node's result is new memory rather than another view of its input.
fn makes_values(node: &Node) -> bool {
    !matches!(node.op, Op::Flatten | Op::Dropout { .. } | Op::Output)
}
