//! Problems whose values are formulas, for judging strategies on what they were not tuned on.
//!
//! They are no measurements, and named so: they say how a strategy copes with a kind of structure.

/// A problem by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Analytic {
    /// Choices whose worth depends on three others each; one value, more is better.
    NkLandscape,
    /// Widths and bit widths of a chain of layers; the error, and bit operations by their logarithm.
    ChainOfLayers,
}

impl Analytic {
    /// Returns the names of the values.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::NkLandscape => &["fitness"],
            Self::ChainOfLayers => &["error", "log_bit_operations"],
        }
    }

    /// Returns the values of a point, given the index of the value in each dimension.
    pub(crate) fn values(self, point: &[u64]) -> Vec<f64> {
        match self {
            Self::NkLandscape => vec![nk_landscape(point)],
            Self::ChainOfLayers => chain_of_layers(point).to_vec(),
        }
    }
}

/// Returns the mean worth of the choices.
///
/// # Source
/// Kauffman and Weinberger, "The NK model of rugged fitness landscapes and its application to
/// maturation of the immune response", Journal of Theoretical Biology 141(2), 1989: the worth of a
/// choice is an even number from 0 to 1 that depends on it and on K others, here the next 3.
fn nk_landscape(point: &[u64]) -> f64 {
    const K: usize = 3;
    let worth = |idx: usize| {
        let near = (0..=K).map(|offset| point[(idx + offset) % point.len()]);
        unit(near.fold(idx as u64, |seed, choice| scrambled(seed ^ (choice + 1))))
    };
    (0..point.len()).map(worth).sum::<f64>() / point.len() as f64
}

/// Returns the error of a chain of layers and the logarithm of its bit operations: the first half of
/// the dimensions are widths in powers of 2, the second half bit widths.
///
/// The error falls with the capacity of the narrowest places, which are what layers have in common,
/// and with the noise of rounding, which weighs more early and in narrow layers; a hundredth of it
/// is rugged.
fn chain_of_layers(point: &[u64]) -> [f64; 2] {
    let (widths, bits) = point.split_at(point.len() / 2);
    let width = |idx: usize| 8.0 * 2.0_f64.powi(widths[idx] as i32);
    let bit = |idx: usize| 2.0 + bits[idx] as f64;
    let layers = 0..widths.len();
    let bottleneck = layers.clone().map(|idx| 1.0 / width(idx)).sum::<f64>();
    let noise = layers.clone().map(|idx| {
        let early = 1.0 / (1.0 + idx as f64);
        early * 2.0_f64.powf(-2.0 * bit(idx)) * (1.0 + 16.0 / width(idx))
    });
    let rugged = unit(
        point
            .iter()
            .fold(7, |seed, choice| scrambled(seed ^ (choice + 1))),
    );
    let error = (0.4 * bottleneck.sqrt() + 2.0 * noise.sum::<f64>().sqrt()) * (1.0 + 0.01 * rugged);
    let operations = layers.map(|idx| {
        let (before, bits_before) = match idx {
            0 => (16.0, 8.0),
            _ => (width(idx - 1), bit(idx - 1)),
        };
        before * width(idx) * bit(idx) * bits_before
    });
    [error, operations.sum::<f64>().ln()]
}

/// Returns a number from 0 to 1, 1 excluded, that looks like chance.
fn unit(bits: u64) -> f64 {
    (scrambled(bits) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn scrambled(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_the_landscape_matters_to_itself_and_the_three_before_it() {
        let point = [0; 10];
        let mut other = point;
        other[5] = 1;
        let terms = |point: &[u64]| -> Vec<f64> {
            // What a choice is worth is what the sum loses when all others are of a longer ring.
            (0..10)
                .map(|idx| {
                    let near = (0..=3).map(|offset| point[(idx + offset) % 10]);
                    unit(near.fold(idx as u64, |seed, c| scrambled(seed ^ (c + 1))))
                })
                .collect()
        };
        let changed: Vec<usize> = (0..10)
            .filter(|idx| terms(&point)[*idx] != terms(&other)[*idx])
            .collect();
        assert_eq!(changed, [2, 3, 4, 5]);
        assert!((nk_landscape(&point) - terms(&point).iter().sum::<f64>() / 10.0).abs() < 1e-15);
    }

    #[test]
    fn a_chain_costs_what_is_counted_by_hand() {
        // Two layers of 16 and 8 with 4 and 2 bits, after 16 inputs with 8 bits:
        // 16 * 16 * 4 * 8 + 16 * 8 * 2 * 4 = 8192 + 1024.
        let [error, log_operations] = chain_of_layers(&[1, 0, 2, 0]);
        assert!((log_operations - 9216.0_f64.ln()).abs() < 1e-12);
        // 0.4 sqrt(1/16 + 1/8) + 2 sqrt(2^-8 * 2 + 2^-4 * 3 / 2), and up to a hundredth more.
        let smooth = 0.4 * 0.1875_f64.sqrt() + 2.0 * (0.0078125_f64 + 0.09375).sqrt();
        assert!((1.0..1.01).contains(&(error / smooth)), "{error} {smooth}");
    }

    #[test]
    fn what_looks_like_chance_is_even() {
        let mean = (0..10_000).map(unit).sum::<f64>() / 1e4;
        // The standard deviation is 0.0029.
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
    }
}
