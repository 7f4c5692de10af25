//! Formats that can't be computed.

use super::super::*;

fn refusal(format: &NumberFormat) -> String {
    Quantizer::of(format, Some(1.0)).unwrap_err().to_string()
}

fn new(name: &str, width: u32) -> NumberFormat {
    NumberFormat::new(name, width)
}

fn with_exponent(name: &str, width: u32, exponent_width: u32) -> NumberFormat {
    NumberFormat {
        exponent_width: Some(exponent_width),
        ..new(name, width)
    }
}

fn with_bias(format: NumberFormat, exponent_bias: i32) -> NumberFormat {
    NumberFormat {
        exponent_bias: Some(exponent_bias),
        ..format
    }
}

#[test]
fn fields_that_a_format_does_not_have_are_refused() {
    let plain = |name: &str| NumberFormat {
        exponent_width: fields(name)
            .filter(|fields| fields.contains(&"exponent_width"))
            .map(|_| 3),
        frac_width: fields(name)
            .filter(|fields| fields.contains(&"frac_width"))
            .map(|_| 3),
        ..new(name, fixed_width(name).unwrap_or(6))
    };
    for name in Quantizer::NAMES {
        let known = fields(name).unwrap();
        let plain = plain(name);
        Quantizer::of(&plain, Some(1.0)).unwrap();
        let given = [
            (
                "frac_width",
                NumberFormat {
                    frac_width: Some(2),
                    ..plain.clone()
                },
            ),
            (
                "signed",
                NumberFormat {
                    signed: false,
                    ..plain.clone()
                },
            ),
            (
                "exponent_width",
                NumberFormat {
                    exponent_width: Some(2),
                    ..plain.clone()
                },
            ),
            (
                "exponent_bias",
                NumberFormat {
                    exponent_bias: Some(2),
                    ..plain.clone()
                },
            ),
            (
                "exponent_bias_width",
                NumberFormat {
                    exponent_bias_width: Some(2),
                    ..plain.clone()
                },
            ),
            (
                "block_size",
                NumberFormat {
                    block_size: Some(2),
                    ..plain.clone()
                },
            ),
            (
                "scale",
                NumberFormat {
                    scale: Some(Scale::One),
                    ..plain.clone()
                },
            ),
            (
                "mase",
                NumberFormat {
                    mase: true,
                    ..plain.clone()
                },
            ),
        ];
        for (field, format) in given {
            let found = Quantizer::of(&format, Some(1.0)).map_err(|error| error.to_string());
            match known.contains(&field) {
                true => assert_eq!(found.err(), None),
                false => assert_eq!(
                    found.unwrap_err(),
                    format!("number format `{name}` has no `{field}`")
                ),
            }
        }
        assert_eq!(known.contains(&"width"), fixed_width(name).is_none());
    }
    assert_eq!((fields("msfp"), fixed_width("msfp")), (None, None));
}

#[test]
fn widths_are_those_that_numbers_can_have() {
    insta::assert_snapshot!(refusal(&new("fp8_e4m3", 7)), @"number format `fp8_e4m3` has `width` 7, expected 8, which is part of what the name means");
    insta::assert_snapshot!(refusal(&new("binary", 2)), @"number format `binary` has `width` 2, expected 1, which is part of what the name means");
    insta::assert_snapshot!(refusal(&new("ternary", 0)), @"number format `ternary` has `width` 0, expected 2, which is part of what the name means");
    insta::assert_snapshot!(refusal(&new("mxfp4_e2m1", 8)), @"number format `mxfp4_e2m1` has `width` 8, expected 4, which is part of what the name means");
    insta::assert_snapshot!(refusal(&new("minifloat_ieee", 0)), @"number format `minifloat_ieee` has `width` 0, expected 2 to 32, of which one bit is the sign and one at least the exponent");
    insta::assert_snapshot!(refusal(&new("minifloat_denorm", 33)), @"number format `minifloat_denorm` has `width` 33, expected 3 to 32, of which one bit is the sign, and exponent and mantissa have one at least");
    insta::assert_snapshot!(refusal(&new("log", 9)), @"number format `log` has `width` 9, expected 2 to 8, of which one bit is the sign and the others an exponent of float32");
    insta::assert_snapshot!(refusal(&new("block_fp", 1)), @"number format `block_fp` has `width` 1, expected 2 to 24, so that its numbers, of which one bit is the sign, are exact in float32");
    insta::assert_snapshot!(refusal(&with_exponent("block_minifloat", 40, 4)), @"number format `block_minifloat` has `width` 40, expected 2 to 32, of which one bit is the sign and one at least the exponent");
    insta::assert_snapshot!(refusal(&new("block_log", 8)), @"number format `block_log` has `width` 8, expected 2 to 7, of which one bit is the sign and the others an exponent of float32");
    insta::assert_snapshot!(refusal(&new("lsq", 25)), @"number format `lsq` has `width` 25, expected 2 to 24, so that its numbers of steps are exact in float32");
}

