//! Batch normalisation, over rows and places, for each channel.

use burn::tensor::Tensor;

use super::{Values, channel_sums, cpu, per_channel, vector};

/// What [`forward`] keeps for [`backward_x`] and [`backward_affine`].
#[derive(Debug)]
pub(crate) enum Normalised {
    /// By the kernels of this engine.
    Cpu(cpu::batch_norm::Kept),
    /// By burn.
    Burn {
        /// `(x - mean) / sqrt(variance + eps)`.
        x_hat: Values,
        /// `1 / sqrt(variance + eps)`, `[1, channels, 1]`.
        inverse_deviation: Values,
    },
}

/// What one batch adds to the running statistics, `[channels]` each.
#[derive(Debug)]
pub(crate) struct BatchStatistics {
    /// The mean.
    pub(crate) mean: Tensor<1>,
    /// The unbiased variance (divided by the count less one), as PyTorch keeps it.
    pub(crate) variance: Tensor<1>,
}

/// Normalises by the statistics of the batch; needs two values a channel.
///
/// # Source
/// Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 1.
pub(crate) fn forward(
    x: Values,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
) -> (Values, Normalised, BatchStatistics) {
    if cpu::takes(&x) {
        let (y, kept, (mean, variance)) = cpu::batch_norm::forward(x, weight, bias, eps);
        return (y, Normalised::Cpu(kept), BatchStatistics { mean, variance });
    }
    let count = count(&x);
    let mean = channel_sums(x.clone()).div_scalar(count);
    let centred = x - mean.clone();
    let squares = channel_sums(centred.clone() * centred.clone());
    let variance = squares.clone().div_scalar(count);
    let inverse_deviation = variance.add_scalar(eps).sqrt().recip();
    let x_hat = centred * inverse_deviation.clone();
    let y = x_hat.clone() * per_channel(weight) + per_channel(bias);
    let statistics = BatchStatistics {
        mean: vector(mean),
        variance: vector(squares.div_scalar(count - 1.0)),
    };
    let normalised = Normalised::Burn {
        x_hat,
        inverse_deviation,
    };
    (y, normalised, statistics)
}

/// Moves running statistics towards those of a batch.
pub(crate) fn follow(running: Tensor<1>, batch: Tensor<1>, momentum: f64) -> Tensor<1> {
    running.mul_scalar(1.0 - momentum) + batch.mul_scalar(momentum)
}

/// Returns the gradients by weight and bias.
pub(crate) fn backward_affine(normalised: &Normalised, grad: Values) -> (Tensor<1>, Tensor<1>) {
    match normalised {
        Normalised::Cpu(kept) => cpu::batch_norm::backward_affine(kept, grad),
        Normalised::Burn { x_hat, .. } => {
            let by_weight = channel_sums(grad.clone() * x_hat.clone());
            (vector(by_weight), vector(channel_sums(grad)))
        }
    }
}

/// Returns the gradient by `x`, given those by weight and bias.
pub(crate) fn backward_x(
    normalised: Normalised,
    weight: Tensor<1>,
    by_weight: Tensor<1>,
    by_bias: Tensor<1>,
    grad: Values,
) -> Values {
    match normalised {
        Normalised::Cpu(kept) => {
            cpu::batch_norm::backward_x(kept, weight, by_weight, by_bias, grad)
        }
        Normalised::Burn {
            x_hat,
            inverse_deviation,
        } => {
            let count = count(&grad);
            let along_x = x_hat * per_channel(by_weight.div_scalar(count));
            let centred = grad - per_channel(by_bias.div_scalar(count)) - along_x;
            centred * (per_channel(weight) * inverse_deviation)
        }
    }
}

/// Scale and shift that running statistics come to, `[channels]` each.
pub(crate) fn scale_and_shift(
    weight: Tensor<1>,
    bias: Tensor<1>,
    running_mean: Tensor<1>,
    running_var: Tensor<1>,
    eps: f64,
) -> (Tensor<1>, Tensor<1>) {
    let scale = weight / running_var.add_scalar(eps).sqrt();
    let shift = bias - running_mean * scale.clone();
    (scale, shift)
}

/// Scales and shifts each channel.
pub(crate) fn forward_running(x: Values, scale: Tensor<1>, shift: Tensor<1>) -> Values {
    if cpu::takes(&x) {
        return cpu::batch_norm::forward_running(x, scale, shift);
    }
    x * per_channel(scale) + per_channel(shift)
}

/// Returns the gradient by `x` where running statistics are in use.
pub(crate) fn backward_running_x(scale: Tensor<1>, grad: Values) -> Values {
    grad * per_channel(scale)
}

/// Values a channel.
fn count(x: &Values) -> f64 {
    let [rows, _, places] = x.dims();
    (rows * places) as f64
}
