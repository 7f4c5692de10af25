//! Convolutions as products of matrices, for devices other than the CPU and for all candidates of a
//! stack at once.
//!
//! What a window sees becomes a column, so that weights times columns is the result: `[candidates,
//! out, in * taps] x [candidates, in * taps, rows * places]`. Devices multiply matrices at many times
//! the speed at which burn's own kernels slide windows over groups.

use burn::tensor::{Device, Int, Tensor};

use super::super::product::Products;
use super::super::window::Window;
use super::{Values, picture};

/// Numbers that columns may have at once: 256 MiB. Rows that would have more come pass after pass.
const NUMBERS_A_PASS: usize = 1 << 26;

/// Returns whether a convolution is made here: one group a candidate.
pub(super) fn takes(window: &Window) -> bool {
    window.groups == window.candidates
}

/// Returns whether the gradient by what was read is made here: that is a convolution of the gradient
/// where windows move by single places.
pub(super) fn takes_backward_x(window: &Window) -> bool {
    let inside = |dim: usize| window.padding[dim] < window.kernel[dim];
    takes(window) && window.stride == [1, 1] && inside(0) && inside(1)
}

/// Returns `[rows, candidates * out, places]` for weights of `[candidates * out, in, height, width]`.
pub(super) fn forward(
    x: &Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    let [channels_out, inputs, height, width] = weight.dims();
    let (candidates, taps) = (window.candidates, height * width);
    let out = channels_out / candidates;
    let weight = weight.reshape([candidates, out, inputs * taps]);
    let [places_out, rows] = [window.size_out.iter().product(), x.dims()[0]];
    let products = Products::where_is(x);
    let pass = |[start, rows]: [usize; 2]| {
        let x = products.parts(x.clone().narrow(0, start, rows));
        let columns = x.arranged(columns_of(rows, window, &weight.device()));
        let y = products.parts(weight.clone()).times(columns);
        y.reshape([channels_out, rows, places_out]).swap_dims(0, 1)
    };
    let passes: Vec<Values> = passes(rows, inputs * taps, window).map(pass).collect();
    let y = Tensor::cat(passes, 0);
    match bias {
        Some(bias) => y + bias.reshape([1, channels_out, 1]),
        None => y,
    }
}

/// Returns the gradient by `x`: the convolution of the gradient with the weights turned round.
pub(super) fn backward_x(weight: Tensor<4>, grad: &Values, window: &Window) -> Values {
    let [channels_out, inputs, height, width] = weight.dims();
    let candidates = window.candidates;
    let out = channels_out / candidates;
    let weight = weight.reshape([candidates, out, inputs, height, width]);
    let turned = weight.swap_dims(1, 2).flip([3, 4]);
    let turned = turned.reshape([candidates * inputs, out, height, width]);
    let padding = [0, 1].map(|dim| window.kernel[dim] - 1 - window.padding[dim]);
    let back = Window {
        size_in: window.size_out,
        size_out: window.size_in,
        padding,
        ..*window
    };
    forward(grad, turned, None, &back)
}

/// Returns the gradient by weights of `[candidates * out, in, height, width]`, in one dimension.
pub(super) fn backward_weight(
    x: &Values,
    shape: [usize; 4],
    grad: &Values,
    window: &Window,
) -> Tensor<1> {
    let [channels_out, inputs, height, width] = shape;
    let (candidates, taps) = (window.candidates, height * width);
    let places_out: usize = window.size_out.iter().product();
    let products = Products::where_is(x);
    let pass = |[start, rows]: [usize; 2]| {
        let x = products.parts(x.clone().narrow(0, start, rows));
        let columns = x.arranged(columns_of(rows, window, &grad.device()));
        let grad = grad.clone().narrow(0, start, rows).swap_dims(0, 1);
        let out = channels_out / candidates;
        let grad = grad.reshape([candidates, out, rows * places_out]);
        products
            .parts(grad)
            .times(columns.arranged(|of| of.swap_dims(1, 2)))
    };
    let passes = passes(x.dims()[0], inputs * taps, window).map(pass);
    let sum = passes.reduce(|sum, pass| sum + pass);
    let sum = sum.expect("a batch has rows");
    sum.reshape([channels_out * inputs * taps])
}

/// Returns the first row of each pass and how many it has.
fn passes(rows: usize, column: usize, window: &Window) -> impl Iterator<Item = [usize; 2]> {
    let places: usize = window.size_out.iter().product();
    let numbers = window.candidates * column * places;
    let most = (NUMBERS_A_PASS / numbers.max(1)).clamp(1, rows.max(1));
    (0..rows)
        .step_by(most)
        .map(move |start| [start, most.min(rows - start)])
}

