//! Fixed-point formats as sets of whole numbers.

use firebrick_core::formats::{FixedPoint, Quantizer};
use firebrick_core::graph::{NumberFormat, Scale};
use serde::Serialize;

/// The numbers of a fixed-point format: whole numbers `k` of a width, each meaning
/// `k * 2^-frac_width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Bits of a number, sign included.
    pub width: u32,
    /// Bits after the binary point.
    pub frac_width: i32,
    /// Whether there are negative numbers.
    pub signed: bool,
    /// Whether the smallest number, which has no opposite, is left out.
    pub narrow: bool,
    /// Whether -1 and 1 are the only numbers, of one bit: what is 0 or above is stored as 1.
    pub bipolar: bool,
}

impl Grid {
    /// -1, 0 and 1.
    const TERNARY: Self = Self {
        width: 2,
        frac_width: 0,
        signed: true,
        narrow: true,
        bipolar: false,
    };
    /// -1 and 1.
    const BIPOLAR: Self = Self {
        width: 1,
        bipolar: true,
        ..Self::TERNARY
    };
    /// 0 and 1.
    const BIT: Self = Self {
        width: 1,
        signed: false,
        narrow: false,
        ..Self::TERNARY
    };

    /// Returns the grid that learned numbers lie on, `None` where their format has none.
    ///
    /// `numbers` are what is stored already: the levels of `ternary` and `binary` are multiplied with
    /// a power of two that is found there.
    pub(crate) fn of_learned(
        format: &NumberFormat,
        quantizer: &Quantizer,
        numbers: &[f32],
    ) -> Option<Self> {
        let levels = match quantizer {
            Quantizer::FixedPoint(format) => return Some(Self::of_fixed_point(format)),
            Quantizer::Ternary(_) => Self::TERNARY,
            Quantizer::Binary(_) if !format.signed => Self::BIT,
            Quantizer::Binary(_) => Self::BIPOLAR,
            _ => return None,
        };
        let level = numbers.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
        let grid = match level > 0.0 {
            true => Self {
                frac_width: -exponent_of_power_of_two(level)?,
                ..levels
            },
            // A mean of nothing but zeros.
            false => Self::TERNARY,
        };
        let fits = numbers.iter().all(|x| grid.find(*x).is_some());
        fits.then_some(grid)
    }

    /// Returns the grid that activations are stored on, `None` where their format has none.
    pub(crate) fn of_activations(format: &NumberFormat, quantizer: &Quantizer) -> Option<Self> {
        let is_one = format.scale.unwrap_or(Scale::One) == Scale::One;
        match quantizer {
            Quantizer::FixedPoint(format) => Some(Self::of_fixed_point(format)),
            // Above a half lies what is rounded to 1: the half goes to the even 0.
            Quantizer::Ternary(_) if format.scale == Some(Scale::One) && !format.mase => {
                Some(Self::TERNARY)
            }
            Quantizer::Binary(_) if is_one && format.signed => Some(Self::BIPOLAR),
            _ => None,
        }
    }

    fn of_fixed_point(format: &FixedPoint) -> Self {
        Self {
            width: format.width(),
            frac_width: format.frac_width(),
            signed: format.is_signed(),
            narrow: false,
            bipolar: false,
        }
    }

    /// Returns the smallest number, in steps.
    pub fn least(&self) -> i64 {
        match (self.bipolar, self.signed) {
            (true, _) => -1,
            (_, true) => -(1 << (self.width - 1)) + i64::from(self.narrow),
            (_, false) => 0,
        }
    }

    /// Returns the largest number, in steps.
    pub fn most(&self) -> i64 {
        match self.bipolar {
            true => 1,
            false => (1 << (self.width - u32::from(self.signed))) - 1,
        }
    }

    /// Returns the distance between neighbours.
    pub fn step(&self) -> f64 {
        power_of_two(-self.frac_width)
    }

    /// Returns the whole number that a number is stored as, half to even, and clamped.
    pub(crate) fn store(&self, x: f32) -> i64 {
        if self.bipolar {
            return if x >= 0.0 { 1 } else { -1 };
        }
        // Exact: a float32 times a power of two in float64's range.
        let steps = f64::from(x) * power_of_two(self.frac_width);
        let steps = steps.round_ties_even();
        steps.clamp(self.least() as f64, self.most() as f64) as i64
    }

