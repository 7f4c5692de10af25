//! The arithmetic of number formats: what numbers become when they are stored in one.
//!
//! Networks are trained in float32 with every number of an operand replaced by the nearest one that
//! its format has ("fake quantisation"). What is written here, number by number, is the definition;
//! engines compute the same, bit for bit, in their own loops.
//!
//! Where numbers share something, such as an exponent, a format is first fitted to them, and what
//! comes of that stores each of them.
//!
//! | name | bits | what else there is, and what it is where it is not given |
//! |---|---|---|
//! | `integer` | 1 or 2 to 32 | `frac_width` (chosen from the numbers), `signed` (true) |
//! | `lsq` | 2 to 24 | `signed` (true) |
//! | `binary` | 1 | `signed` (true), `scale` (`one`) |
//! | `ternary` | 2 | `scale` (`mean`), `mase` |
//! | `minifloat_ieee` | 2 to 32 | `exponent_width` (needed), `exponent_bias` (`2^(exponent_width - 1) - 1`), `mase` |
//! | `minifloat_denorm` | 3 to 32 | as `minifloat_ieee` |
//! | `fp8_e4m3`, `fp8_e5m2` | 8 | |
//! | `log` | 2 to 8 | `exponent_bias` (`2^(width - 2) - 1`), `mase` |
//! | `block_fp` | 2 to 24 | `exponent_width` (8), `exponent_bias` (`2^(exponent_width - 1) - 1`), `block_size` (16), `mase` |
//! | `block_minifloat` | 2 to 32 | `exponent_width` (needed), `exponent_bias_width` (8), `block_size` (16), `mase` |
//! | `block_log` | 2 to 7 | `exponent_bias_width` (8), `block_size` (16), `mase` |
//! | `mxfp8_e4m3`, `mxfp8_e5m2`, `mxint8` | 8 | `block_size` (32) |
//! | `mxfp6_e3m2`, `mxfp6_e2m3` | 6 | `block_size` (32) |
//! | `mxfp4_e2m1` | 4 | `block_size` (32) |
//!
//! A format has a file of its name, or of its family (`fp8`, `mx`), that says what its numbers are, how
//! it rounds, what becomes of zero, infinities and NaN, and where that is from. `mase` computes as MASE
//! does where we differ on purpose.
//!
//! # Operands of batch normalisation
//! The formats of `weight` and `bias` are those of what remains of it in hardware, the scale
//! `weight / sqrt(variance + eps)` and the shift `bias - mean * scale`: the result is
//! `q(scale) * x + q(shift)`, in training with the statistics of the batch.

mod affine;
mod binary;
mod bits;
mod block;
mod block_fp;
mod block_log;
mod block_minifloat;
mod calibrate;
mod element;
mod error;
mod fixed_point;
mod fp8;
mod known;
mod layout;
mod learned;
mod log;
mod mean;
mod minifloat;
mod minifloat_denorm;
mod minifloat_ieee;
mod mx;
mod operands;
mod steps;
mod stored;
mod ternary;

use crate::graph::{NumberFormat, Scale};

use known::in_range;

pub use affine::{scale_and_shift, scale_and_shift_of};
pub use binary::Binary;
pub use block::Block;
pub use calibrate::{RangeMethod, frac_width};
pub use element::Element;
pub use error::{FormatError, OperandError};
pub use fixed_point::FixedPoint;
pub use known::{fields, fixed_width};
pub use layout::{Layout, Shared};
pub use learned::{LearnedStep, STEP};
pub use log::Log;
pub use minifloat::Minifloat;
pub use operands::{check, layout_of, learns_step, operands, step_of};
pub use steps::Steps;
pub use stored::{learned, quantizer, stored};
pub use ternary::Ternary;

/// A number format, checked and ready to be computed with.
///
/// Formats that store the same kind of numbers in another range are one variant.
///
/// What stores numbers is inlined where it is called, so that an engine can compile it for the vectors
/// of its machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantizer {
    /// `integer`, as MASE calls it.
    FixedPoint(FixedPoint),
    /// `lsq`, at the step that it has now.
    LearnedStep(LearnedStep),
    /// `binary`.
    Binary(Binary),
    /// `ternary`.
    Ternary(Ternary),
    /// `minifloat_ieee`, `minifloat_denorm`, `fp8_e4m3`, `fp8_e5m2`.
    Minifloat(Minifloat),
    /// `log`.
    Log(Log),
    /// `block_fp`, `mxint8`.
    BlockOfSteps(Block<Steps>),
    /// `block_minifloat`, `mxfp8_e4m3`, `mxfp8_e5m2`, `mxfp6_e3m2`, `mxfp6_e2m3`, `mxfp4_e2m1`.
    BlockOfMinifloats(Block<Minifloat>),
    /// `block_log`.
    BlockOfLogs(Block<Log>),
}

