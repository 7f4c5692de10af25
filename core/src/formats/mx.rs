//! `mxfp8_e4m3`, `mxfp8_e5m2`, `mxfp6_e3m2`, `mxfp6_e2m3`, `mxfp4_e2m1`, `mxint8`: the microscaling
//! formats of the Open Compute Project.
//!
//! Blocks ([`Block`]) of 32 numbers, unless `block_size` says otherwise, share a scale `X`, a power of
//! two in 8 bits (E8M0, `2^-127` to `2^127`): `X = 2^(floor(log2(largest)) - emax)`, `emax` being the
//! exponent of the largest number of the element type. Each number is `X` times one of that type:
//!
//! | format       | exponent, mantissa | bias | smallest | largest    | `emax` |
//! |--------------|--------------------|------|----------|------------|--------|
//! | `mxfp8_e4m3` | 4, 3               | 7    | `2^-9`   | 448        | 8      |
//! | `mxfp8_e5m2` | 5, 2               | 15   | `2^-16`  | 57344      | 15     |
//! | `mxfp6_e3m2` | 3, 2               | 3    | `2^-4`   | 28         | 4      |
//! | `mxfp6_e2m3` | 2, 3               | 1    | `2^-3`   | 7.5        | 2      |
//! | `mxfp4_e2m1` | 2, 1               | 1    | `2^-1`   | 6          | 2      |
//! | `mxint8`     | 8 bits, `k * 2^-6` | -    | `2^-6`   | `127 / 64` | 0      |
//!
//! Numbers are rounded to the nearest, halves to even; what is beyond the largest number of the type
//! becomes that (saturation, the scale is not raised). `mxint8` does not use -2, which the specification
//! leaves open, so that signs make no difference. What the specification leaves to us where a block has
//! NaN or infinities: the scale is never NaN, NaN stays the number it is, and an infinity counts as the
//! largest float32.
//!
//! # Source
//! "OCP Microscaling Formats (MX) Specification", version 1.0, Open Compute Project, 2023; Rouhani et al., "Microscaling Data Formats for Deep Learning", 2023,
//! <https://arxiv.org/abs/2310.10537>, algorithm 1.

use super::bits::exponent;
use super::block::{Block, Rounding, SharedExponent};
use super::fp8::{E4M3, E5M2, Type};
use super::minifloat::Minifloat;
use super::{FormatError, Steps, block_size};
use crate::graph::NumberFormat;

const E3M2: Type = Type {
    mantissa_bits: 2,
    exponent_min: -2,
    most: 28.0,
};
const E2M3: Type = Type {
    mantissa_bits: 3,
    exponent_min: 0,
    most: 7.5,
};
const E2M1: Type = Type {
    mantissa_bits: 1,
    exponent_min: 0,
    most: 6.0,
};
const BLOCK_SIZE: u32 = 32;
const SCALE_BITS: u32 = 8;
const SCALE_LIMITS: [i32; 2] = [-127, 127];
/// Bits of MXINT8 beside its sign.
const INTEGER_BITS: u32 = 7;

/// Returns the float that the elements of a format are; `None` if they are none.
pub(super) fn float(name: &str) -> Option<Type> {
    match name {
        "mxfp8_e4m3" => Some(E4M3),
        "mxfp8_e5m2" => Some(E5M2),
        "mxfp6_e3m2" => Some(E3M2),
        "mxfp6_e2m3" => Some(E2M3),
        "mxfp4_e2m1" => Some(E2M1),
        _ => None,
    }
}

/// Returns blocks of floats.
///
/// # Errors
/// [`FormatError::Range`] if `block_size` is 0.
pub(super) fn of_floats(
    name: &'static str,
    float: Type,
    format: &NumberFormat,
) -> Result<Block<Minifloat>, FormatError> {
    Ok(Block {
        element: float.minifloat(),
        size: block_size(name, format, BLOCK_SIZE)?,
        shared: scale(exponent(float.most)),
    })
}

/// Returns blocks of whole numbers: MXINT8.
///
/// # Errors
/// [`FormatError::Range`] if `block_size` is 0.
pub(super) fn of_integers(
    name: &'static str,
    format: &NumberFormat,
) -> Result<Block<Steps>, FormatError> {
    Ok(Block {
        element: Steps::new(INTEGER_BITS),
        size: block_size(name, format, BLOCK_SIZE)?,
        shared: scale(0),
    })
}

fn scale(exponent_of_most: i32) -> SharedExponent {
    SharedExponent::new(SCALE_BITS, Rounding::Down, -exponent_of_most, SCALE_LIMITS)
}
