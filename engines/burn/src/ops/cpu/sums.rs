//! Sums over rows and places.

use burn::tensor::Tensor;
use macerator::Simd;

use super::{Numbers, Values, each, vector};

/// Numbers that one thread takes at once, about: whole places.
const NUMBERS_A_JOB: usize = 1 << 15;
/// Numbers that loops over channels take at least, about.
const NUMBERS_A_LOOP: usize = 256;

/// Returns the sum of each channel.
pub(in crate::ops) fn channel_sums(x: Values) -> Tensor<1> {
    let channels = x.dims()[1];
    let numbers = Numbers::of_places(x);
    let parts = numbers.as_slice().chunks(job_size(channels));
    let mut sums = vec![0.0; parts.len() * channels];
    each(
        parts.zip(sums.chunks_exact_mut(channels)).collect(),
        |(x, sums)| add_places(x, sums),
    );
    vector(
        (0..channels)
            .map(|channel| total(&sums, channel, channels))
            .collect(),
    )
}

/// Numbers of a job: whole places.
pub(super) fn job_size(channels: usize) -> usize {
    (NUMBERS_A_JOB / channels).max(1) * channels
}

/// Adds what each part has of a sum, in float64.
pub(super) fn total(parts: &[f32], at: usize, n_sums: usize) -> f32 {
    let of_parts = parts[at..].iter().step_by(n_sums);
    of_parts.map(|sum| f64::from(*sum)).sum::<f64>() as f32
}

/// Repeats what each channel has, so that loops over channels are long enough to be fast.
pub(super) fn repeated(of_channels: &[f32]) -> Vec<f32> {
    of_channels.repeat((NUMBERS_A_LOOP / of_channels.len()).max(1))
}

/// Adds up what the repetitions of each channel have.
pub(super) fn fold(repeated: &[f32], sums: &mut [f32]) {
    for repetition in repeated.chunks_exact(sums.len()) {
        for (sum, part) in sums.iter_mut().zip(repetition) {
            *sum += part;
        }
    }
}

#[macerator::with_simd]
fn add_places<S: Simd>(x: &[f32], sums: &mut [f32]) {
    let mut parts = repeated(sums);
    for places in x.chunks(parts.len()) {
        for (part, x) in parts.iter_mut().zip(places) {
            *part += x;
        }
    }
    fold(&parts, sums);
}
