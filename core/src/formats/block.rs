//! Numbers of a block share an exponent.

use super::bits::{
    EXPONENT_MAX, INFINITE, MANTISSA, TO_NEAREST_POWER, TO_POWER_ABOVE, magnitude, of_magnitude,
    power_of_two,
};
use super::{Element, Layout, Shared};

/// Blocks along the channels ([`Layout`]): in each the largest absolute value chooses a power of two,
/// and what numbers are in units of it is stored one by one.
///
/// The exponent of that power, the largest number that there can be in a block but for its mantissa,
/// is what a block shares. It is cut off at the limits of its own bits; numbers that are too large
/// then become the largest there are. Infinities count as the largest float32 and NaN does not count.
/// In a block of zeros they stay what they are; a block that is cut short by the end of the channels
/// stores what it would with zeros after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block<E> {
    pub(super) element: E,
    pub(super) size: usize,
    pub(super) shared: SharedExponent,
}

/// How the exponent that a block shares follows from its largest absolute value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SharedExponent {
    /// Bits of it.
    width: u32,
    /// What is added to the bits of the largest value to round its logarithm.
    rounding: i32,
    /// The exponent is the rounded logarithm times this, and plus that.
    times: i32,
    plus: i32,
    /// Its limits.
    least: i32,
    most: i32,
}

/// How the logarithm of the largest absolute value is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    Down,
    Nearest,
    Up,
}

/// Numbers that lie beside each other and are looked at together.
const TILE: usize = 64;
/// Limits of exponents: both powers of two, with and without minus, are float32.
const LIMIT: i32 = 127;
/// The exponent that subnormal numbers are multiplied with to be normal ones.
const GROWN: i32 = 32;

impl SharedExponent {
    /// Returns the rounded logarithm plus a number, in `width` bits.
    pub(super) fn new(width: u32, rounding: Rounding, plus: i32, [least, most]: [i32; 2]) -> Self {
        Self {
            width,
            rounding: match rounding {
                Rounding::Down => 0,
                Rounding::Nearest => TO_NEAREST_POWER,
                Rounding::Up => TO_POWER_ABOVE,
            },
            times: 1,
            plus,
            least: least.clamp(-LIMIT, LIMIT),
            most: most.clamp(-LIMIT, LIMIT),
        }
    }

    /// Returns the exponent that sinks where the numbers grow.
    pub(super) fn falling(self) -> Self {
        Self { times: -1, ..self }
    }

    /// Returns the exponent for the bits of a largest absolute value.
    #[inline(always)]
    fn of(&self, largest: i32) -> i32 {
        // Zeros stay zeros at any exponent: that of 1 is the cheapest.
        let largest = match largest {
            0 => magnitude(1.0),
            _ => largest.min(INFINITE - 1),
        };
        // What is too small to have an exponent is made larger first.
        let is_subnormal = largest < magnitude(f32::MIN_POSITIVE);
        let grown = magnitude(of_magnitude(largest) * power_of_two(GROWN));
        let (largest, grown) = match is_subnormal {
            true => (grown, GROWN),
            false => (largest, 0),
        };
        // Nothing of it overflows; without checks loops over places become vectors.
        let power = largest.wrapping_add(self.rounding) >> MANTISSA;
        let logarithm = power.wrapping_sub(EXPONENT_MAX).wrapping_sub(grown);
        let exponent = logarithm.wrapping_mul(self.times).wrapping_add(self.plus);
        exponent.max(self.least).min(self.most)
    }
}

/// An element in units of a power of two.
#[derive(Debug, Clone, Copy)]
struct Scaled<E> {
    element: E,
    units: f32,
    unit: f32,
}

impl<E: Element> Element for Scaled<E> {
    #[inline(always)]
    fn quantize(&self, x: f32) -> f32 {
        self.element.quantize(x * self.units) * self.unit
    }

    #[inline(always)]
    fn passes(&self, x: f32) -> bool {
        self.element.passes(x * self.units)
    }
}

impl<E: Element> Block<E> {
    pub(super) fn shared(&self) -> Shared {
        Shared::Block {
            size: self.size,
            bits: self.shared.width,
        }
    }

    #[inline(always)]
    pub(super) fn quantize(&self, x: &[f32], layout: Layout, y: &mut [f32]) {
        self.each(x, layout, y, |element, x, _| element.quantize(x));
    }