    /// Returns the whole number that `k * 2^-frac_width` is stored as, half to even, and clamped.
    pub(crate) fn store_fixed(&self, k: i64, frac_width: i32) -> i64 {
        if self.bipolar {
            return if k >= 0 { 1 } else { -1 };
        }
        let steps = match self.frac_width - frac_width {
            0 => k,
            left @ 1.. => shifted_left(k, left),
            right => shifted_right(k, right.unsigned_abs()),
        };
        steps.clamp(self.least(), self.most())
    }

    /// Returns the whole number that means `x`, `None` if there is none.
    pub(crate) fn find(&self, x: f32) -> Option<i64> {
        let stored = self.store(x);
        (stored as f64 * self.step() == f64::from(x)).then_some(stored)
    }
}

/// Returns `2^exponent` for exponents of normal float64.
pub(crate) fn power_of_two(exponent: i32) -> f64 {
    2.0_f64.powi(exponent)
}

/// Returns `k * 2^by`, or the end of 64 bits that is nearest, which every format clamps.
fn shifted_left(k: i64, by: i32) -> i64 {
    let wide = i128::from(k) << by.min(63);
    wide.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Returns `k * 2^-by`, rounded half to even.
fn shifted_right(k: i64, by: u32) -> i64 {
    if by > 63 {
        // |k| is at most 2^63: a half at most, which goes to 0.
        return 0;
    }
    let wide = i128::from(k);
    let floor = wide >> by;
    let rest = wide - (floor << by);
    let half = 1_i128 << (by - 1);
    let up = rest > half || rest == half && floor & 1 == 1;
    (floor + i128::from(up)) as i64
}

/// Returns `e` where a positive float32 is `2^e`.
fn exponent_of_power_of_two(x: f32) -> Option<i32> {
    let (bits, mantissa_bits) = (x.to_bits(), f32::MANTISSA_DIGITS - 1);
    let is_power = x.is_normal() && bits.trailing_zeros() >= mantissa_bits;
    is_power.then(|| (bits >> mantissa_bits) as i32 - (f32::MAX_EXP - 1))
}

#[cfg(test)]
mod tests {
    use firebrick_core::formats::Element;
    use proptest::prelude::*;

    use super::*;

    fn grid(width: u32, frac_width: i32, signed: bool) -> Grid {
        Grid {
            width,
            frac_width,
            signed,
            narrow: false,
            bipolar: false,
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let format = grid(8, 0, true);
        let stored = [-5, -3, -1, 1, 3, 5].map(|k| format.store_fixed(k, 1));
        assert_eq!(stored, [-2, -2, 0, 0, 2, 2]);
        assert_eq!(format.store_fixed(i64::MIN, 64), 0);
        assert_eq!(format.store_fixed(i64::MIN, 63), -1);
        assert_eq!(format.store_fixed(3, -126), 127);
        assert_eq!(format.store_fixed(-3, -126), -128);
    }

    #[test]
    fn powers_of_two_are_told_from_others() {
        assert_eq!(exponent_of_power_of_two(0.25), Some(-2));
        assert_eq!(exponent_of_power_of_two(8.0), Some(3));
        assert_eq!(exponent_of_power_of_two(0.3), None);
        assert_eq!(exponent_of_power_of_two(1.0_f32.next_up()), None);
    }

    #[test]
    fn a_narrow_format_leaves_out_its_smallest_number() {
        let narrow = Grid {
            narrow: true,
            ..grid(2, 0, true)
        };
        assert_eq!((narrow.least(), narrow.most()), (-1, 1));
        assert_eq!(
            (grid(2, 0, false).least(), grid(2, 0, false).most()),
            (0, 3)
        );
    }

    proptest! {
        #[test]
        fn stores_as_core_does(width in 2_u32..=24, frac in -20_i32..40, signed: bool, x: f32) {
            let core = match signed {
                true => FixedPoint::new(width, frac),
                false => FixedPoint::unsigned(width, frac),
            }.unwrap();
            for x in [x, x * core.step(), x.clamp(-1.0, 1.0)] {
                prop_assume!(!x.is_nan());
                let stored = grid(width, frac, signed).store(x) as f64 * power_of_two(-frac);
                // Compared as numbers: a negative zero is a zero.
                prop_assert_eq!(stored, f64::from(core.quantize(x)));
            }
        }

        #[test]
        fn whole_numbers_are_stored_as_the_numbers_that_they_mean(
            width in 2_u32..=25, frac in -20_i32..40, k in -(1_i64 << 24)..1 << 24, at in -20_i32..40,
        ) {
            let format = grid(width, frac, true);
            let x = (k as f64 * power_of_two(-at)) as f32;
            prop_assert_eq!(format.store_fixed(k, at), format.store(x));
        }
    }
}
