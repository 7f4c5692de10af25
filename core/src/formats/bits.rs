//! Exact arithmetic on the bits of float32, without branches or calls, so that loops over numbers
//! become vectors on every machine.

/// Bits of a mantissa.
pub(super) const MANTISSA: u32 = f32::MANTISSA_DIGITS - 1;
/// The exponents of the smallest normal float32 and of the largest power of two.
pub(super) const EXPONENT_MIN: i32 = -126;
pub(super) const EXPONENT_MAX: i32 = 127;
/// All bits but the sign.
pub(super) const MAGNITUDE: i32 = i32::MAX;
/// All bits of the exponent: an infinity.
pub(super) const INFINITE: i32 = 0x7f80_0000;
/// What is added to the bits of `x` so that their exponent is `log2(x)` rounded to the nearest: the
/// mantissas from `sqrt(2)` on carry. No float32 lies on the limit, which is irrational.
pub(super) const TO_NEAREST_POWER: i32 = 0x0080_0000 - 0x0035_04f4;
/// What is added so that it is `log2(x)` rounded up.
pub(super) const TO_POWER_ABOVE: i32 = 0x007f_ffff;

/// Returns the bits of `|x|`, which are ordered as the numbers are.
#[inline(always)]
pub(super) fn magnitude(x: f32) -> i32 {
    x.to_bits() as i32 & MAGNITUDE
}

/// Returns the float32 of bits without sign.
#[inline(always)]
pub(super) fn of_magnitude(bits: i32) -> f32 {
    f32::from_bits(bits as u32)
}

/// Returns a number that is not negative with the sign of `x`; NaN where `x` is NaN.
#[inline(always)]
pub(super) fn with_sign_of(size: f32, x: f32) -> f32 {
    let signed = f32::from_bits(size.to_bits() | (x.to_bits() & (1 << 31)));
    if x.is_nan() { x } else { signed }
}

/// Returns the smaller of both, the second where one is NaN.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// Returns `x` between two limits; NaN stays NaN.
#[inline(always)]
pub(super) fn between(x: f32, least: f32, most: f32) -> f32 {
    let x = if x < least { least } else { x };
    if x > most { most } else { x }
}

/// Returns the nearest whole number, of two equally near ones the even; what becomes zero keeps its
/// sign.
///
/// That of the standard library is a call for each number where the machine is not known to have an
/// instruction for it.
#[inline(always)]
pub(super) fn round_ties_even(x: f32) -> f32 {
    // From here on all float32 are whole, and added to less it leaves no place for a fraction.
    const WHOLE: f32 = (1 << MANTISSA) as f32;
    let size = x.abs();
    let rounded = (size + WHOLE) - WHOLE;
    let rounded = if size < WHOLE { rounded } else { size };
    rounded.copysign(x)
}

/// Returns `2^exponent` for exponents of normal float32, and that of -127.
#[inline(always)]
pub(super) fn power_of_two(exponent: i32) -> f32 {
    const HALF_OF_SMALLEST: i32 = 1 << (MANTISSA - 1);
    let bits = exponent.wrapping_add(EXPONENT_MAX) << MANTISSA;
    of_magnitude(bits.max(HALF_OF_SMALLEST))
}

/// Returns the exponent of a normal float32 above 0: `floor(log2(x))`.
pub(super) fn exponent(x: f32) -> i32 {
    (magnitude(x) >> MANTISSA) - EXPONENT_MAX
}

/// Returns the power of two nearest to `x` in its logarithm, for `x` from 0 on; 0 below `2^-126.5`,
/// `2^127` above.
pub(super) fn nearest_power(x: f32) -> f32 {
    // The first float32 above `2^-126.5`; the mantissas of what has no exponent are not those of
    // other numbers.
    const LEAST: i32 = 0x005a_827a;
    let bits = magnitude(x);
    if bits < LEAST {
        return 0.0;
    }
    let most = power_of_two(EXPONENT_MAX);
    of_magnitude((bits + TO_NEAREST_POWER) & INFINITE).min(most)
}

/// Returns the largest float32 that is not above a number.
pub(super) fn at_most(x: f64) -> f32 {
    let nearest = x as f32;
    match f64::from(nearest) > x {
        true => nearest.next_down(),
        false => nearest,
    }
}

/// Returns the largest float32 that is below a number.
pub(super) fn below(x: f64) -> f32 {
    let at_most = at_most(x);
    match f64::from(at_most) < x {
        true => at_most,
        false => at_most.next_down(),
    }
}
