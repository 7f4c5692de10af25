//! `minifloat_denorm`: floats of few bits without an implicit one.

use super::FormatError;
use super::known::in_range;
use super::minifloat::{Carry, Minifloat, Parts, largest};
use crate::graph::NumberFormat;

/// `minifloat_denorm`: a sign, `exponent_width` bits of exponent and `m` of mantissa, `m` being what
/// is left of `width`, without an implicit one.
///
/// Numbers are `2^(code - exponent_bias) * k / 2^m`, code 0 to `2^exponent_width - 1`, `k` 0 to
/// `2^m - 1`; many of them have several codes. They are what an IEEE-like minifloat with one bit of
/// mantissa less has, and are rounded, cut off and keep NaN like its numbers
/// ([`Minifloat`]).
///
/// `exponent_width` has to be given; `exponent_bias` is `2^(exponent_width - 1) - 1` where it is not.
///
/// MASE takes `ceil(log2(|x|))` for the exponent and keeps a full mantissa full: 1.999 with three bits
/// becomes 1.75 there, not 2, and 1 becomes 0.875, although 1 is a number of the format. So it is here
/// with MASE's arithmetic, where what is stored again may become smaller.
///
/// # Errors
/// [`FormatError::Range`] unless `width` is 3 to 32, `exponent_width` 1 to 7 with 1 to 24 bits left,
/// and `exponent_bias` one with which numbers are float32: -104 to 125, and at least
/// `2^exponent_width - 129`.
///
/// # Source
/// `minifloat_denorm` of MASE's quantisers, "DMF" in Zhang et al., "Revisiting Block-based
/// Quantisation: What is Important for Sub-8-bit LLM Inference?", EMNLP 2023,
/// <https://arxiv.org/abs/2310.05079>.
pub(super) fn of(name: &'static str, format: &NumberFormat) -> Result<Minifloat, FormatError> {
    let width = i64::from(format.width);
    let reason = "of which one bit is the sign, and exponent and mantissa have one at least";
    in_range(name, "width", width, [3, 32], reason)?;
    let field = "exponent_width";
    let exponent_width = format
        .exponent_width
        .ok_or(FormatError::Missing { name, field })?;
    let limits = [1.max(width - 25), 7.min(width - 2)];
    let reason =
        "which leave a mantissa of 1 to 24 bits and are not more exponents than float32 has";
    in_range(name, field, i64::from(exponent_width), limits, reason)?;
    let codes = 1_i32 << exponent_width;
    let bias = format.exponent_bias.unwrap_or(codes / 2 - 1);
    let reason = "so that its numbers are those of float32";
    let limits = [-104.max(codes - 129), 125].map(i64::from);
    in_range(name, "exponent_bias", i64::from(bias), limits, reason)?;
    // The first bit of the mantissa is what is implicit elsewhere.
    let mantissa_bits = format.width - 2 - exponent_width;
    Ok(Minifloat::new(Parts {
        mantissa_bits,
        exponent_min: -bias - 1,
        most: largest(codes - 2 - bias, mantissa_bits),
        carry: match format.mase {
            true => Carry::StaysBelow,
            false => Carry::Next,
        },
    }))
}
