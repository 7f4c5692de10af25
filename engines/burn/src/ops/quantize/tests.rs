use burn::tensor::Device;
use firebrick_core::formats::Element;
use firebrick_core::random::{Purpose, stream};
use proptest::prelude::*;
use rand::RngExt;

use super::*;

fn vector(numbers: &[f32]) -> Tensor<1> {
    Tensor::from_floats(numbers, &Device::flex())
}

/// Whether two numbers are the same bit for bit, or both none.
fn same(one: f32, other: f32) -> bool {
    one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
}

fn fixed_point() -> impl Strategy<Value = FixedPoint> {
    let parts = (2_u32..=32, -96_i32..=126, any::<bool>());
    parts.prop_filter_map("has a range", |(width, frac_width, signed)| {
        match signed {
            true => FixedPoint::new(width, frac_width),
            false => FixedPoint::unsigned(width, frac_width),
        }
        .ok()
    })
}

/// Numbers of any size, some of them on halves of steps, at limits, or none.
fn numbers_for(format: FixedPoint, seed: u64) -> Vec<f32> {
    let mut rng = stream(seed, Purpose::Dataset, 0);
    let mut numbers = vec![
        0.0,
        -0.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MIN_POSITIVE / 8.0,
    ];
    for _ in 0..40 {
        numbers.push(f32::from_bits(rng.random()));
        let steps = rng.random_range(-1.5..1.5) * format.most();
        numbers.push(steps * format.step());
        numbers.push((steps.round() + 0.5) * format.step());
        numbers.push((rng.random_range(-9.0_f32..9.0).round() - 0.5) * format.step());
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn fixed_point_is_what_core_says_in_kernels_and_in_operations_of_burn(
        format in fixed_point(), seed: u64,
    ) {
        let x = numbers_for(format, seed);
        let quantizer = Quantizer::FixedPoint(format);
        let layout = Layout::of_tensor(&[x.len()]);
        let by_kernels = host(store_tensor(vector(&x), layout, &quantizer));
        let by_burn = host(store_fixed_point(vector(&x), &format));
        let ones = vec![1.0; x.len()];
        let passed = host(mask_tensor(vector(&x), vector(&ones), layout, &quantizer));
        let passed_by_burn = host(mask_fixed_point(vector(&x), vector(&ones), &format));
        for (idx, x) in x.into_iter().enumerate() {
            let (expected, kernel, burn) = (format.quantize(x), by_kernels[idx], by_burn[idx]);
            prop_assert!(same(kernel, expected), "{x:?}: {kernel:?}, not {expected:?}");
            // Zero may lose its sign.
            let is_zero = burn == 0.0 && expected == 0.0;
            prop_assert!(is_zero || same(burn, expected), "{x:?}: {burn:?}, not {expected:?}");
            let expected = if format.passes(x) { 1.0 } else { 0.0 };
            prop_assert_eq!([passed[idx], passed_by_burn[idx]], [expected; 2], "{:?}", x);
        }
    }

    #[test]
    fn learned_steps_are_what_core_says(
        width in 2_u32..=24, signed: bool, exponent in -20_f32..20.0, seed: u64,
    ) {
        let format = LearnedStep::new(width, signed, exponent.exp2()).unwrap();
        let like = FixedPoint::new(width, 0).unwrap();
        let x: Vec<f32> = numbers_for(like, seed).iter().map(|x| x * format.step()).collect();
        let quantizer = Quantizer::LearnedStep(format);
        let layout = Layout::of_tensor(&[x.len()]);
        let stored = host(store_tensor(vector(&x), layout, &quantizer));
        let ones = vector(&vec![1.0; x.len()]);
        let passed = host(mask_tensor(vector(&x), ones, layout, &quantizer));
        for (idx, x) in x.into_iter().enumerate() {
            let expected = format.quantize(x);
            prop_assert!(same(stored[idx], expected), "{x:?}: {:?}, not {expected:?}", stored[idx]);
            prop_assert_eq!(passed[idx] == 1.0, format.passes(x), "{:?}", x);
        }
    }

    #[test]
    fn the_gradient_by_a_step_is_what_core_says(
        width in 2_u32..=12, signed: bool, step in 0.01_f32..1.0, seed: u64, n in 1_usize..100,
    ) {
        let format = LearnedStep::new(width, signed, step).unwrap();
        let mut rng = stream(seed, Purpose::Dataset, 0);
        let mut draw = |limit: f32| -> Vec<f32> {
            (0..n).map(|_| rng.random_range(-limit..limit)).collect()
        };
        let (x, grad) = (draw(2.0 * format.most() * step), draw(1.0));
        let expected = format.step_gradient(&x, &grad, n);
        let found = step_gradient_of_tensor(vector(&x), vector(&grad), &format);
        let size: f32 = grad.iter().map(|grad| grad.abs() * format.most()).sum();
        prop_assert!((found - expected).abs() <= 1e-6 * size, "{found}, not {expected}");
    }
}

#[test]
fn what_somebody_else_has_is_not_changed() {
    let format = Quantizer::FixedPoint(FixedPoint::new(4, 1).unwrap());
    let x: Values = Tensor::from_floats([[[0.3], [9.0]]], &Device::flex());
    let stored = store(x.clone(), &format);
    assert_eq!(host(x.clone()), [0.3, 9.0]);
    assert_eq!(host(stored), [0.5, 3.5]);
    let grad: Values = Tensor::from_floats([[[2.0], [3.0]]], &Device::flex());
    assert_eq!(host(mask(x, grad.clone(), &format)), [2.0, 0.0]);
    assert_eq!(host(grad), [2.0, 3.0]);
}

/// Formats of each kind that is known.
fn quantizers() -> Vec<Quantizer> {
    let formats = firebrick_core::testing::number_formats();
    let of = |format| Quantizer::of(format, Some(0.25)).unwrap();
    formats.iter().map(of).collect()
}

#[test]
fn pictures_are_stored_as_core_stores_them_however_they_lie() {
    let shape = [3, 5, 4];
    let mut rng = stream(1, Purpose::Dataset, 0);
    let x: Vec<f32> = (0..60).map(|_| rng.random_range(-3.0..3.0)).collect();
    let grad: Vec<f32> = (0..60).map(|_| rng.random_range(-1.0..1.0)).collect();
    let tensor = |numbers: &[f32]| -> Values {
        Tensor::from_data(TensorData::new(numbers.to_vec(), shape), &Device::flex())
    };
    // The order in memory in which convolutions leave their results.
    let turned = |numbers: &[f32]| {
        let turned: Vec<f32> = host(tensor(numbers).swap_dims(1, 2));
        let turned = TensorData::new(turned, [3, 4, 5]);
        Values::from_data(turned, &Device::flex()).swap_dims(1, 2)
    };
    let layout = Layout::of_rows(3, &[5, 2, 2]);
    for quantizer in quantizers() {
        if matches!(
            quantizer.shared(),
            firebrick_core::formats::Shared::Tensor { .. }
        ) {
            continue;
        }
        let (mut stored, mut passed) = (vec![0.0; 60], grad.clone());
        quantizer.quantize(&x, layout, &mut stored);
        quantizer.mask(&x, layout, &mut passed);
        for lies in [&tensor as &dyn Fn(&[f32]) -> Values, &turned] {
            assert_eq!(host(store(lies(&x), &quantizer)), stored, "{quantizer:?}");
            let found = host(mask(lies(&x), lies(&grad), &quantizer));
            assert_eq!(found, passed, "{quantizer:?}");
        }
        let elsewhere = store_elsewhere(tensor(&x), layout, &quantizer);
        assert_eq!(host(elsewhere), stored, "{quantizer:?}");
        let elsewhere = mask_elsewhere(tensor(&x), tensor(&grad), layout, &quantizer);
        assert_eq!(host(elsewhere), passed, "{quantizer:?}");
    }
}

#[test]
fn large_tensors_are_dealt_out_without_a_seam() {
    let layout = Layout::of_tensor(&[70, 300, 3, 3]);
    let mut rng = stream(2, Purpose::Dataset, 0);
    let x: Vec<f32> = (0..layout.len())
        .map(|_| rng.random_range(-3.0..3.0))
        .collect();
    for quantizer in quantizers() {
        let mut expected = vec![0.0; x.len()];
        quantizer.quantize(&x, layout, &mut expected);
        let found = host(store_tensor(vector(&x), layout, &quantizer));
        assert!(found == expected, "{quantizer:?}");
    }
}
