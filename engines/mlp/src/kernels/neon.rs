//! NEON: four registers of 4 numbers a vector.

use std::arch::aarch64::{
    float32x4_t, uint32x4_t, vaddq_f32, vaddvq_f32, vandq_u32, vbslq_f32, vceqq_f32, vcgtq_f32,
    vcombine_f32, vcvtq_f32_s32, vcvtq_s32_f32, vdivq_f32, vdupq_n_f32, vdupq_n_s32, vdupq_n_u32,
    vfmaq_f32, vget_high_f32, vget_low_f32, vld1q_f32, vminq_f32, vmulq_f32, vorrq_u32, vpaddq_f32,
    vreinterpretq_f32_s32, vreinterpretq_f32_u32, vreinterpretq_s32_u32, vreinterpretq_u32_f32,
    vrndnq_f32, vshlq_n_s32, vshrq_n_u32, vsqrtq_f32, vst1q_f32, vsubq_f32, vsubq_s32, vtrn1q_f32,
    vtrn2q_f32,
};
use std::arch::asm;

use super::Lanes;
use super::simd::Simd;

/// AArch64 with NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon;

type Vector = [float32x4_t; 4];

#[inline(always)]
fn map(x: Vector, f: impl Fn(float32x4_t) -> float32x4_t) -> Vector {
    [f(x[0]), f(x[1]), f(x[2]), f(x[3])]
}

