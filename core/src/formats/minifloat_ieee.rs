//! `minifloat_ieee`: floats of few bits as those of IEEE 754 are made.

use super::known::in_range;
use super::minifloat::{Carry, Minifloat, Parts, largest};
use super::{FormatError, bits::EXPONENT_MAX};
use crate::graph::NumberFormat;

/// `minifloat_ieee`: a sign, `exponent_width` bits of exponent and `m` of mantissa, `m` being what is
/// left of `width`.
///
/// - normal: `2^(code - exponent_bias) * (1 + k / 2^m)`, code 1 to `2^exponent_width - 1`
/// - subnormal: `2^(1 - exponent_bias) * k / 2^m`, code 0; zero is one of them
///
/// No code is spent on infinities and NaN, unlike in IEEE 754. Numbers are rounded to the nearest,
/// halves to the even multiple of the binade's step, with carry into the next exponent; what is too
/// large, infinities too, becomes the largest number, and NaN stays NaN ([`Minifloat`]). Without
/// mantissa (`m` = 0) numbers are powers of two and zero, and a half goes to the larger one.
///
/// `exponent_width` has to be given; `exponent_bias` is `2^(exponent_width - 1) - 1` where it is not.
/// With 8 bits of exponent the numbers from `2^128` on are left out, which float32 does not have.
///
/// MASE keeps a full mantissa full: 1.999 becomes `1 + (2^m - 1) / 2^m` there, not 2. So it is here
/// with MASE's arithmetic.
///
/// # Errors
/// [`FormatError::Range`] unless `width` is 2 to 32, `exponent_width` 1 to 8 with 0 to 23 bits left,
/// and `exponent_bias` one with which numbers are float32: at most 127, at least -103 and
/// `2^exponent_width - 129`.
///
/// # Source
/// IEEE 754-2019, section 3.4, and MASE's `minifloat_ieee`.
pub(super) fn of(name: &'static str, format: &NumberFormat) -> Result<Minifloat, FormatError> {
    let (exponent_width, mantissa_bits) = widths(name, format, 8)?;
    let codes = 1_i32 << exponent_width;
    let bias = format.exponent_bias.unwrap_or(codes / 2 - 1);
    let limits = [-103.max(codes - 129), EXPONENT_MAX].map(i64::from);
    let reason = "so that its numbers are those of float32";
    in_range(name, "exponent_bias", i64::from(bias), limits, reason)?;
    Ok(Minifloat::new(Parts {
        mantissa_bits,
        exponent_min: 1 - bias,
        most: largest(codes - 1 - bias, mantissa_bits),
        carry: carry(format.mase),
    }))
}

/// Returns the widths of exponent and mantissa.
pub(super) fn widths(
    name: &'static str,
    format: &NumberFormat,
    exponent_width_max: u32,
) -> Result<(u32, u32), FormatError> {
    let width = format.width;
    let reason = "of which one bit is the sign and one at least the exponent";
    in_range(name, "width", i64::from(width), [2, 32], reason)?;
    let field = "exponent_width";
    let exponent_width = format
        .exponent_width
        .ok_or(FormatError::Missing { name, field })?;
    let limits = [
        1.max(i64::from(width) - 24),
        i64::from(exponent_width_max.min(width - 1)),
    ];
    let reason =
        "which leave a mantissa of 0 to 23 bits and are not more exponents than float32 has";
    in_range(name, field, i64::from(exponent_width), limits, reason)?;
    Ok((exponent_width, width - 1 - exponent_width))
}

/// Returns what happens to a full mantissa.
pub(super) fn carry(mase: bool) -> Carry {
    match mase {
        true => Carry::Stays,
        false => Carry::Next,
    }
}
