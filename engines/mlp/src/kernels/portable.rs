//! Plain arrays: for every machine, and the path that Miri can follow.

use super::Lanes;
use super::simd::Simd;

/// Arrays of 16 numbers, which compilers turn into the vectors that a machine has.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn map(x: [f32; 16], f: impl Fn(f32) -> f32) -> [f32; 16] {
    let mut y = [0.0; 16];
    for k in 0..16 {
        y[k] = f(x[k]);
    }
    y
}

#[inline(always)]
fn zip(a: [f32; 16], b: [f32; 16], f: impl Fn(f32, f32) -> f32) -> [f32; 16] {
    let mut y = [0.0; 16];
    for k in 0..16 {
        y[k] = f(a[k], b[k]);
    }
    y
}

/// `a * b + c`, rounded once where the machine is known to do so: elsewhere it is a slow call.
#[inline(always)]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

impl Simd for Portable {
    type Vector = [f32; 16];
    type Sum = [f32; 4];
    const RESULTS: usize = 2;
    const BLOCKS: usize = 1;
    const INPUTS: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const Lanes) -> [f32; 16] {
        // SAFETY: the caller's lanes can be read.
        unsafe { (*from).0 }
    }

    #[inline(always)]
    unsafe fn load_numbers(from: *const f32) -> [f32; 16] {
        // SAFETY: the caller's 16 numbers can be read.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn prefetch(_from: *const f32) {}

    #[inline(always)]
    unsafe fn transpose(rows: [[f32; 16]; 16]) -> [[f32; 16]; 16] {
        let mut columns = [[0.0; 16]; 16];
        for (r, row) in rows.iter().enumerate() {
            for (c, column) in columns.iter_mut().enumerate() {
                column[r] = row[c];
            }
        }
        columns
    }

    #[inline(always)]
    unsafe fn store(to: *mut Lanes, x: [f32; 16]) {
        // SAFETY: the caller's lanes can be written.
        unsafe { (*to).0 = x }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 16] {
        [x; 16]
    }

    #[inline(always)]
    unsafe fn fma(a: [f32; 16], b: [f32; 16], c: [f32; 16]) -> [f32; 16] {
        let mut y = [0.0; 16];
        for k in 0..16 {
            y[k] = fma(a[k], b[k], c[k]);
        }
        y
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(a: [f32; 16], b: [f32; 16]) -> [f32; 16] {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn sqrt(x: [f32; 16]) -> [f32; 16] {
        map(x, f32::sqrt)
    }

    #[inline(always)]
    unsafe fn at_least(x: [f32; 16], least: [f32; 16]) -> [f32; 16] {
        zip(x, least, |x, least| if x < least { least } else { x })
    }

    #[inline(always)]
    unsafe fn at_most(x: [f32; 16], most: [f32; 16]) -> [f32; 16] {
        zip(x, most, |x, most| if x > most { most } else { x })
    }

    #[inline(always)]
    unsafe fn round(x: [f32; 16]) -> [f32; 16] {
        map(x, f32::round_ties_even)
    }

    #[inline(always)]
    unsafe fn if_greater(
        a: [f32; 16],
        b: [f32; 16],
        then: [f32; 16],
        otherwise: [f32; 16],
    ) -> [f32; 16] {
        let mut y = otherwise;
        for k in 0..16 {
            y[k] = if a[k] > b[k] { then[k] } else { otherwise[k] };
        }
        y
    }

    #[inline(always)]
    unsafe fn if_equal(a: [f32; 16], b: [f32; 16], then: [f32; 16]) -> [f32; 16] {
        let mut y = [0.0; 16];
        for k in 0..16 {
            y[k] = if a[k] == b[k] { then[k] } else { 0.0 };
        }
        y
    }

    #[inline(always)]
    unsafe fn power_of_two(x: [f32; 16]) -> [f32; 16] {
        map(x, |x| {
            f32::from_bits(((x as i32).wrapping_add(127) << 23) as u32)
        })
    }

    #[inline(always)]
    unsafe fn split(x: [f32; 16]) -> ([f32; 16], [f32; 16]) {
        let mantissa = |x: f32| f32::from_bits((x.to_bits() & 0x007f_ffff) | 0x3f80_0000);
        let exponent = |x: f32| ((x.to_bits() >> 23) as i32 - 127) as f32;
        (map(x, mantissa), map(x, exponent))
    }

    #[inline(always)]
    unsafe fn zero_sum() -> [f32; 4] {
        [0.0; 4]
    }

    #[inline(always)]
    unsafe fn add_products(mut sum: [f32; 4], a: [f32; 16], b: [f32; 16]) -> [f32; 4] {
        for quarter in 0..4 {
            for k in 0..4 {
                sum[k] = fma(a[4 * quarter + k], b[4 * quarter + k], sum[k]);
            }
        }
        sum
    }

    #[inline(always)]
    unsafe fn total(sum: [f32; 4]) -> f32 {
        (sum[0] + sum[2]) + (sum[1] + sum[3])
    }
}
