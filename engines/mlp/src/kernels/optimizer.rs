//! Steps along the gradient, over all parameters at once.

use super::simd::Simd;
use super::{Kernel, LANES, Lanes};

/// The sum of the squares of all numbers.
///
/// Lanes add up in float32 over [`STRETCH`] vectors, everything else in f64, in one order.
pub(crate) struct SumSquares<'a> {
    pub(crate) x: &'a [Lanes],
}

/// After how many vectors lanes go over to f64.
const STRETCH: usize = 64;

/// A step of Adam, its bias corrections folded into `rate` and `deviation`:
/// `x = x * keep - rate * m / (sqrt(v) / deviation + eps)`, after the moments took in
/// `gradient * clip + l2 * x`.
pub(crate) struct Adam<'a> {
    pub(crate) x: &'a mut [Lanes],
    pub(crate) gradient: &'a [Lanes],
    /// The mean of gradients.
    pub(crate) first: &'a mut [Lanes],
    /// The mean of squared gradients.
    pub(crate) second: &'a mut [Lanes],
    pub(crate) beta_1: f64,
    pub(crate) beta_2: f64,
    pub(crate) eps: f64,
    pub(crate) rate: f64,
    pub(crate) deviation: f64,
    pub(crate) clip: f64,
    pub(crate) l2: f64,
    pub(crate) keep: f64,
}

/// A step of gradient descent with momentum: the velocity takes in `gradient * clip + l2 * x`, and
/// `x = x - rate * (velocity * along + gradient * ahead)`.
pub(crate) struct Sgd<'a> {
    pub(crate) x: &'a mut [Lanes],
    pub(crate) gradient: &'a [Lanes],
    pub(crate) velocity: &'a mut [Lanes],
    pub(crate) momentum: f64,
    pub(crate) nesterov: bool,
    pub(crate) rate: f64,
    pub(crate) clip: f64,
    pub(crate) l2: f64,
}

impl Kernel for SumSquares<'_> {
    type Output = f64;

    fn check(&self) {}

    #[inline(always)]
    unsafe fn run<S: Simd>(self) -> f64 {
        let mut sums = [0.0_f64; LANES];
        for stretch in self.x.chunks(STRETCH) {
            let mut lanes = Lanes::ZERO;
            // SAFETY: references can be read and written.
            unsafe {
                let mut sum = S::splat(0.0);
                for x in stretch {
                    let x = S::load(x);
                    sum = S::fma(x, x, sum);
                }
                S::store(&mut lanes, sum);
            }
            for k in 0..LANES {
                sums[k] += f64::from(lanes.0[k]);
            }
        }
        sums.iter().sum()
    }
}

impl Kernel for Adam<'_> {
    type Output = ();

    fn check(&self) {
        let lengths = [self.gradient.len(), self.first.len(), self.second.len()];
        assert_eq!(lengths, [self.x.len(); 3], "gradient and moments");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: all are as long as `x`.
        unsafe {
            let (beta_1, beta_2) = (S::splat(self.beta_1 as f32), S::splat(self.beta_2 as f32));
            let rest_1 = S::splat((1.0 - self.beta_1) as f32);
            let rest_2 = S::splat((1.0 - self.beta_2) as f32);
            let (rate, eps) = (S::splat(self.rate as f32), S::splat(self.eps as f32));
            let deviation = S::splat((1.0 / self.deviation) as f32);
            let (l2, keep) = (S::splat(self.l2 as f32), S::splat(self.keep as f32));
            let clip = S::splat(self.clip as f32);
            for k in 0..self.x.len() {
                let at = self.x.as_mut_ptr().add(k);
                let (first_at, second_at) = (
                    self.first.as_mut_ptr().add(k),
                    self.second.as_mut_ptr().add(k),
                );
                let x = S::load(at);
                let gradient = S::mul(S::load(self.gradient.as_ptr().add(k)), clip);
                let gradient = S::fma(x, l2, gradient);
                let first = S::fma(S::load(first_at), beta_1, S::mul(gradient, rest_1));
                let squared = S::mul(S::mul(gradient, gradient), rest_2);
                let second = S::fma(S::load(second_at), beta_2, squared);
                S::store(first_at, first);
                S::store(second_at, second);
                let divisor = S::fma(S::sqrt(second), deviation, eps);
                let step = S::div(S::mul(first, rate), divisor);
                S::store(at, S::sub(S::mul(x, keep), step));
            }
        }
    }
}

impl Kernel for Sgd<'_> {
    type Output = ();

    fn check(&self) {
        let lengths = [self.gradient.len(), self.velocity.len()];
        assert_eq!(lengths, [self.x.len(); 2], "gradient and velocity");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: all are as long as `x`.
        unsafe {
            let (l2, rate) = (S::splat(self.l2 as f32), S::splat(self.rate as f32));
            let momentum = S::splat(self.momentum as f32);
            let clip = S::splat(self.clip as f32);
            for k in 0..self.x.len() {
                let at = self.x.as_mut_ptr().add(k);
                let velocity_at = self.velocity.as_mut_ptr().add(k);
                let x = S::load(at);
                let gradient = S::mul(S::load(self.gradient.as_ptr().add(k)), clip);
                let gradient = S::fma(x, l2, gradient);
                let velocity = S::fma(S::load(velocity_at), momentum, gradient);
                S::store(velocity_at, velocity);
                let direction = match self.nesterov {
                    true => S::fma(velocity, momentum, gradient),
                    false => velocity,
                };
                S::store(at, S::sub(x, S::mul(direction, rate)));
            }
        }
    }
}
