//! Convolutions: the way that is fastest for each.

use burn::tensor::Tensor;
use macerator::Simd;

use super::super::window::Window;
use super::product::{Layout, Left, Matrix, Write, multiply};
use super::scratch::{self, Scratch};
use super::simd::BLOCK;
use super::winograd::Pictures;
use super::{Numbers, Values, depthwise, each, in_pool, values, vector, winograd};

/// Numbers of the columns that one thread makes at once, about: whole rows of places.
const NUMBERS_A_JOB: usize = 1 << 17;
/// Numbers of the columns that are at hand at once for the gradient by the weights.
const NUMBERS_AT_ONCE: usize = 1 << 20;
/// Terms that are added up at once in the gradient by the weights, so that they stay near.
const TERMS_AT_ONCE: usize = 256;
/// Rows of the gradient by the weights that one thread takes at once.
const ROWS_A_JOB: usize = 64;

/// Returns whether a convolution is made here: one group, or one a channel.
pub(crate) fn takes(weight: &Tensor<4>, window: &Window) -> bool {
    window.groups == 1 || depthwise(weight.dims(), window)
}

/// Returns `[rows, out, places]` for weights of `[out, in / groups, height, width]`.
pub(crate) fn forward(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    let geometry = Geometry::of(x.dims()[0], weight.dims(), window);
    let shape = geometry.shape_out();
    let (x, bias) = (Numbers::of_places(x), bias.map(Numbers::of));
    let weight = Numbers::of(weight);
    let (x, weight) = (x.as_slice(), weight.as_slice());
    let bias = bias.as_ref().map(Numbers::as_slice);
    let y = match geometry.way() {
        Way::Depthwise => depthwise::forward(x, weight, bias, &geometry),
        Way::Winograd => in_pool(|| winograd::forward(x, weight, bias, &geometry.pictures())),
        Way::Columns => geometry.forward(x, weight, bias),
    };
    values(y, shape)
}

/// Returns the gradient by `x`.
pub(crate) fn backward_x(weight: Tensor<4>, grad: Values, window: &Window) -> Values {
    let geometry = Geometry::of(grad.dims()[0], weight.dims(), window);
    let (grad, weight) = (Numbers::of_places(grad), Numbers::of(weight));
    let (grad, weight) = (grad.as_slice(), weight.as_slice());
    let by_x = match geometry.way() {
        Way::Depthwise => depthwise::backward_x(grad, weight, &geometry),
        Way::Winograd => in_pool(|| winograd::backward_x(grad, weight, &geometry.pictures())),
        Way::Columns => geometry.backward_x(grad, weight),
    };
    values(by_x, geometry.shape_in())
}

/// Returns the gradient by weights of a shape, in one dimension.
pub(crate) fn backward_weight(
    x: Values,
    weight: [usize; 4],
    grad: Values,
    window: &Window,
) -> Tensor<1> {
    let geometry = Geometry::of(x.dims()[0], weight, window);
    let (x, grad) = (Numbers::of_places(x), Numbers::of_places(grad));
    let (x, grad) = (x.as_slice(), grad.as_slice());
    vector(match geometry.way() {
        Way::Depthwise => depthwise::backward_weight(x, grad, &geometry),
        Way::Winograd => in_pool(|| winograd::backward_weight(x, grad, &geometry.pictures())),
        Way::Columns => geometry.backward_weight(x, grad),
    })
}

fn depthwise([channels_out, channels_of_group, ..]: [usize; 4], window: &Window) -> bool {
    channels_of_group == 1 && window.groups == channels_out && window.groups > 1
}

/// How a convolution is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Each channel for itself.
    Depthwise,
    /// With fewer multiplications.
    Winograd,
    /// What each window reads is copied side by side: a row of one product of matrices.
    Columns,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) rows: usize,
    pub(super) channels_in: usize,
    pub(super) channels_out: usize,
    pub(super) window: Window,
}

impl Geometry {
    fn of(rows: usize, [out, of_group, ..]: [usize; 4], window: &Window) -> Self {
        Self {
            rows,
            channels_in: of_group * window.groups,
            channels_out: out,
            window: *window,
        }
    }

