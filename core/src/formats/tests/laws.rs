//! What holds for all formats.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::*;
use crate::testing::number_formats;

/// All formats, and those with MASE's arithmetic.
fn all() -> Vec<NumberFormat> {
    let mut formats = number_formats();
    let with_field = |format: &NumberFormat| {
        let fields = fields(&format.name).unwrap();
        fields.contains(&"mase")
    };
    let mut mase: Vec<NumberFormat> = formats.iter().filter(|f| with_field(f)).cloned().collect();
    mase.iter_mut().for_each(|format| format.mase = true);
    formats.extend(mase);
    formats
}

fn quantizer(format: &NumberFormat) -> Quantizer {
    Quantizer::of(format, Some(0.3)).unwrap()
}

fn stored(format: &NumberFormat, layout: Layout, x: &[f32]) -> Vec<f32> {
    let mut y = vec![7.0; x.len()];
    quantizer(format).quantize(x, layout, &mut y);
    y
}

fn passes(format: &NumberFormat, layout: Layout, x: &[f32]) -> Vec<bool> {
    let mut y = vec![1.0; x.len()];
    quantizer(format).mask(x, layout, &mut y);
    y.into_iter().map(|gradient| gradient == 1.0).collect()
}

/// Returns which block a number is in.
fn block_of(format: &NumberFormat, layout: Layout, idx: usize) -> [usize; 3] {
    let place = idx % layout.inner;
    let channel = idx / layout.inner % layout.channels;
    let row = idx / layout.inner / layout.channels;
    match quantizer(format).shared() {
        Shared::Block { size, .. } => [row, channel / size, place],
        Shared::Nothing | Shared::Tensor { .. } => [0; 3],
    }
}

/// Tensors of up to 9 channels whose numbers have every size, but mostly that of each other.
fn tensors() -> impl Strategy<Value = (Layout, Vec<f32>)> {
    let number = prop_oneof![
        6 => -2_f32..2.0,
        1 => any::<u32>().prop_map(f32::from_bits).prop_filter("a number", |x| x.is_finite()),
        1 => (-12_i32..12).prop_map(|exponent| 2_f32.powi(exponent)),
        1 => prop::sample::select(vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY]),
    ];
    let shape = (1_usize..3, 1_usize..10, 1_usize..4);
    shape.prop_flat_map(move |(outer, channels, inner)| {
        let layout = Layout {
            outer,
            channels,
            inner,
        };
        (
            Just(layout),
            prop::collection::vec(number.clone(), layout.len()),
        )
    })
}

/// Whether what is stored changes when it is stored again, as the pages of MASE's formats say: some take
/// powers of two for too large, some find another bias for the numbers that they made.
fn changes_again(format: &NumberFormat) -> bool {
    let changes = [
        "minifloat_denorm",
        "block_fp",
        "block_minifloat",
        "block_log",
    ];
    format.mase && changes.contains(&format.name.as_str())
}

