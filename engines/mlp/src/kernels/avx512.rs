//! AVX-512: one register a vector.

use std::arch::x86_64::{
    __m512, _CMP_EQ_OQ, _CMP_GT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T0,
    _MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC, _mm_prefetch, _mm512_add_ps, _mm512_castpd_ps,
    _mm512_castps_pd, _mm512_cmp_ps_mask, _mm512_div_ps, _mm512_fmadd_ps, _mm512_getexp_ps,
    _mm512_getmant_ps, _mm512_load_ps, _mm512_loadu_ps, _mm512_mask_blend_ps, _mm512_maskz_mov_ps,
    _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_roundscale_ps,
    _mm512_scalef_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_sqrt_ps,
    _mm512_store_ps, _mm512_storeu_ps, _mm512_sub_ps, _mm512_unpackhi_pd, _mm512_unpackhi_ps,
    _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::Lanes;
use super::simd::Simd;

/// x86-64 with AVX-512 F, DQ and VL.
#[derive(Clone, Copy)]
pub(super) struct Avx512;

// SAFETY, of every block below: the machine has AVX-512 F, DQ and VL, and pointers are those of lanes, which
// are aligned to 64 bytes, as callers of `Simd` promise.
impl Simd for Avx512 {
    type Vector = __m512;
    type Sum = __m512;
    const RESULTS: usize = 8;
    const BLOCKS: usize = 2;
    const INPUTS: usize = 8;

    #[inline(always)]
    unsafe fn load(from: *const Lanes) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_load_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_numbers(from: *const f32) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: as for all blocks here.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose(rows: [__m512; 16]) -> [__m512; 16] {
        let (mut quads, mut columns) = (rows, rows);
        // SAFETY: as for all blocks here.
        unsafe {
            // Afterwards quarter `q` of `quads[4 * g + j]` is column `4 * q + j` of rows
            // `4 * g..4 * g + 4`.
            for g in 0..4 {
                let at = 4 * g;
                let ab_low = _mm512_castps_pd(_mm512_unpacklo_ps(rows[at], rows[at + 1]));
                let ab_high = _mm512_castps_pd(_mm512_unpackhi_ps(rows[at], rows[at + 1]));
                let cd_low = _mm512_castps_pd(_mm512_unpacklo_ps(rows[at + 2], rows[at + 3]));
                let cd_high = _mm512_castps_pd(_mm512_unpackhi_ps(rows[at + 2], rows[at + 3]));
                quads[at] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_low, cd_low));
                quads[at + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_low, cd_low));
                quads[at + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high));
                quads[at + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high));
            }
            for j in 0..4 {
                let (a, b) = (quads[j], quads[4 + j]);
                let (c, d) = (quads[8 + j], quads[12 + j]);
                let ab_low = _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b);
                let ab_high = _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b);
                let cd_low = _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d);
                let cd_high = _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d);
                columns[j] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_low, cd_low);
                columns[4 + j] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_low, cd_low);
                columns[8 + j] = _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_high, cd_high);
                columns[12 + j] = _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_high, cd_high);
            }
        }
        columns
    }

    #[inline(always)]
    unsafe fn store(to: *mut Lanes, x: __m512) {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_store_ps(to.cast(), x) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(x: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_sqrt_ps(x) }
    }

    #[inline(always)]
    unsafe fn at_least(x: __m512, least: __m512) -> __m512 {
        // Of a NaN and a number, the instruction returns the second.
        // SAFETY: as for all blocks here.
        unsafe { _mm512_max_ps(least, x) }
    }

    #[inline(always)]
    unsafe fn at_most(x: __m512, most: __m512) -> __m512 {
        // As `at_least`.
        // SAFETY: as for all blocks here.
        unsafe { _mm512_min_ps(most, x) }
    }

    #[inline(always)]
    unsafe fn round(x: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x) }
    }

    #[inline(always)]
    unsafe fn if_greater(a: __m512, b: __m512, then: __m512, otherwise: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), otherwise, then) }
    }

    #[inline(always)]
    unsafe fn if_equal(a: __m512, b: __m512, then: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), then) }
    }

    #[inline(always)]
    unsafe fn power_of_two(x: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), x) }
    }

    #[inline(always)]
    unsafe fn split(x: __m512) -> (__m512, __m512) {
        // SAFETY: as for all blocks here.
        unsafe {
            let mantissa = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(x);
            (mantissa, _mm512_getexp_ps(x))
        }
    }

    #[inline(always)]
    unsafe fn zero_sum() -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn add_products(sum: __m512, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_fmadd_ps(a, b, sum) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m512) -> f32 {
        // SAFETY: as for all blocks here.
        unsafe { _mm512_reduce_add_ps(sum) }
    }

    #[inline(always)]
    unsafe fn totals<const I: usize, const O: usize>(sums: [[__m512; O]; I]) -> [[f32; O]; I] {
        let mut totals = [[0.0; O]; I];
        // SAFETY: as for all blocks here.
        let mut flat = [unsafe { Self::zero_sum() }; 16];
        for (k, flat) in flat.iter_mut().enumerate() {
            if k < I * O {
                *flat = sums[k / O][k % O];
            }
        }
        let mut numbers = [0.0; 16];
        // SAFETY: as for all blocks here.
        unsafe {
            // Four registers to one: in each quarter of it, the four sums over that quarter.
            let mut quarters = [Self::zero_sum(); 4];
            for (at, quarters) in quarters.iter_mut().enumerate() {
                let ab = add_unpacked(flat[4 * at], flat[4 * at + 1]);
                let cd = add_unpacked(flat[4 * at + 2], flat[4 * at + 3]);
                let [ab, cd] = [_mm512_castps_pd(ab), _mm512_castps_pd(cd)];
                let low = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
                *quarters = _mm512_add_ps(low, _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
            }
            let [a, b, c, d] = quarters;
            let all = add_quarters(add_quarters(a, b), add_quarters(c, d));
            _mm512_storeu_ps(numbers.as_mut_ptr(), all);
        }
        for k in 0..I * O {
            totals[k / O][k % O] = numbers[k];
        }
        totals
    }
}

#[inline(always)]
unsafe fn add_unpacked(a: __m512, b: __m512) -> __m512 {
    // SAFETY: as above.
    unsafe { _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)) }
}

/// Adds quarters 0 and 1, and 2 and 3, first of `a`, then of `b`.
#[inline(always)]
unsafe fn add_quarters(a: __m512, b: __m512) -> __m512 {
    // SAFETY: as above.
    unsafe {
        _mm512_add_ps(
            _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b),
        )
    }
}
