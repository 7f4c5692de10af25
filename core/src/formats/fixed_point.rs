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
        let frac_min = (magnitude_bits - EXPONENT_MAX).max(EXPONENT_MIN);
        let frac_max = -EXPONENT_MIN;
        let limits = [frac_min, frac_max].map(i64::from);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// What `tests/formats/make.py` wrote: numbers as the bits of float32.
    #[derive(Deserialize)]
    struct Golden {
        width: u32,
        frac_width: i32,
        x: Vec<u32>,
        quantized: Vec<u32>,
        passes: Vec<bool>,
    }

    #[test]
    fn stores_what_numpy_and_pytorch_store() {
        let text = include_str!("../../tests/formats/fixed_point.json");
        let golden: Vec<Golden> = serde_json::from_str(text).unwrap();
        assert!(golden.len() > 20);
        for case in golden {
            let format = FixedPoint::new(case.width, case.frac_width).unwrap();
            for (idx, x) in case.x.iter().copied().map(f32::from_bits).enumerate() {
                let (found, expected) = (format.quantize(x), f32::from_bits(case.quantized[idx]));
                let same = found.to_bits() == expected.to_bits();
                assert!(
                    same || found.is_nan() && expected.is_nan(),
                    "{x:?} in {format:?}: {found:?}, not {expected:?}"
                );
                assert_eq!(format.passes(x), case.passes[idx], "{x:?} in {format:?}");
            }
        }
    }

    #[test]
    fn refuses_what_has_no_range_in_float32() {
        let refusal = |width, frac_width| FixedPoint::new(width, frac_width).unwrap_err();
        assert_eq!(
            refusal(1, 0).to_string(),
            "number format `integer` has `width` 1, expected 2 to 32, of which one bit is the sign"
        );
        assert_eq!(
            refusal(33, 0).to_string(),
            "number format `integer` has `width` 33, expected 2 to 32, of which one bit is the sign"
        );
        assert_eq!(
            refusal(32, -97).to_string(),
            "number format `integer` has `frac_width` -97, expected -96 to 126, so that its \
             numbers are normal in float32"
        );
        assert!(FixedPoint::new(2, -127).is_err() && FixedPoint::new(2, 127).is_err());
        assert!(FixedPoint::new(2, i32::MIN).is_err() && FixedPoint::new(2, i32::MAX).is_err());
    }

    #[test]
    fn two_bits_have_four_numbers() {
        let format = FixedPoint::new(2, 0).unwrap();
        let stored = [-9.0, -1.2, -0.6, 0.4, 0.6, 9.0].map(|x| format.quantize(x));
        assert_eq!(stored, [-2.0, -1.0, -1.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn halves_go_to_the_even_neighbour_on_both_sides() {
        let format = FixedPoint::new(8, 1).unwrap();
        for (x, stored) in [(0.25, 0.0), (0.75, 1.0), (1.25, 1.0), (1.75, 2.0)] {
            assert_eq!(format.quantize(x).to_bits(), f32::to_bits(stored));
            assert_eq!(format.quantize(-x).to_bits(), f32::to_bits(-stored));
        }
    }

    #[test]
    fn the_ends_of_the_numbers_become_the_ends_of_the_range() {
        for (width, most) in [
            (8, 127.0),
            (24, 8_388_607.0),
            (25, 16_777_215.0),
            // Not a float32: 2^25 - 1, 2^31 - 1.
            (26, 33_554_430.0),
            (32, 2_147_483_520.0),
        ] {
            let format = FixedPoint::new(width, 0).unwrap();
            assert_eq!(format.quantize(f32::INFINITY), most);
            assert_eq!(format.quantize(f32::MAX), most);
            assert_eq!(format.quantize(f32::MIN), -(2_f32.powi(width as i32 - 1)));
            assert!(format.quantize(f32::NAN).is_nan());
            assert!(format.passes(most) && !format.passes(most.next_up().ceil()));
            assert!(!format.passes(f32::INFINITY) && !format.passes(f32::NAN));
        }
    }

    #[test]
    fn a_gradient_passes_as_far_as_rounding_leads_inside() {
        let format = FixedPoint::new(4, 0).unwrap();
        assert!(format.passes(7.49) && !format.passes(7.5));
        assert!(format.passes(-8.5) && !format.passes(-8.51));
    }

    #[test]
    fn a_format_has_at_most_as_many_numbers_as_its_bits_have_values() {
        let format = FixedPoint::new(6, 3).unwrap();
        let values = (-100_000..100_000).map(|k| format.quantize(k as f32 * 1e-4).to_bits());
        // Both zeroes are there, which the bits tell apart and a number of two's complement does not.
        let negative_zero = (-0.0_f32).to_bits();
        let distinct: std::collections::BTreeSet<u32> =
            values.filter(|bits| *bits != negative_zero).collect();
        assert_eq!(distinct.len(), 1 << 6);
    }

    #[test]
    fn a_format_has_the_numbers_of_coarser_and_narrower_ones() {
        let format = |width, frac_width| FixedPoint::new(width, frac_width).unwrap();
        assert!(format(8, 4).has_all_of(&format(8, 4)));
        assert!(format(8, 4).has_all_of(&format(7, 3)) && format(9, 4).has_all_of(&format(8, 4)));
        assert!(!format(8, 4).has_all_of(&format(8, 3)) && !format(8, 4).has_all_of(&format(8, 5)));
        // -4 to 3.5 and -4 to 3.75.
        assert!(!format(4, 1).has_all_of(&format(5, 2)));
    }

    fn formats() -> impl Strategy<Value = FixedPoint> {
        (2_u32..=32, -40_i32..=126)
            .prop_map(|(width, frac_width)| FixedPoint::new(width, frac_width).unwrap())
    }

    /// Numbers of every size: all bits, and those that the format tells apart.
    fn number(format: FixedPoint, bits: u32, at: f32) -> [f32; 2] {
        let inside = at * format.most() * 1.2 * format.step();
        [f32::from_bits(bits), inside].map(|x| if x.is_nan() { 0.0 } else { x })
    }

    proptest! {
        #[test]
        fn what_is_stored_stays(format in formats(), bits: u32, at in -1_f32..1.0) {
            for x in number(format, bits, at) {
                let stored = format.quantize(x);
                prop_assert_eq!(format.quantize(stored).to_bits(), stored.to_bits());
                prop_assert!(format.passes(stored));
            }
        }

        #[test]
        fn what_a_format_has_it_stores_as_it_is(
            format in formats(), narrower in formats(), bits: u32, at in -1_f32..1.0,
        ) {
            let (less, more) = (narrower, FixedPoint::new(32, narrower.frac_width()).unwrap());
            for more in [format, more].into_iter().filter(|more| more.has_all_of(&less)) {
                for x in number(less, bits, at).map(|x| less.quantize(x)) {
                    prop_assert_eq!(more.quantize(x).to_bits(), x.to_bits());
                    prop_assert!(more.passes(x));
                }
            }
        }

        #[test]
        fn what_is_larger_is_not_stored_as_less(
            format in formats(), bits: [u32; 2], at in -1_f32..1.0, on in -1_f32..1.0,
        ) {
            let (a, b) = (number(format, bits[0], at), number(format, bits[1], on));
            for (a, b) in a.into_iter().zip(b) {
                let (less, more) = if a <= b { (a, b) } else { (b, a) };
                prop_assert!(format.quantize(less) <= format.quantize(more));
            }
        }

        #[test]
        fn inside_the_range_it_is_off_by_half_a_step_at_most(
            format in formats(), bits: u32, at in -1_f32..1.0,
        ) {
            for x in number(format, bits, at) {
                let steps = f64::from(x) * f64::from(format.scale());
                let inside = steps >= f64::from(format.least()) && steps <= f64::from(format.most());
                if inside {
                    let off = f64::from(format.quantize(x)) - f64::from(x);
                    prop_assert!(off.abs() <= 0.5 * f64::from(format.step()));
                    prop_assert!(format.passes(x));
                }
            }
        }

        #[test]
        fn inside_the_range_the_sign_makes_no_difference(
            format in formats(), bits: u32, at in -1_f32..1.0,
        ) {
            for x in number(format, bits, at) {
                if format.passes(x) && format.passes(-x) {
                    prop_assert_eq!(
                        format.quantize(-x).to_bits(), (-format.quantize(x)).to_bits()
                    );
                }
            }
        }
    }
}
