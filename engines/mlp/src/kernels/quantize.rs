//! Numbers as their formats store them: what `firebrick_core::formats` says of one number, on 16 at
//! a time and equal to it, bit for bit.

use firebrick_core::formats::FixedPoint;

use super::simd::Simd;
use super::{Kernel, LANES, Lanes};

/// `y = format(x)`, its negative part cut off where `relu`.
pub(crate) struct Quantize<'a> {
    pub(crate) x: &'a [Lanes],
    pub(crate) format: FixedPoint,
    pub(crate) y: &'a mut [Lanes],
    pub(crate) relu: bool,
}

/// The gradient by `x` of [`Quantize`], as if nothing were rounded: `by_y` inside the limits of the
/// format, 0 outside, and 0 where `x` is the result of a relu (`rectified`) and not positive.
pub(crate) struct QuantizeBackward<'a> {
    pub(crate) x: &'a [Lanes],
    pub(crate) format: FixedPoint,
    pub(crate) by_y: &'a [Lanes],
    pub(crate) by_x: &'a mut [Lanes],
    pub(crate) rectified: bool,
}

/// As [`Quantize`], of any number of numbers.
pub(crate) struct QuantizeNumbers<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) format: FixedPoint,
    pub(crate) y: &'a mut [f32],
}

/// As [`QuantizeBackward`], of any number of numbers, in place.
pub(crate) struct MaskNumbers<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) format: FixedPoint,
    pub(crate) gradient: &'a mut [f32],
}

/// A format in vectors.
#[derive(Clone, Copy)]
struct Vectors<S: Simd> {
    scale: S::Vector,
    step: S::Vector,
    least: S::Vector,
    most: S::Vector,
}

impl<S: Simd> Vectors<S> {
    #[inline(always)]
    unsafe fn of(format: FixedPoint) -> Self {
        // SAFETY: as the caller promises.
        unsafe {
            Self {
                scale: S::splat(format.scale()),
                step: S::splat(format.step()),
                least: S::splat(format.least()),
                most: S::splat(format.most()),
            }
        }
    }

    /// Returns numbers in steps: rounded, and clamped too.
    #[inline(always)]
    unsafe fn steps(self, x: S::Vector) -> (S::Vector, S::Vector) {
        // SAFETY: as the caller promises.
        unsafe {
            let rounded = S::round(S::mul(x, self.scale));
            let clamped = S::at_most(S::at_least(rounded, self.least), self.most);
            (rounded, clamped)
        }
    }

    #[inline(always)]
    unsafe fn quantize(self, x: S::Vector) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe { S::mul(self.steps(x).1, self.step) }
    }

    /// Returns the gradient where it passes, else 0.
    #[inline(always)]
    unsafe fn mask(self, x: S::Vector, gradient: S::Vector) -> S::Vector {
        // SAFETY: as the caller promises.
        unsafe {
            let (rounded, clamped) = self.steps(x);
            S::if_equal(rounded, clamped, gradient)
        }
    }
}

impl Kernel for Quantize<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.y.len(), "x and y");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: both are as long as `y`.
        unsafe {
            let format = Vectors::<S>::of(self.format);
            for k in 0..self.y.len() {
                let mut y = format.quantize(S::load(self.x.as_ptr().add(k)));
                if self.relu {
                    y = S::at_least(y, S::splat(0.0));
                }
                S::store(self.y.as_mut_ptr().add(k), y);
            }
        }
    }
}

impl Kernel for QuantizeBackward<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.by_x.len(), "x and by_x");
        assert_eq!(self.by_y.len(), self.by_x.len(), "by_y and by_x");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: all are as long as `by_x`.
        unsafe {
            let format = Vectors::<S>::of(self.format);
            let zero = S::splat(0.0);
            for k in 0..self.by_x.len() {
                let x = S::load(self.x.as_ptr().add(k));
                let mut by_x = format.mask(x, S::load(self.by_y.as_ptr().add(k)));
                if self.rectified {
                    by_x = S::if_greater(x, zero, by_x, zero);
                }
                S::store(self.by_x.as_mut_ptr().add(k), by_x);
            }
        }
    }
}

impl Kernel for QuantizeNumbers<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.y.len(), "x and y");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: as the caller promises.
        let format = unsafe { Vectors::<S>::of(self.format) };
        let (x, last_x) = self.x.as_chunks::<LANES>();
        let (y, last_y) = self.y.as_chunks_mut::<LANES>();
        // SAFETY: lanes are there, and `padded` has 16 numbers as chunks do.
        unsafe {
            let mut lanes = Lanes::ZERO;
            for (x, y) in x.iter().zip(y) {
                S::store(&raw mut lanes, format.quantize(S::load_numbers(x.as_ptr())));
                *y = lanes.0;
            }
            let x = padded(last_x);
            S::store(&raw mut lanes, format.quantize(S::load(&raw const x)));
            last_y.copy_from_slice(&lanes.0[..last_y.len()]);
        }
    }
}

impl Kernel for MaskNumbers<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.gradient.len(), "x and gradient");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: as the caller promises.
        let format = unsafe { Vectors::<S>::of(self.format) };
        let (x, last_x) = self.x.as_chunks::<LANES>();
        let (gradient, last_gradient) = self.gradient.as_chunks_mut::<LANES>();
        // SAFETY: lanes are there, and `padded` has 16 numbers as chunks do.
        unsafe {
            let mut lanes = Lanes::ZERO;
            for (x, gradient) in x.iter().zip(gradient) {
                let before = S::load_numbers(gradient.as_ptr());
                S::store(
                    &raw mut lanes,
                    format.mask(S::load_numbers(x.as_ptr()), before),
                );
                *gradient = lanes.0;
            }
            let (x, before) = (padded(last_x), padded(last_gradient));
            let masked = format.mask(S::load(&raw const x), S::load(&raw const before));
            S::store(&raw mut lanes, masked);
            last_gradient.copy_from_slice(&lanes.0[..last_gradient.len()]);
        }
    }
}

