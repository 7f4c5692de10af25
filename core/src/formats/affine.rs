//! What remains of batch normalisation in hardware.

/// Returns scale and shift of a batch normalisation, from `weight`, `bias`, mean and variance:
/// `weight / sqrt(variance + eps)` and `bias - mean * scale`, in float64 but for the results.
///
/// Every engine and exporter stores exactly these, so that they agree to the bit.
pub fn scale_and_shift(
    [weight, bias, mean, variance]: [&[f32]; 4],
    eps: f64,
) -> (Vec<f32>, Vec<f32>) {
    let numbers = weight.iter().zip(bias).zip(mean).zip(variance);
    numbers
        .map(|(((weight, bias), mean), variance)| {
            scale_and_shift_of([*weight, *bias, *mean, *variance], eps)
        })
        .unzip()
}

/// Returns scale and shift of one channel, see [`scale_and_shift`].
pub fn scale_and_shift_of([weight, bias, mean, variance]: [f32; 4], eps: f64) -> (f32, f32) {
    let scale = f64::from(weight) / (f64::from(variance) + eps).sqrt();
    let shift = f64::from(bias) - f64::from(mean) * scale;
    (scale as f32, shift as f32)
}
