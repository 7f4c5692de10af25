//! What kernels need of a machine: vectors of 16 samples.

use super::Lanes;

/// Vectors of 16 float32 on one kind of machine.
///
/// Kernels are written once over this trait and compiled once a path. All methods are inlined into
/// a function that enables the machine's features.
///
/// # Safety
/// Methods may be called only where the machine has the features of the path, and pointers must
/// be those of lanes that can be read or written.
pub(crate) trait Simd: Copy {
    /// 16 numbers.
    type Vector: Copy;
    /// A sum over lanes that is not finished.
    type Sum: Copy;
    /// How many results a linear layer keeps in registers at a time: 1, 2, 4 or 8.
    const RESULTS: usize;
    /// For how many blocks: 1 or 2.
    const BLOCKS: usize;
    /// How many inputs a gradient by weights keeps in registers at a time, for 2 results: 4 or 8.
    const INPUTS: usize;

    unsafe fn load(from: *const Lanes) -> Self::Vector;
    /// As [`Simd::load`], from 16 numbers anywhere.
    unsafe fn load_numbers(from: *const f32) -> Self::Vector;
    /// Says that the numbers there will be read soon; any address will do.
    unsafe fn prefetch(from: *const f32);
    /// Exchanges rows and columns.
    unsafe fn transpose(rows: [Self::Vector; 16]) -> [Self::Vector; 16];
    unsafe fn store(to: *mut Lanes, x: Self::Vector);
    unsafe fn splat(x: f32) -> Self::Vector;
    /// `a * b + c`.
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sqrt(x: Self::Vector) -> Self::Vector;
    /// The larger one, of equal ones `x`; NaN where `x` is NaN.
    unsafe fn at_least(x: Self::Vector, least: Self::Vector) -> Self::Vector;
    /// The smaller one; NaN where `x` is NaN.
    unsafe fn at_most(x: Self::Vector, most: Self::Vector) -> Self::Vector;
    /// The nearest whole number, of two equally near ones the even one; zero keeps its sign.
    unsafe fn round(x: Self::Vector) -> Self::Vector;
    /// `then` where `a > b`, else `otherwise`.
    unsafe fn if_greater(
        a: Self::Vector,
        b: Self::Vector,
        then: Self::Vector,
        otherwise: Self::Vector,
    ) -> Self::Vector;
    /// `then` where `a == b`, else 0.
    unsafe fn if_equal(a: Self::Vector, b: Self::Vector, then: Self::Vector) -> Self::Vector;
    /// Two to the power of whole numbers in `-126..=127`.
    unsafe fn power_of_two(x: Self::Vector) -> Self::Vector;
    /// `(m, e)` with `x = m * 2^e` and `m` in `1.0..2.0`, for normal positive numbers.
    unsafe fn split(x: Self::Vector) -> (Self::Vector, Self::Vector);

    unsafe fn zero_sum() -> Self::Sum;
    /// Adds the products of the lanes to a sum.
    unsafe fn add_products(sum: Self::Sum, a: Self::Vector, b: Self::Vector) -> Self::Sum;
    /// Finishes a sum.
    unsafe fn total(sum: Self::Sum) -> f32;
    /// Finishes sums, as [`Simd::total`] but in another order of additions.
    #[inline(always)]
    unsafe fn totals<const I: usize, const O: usize>(sums: [[Self::Sum; O]; I]) -> [[f32; O]; I] {
        let mut totals = [[0.0; O]; I];
        for i in 0..I {
            for o in 0..O {
                // SAFETY: as the caller promises.
                totals[i][o] = unsafe { Self::total(sums[i][o]) };
            }
        }
        totals
    }
}
