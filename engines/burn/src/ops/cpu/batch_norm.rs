//! Batch normalisation in few passes over memory.

use burn::tensor::Tensor;
use macerator::Simd;

use super::sums::{fold, job_size, repeated, total};
use super::{Numbers, Values, each, scratch, values, vector};

/// What [`forward`] keeps for the backward pass.
#[derive(Debug)]
pub(crate) struct Kept {
    x: Values,
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
}

/// Mean and unbiased variance of each channel of a batch.
type Statistics = (Tensor<1>, Tensor<1>);

/// Normalises by the statistics of the batch.
///
/// # Source
/// The statistics of parts are joined as in Chan, Golub and LeVeque, "Updating formulae and a
/// pairwise algorithm for computing sample variances", 1979.
pub(crate) fn forward(
    x: Values,
    weight: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
) -> (Values, Kept, Statistics) {
    let batch = Batch::of(x, eps);
    let (weight, bias) = (Numbers::of(weight), Numbers::of(bias));
    let scale = weight.as_slice().iter().zip(&batch.inverse_deviation);
    let scale: Vec<f32> = scale.map(|(weight, inverse)| weight * inverse).collect();
    let mean = batch.mean.clone();
    batch.forward(&mean, &scale, bias.as_slice())
}

/// What is normalised and its statistics, channel by channel.
pub(in crate::ops) struct Batch {
    numbers: Numbers,
    shape: [usize; 3],
    pub(in crate::ops) mean: Vec<f32>,
    /// Divided by the count.
    pub(in crate::ops) variance: Vec<f32>,
    /// Divided by the count less one.
    unbiased: Vec<f32>,
    inverse_deviation: Vec<f32>,
}

impl Batch {
    pub(in crate::ops) fn of(x: Values, eps: f64) -> Self {
        let shape = x.dims();
        let [rows, channels, places] = shape;
        let numbers = Numbers::of_places(x);
        let (mean, squares) = statistics(numbers.as_slice(), channels);
        let count = (rows * places) as f64;
        let all = |of: &dyn Fn(f64) -> f64| squares.iter().map(|s| of(*s) as f32).collect();
        let inverse_deviation = all(&|squares| 1.0 / (squares / count + eps).sqrt());
        Self {
            numbers,
            shape,
            mean: mean.into_iter().map(|mean| mean as f32).collect(),
            variance: all(&|squares| squares / count),
            unbiased: all(&|squares| squares / (count - 1.0)),
            inverse_deviation,
        }
    }

    /// Computes `(x - less) * scale + bias`.
    fn forward(self, less: &[f32], scale: &[f32], bias: &[f32]) -> (Values, Kept, Statistics) {
        let y = scaled(self.numbers.as_slice(), less, scale, bias);
        let statistics = (vector(self.mean.clone()), vector(self.unbiased));
        let kept = Kept {
            x: self.numbers.into_values(self.shape),
            mean: self.mean,
            inverse_deviation: self.inverse_deviation,
        };
        (values(y, self.shape), kept, statistics)
    }

    /// Normalises with a scale and a shift that are given: `x * scale + shift`.
    pub(in crate::ops) fn forward_affine(
        self,
        scale: &[f32],
        shift: &[f32],
    ) -> (Values, Kept, Statistics) {
        // Nothing taken off changes nothing.
        let nothing = vec![0.0; scale.len()];
        self.forward(&nothing, scale, shift)
    }
}

impl Kept {
    /// Returns the mean and `1 / sqrt(variance + eps)` of each channel.
    pub(in crate::ops) fn moments(&self) -> (Vec<f32>, Vec<f32>) {
        (self.mean.clone(), self.inverse_deviation.clone())
    }
}

/// Returns the gradients by weight and bias.
pub(crate) fn backward_affine(kept: &Kept, grad: Values) -> (Tensor<1>, Tensor<1>) {
    let channels = kept.mean.len();
    let (x, grad) = (Numbers::of_places(kept.x.clone()), Numbers::of_places(grad));
    let size = job_size(channels);
    let pairs = x.as_slice().chunks(size).zip(grad.as_slice().chunks(size));
    let mut sums = vec![0.0; pairs.len() * 2 * channels];
    let jobs = pairs.zip(sums.chunks_exact_mut(2 * channels)).collect();
    each(jobs, |((x, grad), sums)| {
        sum_grad(x, grad, &kept.mean, sums);
    });
    let sum = |at: usize| total(&sums, at, 2 * channels);
    let inverse = kept.inverse_deviation.iter().enumerate();
    let by_weight = inverse.map(|(channel, inverse)| sum(channels + channel) * inverse);
    let by_bias = (0..channels).map(sum);
    (vector(by_weight.collect()), vector(by_bias.collect()))
}

/// Returns the gradient by `x`, given those by weight and bias.
pub(crate) fn backward_x(
    kept: Kept,
    weight: Tensor<1>,
    by_weight: Tensor<1>,
    by_bias: Tensor<1>,
    grad: Values,
) -> Values {
    let shape = grad.dims();
    let [rows, channels, places] = shape;
    let count = (rows * places) as f32;
    let (x, mut grad) = (Numbers::of_places(kept.x), Numbers::of_places(grad));
    let [weight, by_weight, by_bias] = [weight, by_weight, by_bias].map(Numbers::of);
    // The gradient is `of_grad * grad + of_x * (x - mean) + shift`.
    let (mut of_grad, mut of_x, mut shift) = (Vec::new(), Vec::new(), Vec::new());
    for channel in 0..channels {
        let inverse = kept.inverse_deviation[channel];
        let scale = weight.as_slice()[channel] * inverse;
        of_grad.push(scale);
        of_x.push(-scale * by_weight.as_slice()[channel] / count * inverse);
        shift.push(-scale * by_bias.as_slice()[channel] / count);
    }
    let size = job_size(channels);
    let grads = grad.as_mut_slice().chunks_mut(size);
    let jobs = x.as_slice().chunks(size).zip(grads).collect();
    let factors = [of_grad, of_x, kept.mean, shift].map(|of| repeated(&of));
    each(jobs, |(x, grad)| combine(x, grad, &factors));
    grad.into_values(shape)
}

