//! Fixed point: whole multiples of a power of two.

use super::bits::{EXPONENT_MAX, EXPONENT_MIN, between, power_of_two, round_ties_even};
use super::known::in_range;
use super::{Element, FormatError};
use crate::graph::NumberFormat;

/// Fixed-point numbers, in two's complement where they are signed.
///
/// A number is stored as a whole number `k` of `width` bits and means `k * 2^-frac_width`. What is
/// to be stored is rounded to the nearest, of two equally near ones to the even `k`, and clamped:
/// `clamp(round(x * 2^frac_width), -2^(width - 1), 2^(width - 1) - 1) * 2^-frac_width`. NaN stays
/// NaN, infinities become the limits, and what is rounded to zero keeps its sign.
///
/// All of it is done in float32, where both products are exact but for what rounds to zero or lies
/// beyond the limits anyway. From 26 bits on, float32 does not have `2^(width - 1) - 1`: the
/// largest `k` is then the largest float32 below it.
///
/// # Source
/// `integer` of MASE's quantisers, Xilinx' `ap_fixed<width, width - frac_width, AP_RND_CONV,
/// AP_SAT>`, and PyTorch's `fake_quantize_per_tensor_affine` with a scale of `2^-frac_width`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedPoint {
    width: u32,
    frac_width: i32,
    scale: f32,
    step: f32,
    least: f32,
    most: f32,
}

const WIDTH_MIN: u32 = 2;
const WIDTH_MAX: u32 = 32;

impl FixedPoint {
    /// What the format is called in files.
    pub const NAME: &'static str = "integer";

    /// Returns the format with `width` bits, of which `frac_width` come after the binary point.
    ///
    /// A negative `frac_width` leaves out the lowest bits of whole numbers, one above `width` the
    /// highest of fractions.
    ///
    /// # Errors
    /// [`FormatError::Range`] unless `width` is 2 to 32 (a single bit could hold 0 and -1 only) and
    /// all numbers of the format are normal float32: `frac_width` is at most 126, and at least -126
    /// and `width - 128`.
    pub fn new(width: u32, frac_width: i32) -> Result<Self, FormatError> {
        Self::checked(width, frac_width, true)
    }

    /// Returns the format without negative numbers: 0 to `2^width - 1` steps, as for what a relu
    /// made.
    ///
    /// # Errors
    /// As [`FixedPoint::new`], but a single bit is enough, and `frac_width` is at least `width - 127`.
    pub fn unsigned(width: u32, frac_width: i32) -> Result<Self, FormatError> {
        Self::checked(width, frac_width, false)
    }

    pub(super) fn of(format: &NumberFormat) -> Result<Self, FormatError> {
        let frac_width = format.frac_width.ok_or(FormatError::Missing {
            name: Self::NAME,
            field: "frac_width",
        })?;
        Self::checked(format.width, frac_width, format.signed)
    }

    pub(super) fn checked(width: u32, frac_width: i32, signed: bool) -> Result<Self, FormatError> {
        let (width_min, reason) = match signed {
            true => (WIDTH_MIN, "of which one bit is the sign"),
            false => (1, "all of them for what is not negative"),
        };
        let limits = [width_min, WIDTH_MAX].map(i64::from);
        in_range(Self::NAME, "width", i64::from(width), limits, reason)?;
        let magnitude_bits = width as i32 - i32::from(signed);
        let limits = Self::frac_limits(magnitude_bits).map(i64::from);
        let reason = "so that its numbers are normal in float32";
        in_range(
            Self::NAME,
            "frac_width",
            i64::from(frac_width),
            limits,
            reason,
        )?;
        Ok(Self {
            width,
            frac_width,
            scale: power_of_two(frac_width),
            step: power_of_two(-frac_width),
            least: match signed {
                true => -power_of_two(magnitude_bits),
                false => 0.0,
            },
            most: largest_below(1 << magnitude_bits),
        })
    }

    /// Returns the smallest and the largest fraction width of a number with so many bits beside its
    /// sign.
    pub(super) fn frac_limits(magnitude_bits: i32) -> [i32; 2] {
        let least = magnitude_bits.saturating_sub(EXPONENT_MAX);
        [least.clamp(EXPONENT_MIN, -EXPONENT_MIN), -EXPONENT_MIN]
    }

    /// Returns the bits of a number.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the bits after the binary point.
    pub fn frac_width(&self) -> i32 {
        self.frac_width
    }

    /// Returns what numbers are multiplied with to count steps: `2^frac_width`.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Returns the distance between neighbours: `2^-frac_width`.
    pub fn step(&self) -> f32 {
        self.step
    }

    /// Returns the smallest number, in steps.
    pub fn least(&self) -> f32 {
        self.least
    }

    /// Returns the largest number, in steps.
    pub fn most(&self) -> f32 {
        self.most
    }

    /// Returns whether this format has all numbers of another, so that to store them again changes
    /// none.
    pub fn has_all_of(&self, other: &Self) -> bool {
        self.frac_width >= other.frac_width
            && self.least * self.step <= other.least * other.step
            && self.most * self.step >= other.most * other.step
    }

    /// Returns whether there are negative numbers.
    pub fn is_signed(&self) -> bool {
        self.least < 0.0
    }

    #[inline(always)]
    fn steps(&self, x: f32) -> f32 {
        round_ties_even(x * self.scale)
    }
}

impl Element for FixedPoint {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        between(self.steps(x), self.least, self.most) * self.step
    }

    /// Inside the range is what is rounded to a number inside the limits.
    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        let steps = self.steps(x);
        (steps >= self.least) & (steps <= self.most)
    }
}

/// Returns the largest float32 below a power of two that is a whole number.
fn largest_below(power: i64) -> f32 {
    let wanted = power - 1;
    let nearest = wanted as f32;
    match nearest as i64 > wanted {
        true => nearest.next_down(),
        false => nearest,
    }
}
