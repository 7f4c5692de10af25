//! Batch normalisation over all rows of a batch, feature by feature.

use super::simd::Simd;
use super::{Kernel, Lanes, check_values};

/// Means, and sums of squared distances from them, of each feature.
pub(crate) struct NormStatistics<'a> {
    /// `[blocks][width]`.
    pub(crate) x: &'a [Lanes],
    /// 1 where a lane of the last block is a row, else 0.
    pub(crate) last: &'a Lanes,
    /// How many rows there are.
    pub(crate) rows: usize,
    /// `[width]`.
    pub(crate) mean: &'a mut [f32],
    /// `[width]`.
    pub(crate) squares: &'a mut [f32],
    pub(crate) blocks: usize,
    pub(crate) width: usize,
}

/// `y = (x - mean) * scale + shift`, its negative part cut off where `relu`.
pub(crate) struct NormForward<'a> {
    /// `[blocks][width]`.
    pub(crate) x: &'a [Lanes],
    /// `[width]`, as the next two.
    pub(crate) mean: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    /// `[blocks][width]`.
    pub(crate) y: &'a mut [Lanes],
    pub(crate) blocks: usize,
    pub(crate) width: usize,
    pub(crate) relu: bool,
}

/// The gradients by weight and bias.
pub(crate) struct NormGradients<'a> {
    /// `[blocks][width]`.
    pub(crate) x: &'a [Lanes],
    /// `[blocks][width]`.
    pub(crate) by_y: &'a [Lanes],
    /// `[width]`, as the next three.
    pub(crate) mean: &'a [f32],
    /// `1 / sqrt(variance + eps)`.
    pub(crate) inverse_deviation: &'a [f32],
    pub(crate) by_weight: &'a mut [f32],
    pub(crate) by_bias: &'a mut [f32],
    pub(crate) blocks: usize,
    pub(crate) width: usize,
}

/// The gradient by `x`: `(by_y - offset - (x - mean) * slope) * scale`.
pub(crate) struct NormBackward<'a> {
    /// `[blocks][width]`.
    pub(crate) x: &'a [Lanes],
    /// `[blocks][width]`.
    pub(crate) by_y: &'a [Lanes],
    /// `[width]`, as the next three.
    pub(crate) mean: &'a [f32],
    pub(crate) offset: &'a [f32],
    pub(crate) slope: &'a [f32],
    pub(crate) scale: &'a [f32],
    /// Whether `x` is the result of a relu, whose gradient is taken too.
    pub(crate) relu: bool,
    /// 1 where a lane of the last block is a row, else 0.
    pub(crate) last: &'a Lanes,
    /// `[blocks][width]`.
    pub(crate) by_x: &'a mut [Lanes],
    pub(crate) blocks: usize,
    pub(crate) width: usize,
}

/// Features at a time, whose sums stay in registers.
const FEATURES: usize = 4;

impl Kernel for NormStatistics<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.width);
        assert!(self.blocks > 0, "at least one block");
        let widths = [self.mean.len(), self.squares.len()];
        assert_eq!(widths, [self.width; 2], "mean and squares");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        // SAFETY: the features of a tile are below the width.
        unsafe {
            let mut feature = 0;
            while feature + FEATURES <= self.width {
                self.tile::<S, FEATURES>(feature);
                feature += FEATURES;
            }
            while feature < self.width {
                self.tile::<S, 1>(feature);
                feature += 1;
            }
        }
    }
}

impl NormStatistics<'_> {
    #[inline(always)]
    unsafe fn tile<S: Simd, const F: usize>(&mut self, feature: usize) {
        // SAFETY: `F` features from `feature` on are in every block.
        unsafe {
            let x = self.x.as_ptr().add(feature);
            let (one, last) = (S::splat(1.0), S::load(self.last));
            let mut sums = [S::zero_sum(); F];
            for block in 0..self.blocks {
                let there = if block + 1 == self.blocks { last } else { one };
                for k in 0..F {
                    let value = S::load(x.add(block * self.width + k));
                    sums[k] = S::add_products(sums[k], value, there);
                }
            }
            let mut means = [S::splat(0.0); F];
            for k in 0..F {
                self.mean[feature + k] = S::total(sums[k]) / self.rows as f32;
                means[k] = S::splat(self.mean[feature + k]);
                sums[k] = S::zero_sum();
            }
            for block in 0..self.blocks {
                let there = if block + 1 == self.blocks { last } else { one };
                for k in 0..F {
                    let value = S::load(x.add(block * self.width + k));
                    let distance = S::mul(S::sub(value, means[k]), there);
                    sums[k] = S::add_products(sums[k], distance, distance);
                }
            }
            for k in 0..F {
                self.squares[feature + k] = S::total(sums[k]);
            }
        }
    }
}

