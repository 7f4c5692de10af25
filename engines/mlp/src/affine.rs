//! Batch normalisation as hardware has it: a product and a sum, whose numbers have formats.

use firebrick_core::formats::{Layout, Quantizer, scale_and_shift_of};

use crate::chain::Chain;
use crate::formats::store;
use crate::kernels::Path;

/// The scale and the shift of a normalisation, as they are stored; see
/// [`firebrick_core::formats`].
#[derive(Debug)]
pub(crate) struct Affine {
    eps: f64,
    /// The formats of scale and shift; absent means float32.
    formats: [Option<Quantizer>; 2],
    /// Scale and shift, one number a feature each.
    float: [Vec<f32>; 2],
    /// The same, as they are stored.
    stored: [Vec<f32>; 2],
    /// The mean that is still to be taken off what is normalised: none.
    mean: Vec<f32>,
}

impl Affine {
    /// Returns room for those of a step, if either has a format.
    pub(crate) fn of(chain: &Chain, step: usize, eps: f64) -> Option<Self> {
        let formats = ["weight", "bias"].map(|tensor| chain.format(step, tensor).copied());
        let zeros = || vec![0.0; chain.widths[step]];
        formats.iter().any(Option::is_some).then(|| Self {
            eps,
            formats,
            float: [zeros(), zeros()],
            stored: [zeros(), zeros()],
            mean: zeros(),
        })
    }

    /// Stores what comes of weight, bias, mean and variance.
    pub(crate) fn follow(&mut self, path: Path, from: [&[f32]; 4]) {
        let [scale, shift] = &mut self.float;
        for (feature, (scale, shift)) in scale.iter_mut().zip(shift).enumerate() {
            let of_feature = from.map(|numbers| numbers[feature]);
            (*scale, *shift) = scale_and_shift_of(of_feature, self.eps);
        }
        for ((format, x), y) in self.formats.iter().zip(&self.float).zip(&mut self.stored) {
            match format {
                Some(format) => store(path, format, x, Layout::of_tensor(&[x.len()]), y),
                None => y.copy_from_slice(x),
            }
        }
    }

    /// Returns what is taken off a number, what it is multiplied with, and what is added then.
    pub(crate) fn stored(&self) -> [&[f32]; 3] {
        let [scale, shift] = &self.stored;
        [&self.mean, scale, shift]
    }
}