#[test]
fn exponents_leave_what_mantissas_need_and_are_those_of_float32() {
    insta::assert_snapshot!(refusal(&new("minifloat_ieee", 8)), @"number format `minifloat_ieee` needs `exponent_width`");
    insta::assert_snapshot!(refusal(&with_exponent("minifloat_ieee", 4, 4)), @"number format `minifloat_ieee` has `exponent_width` 4, expected 1 to 3, which leave a mantissa of 0 to 23 bits and are not more exponents than float32 has");
    insta::assert_snapshot!(refusal(&with_exponent("minifloat_ieee", 32, 4)), @"number format `minifloat_ieee` has `exponent_width` 4, expected 8, which leave a mantissa of 0 to 23 bits and are not more exponents than float32 has");
    insta::assert_snapshot!(refusal(&with_exponent("minifloat_denorm", 4, 3)), @"number format `minifloat_denorm` has `exponent_width` 3, expected 1 to 2, which leave a mantissa of 1 to 24 bits and are not more exponents than float32 has");
    insta::assert_snapshot!(refusal(&with_exponent("minifloat_denorm", 16, 8)), @"number format `minifloat_denorm` has `exponent_width` 8, expected 1 to 7, which leave a mantissa of 1 to 24 bits and are not more exponents than float32 has");
    insta::assert_snapshot!(refusal(&with_exponent("block_minifloat", 16, 7)), @"number format `block_minifloat` has `exponent_width` 7, expected 1 to 6, which leave a mantissa of 0 to 23 bits and are not more exponents than float32 has");
    insta::assert_snapshot!(refusal(&with_exponent("block_fp", 4, 0)), @"number format `block_fp` has `exponent_width` 0, expected 1 to 8, since float32 has no more exponents");
    let bias = with_bias(with_exponent("minifloat_ieee", 8, 4), 128);
    insta::assert_snapshot!(refusal(&bias), @"number format `minifloat_ieee` has `exponent_bias` 128, expected -103 to 127, so that its numbers are those of float32");
    let bias = with_bias(with_exponent("minifloat_denorm", 8, 7), -2);
    insta::assert_snapshot!(refusal(&bias), @"number format `minifloat_denorm` has `exponent_width` 7, expected 1 to 6, which leave a mantissa of 1 to 24 bits and are not more exponents than float32 has");
    insta::assert_snapshot!(refusal(&with_bias(new("log", 4), i32::MIN)), @"number format `log` has `exponent_bias` -2147483648, expected -120 to 127, so that its numbers are those of float32");
    insta::assert_snapshot!(refusal(&with_bias(new("block_fp", 4), 128)), @"number format `block_fp` has `exponent_bias` 128, expected 127, so that blocks have exponents of float32");
    let bias_width = NumberFormat {
        exponent_bias_width: Some(9),
        ..new("block_log", 4)
    };
    insta::assert_snapshot!(refusal(&bias_width), @"number format `block_log` has `exponent_bias_width` 9, expected 1 to 8, since float32 has no more exponents");
}

