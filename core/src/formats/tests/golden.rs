//! What `tests/formats/make_formats.py` wrote: numbers as the bits of float32.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::*;

#[derive(Deserialize)]
struct Golden {
    format: NumberFormat,
    layout: [usize; 3],
    x: Vec<u32>,
    quantized: Vec<u32>,
    /// `1` where a gradient passes, `0` where it does not.
    passes: String,
}

#[derive(Deserialize)]
struct GoldenStep {
    width: u32,
    signed: bool,
    step: u32,
    per_row: usize,
    x: Vec<u32>,
    gradient: Vec<u32>,
    quantized: Vec<u32>,
    passes: String,
    by_step: f64,
    first_step: f64,
}

fn read<T: DeserializeOwned>(text: &str, at_least: usize) -> Vec<T> {
    let golden: Vec<T> = serde_json::from_str(text).unwrap();
    assert!(golden.len() >= at_least);
    golden
}

fn floats(bits: &[u32]) -> Vec<f32> {
    bits.iter().copied().map(f32::from_bits).collect()
}

/// Compares what a format stores and passes with what is expected, to the bit.
fn check(quantizer: Quantizer, layout: Layout, x: &[f32], quantized: &[f32], passes: &str) {
    let (mut stored, mut gradient) = (vec![7.0; x.len()], vec![1.0; x.len()]);
    quantizer.quantize(x, layout, &mut stored);
    quantizer.mask(x, layout, &mut gradient);
    assert_eq!(passes.len(), x.len());
    for (idx, passes) in passes.bytes().enumerate() {
        let (x, found, expected) = (x[idx], stored[idx], quantized[idx]);
        let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(
            same,
            "{x:?}, number {idx}, in {quantizer:?}: {found:?}, not {expected:?}"
        );
        let expected = f32::from(passes - b'0');
        assert_eq!(
            gradient[idx], expected,
            "gradient by {x:?} in {quantizer:?}"
        );
    }
}

fn check_all(text: &str, at_least: usize) -> Vec<String> {
    let mut names = Vec::new();
    for case in read::<Golden>(text, at_least) {
        let quantizer = Quantizer::of(&case.format, None).unwrap();
        let [outer, channels, inner] = case.layout;
        let layout = Layout {
            outer,
            channels,
            inner,
        };
        let (x, quantized) = (floats(&case.x), floats(&case.quantized));
        check(quantizer, layout, &x, &quantized, &case.passes);
        names.push(case.format.name);
    }
    names.sort();
    names.dedup();
    names
}

#[test]
fn numbers_are_stored_one_by_one_as_numpy_stores_them() {
    let text = include_str!("../../../tests/formats/elements.json");
    let expected = [
        "fp8_e4m3",
        "fp8_e5m2",
        "log",
        "minifloat_denorm",
        "minifloat_ieee",
    ];
    assert_eq!(check_all(text, 80), expected);
}

#[test]
fn blocks_are_stored_as_numpy_stores_them() {
    let text = include_str!("../../../tests/formats/blocks.json");
    let expected = [
        "block_fp",
        "block_log",
        "block_minifloat",
        "mxfp4_e2m1",
        "mxfp6_e2m3",
        "mxfp6_e3m2",
        "mxfp8_e4m3",
        "mxfp8_e5m2",
        "mxint8",
    ];
    assert_eq!(check_all(text, 60), expected);
}

#[test]
fn levels_are_those_that_numpy_finds() {
    let text = include_str!("../../../tests/formats/levels.json");
    assert_eq!(check_all(text, 60), ["binary", "ternary"]);
}

#[test]
fn learned_steps_and_their_gradients_are_those_of_pytorch() {
    let text = include_str!("../../../tests/formats/learned.json");
    for case in read::<GoldenStep>(text, 6) {
        let format = LearnedStep::new(case.width, case.signed, f32::from_bits(case.step)).unwrap();
        let (x, gradient) = (floats(&case.x), floats(&case.gradient));
        let layout = Layout::of_tensor(&[x.len()]);
        let quantizer = Quantizer::LearnedStep(format);
        check(
            quantizer,
            layout,
            &x,
            &floats(&case.quantized),
            &case.passes,
        );
        for (found, expected) in [
            (
                format.step_gradient(&x, &gradient, case.per_row),
                case.by_step,
            ),
            (format.first_step(&x), case.first_step),
        ] {
            let off = (f64::from(found) - expected).abs();
            assert!(
                off <= 1e-5 * expected.abs(),
                "{found} not {expected} in {format:?}"
            );
        }
    }
}
