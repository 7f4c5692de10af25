//! Convolution over height and width.

use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use super::Values;

/// Step, zeros at the borders and groups of a convolution, and the picture that it reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    /// Height and width of what is read.
    pub(crate) size_in: [usize; 2],
    /// Height and width of the result.
    pub(crate) size_out: [usize; 2],
    /// Step in height and width.
    pub(crate) stride: [usize; 2],
    /// Zeros on both sides of height and width.
    pub(crate) padding: [usize; 2],
    /// Groups that the channels fall into.
    pub(crate) groups: usize,
}

impl Geometry {
    fn options(&self) -> ConvOptions<2> {
        ConvOptions::new(self.stride, self.padding, [1, 1], self.groups)
    }
}

/// Returns `[rows, out, places]` for weights of `[out, in / groups, height, width]`.
pub(crate) fn forward(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: &Geometry,
) -> Values {
    let x = picture(x, geometry.size_in);
    places(module::conv2d(x, weight, bias, geometry.options()))
}

/// Returns the gradient by `x`: the transposed convolution of the gradient.
pub(crate) fn backward_x(weight: Tensor<4>, grad: Values, geometry: &Geometry) -> Values {
    let Geometry {
        size_in,
        size_out,
        stride,
        padding,
        groups,
    } = *geometry;
    let [_, _, kernel_height, kernel_width] = weight.dims();
    let kernel = [kernel_height, kernel_width];
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
    geometry: &Geometry,
) -> Tensor<1> {
    let size = weight.shape().num_elements();
    let x = picture(x, geometry.size_in);
    let grad = picture(grad, geometry.size_out);
    module::conv2d_weight_backward(x, weight, grad, geometry.options()).reshape([size])
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