/// Returns what finds out of values of some rows what windows see: `[candidates, in * taps, rows *
/// places]`.
fn columns_of(rows: usize, window: &Window, device: &Device) -> impl Fn(Values) -> Tensor<3> {
    let seen = seen(rows, window, device);
    move |x: Values| {
        let channels = x.dims()[1];
        let x = picture(x, window.size_in).swap_dims(0, 1);
        let [height, width] = window.padding;
        let x = match window.padding {
            [0, 0] => x,
            _ => x.pad((width, width, height, height), 0.0),
        };
        let size = x.shape().num_elements() / channels;
        let columns = x.reshape([channels, size]).select(1, seen.clone());
        let taps: usize = window.kernel.iter().product();
        let places: usize = window.size_out.iter().product();
        let column = channels / window.candidates * taps;
        columns.reshape([window.candidates, column, rows * places])
    }
}

/// Returns where windows look in the padded pictures of one channel: tap after tap, of each all rows,
/// of each all places.
fn seen(rows: usize, window: &Window, device: &Device) -> Tensor<1, Int> {
    let [height, width] = [0, 1].map(|dim| window.size_in[dim] + 2 * window.padding[dim]);
    let grid = |size: [usize; 2], stride: [usize; 2]| -> Vec<i32> {
        let row = |row: usize| (0..size[1]).map(move |at| row * stride[0] * width + at * stride[1]);
        (0..size[0]).flat_map(row).map(|at| at as i32).collect()
    };
    let taps = grid(window.kernel, [1, 1]);
    let places = grid(window.size_out, window.stride);
    let pictures: Vec<i32> = (0..rows).map(|row| (row * height * width) as i32).collect();
    let size = taps.len() * pictures.len() * places.len();
    let along = |numbers: &[i32], shape: [usize; 3]| -> Tensor<3, Int> {
        Tensor::<1, Int>::from_ints(numbers, device).reshape(shape)
    };
    let taps = along(&taps, [taps.len(), 1, 1]);
    let pictures = along(&pictures, [1, rows, 1]);
    let places = along(&places, [1, 1, places.len()]);
    (taps + pictures + places).reshape([size])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use firebrick_core::graph::Op;
    use firebrick_core::random::{Purpose, Stream, stream};
    use proptest::prelude::*;
    use rand::RngExt;

    use super::super::{backward_weight_by_burn, backward_x_by_burn, forward_by_burn};
    use super::*;
    use crate::parameters::numbers;

    fn tensor<const D: usize>(shape: [usize; D], rng: &mut Stream) -> Tensor<D> {
        let numbers = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0));
        let data = TensorData::new(numbers.collect::<Vec<f32>>(), shape);
        Tensor::from_data(data, &Device::flex())
    }

    fn same<const D: usize>(one: Tensor<D>, other: Tensor<D>) -> Result<(), TestCaseError> {
        prop_assert_eq!(one.dims(), other.dims());
        for (one, other) in numbers(one).into_iter().zip(numbers(other)) {
            prop_assert!((one - other).abs() <= 1e-4, "{} {}", one, other);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

        #[test]
        fn columns_come_to_what_windows_do(
            (candidates, inputs, out, rows) in (1_usize..4, 1_usize..4, 1_usize..4, 1_usize..4),
            size_in in prop::array::uniform2(4_usize..8),
            kernel in prop::array::uniform2(1_usize..4),
            stride in prop::array::uniform2(1_usize..3),
            padding in prop::array::uniform2(0_usize..3),
            seed: u64,
        ) {
            let size = |dim: usize| (size_in[dim] + 2 * padding[dim] - kernel[dim]) / stride[dim] + 1;
            let (shape_in, shape_out) = ([inputs, size_in[0], size_in[1]], [out, size(0), size(1)]);
            let op = Op::Conv2d {
                in_channels: inputs, out_channels: out, kernel, stride, padding, groups: 1, bias: true,
            };
            let window = Window::of(&op, &shape_in, &shape_out, candidates).unwrap();
            let mut rng = stream(seed, Purpose::Dataset, 0);
            let [places_in, places_out] = [size_in, window.size_out].map(|of| of[0] * of[1]);
            let x = tensor([rows, candidates * inputs, places_in], &mut rng);
            let weight = tensor([candidates * out, inputs, kernel[0], kernel[1]], &mut rng);
            let bias = || Some(Tensor::ones([candidates * out], &Device::flex()));
            let grad = tensor([rows, candidates * out, places_out], &mut rng);
            prop_assert!(takes(&window));

            let expected = forward_by_burn(x.clone(), weight.clone(), bias(), &window);
            same(expected, forward(&x, weight.clone(), bias(), &window))?;
            let expected = backward_weight_by_burn(x.clone(), weight.clone(), grad.clone(), &window);
            same(expected, backward_weight(&x, weight.dims(), &grad, &window))?;
            if takes_backward_x(&window) {
                let expected = backward_x_by_burn(weight.clone(), grad.clone(), &window);
                same(expected, backward_x(weight, &grad, &window))?;
            }
        }
    }

    #[test]
    fn rows_come_in_passes_that_fit() {
        let op = Op::Conv2d {
            in_channels: 128,
            out_channels: 8,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
            groups: 1,
            bias: false,
        };
        let window = Window::of(&op, &[128, 32, 32], &[8, 32, 32], 4).unwrap();
        let found: Vec<[usize; 2]> = passes(40, 128 * 9, &window).collect();
        assert_eq!(found, [[0, 14], [14, 14], [28, 12]]);
    }
}