impl Quantizer {
    /// The names of all formats.
    pub const NAMES: [&'static str; known::NAMES.len()] = known::NAMES;

    /// Returns what computes a format, `step` being the present step where it is learned.
    ///
    /// # Errors
    /// [`FormatError`] if the name is not known, or its numbers are missing, out of range or not
    /// of this format.
    pub fn of(format: &NumberFormat, step: Option<f32>) -> Result<Self, FormatError> {
        let name = known::check_fields(format)?;
        match name {
            FixedPoint::NAME => FixedPoint::of(format).map(Self::FixedPoint),
            LearnedStep::NAME => LearnedStep::of(format, step).map(Self::LearnedStep),
            "binary" => Ok(Self::Binary(Binary::of(format))),
            "ternary" => Ok(Self::Ternary(Ternary::of(format))),
            "minifloat_ieee" => minifloat_ieee::of(name, format).map(Self::Minifloat),
            "minifloat_denorm" => minifloat_denorm::of(name, format).map(Self::Minifloat),
            "fp8_e4m3" => Ok(Self::Minifloat(fp8::E4M3.minifloat())),
            "fp8_e5m2" => Ok(Self::Minifloat(fp8::E5M2.minifloat())),
            "log" => log::of(name, format).map(Self::Log),
            "block_fp" => block_fp::of(name, format).map(Self::BlockOfSteps),
            "block_minifloat" => block_minifloat::of(name, format).map(Self::BlockOfMinifloats),
            "block_log" => block_log::of(name, format).map(Self::BlockOfLogs),
            "mxint8" => mx::of_integers(name, format).map(Self::BlockOfSteps),
            _ => match mx::float(name) {
                Some(float) => mx::of_floats(name, float, format).map(Self::BlockOfMinifloats),
                None => Err(FormatError::Unknown {
                    name: name.to_owned(),
                }),
            },
        }
    }

    /// Returns what numbers of a tensor share.
    pub fn shared(&self) -> Shared {
        match self {
            Self::FixedPoint(_) | Self::LearnedStep(_) | Self::Minifloat(_) | Self::Log(_) => {
                Shared::Nothing
            }
            Self::Binary(format) => format.shared(),
            Self::Ternary(format) => format.shared(),
            Self::BlockOfSteps(format) => format.shared(),
            Self::BlockOfMinifloats(format) => format.shared(),
            Self::BlockOfLogs(format) => format.shared(),
        }
    }

    /// Stores a tensor: `y` becomes what `x` is stored as.
    ///
    /// # Panics
    /// If `y` or the layout is not as long as `x`.
    #[inline(always)]
    pub fn quantize(&self, x: &[f32], layout: Layout, y: &mut [f32]) {
        layout.check(x.len(), y.len());
        match self {
            Self::FixedPoint(format) => element::quantize(format, x, y),
            Self::LearnedStep(format) => element::quantize(format, x, y),
            Self::Binary(format) => element::quantize(&format.fit(x), x, y),
            Self::Ternary(format) => element::quantize(&format.fit(x), x, y),
            Self::Minifloat(format) => element::quantize(format, x, y),
            Self::Log(format) => element::quantize(format, x, y),
            Self::BlockOfSteps(format) => format.quantize(x, layout, y),
            Self::BlockOfMinifloats(format) => format.quantize(x, layout, y),
            Self::BlockOfLogs(format) => format.quantize(x, layout, y),
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
    #[inline(always)]
    pub fn mask(&self, x: &[f32], layout: Layout, gradient: &mut [f32]) {
        layout.check(x.len(), gradient.len());
        match self {
            Self::FixedPoint(format) => element::mask(format, x, gradient),
            Self::LearnedStep(format) => element::mask(format, x, gradient),
            // Where gradients pass does not depend on the numbers.
            Self::Binary(format) => element::mask(&format.fit(&[]), x, gradient),
            Self::Ternary(format) => element::mask(&format.fit(&[]), x, gradient),
            Self::Minifloat(format) => element::mask(format, x, gradient),
            Self::Log(format) => element::mask(format, x, gradient),
            Self::BlockOfSteps(format) => format.mask(x, layout, gradient),
            Self::BlockOfMinifloats(format) => format.mask(x, layout, gradient),
            Self::BlockOfLogs(format) => format.mask(x, layout, gradient),
        }
    }
}

/// Returns the numbers of a block.
fn block_size(
    name: &'static str,
    format: &NumberFormat,
    default: u32,
) -> Result<usize, FormatError> {
    let size = format.block_size.unwrap_or(default);
    let limits = [1, i64::from(u32::MAX)];
    let reason = "so that there are numbers to share an exponent";
    in_range(name, "block_size", i64::from(size), limits, reason)?;
    Ok(size as usize)
}

#[cfg(test)]
mod tests;
