//! Fixed point.

use proptest::prelude::*;
use serde::Deserialize;

use super::super::*;

/// What `tests/formats/make.py` wrote: numbers as the bits of float32.
#[derive(Deserialize)]
struct Golden {
    width: u32,
    frac_width: i32,
    signed: bool,
    x: Vec<u32>,
    quantized: Vec<u32>,
    passes: Vec<bool>,
}

fn of(width: u32, frac_width: i32, signed: bool) -> FixedPoint {
    match signed {
        true => FixedPoint::new(width, frac_width).unwrap(),
        false => FixedPoint::unsigned(width, frac_width).unwrap(),
    }
}

#[test]
fn stores_what_numpy_and_pytorch_store() {
    let text = include_str!("../../../tests/formats/fixed_point.json");
    let golden: Vec<Golden> = serde_json::from_str(text).unwrap();
    assert!(golden.iter().filter(|case| case.signed).count() > 20);
    assert!(golden.iter().filter(|case| !case.signed).count() > 10);
    for case in golden {
        let format = of(case.width, case.frac_width, case.signed);
        for (idx, x) in case.x.iter().copied().map(f32::from_bits).enumerate() {
            let (found, expected) = (format.quantize(x), f32::from_bits(case.quantized[idx]));
            let same = found.to_bits() == expected.to_bits();
            assert!(
                same || found.is_nan() && expected.is_nan(),
                "{x:?} in {format:?}: {found:?}, not {expected:?}"
            );
            assert_eq!(format.passes(x), case.passes[idx], "{x:?} in {format:?}");
        }
    }
}

#[test]
fn refuses_what_has_no_range_in_float32() {
    let refusal = |width, frac_width| FixedPoint::new(width, frac_width).unwrap_err();
    assert_eq!(
        refusal(1, 0).to_string(),
        "number format `integer` has `width` 1, expected 2 to 32, of which one bit is the sign"
    );
    assert_eq!(
        refusal(33, 0).to_string(),
        "number format `integer` has `width` 33, expected 2 to 32, of which one bit is the sign"
    );
    assert_eq!(
        refusal(32, -97).to_string(),
        "number format `integer` has `frac_width` -97, expected -96 to 126, so that its \
         numbers are normal in float32"
    );
    let refusal = |width, frac_width| FixedPoint::unsigned(width, frac_width).unwrap_err();
    assert_eq!(
        refusal(0, 0).to_string(),
        "number format `integer` has `width` 0, expected 1 to 32, all of them for what is not \
         negative"
    );
    assert_eq!(
        refusal(32, -96).to_string(),
        "number format `integer` has `frac_width` -96, expected -95 to 126, so that its \
         numbers are normal in float32"
    );
    assert!(FixedPoint::new(2, -127).is_err() && FixedPoint::new(2, 127).is_err());
    assert!(FixedPoint::new(2, i32::MIN).is_err() && FixedPoint::new(2, i32::MAX).is_err());
}

#[test]
fn two_bits_have_four_numbers() {
    let format = FixedPoint::new(2, 0).unwrap();
    let stored = [-9.0, -1.2, -0.6, 0.4, 0.6, 9.0].map(|x| format.quantize(x));
    assert_eq!(stored, [-2.0, -1.0, -1.0, 0.0, 1.0, 1.0]);
}

#[test]
fn halves_go_to_the_even_neighbour_on_both_sides() {
    let format = FixedPoint::new(8, 1).unwrap();
    for (x, stored) in [(0.25, 0.0), (0.75, 1.0), (1.25, 1.0), (1.75, 2.0)] {
        assert_eq!(format.quantize(x).to_bits(), f32::to_bits(stored));
        assert_eq!(format.quantize(-x).to_bits(), f32::to_bits(-stored));
    }
}

#[test]
fn the_ends_of_the_numbers_become_the_ends_of_the_range() {
    for (width, most) in [
        (8, 127.0),
        (24, 8_388_607.0),
        (25, 16_777_215.0),
        // Not a float32: 2^25 - 1, 2^31 - 1.
        (26, 33_554_430.0),
        (32, 2_147_483_520.0),
    ] {
        let format = FixedPoint::new(width, 0).unwrap();
        assert_eq!(format.quantize(f32::INFINITY), most);
        assert_eq!(format.quantize(f32::MAX), most);
        assert_eq!(format.quantize(f32::MIN), -(2_f32.powi(width as i32 - 1)));
        assert!(format.quantize(f32::NAN).is_nan());
        assert!(format.passes(most) && !format.passes(most.next_up().ceil()));
        assert!(!format.passes(f32::INFINITY) && !format.passes(f32::NAN));
    }
}

