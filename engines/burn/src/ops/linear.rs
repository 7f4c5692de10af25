//! `y = x Wᵀ + b`, with PyTorch's layout of weights.

use burn::tensor::Tensor;

use super::product::Products;
use super::{Values, channel_sums, vector};

/// The weights of a linear layer, those of candidate after candidate.
#[derive(Debug)]
pub(crate) struct Weight {
    /// In one dimension.
    pub(crate) numbers: Tensor<1>,
    /// How many candidates there are.
    pub(crate) candidates: usize,
    /// Channels that each reads.
    pub(crate) inputs: usize,
    /// Channels that each makes.
    pub(crate) outputs: usize,
    /// How they are multiplied.
    pub(crate) products: Products,
}

impl Weight {
    /// `[out, in]` of a single candidate.
    fn matrix(self) -> Tensor<2> {
        self.numbers.reshape([self.outputs, self.inputs])
    }

    /// `[candidates, out, in]`.
    fn matrices(self) -> Tensor<3> {
        let shape = [self.candidates, self.outputs, self.inputs];
        self.numbers.reshape(shape)
    }
}

/// Returns `[rows, candidates * out, 1]` for `x` of `[rows, candidates * in, 1]`.
pub(crate) fn forward(x: Values, weight: Weight, bias: Option<Tensor<1>>) -> Values {
    let (candidates, out, products) = (weight.candidates, weight.outputs, weight.products);
    if candidates > 1 {
        let x = by_candidate(x, candidates);
        let y = products.of(x, weight.matrices().swap_dims(1, 2));
        let y = match bias {
            Some(bias) => y + bias.reshape([candidates, 1, out]),
            None => y,
        };
        return side_by_side(y);
    }
    let [rows, channels, _] = x.dims();
    let y = products.of(x.reshape([rows, channels]), weight.matrix().transpose());
    let y = match bias {
        Some(bias) => y + bias.reshape([1, out]),
        None => y,
    };
    y.reshape([rows, out, 1])
}

/// Returns the gradient by `x`.
pub(crate) fn backward_x(weight: Weight, grad: Values) -> Values {
    let (candidates, inputs, products) = (weight.candidates, weight.inputs, weight.products);
    if candidates > 1 {
        let grad = by_candidate(grad, candidates);
        return side_by_side(products.of(grad, weight.matrices()));
    }
    let [rows, out, _] = grad.dims();
    let grad = products.of(grad.reshape([rows, out]), weight.matrix());
    grad.reshape([rows, inputs, 1])
}

/// Returns the gradient by the weights, `[candidates, out, in]` in one dimension.
pub(crate) fn backward_weight(
    x: Values,
    grad: Values,
    candidates: usize,
    products: Products,
) -> Tensor<1> {
    let ([rows, inputs, _], outputs) = (x.dims(), grad.dims()[1]);
    if candidates > 1 {
        let grad = by_candidate(grad, candidates).swap_dims(1, 2);
        let grad = products.of(grad, by_candidate(x, candidates));
        return grad.reshape([outputs / candidates * inputs]);
    }
    let grad = grad.reshape([rows, outputs]).transpose();
    let grad = products.of(grad, x.reshape([rows, inputs]));
    grad.reshape([outputs * inputs])
}

/// Returns the gradient by the bias, also that of a convolution.
pub(crate) fn backward_bias(grad: Values) -> Tensor<1> {
    vector(channel_sums(grad))
}

/// `[rows, candidates * features, 1]` to `[candidates, rows, features]`.
fn by_candidate(x: Values, candidates: usize) -> Tensor<3> {
    let [rows, channels, _] = x.dims();
    let x = x.reshape([rows, candidates, channels / candidates]);
    x.swap_dims(0, 1)
}

/// `[candidates, rows, features]` to `[rows, candidates * features, 1]`.
fn side_by_side(y: Tensor<3>) -> Values {
    let [candidates, rows, features] = y.dims();
    y.swap_dims(0, 1).reshape([rows, candidates * features, 1])
}
