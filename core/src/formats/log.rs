//! `log`: powers of two.

use super::bits::{
    EXPONENT_MAX, INFINITE, TO_NEAREST_POWER, below, magnitude, of_magnitude, power_of_two,
    with_sign_of,
};
use super::known::in_range;
use super::{Element, FormatError};
use crate::graph::NumberFormat;

/// `log`: a sign and an exponent of `width - 1` bits, without mantissa.
///
/// Code 0 means zero, code `c` from 1 on `2^(c - exponent_bias)`. A number is rounded in its
/// logarithm, `2^clamp(round(log2(|x|)), .., 2^(width - 1) - 1 - exponent_bias)`; what is rounded to
/// `2^-exponent_bias` or less, which would be code 0 or below, becomes zero: all below
/// `2^(0.5 - exponent_bias)`. Zero keeps its sign, infinities become the largest number, NaN stays
/// NaN. No float32 is equally near to two levels, since `sqrt(2)` is irrational.
///
/// `exponent_bias` is `2^(width - 2) - 1` where it is not given.
///
/// MASE has no zero: code 0 means `2^-exponent_bias` there, and so it does here with MASE's
/// arithmetic, where zero and all that is small become that, with their sign.
///
/// A gradient passes where the logarithm, if exponents went on, is not rounded above the largest.
///
/// # Errors
/// [`FormatError::Range`] unless `width` is 2 to 8 (float32 has no more exponents) and
/// `exponent_bias` one with which all powers are normal float32: at most 127 (126 in MASE's
/// arithmetic), at least `2^(width - 1) - 128`.
///
/// # Source
/// Miyashita et al., "Convolutional Neural Networks using Logarithmic Data Representation", 2016,
/// <https://arxiv.org/abs/1603.01025>, `LogQuant` with steps of one, and MASE's `log`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Log {
    /// What is smaller becomes zero.
    zero_below: f32,
    /// The bits of the smallest and the largest power.
    least: i32,
    most: i32,
    /// The largest number that is rounded to the largest power.
    reach: f32,
}

pub(super) fn of(name: &'static str, format: &NumberFormat) -> Result<Log, FormatError> {
    let width = format.width;
    let reason = "of which one bit is the sign and the others an exponent of float32";
    in_range(name, "width", i64::from(width), [2, 8], reason)?;
    let codes = 1_i32 << (width - 1);
    let bias = format.exponent_bias.unwrap_or(codes / 2 - 1);
    let reason = "so that its numbers are those of float32";
    let limits = [codes - 128, EXPONENT_MAX - i32::from(format.mase)].map(i64::from);
    in_range(name, "exponent_bias", i64::from(bias), limits, reason)?;
    Ok(Log::new(-bias, codes - 1 - bias, format.mase))
}

impl Log {
    /// Returns the powers with the exponents after that of code 0 up to the last, that of code 0
    /// being zero but in MASE's arithmetic.
    pub(super) fn new(exponent_zero: i32, exponent_max: i32, mase: bool) -> Self {
        let first = match mase {
            true => exponent_zero,
            false => exponent_zero + 1,
        };
        let half = |exponent| 2_f64.powi(exponent) * std::f64::consts::SQRT_2;
        Self {
            zero_below: match mase {
                true => 0.0,
                false => below(half(exponent_zero)).next_up(),
            },
            least: magnitude(power_of_two(first)),
            most: magnitude(power_of_two(exponent_max)),
            reach: below(half(exponent_max)),
        }
    }

    /// Returns the largest number.
    pub fn most(&self) -> f32 {
        of_magnitude(self.most)
    }
}

impl Element for Log {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        let bits = magnitude(x);
        let power = bits.wrapping_add(TO_NEAREST_POWER) & INFINITE;
        let power = if power > self.least {
            power
        } else {
            self.least
        };
        let power = if power < self.most { power } else { self.most };
        let is_zero = of_magnitude(bits) < self.zero_below;
        with_sign_of(if is_zero { 0.0 } else { of_magnitude(power) }, x)
    }

    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        x.abs() <= self.reach
    }
}
