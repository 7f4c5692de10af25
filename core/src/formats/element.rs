//! Formats that store each number on its own.

/// Stores each number on its own.
pub trait Element: Copy {
    /// Returns the number that is stored for `x`; NaN stays NaN.
    fn quantize(&self, x: f32) -> f32;

    /// Returns whether a gradient passes through where `x` was stored: inside the range. It does
    /// not where `x` is NaN.
    fn passes(&self, x: f32) -> bool;
}

/// Stores numbers one by one.
#[inline(always)]
pub(super) fn quantize(format: &impl Element, x: &[f32], y: &mut [f32]) {
    // A copy, so that the loop does not read it again for fear of having written into it.
    let format = *format;
    for (y, x) in y.iter_mut().zip(x) {
        *y = format.quantize(*x);
    }
}

/// Takes away gradients that do not pass.
#[inline(always)]
pub(super) fn mask(format: &impl Element, x: &[f32], gradient: &mut [f32]) {
    let format = *format;
    for (gradient, x) in gradient.iter_mut().zip(x) {
        *gradient = passed(&format, *x, *gradient);
    }
}

/// Returns a gradient, or zero with its sign where it does not pass; NaN and infinities do not become
/// zero.
#[inline(always)]
pub(super) fn passed(format: &impl Element, x: f32, gradient: f32) -> f32 {
    gradient * if format.passes(x) { 1.0 } else { 0.0 }
}
