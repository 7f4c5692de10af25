//! `block_log`: powers of two with one exponent bias a block.

use super::block::{Block, Rounding, SharedExponent};
use super::block_fp::BLOCK_SIZE;
use super::block_minifloat::{bias_width, centred};
use super::known::in_range;
use super::{FormatError, Log, block_size};
use crate::graph::NumberFormat;

/// `block_log`: powers of two and zero ([`Log`]) of `width` bits, whose exponent bias the numbers of a
/// block share.
///
/// The bias is such that the largest absolute value of a block is stored as the largest power,
/// `2^(width - 1) - 1 - bias = round(log2(largest))`, within the limits of its code: that exponent is
/// at least `1 - 2^(k - 1)` and at most `2^(k - 1)`, `k` being `exponent_bias_width`, 8 where it is
/// not given. Blocks ([`Block`]) have `block_size` numbers, 16 where it is not given.
///
/// MASE takes `clamp(2^(width - 1) - 1 - ceil(log2(largest)), 0, 2^k - 1)` for the bias and has no
/// zero. So it is here with MASE's arithmetic, but for blocks of zeros: they take the bias of a
/// block whose largest value is 1, MASE's that of the block with the smallest numbers that are not all
/// zero, which would make a row depend on those beside it.
///
/// # Errors
/// [`FormatError::Range`] unless `width` is 2 to 7 (so that numbers in units of the largest are
/// float32), `exponent_bias_width` 1 to 8 and `block_size` at least 1.
///
/// # Source
/// MASE's `block_log`; Zhang et al., "Revisiting Block-based Quantisation: What is Important for
/// Sub-8-bit LLM Inference?", EMNLP 2023, <https://arxiv.org/abs/2310.05079>.
pub(super) fn of(name: &'static str, format: &NumberFormat) -> Result<Block<Log>, FormatError> {
    let reason = "of which one bit is the sign and the others an exponent of float32";
    in_range(name, "width", i64::from(format.width), [2, 7], reason)?;
    let bits = bias_width(name, format)?;
    let last = (1_i32 << (format.width - 1)) - 1;
    let shared = match format.mase {
        true => {
            let limits = [last + 1 - (1 << bits), last];
            SharedExponent::new(bits, Rounding::Up, 0, limits)
        }
        false => SharedExponent::new(bits, Rounding::Nearest, 0, centred(bits)),
    };
    Ok(Block {
        element: Log::new(-last, 0, format.mase),
        size: block_size(name, format, BLOCK_SIZE)?,
        shared,
    })
}