/// Scales and shifts each channel in place.
pub(crate) fn forward_running(x: Values, scale: Tensor<1>, shift: Tensor<1>) -> Values {
    let shape = x.dims();
    let [scale, shift] = [scale, shift].map(|of| repeated(Numbers::of(of).as_slice()));
    let mut numbers = Numbers::of_places(x);
    let jobs = numbers
        .as_mut_slice()
        .chunks_mut(job_size(shape[1]))
        .collect();
    each(jobs, |x| scale_places(x, &scale, &shift));
    numbers.into_values(shape)
}

/// Returns mean and sum of squared deviations of each channel.
fn statistics(x: &[f32], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let size = job_size(channels);
    let mut parts = vec![0.0; x.len().div_ceil(size) * 2 * channels];
    let jobs = x.chunks(size).zip(parts.chunks_exact_mut(2 * channels));
    each(jobs.collect(), |(x, part)| deviations(x, part));
    let (mut means, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
    let mut before = 0.0;
    for (x, part) in x.chunks(size).zip(parts.chunks_exact(2 * channels)) {
        let count = (x.len() / channels) as f64;
        let (part_means, part_squares) = part.split_at(channels);
        for channel in 0..channels {
            let difference = f64::from(part_means[channel]) - means[channel];
            means[channel] += difference * count / (before + count);
            squares[channel] += f64::from(part_squares[channel])
                + difference * difference * before * count / (before + count);
        }
        before += count;
    }
    (means, squares)
}

/// Writes mean and sum of squared deviations of each channel of a part.
#[macerator::with_simd]
fn deviations<S: Simd>(x: &[f32], part: &mut [f32]) {
    let (means, squares) = part.split_at_mut(part.len() / 2);
    let mut sums = repeated(means);
    for places in x.chunks(sums.len()) {
        for (sum, x) in sums.iter_mut().zip(places) {
            *sum += x;
        }
    }
    fold(&sums, means);
    let share = means.len() as f32 / x.len() as f32;
    for mean in &mut *means {
        *mean *= share;
    }
    let mean = repeated(means);
    let mut sums = repeated(squares);
    for places in x.chunks(sums.len()) {
        for ((sum, mean), x) in sums.iter_mut().zip(&mean).zip(places) {
            *sum += (x - mean) * (x - mean);
        }
    }
    fold(&sums, squares);
}

/// `(x - mean) * scale + bias`.
fn scaled(x: &[f32], mean: &[f32], scale: &[f32], bias: &[f32]) -> Vec<f32> {
    let mut y = scratch::take(x.len());
    let size = job_size(mean.len());
    let jobs = x.chunks(size).zip(y.chunks_mut(size)).collect();
    let [mean, scale, bias] = [mean, scale, bias].map(repeated);
    each(jobs, |(x, y)| normalise(x, y, &mean, &scale, &bias));
    y
}

#[macerator::with_simd]
fn normalise<S: Simd>(x: &[f32], y: &mut [f32], mean: &[f32], scale: &[f32], bias: &[f32]) {
    for (x, y) in x.chunks(mean.len()).zip(y.chunks_mut(mean.len())) {
        let n = x.len();
        let (y, mean, scale, bias) = (&mut y[..n], &mean[..n], &scale[..n], &bias[..n]);
        for idx in 0..n {
            y[idx] = (x[idx] - mean[idx]) * scale[idx] + bias[idx];
        }
    }
}

#[macerator::with_simd]
fn scale_places<S: Simd>(x: &mut [f32], scale: &[f32], shift: &[f32]) {
    for places in x.chunks_mut(scale.len()) {
        for ((x, scale), shift) in places.iter_mut().zip(scale).zip(shift) {
            *x = *x * scale + shift;
        }
    }
}

/// Sums, for each channel, of the gradient and of the gradient times what differs from the mean.
#[macerator::with_simd]
fn sum_grad<S: Simd>(x: &[f32], grad: &[f32], mean: &[f32], sums: &mut [f32]) {
    let (plain, along_x) = sums.split_at_mut(mean.len());
    let (mut of_grad, mut of_both, mean) = (repeated(plain), repeated(along_x), repeated(mean));
    for (x, grad) in x.chunks(mean.len()).zip(grad.chunks(mean.len())) {
        let n = x.len();
        let (grad, mean) = (&grad[..n], &mean[..n]);
        let (of_grad, of_both) = (&mut of_grad[..n], &mut of_both[..n]);
        for idx in 0..n {
            of_grad[idx] += grad[idx];
            of_both[idx] += grad[idx] * (x[idx] - mean[idx]);
        }
    }
    fold(&of_grad, plain);
    fold(&of_both, along_x);
}

#[macerator::with_simd]
fn combine<S: Simd>(x: &[f32], grad: &mut [f32], factors: &[Vec<f32>; 4]) {
    let size = factors[0].len();
    for (x, grad) in x.chunks(size).zip(grad.chunks_mut(size)) {
        let n = x.len();
        let grad = &mut grad[..n];
        let [of_grad, of_x, mean, shift] = factors.each_ref().map(|of| &of[..n]);
        for idx in 0..n {
            // Not `of_x * x` with the mean in the shift: far from 0 little would be left of it.
            grad[idx] = grad[idx] * of_grad[idx] + (x[idx] - mean[idx]) * of_x[idx] + shift[idx];
        }
    }
}
