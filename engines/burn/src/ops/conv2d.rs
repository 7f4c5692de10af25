//! Convolution over height and width.

mod columns;

use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::window::Window;
use super::{Values, cpu, is_flex};

/// Returns `[rows, out, places]` for weights of `[out, in / groups, height, width]`.
pub(crate) fn forward(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    if cpu::takes(&x) && cpu::conv2d::takes(&weight, window) {
        return cpu::conv2d::forward(x, weight, bias, window);
    }
    if goes_one_by_one(&x, window) {
        return one_by_one(&x, &weight, bias.as_ref(), window, forward);
    }
    forward_elsewhere(x, weight, bias, window)
}

/// Returns what [`forward`] does, of sums of products alone, which float32 holds to the bit where
/// numbers are in fixed point.
pub(crate) fn forward_exact(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    if cpu::takes(&x) && cpu::conv2d::takes(&weight, window) {
        return cpu::conv2d::forward_exact(x, weight, bias, window);
    }
    if goes_one_by_one(&x, window) {
        return one_by_one(&x, &weight, bias.as_ref(), window, forward_exact);
    }
    forward_elsewhere(x, weight, bias, window)
}

/// Convolves on a device other than the CPU, or where its kernels can't.
fn forward_elsewhere(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    match !is_flex(&x) && columns::takes(window) {
        true => columns::forward(&x, weight, bias, window),
        false => forward_by_burn(x, weight, bias, window),
    }
}

/// Returns whether the candidates of a stack are convolved one after the other: on the CPU, whose
/// kernels know one group.
fn goes_one_by_one(x: &Values, window: &Window) -> bool {
    window.candidates > 1 && cpu::takes(x)
}

/// Convolves candidate after candidate.
fn one_by_one(
    x: &Values,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    window: &Window,
    forward: fn(Values, Tensor<4>, Option<Tensor<1>>, &Window) -> Values,
) -> Values {
    let n = window.candidates;
    let of_one = |nth| {
        let bias = bias.map(|bias| share(bias, 0, nth, n));
        let weight = share(weight, 0, nth, n);
        forward(share(x, 1, nth, n), weight, bias, &window.of_one())
    };
    Tensor::cat((0..n).map(of_one).collect(), 1)
}

/// Returns the share that a candidate has of a tensor's dimension.
fn share<const D: usize>(tensor: &Tensor<D>, dim: usize, nth: usize, n: usize) -> Tensor<D> {
    let size = tensor.dims()[dim] / n;
    tensor.clone().narrow(dim, nth * size, size)
}

fn forward_by_burn(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    let x = picture(x, window.size_in);
    places(module::conv2d(x, weight, bias, options(window)))
}

/// Returns the gradient by `x`: the transposed convolution of the gradient.
pub(crate) fn backward_x(weight: Tensor<4>, grad: Values, window: &Window) -> Values {
    if cpu::takes(&grad) && cpu::conv2d::takes(&weight, window) {
        return cpu::conv2d::backward_x(weight, grad, window);
    }
    if goes_one_by_one(&grad, window) {
        let n = window.candidates;
        let of_one = |nth| {
            let weight = share(&weight, 0, nth, n);
            backward_x(weight, share(&grad, 1, nth, n), &window.of_one())
        };
        return Tensor::cat((0..n).map(of_one).collect(), 1);
    }
    match !is_flex(&grad) && columns::takes_backward_x(window) {
        true => columns::backward_x(weight, &grad, window),
        false => backward_x_by_burn(weight, grad, window),
    }
}

fn backward_x_by_burn(weight: Tensor<4>, grad: Values, window: &Window) -> Values {
    let Window {
        size_in,
        size_out,
        kernel,
        stride,
        padding,
        groups,
        ..
    } = *window;
    // Rows and columns at the far border that no window reached.
    let unread = [0, 1].map(|dim| {
        let read = (size_out[dim] - 1) * stride[dim] + kernel[dim];
        size_in[dim] + 2 * padding[dim] - read
    });
    let options = ConvTransposeOptions::new(stride, padding, unread, [1, 1], groups);
    let grad = picture(grad, size_out);
    places(module::conv_transpose2d(grad, weight, None, options))
}

/// Returns the gradient by the weights, in one dimension.
pub(crate) fn backward_weight(
    x: Values,
    weight: Tensor<4>,
    grad: Values,
    window: &Window,
) -> Tensor<1> {
    if cpu::takes(&x) && cpu::conv2d::takes(&weight, window) {
        return cpu::conv2d::backward_weight(x, weight.dims(), grad, window);
    }
    if goes_one_by_one(&x, window) {
        let n = window.candidates;
        let of_one = |nth| {
            let (x, grad) = (share(&x, 1, nth, n), share(&grad, 1, nth, n));
            backward_weight(x, share(&weight, 0, nth, n), grad, &window.of_one())
        };
        return Tensor::cat((0..n).map(of_one).collect(), 0);
    }
    match !is_flex(&x) && columns::takes(window) {
        true => columns::backward_weight(&x, weight.dims(), &grad, window),
        false => backward_weight_by_burn(x, weight, grad, window),
    }
}

fn backward_weight_by_burn(
    x: Values,
    weight: Tensor<4>,
    grad: Values,
    window: &Window,
) -> Tensor<1> {
    let size = weight.shape().num_elements();
    let x = picture(x, window.size_in);
    let grad = picture(grad, window.size_out);
    module::conv2d_weight_backward(x, weight, grad, options(window)).reshape([size])
}

fn options(window: &Window) -> ConvOptions<2> {
    ConvOptions::new(window.stride, window.padding, [1, 1], window.groups)
}

/// `[rows, channels, places]` to `[rows, channels, height, width]`.
pub(super) fn picture(x: Values, [height, width]: [usize; 2]) -> Tensor<4> {
    let [rows, channels, _] = x.dims();
    x.reshape([rows, channels, height, width])
}

/// `[rows, channels, height, width]` to `[rows, channels, places]`.
pub(super) fn places(x: Tensor<4>) -> Values {
    let [rows, channels, height, width] = x.dims();
    x.reshape([rows, channels, height * width])
}
