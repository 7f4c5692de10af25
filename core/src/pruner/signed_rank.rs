//! Wilcoxon's signed-rank test.

use std::f64::consts::FRAC_1_SQRT_2;

/// The most differences whose signs are counted out where some are equal or zero.
const MOST_TIED: usize = 13;

/// The most that are counted out where all are distinct.
const MOST_DISTINCT: usize = 50;

/// Returns how likely differences would lie above zero as far as these do, or farther, if the sign
/// of each were tossed: the p value of the one-sided test that they lie above zero.
///
/// Differences are ranked by their size, equal ones by the mean of their ranks; the sum of the
/// ranks of those above zero says how far they lie above it. Half of the ranks of zeros count. The
/// value is exact for up to 50 differences, or up to 13 where some are equal or zero; of more it is
/// that of a normal distribution whose variance is corrected for ties, without correction for
/// continuity.
///
/// # Source
/// Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), in the form
/// of SciPy 1.17, `wilcoxon(differences, alternative="greater", zero_method="zsplit")`.
pub(super) fn p_above_zero(differences: &[f64]) -> f64 {
    let ranked = Ranked::of(differences);
    let n = differences.len();
    let most = match ranked.has_ties {
        true => MOST_TIED,
        false => MOST_DISTINCT,
    };
    match n <= most {
        true => ranked.p_exact(),
        false => ranked.p_normal(n as f64),
    }
}

/// Differences by their ranks. Ranks are doubled, so that the mean of two is whole.
struct Ranked {
    above: Vec<usize>,
    below: Vec<usize>,
    of_zeros: usize,
    /// The sum of `t^3 - t` over groups of `t` differences of one size.
    tie_sum: f64,
    /// Whether two have one size, or one is zero.
    has_ties: bool,
}

impl Ranked {
    fn of(differences: &[f64]) -> Self {
        let mut sorted = differences.to_vec();
        sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let mut ranked = Self {
            above: Vec::new(),
            below: Vec::new(),
            of_zeros: 0,
            tie_sum: 0.0,
            has_ties: false,
        };
        let mut n_smaller = 0;
        for tied in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
            // First and last rank of the group: `n_smaller + 1` and `n_smaller + tied.len()`.
            let doubled = 2 * n_smaller + 1 + tied.len();
            for difference in tied {
                match *difference {
                    d if d > 0.0 => ranked.above.push(doubled),
                    d if d < 0.0 => ranked.below.push(doubled),
                    _ => ranked.of_zeros += doubled,
                }
            }
            let size = tied.len() as f64;
            ranked.tie_sum += size * size * size - size;
            ranked.has_ties |= tied.len() > 1 || ranked.of_zeros > 0;
            n_smaller += tied.len();
        }
        ranked
    }

    /// Counts the ways to toss signs that put at least these ranks above zero. What zeros count
    /// does not depend on signs.
    fn p_exact(&self) -> f64 {
        let ranks = || self.above.iter().chain(&self.below);
        let mut ways = vec![0_u64; ranks().sum::<usize>() + 1];
        ways[0] = 1;
        for rank in ranks() {
            for sum in (*rank..ways.len()).rev() {
                ways[sum] += ways[sum - rank];
            }
        }
        let found: usize = self.above.iter().sum();
        let as_far: u64 = ways[found..].iter().sum();
        let all: u64 = ways.iter().sum();
        as_far as f64 / all as f64
    }

    fn p_normal(&self, n: f64) -> f64 {
        let doubled = self.above.iter().sum::<usize>() as f64 + self.of_zeros as f64 / 2.0;
        let mean = n * (n + 1.0) / 4.0;
        let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - self.tie_sum / 2.0) / 24.0;
        let z = (doubled / 2.0 - mean) / variance.sqrt();
        0.5 * libm::erfc(z * FRAC_1_SQRT_2)
    }
}
