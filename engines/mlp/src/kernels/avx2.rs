//! AVX2 with FMA: two registers of 8 numbers a vector.

use std::arch::x86_64::{
    __m256, _CMP_EQ_OQ, _CMP_GT_OQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T0,
    _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps, _mm256_and_si256, _mm256_blendv_ps,
    _mm256_castpd_ps, _mm256_castps_pd, _mm256_castps_si256, _mm256_castps256_ps128,
    _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_load_ps, _mm256_loadu_ps,
    _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_permute2f128_ps,
    _mm256_round_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32,
    _mm256_sqrt_ps, _mm256_srli_epi32, _mm256_store_ps, _mm256_storeu_ps, _mm256_sub_epi32,
    _mm256_sub_ps, _mm256_unpackhi_pd, _mm256_unpackhi_ps, _mm256_unpacklo_pd, _mm256_unpacklo_ps,
};

use super::Lanes;
use super::simd::Simd;

/// x86-64 with AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

type Vector = [__m256; 2];

// SAFETY, of every block below: the machine has AVX2 and FMA, and pointers are those of lanes, which
// are aligned to 64 bytes, as callers of `Simd` promise.
impl Simd for Avx2 {
    type Vector = Vector;
    type Sum = __m256;
    const RESULTS: usize = 4;
    const BLOCKS: usize = 1;
    const INPUTS: usize = 4;

