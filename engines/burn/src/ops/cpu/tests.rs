//! Kernels in float32 against burn's own ops, which take float64.

use burn::tensor::{Device, Distribution};
use proptest::prelude::*;

use super::super::{batch_norm, channel_sums, conv2d, pool, relu, vector as of_sums};
use super::*;
use crate::ops::window::Window;

/// Random numbers in float32, and the same in float64.
fn random<const D: usize>(shape: [usize; D]) -> [Tensor<D>; 2] {
    let uniform = Distribution::Uniform(-1.0, 1.0);
    let numbers = Tensor::random(shape, uniform, (&Device::flex(), DType::F32));
    [numbers.clone(), numbers.cast(DType::F64)]
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.cast(DType::F64).into_data().try_into_vec().unwrap()
}

/// Compares sums of `n_terms` products of numbers below 1.
fn near<const D: usize>(what: &str, found: Tensor<D>, expected: Tensor<D>, n_terms: usize) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    assert_eq!(found.dtype(), DType::F32, "{what}");
    let tolerance = 2e-5 * (n_terms as f64).sqrt().max(1.0);
    for (found, expected) in numbers(found).into_iter().zip(numbers(expected)) {
        let off = (found - expected).abs();
        assert!(
            off <= tolerance,
            "{what}: {found}, float64 has {expected}, {n_terms} terms"
        );
    }
}

/// A window over pictures of a size, if it fits.
fn window(
    size_in: [usize; 2],
    kernel: [usize; 2],
    stride: usize,
    padding: usize,
    groups: usize,
) -> Option<Window> {
    let [height, width] = [0, 1].map(|dim| {
        let room = (size_in[dim] + 2 * padding).checked_sub(kernel[dim])?;
        Some(room / stride + 1)
    });
    Some(Window {
        size_in,
        size_out: [height?, width?],
        kernel,
        stride: [stride; 2],
        padding: [padding; 2],
        groups,
        candidates: 1,
    })
}

/// Holds a convolution and its gradients against burn's.
fn check_conv2d(rows: usize, channels_in: usize, channels_out: usize, window: &Window) {
    let places = |size: [usize; 2]| size[0] * size[1];
    let [kernel_height, kernel_width] = window.kernel;
    let shape = [
        channels_out,
        channels_in / window.groups,
        kernel_height,
        kernel_width,
    ];
    let ([x, x_64], [weight, weight_64], [bias, bias_64], [grad, grad_64]) = (
        random([rows, channels_in, places(window.size_in)]),
        random(shape),
        random([channels_out]),
        random([rows, channels_out, places(window.size_out)]),
    );
    let terms = shape[1] * kernel_height * kernel_width;
    near(
        "result",
        conv2d::forward(x.clone(), weight.clone(), Some(bias), window),
        conv2d::forward(x_64.clone(), weight_64.clone(), Some(bias_64), window),
        terms,
    );
    near(
        "gradient by x",
        conv2d::backward_x(weight.clone(), grad.clone(), window),
        conv2d::backward_x(weight_64.clone(), grad_64.clone(), window),
        terms * channels_out / channels_in,
    );
    near(
        "gradient by weight",
        conv2d::backward_weight(x, weight, grad, window),
        conv2d::backward_weight(x_64, weight_64, grad_64, window),
        rows * places(window.size_out),
    );
}

proptest! {
    #[test]
    fn convolutions_are_those_of_burn(
        (rows, height, width) in (1usize..4, 1usize..14, 1usize..14),
        kernel in prop::sample::select(vec![[1, 1], [3, 3], [5, 5], [3, 2]]),
        (stride, padding) in (1usize..3, 0usize..3),
        channels in prop::sample::select(vec![1, 3, 6, 16, 18, 32, 42]),
        (grouping, factor) in (0usize..3, 1usize..4),
    ) {
        // One group, some groups, or one group a channel with one or several results each.
        let groups = [1, if channels % 3 == 0 { 3 } else { 1 }, channels][grouping];
        let channels_out = if grouping == 2 && factor < 3 { channels } else { channels * factor };
        if let Some(window) = window([height, width], kernel, stride, padding, groups) {
            check_conv2d(rows, channels, channels_out, &window);
        }
    }

    #[test]
    fn max_pools_are_those_of_burn(
        (rows, channels, height, width) in (1usize..4, 1usize..40, 2usize..9, 2usize..9),
        (kernel, stride, padding) in (1usize..4, 1usize..4, 0usize..2),
    ) {
        let window = window([height, width], [kernel; 2], stride, padding.min(kernel / 2), 1);
        if let Some(window) = window {
            let [x, x_64] = random([rows, channels, height * width]);
            let places = window.size_out[0] * window.size_out[1];
            let [grad, grad_64] = random([rows, channels, places]);
            let (y, maxima) = pool::forward_max_with_places(x.clone(), &window);
            let (y_64, maxima_64) = pool::forward_max_with_places(x_64, &window);
            near("result", y.clone(), y_64, 1);
            near("result alone", pool::forward_max(x, &window), y, 1);
            near(
                "gradient",
                pool::backward_max(maxima, grad, &window),
                pool::backward_max(maxima_64, grad_64, &window),
                kernel * kernel,
            );
        }
    }

    #[test]
    fn batch_norms_are_those_of_burn(
        (rows, channels, places) in (1usize..5, 1usize..70, 1usize..70),
    ) {
        prop_assume!(rows * places > 1);
        check_batch_norm(rows, channels, places);
    }
}