#[test]
fn a_gradient_passes_as_far_as_rounding_leads_inside() {
    let format = FixedPoint::new(4, 0).unwrap();
    assert!(format.passes(7.49) && !format.passes(7.5));
    assert!(format.passes(-8.5) && !format.passes(-8.51));
}

#[test]
fn a_format_has_at_most_as_many_numbers_as_its_bits_have_values() {
    let format = FixedPoint::new(6, 3).unwrap();
    let values = (-100_000..100_000).map(|k| format.quantize(k as f32 * 1e-4).to_bits());
    // Both zeroes are there, which the bits tell apart and a number of two's complement does not.
    let negative_zero = (-0.0_f32).to_bits();
    let distinct: std::collections::BTreeSet<u32> =
        values.filter(|bits| *bits != negative_zero).collect();
    assert_eq!(distinct.len(), 1 << 6);
}

#[test]
fn a_format_has_the_numbers_of_coarser_and_narrower_ones() {
    let format = |width, frac_width| FixedPoint::new(width, frac_width).unwrap();
    assert!(format(8, 4).has_all_of(&format(8, 4)));
    assert!(format(8, 4).has_all_of(&format(7, 3)) && format(9, 4).has_all_of(&format(8, 4)));
    assert!(!format(8, 4).has_all_of(&format(8, 3)) && !format(8, 4).has_all_of(&format(8, 5)));
    // -4 to 3.5 and -4 to 3.75.
    assert!(!format(4, 1).has_all_of(&format(5, 2)));
    let unsigned = |width, frac_width| FixedPoint::unsigned(width, frac_width).unwrap();
    assert!(format(9, 4).has_all_of(&unsigned(8, 4)) && !format(8, 4).has_all_of(&unsigned(8, 4)));
    assert!(unsigned(8, 4).has_all_of(&unsigned(7, 3)));
    assert!(!unsigned(32, 4).has_all_of(&format(2, 0)));
}

fn formats() -> impl Strategy<Value = FixedPoint> {
    (2_u32..=32, -40_i32..=126, any::<bool>())
        .prop_map(|(width, frac_width, signed)| of(width, frac_width, signed))
}

/// Numbers of every size: all bits, and those that the format tells apart.
fn number(format: FixedPoint, bits: u32, at: f32) -> [f32; 2] {
    let inside = at * format.most() * 1.2 * format.step();
    [f32::from_bits(bits), inside].map(|x| if x.is_nan() { 0.0 } else { x })
}

proptest! {
    #[test]
    fn what_is_stored_stays(format in formats(), bits: u32, at in -1_f32..1.0) {
        for x in number(format, bits, at) {
            let stored = format.quantize(x);
            prop_assert_eq!(format.quantize(stored).to_bits(), stored.to_bits());
            prop_assert!(format.passes(stored));
        }
    }

    #[test]
    fn what_a_format_has_it_stores_as_it_is(
        format in formats(), narrower in formats(), bits: u32, at in -1_f32..1.0,
    ) {
        let (less, more) = (narrower, FixedPoint::new(32, narrower.frac_width()).unwrap());
        for more in [format, more].into_iter().filter(|more| more.has_all_of(&less)) {
            for x in number(less, bits, at).map(|x| less.quantize(x)) {
                prop_assert_eq!(more.quantize(x).to_bits(), x.to_bits());
                prop_assert!(more.passes(x));
            }
        }
    }

    #[test]
    fn what_is_larger_is_not_stored_as_less(
        format in formats(), bits: [u32; 2], at in -1_f32..1.0, on in -1_f32..1.0,
    ) {
        let (a, b) = (number(format, bits[0], at), number(format, bits[1], on));
        for (a, b) in a.into_iter().zip(b) {
            let (less, more) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(format.quantize(less) <= format.quantize(more));
        }
    }

    #[test]
    fn inside_the_range_it_is_off_by_half_a_step_at_most(
        format in formats(), bits: u32, at in -1_f32..1.0,
    ) {
        for x in number(format, bits, at) {
            let steps = f64::from(x) * f64::from(format.scale());
            let inside = steps >= f64::from(format.least()) && steps <= f64::from(format.most());
            if inside {
                let off = f64::from(format.quantize(x)) - f64::from(x);
                prop_assert!(off.abs() <= 0.5 * f64::from(format.step()));
                prop_assert!(format.passes(x));
            }
        }
    }

    #[test]
    fn inside_the_range_the_sign_makes_no_difference(
        format in formats(), bits: u32, at in -1_f32..1.0,
    ) {
        for x in number(format, bits, at) {
            if format.passes(x) && format.passes(-x) {
                prop_assert_eq!(
                    format.quantize(-x).to_bits(), (-format.quantize(x)).to_bits()
                );
            }
        }
    }
}