    #[inline(always)]
    unsafe fn load(from: *const Lanes) -> Vector {
        let from = from.cast::<f32>();
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_load_ps(from), _mm256_load_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn load_numbers(from: *const f32) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const f32) {
        // SAFETY: as for all blocks here.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose(rows: [Vector; 16]) -> [Vector; 16] {
        let mut columns = rows;
        for of_rows in 0..2 {
            for of_columns in 0..2 {
                let mut eight = [rows[0][0]; 8];
                for k in 0..8 {
                    eight[k] = rows[8 * of_rows + k][of_columns];
                }
                // SAFETY: as for all blocks here.
                let eight = unsafe { transpose_eight(eight) };
                for k in 0..8 {
                    columns[8 * of_columns + k][of_rows] = eight[k];
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
            _mm256_store_ps(to, x[0]);
            _mm256_store_ps(to.add(8), x[1]);
        }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    unsafe fn fma(a: Vector, b: Vector, c: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe {
            [
                _mm256_fmadd_ps(a[0], b[0], c[0]),
                _mm256_fmadd_ps(a[1], b[1], c[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn add(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn sub(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn mul(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn div(a: Vector, b: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }

    #[inline(always)]
    unsafe fn sqrt(x: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_sqrt_ps(x[0]), _mm256_sqrt_ps(x[1])] }
    }

    #[inline(always)]
    unsafe fn at_least(x: Vector, least: Vector) -> Vector {
        // Of a NaN and a number, the instruction returns the second.
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_max_ps(least[0], x[0]), _mm256_max_ps(least[1], x[1])] }
    }

    #[inline(always)]
    unsafe fn at_most(x: Vector, most: Vector) -> Vector {
        // As `at_least`.
        // SAFETY: as for all blocks here.
        unsafe { [_mm256_min_ps(most[0], x[0]), _mm256_min_ps(most[1], x[1])] }
    }

    #[inline(always)]
    unsafe fn round(x: Vector) -> Vector {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: as for all blocks here.
        unsafe {
            [
                _mm256_round_ps::<NEAREST>(x[0]),
                _mm256_round_ps::<NEAREST>(x[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn if_greater(a: Vector, b: Vector, then: Vector, otherwise: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe {
            let mask = [
                _mm256_cmp_ps::<_CMP_GT_OQ>(a[0], b[0]),
                _mm256_cmp_ps::<_CMP_GT_OQ>(a[1], b[1]),
            ];
            [
                _mm256_blendv_ps(otherwise[0], then[0], mask[0]),
                _mm256_blendv_ps(otherwise[1], then[1], mask[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn if_equal(a: Vector, b: Vector, then: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe {
            [
                _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a[0], b[0]), then[0]),
                _mm256_and_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a[1], b[1]), then[1]),
            ]
        }
    }

    #[inline(always)]
    unsafe fn power_of_two(x: Vector) -> Vector {
        // SAFETY: as for all blocks here.
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let [a, b] = [_mm256_cvtps_epi32(x[0]), _mm256_cvtps_epi32(x[1])];
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(a, bias))),
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(b, bias))),
            ]
        }
    }

    #[inline(always)]
    unsafe fn split(x: Vector) -> (Vector, Vector) {
        // SAFETY: as for all blocks here.
        unsafe {
            let (low, one) = (
                _mm256_set1_epi32(0x007f_ffff),
                _mm256_set1_epi32(0x3f80_0000),
            );
            let bias = _mm256_set1_epi32(127);
            let [a, b] = [_mm256_castps_si256(x[0]), _mm256_castps_si256(x[1])];
            let mantissas = [
                _mm256_castsi256_ps(_mm256_or_si256(_mm256_and_si256(a, low), one)),
                _mm256_castsi256_ps(_mm256_or_si256(_mm256_and_si256(b, low), one)),
            ];
            let exponents = [
                _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32::<23>(a), bias)),
                _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32::<23>(b), bias)),
            ];
            (mantissas, exponents)
        }
    }

    #[inline(always)]
    unsafe fn zero_sum() -> __m256 {
        // SAFETY: as for all blocks here.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn add_products(sum: __m256, a: Vector, b: Vector) -> __m256 {
        // SAFETY: as for all blocks here.
        unsafe { _mm256_fmadd_ps(a[1], b[1], _mm256_fmadd_ps(a[0], b[0], sum)) }
    }

    #[inline(always)]
    unsafe fn total(sum: __m256) -> f32 {
        // SAFETY: as for all blocks here.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    unsafe fn totals<const I: usize, const O: usize>(sums: [[__m256; O]; I]) -> [[f32; O]; I] {
        let mut totals = [[0.0; O]; I];
        // SAFETY: as for all blocks here.
        let mut flat = [unsafe { Self::zero_sum() }; 8];
        for (k, flat) in flat.iter_mut().enumerate() {
            if k < I * O {
                *flat = sums[k / O][k % O];
            }
        }
        let mut numbers = [0.0; 8];
        // SAFETY: as for all blocks here.
        unsafe {
            let (a, b) = (
                halves([flat[0], flat[1], flat[2], flat[3]]),
                halves([flat[4], flat[5], flat[6], flat[7]]),
            );
            let all = _mm256_add_ps(
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x31>(a, b),
            );
            _mm256_storeu_ps(numbers.as_mut_ptr(), all);
        }
        for k in 0..I * O {
            totals[k / O][k % O] = numbers[k];
        }
        totals
    }
}

/// Four registers to one: in each half of it, the four sums over that half.
#[inline(always)]
unsafe fn halves(x: [__m256; 4]) -> __m256 {
    // SAFETY: as above.
    unsafe { _mm256_hadd_ps(_mm256_hadd_ps(x[0], x[1]), _mm256_hadd_ps(x[2], x[3])) }
}

#[inline(always)]
unsafe fn transpose_eight(rows: [__m256; 8]) -> [__m256; 8] {
    let (mut quads, mut columns) = (rows, rows);
    // SAFETY: as above.
    unsafe {
        // Afterwards half `h` of `quads[4 * g + j]` is column `4 * h + j` of rows `4 * g..4 * g + 4`.
        for g in 0..2 {
            let at = 4 * g;
            let ab_low = _mm256_castps_pd(_mm256_unpacklo_ps(rows[at], rows[at + 1]));
            let ab_high = _mm256_castps_pd(_mm256_unpackhi_ps(rows[at], rows[at + 1]));
            let cd_low = _mm256_castps_pd(_mm256_unpacklo_ps(rows[at + 2], rows[at + 3]));
            let cd_high = _mm256_castps_pd(_mm256_unpackhi_ps(rows[at + 2], rows[at + 3]));
            quads[at] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab_low, cd_low));
            quads[at + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab_low, cd_low));
            quads[at + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(ab_high, cd_high));
            quads[at + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(ab_high, cd_high));
        }
        for j in 0..4 {
            columns[j] = _mm256_permute2f128_ps::<0x20>(quads[j], quads[4 + j]);
            columns[4 + j] = _mm256_permute2f128_ps::<0x31>(quads[j], quads[4 + j]);
        }
    }
    columns
}