#[test]
fn blocks_have_numbers() {
    let block = |name: &str, width| NumberFormat {
        block_size: Some(0),
        ..new(name, width)
    };
    insta::assert_snapshot!(refusal(&block("mxint8", 8)), @"number format `mxint8` has `block_size` 0, expected 1 to 4294967295, so that there are numbers to share an exponent");
    insta::assert_snapshot!(refusal(&block("block_fp", 8)), @"number format `block_fp` has `block_size` 0, expected 1 to 4294967295, so that there are numbers to share an exponent");
}

#[test]
fn extreme_fields_are_refused_or_computed() {
    let some = |values: &[i64]| values.to_vec();
    let (widths, biases) = (
        some(&[0, 1, 2, 3, 7, 8, 9, 23, 24, 25, 31, 32, 33]),
        some(&[-130, -104, 0, 127]),
    );
    for name in Quantizer::NAMES {
        let known = fields(name).unwrap();
        let has = |field| known.contains(&field);
        for (width, exponent_width, bias, mase) in widths.iter().flat_map(|width| {
            let rest = widths
                .iter()
                .flat_map(|e| biases.iter().map(move |b| (e, b)));
            rest.flat_map(move |(e, b)| [false, true].map(|mase| (*width, *e, *b, mase)))
        }) {
            let format = NumberFormat {
                frac_width: has("frac_width").then_some(bias as i32),
                exponent_width: has("exponent_width").then_some(exponent_width as u32),
                exponent_bias: has("exponent_bias").then_some(bias as i32),
                exponent_bias_width: has("exponent_bias_width").then_some(exponent_width as u32),
                block_size: has("block_size").then_some(width as u32),
                mase: mase && has("mase"),
                ..new(name, width as u32)
            };
            let Ok(quantizer) = Quantizer::of(&format, Some(1e-30)) else {
                continue;
            };
            let x = [1.0, -1e-45, 3e38, 1e-38, -0.0];
            let mut y = [f32::NAN; 5];
            quantizer.quantize(&x, Layout::of_tensor(&[5]), &mut y);
            assert!(y.iter().all(|y| y.is_finite()), "{y:?} in {format:?}");
        }
    }
}

#[test]
fn what_numbers_share_counts_among_the_bits() {
    let layout = Layout::of_tensor(&[2, 32, 3, 3]);
    let bits = |format: &NumberFormat| format.bits_of(layout) as f64 / layout.len() as f64;
    // MSFP12, and the formats of OCP.
    assert_eq!(bits(&new("block_fp", 4)), 4.5);
    assert_eq!(bits(&new("mxfp4_e2m1", 4)), 4.25);
    assert_eq!(bits(&new("mxint8", 8)), 8.25);
    assert_eq!(bits(&with_exponent("minifloat_ieee", 8, 4)), 8.0);
    let cut_short = Layout::of_tensor(&[2, 33, 3, 3]);
    let shared = new("mxint8", 8).bits_of(cut_short) - 8 * cut_short.len() as u64;
    assert_eq!(shared, 8 * 2 * 2 * 9);
    for (scale, expected) in [
        (None, 32),
        (Some(Scale::PowerOfTwo), 8),
        (Some(Scale::One), 0),
    ] {
        let ternary = NumberFormat {
            scale,
            ..new("ternary", 2)
        };
        assert_eq!(ternary.bits_of(layout), 2 * layout.len() as u64 + expected);
    }
}

#[test]
fn a_step_that_is_not_a_number_makes_nothing_that_is_one() {
    let format = LearnedStep::new(4, true, f32::NAN).unwrap();
    assert!(format.quantize(1.0).is_nan() && !format.passes(1.0));
    let least = LearnedStep::new(4, true, -1.0).unwrap();
    assert_eq!((least.step(), least.quantize(1.0)), (1e-9, 7.0 * 1e-9));
}
