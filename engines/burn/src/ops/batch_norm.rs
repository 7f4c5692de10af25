//! Batch normalisation, over rows and places, for each channel.

use burn::tensor::Tensor;
use firebrick_core::formats::{self, Layout, Quantizer};

use super::{Values, channel_sums, cpu, per_channel, vector};
use crate::parameters::numbers;

/// What [`forward`] keeps for [`backward_x`] and [`backward_affine`].
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each node, and nodes are few"
)]
pub(crate) enum Normalised {
    /// By the kernels of this engine.
    Cpu(cpu::batch_norm::Kept),
    /// By burn.
    Burn {
        /// `(x - mean) / sqrt(variance + eps)`.
        x_hat: Values,
        /// `[1, channels, 1]`.
        mean: Values,
        /// `1 / sqrt(variance + eps)`, `[1, channels, 1]`.
        inverse_deviation: Values,
    },
}

/// Scale and shift of each channel, not stored.
#[derive(Debug)]
pub(crate) struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
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
    let batch = Batch::of(x, eps);
    let y = batch.x_hat.clone() * per_channel(weight) + per_channel(bias);
    let (normalised, statistics) = batch.kept();
    (y, normalised, statistics)
}

/// Normalises by the statistics of the batch with a scale and a shift that are stored in formats:
/// `q(scale) * x + q(shift)`. Gradients are those of [`forward`].
pub(crate) fn forward_stored(
    x: Values,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    formats: [Option<Quantizer>; 2],
) -> (Values, Normalised, BatchStatistics, Affine) {
    let (weight, bias) = (numbers(weight), numbers(bias));
    let affine = |mean: &[f32], variance: &[f32]| {
        let (scale, shift) = formats::scale_and_shift([&weight, &bias, mean, variance], eps);
        Affine { scale, shift }
    };
    let device = x.device();
    if cpu::takes(&x) {
        let mut exact = None;
        let (y, kept, (mean, variance)) =
            cpu::batch_norm::forward_affine(x, eps, |mean, variance| {
                let exact = exact.insert(affine(mean, variance));
                exact.stored(&formats)
            });
        let exact = exact.expect("scale and shift were asked for");
        let statistics = BatchStatistics { mean, variance };
        return (y, Normalised::Cpu(kept), statistics, exact);
    }
    let batch = Batch::of(x.clone(), eps);
    let exact = affine(
        &numbers(batch.mean.clone()),
        &numbers(batch.variance.clone()),
    );
    let (scale, shift) = exact.stored(&formats);
    let [scale, shift] = [scale, shift].map(|of| Tensor::from_floats(of.as_slice(), &device));
    let y = forward_running(x, scale, shift);
    let (normalised, statistics) = batch.kept();
    (y, normalised, statistics, exact)
}

/// Returns scale and shift under running statistics, as they are stored in formats.
pub(crate) fn stored(
    [weight, bias, mean, variance]: [Tensor<1>; 4],
    eps: f64,
    formats: &[Option<Quantizer>; 2],
) -> [Tensor<1>; 2] {
    let device = weight.device();
    let tensors = [weight, bias, mean, variance].map(numbers);
    let (scale, shift) = formats::scale_and_shift(tensors.each_ref().map(Vec::as_slice), eps);
    let (scale, shift) = Affine { scale, shift }.stored(formats);
    [scale, shift].map(|of| Tensor::from_floats(of.as_slice(), &device))
}

impl Affine {
    /// Returns scale and shift as they are stored.
    fn stored(&self, formats: &[Option<Quantizer>; 2]) -> (Vec<f32>, Vec<f32>) {
        let store = |numbers: &[f32], format: &Option<Quantizer>| {
            let mut stored = numbers.to_vec();
            if let Some(format) = format {
                format.quantize(numbers, Layout::of_tensor(&[numbers.len()]), &mut stored);
            }
            stored
        };
        let [of_scale, of_shift] = formats;
        (store(&self.scale, of_scale), store(&self.shift, of_shift))
    }
}

/// What is normalised by burn.
struct Batch {
    x_hat: Values,
    mean: Values,
    /// Divided by the count.
    variance: Values,
    /// Divided by the count less one.
    unbiased: Values,
    inverse_deviation: Values,
}

impl Batch {
    fn of(x: Values, eps: f64) -> Self {
        let count = count(&x);
        let mean = channel_sums(x.clone()).div_scalar(count);
        let centred = x - mean.clone();
        let squares = channel_sums(centred.clone() * centred.clone());
        let variance = squares.clone().div_scalar(count);
        let inverse_deviation = variance.clone().add_scalar(eps).sqrt().recip();
        Self {
            x_hat: centred * inverse_deviation.clone(),
            mean,
            variance,
            unbiased: squares.div_scalar(count - 1.0),
            inverse_deviation,
        }
    }

    fn kept(self) -> (Normalised, BatchStatistics) {
        let statistics = BatchStatistics {
            mean: vector(self.mean.clone()),
            variance: vector(self.unbiased),
        };
        let normalised = Normalised::Burn {
            x_hat: self.x_hat,
            mean: self.mean,
            inverse_deviation: self.inverse_deviation,
        };
        (normalised, statistics)
    }
}

impl Normalised {
    /// Returns the gradients by scale and shift, on the host, given those by weight and bias.
    pub(crate) fn by_affine(
        &self,
        by_weight: Tensor<1>,
        by_bias: Tensor<1>,
    ) -> (Vec<f32>, Vec<f32>) {
        let (mean, inverse) = match self {
            Self::Cpu(kept) => kept.moments(),
            Self::Burn {
                mean,
                inverse_deviation,
                ..
            } => (numbers(mean.clone()), numbers(inverse_deviation.clone())),
        };
        let (by_weight, by_shift) = (numbers(by_weight), numbers(by_bias));
        // The sum of the gradient times `x`: that times `x - mean`, and the mean.
        let of_channel =
            |((by_weight, inverse), (mean, by_shift)): ((&f32, &f32), (&f32, &f32))| {
                by_weight / inverse + mean * by_shift
            };
        let channels = by_weight.iter().zip(&inverse);
        let by_scale = channels.zip(mean.iter().zip(&by_shift)).map(of_channel);
        (by_scale.collect(), by_shift)
    }
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
            ..
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