#[inline(always)]
fn zip(a: Vector, b: Vector, f: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> Vector {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

// SAFETY, of every block below: the machine has NEON, and pointers are those of lanes, as callers
// of `Simd` promise.
impl Simd for Neon {
    type Vector = Vector;
    type Sum = float32x4_t;
    // A tile of 4 results fills half of the 32 registers, and one of 8 inputs by 2 results likewise:
    // both are the 16 sums in flight that hide the latency of four units, with room for operands.
    const RESULTS: usize = 4;
    const BLOCKS: usize = 1;
    const INPUTS: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const Lanes) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { Self::load_numbers(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_numbers(from: *const f32) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe {
            [
                vld1q_f32(from),
                vld1q_f32(from.add(4)),
                vld1q_f32(from.add(8)),
                vld1q_f32(from.add(12)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // No function of the standard library does this yet.
        // SAFETY: it is a hint, which changes nothing and is ignored where an address is not there.
        unsafe {
            asm!(
                "prfm pldl1keep, [{from}]",
                from = in(reg) from,
                options(nostack, preserves_flags, readonly),
            );
        }
    }

    #[inline(always)]
    unsafe fn transpose(rows: [Vector; 16]) -> [Vector; 16] {
        let mut columns = rows;
        for of_rows in 0..4 {
            for of_columns in 0..4 {
                let mut four = [rows[0][0]; 4];
                for k in 0..4 {
                    four[k] = rows[4 * of_rows + k][of_columns];
                }
                // SAFETY: as for all blocks here.
                let four = unsafe { transpose_four(four) };
                for k in 0..4 {
                    columns[4 * of_columns + k][of_rows] = four[k];
                }
            }
        }
        columns
    }

    #[inline(always)]
    unsafe fn store(to: *mut Lanes, x: Vector) {
        let to = to.cast::<f32>();
        // SAFETY: as for all blocks here.
        unsafe {
            vst1q_f32(to, x[0]);
            vst1q_f32(to.add(4), x[1]);
            vst1q_f32(to.add(8), x[2]);
            vst1q_f32(to.add(12), x[3]);
        }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [vdupq_n_f32(x); 4] }
    }

    #[inline(always)]
    unsafe fn fma(a: Vector, b: Vector, c: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe {
            [
                vfmaq_f32(c[0], a[0], b[0]),
                vfmaq_f32(c[1], a[1], b[1]),
                vfmaq_f32(c[2], a[2], b[2]),
                vfmaq_f32(c[3], a[3], b[3]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        zip(a, b, |a, b| unsafe { vaddq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn sub(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        zip(a, b, |a, b| unsafe { vsubq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn mul(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        zip(a, b, |a, b| unsafe { vmulq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn div(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        zip(a, b, |a, b| unsafe { vdivq_f32(a, b) })
    }

    #[inline(always)]
    unsafe fn sqrt(x: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        map(x, |x| unsafe { vsqrtq_f32(x) })
    }

    #[inline(always)]
    unsafe fn at_least(x: Vector, least: Vector) -> Vector {
        // The instruction for it would make 0 of -0 and 0; every other path keeps `x`, as core does.
        // SAFETY: as for all blocks here.
        zip(x, least, |x, least| unsafe {
            vbslq_f32(vcgtq_f32(least, x), least, x)
        })
    }

    #[inline(always)]
    unsafe fn at_most(x: Vector, most: Vector) -> Vector {
        // Of a NaN and a number, the instruction returns the NaN.
        // SAFETY: as for all blocks here.
        zip(x, most, |x, most| unsafe { vminq_f32(x, most) })
    }

    #[inline(always)]
    unsafe fn round(x: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        map(x, |x| unsafe { vrndnq_f32(x) })
    }

    #[inline(always)]
    unsafe fn if_greater(a: Vector, b: Vector, then: Vector, otherwise: Vector) -> Vector {
        let mut y = otherwise;
        for k in 0..4 {
            // SAFETY: as for all blocks here.
            y[k] = unsafe { vbslq_f32(vcgtq_f32(a[k], b[k]), then[k], otherwise[k]) };
        }
        y
    }

    #[inline(always)]
    unsafe fn if_equal(a: Vector, b: Vector, then: Vector) -> Vector {
        let mut y = then;
        for k in 0..4 {
            // SAFETY: as for all blocks here.
            y[k] = unsafe {
                let bits = vandq_u32(vceqq_f32(a[k], b[k]), vreinterpretq_u32_f32(then[k]));
                vreinterpretq_f32_u32(bits)
            };
        }
        y
    }

    #[inline(always)]
    unsafe fn power_of_two(x: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        map(x, |x| unsafe {
            let biased = vsubq_s32(vcvtq_s32_f32(x), vdupq_n_s32(-127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
        })
    }

    #[inline(always)]
    unsafe fn split(x: Vector) -> (Vector, Vector) {
        let bits = |x| -> uint32x4_t {
            // SAFETY: as for all blocks here.
            unsafe { vreinterpretq_u32_f32(x) }
        };
        // SAFETY: as for all blocks here.
        let mantissa = |x| unsafe {
            let low = vandq_u32(bits(x), vdupq_n_u32(0x007f_ffff));
            vreinterpretq_f32_u32(vorrq_u32(low, vdupq_n_u32(0x3f80_0000)))
        };
        // SAFETY: as for all blocks here.
        let exponent = |x| unsafe {
            let biased = vreinterpretq_s32_u32(vshrq_n_u32::<23>(bits(x)));
            vcvtq_f32_s32(vsubq_s32(biased, vdupq_n_s32(127)))
        };
        (map(x, mantissa), map(x, exponent))
    }

    #[inline(always)]
    unsafe fn zero_sum() -> float32x4_t {
        // SAFETY: as for all blocks here.
        unsafe { vdupq_n_f32(0.0) }
    }

    #[inline(always)]
    unsafe fn add_products(mut sum: float32x4_t, a: Vector, b: Vector) -> float32x4_t {
        for k in 0..4 {
            // SAFETY: as for all blocks here.
            sum = unsafe { vfmaq_f32(sum, a[k], b[k]) };
        }
        sum
    }

    #[inline(always)]
    unsafe fn total(sum: float32x4_t) -> f32 {
        // SAFETY: as for all blocks here.
        unsafe { vaddvq_f32(sum) }
    }

    #[inline(always)]
    unsafe fn totals<const I: usize, const O: usize>(sums: [[float32x4_t; O]; I]) -> [[f32; O]; I] {
        let mut totals = [[0.0; O]; I];
        // SAFETY: as for all blocks here.
        let mut flat = [unsafe { Self::zero_sum() }; 16];
        for (k, flat) in flat.iter_mut().enumerate() {
            if k < I * O {
                *flat = sums[k / O][k % O];
            }
        }
        let mut numbers = [0.0_f32; 16];
        for at in (0..16).step_by(4) {
            // SAFETY: as for all blocks here; 4 of the 16 numbers begin at each `at`.
            unsafe {
                let ab = vpaddq_f32(flat[at], flat[at + 1]);
                let cd = vpaddq_f32(flat[at + 2], flat[at + 3]);
                vst1q_f32(numbers.as_mut_ptr().add(at), vpaddq_f32(ab, cd));
            }
        }
        for k in 0..I * O {
            totals[k / O][k % O] = numbers[k];
        }
        totals
    }
}

#[inline(always)]
unsafe fn transpose_four(rows: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: as above.
    unsafe {
        let (ab_even, ab_odd) = (vtrn1q_f32(rows[0], rows[1]), vtrn2q_f32(rows[0], rows[1]));
        let (cd_even, cd_odd) = (vtrn1q_f32(rows[2], rows[3]), vtrn2q_f32(rows[2], rows[3]));
        [
            vcombine_f32(vget_low_f32(ab_even), vget_low_f32(cd_even)),
            vcombine_f32(vget_low_f32(ab_odd), vget_low_f32(cd_odd)),
            vcombine_f32(vget_high_f32(ab_even), vget_high_f32(cd_even)),
            vcombine_f32(vget_high_f32(ab_odd), vget_high_f32(cd_odd)),
        ]
    }
}
