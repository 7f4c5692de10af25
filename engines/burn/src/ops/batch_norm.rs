//! Batch normalisation, over rows and places, for each channel.

use burn::tensor::Tensor;
use firebrick_core::formats;

use super::quantize::Storage;
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
#[derive(Debug, Clone)]
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
    formats: &[Option<Storage>; 2],
) -> (Values, Normalised, BatchStatistics, Option<Affine>) {
    if !cpu::takes(&x) {
        let is_fixed_point = |format: &Storage| format.is_fixed_point();
        if formats.iter().flatten().all(is_fixed_point) {
            let (y, normalised, statistics) = forward_fixed_point(x, weight, bias, eps, formats);
            return (y, normalised, statistics, None);
        }
        let (y, normalised, statistics, exact) =
            forward_stored_by_burn(x, weight, bias, eps, formats);
        return (y, normalised, statistics, Some(exact));
    }
    let batch = cpu::batch_norm::Batch::of(x, eps);
    let exact = Affine::of(weight, bias, &batch.mean, &batch.variance, eps);
    let (scale, shift) = exact.stored(formats);
    let (y, kept, (mean, variance)) = batch.forward_affine(&scale, &shift);
    let statistics = BatchStatistics { mean, variance };
    (y, Normalised::Cpu(kept), statistics, Some(exact))
}

/// What [`forward_stored`] computes of formats in fixed point, without asking the host, in float32.
fn forward_fixed_point(
    x: Values,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    formats: &[Option<Storage>; 2],
) -> (Values, Normalised, BatchStatistics) {
    let batch = Batch::of(x.clone(), eps);
    let deviation = batch.variance.clone().add_scalar(eps).sqrt();
    let scale = per_channel(weight) / deviation;
    let shift = per_channel(bias) - batch.mean.clone() * scale.clone();
    let store = |of: Values, format: &Option<Storage>| match format {
        Some(format) => format.store(of),
        None => of,
    };
    let [of_scale, of_shift] = formats;
    let y = x * store(scale, of_scale) + store(shift, of_shift);
    let (normalised, statistics) = batch.kept();
    (y, normalised, statistics)
}

/// What [`forward_stored`] computes, on any device. Scale and shift are made on the host, as they
/// are everywhere.
fn forward_stored_by_burn(
    x: Values,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
    formats: &[Option<Storage>; 2],
) -> (Values, Normalised, BatchStatistics, Affine) {
    let device = x.device();
    let batch = Batch::of(x.clone(), eps);
    let [mean, variance] = [&batch.mean, &batch.variance].map(|of| numbers(of.clone()));
    let exact = Affine::of(weight, bias, &mean, &variance, eps);
    let (scale, shift) = exact.stored(formats);
    let [scale, shift] = [scale, shift].map(|of| Tensor::from_floats(of.as_slice(), &device));
    let y = x * per_channel(scale) + per_channel(shift);
    let (normalised, statistics) = batch.kept();
    (y, normalised, statistics, exact)
}

/// Returns scale and shift under running statistics, as they are stored in formats.
pub(crate) fn stored(
    [weight, bias, mean, variance]: [Tensor<1>; 4],
    eps: f64,
    formats: &[Option<Storage>; 2],
) -> [Tensor<1>; 2] {
    let device = weight.device();
    let affine = Affine::of(weight, bias, &numbers(mean), &numbers(variance), eps);
    let (scale, shift) = affine.stored(formats);
    [scale, shift].map(|of| Tensor::from_floats(of.as_slice(), &device))
}

impl Affine {
    /// Returns scale and shift of learned tensors and the statistics of each channel.
    fn of(weight: Tensor<1>, bias: Tensor<1>, mean: &[f32], variance: &[f32], eps: f64) -> Self {
        let tensors = [&numbers(weight), &numbers(bias), mean, variance];
        let (scale, shift) = formats::scale_and_shift(tensors, eps);
        Self { scale, shift }
    }