fn check_batch_norm(rows: usize, channels: usize, places: usize) {
    let shape = [rows, channels, places];
    let ([x, x_64], [grad, grad_64]) = (random(shape), random(shape));
    let ([weight, weight_64], [bias, bias_64]) = (random([channels]), random([channels]));
    // Far from 0, where squares of sums would lose what differs.
    let (x, x_64) = (x.add_scalar(20.0), x_64.add_scalar(20.0));
    let (y, kept, statistics) = batch_norm::forward(x.clone(), weight.clone(), bias.clone(), 1e-2);
    let (y_64, kept_64, statistics_64) =
        batch_norm::forward(x_64.clone(), weight_64.clone(), bias_64.clone(), 1e-2);
    near("result", y, y_64, 100);
    near("mean", statistics.mean, statistics_64.mean, 20);
    near("variance", statistics.variance, statistics_64.variance, 1);
    let (by_weight, by_bias) = batch_norm::backward_affine(&kept, grad.clone());
    let (by_weight_64, by_bias_64) = batch_norm::backward_affine(&kept_64, grad_64.clone());
    let count = rows * places;
    near(
        "gradient by weight",
        by_weight.clone(),
        by_weight_64.clone(),
        100 * count,
    );
    near(
        "gradient by bias",
        by_bias.clone(),
        by_bias_64.clone(),
        count,
    );
    near(
        "gradient by x",
        batch_norm::backward_x(kept, weight.clone(), by_weight, by_bias, grad.clone()),
        batch_norm::backward_x(
            kept_64,
            weight_64.clone(),
            by_weight_64,
            by_bias_64,
            grad_64,
        ),
        100,
    );
    near(
        "running",
        batch_norm::forward_running(x, weight, bias),
        batch_norm::forward_running(x_64, weight_64, bias_64),
        4,
    );
}

#[test]
fn statistics_of_many_parts_are_joined() {
    check_batch_norm(40, 20, 500);
}

#[test]
fn winograd_takes_pictures_of_many_chunks() {
    let window = window([30, 33], [3, 3], 1, 1, 1).unwrap();
    check_conv2d(7, 48, 33, &window);
}

#[test]
fn large_convolutions_are_made_in_parts() {
    check_conv2d(9, 40, 70, &window([28, 28], [5, 5], 2, 2, 1).unwrap());
    check_conv2d(9, 70, 40, &window([40, 40], [1, 1], 1, 0, 1).unwrap());
    check_conv2d(20, 33, 33, &window([12, 12], [3, 3], 2, 1, 33).unwrap());
}

#[test]
fn sums_of_channels_are_those_of_burn() {
    for shape in [[3, 5, 7], [40, 33, 100], [64, 9, 1]] {
        let [x, x_64] = random(shape);
        near(
            "sums",
            channel_sums(x),
            channel_sums(x_64),
            shape[0] * shape[2],
        );
    }
}

#[test]
fn relu_passes_what_is_positive_and_keeps_what_is_no_number() {
    let tensor = |numbers: [f32; 4]| Tensor::<3>::from_data([[numbers]], &Device::flex());
    let y = relu::forward(tensor([-1.0, 0.0, 2.0, f32::NAN]));
    let found = numbers(y.clone());
    assert_eq!(found[..3], [0.0, 0.0, 2.0]);
    assert!(found[3].is_nan());
    let grad = relu::backward(y, tensor([1.0, 2.0, 3.0, 4.0]));
    assert_eq!(numbers(grad), [0.0, 0.0, 3.0, 0.0]);
}

#[test]
fn what_others_have_too_is_not_changed_in_place() {
    let [x, _] = random([2, 33, 5]);
    let before = numbers(x.clone());
    relu::forward(x.clone());
    assert_eq!(numbers(x.clone()), before);
    let part = x.clone().slice([0..1, 0..33, 0..5]);
    relu::backward(part.clone().mul_scalar(0.0), part);
    assert_eq!(numbers(x), before);
}

#[test]
fn a_pool_returns_what_is_no_number() {
    let window = window([2, 2], [2, 2], 2, 0, 1).unwrap();
    for at in 0..4 {
        let mut numbers = [1.0, 2.0, 3.0, 4.0];
        numbers[at] = f32::NAN;
        let x = Tensor::<3>::from_data([[numbers]], &Device::flex());
        let y = pool::forward_max(x, &window).into_scalar::<f32>();
        assert!(y.is_nan(), "at {at}");
    }
}

