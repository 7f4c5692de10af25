//! Standardisation: mean 0 and standard deviation 1 over the training split.

use firebrick_core::scaling::Scaling;

/// What was subtracted from and what divides each channel.
///
/// A row of shape `[features]` has a channel for each feature, a row of shape
/// `[channels, height, width]` has `channels`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaler {
    /// The mean of each channel.
    pub(crate) mean: Vec<f64>,
    /// The population standard deviation of each channel; 1 where the channel is constant.
    pub(crate) scale: Vec<f64>,
}

impl Scaler {
    /// Fits rows of a shape, row after row.
    ///
    /// Sums in 64 bits, in the order of the rows.
    ///
    /// # Shapes
    /// - rows: `[rows, ..input_shape]`
    pub(crate) fn fit(rows: &[f32], input_shape: &[usize]) -> Self {
        let n_channels = input_shape.first().copied().unwrap_or(1).max(1);
        let channel_len = input_shape.iter().skip(1).product::<usize>().max(1);
        let count = (rows.len() / n_channels).max(1) as f64;
        let mut mean = vec![0.0; n_channels];
        for (channel, value) in channels(rows, n_channels, channel_len) {
            mean[channel] += f64::from(value);
        }
        for sum in &mut mean {
            *sum /= count;
        }
        let mut variance = vec![0.0; n_channels];
        // Rounding can leave a constant channel a tiny variance; only equal bounds are proof.
        let mut bounds = vec![(f32::INFINITY, f32::NEG_INFINITY); n_channels];
        for (channel, value) in channels(rows, n_channels, channel_len) {
            variance[channel] += (f64::from(value) - mean[channel]).powi(2);
            let (low, high) = bounds[channel];
            bounds[channel] = (low.min(value), high.max(value));
        }
        let scale = variance
            .iter()
            .zip(bounds)
            .map(|(sum, (low, high))| {
                if low < high {
                    (sum / count).sqrt()
                } else {
                    1.0
                }
            })
            .collect();
        Self { mean, scale }
    }

    /// Scales rows of the shape that was fitted.
    ///
    /// # Shapes
    /// - rows: `[rows, ..input_shape]`
    pub(crate) fn apply(&self, rows: &mut [f32], input_shape: &[usize]) {
        let channel_len = input_shape.iter().skip(1).product::<usize>().max(1);
        for row in rows.chunks_exact_mut(self.mean.len() * channel_len) {
            for (channel, values) in row.chunks_exact_mut(channel_len).enumerate() {
                for value in values {
                    let centred = f64::from(*value) - self.mean[channel];
                    *value = (centred / self.scale[channel]) as f32;
                }
            }
        }
    }
}

impl From<Scaler> for Scaling {
    fn from(scaler: Scaler) -> Self {
        Self {
            mean: scaler.mean,
            std: scaler.scale,
        }
    }
}

/// Returns every value with its channel.
fn channels(
    rows: &[f32],
    n_channels: usize,
    channel_len: usize,
) -> impl Iterator<Item = (usize, f32)> {
    rows.chunks_exact(channel_len)
        .enumerate()
        .flat_map(move |(index, values)| {
            values.iter().map(move |value| (index % n_channels, *value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_to_mean_zero_and_population_deviation_one() {
        // Feature 0 is 1, 2, 3, 4: mean 2.5, population variance 1.25. Feature 1 is constant.
        let mut rows = vec![1.0, 7.1, 2.0, 7.1, 3.0, 7.1, 4.0, 7.1];
        let scaler = Scaler::fit(&rows, &[2]);
        assert_eq!(scaler.mean[0], 2.5);
        assert_eq!(scaler.scale, [1.25_f64.sqrt(), 1.0]);
        scaler.apply(&mut rows, &[2]);
        let expected = [-1.5, -0.5, 0.5, 1.5].map(|x: f64| (x / 1.25_f64.sqrt()) as f32);
        let first: Vec<f32> = rows.iter().step_by(2).copied().collect();
        assert_eq!(first, expected);
        assert!(
            rows.iter()
                .skip(1)
                .step_by(2)
                .all(|value| value.abs() < 1e-6)
        );
    }

    #[test]
    fn scales_an_image_by_its_channels() {
        // Two rows of shape [2, 1, 2].
        let mut rows = vec![0.0, 2.0, 10.0, 30.0, 4.0, 6.0, 50.0, 70.0];
        let scaler = Scaler::fit(&rows, &[2, 1, 2]);
        assert_eq!(scaler.mean, [3.0, 40.0]);
        assert_eq!(scaler.scale, [5.0_f64.sqrt(), 500.0_f64.sqrt()]);
        scaler.apply(&mut rows, &[2, 1, 2]);
        assert_eq!(rows[4], (1.0 / 5.0_f64.sqrt()) as f32);
        assert_eq!(rows[2], (-30.0 / 500.0_f64.sqrt()) as f32);
    }

    #[test]
    fn sums_in_64_bits() {
        // In 32 bits, the sum of 1e8 and ones would lose the ones.
        let rows: Vec<f32> = std::iter::once(1e8).chain(vec![1.0; 999]).collect();
        let scaler = Scaler::fit(&rows, &[1]);
        assert_eq!(scaler.mean, [(1e8 + 999.0) / 1000.0]);
    }
}
