//! `ternary`: a sign and zero.

use super::bits::{at_most, with_sign_of};
use super::known::bits_of_scale;
use super::mean::{level, mean_above};
use super::{Element, Scale, Shared};
use crate::graph::NumberFormat;

/// `ternary`: the levels `-s`, 0 and `s`.
///
/// What has an absolute value above a threshold becomes `s` with its sign, all else zero with its
/// sign. Infinities are no exception, NaN stays NaN. `scale` says what `s` is:
///
/// - `mean` (also where it is not given): the threshold is 0.7 times the mean of the absolute values
///   over the tensor, and `s` the mean of those above it
/// - `power_of_two`: the same with the power of two nearest to that mean in its logarithm, 0 below
///   `2^-126.5`
/// - `one`: the threshold is 0.5 and `s` 1, whatever the numbers, as it has to be where rows must not
///   depend on each other
///
/// In means an infinity counts as the largest float32, NaN does not count, and without numbers they
/// are 0.
///
/// MASE's threshold is 0.75 times the mean, for `one` too. So it is here with MASE's arithmetic, but
/// for its mean, which is that of a slice there.
///
/// With `mean` and `power_of_two` all gradients pass but where `x` is NaN; with `one` those where the
/// absolute value is at most 1.
///
/// # Source
/// Li et al., "Ternary Weight Networks", 2016, <https://arxiv.org/abs/1605.04711>, section 2;
/// gradients for `one` as in Hubara et al., "Binarized Neural Networks", NIPS 2016,
/// <https://arxiv.org/abs/1602.02830>, equation 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ternary {
    scale: Scale,
    mase: bool,
}

/// Three levels.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreeLevels {
    threshold: f32,
    level: f32,
    reach: f32,
}

/// What the mean is multiplied with.
const OF_MEAN: f64 = 0.7;
const OF_MEAN_IN_MASE: f64 = 0.75;
/// Between 0 and 1.
const THRESHOLD: f32 = 0.5;

impl Ternary {
    pub(super) fn of(format: &NumberFormat) -> Self {
        Self {
            scale: format.scale.unwrap_or(Scale::Mean),
            mase: format.mase,
        }
    }

    pub(super) fn shared(&self) -> Shared {
        match (self.scale, self.mase) {
            (Scale::One, false) => Shared::Nothing,
            (scale, _) => Shared::Tensor {
                bits: bits_of_scale(scale),
            },
        }
    }

    /// Returns the levels for the numbers of a tensor.
    #[inline(always)]
    pub(super) fn fit(&self, x: &[f32]) -> ThreeLevels {
        let reach = match self.scale {
            Scale::One => 1.0,
            Scale::Mean | Scale::PowerOfTwo => f32::INFINITY,
        };
        if self.shared() == Shared::Nothing {
            return ThreeLevels {
                threshold: THRESHOLD,
                level: 1.0,
                reach,
            };
        }
        let share = match self.mase {
            true => OF_MEAN_IN_MASE,
            false => OF_MEAN,
        };
        let threshold = share * mean_above(x, -1.0);
        ThreeLevels {
            // Above it are the same float32.
            threshold: at_most(threshold),
            level: level(self.scale, mean_above(x, threshold)),
            reach,
        }
    }
}

impl Element for ThreeLevels {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        let size = if x.abs() > self.threshold {
            self.level
        } else {
            0.0
        };
        with_sign_of(size, x)
    }

    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        x.abs() <= self.reach
    }
}
