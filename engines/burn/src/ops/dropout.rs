//! Dropout, under masks that every engine can draw again.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use firebrick_core::random::Stream;
use rand::RngExt;

use super::Values;

/// Draws what each value is multiplied with: 0 with probability `p`, else `1 / (1 - p)`.
///
/// # Source
/// Srivastava et al., "Dropout", JMLR 2014, scaled in training rather than afterwards.
pub(crate) fn mask(like: &Values, p: f64, rng: &mut Stream) -> Values {
    let shape = like.dims();
    let scale = scales(p, rng);
    let scales = scale.take(shape.iter().product()).collect();
    upload(scales, like)
}

/// Draws what values of a stack are multiplied with: each candidate's own channels from its own
/// stream, as [`mask`] does for it alone. What pads them is 0 and stays 0.
pub(crate) fn mask_of_stack(
    like: &Values,
    p: f64,
    rngs: &mut [Stream],
    own_channels: &[&[Range<usize>]],
) -> Values {
    let [rows, channels, places] = like.dims();
    let share = channels / rngs.len() * places;
    let mut scales = vec![0.0; rows * channels * places];
    let candidates = rngs.iter_mut().zip(own_channels).enumerate();
    for (candidate, (rng, own)) in candidates {
        let mut scale = self::scales(p, rng);
        for row in scales.chunks_exact_mut(channels * places) {
            let row = &mut row[candidate * share..(candidate + 1) * share];
            for range in *own {
                let own = &mut row[range.start * places..range.end * places];
                own.iter_mut()
                    .zip(&mut scale)
                    .for_each(|(to, scale)| *to = scale);
            }
        }
    }
    upload(scales, like)
}

fn scales(p: f64, rng: &mut Stream) -> impl Iterator<Item = f32> {
    let (p, kept) = (p as f32, (1.0 / (1.0 - p)) as f32);
    std::iter::repeat_with(move || if rng.random::<f32>() >= p { kept } else { 0.0 })
}

fn upload(scales: Vec<f32>, like: &Values) -> Values {
    let options = (&like.device(), like.dtype());
    Tensor::from_data(TensorData::new(scales, like.dims()), options)
}
