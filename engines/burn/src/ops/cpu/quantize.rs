//! Numbers stored in formats, and what becomes of gradients by it.
//!
//! What core computes with number by number is the definition. Formats of equal steps, which are
//! most that there are, are compiled here for the vectors of the machine, bit for bit the same.

use burn::tensor::Tensor;
use firebrick_core::formats::{FixedPoint, Layout, LearnedStep, Quantizer, Shared};
use macerator::Simd;

use super::{Numbers, Values, each, scratch};

/// Numbers that one thread takes at once, about.
const NUMBERS_A_JOB: usize = 1 << 15;

/// Stores values.
pub(in crate::ops) fn store(x: Values, quantizer: &Quantizer) -> Values {
    let shape = x.dims();
    stored(Numbers::of_places(x), of_places(shape), quantizer).into_values(shape)
}

/// Stores a learned tensor.
pub(in crate::ops) fn store_tensor(
    x: Tensor<1>,
    layout: Layout,
    quantizer: &Quantizer,
) -> Tensor<1> {
    stored(Numbers::of(x), layout, quantizer).into_vector()
}

/// Returns the gradient by values, given that by what they are stored as.
pub(in crate::ops) fn mask(x: Values, grad: Values, quantizer: &Quantizer) -> Values {
    let shape = grad.dims();
    let (x, grad) = (Numbers::of_places(x), Numbers::of_places(grad));
    masked(&x, grad, of_places(shape), quantizer).into_values(shape)
}

/// Returns the gradient by a learned tensor, given that by what it is stored as.
pub(in crate::ops) fn mask_tensor(
    x: Tensor<1>,
    grad: Tensor<1>,
    layout: Layout,
    quantizer: &Quantizer,
) -> Tensor<1> {
    masked(&Numbers::of(x), Numbers::of(grad), layout, quantizer).into_vector()
}

/// Returns the gradient by the step of values, given that by what they are stored as.
pub(in crate::ops) fn step_gradient(x: Values, grad: Values, format: &LearnedStep) -> f32 {
    let [_, channels, places] = grad.dims();
    let (x, grad) = (Numbers::of_places(x), Numbers::of_places(grad));
    format.step_gradient(x.as_slice(), grad.as_slice(), channels * places)
}

/// How values lie in memory: each place is a run of channels, along which blocks lie.
fn of_places([rows, channels, places]: [usize; 3]) -> Layout {
    Layout {
        outer: rows * places,
        channels,
        inner: 1,
    }
}

fn stored(mut x: Numbers, layout: Layout, quantizer: &Quantizer) -> Numbers {
    let size = job_size(layout, quantizer);
    match quantizer {
        Quantizer::FixedPoint(format) if x.is_alone() => {
            store_in_place(&mut x, size, *format);
            return x;
        }
        Quantizer::LearnedStep(format) if x.is_alone() => {
            store_in_place(&mut x, size, *format);
            return x;
        }
        _ => {}
    }
    let mut y = scratch::take(x.as_slice().len());
    let work = x.as_slice().chunks(size).zip(y.chunks_mut(size));
    each(work.collect(), |(x, y)| match quantizer {
        Quantizer::FixedPoint(format) => store_there(x, y, *format),
        Quantizer::LearnedStep(format) => store_there(x, y, *format),
        _ => quantizer.quantize(x, part(layout, x.len()), y),
    });
    x.like(y)
}

fn store_in_place(x: &mut Numbers, job_size: usize, format: impl EqualSteps) {
    let work = x.as_mut_slice().chunks_mut(job_size);
    each(work.collect(), |x| store_here(x, format));
}

fn masked(x: &Numbers, mut grad: Numbers, layout: Layout, quantizer: &Quantizer) -> Numbers {
    let size = job_size(layout, quantizer);
    let work = x.as_slice().chunks(size);
    let work = work.zip(grad.as_mut_slice().chunks_mut(size));
    each(work.collect(), |(x, grad)| match quantizer {
        Quantizer::FixedPoint(format) => pass(x, grad, *format),
        Quantizer::LearnedStep(format) => pass(x, grad, *format),
        _ => quantizer.mask(x, part(layout, x.len()), grad),
    });
    grad
}

/// Numbers of a job: whole runs, of which no block lies in two.
fn job_size(layout: Layout, quantizer: &Quantizer) -> usize {
    let run = (layout.channels * layout.inner).max(1);
    match quantizer.shared() {
        Shared::Tensor { .. } => layout.len().max(1),
        Shared::Nothing | Shared::Block { .. } => (NUMBERS_A_JOB / run).max(1) * run,
    }
}

/// How the numbers of a job lie.
fn part(layout: Layout, n_numbers: usize) -> Layout {
    Layout {
        outer: n_numbers / (layout.channels * layout.inner).max(1),
        ..layout
    }
}

/// A format whose numbers are whole multiples of a step, between two limits.
trait EqualSteps: Copy + Sync {
    /// How many steps a number is, not rounded.
    fn count(self, x: f32) -> f32;

    /// The step and the limits, in steps.
    fn of(self) -> (f32, f32, f32);
}

impl EqualSteps for FixedPoint {
    #[inline(always)]
    fn count(self, x: f32) -> f32 {
        x * self.scale()
    }

    #[inline(always)]
    fn of(self) -> (f32, f32, f32) {
        (self.step(), self.least(), self.most())
    }
}

impl EqualSteps for LearnedStep {
    #[inline(always)]
    fn count(self, x: f32) -> f32 {
        x / self.step()
    }

    #[inline(always)]
    fn of(self) -> (f32, f32, f32) {
        (self.step(), self.least(), self.most())
    }
}

#[inline(always)]
fn rounded(x: f32, format: impl EqualSteps) -> f32 {
    let (step, least, most) = format.of();
    let steps = format.count(x).round_ties_even();
    // Not `min` and `max`, which would hide NaN.
    let steps = if steps < least { least } else { steps };
    let steps = if steps > most { most } else { steps };
    steps * step
}

#[macerator::with_simd]
fn store_here<S: Simd, F: EqualSteps>(x: &mut [f32], format: F) {
    for x in x {
        *x = rounded(*x, format);
    }
}

#[macerator::with_simd]
fn store_there<S: Simd, F: EqualSteps>(x: &[f32], y: &mut [f32], format: F) {
    for (x, y) in x.iter().zip(y) {
        *y = rounded(*x, format);
    }
}

#[macerator::with_simd]
fn pass<S: Simd, F: EqualSteps>(x: &[f32], grad: &mut [f32], format: F) {
    let (_, least, most) = format.of();
    for (x, grad) in x.iter().zip(grad) {
        let steps = format.count(*x).round_ties_even();
        let inside = (steps >= least) & (steps <= most);
        *grad *= if inside { 1.0 } else { 0.0 };
    }
}
