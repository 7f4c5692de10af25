//! Which results can't be negative, whatever the weights are.

use firebrick_core::graph::{Graph, Op};

/// Returns for each node whether its result is never below zero: that of a relu, and what passes
/// such results on or joins them.
///
/// Number formats of what passes them on do not change that: none makes a negative number of one
/// that is not.
pub(super) fn never_negative(graph: &Graph) -> Vec<bool> {
    let mut is_never_negative: Vec<bool> = Vec::with_capacity(graph.nodes().len());
    for (idx, node) in graph.nodes().iter().enumerate() {
        let is_so = match node.op {
            Op::Relu => true,
            Op::Input { .. } | Op::Linear { .. } | Op::Conv2d { .. } | Op::BatchNorm { .. } => {
                false
            }
            Op::MaxPool { .. }
            | Op::AvgPool { .. }
            | Op::GlobalAvgPool
            | Op::Flatten
            | Op::Add
            | Op::Concat
            | Op::Dropout { .. }
            | Op::Output => graph.producers(idx).all(|read| is_never_negative[read]),
        };
        is_never_negative.push(is_so);
    }
    is_never_negative
}
