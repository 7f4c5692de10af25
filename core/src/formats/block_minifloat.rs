//! `block_minifloat`: minifloats with one exponent bias a block.

use super::block::{Block, Rounding, SharedExponent};
use super::block_fp::{BLOCK_SIZE, EXPONENT_WIDTH};
use super::known::in_range;
use super::minifloat::{Minifloat, Parts, largest};
use super::{FormatError, block_size, minifloat_ieee};
use crate::graph::NumberFormat;

/// `block_minifloat`: IEEE-like minifloats ([`minifloat_ieee`]) of `width` bits, whose exponent bias the
/// numbers of a block share.
///
/// The bias is such that the largest absolute value of a block has the largest exponent,
/// `2^exponent_width - 1 - bias = floor(log2(largest))`, within the limits of its code: that exponent is
/// at least `1 - 2^(k - 1)` and at most `2^(k - 1)`, `k` being `exponent_bias_width`. Blocks
/// ([`Block`]) have `block_size` numbers.
///
/// `exponent_width` has to be given; `exponent_bias_width` is 8 and `block_size` 16 where they are not.
///
/// MASE takes `clamp(floor(log2(largest)), 0, 2^k - 1)` for the bias, so that blocks of larger numbers
/// have smaller ranges, and keeps full mantissas full. So it is here with MASE's arithmetic.
///
/// # Errors
/// [`FormatError::Range`] unless `width` is 2 to 32, `exponent_width` 1 to 6 with 0 to 23 bits left,
/// `exponent_bias_width` 1 to 8 and `block_size` at least 1.
///
/// # Source
/// Fox et al., "A Block Minifloat Representation for Training Deep Neural Networks", ICLR 2021, and
/// MASE's `block_minifloat`.
pub(super) fn of(
    name: &'static str,
    format: &NumberFormat,
) -> Result<Block<Minifloat>, FormatError> {
    let (exponent_width, mantissa_bits) = minifloat_ieee::widths(name, format, 6)?;
    let bits = bias_width(name, format)?;
    let codes = 1_i32 << exponent_width;
    let shared = match format.mase {
        true => {
            // The largest exponent is that of the last code minus the bias.
            let limits = [codes - (1 << bits), codes - 1];
            SharedExponent::new(bits, Rounding::Down, codes - 1, limits).falling()
        }
        false => SharedExponent::new(bits, Rounding::Down, 0, centred(bits)),
    };
    Ok(Block {
        element: Minifloat::new(Parts {
            mantissa_bits,
            exponent_min: 2 - codes,
            most: largest(0, mantissa_bits),
            carry: minifloat_ieee::carry(format.mase),
        }),
        size: block_size(name, format, BLOCK_SIZE)?,
        shared,
    })
}

/// Returns the bits of the exponent bias that a block shares.
pub(super) fn bias_width(name: &'static str, format: &NumberFormat) -> Result<u32, FormatError> {
    let bits = format.exponent_bias_width.unwrap_or(EXPONENT_WIDTH);
    let reason = "since float32 has no more exponents";
    in_range(name, "exponent_bias_width", i64::from(bits), [1, 8], reason)?;
    Ok(bits)
}

/// Returns the limits of an exponent of so many bits, as many on both sides of 0 as there can be.
pub(super) fn centred(bits: u32) -> [i32; 2] {
    let half = 1_i32 << (bits - 1);
    [1 - half, half]
}
