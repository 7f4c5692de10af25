//! `max(x, 0)`.

use burn::tensor::activation;

use super::Values;

/// Returns the positive part; NaN stays NaN, so that a diverged network is seen.
pub(crate) fn forward(x: Values) -> Values {
    activation::relu(x)
}

/// Returns the gradient by what was read, given the result.
pub(crate) fn backward(result: Values, grad: Values) -> Values {
    grad.mask_fill(result.lower_equal_scalar(0.0), 0.0)
}
