//! What slides over height and width.

use firebrick_core::graph::Op;

/// The window of a convolution or a pool, and the pictures that it reads and makes.
///
/// All pairs are height and width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// The picture that is read.
    pub(super) size_in: [usize; 2],
    /// The picture that is made.
    pub(super) size_out: [usize; 2],
    /// The window itself.
    pub(super) kernel: [usize; 2],
    /// From one place of the window to the next.
    pub(super) stride: [usize; 2],
    /// The border on both sides.
    pub(super) padding: [usize; 2],
    /// Groups that the channels of a convolution fall into, those of all candidates.
    pub(super) groups: usize,
    /// Candidates that the channels are of.
    pub(super) candidates: usize,
}

impl Window {
    /// Returns the window of an op that has one, given the shapes that it reads and makes for each
    /// of some candidates.
    pub(crate) fn of(
        op: &Op,
        shape_in: &[usize],
        shape_out: &[usize],
        candidates: usize,
    ) -> Option<Self> {
        let (kernel, stride, padding, groups) = match op {
            Op::Conv2d {
                kernel,
                stride,
                padding,
                groups,
                ..
            } => (*kernel, *stride, *padding, *groups),
            Op::MaxPool {
                kernel,
                stride,
                padding,
            }
            | Op::AvgPool {
                kernel,
                stride,
                padding,
            } => (*kernel, *stride, *padding, 1),
            _ => return None,
        };
        Some(Self {
            size_in: [shape_in[1], shape_in[2]],
            size_out: [shape_out[1], shape_out[2]],
            kernel,
            stride,
            padding,
            groups: groups * candidates,
            candidates,
        })
    }

    /// Returns the window for the channels of a single candidate.
    pub(super) fn of_one(&self) -> Self {
        Self {
            groups: self.groups / self.candidates,
            candidates: 1,
            ..*self
        }
    }
}
