//! The margin that keeps neighbouring values of a discrete parameter in reach.

use std::f64::consts::FRAC_1_SQRT_2;

/// Where a discrete parameter may be cut off: the ends of the cell that its mean is in, `None`
/// where there is no value beyond.
pub(super) type Cell = (Option<f64>, Option<f64>);

/// Returns the mean and the factor on the deviation with which a value below and one above the
/// mean's cell each have a chance of at least `alpha / 2`, or the only neighbour one of `alpha`.
///
/// `deviation` is that of the parameter, the present factor included, and `factor` is the present
/// one.
///
/// # Source
/// Hamano et al., "CMA-ES with Margin: Lower-Bounding Marginal Probability for Mixed-Integer
/// Black-Box Optimization", GECCO 2022, section 4.
pub(super) fn with_margin(
    mean: f64,
    deviation: f64,
    factor: f64,
    cell: Cell,
    alpha: f64,
) -> (f64, f64) {
    match cell {
        (None, None) => (mean, factor),
        (Some(edge), None) | (None, Some(edge)) => {
            let reach = upper_quantile(alpha) * deviation;
            (mean.clamp(edge - reach, edge + reach), factor)
        }
        (Some(low), Some(high)) => {
            let below = above_standard((mean - low) / deviation);
            let beyond = above_standard((high - mean) / deviation);
            let least = 0.5 * alpha;
            if below >= least && beyond >= least {
                return (mean, factor);
            }
            let inside = 1.0 - below - beyond;
            let (raised_below, raised_beyond) = (below.max(least), beyond.max(least));
            // What was added is taken away from all three in proportion to what they have to give.
            let too_much = raised_below + raised_beyond + inside - 1.0;
            let share = too_much / (raised_below + raised_beyond + inside - 3.0 * least);
            let to_low = upper_quantile(raised_below - share * (raised_below - least));
            let to_high = upper_quantile(raised_beyond - share * (raised_beyond - least));
            let both = to_low + to_high;
            let mean = (low * to_high + high * to_low) / both;
            (mean, factor * (high - low) / (both * deviation))
        }
    }
}

/// Returns the standard normal mass above `x`.
fn above_standard(x: f64) -> f64 {
    0.5 * libm::erfc(x * FRAC_1_SQRT_2)
}

/// Returns above which place, not below 0, the standard normal mass is `p`.
fn upper_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 38.0);
    // The mass falls; 60 halvings leave less than a rounding.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if above_standard(middle) > p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, expected) in [(0.5, 0.0), (0.025, 1.959_964), (0.001, 3.090_232)] {
            let found = upper_quantile(p);
            assert!((found - expected).abs() < 1e-6, "{p}: {found}");
        }
    }

    #[test]
    fn neighbours_out_of_reach_come_back_into_it() {
        let alpha = 0.1;
        for (mean, deviation) in [(0.5, 1e-3), (0.41, 0.02), (0.45, 1e-6)] {
            let (new, factor) = with_margin(mean, deviation, 2.0, (Some(0.4), Some(0.6)), alpha);
            let deviation = deviation * factor / 2.0;
            let chances = [(new - 0.4) / deviation, (0.6 - new) / deviation].map(above_standard);
            for chance in chances {
                assert!(chance > 0.5 * alpha - 1e-9, "{mean}: {chances:?}");
            }
            assert!(0.4 < new && new < 0.6);
        }
    }

    #[test]
    fn what_is_in_reach_stays_as_it_is() {
        let kept = with_margin(0.5, 0.2, 1.5, (Some(0.4), Some(0.6)), 0.1);
        assert_eq!(kept, (0.5, 1.5));
        assert_eq!(with_margin(7.0, 1e-9, 1.5, (None, None), 0.1), (7.0, 1.5));
    }

    #[test]
    fn the_mean_of_an_outermost_cell_moves_towards_its_neighbour() {
        let (mean, factor) = with_margin(0.0, 0.01, 1.0, (None, Some(0.25)), 0.1);
        assert_eq!(factor, 1.0);
        assert!((above_standard((0.25 - mean) / 0.01) - 0.1).abs() < 1e-9);
        let (mean, _) = with_margin(0.9, 0.01, 1.0, (Some(0.75), None), 0.1);
        assert!((above_standard((mean - 0.75) / 0.01) - 0.1).abs() < 1e-9);
    }
}
