//! The arithmetic of number formats: what numbers become when they are stored in one.
//!
//! Networks are trained in float32 with every number of an operand replaced by the nearest one that
//! its format has ("fake quantisation"). What is written here, number by number, is the definition;
//! engines compute the same, bit for bit, in their own loops.
//!
//! A format is one file and one variant of [`Quantizer`]. Where numbers share something, such as
//! an exponent, a format is first fitted to them, and what comes of that stores each of them.
//!
//! # Operands of batch normalisation
//! The formats of `weight` and `bias` are those of what remains of it in hardware, the scale
//! `weight / sqrt(variance + eps)` and the shift `bias - mean * scale`: the result is
//! `q(scale) * x + q(shift)`, in training with the statistics of the batch.

mod affine;
mod calibrate;
mod element;
mod error;
mod fixed_point;
mod layout;
mod learned;
mod operands;
mod stored;

use crate::graph::NumberFormat;

pub use affine::{scale_and_shift, scale_and_shift_of};
pub use calibrate::{RangeMethod, frac_width};
pub use element::Element;
pub use error::{FormatError, OperandError};
pub use fixed_point::FixedPoint;
pub use layout::{Layout, Shared};
pub use learned::{LearnedStep, STEP};
pub use operands::{check, layout_of, learns_step, operands, step_of};
pub use stored::{learned, quantizer, stored};

/// A number format, checked and ready to be computed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantizer {
    /// `integer`, as MASE calls it.
    FixedPoint(FixedPoint),
    /// `lsq`, at the step that it has now.
    LearnedStep(LearnedStep),
}

impl Quantizer {
    /// The names of all formats.
    pub const NAMES: [&'static str; 2] = [FixedPoint::NAME, LearnedStep::NAME];

    /// Returns what computes a format, `step` being the present step where it is learned.
    ///
    /// # Errors
    /// [`FormatError`] if the name is not known, or its numbers are missing, out of range or not
    /// of this format.
    pub fn of(format: &NumberFormat, step: Option<f32>) -> Result<Self, FormatError> {
        match format.name.as_str() {
            FixedPoint::NAME => FixedPoint::of(format).map(Self::FixedPoint),
            LearnedStep::NAME => LearnedStep::of(format, step).map(Self::LearnedStep),
            name => Err(FormatError::Unknown {
                name: name.to_owned(),
            }),
        }
    }

    /// Returns what numbers of a tensor share.
    pub fn shared(&self) -> Shared {
        match self {
            Self::FixedPoint(_) | Self::LearnedStep(_) => Shared::Nothing,
        }
    }

    /// Stores a tensor: `y` becomes what `x` is stored as.
    ///
    /// # Panics
    /// If `y` or the layout is not as long as `x`.
    pub fn quantize(&self, x: &[f32], layout: Layout, y: &mut [f32]) {
        layout.check(x.len(), y.len());
        match self {
            Self::FixedPoint(format) => element::quantize(format, x, y),
            Self::LearnedStep(format) => element::quantize(format, x, y),
        }
    }

    /// Turns the gradient by what `x` is stored as into that by `x`, as if nothing were rounded: it
    /// becomes 0 where `x` lies outside the range (the straight-through estimator, clipped).
    ///
    /// # Source
    /// Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons", 2013,
    /// <https://arxiv.org/abs/1308.3432>, cut off at the limits as by PyTorch's
    /// `fake_quantize_per_tensor_affine`. MASE differs: it passes every gradient.
    ///
    /// # Panics
    /// If the gradient or the layout is not as long as `x`.
    pub fn mask(&self, x: &[f32], layout: Layout, gradient: &mut [f32]) {
        layout.check(x.len(), gradient.len());
        match self {
            Self::FixedPoint(format) => element::mask(format, x, gradient),
            Self::LearnedStep(format) => element::mask(format, x, gradient),
        }
    }
}

#[cfg(test)]
mod tests;
