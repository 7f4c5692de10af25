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
pub(super) fn quantize(format: &impl Element, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y = format.quantize(*x);
    }
}

/// Takes away gradients that do not pass.
pub(super) fn mask(format: &impl Element, x: &[f32], gradient: &mut [f32]) {
    for (gradient, x) in gradient.iter_mut().zip(x) {
        *gradient *= f32::from(u8::from(format.passes(*x)));
    }
}
