//! What happens value by value.

use super::simd::Simd;
use super::{Kernel, Lanes};

/// `y = max(x, 0)`; NaN stays NaN, so that a diverged network is seen.
pub(crate) struct Relu<'a> {
    pub(crate) x: &'a [Lanes],
    pub(crate) y: &'a mut [Lanes],
}

/// `y = x * by`, and 0 where `positive` is not, unless that is empty.
pub(crate) struct Multiply<'a> {
    pub(crate) x: &'a [Lanes],
    pub(crate) by: &'a [Lanes],
    pub(crate) positive: &'a [Lanes],
    pub(crate) y: &'a mut [Lanes],
}

impl Kernel for Relu<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.y.len(), "x and y");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for (x, y) in self.x.iter().zip(self.y) {
            // SAFETY: both are references.
            unsafe { S::store(y, S::at_least(S::load(x), S::splat(0.0))) }
        }
    }
}

impl Kernel for Multiply<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.y.len(), "x and y");
        assert_eq!(self.by.len(), self.y.len(), "by and y");
        let masks = self.positive.is_empty() || self.positive.len() == self.y.len();
        assert!(masks, "positive and y");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for k in 0..self.y.len() {
            // SAFETY: all are as long as `y`, or empty and not read.
            unsafe {
                let (x, by) = (self.x.as_ptr().add(k), self.by.as_ptr().add(k));
                let mut y = S::mul(S::load(x), S::load(by));
                if !self.positive.is_empty() {
                    let zero = S::splat(0.0);
                    y = S::if_greater(S::load(self.positive.as_ptr().add(k)), zero, y, zero);
                }
                S::store(self.y.as_mut_ptr().add(k), y);
            }
        }
    }
}
