//! Convolutions as products of matrices: what each window reads is copied side by side, a row of
//! one factor.

use macerator::Simd;

use super::super::window::Window;
use super::conv2d::{Geometry, start};
use super::each;
use super::product::{Layout, Left, Matrix, Write, multiply};
use super::scratch::{self, Scratch};
use super::simd::BLOCK;

/// Numbers of the columns that one thread makes at once, about: whole rows of places.
const NUMBERS_A_JOB: usize = 1 << 17;
/// Numbers of the columns that are at hand at once for the gradient by the weights.
const NUMBERS_AT_ONCE: usize = 1 << 20;
/// Terms that are added up at once in the gradient by the weights, so that they stay near.
const TERMS_AT_ONCE: usize = 256;
/// Rows of the gradient by the weights that one thread takes at once.
const ROWS_A_JOB: usize = 64;

/// Returns the convolution with weights `[out, in, height, width]`.
pub(super) fn forward(
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    geometry: &Geometry,
) -> Vec<f32> {
    let [height, across] = geometry.window.size_out;
    let (out, width) = (geometry.channels_out, width(geometry));
    let weight = columns_of(geometry, weight);
    let mut y = scratch::take(geometry.rows * height * across * out);
    let rows = rows_a_job(geometry);
    let picture = geometry.places_in() * geometry.channels_in;
    let mut work = Vec::new();
    let pictures = y.chunks_exact_mut(height * across * out);
    for (x, y) in x.chunks_exact(picture).zip(pictures) {
        for (nth, y) in y.chunks_mut(rows * across * out).enumerate() {
            work.push((x, nth * rows, y));
        }
    }
    each(work, |(x, first, y)| {
        let n_rows = y.len() / (across * out);
        let mut columns = Scratch::new(if reads_places(geometry) {
            0
        } else {
            n_rows * across * width
        });
        let columns = match reads_places(geometry) {
            true => &x[first * across * width..],
            false => {
                copy_columns(x, &mut columns, first, geometry);
                &*columns
            }
        };
        let write = start(y, bias);
        multiply(
            [n_rows * across, out, width],
            Left::Rows(Matrix {
                numbers: columns,
                layout: Layout::rows(width),
            }),
            Matrix {
                numbers: &weight,
                layout: Layout::blocks(width * BLOCK),
            },
            y,
            Layout::rows(out),
            write,
        );
    });
    y
}

/// Returns the gradient by what was read.
pub(super) fn backward_x(grad: &[f32], weight: &[f32], geometry: &Geometry) -> Vec<f32> {
    let [height, across] = geometry.window.size_out;
    let (out, width) = (geometry.channels_out, width(geometry));
    let weight = rows_of(geometry, weight);
    let mut by_x = scratch::take(geometry.rows * geometry.places_in() * geometry.channels_in);
    let rows = rows_a_job(geometry);
    let pictures = by_x.chunks_exact_mut(geometry.places_in() * geometry.channels_in);
    let work = grad.chunks_exact(height * across * out).zip(pictures);
    each(work.collect(), |(grad, by_x)| {
        let mut columns = Scratch::new(rows * across * width);
        by_x.fill(0.0);
        for (nth, grad) in grad.chunks(rows * across * out).enumerate() {
            let n_rows = grad.len() / (across * out);
            let to = match reads_places(geometry) {
                true => &mut by_x[nth * rows * across * width..],
                false => &mut *columns,
            };
            multiply(
                [n_rows * across, width, out],
                Left::Rows(Matrix {
                    numbers: grad,
                    layout: Layout::rows(out),
                }),
                Matrix {
                    numbers: &weight,
                    layout: Layout::rows(width),
                },
                to,
                Layout::rows(width),
                Write::Replace,
            );
            if !reads_places(geometry) {
                let columns = &columns[..n_rows * across * width];
                add_columns(columns, by_x, nth * rows, geometry);
            }
        }
    });
    by_x
}

