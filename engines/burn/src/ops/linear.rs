//! `y = x Wᵀ + b`, with PyTorch's layout of weights.

use burn::tensor::Tensor;

use super::{Values, channel_sums, vector};

/// Returns `[rows, out, 1]` for `x` of `[rows, in, 1]` and weights of `[out, in]`.
pub(crate) fn forward(x: Values, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Values {
    let [out_features, in_features] = weight.dims();
    let rows = x.dims()[0];
    let y = x.reshape([rows, in_features]).matmul(weight.transpose());
    let y = match bias {
        Some(bias) => y + bias.reshape([1, out_features]),
        None => y,
    };
    y.reshape([rows, out_features, 1])
}

/// Returns the gradient by `x`.
pub(crate) fn backward_x(weight: Tensor<2>, grad: Values) -> Values {
    let [out_features, in_features] = weight.dims();
    let rows = grad.dims()[0];
    let grad = grad.reshape([rows, out_features]).matmul(weight);
    grad.reshape([rows, in_features, 1])
}

/// Returns the gradient by the weights, `[out, in]` in one dimension.
pub(crate) fn backward_weight(x: Values, grad: Values) -> Tensor<1> {
    let [rows, in_features, _] = x.dims();
    let out_features = grad.dims()[1];
    let grad = grad.reshape([rows, out_features]).transpose();
    let grad = grad.matmul(x.reshape([rows, in_features]));
    grad.reshape([out_features * in_features])
}

/// Returns the gradient by the bias, also that of a convolution.
pub(crate) fn backward_bias(grad: Values) -> Tensor<1> {
    vector(channel_sums(grad))
}