/// What every op makes of one batch, forwards and backwards, by way and op.
fn everything() -> Vec<(String, Vec<u32>)> {
    let numbers_of = |shape: [usize; 3], salt: usize| {
        let size = shape.iter().product();
        let numbers = (0..size).map(|k| ((k * 7919 + salt) % 1009) as f32 / 504.5 - 1.0);
        let data = TensorData::new(numbers.collect::<Vec<f32>>(), shape);
        Tensor::<3>::from_data(data, &Device::flex())
    };
    let mut all = Vec::new();
    let mut note = |what: &str, tensor: Tensor<1>| {
        let numbers: Vec<f32> = tensor.into_data().try_into_vec().unwrap();
        all.push((
            what.to_owned(),
            numbers.iter().map(|x| x.to_bits()).collect(),
        ));
    };
    let flat = |x: Values| {
        let size = x.shape().num_elements();
        x.reshape([size])
    };
    let (rows, places, channels) = (9, 20 * 20, 48);
    let x = numbers_of([rows, channels, places], 1);
    let ways = [
        ("winograd", [3, 3], 1, channels),
        ("columns", [5, 5], 1, channels),
        ("depthwise", [3, 3], channels, 1),
    ];
    for (way, kernel, groups, in_group) in ways {
        let window = window([20, 20], kernel, 1, kernel[0] / 2, groups).unwrap();
        let weight = numbers_of([channels, in_group, kernel[0] * kernel[1]], 2);
        let weight = weight.reshape([channels, in_group, kernel[0], kernel[1]]);
        let y = conv2d::forward(x.clone(), weight.clone(), None, &window);
        let by_x = conv2d::backward_x(weight.clone(), y.clone(), &window);
        note(way, flat(y.clone()));
        note(&format!("{way} by x"), flat(by_x));
        let by_weight = conv2d::backward_weight(x.clone(), weight, y, &window);
        note(&format!("{way} by weight"), by_weight);
    }
    let ones = || vector(vec![1.0; channels]);
    let (y, kept, statistics) = batch_norm::forward(x.clone(), ones(), ones(), 1e-5);
    note("batch norm", flat(y.clone()));
    note("mean", statistics.mean);
    let (by_weight, by_bias) = batch_norm::backward_affine(&kept, x.clone());
    note("batch norm by weight", by_weight.clone());
    let by_x = batch_norm::backward_x(kept, ones(), by_weight, by_bias, x.clone());
    note("batch norm by x", flat(by_x));
    let pool = window([20, 20], [2, 2], 2, 0, 1).unwrap();
    let (y, maxima) = pool::forward_max_with_places(x.clone(), &pool);
    note("max pool by x", flat(pool::backward_max(maxima, y, &pool)));
    note("relu", flat(relu::forward(x.clone())));
    note("sums", of_sums(channel_sums(x)));
    all
}

#[test]
fn results_do_not_follow_the_number_of_threads() {
    let on_threads = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads);
        pool.build().unwrap().install(everything)
    };
    let expected = on_threads(1);
    for n_threads in [2, 5] {
        for (found, expected) in on_threads(n_threads).iter().zip(&expected) {
            assert!(found == expected, "{} on {n_threads} threads", found.0);
        }
    }
}

#[test]
fn a_number_that_is_none_reaches_all_that_reads_it() {
    let nan = |shape: [usize; 3], at: usize| {
        let mut numbers = vec![0.5; shape.iter().product()];
        numbers[at] = f32::NAN;
        Tensor::<3>::from_data(TensorData::new(numbers, shape), &Device::flex())
    };
    for (kernel, groups) in [([3, 3], 1), ([5, 5], 1), ([3, 3], 16)] {
        let window = window([12, 12], kernel, 1, kernel[0] / 2, groups).unwrap();
        let in_group = 16 / groups;
        let weight = Tensor::<4>::ones([16, in_group, kernel[0], kernel[1]], &Device::flex());
        // Channel 7, line 6, column 4.
        let x = nan([1, 16, 144], 7 * 144 + 6 * 12 + 4);
        let y = numbers(conv2d::forward(x, weight, None, &window));
        for down in 5..=7 {
            for across in 3..=5 {
                let at = 7 * 144 + down * 12 + across;
                assert!(
                    y[at].is_nan(),
                    "{kernel:?}, {groups} groups, {down}, {across}"
                );
            }
        }
    }
    let ones = || vector(vec![1.0; 3]);
    let (y, _, statistics) = batch_norm::forward(nan([4, 3, 5], 22), ones(), ones(), 1e-5);
    assert!(numbers(statistics.variance)[1].is_nan());
    let is_channel = |at: usize| at / 5 % 3 == 1;
    for (at, y) in numbers(y).into_iter().enumerate() {
        assert_eq!(y.is_nan(), is_channel(at), "at {at}");
    }
}
