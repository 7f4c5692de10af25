//! How the candidates of a stack store an operand.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use firebrick_core::formats::{FixedPoint, Layout, LearnedStep, Quantizer};

use super::Values;

/// How an operand is stored by each candidate.
///
/// Zeros stay zeros, so that what pads the candidates of a stack stays out of their way.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// By all in one way. In a stack, each number is stored by itself.
    Alike(Quantizer),
    /// By each in a fixed point of its own.
    FixedPoints(Arc<FixedPoints>),
}

/// A fixed point for each candidate.
#[derive(Debug)]
pub(crate) struct FixedPoints {
    formats: Vec<FixedPoint>,
    // What each format says, `[1, candidates, 1]`.
    scale: Tensor<3>,
    step: Tensor<3>,
    least: Tensor<3>,
    most: Tensor<3>,
}

impl Storage {
    /// Stores values.
    pub(crate) fn store(&self, x: Values) -> Values {
        match self {
            Self::Alike(quantizer) => super::store(x, quantizer),
            Self::FixedPoints(formats) => {
                let shape = x.dims();
                formats
                    .store(formats.by_candidate(x, shape[0]))
                    .reshape(shape)
            }
        }
    }

    /// Stores a learned tensor; the layout is that of all candidates.
    pub(crate) fn store_tensor(&self, x: Tensor<1>, layout: Layout) -> Tensor<1> {
        match self {
            Self::Alike(quantizer) => super::store_tensor(x, layout, quantizer),
            Self::FixedPoints(formats) => {
                let shape = x.dims();
                formats.store(formats.by_candidate(x, 1)).reshape(shape)
            }
        }
    }

    /// Stores numbers of the host, as many of each candidate.
    pub(crate) fn store_on_host(&self, numbers: &[f32]) -> Vec<f32> {
        let store = |numbers: &[f32], quantizer: &Quantizer| {
            let mut stored = numbers.to_vec();
            quantizer.quantize(numbers, Layout::of_tensor(&[numbers.len()]), &mut stored);
            stored
        };
        match self {
            Self::Alike(quantizer) => store(numbers, quantizer),
            Self::FixedPoints(all) => {
                let shares = numbers.chunks_exact(numbers.len() / all.formats.len());
                let stored = shares.zip(&all.formats);
                let stored = stored
                    .flat_map(|(share, format)| store(share, &Quantizer::FixedPoint(*format)));
                stored.collect()
            }
        }
    }

    /// Returns the gradient by values, given that by what they are stored as.
    pub(crate) fn mask(&self, x: Values, grad: Values) -> Values {
        match self {
            Self::Alike(quantizer) => super::mask(x, grad, quantizer),
            Self::FixedPoints(formats) => {
                let shape = x.dims();
                let [x, grad] = [x, grad].map(|of| formats.by_candidate(of, shape[0]));
                formats.mask(x, grad).reshape(shape)
            }
        }
    }

    /// Returns the gradient by a learned tensor, given that by what it is stored as; the layout is
    /// that of all candidates.
    pub(crate) fn mask_tensor(&self, x: Tensor<1>, grad: Tensor<1>, layout: Layout) -> Tensor<1> {
        match self {
            Self::Alike(quantizer) => super::mask_tensor(x, grad, layout, quantizer),
            Self::FixedPoints(formats) => {
                let shape = x.dims();
                let [x, grad] = [x, grad].map(|of| formats.by_candidate(of, 1));
                formats.mask(x, grad).reshape(shape)
            }
        }
    }

    /// Returns the format if its step is learned.
    pub(crate) fn learned_step(&self) -> Option<&LearnedStep> {
        match self {
            Self::Alike(Quantizer::LearnedStep(format)) => Some(format),
            _ => None,
        }
    }

    /// Returns whether numbers are stored in fixed point, for which no device asks the host.
    pub(crate) fn is_fixed_point(&self) -> bool {
        matches!(
            self,
            Self::Alike(Quantizer::FixedPoint(_)) | Self::FixedPoints(_)
        )
    }
}

impl FixedPoints {
    /// Puts the formats of candidates onto a device.
    pub(crate) fn new(formats: Vec<FixedPoint>, device: &Device) -> Self {
        let tensor = |of: fn(&FixedPoint) -> f32| {
            let numbers: Vec<f32> = formats.iter().map(of).collect();
            Tensor::<1>::from_floats(numbers.as_slice(), device).reshape([1, formats.len(), 1])
        };
        Self {
            scale: tensor(FixedPoint::scale),
            step: tensor(FixedPoint::step),
            least: tensor(FixedPoint::least),
            most: tensor(FixedPoint::most),
            formats,
        }
    }

    /// `[rows, candidates, numbers]`.
    fn by_candidate<const D: usize>(&self, x: Tensor<D>, rows: usize) -> Tensor<3> {
        let candidates = self.formats.len();
        let numbers = x.shape().num_elements() / rows / candidates;
        x.reshape([rows, candidates, numbers])
    }

    /// Each operation is exact; NaN stays NaN.
    fn store(&self, x: Tensor<3>) -> Tensor<3> {
        let steps = (x * self.scale.clone()).round();
        let steps = steps.max_pair(self.least.clone());
        steps.min_pair(self.most.clone()) * self.step.clone()
    }

    fn mask(&self, x: Tensor<3>, grad: Tensor<3>) -> Tensor<3> {
        let steps = (x * self.scale.clone()).round();
        let least = steps.clone().greater_equal(self.least.clone());
        let inside = least.bool_and(steps.lower_equal(self.most.clone()));
        grad * inside.float()
    }
}
