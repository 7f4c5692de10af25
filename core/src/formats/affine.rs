//! What remains of batch normalisation in hardware.

/// Returns scale and shift of a batch normalisation, from `weight`, `bias`, mean and variance:
/// `weight / sqrt(variance + eps)` and `bias - mean * scale`, in float64 but for the results.
///
/// Every engine and exporter stores exactly these, so that they agree to the bit.
pub fn scale_and_shift(
    [weight, bias, mean, variance]: [&[f32]; 4],
    eps: f64,
) -> (Vec<f32>, Vec<f32>) {
    let scales: Vec<f64> = weight
        .iter()
        .zip(variance)
        .map(|(weight, variance)| f64::from(*weight) / (f64::from(*variance) + eps).sqrt())
        .collect();
    let shifts = bias.iter().zip(mean).zip(&scales);
    let shift = shifts
        .map(|((bias, mean), scale)| (f64::from(*bias) - f64::from(*mean) * scale) as f32)
        .collect();
    (scales.iter().map(|scale| *scale as f32).collect(), shift)
}