/// Returns the gradient by the weights.
pub(super) fn backward_weight(x: &[f32], grad: &[f32], geometry: &Geometry) -> Vec<f32> {
    let (out, width, places) = (
        geometry.channels_out,
        width(geometry),
        geometry.places_out(),
    );
    let mut sums = vec![0.0; out.div_ceil(BLOCK) * width * BLOCK];
    let at_once = (NUMBERS_AT_ONCE / (places * width)).max(1);
    let (picture, made) = (geometry.places_in() * geometry.channels_in, places * out);
    for (x, grad) in x.chunks(at_once * picture).zip(grad.chunks(at_once * made)) {
        let terms = grad.len() / out;
        let mut columns = Scratch::new(if reads_places(geometry) {
            0
        } else {
            terms * width
        });
        let columns = match reads_places(geometry) {
            true => x,
            false => {
                let of_pictures = columns.chunks_exact_mut(places * width);
                let work = x.chunks_exact(picture).zip(of_pictures);
                each(work.collect(), |(x, columns)| {
                    copy_columns(x, columns, 0, geometry);
                });
                &*columns
            }
        };
        let mut work = Vec::new();
        for (block, sums) in sums.chunks_exact_mut(width * BLOCK).enumerate() {
            for (rows, sums) in sums.chunks_mut(ROWS_A_JOB * BLOCK).enumerate() {
                work.push((block * BLOCK, rows * ROWS_A_JOB, sums));
            }
        }
        each(work, |(channel, row, sums)| {
            let rows = sums.len() / BLOCK;
            for first in (0..terms).step_by(TERMS_AT_ONCE) {
                multiply(
                    [
                        rows,
                        BLOCK.min(out - channel),
                        TERMS_AT_ONCE.min(terms - first),
                    ],
                    Left::Columns(Matrix {
                        numbers: &columns[first * width + row..],
                        layout: Layout::rows(width),
                    }),
                    Matrix {
                        numbers: &grad[first * out + channel..],
                        layout: Layout::rows(out),
                    },
                    sums,
                    Layout::rows(BLOCK),
                    Write::Add,
                );
            }
        });
    }
    let mut weight = vec![0.0; out * width];
    for_each_weight(geometry, |at, channel, row| {
        weight[at] = sums[(channel / BLOCK * width + row) * BLOCK + channel % BLOCK];
    });
    weight
}

/// Numbers that a window reads: `[tap][channel]`.
fn width(geometry: &Geometry) -> usize {
    geometry.n_taps() * geometry.channels_in
}

/// Whether the columns are what is read, as it lies.
fn reads_places(geometry: &Geometry) -> bool {
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = geometry.window;
    (kernel, stride, padding) == ([1, 1], [1, 1], [0, 0])
}

/// Rows of places that are taken at once.
fn rows_a_job(geometry: &Geometry) -> usize {
    let [height, across] = geometry.window.size_out;
    (NUMBERS_A_JOB / (width(geometry) * across)).clamp(1, height)
}

/// Weights as the right factor: `[block of out][tap][in][BLOCK]`, zeros in the last block.
fn columns_of(geometry: &Geometry, weight: &[f32]) -> Vec<f32> {
    let width = width(geometry);
    let mut columns = vec![0.0; geometry.channels_out.div_ceil(BLOCK) * width * BLOCK];
    for_each_weight(geometry, |at, channel, row| {
        columns[(channel / BLOCK * width + row) * BLOCK + channel % BLOCK] = weight[at];
    });
    columns
}

/// Weights as `[out][tap][in]`.
fn rows_of(geometry: &Geometry, weight: &[f32]) -> Vec<f32> {
    let mut rows = vec![0.0; weight.len()];
    for_each_weight(geometry, |at, channel, row| {
        rows[channel * width(geometry) + row] = weight[at];
    });
    rows
}

/// Calls with the position of each weight, its channel of the result and its row of columns.
fn for_each_weight(geometry: &Geometry, mut act: impl FnMut(usize, usize, usize)) {
    let mut at = 0;
    for channel in 0..geometry.channels_out {
        for of_in in 0..geometry.channels_in {
            for tap in 0..geometry.n_taps() {
                act(at, channel, tap * geometry.channels_in + of_in);
                at += 1;
            }
        }
    }
}

/// Copies what the windows of some rows of places read.
#[macerator::with_simd]
fn copy_columns<S: Simd>(x: &[f32], columns: &mut [f32], first: usize, geometry: &Geometry) {
    let channels = geometry.channels_in;
    let across = geometry.window.size_out[1];
    let row = geometry.window.kernel[1];
    for (nth, column) in columns.chunks_exact_mut(width(geometry)).enumerate() {
        let made = [first + nth / across, nth % across];
        for (down, to) in column.chunks_exact_mut(row * channels).enumerate() {
            // A row of taps is one run, unless it hangs over the border.
            let [start, end] = [0, row - 1].map(|tap| geometry.place(made, down * row + tap));
            if let (Some(start), Some(end)) = (start, end) {
                to.copy_from_slice(&x[start..end + channels]);
                continue;
            }
            for (tap, to) in to.chunks_exact_mut(channels).enumerate() {
                match geometry.place(made, down * row + tap) {
                    Some(place) => to.copy_from_slice(&x[place..place + channels]),
                    None => to.fill(0.0),
                }
            }
        }
    }
}

/// Adds columns to where [`copy_columns`] reads them.
#[macerator::with_simd]
fn add_columns<S: Simd>(columns: &[f32], by_x: &mut [f32], first: usize, geometry: &Geometry) {
    let channels = geometry.channels_in;
    let across = geometry.window.size_out[1];
    for (nth, column) in columns.chunks_exact(width(geometry)).enumerate() {
        let made = [first + nth / across, nth % across];
        for (tap, from) in column.chunks_exact(channels).enumerate() {
            if let Some(place) = geometry.place(made, tap) {
                let by_x = &mut by_x[place..place + channels];
                for (by_x, from) in by_x.iter_mut().zip(from) {
                    *by_x += from;
                }
            }
        }
    }
}