proptest! {
    #[test]
    fn what_is_stored_stays((layout, x) in tensors()) {
        for format in all().iter().filter(|format| !changes_again(format)) {
            let once = stored(format, layout, &x);
            prop_assert_eq!(&stored(format, layout, &once), &once, "{:?}", format);
        }
    }

    #[test]
    fn what_is_larger_is_not_stored_as_less((layout, x) in tensors()) {
        for format in all() {
            let y = stored(&format, layout, &x);
            for (a, b) in (0..x.len()).flat_map(|a| (0..x.len()).map(move |b| (a, b))) {
                let together = block_of(&format, layout, a) == block_of(&format, layout, b);
                if together && x[a] < x[b] {
                    prop_assert!(y[a] <= y[b], "{} and {} in {format:?}", x[a], x[b]);
                }
            }
        }
    }

    #[test]
    fn signs_make_no_difference_where_both_sides_have_the_same_numbers((layout, x) in tensors()) {
        let minus = |x: &[f32]| -> Vec<f32> { x.iter().map(|x| -x).collect() };
        for format in all() {
            // Fixed point has one number more below zero, and one bit has no zero.
            if ["integer", "lsq", "binary"].contains(&format.name.as_str()) {
                continue;
            }
            let bits = |y: &[f32]| -> Vec<u32> { y.iter().map(|y| y.to_bits()).collect() };
            let found = stored(&format, layout, &minus(&x));
            let expected = minus(&stored(&format, layout, &x));
            prop_assert_eq!(bits(&found), bits(&expected), "{:?}", format);
            prop_assert_eq!(passes(&format, layout, &minus(&x)), passes(&format, layout, &x));
        }
    }

    #[test]
    fn infinities_become_the_largest_and_let_no_gradient_pass((layout, x) in tensors()) {
        let limited: Vec<f32> = x.iter().map(|x| x.clamp(f32::MIN, f32::MAX)).collect();
        for format in all() {
            let y = stored(&format, layout, &x);
            prop_assert!(y.iter().all(|y| y.is_finite()), "{:?}", format);
            prop_assert_eq!(&y, &stored(&format, layout, &limited), "{:?}", format);
            let all_pass = format.name == "ternary" && format.scale != Some(Scale::One);
            for (x, passes) in x.iter().zip(passes(&format, layout, &x)) {
                prop_assert!(x.is_finite() || passes == all_pass, "{} in {:?}", x, format);
            }
        }
    }

    #[test]
    fn nan_stays_nan_and_changes_nothing_else((layout, x) in tensors(), at: prop::sample::Index) {
        let at = at.index(x.len());
        let (mut without, mut with) = (x.clone(), x);
        // Zero has no influence on a block, but takes part in a mean.
        without[at] = 0.0;
        with[at] = f32::NAN;
        for format in all() {
            let y = stored(&format, layout, &with);
            prop_assert!(y[at].is_nan(), "{:?}", format);
            prop_assert!(!passes(&format, layout, &with)[at], "{:?}", format);
            let others = y.iter().enumerate().filter(|(idx, _)| *idx != at);
            if matches!(quantizer(&format).shared(), Shared::Tensor { .. }) {
                prop_assert!(others.clone().all(|(_, y)| y.is_finite()), "{:?}", format);
                continue;
            }
            let expected = stored(&format, layout, &without);
            for (idx, y) in others {
                prop_assert_eq!(*y, expected[idx], "{:?}", format);
            }
        }
    }

    #[test]
    fn a_gradient_passes_where_what_is_stored_is_stored_again((layout, x) in tensors()) {
        for format in all() {
            // Levels need not be where gradients pass, and what changes again may have been cut off.
            if format.name == "binary" || changes_again(&format) {
                continue;
            }
            let once = stored(&format, layout, &x);
            prop_assert!(passes(&format, layout, &once).iter().all(|passes| *passes), "{:?}", format);
        }
    }

    #[test]
    fn zeros_after_a_block_that_is_cut_short_change_nothing((layout, x) in tensors()) {
        for format in all() {
            let Shared::Block { size, .. } = quantizer(&format).shared() else {
                continue;
            };
            let channels = layout.channels.next_multiple_of(size);
            let padded = Layout { channels, ..layout };
            let (run, padded_run) = (layout.channels * layout.inner, channels * layout.inner);
            let mut numbers = vec![0.0; padded.len()];
            for (row, x) in x.chunks(run).enumerate() {
                numbers[row * padded_run..][..run].copy_from_slice(x);
            }
            let y = stored(&format, padded, &numbers);
            let y: Vec<f32> = y.chunks(padded_run).flat_map(|y| y[..run].to_vec()).collect();
            prop_assert_eq!(y, stored(&format, layout, &x), "{:?}", format);
        }
    }

    #[test]
    fn rows_do_not_depend_on_each_other_unless_they_share_a_scale((layout, x) in tensors()) {
        for format in all() {
            if matches!(quantizer(&format).shared(), Shared::Tensor { .. }) {
                continue;
            }
            let row = Layout { outer: 1, ..layout };
            let alone = x.chunks(row.len()).flat_map(|x| stored(&format, row, x));
            prop_assert_eq!(alone.collect::<Vec<f32>>(), stored(&format, layout, &x));
        }
    }
}

#[test]
fn a_tensor_has_no_more_numbers_than_its_bits_have_values() {
    // From tiny to large, densely, on both sides of zero.
    let positive = (0..40_000).map(|k| 2_f32.powf(k as f32 / 800.0 - 25.0));
    let x: Vec<f32> = positive.flat_map(|x| [x, -x]).chain([0.0]).collect();
    let layout = Layout::of_tensor(&[1, x.len()]);
    for format in all() {
        let format = match format.block_size.is_some() || format.name.starts_with("mx") {
            true => NumberFormat {
                block_size: Some(x.len() as u32),
                ..format
            },
            false => format,
        };
        // 0 and -0 are one number.
        let distinct: BTreeSet<u32> = stored(&format, layout, &x)
            .into_iter()
            .map(|y| (y + 0.0).to_bits())
            .collect();
        let values = 1 << format.width;
        assert!(distinct.len() <= values, "{} in {format:?}", distinct.len());
        // Codes are not wasted either, but where numbers have several, and those of tiny steps.
        let least = match format.name.as_str() {
            "minifloat_denorm" => values / 2,
            _ => values * 7 / 8 - 1,
        };
        assert!(distinct.len() >= least, "{} in {format:?}", distinct.len());
    }
}

#[test]
fn some_arithmetic_of_mase_changes_what_is_stored_again() {
    let again = |name: &str, width, exponent_width, x: &[f32]| {
        let format = NumberFormat {
            exponent_width,
            mase: true,
            ..NumberFormat::new(name, width)
        };
        let layout = Layout::of_tensor(&[x.len()]);
        let once = stored(&format, layout, x);
        (once.clone(), stored(&format, layout, &once))
    };
    let (once, twice) = again("minifloat_denorm", 6, Some(2), &[1.01]);
    assert_eq!((once, twice), (vec![1.0], vec![0.875]));
    let (once, twice) = again("block_fp", 4, None, &[1.05]);
    assert_eq!((once, twice), (vec![1.0], vec![0.875]));
    // Blocks of larger numbers have smaller ranges: 300 has the bias 8, 240 the bias 7.
    let (once, twice) = again("block_minifloat", 8, Some(4), &[300.0, 0.001]);
    assert_eq!(
        (once, twice),
        (vec![240.0, 2_f32.powi(-10)], vec![240.0, 0.0])
    );
}