    #[inline(always)]
    pub(super) fn mask(&self, x: &[f32], layout: Layout, gradient: &mut [f32]) {
        self.each(x, layout, gradient, |element, x, gradient| {
            super::element::passed(&element, x, gradient)
        });
    }

    #[inline(always)]
    fn fit(&self, largest: i32) -> Scaled<E> {
        let exponent = self.shared.of(largest);
        Scaled {
            element: self.element,
            units: power_of_two(-exponent),
            unit: power_of_two(exponent),
        }
    }

    /// Changes each `y` by the format of its block and its `x`.
    #[inline(always)]
    fn each(
        &self,
        x: &[f32],
        layout: Layout,
        y: &mut [f32],
        change: impl Fn(Scaled<E>, f32, f32) -> f32,
    ) {
        let run = layout.channels * layout.inner;
        if run == 0 {
            return;
        }
        let size = self.size.min(layout.channels);
        // Where channels lie beside each other, several blocks are looked at together.
        let (part, is_run) = match layout.inner {
            1 => ((TILE / size).max(1) * size, true),
            inner => (size * inner, false),
        };
        for (x, y) in x.chunks_exact(run).zip(y.chunks_exact_mut(run)) {
            for (x, y) in x.chunks(part).zip(y.chunks_mut(part)) {
                match is_run {
                    true => self.each_of_run(x, size, y, &change),
                    false => self.each_of_places(x, layout.inner, y, &change),
                }
            }
        }
    }

    /// Changes the numbers of blocks that lie one after the other: one that is long, or several.
    #[inline(always)]
    fn each_of_run(
        &self,
        x: &[f32],
        size: usize,
        y: &mut [f32],
        change: &impl Fn(Scaled<E>, f32, f32) -> f32,
    ) {
        let largest = |x: &[f32]| x.iter().fold(0, |largest, x| larger(largest, *x));
        if size > TILE {
            let scaled = self.fit(largest(x));
            for (x, y) in x.iter().zip(y) {
                *y = change(scaled, *x, *y);
            }
            return;
        }
        let (mut units, mut unit) = ([0.0; TILE], [0.0; TILE]);
        let of_blocks = units.chunks_mut(size).zip(unit.chunks_mut(size));
        for (x, (units, unit)) in x.chunks(size).zip(of_blocks) {
            let scaled = self.fit(largest(x));
            units.fill(scaled.units);
            unit.fill(scaled.unit);
        }
        self.each_of_tile(x, &units, &unit, y, change);
    }

    /// Changes the numbers of blocks that lie side by side: one for each of `inner` places.
    #[inline(always)]
    fn each_of_places(
        &self,
        x: &[f32],
        inner: usize,
        y: &mut [f32],
        change: &impl Fn(Scaled<E>, f32, f32) -> f32,
    ) {
        for start in (0..inner).step_by(TILE) {
            let places = start..inner.min(start + TILE);
            let mut largest = [0; TILE];
            for x in x.chunks_exact(inner) {
                for (largest, x) in largest.iter_mut().zip(&x[places.clone()]) {
                    *largest = larger(*largest, *x);
                }
            }
            let (mut units, mut unit) = ([0.0; TILE], [0.0; TILE]);
            let largest = &largest[..places.len()];
            for ((largest, units), unit) in largest.iter().zip(&mut units).zip(&mut unit) {
                let scaled = self.fit(*largest);
                (*units, *unit) = (scaled.units, scaled.unit);
            }
            for (x, y) in x.chunks_exact(inner).zip(y.chunks_exact_mut(inner)) {
                let (x, y) = (&x[places.clone()], &mut y[places.clone()]);
                self.each_of_tile(x, &units, &unit, y, change);
            }
        }
    }

    /// Changes numbers, each in its own units.
    #[inline(always)]
    fn each_of_tile(
        &self,
        x: &[f32],
        units: &[f32; TILE],
        unit: &[f32; TILE],
        y: &mut [f32],
        change: &impl Fn(Scaled<E>, f32, f32) -> f32,
    ) {
        for ((x, y), (units, unit)) in x.iter().zip(y).zip(units.iter().zip(unit)) {
            let scaled = Scaled {
                element: self.element,
                units: *units,
                unit: *unit,
            };
            *y = change(scaled, *x, *y);
        }
    }
}

/// Returns the larger of bits and those of a number's absolute value, unless it is NaN.
#[inline(always)]
fn larger(largest: i32, x: f32) -> i32 {
    let bits = magnitude(x);
    let bits = if bits > INFINITE { 0 } else { bits };
    if bits > largest { bits } else { largest }
}
