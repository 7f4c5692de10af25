//! Sums of products and windows over one row, in whole numbers or in float64.

/// A number that layers compute with.
pub(crate) trait Number: Copy + PartialEq {
    /// What adds nothing.
    const ZERO: Self;
    /// What every other is larger than.
    const LEAST: Self;

    fn times(self, other: Self) -> Self;
    fn plus(self, other: Self) -> Self;
    fn or_larger(self, other: Self) -> Self;
}

/// Products and sums wrap: who builds an `IntegerNetwork` has shown that none gets that large.
impl Number for i64 {
    const ZERO: Self = 0;
    const LEAST: Self = Self::MIN;

    fn times(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn or_larger(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const LEAST: Self = Self::NEG_INFINITY;

    fn times(self, other: Self) -> Self {
        self * other
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn or_larger(self, other: Self) -> Self {
        self.max(other)
    }
}

/// A window that slides over height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// On both sides of height and width.
    pub(crate) padding: [usize; 2],
}

/// A row of pictures: `[channels, height, width]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) shape: [usize; 3],
}

impl Window {
    pub(crate) fn new(kernel: &[usize; 2], stride: &[usize; 2], padding: &[usize; 2]) -> Self {
        Self {
            kernel: *kernel,
            stride: *stride,
            padding: *padding,
        }
    }

    /// Returns the window that covers a whole plane.
    pub(crate) fn whole(size: [usize; 2]) -> Self {
        Self {
            kernel: size,
            stride: [1, 1],
            padding: [0, 0],
        }
    }

    /// Returns over how many rows and columns of a plane it comes to lie.
    pub(crate) fn places(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|dim| {
            let padded = size[dim] + 2 * self.padding[dim];
            (padded - self.kernel[dim]) / self.stride[dim] + 1
        })
    }

    /// Returns how many numbers it covers.
    pub(crate) fn size(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// Returns `bias + weight * x`, with a weight of `[out, in]`.
pub(crate) fn linear<T: Number>(x: &[T], weight: &[T], bias: &[T]) -> Vec<T> {
    let weights = weight.chunks(x.len());
    let sums = weights.zip(bias).map(|(weight, bias)| {
        let products = weight.iter().zip(x);
        products.fold(*bias, |sum, (weight, x)| x.times(*weight).plus(sum))
    });
    sums.collect()
}

/// Returns `scale * x + shift`, for each channel.
pub(crate) fn affine<T: Number>(x: &[T], scale: &[T], shift: &[T]) -> Vec<T> {
    let planes = x.chunks(x.len() / scale.len().max(1));
    let planes = planes.zip(scale.iter().zip(shift));
    let values = planes.flat_map(|(plane, (scale, shift))| {
        let value = |x: &T| x.times(*scale).plus(*shift);
        plane.iter().map(value)
    });
    values.collect()
}

/// Returns the cross-correlation with a weight of `[out, in / groups, height, width]`.
pub(crate) fn conv2d<T: Number>(
    x: Picture<'_, T>,
    weight: &[T],
    bias: &[T],
    window: Window,
    groups: usize,
) -> Vec<T> {
    let planes = Planes::new(x.shape, window);
    let (n_in, n_out) = (x.shape[0] / groups, bias.len());
    let mut result = Vec::with_capacity(n_out * planes.n_places());
    for out in 0..n_out {
        let first = out / (n_out / groups) * n_in;
        let mut sums = vec![bias[out]; planes.n_places()];
        for channel in 0..n_in {
            let plane = planes.plane(x.data, first + channel);
            let weights = &weight[(out * n_in + channel) * window.size()..][..window.size()];
            let weights = weights.iter().enumerate();
            for (tap, weight) in weights.filter(|(_, weight)| **weight != T::ZERO) {
                planes.join(tap, plane, &mut sums, |sum, x| x.times(*weight).plus(sum));
            }
        }
        result.extend(sums);
    }
    result
}

/// Returns the largest number under each window; padding does not count.
pub(crate) fn max_pool<T: Number>(x: Picture<'_, T>, window: Window) -> Vec<T> {
    pool(x, window, T::LEAST, T::or_larger)
}

/// Returns the sum of the numbers under each window.
pub(crate) fn sum_pool<T: Number>(x: Picture<'_, T>, window: Window) -> Vec<T> {
    pool(x, window, T::ZERO, T::plus)
}

fn pool<T: Number>(
    x: Picture<'_, T>,
    window: Window,
    first: T,
    join: impl Fn(T, T) -> T + Copy,
) -> Vec<T> {
    let planes = Planes::new(x.shape, window);
    let mut result = Vec::with_capacity(x.shape[0] * planes.n_places());
    for channel in 0..x.shape[0] {
        let mut values = vec![first; planes.n_places()];
        for tap in 0..window.size() {
            planes.join(tap, planes.plane(x.data, channel), &mut values, join);
        }
        result.extend(values);
    }
    result
}

/// Where a window lies on planes of height and width.
struct Planes {
    window: Window,
    size_in: [usize; 2],
    size_out: [usize; 2],
}

impl Planes {
    fn new([_, height, width]: [usize; 3], window: Window) -> Self {
        let size_in = [height, width];
        let size_out = window.places(size_in);
        Self {
            window,
            size_in,
            size_out,
        }
    }

    fn n_places(&self) -> usize {
        self.size_out[0] * self.size_out[1]
    }

    fn plane<'a, T>(&self, x: &'a [T], channel: usize) -> &'a [T] {
        let size = self.size_in[0] * self.size_in[1];
        &x[channel * size..][..size]
    }

    /// Joins what lies under one tap of the window to the value of each place.
    fn join<T: Number>(&self, tap: usize, plane: &[T], values: &mut [T], join: impl Fn(T, T) -> T) {
        let (stride, padding) = (self.window.stride, self.window.padding);
        let tap = [tap / self.window.kernel[1], tap % self.window.kernel[1]];
        let [rows, columns] = [0, 1].map(|dim| self.places(dim, tap[dim]));
        if columns.is_empty() {
            return;
        }
        let start = columns.start * stride[1] + tap[1] - padding[1];
        for row in rows {
            let y = row * stride[0] + tap[0] - padding[0];
            let line = &plane[y * self.size_in[1]..][start..self.size_in[1]];
            let values = &mut values[row * self.size_out[1]..][columns.clone()];
            if stride[1] == 1 {
                for (value, x) in values.iter_mut().zip(line) {
                    *value = join(*value, *x);
                }
            } else {
                for (value, x) in values.iter_mut().zip(line.iter().step_by(stride[1])) {
                    *value = join(*value, *x);
                }
            }
        }
    }

    /// Returns the places at which a tap lies inside the plane.
    fn places(&self, dim: usize, tap: usize) -> std::ops::Range<usize> {
        let (stride, padding) = (self.window.stride[dim], self.window.padding[dim]);
        let first = padding.saturating_sub(tap).div_ceil(stride);
        // Inside is `place * stride + tap - padding < size`.
        let inside = (self.size_in[dim] + padding).saturating_sub(tap);
        first..inside.div_ceil(stride).min(self.size_out[dim])
    }
}
