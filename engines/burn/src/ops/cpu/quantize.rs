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
    along_step(&x, &grad, format, channels * places)
}

/// Returns the gradient by the step of a learned tensor, given that by what it is stored as.
pub(in crate::ops) fn step_gradient_of_tensor(
    x: Tensor<1>,
    grad: Tensor<1>,
    format: &LearnedStep,
) -> f32 {
    let size = x.dims()[0];
    along_step(&Numbers::of(x), &Numbers::of(grad), format, size)
}

/// What [`LearnedStep::step_gradient`] computes, but for the order of the sum.
fn along_step(x: &Numbers, grad: &Numbers, format: &LearnedStep, per_row: usize) -> f32 {
    let pairs = x.as_slice().chunks(NUMBERS_A_JOB);
    let pairs = pairs.zip(grad.as_slice().chunks(NUMBERS_A_JOB));
    let mut sums = vec![0.0; pairs.len()];
    let steps = EqualSteps::of_learned(format);
    let work = pairs.zip(&mut sums).collect();
    each(work, |((x, grad), sum)| sum_along_step(x, grad, sum, steps));
    let scale = 1.0 / (per_row.max(1) as f64 * f64::from(format.most())).sqrt();
    (sums.iter().sum::<f64>() * scale) as f32
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
    let kernel = Kernel::of(quantizer);
    if x.is_alone()
        && let Some(kernel) = kernel
    {
        let work = x.as_mut_slice().chunks_mut(size).collect();
        each(work, |x| match kernel {
            Kernel::Multiplies(format) => store_here(x, format),
            Kernel::Divides(format) => store_here(x, format),
        });
        return x;
    }
    let mut y = scratch::take(x.as_slice().len());
    let work = x.as_slice().chunks(size).zip(y.chunks_mut(size));
    each(work.collect(), |(x, y)| match kernel {
        Some(Kernel::Multiplies(format)) => store_there(x, y, format),
        Some(Kernel::Divides(format)) => store_there(x, y, format),
        None => quantizer.quantize(x, part(layout, x.len()), y),
    });
    x.like(y)
}

fn masked(x: &Numbers, mut grad: Numbers, layout: Layout, quantizer: &Quantizer) -> Numbers {
    let size = job_size(layout, quantizer);
    let kernel = Kernel::of(quantizer);
    let work = x.as_slice().chunks(size);
    let work = work.zip(grad.as_mut_slice().chunks_mut(size));
    each(work.collect(), |(x, grad)| match kernel {
        Some(Kernel::Multiplies(format)) => pass(x, grad, format),
        Some(Kernel::Divides(format)) => pass(x, grad, format),
        None => quantizer.mask(x, part(layout, x.len()), grad),
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

/// Formats that are compiled here; others are stored by core.
#[derive(Debug, Clone, Copy)]
enum Kernel {
    Multiplies(EqualSteps<false>),
    Divides(EqualSteps<true>),
}

impl Kernel {
    fn of(quantizer: &Quantizer) -> Option<Self> {
        match quantizer {
            Quantizer::FixedPoint(format) => {
                Some(Self::Multiplies(EqualSteps::of_fixed_point(format)))
            }
            Quantizer::LearnedStep(format) => Some(Self::Divides(EqualSteps::of_learned(format))),
            _ => None,
        }
    }
}

/// A format whose numbers are whole multiples of a step, between two limits that are counted in
/// steps. Steps are counted by a factor, or by division where the step is no power of two.
#[derive(Debug, Clone, Copy)]
struct EqualSteps<const DIVIDES: bool> {
    by: f32,
    step: f32,
    least: f32,
    most: f32,
}

impl EqualSteps<false> {
    fn of_fixed_point(format: &FixedPoint) -> Self {
        Self {
            by: format.scale(),
            step: format.step(),
            least: format.least(),
            most: format.most(),
        }
    }
}

impl EqualSteps<true> {
    fn of_learned(format: &LearnedStep) -> Self {
        Self {
            by: format.step(),
            step: format.step(),
            least: format.least(),
            most: format.most(),
        }
    }
}

impl<const DIVIDES: bool> EqualSteps<DIVIDES> {
    #[inline(always)]
    fn count(self, x: f32) -> f32 {
        let steps = if DIVIDES { x / self.by } else { x * self.by };
        steps.round_ties_even()
    }

    #[inline(always)]
    fn store(self, x: f32) -> f32 {
        let steps = self.count(x);
        // Not `min` and `max`, which would hide NaN.
        let steps = if steps < self.least {
            self.least
        } else {
            steps
        };
        let steps = if steps > self.most { self.most } else { steps };
        steps * self.step
    }

    /// How fast what `x` is stored as grows with the step.
    #[inline(always)]
    fn by_step(self, x: f32) -> f32 {
        let rounded = self.count(x);
        let off = rounded - x / self.step;
        let inside = if rounded > self.most { self.most } else { off };
        if rounded < self.least {
            self.least
        } else {
            inside
        }
    }

    #[inline(always)]
    fn passes(self, x: f32) -> f32 {
        let steps = self.count(x);
        let inside = (steps >= self.least) & (steps <= self.most);
        if inside { 1.0 } else { 0.0 }
    }
}

#[macerator::with_simd]
fn store_here<S: Simd, const DIVIDES: bool>(x: &mut [f32], format: EqualSteps<DIVIDES>) {
    for x in x {
        *x = format.store(*x);
    }
}

#[macerator::with_simd]
fn store_there<S: Simd, const DIVIDES: bool>(
    x: &[f32],
    y: &mut [f32],
    format: EqualSteps<DIVIDES>,
) {
    for (x, y) in x.iter().zip(y) {
        *y = format.store(*x);
    }
}

#[macerator::with_simd]
fn pass<S: Simd, const DIVIDES: bool>(x: &[f32], grad: &mut [f32], format: EqualSteps<DIVIDES>) {
    for (x, grad) in x.iter().zip(grad) {
        *grad *= format.passes(*x);
    }
}

/// Writes the sum of the gradient times how fast what is stored grows with the step.
#[macerator::with_simd]
fn sum_along_step<S: Simd>(x: &[f32], grad: &[f32], sum: &mut f64, format: EqualSteps<true>) {
    const LANES: usize = 16;
    let mut sums = [0.0_f64; LANES];
    let whole = x.len() / LANES * LANES;
    let blocks = x.chunks_exact(LANES).zip(grad.chunks_exact(LANES));
    for (x, grad) in blocks {
        for lane in 0..LANES {
            sums[lane] += f64::from(format.by_step(x[lane])) * f64::from(grad[lane]);
        }
    }
    for (x, grad) in x[whole..].iter().zip(&grad[whole..]) {
        sums[0] += f64::from(format.by_step(*x)) * f64::from(*grad);
    }
    *sum = sums.iter().sum();
}