    fn way(&self) -> Way {
        if self.window.groups > 1 {
            return Way::Depthwise;
        }
        let Window {
            kernel,
            stride,
            padding,
            size_out: [height, width],
            ..
        } = self.window;
        let plain =
            kernel == [3, 3] && stride == [1, 1] && padding.iter().all(|padding| *padding < 3);
        // Below, transforms or tiles that hang over the border cost more than is saved.
        let wide = self.channels_in >= 16 && self.channels_out >= 16;
        let n_tiles = height.div_ceil(4) * width.div_ceil(4);
        match plain && wide && n_tiles * 7 <= height * width {
            true => Way::Winograd,
            false => Way::Columns,
        }
    }

    fn pictures(&self) -> Pictures {
        Pictures {
            n_pictures: self.rows,
            size_in: self.window.size_in,
            channels_in: self.channels_in,
            padding: self.window.padding,
            size_out: self.window.size_out,
            channels_out: self.channels_out,
        }
    }

    fn shape_in(&self) -> [usize; 3] {
        [self.rows, self.channels_in, self.places_in()]
    }

    fn shape_out(&self) -> [usize; 3] {
        [self.rows, self.channels_out, self.places_out()]
    }

    pub(super) fn places_in(&self) -> usize {
        self.window.size_in.iter().product()
    }

    pub(super) fn places_out(&self) -> usize {
        self.window.size_out.iter().product()
    }

    pub(super) fn n_taps(&self) -> usize {
        self.window.kernel.iter().product()
    }

    /// Numbers that a window reads: `[tap][channel]`.
    fn width(&self) -> usize {
        self.n_taps() * self.channels_in
    }

    /// Whether the columns are what is read, as it lies.
    fn reads_places(&self) -> bool {
        let Window {
            kernel,
            stride,
            padding,
            ..
        } = self.window;
        (kernel, stride, padding) == ([1, 1], [1, 1], [0, 0])
    }

