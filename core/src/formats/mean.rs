//! Means of absolute values, for levels that are scaled by them.

use super::Scale;
use super::bits::nearest_power;

/// Sums that are kept at once, in a fixed order, so that every machine finds the same.
const LANES: usize = 8;

/// Returns the mean of those absolute values that are above a limit, in float64; 0 where there are
/// none. An infinity counts as the largest float32, NaN does not count.
#[inline(always)]
pub(super) fn mean_above(x: &[f32], limit: f64) -> f64 {
    mean_of(x, limit, f32::abs)
}

/// Returns the mean of what is above 0, as [`mean_above`] does.
#[inline(always)]
pub(super) fn mean_of_positive(x: &[f32]) -> f64 {
    mean_of(x, 0.0, |x| x)
}

#[inline(always)]
fn mean_of(x: &[f32], limit: f64, size: impl Fn(f32) -> f32) -> f64 {
    let (mut sums, mut counts) = ([0.0_f64; LANES], [0.0_f64; LANES]);
    let mut add = |lane: usize, x: f32| {
        let size = f64::from(super::bits::smaller(size(x), f32::MAX));
        // Not for NaN, of which the above makes the largest.
        let counts_for = (size > limit) & !x.is_nan();
        sums[lane] += if counts_for { size } else { 0.0 };
        counts[lane] += if counts_for { 1.0 } else { 0.0 };
    };
    let whole = x.chunks_exact(LANES);
    let rest = whole.remainder();
    for chunk in whole {
        for (lane, x) in chunk.iter().enumerate() {
            add(lane, *x);
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        add(lane, *x);
    }
    let count: f64 = counts.iter().sum();
    match count > 0.0 {
        true => sums.iter().sum::<f64>() / count,
        false => 0.0,
    }
}

/// Returns the level of a mean.
#[inline(always)]
pub(super) fn level(scale: Scale, mean: f64) -> f32 {
    match scale {
        Scale::One => 1.0,
        Scale::Mean => mean as f32,
        Scale::PowerOfTwo => nearest_power(mean as f32),
    }
}
