//! Floats of few bits.

use super::Element;
use super::bits::{
    EXPONENT_MAX, INFINITE, MAGNITUDE, MANTISSA, below, exponent, magnitude, of_magnitude,
    power_of_two, smaller, with_sign_of,
};

/// Floats of few bits: a sign, an exponent and a mantissa, without infinities and NaN.
///
/// A number of at most the largest is rounded to a whole multiple of
/// `2^(max(floor(log2(|x|)), exponent_min) - mantissa_bits)`, of two equally near ones to the even
/// multiple; this carries into the next exponent where the mantissa is full. Below
/// `2^exponent_min` numbers lie as densely as above (subnormal numbers), down to zero, which keeps
/// its sign. What is larger than the largest number, infinities too, becomes the largest; NaN stays
/// NaN. All results are exact.
///
/// A gradient passes where the nearest number, if exponents went on, is not above the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minifloat {
    most: f32,
    /// What larger numbers are taken for.
    top: f32,
    /// The largest number that is rounded to the largest.
    reach: f32,
    /// Up to where numbers are multiples of the smallest.
    subnormal_to: f32,
    /// What leaves place for whole multiples of the smallest only, when added.
    magic: f32,
    /// The largest subnormal number, for arithmetic that does not carry.
    subnormal_most: f32,
    /// Bits of float32 that are not stored.
    dropped: u32,
    /// What is added to the bits before: just below half of the last bit that is kept, and that bit.
    half: i32,
    last: i32,
    kept: i32,
    /// What is full where the mantissa can't carry, and by how much the binade is found below.
    full: i32,
    lowered: i32,
}

/// What a minifloat is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// Bits after the binary point of a number from 1 to 2, up to 23.
    pub(super) mantissa_bits: u32,
    /// The exponent of the smallest normal number, -126 to 104.
    pub(super) exponent_min: i32,
    /// The largest number.
    pub(super) most: f32,
    /// What happens to a full mantissa.
    pub(super) carry: Carry,
}

/// What happens to a mantissa that is full when it is rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carry {
    /// It becomes that of the next exponent.
    Next,
    /// It stays full.
    Stays,
    /// It stays full, and a power of two counts as the end of the binade below.
    StaysBelow,
}

impl Minifloat {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            mantissa_bits,
            exponent_min,
            most,
            carry,
        } = parts;
        let dropped = MANTISSA - mantissa_bits;
        let smallest_normal = power_of_two(exponent_min);
        let whole = 1_i32 << dropped;
        // Without a mantissa a number is one time its power of two, which is odd.
        let (half, last) = match (dropped, mantissa_bits) {
            (0, _) => (0, 0),
            (_, 0) => (whole >> 1, 0),
            _ => ((whole >> 1) - 1, 1),
        };
        let steps = 2_f64.powi(mantissa_bits as i32);
        let step = f64::from(power_of_two(exponent_min)) / steps;
        Self {
            most,
            top: match (carry, mantissa_bits) {
                // A power of two, which would count to the binade below.
                (Carry::StaysBelow, 0) => most.next_up(),
                _ => most,
            },
            reach: reach(most, mantissa_bits),
            subnormal_to: match carry {
                Carry::StaysBelow => smallest_normal,
                Carry::Next | Carry::Stays => smallest_normal.next_down(),
            },
            magic: power_of_two(exponent_min + dropped as i32),
            subnormal_most: match carry {
                Carry::Stays => (f64::from(smallest_normal) - step) as f32,
                Carry::Next | Carry::StaysBelow => smallest_normal,
            },
            dropped,
            half,
            last,
            kept: !(whole - 1),
            full: match carry {
                Carry::Next => MAGNITUDE,
                Carry::Stays | Carry::StaysBelow => !INFINITE & MAGNITUDE,
            },
            lowered: i32::from(carry == Carry::StaysBelow),
        }
    }

    /// Returns the largest number.
    pub fn most(&self) -> f32 {
        self.most
    }
}

impl Element for Minifloat {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        // Of NaN it is the largest, until the end.
        let size = smaller(of_magnitude(magnitude(x)), self.top);
        let subnormal = smaller((size + self.magic) - self.magic, self.subnormal_most);
        let bits = magnitude(size);
        let last = (bits >> self.dropped) & self.last;
        let rounded = bits.wrapping_add(self.half).wrapping_add(last) & self.kept;
        let full = (bits.wrapping_sub(self.lowered) | self.full) & self.kept;
        let normal = of_magnitude(if rounded < full { rounded } else { full });
        let is_subnormal = size <= self.subnormal_to;
        with_sign_of(if is_subnormal { subnormal } else { normal }, x)
    }

    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        x.abs() <= self.reach
    }
}

/// Returns the largest number with an exponent, all bits of its mantissa being set; that of float32
/// if it is beyond.
pub(super) fn largest(exponent_max: i32, mantissa_bits: u32) -> f32 {
    let mantissa = ((1_i32 << mantissa_bits) - 1) << (MANTISSA - mantissa_bits);
    of_magnitude(magnitude(power_of_two(exponent_max.min(EXPONENT_MAX))) | mantissa)
}

/// Returns the largest float32 that is rounded to the largest number, or below.
fn reach(most: f32, mantissa_bits: u32) -> f32 {
    let step = 2_f64.powi(exponent(most) - mantissa_bits as i32);
    let half_above = f64::from(most) + step / 2.0;
    let is_even = f64::from(most) / step % 2.0 == 0.0;
    match is_even {
        true => super::bits::at_most(half_above),
        false => below(half_above),
    }
}
