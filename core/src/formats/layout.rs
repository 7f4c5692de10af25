//! Which numbers of a tensor stand together.

/// A tensor as formats see it: `[outer, channels, inner]`.
///
/// Blocks run along the channels, the numbers that one sum of products adds up: the input channels
/// of a weight, the channels at one place of an activation. The last block of a run may be shorter,
/// which stores what padding with zeros would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Outputs of a weight, rows of activations.
    pub outer: usize,
    /// Numbers that blocks run along.
    pub channels: usize,
    /// Taps of a kernel, places of a picture.
    pub inner: usize,
}

/// What numbers of a tensor share when they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// Each is stored on its own.
    Nothing,
    /// So many along the channels share an exponent or an exponent bias of so many bits.
    Block {
        /// Numbers of a block.
        size: usize,
        /// Bits that they share.
        bits: u32,
    },
    /// All of a tensor share a scale of so many bits.
    Tensor {
        /// Bits that they share.
        bits: u32,
    },
}

impl Layout {
    /// Returns the layout of a learned tensor: `[out, in]`, `[out, in, height, width]` or `[n]`,
    /// whose numbers are channels.
    pub fn of_tensor(shape: &[usize]) -> Self {
        match shape {
            [outer, channels, inner @ ..] => Self {
                outer: *outer,
                channels: *channels,
                inner: inner.iter().product(),
            },
            _ => Self {
                outer: 1,
                channels: shape.iter().product(),
                inner: 1,
            },
        }
    }

    /// Returns the layout of rows, each of a shape `[features]` or `[channels, height, width]`.
    pub fn of_rows(n_rows: usize, shape: &[usize]) -> Self {
        Self {
            outer: n_rows,
            channels: shape.first().copied().unwrap_or(1),
            inner: shape.iter().skip(1).product(),
        }
    }

    /// Returns how many numbers there are.
    pub fn len(&self) -> usize {
        self.outer * self.channels * self.inner
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many blocks of a size there are.
    pub fn n_blocks(&self, size: usize) -> usize {
        self.outer * self.inner * self.channels.div_ceil(size.max(1))
    }

    pub(super) fn check(&self, n_read: usize, n_written: usize) {
        assert_eq!(self.len(), n_read, "the layout is that of the tensor");
        assert_eq!(n_written, n_read, "as many numbers are written as read");
    }
}
