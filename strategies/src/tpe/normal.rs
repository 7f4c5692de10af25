//! Logarithms of the masses of a normal distribution, exact far into its tails.

use std::f64::consts::FRAC_1_SQRT_2;

use rand::RngExt;
use rand_distr::StandardNormal;

use firebrick_core::random::Stream;

/// Below this, masses are computed as logarithms: their differences keep their digits there, and
/// the asymptotic series holds.
const DEEP: f64 = -12.0;

/// `ln(sqrt(2 pi))`.
pub(super) const LOG_ROOT_2_PI: f64 = 0.918_938_533_204_672_7;

/// From here on the mass above is nothing beside 1.
const WHOLE: f64 = 8.5;

/// Returns the logarithm of the standard normal density at `x`.
fn log_density(x: f64) -> f64 {
    -0.5 * x * x - LOG_ROOT_2_PI
}

/// Returns the logarithm of the standard normal mass between `low` and `high`; `low < high`.
///
/// # Source
/// Differences are taken in the tail that keeps its digits. Where the density changes by less than a
/// factor of `e^2` across the interval, it is expanded about the middle, to a relative error below
/// 1e-12; intervals that are narrow, but farther out, use the density in their middle.
pub(super) fn log_mass(low: f64, high: f64) -> f64 {
    if low <= -WHOLE && high >= WHOLE {
        return 0.0;
    }
    let width = high - low;
    let middle = 0.5 * (low + high);
    if width <= 0.5 && middle.abs() * width <= 2.0 {
        return log_density(middle) + width.ln() + log_mean_change(middle, 0.5 * width);
    }
    if width < 1e-5 {
        return log_density(middle) + width.ln();
    }
    if low >= 0.0 {
        return log_mass(-high, -low);
    }
    if high > DEEP {
        // The part above 0 is counted as what is missing on either side, to keep its digits.
        let mass = if high > 0.0 {
            1.0 - below(low) - below(-high)
        } else {
            below(high) - below(low)
        };
        return mass.ln();
    }
    let log_high = log_below_deep(high);
    log_high + (-(log_below_deep(low) - log_high).exp_m1()).ln()
}

/// Returns the logarithm of the mean of the normal density between `middle - half` and
/// `middle + half` over that in the middle; `half` is at most 0.25 and `half * middle` at most 1.
///
/// # Source
/// Taylor's series: the derivatives of the density are its products with Hermite polynomials, here
/// scaled by powers of `half`, so that nothing overflows far out. The first term left out is below
/// 1 / 15!.
fn log_mean_change(middle: f64, half: f64) -> f64 {
    const N_TERMS: u32 = 6;
    let (at, square) = (half * middle, half * half);
    let (mut before, mut polynomial) = (1.0, at);
    let (mut sum, mut factorial) = (0.0, 1.0);
    for term in 1..=N_TERMS {
        let order = f64::from(2 * term);
        let even = at * polynomial - (order - 1.0) * square * before;
        let odd = at * even - order * square * polynomial;
        factorial *= order * (order + 1.0);
        sum += even / factorial;
        (before, polynomial) = (even, odd);
    }
    sum.ln_1p()
}

/// Draws from the normal distribution of mean `mean`, which is between the limits, and deviation
/// `sigma`, which is not above their distance, cut off at the limits.
pub(super) fn draw_truncated(mean: f64, sigma: f64, low: f64, high: f64, rng: &mut Stream) -> f64 {
    // At least a third of the draws are inside: the worst is a mean on a limit or in the middle
    // with the widest sigma.
    loop {
        let standard: f64 = rng.sample(StandardNormal);
        let x = mean + sigma * standard;
        if low <= x && x <= high {
            return x;
        }
    }
}

/// Returns the standard normal mass below `x`.
fn below(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Returns the logarithm of the standard normal mass below `x`; `x <= DEEP`.
fn log_below_deep(x: f64) -> f64 {
    // Abramowitz and Stegun 26.2.12: the first term left out is 135135 / x^14, under 1e-10 here.
    let y = 1.0 / (x * x);
    let terms = [-1.0, 3.0, -15.0, 105.0, -945.0, 10395.0];
    let series = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * y);
    log_density(x) - (-x).ln() + series.ln_1p()
}