    /// Returns scale and shift as they are stored.
    fn stored(&self, formats: &[Option<Storage>; 2]) -> (Vec<f32>, Vec<f32>) {
        let store = |numbers: &[f32], format: &Option<Storage>| match format {
            Some(format) => format.store_on_host(numbers),
            None => numbers.to_vec(),
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use firebrick_core::formats::{FixedPoint, Quantizer};
    use firebrick_core::random::{Purpose, stream};
    use rand::RngExt;

    use super::*;

    #[test]
    fn kernels_and_operations_of_burn_store_scale_and_shift_alike() {
        let mut rng = stream(1, Purpose::Dataset, 0);
        let mut values = || -> Values {
            let numbers: Vec<f32> = (0..120).map(|_| rng.random_range(-1.0..3.0)).collect();
            Tensor::from_data(TensorData::new(numbers, [6, 5, 4]), &Device::flex())
        };
        let (x, grad) = (values(), values());
        let tensor = |numbers: [f32; 5]| Tensor::from_floats(numbers, &Device::flex());
        let weight = || tensor([1.0, -0.7, 0.3, 2.0, 0.9]);
        let bias = || tensor([0.4, 0.1, -3.0, 0.0, 1.0]);
        let coarse = || {
            let format = FixedPoint::new(5, 2).unwrap();
            Some(Storage::Alike(Quantizer::FixedPoint(format)))
        };
        for formats in [[coarse(), coarse()], [None, coarse()], [coarse(), None]] {
            let by_burn = forward_stored_by_burn(x.clone(), weight(), bias(), 1e-3, &formats);
            let (y, normalised, statistics) =
                forward_fixed_point(x.clone(), weight(), bias(), 1e-3, &formats);
            // It has no scale and shift on the host: those are not looked at.
            let by_operations = (y, normalised, statistics, by_burn.3.clone());
            let (y, normalised, statistics, affine) =
                forward_stored(x.clone(), weight(), bias(), 1e-3, &formats);
            let by_kernels = (y, normalised, statistics, affine.unwrap());
            let all =
                [by_burn, by_operations, by_kernels].map(|(y, normalised, statistics, affine)| {
                    let (by_weight, by_bias) = backward_affine(&normalised, grad.clone());
                    let (by_scale, by_shift) =
                        normalised.by_affine(by_weight.clone(), by_bias.clone());
                    let by_x = backward_x(normalised, weight(), by_weight, by_bias, grad.clone());
                    let mut all = vec![affine.scale, affine.shift, by_scale, by_shift];
                    all.extend([numbers(y), numbers(by_x)]);
                    all.extend([statistics.mean, statistics.variance].map(numbers));
                    all.concat()
                });
            let plain = numbers(forward(x.clone(), weight(), bias(), 1e-3).0);
            let stored = &all[0][20..140];
            assert!(plain.iter().zip(stored).any(|(a, b)| (a - b).abs() > 0.05));
            for other in &all[1..] {
                for (burn, other) in all[0].iter().zip(other) {
                    assert!((burn - other).abs() < 1e-4, "{burn} {other}");
                }
            }
        }
    }

    #[test]
    fn gradients_by_scale_and_shift_are_sums_over_rows_and_places() {
        let x: Values = Tensor::from_floats([[[1.0, 2.0]], [[4.0, -1.0]]], &Device::flex());
        let grad: Values = Tensor::from_floats([[[0.5, 1.0]], [[-2.0, 3.0]]], &Device::flex());
        let one = || Tensor::from_floats([1.0], &Device::flex());
        let (_, normalised, _) = forward(x, one(), one(), 1e-5);
        let (by_weight, by_bias) = backward_affine(&normalised, grad);
        let (by_scale, by_shift) = normalised.by_affine(by_weight, by_bias);
        // 0.5 * 1 + 1 * 2 - 2 * 4 - 3 * 1
        assert!((by_scale[0] + 8.5).abs() < 1e-5, "{by_scale:?}");
        assert!((by_shift[0] - 2.5).abs() < 1e-6, "{by_shift:?}");
    }
}
