//! Dropout, under masks that every engine can draw again.

use burn::tensor::TensorData;
use firebrick_core::random::Stream;
use rand::RngExt;

use burn::tensor::Tensor;

use super::Values;

/// Draws what each value is multiplied with: 0 with probability `p`, else `1 / (1 - p)`.
///
/// # Source
/// Srivastava et al., "Dropout", JMLR 2014, scaled in training rather than afterwards.
pub(crate) fn mask(like: &Values, p: f64, rng: &mut Stream) -> Values {
    let shape = like.dims();
    let (p, kept) = (p as f32, (1.0 / (1.0 - p)) as f32);
    let scales: Vec<f32> = (0..shape.iter().product())
        .map(|_| if rng.random::<f32>() >= p { kept } else { 0.0 })
        .collect();
    let options = (&like.device(), like.dtype());
    Tensor::from_data(TensorData::new(scales, shape), options)
}
