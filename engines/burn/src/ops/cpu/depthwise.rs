//! Convolutions of each channel for itself.

use macerator::Simd;

use super::conv2d::{Geometry, start};
use super::product::Write;
use super::{each, scratch};

/// Parts that the gradient by the weights is added up in.
const PARTS: usize = 16;

/// Returns the convolution with weights `[channels, 1, height, width]`.
pub(super) fn forward(
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    geometry: &Geometry,
) -> Vec<f32> {
    let channels = geometry.channels_in;
    let taps = taps(weight, geometry);
    let mut y = scratch::take(geometry.rows * geometry.places_out() * channels);
    let pictures = y.chunks_exact_mut(geometry.places_out() * channels);
    let work = x
        .chunks_exact(geometry.places_in() * channels)
        .zip(pictures);
    each(work.collect(), |(x, y)| {
        if start(y, bias) == Write::Replace {
            y.fill(0.0);
        }
        add_taps(x, &taps, y, geometry);
    });
    y
}

/// Returns the gradient by what was read.
pub(super) fn backward_x(grad: &[f32], weight: &[f32], geometry: &Geometry) -> Vec<f32> {
    let channels = geometry.channels_in;
    let taps = taps(weight, geometry);
    let mut by_x = scratch::take(geometry.rows * geometry.places_in() * channels);
    let pictures = by_x.chunks_exact_mut(geometry.places_in() * channels);
    let work = grad
        .chunks_exact(geometry.places_out() * channels)
        .zip(pictures);
    each(work.collect(), |(grad, by_x)| {
        by_x.fill(0.0);
        spread_taps(grad, &taps, by_x, geometry);
    });
    by_x
}

/// Returns the gradient by the weights.
pub(super) fn backward_weight(x: &[f32], grad: &[f32], geometry: &Geometry) -> Vec<f32> {
    let (channels, n_taps) = (geometry.channels_in, geometry.n_taps());
    let pictures = geometry.rows.div_ceil(PARTS);
    let grads = grad.chunks(pictures * geometry.places_out() * channels);
    let mut parts = vec![0.0; grads.len() * n_taps * channels];
    let xs = x.chunks(pictures * geometry.places_in() * channels);
    let work = xs.zip(grads).zip(parts.chunks_exact_mut(n_taps * channels));
    each(work.collect(), |((x, grad), sums)| {
        let xs = x.chunks_exact(geometry.places_in() * channels);
        let grads = grad.chunks_exact(geometry.places_out() * channels);
        for (x, grad) in xs.zip(grads) {
            sum_taps(x, grad, sums, geometry);
        }
    });
    let mut weight = vec![0.0; n_taps * channels];
    for part in parts.chunks_exact(n_taps * channels) {
        for (at, sum) in part.iter().enumerate() {
            weight[at % channels * n_taps + at / channels] += sum;
        }
    }
    weight
}

/// Weights as `[tap][channel]`.
fn taps(weight: &[f32], geometry: &Geometry) -> Vec<f32> {
    let (channels, n_taps) = (geometry.channels_in, geometry.n_taps());
    let at = |at| weight[at % channels * n_taps + at / channels];
    (0..weight.len()).map(at).collect()
}

#[macerator::with_simd]
fn add_taps<S: Simd>(x: &[f32], taps: &[f32], y: &mut [f32], geometry: &Geometry) {
    let channels = geometry.channels_in;
    let across = geometry.window.size_out[1];
    for (nth, y) in y.chunks_exact_mut(channels).enumerate() {
        for (tap, weights) in taps.chunks_exact(channels).enumerate() {
            if let Some(place) = geometry.place([nth / across, nth % across], tap) {
                let x = &x[place..place + channels];
                for ((y, x), weight) in y.iter_mut().zip(x).zip(weights) {
                    *y += x * weight;
                }
            }
        }
    }
}

#[macerator::with_simd]
fn spread_taps<S: Simd>(grad: &[f32], taps: &[f32], by_x: &mut [f32], geometry: &Geometry) {
    let channels = geometry.channels_in;
    let across = geometry.window.size_out[1];
    for (nth, grad) in grad.chunks_exact(channels).enumerate() {
        for (tap, weights) in taps.chunks_exact(channels).enumerate() {
            if let Some(place) = geometry.place([nth / across, nth % across], tap) {
                let by_x = &mut by_x[place..place + channels];
                for ((by_x, grad), weight) in by_x.iter_mut().zip(grad).zip(weights) {
                    *by_x += grad * weight;
                }
            }
        }
    }
}

#[macerator::with_simd]
fn sum_taps<S: Simd>(x: &[f32], grad: &[f32], sums: &mut [f32], geometry: &Geometry) {
    let channels = geometry.channels_in;
    let across = geometry.window.size_out[1];
    for (nth, grad) in grad.chunks_exact(channels).enumerate() {
        for (tap, sums) in sums.chunks_exact_mut(channels).enumerate() {
            if let Some(place) = geometry.place([nth / across, nth % across], tap) {
                let x = &x[place..place + channels];
                for ((sum, x), grad) in sums.iter_mut().zip(x).zip(grad) {
                    *sum += x * grad;
                }
            }
        }
    }
}
