//! Fixed point whose step is learned with the weights.

use super::bits::{between, round_ties_even};
use super::known::in_range;
use super::{Element, FormatError};
use crate::graph::NumberFormat;

/// What the name of a tensor that holds a learned step ends in.
pub const STEP: &str = "_step";

/// Whole multiples of a step that is learned: `clamp(round(x / step), least, most) * step`.
///
/// Halves are rounded to the even multiple, NaN stays NaN, infinities become the limits, and what is
/// rounded to zero keeps its sign.
///
/// The step is any positive number, so that such a network can be exported as QONNX but is not
/// exact in hardware that only shifts.
///
/// # Source
/// Esser et al., "Learned Step Size Quantization", ICLR 2020, <https://arxiv.org/abs/1902.08153>,
/// equations 1 to 3. The gradient of the step is scaled by `1 / sqrt(n * most)`, section 2.2. Differs:
/// inside the range is what is rounded to a number inside the limits, as for fixed point, where the
/// paper asks whether `x / step` itself is inside; that is half a step beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnedStep {
    step: f32,
    least: f32,
    most: f32,
}

/// The smallest step: what is learned may come to 0 or below.
const STEP_MIN: f32 = 1e-9;
const WIDTH_MIN: u32 = 2;
/// Whole numbers of more bits are not exact in float32.
const WIDTH_MAX: u32 = 24;

impl LearnedStep {
    /// What the format is called in files.
    pub const NAME: &'static str = "lsq";

    pub(super) fn of(format: &NumberFormat, step: Option<f32>) -> Result<Self, FormatError> {
        let step = step.ok_or(FormatError::Missing {
            name: Self::NAME,
            field: "step",
        })?;
        Self::new(format.width, format.signed, step)
    }

    /// Returns the format with `width` bits at a step; one below 1e-9 counts as 1e-9.
    ///
    /// # Errors
    /// [`FormatError::Range`] unless `width` is 2 to 24.
    pub fn new(width: u32, signed: bool, step: f32) -> Result<Self, FormatError> {
        let reason = "so that its numbers of steps are exact in float32";
        let limits = [WIDTH_MIN, WIDTH_MAX].map(i64::from);
        in_range(Self::NAME, "width", i64::from(width), limits, reason)?;
        let (least, most) = match signed {
            true => (-((1_i64 << (width - 1)) as f32), (1_i64 << (width - 1)) - 1),
            false => (0.0, (1_i64 << width) - 1),
        };
        Ok(Self {
            // Not `max`, which would make a step of NaN a good one.
            step: if step < STEP_MIN { STEP_MIN } else { step },
            least,
            most: most as f32,
        })
    }

    /// Returns the distance between neighbours.
    pub fn step(&self) -> f32 {
        self.step
    }

    /// Returns the smallest number, in steps.
    pub fn least(&self) -> f32 {
        self.least
    }

    /// Returns the largest number, in steps.
    pub fn most(&self) -> f32 {
        self.most
    }

    /// Returns the step to start with: `2 * mean(|x|) / sqrt(most)`, section 2.1 of the paper.
    pub fn first_step(&self, x: &[f32]) -> f32 {
        let sum: f64 = x.iter().map(|x| f64::from(x.abs())).sum();
        let mean = sum / x.len().max(1) as f64;
        ((2.0 * mean / f64::from(self.most).sqrt()) as f32).max(STEP_MIN)
    }

    /// Returns the gradient by the step, given that by what `x` is stored as (`gradient`), `x` being
    /// `per_row` numbers a row in `x.len() / per_row` rows; a weight is one row.
    ///
    /// The sum over numbers, each `round(x / step) - x / step` inside the range and the limit outside,
    /// times `1 / sqrt(per_row * most)`.
    pub fn step_gradient(&self, x: &[f32], gradient: &[f32], per_row: usize) -> f32 {
        let by_step = |x: f32| {
            let steps = x / self.step;
            match round_ties_even(steps) {
                rounded if rounded < self.least => self.least,
                rounded if rounded > self.most => self.most,
                rounded => rounded - steps,
            }
        };
        let products = x
            .iter()
            .zip(gradient)
            .map(|(x, gradient)| f64::from(by_step(*x)) * f64::from(*gradient));
        let scale = 1.0 / (per_row.max(1) as f64 * f64::from(self.most)).sqrt();
        (products.sum::<f64>() * scale) as f32
    }
}

impl Element for LearnedStep {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        between(round_ties_even(x / self.step), self.least, self.most) * self.step
    }

    /// Inside the range is what is rounded to a number inside the limits.
    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        let steps = round_ties_even(x / self.step);
        (steps >= self.least) & (steps <= self.most)
    }
}