    /// Rows of places that are taken at once.
    fn rows_a_job(&self) -> usize {
        let [height, across] = self.window.size_out;
        (NUMBERS_A_JOB / (self.width() * across)).clamp(1, height)
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
        let [height, across] = self.window.size_out;
        let (out, width) = (self.channels_out, self.width());
        let weight = self.columns_of(weight);
        let mut y = scratch::take(self.rows * height * across * out);
        let rows = self.rows_a_job();
        let picture = self.places_in() * self.channels_in;
        let mut work = Vec::new();
        let pictures = y.chunks_exact_mut(height * across * out);
        for (x, y) in x.chunks_exact(picture).zip(pictures) {
            for (nth, y) in y.chunks_mut(rows * across * out).enumerate() {
                work.push((x, nth * rows, y));
            }
        }
        each(work, |(x, first, y)| {
            let n_rows = y.len() / (across * out);
            let mut columns = Scratch::new(if self.reads_places() {
                0
            } else {
                n_rows * across * width
            });
            let columns = match self.reads_places() {
                true => &x[first * across * width..],
                false => {
                    copy_columns(x, &mut columns, first, self);
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

    fn backward_x(&self, grad: &[f32], weight: &[f32]) -> Vec<f32> {
        let [height, across] = self.window.size_out;
        let (out, width) = (self.channels_out, self.width());
        let weight = self.rows_of(weight);
        let mut by_x = scratch::take(self.rows * self.places_in() * self.channels_in);
        let rows = self.rows_a_job();
        let pictures = by_x.chunks_exact_mut(self.places_in() * self.channels_in);
        let work = grad.chunks_exact(height * across * out).zip(pictures);
        each(work.collect(), |(grad, by_x)| {
            let mut columns = Scratch::new(rows * across * width);
            by_x.fill(0.0);
            for (nth, grad) in grad.chunks(rows * across * out).enumerate() {
                let n_rows = grad.len() / (across * out);
                let to = match self.reads_places() {
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
                if !self.reads_places() {
                    let columns = &columns[..n_rows * across * width];
                    add_columns(columns, by_x, nth * rows, self);
                }
            }
        });
        by_x
    }

    fn backward_weight(&self, x: &[f32], grad: &[f32]) -> Vec<f32> {
        let (out, width, places) = (self.channels_out, self.width(), self.places_out());
        let mut sums = vec![0.0; out.div_ceil(BLOCK) * width * BLOCK];
        let at_once = (NUMBERS_AT_ONCE / (places * width)).max(1);
        let (picture, made) = (self.places_in() * self.channels_in, places * out);
        for (x, grad) in x.chunks(at_once * picture).zip(grad.chunks(at_once * made)) {
            let terms = grad.len() / out;
            let mut columns = Scratch::new(if self.reads_places() {
                0
            } else {
                terms * width
            });
            let columns = match self.reads_places() {
                true => x,
                false => {
                    let of_pictures = columns.chunks_exact_mut(places * width);
                    let work = x.chunks_exact(picture).zip(of_pictures);
                    each(work.collect(), |(x, columns)| {
                        copy_columns(x, columns, 0, self);
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
        self.for_each_weight(|at, channel, row| {
            weight[at] = sums[(channel / BLOCK * width + row) * BLOCK + channel % BLOCK];
        });
        weight
    }

    /// Weights as the right factor: `[block of out][tap][in][BLOCK]`, zeros in the last block.
    fn columns_of(&self, weight: &[f32]) -> Vec<f32> {
        let width = self.width();
        let mut columns = vec![0.0; self.channels_out.div_ceil(BLOCK) * width * BLOCK];
        self.for_each_weight(|at, channel, row| {
            columns[(channel / BLOCK * width + row) * BLOCK + channel % BLOCK] = weight[at];
        });
        columns
    }

    /// Weights as `[out][tap][in]`.
    fn rows_of(&self, weight: &[f32]) -> Vec<f32> {
        let mut rows = vec![0.0; weight.len()];
        self.for_each_weight(|at, channel, row| rows[channel * self.width() + row] = weight[at]);
        rows
    }

    /// Calls with the position of each weight, its channel of the result and its row of columns.
    fn for_each_weight(&self, mut act: impl FnMut(usize, usize, usize)) {
        let mut at = 0;
        for channel in 0..self.channels_out {
            for of_in in 0..self.channels_in {
                for tap in 0..self.n_taps() {
                    act(at, channel, tap * self.channels_in + of_in);
                    at += 1;
                }
            }
        }
    }

    /// Where the channels lie that a window reads at a tap; nowhere in the border.
    #[inline(always)]
    pub(super) fn place(&self, [down, across]: [usize; 2], tap: usize) -> Option<usize> {
        let window = &self.window;
        let tap = [tap / window.kernel[1], tap % window.kernel[1]];
        let y = (down * window.stride[0] + tap[0]).checked_sub(window.padding[0])?;
        let x = (across * window.stride[1] + tap[1]).checked_sub(window.padding[1])?;
        let inside = y < window.size_in[0] && x < window.size_in[1];
        inside.then_some((y * window.size_in[1] + x) * self.channels_in)
    }
}

/// Puts the bias, if there is one, where the result will be.
pub(super) fn start(y: &mut [f32], bias: Option<&[f32]>) -> Write {
    let Some(bias) = bias else {
        return Write::Replace;
    };
    for y in y.chunks_exact_mut(bias.len()) {
        y.copy_from_slice(bias);
    }
    Write::Add
}

/// Copies what the windows of some rows of places read.
#[macerator::with_simd]
fn copy_columns<S: Simd>(x: &[f32], columns: &mut [f32], first: usize, geometry: &Geometry) {
    let channels = geometry.channels_in;
    let across = geometry.window.size_out[1];
    let row = geometry.window.kernel[1];
    for (nth, column) in columns.chunks_exact_mut(geometry.width()).enumerate() {
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
    for (nth, column) in columns.chunks_exact(geometry.width()).enumerate() {
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
