//! Which formats there are, and which numbers say how one of them is made.

use super::{FormatError, Scale};
use crate::graph::NumberFormat;

/// A format by its name.
struct Known {
    name: &'static str,
    /// The width, where it is part of the definition.
    width: Option<u32>,
    /// The fields of [`NumberFormat`] that it has.
    fields: &'static [&'static str],
}

/// All formats, each beside those of its kind.
const KNOWN: [Known; 18] = [
    open("integer", &["width", "frac_width", "signed"]),
    open("lsq", &["width", "signed"]),
    fixed("binary", 1, &["signed", "scale"]),
    fixed("ternary", 2, &["scale", "mase"]),
    open("minifloat_ieee", MINIFLOAT),
    open("minifloat_denorm", MINIFLOAT),
    fixed("fp8_e4m3", 8, &[]),
    fixed("fp8_e5m2", 8, &[]),
    open("log", &["width", "exponent_bias", "mase"]),
    open(
        "block_fp",
        &[
            "width",
            "exponent_width",
            "exponent_bias",
            "block_size",
            "mase",
        ],
    ),
    open(
        "block_minifloat",
        &[
            "width",
            "exponent_width",
            "exponent_bias_width",
            "block_size",
            "mase",
        ],
    ),
    open(
        "block_log",
        &["width", "exponent_bias_width", "block_size", "mase"],
    ),
    fixed("mxfp8_e4m3", 8, MX),
    fixed("mxfp8_e5m2", 8, MX),
    fixed("mxfp6_e3m2", 6, MX),
    fixed("mxfp6_e2m3", 6, MX),
    fixed("mxfp4_e2m1", 4, MX),
    fixed("mxint8", 8, MX),
];

const MINIFLOAT: &[&str] = &["width", "exponent_width", "exponent_bias", "mase"];
const MX: &[&str] = &["block_size"];

/// The names of all formats.
pub(super) const NAMES: [&str; KNOWN.len()] = {
    let mut names = [""; KNOWN.len()];
    let mut idx = 0;
    while idx < names.len() {
        names[idx] = KNOWN[idx].name;
        idx += 1;
    }
    names
};

const fn open(name: &'static str, fields: &'static [&'static str]) -> Known {
    Known {
        name,
        width: None,
        fields,
    }
}

const fn fixed(name: &'static str, width: u32, fields: &'static [&'static str]) -> Known {
    Known {
        name,
        width: Some(width),
        fields,
    }
}

/// Returns the fields of [`NumberFormat`] that a format has, as they are called there; `None` if no
/// format has this name.
///
/// `width` is among them where it can be chosen; else [`fixed_width`] is what it has to be. A field
/// that is absent has the default that is listed [here](super); only `frac_width` is
/// [open](crate::calibration) then.
pub fn fields(name: &str) -> Option<&'static [&'static str]> {
    let mut known = KNOWN.iter();
    let known = known.find(|known| known.name == name)?;
    Some(known.fields)
}

/// Returns the width that is part of a format's definition, if it is.
pub fn fixed_width(name: &str) -> Option<u32> {
    KNOWN.iter().find(|known| known.name == name)?.width
}

/// Checks that a format is known, has no field that it does not know and no other width than it has
/// to have; returns its name.
pub(super) fn check_fields(format: &NumberFormat) -> Result<&'static str, FormatError> {
    let known = KNOWN.iter().find(|known| known.name == format.name);
    let known = known.ok_or_else(|| FormatError::Unknown {
        name: format.name.clone(),
    })?;
    let name = known.name;
    let given = [
        ("frac_width", format.frac_width.is_some()),
        ("signed", !format.signed),
        ("exponent_width", format.exponent_width.is_some()),
        ("exponent_bias", format.exponent_bias.is_some()),
        ("exponent_bias_width", format.exponent_bias_width.is_some()),
        ("block_size", format.block_size.is_some()),
        ("scale", format.scale.is_some()),
        ("mase", format.mase),
    ];
    for (field, is_given) in given {
        if is_given && !known.fields.contains(&field) {
            return Err(FormatError::NoField { name, field });
        }
    }
    if let Some(width) = known.width {
        let reason = "which is part of what the name means";
        let width = i64::from(width);
        in_range(
            name,
            "width",
            i64::from(format.width),
            [width, width],
            reason,
        )?;
    }
    Ok(name)
}

/// Checks that a number of a format is within limits, both inclusive.
pub(super) fn in_range(
    name: &'static str,
    field: &'static str,
    value: i64,
    [least, most]: [i64; 2],
    reason: &'static str,
) -> Result<(), FormatError> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(FormatError::Range {
            name,
            field,
            value,
            least,
            most,
            reason,
        }),
    }
}

/// Returns how many bits the scale of levels takes, in float32 or as a power of two.
pub(super) fn bits_of_scale(scale: Scale) -> u32 {
    match scale {
        Scale::One => 0,
        Scale::Mean => 32,
        Scale::PowerOfTwo => 8,
    }
}
