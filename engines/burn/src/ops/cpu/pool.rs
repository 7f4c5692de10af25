//! Max pooling that remembers in a byte which place of its window won.

use macerator::Simd;

use super::super::window::Window;
use super::{Numbers, Values, each, scratch, values};

/// Where the largest values were: the place in the window, for each value of the result.
#[derive(Debug)]
pub(crate) struct Winners(Vec<u8>);

/// Returns whether windows are small enough for a byte.
pub(crate) fn takes(window: &Window) -> bool {
    window.kernel[0] * window.kernel[1] <= usize::from(u8::MAX)
}

/// Returns the largest value of each window and where it was, the first of equals; NaN wins.
pub(crate) fn forward(x: Values, window: &Window) -> (Values, Winners) {
    let [rows, channels, _] = x.dims();
    let places = window.size_out[0] * window.size_out[1];
    let x = Numbers::of_places(x);
    let mut y = scratch::take(rows * places * channels);
    let mut winners = vec![0; y.len()];
    let row = window.size_out[1] * channels;
    let pictures = x.as_slice().chunks_exact(x.as_slice().len() / rows);
    let made = y.chunks_exact_mut(places * channels);
    let won = winners.chunks_exact_mut(places * channels);
    let work: Vec<_> = pictures.zip(made.zip(won)).collect();
    each(work, |(x, (y, winners))| {
        y.fill(f32::NEG_INFINITY);
        let made = y.chunks_exact_mut(row).zip(winners.chunks_exact_mut(row));
        for (down, (y, winners)) in made.enumerate() {
            largest(x, y, winners, down, channels, window);
        }
    });
    (values(y, [rows, channels, places]), Winners(winners))
}

/// Returns the gradient by `x`: what a window passes on goes to its largest value.
pub(crate) fn backward(winners: &Winners, grad: Values, window: &Window) -> Values {
    let [rows, channels, _] = grad.dims();
    let places = window.size_in[0] * window.size_in[1];
    let grad = Numbers::of_places(grad);
    let mut by_x = scratch::take(rows * places * channels);
    let size = grad.as_slice().len() / rows;
    let read = grad
        .as_slice()
        .chunks_exact(size)
        .zip(winners.0.chunks_exact(size));
    let work = read.zip(by_x.chunks_exact_mut(places * channels));
    each(work.collect(), |((grad, winners), by_x)| {
        by_x.fill(0.0);
        hand_back(grad, winners, by_x, channels, window);
    });
    values(by_x, [rows, channels, places])
}

/// Where a window's place lies in the picture, if it does.
#[inline(always)]
fn place(window: &Window, made: [usize; 2], tap: [usize; 2]) -> Option<usize> {
    let [y, x] = [0, 1].map(|dim| {
        let at = made[dim] * window.stride[dim] + tap[dim];
        at.checked_sub(window.padding[dim])
            .filter(|at| *at < window.size_in[dim])
    });
    Some(y? * window.size_in[1] + x?)
}

#[macerator::with_simd]
fn largest<S: Simd>(
    x: &[f32],
    y: &mut [f32],
    winners: &mut [u8],
    down: usize,
    channels: usize,
    window: &Window,
) {
    let made = y
        .chunks_exact_mut(channels)
        .zip(winners.chunks_exact_mut(channels));
    for (across, (y, winners)) in made.enumerate() {
        for tap in 0..window.kernel[0] * window.kernel[1] {
            let tap_of = [tap / window.kernel[1], tap % window.kernel[1]];
            let Some(place) = place(window, [down, across], tap_of) else {
                continue;
            };
            let x = &x[place * channels..][..channels];
            for ((y, winner), x) in y.iter_mut().zip(&mut *winners).zip(x) {
                // Nothing is larger than NaN, and NaN does not lose.
                let wins = *x > *y || x.is_nan();
                *y = if wins { *x } else { *y };
                *winner = if wins { tap as u8 } else { *winner };
            }
        }
    }
}

#[macerator::with_simd]
fn hand_back<S: Simd>(
    grad: &[f32],
    winners: &[u8],
    by_x: &mut [f32],
    channels: usize,
    window: &Window,
) {
    let made = grad
        .chunks_exact(channels)
        .zip(winners.chunks_exact(channels));
    for (nth, (grad, winners)) in made.enumerate() {
        let made = [nth / window.size_out[1], nth % window.size_out[1]];
        for tap in 0..window.kernel[0] * window.kernel[1] {
            let tap_of = [tap / window.kernel[1], tap % window.kernel[1]];
            let Some(place) = place(window, made, tap_of) else {
                continue;
            };
            let by_x = &mut by_x[place * channels..][..channels];
            for ((by_x, grad), winner) in by_x.iter_mut().zip(grad).zip(winners) {
                *by_x += if *winner == tap as u8 { *grad } else { 0.0 };
            }
        }
    }
}
