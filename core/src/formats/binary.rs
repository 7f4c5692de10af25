//! `binary`: one bit.

use super::known::bits_of_scale;
use super::mean::{level, mean_above, mean_of_positive};
use super::{Element, Scale, Shared};
use crate::graph::NumberFormat;

/// `binary`: the sign alone.
///
/// Signed, the levels are `-s` and `s`: what is 0 or above, -0 too, becomes `s`. Unsigned they are 0
/// and `s`: what is above 0 becomes `s`. Infinities are no exception, NaN stays NaN.
///
/// `scale` says what `s` is: 1 (`one`, also where it is not given), the `mean` of the absolute values
/// over the tensor, or the `power_of_two` nearest to that in its logarithm. Unsigned, the mean is that of
/// the numbers above 0. In it an infinity counts as the largest float32, NaN does not count, and
/// without numbers it is 0. `power_of_two` makes means below `2^-126.5` zero.
///
/// A gradient passes where the absolute value is at most 1, whatever the scale.
///
/// # Source
/// Hubara et al., "Binarized Neural Networks", NIPS 2016, <https://arxiv.org/abs/1602.02830>, equations
/// 1 and 4; the mean is from Rastegari et al., "XNOR-Net", ECCV 2016,
/// <https://arxiv.org/abs/1603.05279>, section 3.1, there for each filter. MASE's `binary` has the
/// levels -1 and 1, and 0 and the mean of all absolute values of a slice without sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Binary {
    signed: bool,
    scale: Scale,
}

/// Two levels, one for what is below a number, one for the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct TwoLevels {
    from: f32,
    below: f32,
    above: f32,
}

impl Binary {
    pub(super) fn of(format: &NumberFormat) -> Self {
        Self {
            signed: format.signed,
            scale: format.scale.unwrap_or(Scale::One),
        }
    }

    pub(super) fn shared(&self) -> Shared {
        match self.scale {
            Scale::One => Shared::Nothing,
            scale => Shared::Tensor {
                bits: bits_of_scale(scale),
            },
        }
    }

    /// Returns the levels for the numbers of a tensor.
    #[inline(always)]
    pub(super) fn fit(&self, x: &[f32]) -> TwoLevels {
        let mean = match (self.scale, self.signed) {
            (Scale::One, _) => 1.0,
            // All that are there count, zeros too.
            (_, true) => mean_above(x, -1.0),
            (_, false) => mean_of_positive(x),
        };
        let level = level(self.scale, mean);
        match self.signed {
            true => TwoLevels {
                from: 0.0,
                below: -level,
                above: level,
            },
            false => TwoLevels {
                from: 0.0_f32.next_up(),
                below: 0.0,
                above: level,
            },
        }
    }
}

impl Element for TwoLevels {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        let level = if x >= self.from {
            self.above
        } else {
            self.below
        };
        if x.is_nan() { x } else { level }
    }

    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        x.abs() <= 1.0
    }
}
