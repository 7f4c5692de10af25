//! Whole multiples of a power of two on both sides of zero, for blocks.

use super::Element;
use super::bits::{MANTISSA, below, magnitude, of_magnitude, power_of_two, smaller, with_sign_of};

/// A sign and `bits` bits `k`, meaning `k * 2^(1 - bits)`: numbers from `-(2 - 2^(1 - bits))` to the
/// same above zero.
///
/// Numbers are rounded to the nearest, halves to the even `k`, and cut off at the limits; what becomes
/// zero keeps its sign, NaN stays NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    most: f32,
    /// The largest number that is rounded to the largest.
    reach: f32,
    /// What leaves place for whole steps only, when added.
    magic: f32,
}

impl Steps {
    /// Returns the numbers with 1 to 23 bits beside the sign.
    pub(super) fn new(bits: u32) -> Self {
        let step = power_of_two(1 - bits as i32);
        Self {
            most: 2.0 - step,
            reach: below(2.0 - f64::from(step) / 2.0),
            magic: power_of_two(MANTISSA as i32 + 1 - bits as i32),
        }
    }
}

impl Element for Steps {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        let size = smaller(of_magnitude(magnitude(x)), self.most);
        with_sign_of((size + self.magic) - self.magic, x)
    }

    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        x.abs() <= self.reach
    }
}
