//! Number formats of every kind.

use crate::graph::{NumberFormat, Scale};

/// Returns a format under each name that is known, with the fields that it needs, and some more with
/// others; none whose fraction width is still to be chosen.
pub fn number_formats() -> Vec<NumberFormat> {
    let plain = |name: &str, width| NumberFormat::new(name, width);
    let exponent = |name: &str, width, exponent_width| NumberFormat {
        exponent_width: Some(exponent_width),
        ..plain(name, width)
    };
    let blocks = |format: NumberFormat, block_size| NumberFormat {
        block_size: Some(block_size),
        ..format
    };
    let scaled = |name: &str, width, scale| NumberFormat {
        scale: Some(scale),
        ..plain(name, width)
    };
    let unsigned = |format: NumberFormat| NumberFormat {
        signed: false,
        ..format
    };
    let mut formats = vec![
        NumberFormat::integer(8, 5),
        NumberFormat::integer(3, 1),
        unsigned(NumberFormat::integer(6, 4)),
        plain("lsq", 4),
        unsigned(plain("lsq", 3)),
        scaled("binary", 1, Scale::One),
        scaled("binary", 1, Scale::Mean),
        scaled("ternary", 2, Scale::One),
        scaled("ternary", 2, Scale::PowerOfTwo),
        exponent("minifloat_ieee", 8, 4),
        exponent("minifloat_denorm", 6, 3),
        plain("fp8_e4m3", 8),
        plain("fp8_e5m2", 8),
        plain("log", 5),
        blocks(exponent("block_fp", 6, 8), 4),
        blocks(
            NumberFormat {
                exponent_bias_width: Some(8),
                ..exponent("block_minifloat", 8, 4)
            },
            3,
        ),
        blocks(
            NumberFormat {
                exponent_bias_width: Some(8),
                ..plain("block_log", 5)
            },
            2,
        ),
    ];
    for (name, width) in [
        ("mxfp8_e4m3", 8),
        ("mxfp8_e5m2", 8),
        ("mxfp6_e3m2", 6),
        ("mxfp6_e2m3", 6),
        ("mxfp4_e2m1", 4),
        ("mxint8", 8),
    ] {
        formats.push(plain(name, width));
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Quantizer;

    #[test]
    fn every_name_that_is_known_is_among_them_and_can_be_computed() {
        let formats = number_formats();
        for name in Quantizer::NAMES {
            assert!(formats.iter().any(|format| format.name == name), "{name}");
        }
        for format in formats {
            Quantizer::of(&format, Some(1.0)).unwrap();
        }
    }
}
