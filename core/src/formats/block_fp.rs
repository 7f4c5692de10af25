//! `block_fp`: block floating point.

use super::block::{Block, Rounding, SharedExponent};
use super::known::in_range;
use super::{FormatError, Steps, block_size};
use crate::graph::NumberFormat;

/// Bits of the exponent that a block shares, and numbers that share it, where they are not given: those
/// of Microsoft's formats, which MASE has too.
pub(super) const EXPONENT_WIDTH: u32 = 8;
pub(super) const BLOCK_SIZE: u32 = 16;

/// `block_fp`: a sign and `width - 1` bits `k` a number, meaning `2^E * k / 2^(width - 1)`, and one
/// exponent `E` a block.
///
/// `E` is `floor(log2(largest)) + 1`, the smallest with which `2^E` is above all absolute values,
/// within the limits of its code, `-exponent_bias` to `2^exponent_width - 1 - exponent_bias`. `k` is
/// rounded to the nearest, halves to even, and at most `2^(width - 1) - 1`: a number that would be
/// rounded to `2^E` does not raise `E`. Blocks ([`Block`]) have `block_size` numbers, 16 if that is not
/// given; `exponent_width` is 8 then, `exponent_bias` `2^(exponent_width - 1) - 1`. `width` 4 is
/// Microsoft's MSFP12, 8 MSFP16.
///
/// MASE takes `ceil(log2(largest))` for `E`: where the largest value is a power of two it is not
/// stored as it is but loses a step. So it is here with MASE's arithmetic, where what is stored again
/// may therefore become smaller.
///
/// # Errors
/// [`FormatError::Range`] unless `width` is 2 to 24 (so that numbers are exact in float32),
/// `exponent_width` 1 to 8, `block_size` at least 1, and `exponent_bias` one with which `2^E` is about
/// float32: at most 127, at least `2^exponent_width - 129`. Blocks below `2^-127` are stored with the
/// steps of those just above.
///
/// # Source
/// Darvish Rouhani et al., "Pushing the Limits of Narrow Precision Inferencing at Cloud Scale with
/// Microsoft Floating Point", NeurIPS 2020, section 3, and MASE's `block_fp`.
pub(super) fn of(name: &'static str, format: &NumberFormat) -> Result<Block<Steps>, FormatError> {
    let reason = "so that its numbers, of which one bit is the sign, are exact in float32";
    in_range(name, "width", i64::from(format.width), [2, 24], reason)?;
    let exponent_width = format.exponent_width.unwrap_or(EXPONENT_WIDTH);
    let reason = "since float32 has no more exponents";
    in_range(
        name,
        "exponent_width",
        i64::from(exponent_width),
        [1, 8],
        reason,
    )?;
    let codes = 1_i32 << exponent_width;
    let bias = format.exponent_bias.unwrap_or(codes / 2 - 1);
    let reason = "so that blocks have exponents of float32";
    let limits = [codes - 129, 127].map(i64::from);
    in_range(name, "exponent_bias", i64::from(bias), limits, reason)?;
    // In units of half of `2^E` numbers go up to 2.
    let (rounding, plus) = match format.mase {
        true => (Rounding::Up, -1),
        false => (Rounding::Down, 0),
    };
    let limits = [-bias - 1, codes - 2 - bias];
    Ok(Block {
        element: Steps::new(format.width - 1),
        size: block_size(name, format, BLOCK_SIZE)?,
        shared: SharedExponent::new(exponent_width, rounding, plus, limits),
    })
}