/// Up to 16 numbers, and zeroes after them.
#[inline(always)]
fn padded(numbers: &[f32]) -> Lanes {
    let mut lanes = Lanes::ZERO;
    lanes.0[..numbers.len()].copy_from_slice(numbers);
    lanes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::cases;
    use super::super::{Path, numbers, numbers_mut};
    use firebrick_core::formats::Element;

    use super::*;

    fn lanes(numbers_of: &[f32]) -> Vec<Lanes> {
        let mut lanes = Lanes::zeroes(numbers_of.len());
        numbers_mut(&mut lanes)[..numbers_of.len()].copy_from_slice(numbers_of);
        lanes
    }

    fn same(found: f32, expected: f32) -> bool {
        found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
    }

    /// Holds all kernels against core, on every path; gradients are 1, 2, 3...
    fn check(format: FixedPoint, x: &[f32]) {
        let gradient: Vec<f32> = (1..=x.len()).map(|k| k as f32).collect();
        for path in Path::available() {
            let check = |what: &str, found: &[f32], expected: &dyn Fn(usize) -> f32| {
                for (idx, x) in x.iter().enumerate() {
                    let (found, expected) = (found[idx], expected(idx));
                    assert!(
                        same(found, expected),
                        "{what} of {x:?} in {format:?} on {}: {found:?}, not {expected:?}",
                        path.name()
                    );
                }
            };
            let in_lanes = lanes(x);
            let mut made = lanes(x);
            let stored = |idx: usize| format.quantize(x[idx]);
            let passed = |idx: usize| {
                if format.passes(x[idx]) {
                    gradient[idx]
                } else {
                    0.0
                }
            };
            for relu in [false, true] {
                path.run(Quantize {
                    x: &in_lanes,
                    format,
                    y: &mut made,
                    relu,
                });
                check("value", numbers(&made), &|idx| {
                    let cut = relu && stored(idx) < 0.0;
                    if cut { 0.0 } else { stored(idx) }
                });
                path.run(QuantizeBackward {
                    x: &in_lanes,
                    format,
                    by_y: &lanes(&gradient),
                    by_x: &mut made,
                    rectified: relu,
                });
                check("gradient", numbers(&made), &|idx| {
                    let cut = relu && (x[idx] <= 0.0 || x[idx].is_nan());
                    if cut { 0.0 } else { passed(idx) }
                });
            }
            let (mut flat, mut masked) = (x.to_vec(), gradient.clone());
            path.run(QuantizeNumbers {
                x,
                format,
                y: &mut flat,
            });
            check("number", &flat, &stored);
            path.run(MaskNumbers {
                x,
                format,
                gradient: &mut masked,
            });
            check("mask", &masked, &passed);
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn vectors_store_what_core_stores(
            width in 2_u32..=32,
            frac_width in -95_i32..=126,
            signed: bool,
            bits in prop::collection::vec(any::<u32>(), 1..40),
            near in prop::collection::vec(-1.2_f32..1.2, 1..40),
        ) {
            let new = if signed { FixedPoint::new } else { FixedPoint::unsigned };
            let format = new(width, frac_width).unwrap();
            let mut x: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            // Numbers that the format tells apart, to the half step.
            let halves = near.into_iter().map(|at| (at * format.most() * 2.0).round());
            x.extend(halves.map(|halves| halves * 0.5 * format.step()));
            check(format, &x);
        }
    }

    #[test]
    fn numbers_of_every_size_are_stored_as_in_core() {
        // Every 40,009th of all float32, and the ends of the exponents.
        let spread = (0..=u32::MAX).step_by(if cfg!(miri) { 1 << 26 } else { 40_009 });
        let ends =
            (0..512).flat_map(|exponent| [0, 1, 0x40_0000, 0x7f_ffff].map(|m| exponent << 23 | m));
        let x: Vec<f32> = spread.chain(ends).map(f32::from_bits).collect();
        for (width, frac_width) in [(8, 4), (2, 126), (25, 0), (32, 16), (16, -96)] {
            check(FixedPoint::new(width, frac_width).unwrap(), &x);
        }
        // -0, and what is rounded to it, stay although there are no negative numbers.
        for (width, frac_width) in [(8, 4), (1, 126), (1, 0), (24, 0), (32, 16), (16, -96)] {
            check(FixedPoint::unsigned(width, frac_width).unwrap(), &x);
        }
    }

    #[test]
    fn what_is_just_below_a_half_is_not_rounded_up() {
        // Where adding a half, or a large number, and taking it away again goes wrong.
        let whole = [0.0, 1.0, 2.0, 4_194_303.0, 4_194_304.0, 8_388_607.0];
        let x: Vec<f32> = whole
            .iter()
            .flat_map(|k| [k + 0.5, (k + 0.5_f32).next_down(), (k + 0.5).next_up()])
            .flat_map(|x| [x, -x])
            .collect();
        for width in [24, 25, 32] {
            check(FixedPoint::new(width, 0).unwrap(), &x);
            check(FixedPoint::unsigned(width, 0).unwrap(), &x);
        }
    }
}