impl Kernel for NormForward<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.width);
        check_values("y", self.y, self.blocks, self.width);
        let widths = [self.mean.len(), self.scale.len(), self.shift.len()];
        assert_eq!(widths, [self.width; 3], "mean, scale and shift");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: features are below the width, lanes in the blocks.
        unsafe {
            let zero = S::splat(0.0);
            for feature in 0..self.width {
                let mean = S::splat(*self.mean.as_ptr().add(feature));
                let scale = S::splat(*self.scale.as_ptr().add(feature));
                let shift = S::splat(*self.shift.as_ptr().add(feature));
                for block in 0..self.blocks {
                    let at = block * self.width + feature;
                    let centred = S::sub(S::load(self.x.as_ptr().add(at)), mean);
                    let mut y = S::fma(centred, scale, shift);
                    if self.relu {
                        y = S::at_least(y, zero);
                    }
                    S::store(self.y.as_mut_ptr().add(at), y);
                }
            }
        }
    }
}

impl Kernel for NormGradients<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.width);
        check_values("by_y", self.by_y, self.blocks, self.width);
        let statistics = [self.mean.len(), self.inverse_deviation.len()];
        assert_eq!(statistics, [self.width; 2], "mean and inverse deviation");
        let gradients = [self.by_weight.len(), self.by_bias.len()];
        assert_eq!(gradients, [self.width; 2], "gradients");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        // SAFETY: the features of a tile are below the width.
        unsafe {
            let mut feature = 0;
            while feature + FEATURES <= self.width {
                self.tile::<S, FEATURES>(feature);
                feature += FEATURES;
            }
            while feature < self.width {
                self.tile::<S, 1>(feature);
                feature += 1;
            }
        }
    }
}

impl NormGradients<'_> {
    #[inline(always)]
    unsafe fn tile<S: Simd, const F: usize>(&mut self, feature: usize) {
        // SAFETY: `F` features from `feature` on are in every block.
        unsafe {
            let (x, by_y) = (
                self.x.as_ptr().add(feature),
                self.by_y.as_ptr().add(feature),
            );
            let one = S::splat(1.0);
            let mut means = [S::splat(0.0); F];
            for k in 0..F {
                means[k] = S::splat(self.mean[feature + k]);
            }
            let mut plain = [S::zero_sum(); F];
            let mut weighted = [S::zero_sum(); F];
            for block in 0..self.blocks {
                for k in 0..F {
                    let at = block * self.width + k;
                    let gradient = S::load(by_y.add(at));
                    let centred = S::sub(S::load(x.add(at)), means[k]);
                    plain[k] = S::add_products(plain[k], gradient, one);
                    weighted[k] = S::add_products(weighted[k], gradient, centred);
                }
            }
            for k in 0..F {
                self.by_bias[feature + k] = S::total(plain[k]);
                let inverse = self.inverse_deviation[feature + k];
                self.by_weight[feature + k] = S::total(weighted[k]) * inverse;
            }
        }
    }
}

impl Kernel for NormBackward<'_> {
    type Output = ();

    fn check(&self) {
        check_values("x", self.x, self.blocks, self.width);
        check_values("by_y", self.by_y, self.blocks, self.width);
        check_values("by_x", self.by_x, self.blocks, self.width);
        let (mean, offset) = (self.mean.len(), self.offset.len());
        let widths = [mean, offset, self.slope.len(), self.scale.len()];
        assert_eq!(widths, [self.width; 4], "mean, offset, slope and scale");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: features are below the width, lanes in the blocks.
        unsafe {
            let (zero, one) = (S::splat(0.0), S::splat(1.0));
            let last = S::load(self.last);
            for feature in 0..self.width {
                let mean = S::splat(self.mean[feature]);
                let offset = S::splat(self.offset[feature]);
                let slope = S::splat(self.slope[feature]);
                let scale = S::splat(self.scale[feature]);
                for block in 0..self.blocks {
                    let at = block * self.width + feature;
                    let x = S::load(self.x.as_ptr().add(at));
                    let along_x = S::mul(S::sub(x, mean), slope);
                    let by_y = S::sub(S::load(self.by_y.as_ptr().add(at)), offset);
                    let there = if block + 1 == self.blocks { last } else { one };
                    let mut by_x = S::mul(S::mul(S::sub(by_y, along_x), scale), there);
                    if self.relu {
                        by_x = S::if_greater(x, zero, by_x, zero);
                    }
                    S::store(self.by_x.as_mut_ptr().add(at), by_x);
                }
            }
        }
    }
}
