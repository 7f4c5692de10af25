//! `fp8_e4m3` and `fp8_e5m2`: the 8-bit floats of the Open Compute Project.

use super::minifloat::{Carry, Minifloat, Parts};

/// `fp8_e4m3`: 4 bits of exponent with bias 7, 3 of mantissa. Numbers go from `2^-9` to 448, since
/// the largest mantissa of the largest exponent means NaN; there are no infinities.
///
/// Conversion saturates (`SAT` in the specification): what is rounded beyond 448, infinities too,
/// becomes 448. NaN stays NaN.
///
/// # Source
/// "OCP 8-bit Floating Point Specification (OFP8)", revision 1.0, Open Compute Project, 2023.
pub(super) const E4M3: Type = Type {
    mantissa_bits: 3,
    exponent_min: -6,
    most: 448.0,
};

/// `fp8_e5m2`: 5 bits of exponent with bias 15, 2 of mantissa. Numbers go from `2^-16` to 57344, as
/// in IEEE 754, whose largest exponent means infinities and NaN.
///
/// Conversion saturates (`SAT` in the specification): what is rounded beyond 57344, infinities too,
/// becomes 57344, so that the infinities of the format are never made. NaN stays NaN.
///
/// # Source
/// As [`E4M3`].
pub(super) const E5M2: Type = Type {
    mantissa_bits: 2,
    exponent_min: -14,
    most: 57344.0,
};

/// A type of floats by its mantissa, the exponent of its smallest normal number and its largest
/// number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) mantissa_bits: u32,
    pub(super) exponent_min: i32,
    pub(super) most: f32,
}

impl Type {
    pub(super) fn minifloat(self) -> Minifloat {
        Minifloat::new(Parts {
            mantissa_bits: self.mantissa_bits,
            exponent_min: self.exponent_min,
            most: self.most,
            carry: Carry::Next,
        })
    }
}
