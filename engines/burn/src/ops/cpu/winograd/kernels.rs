//! Kernels to points and back: `G k Gᵀ` and `Gᵀ u G`.

use macerator::{Simd, Vector};
use rayon::prelude::*;

use super::super::scratch::Scratch;
use super::super::simd::{BLOCK, splat, store};
use super::tiles::{at_points, column};
use super::{POINTS, READ, blocks};

/// Kernels of 3x3 as they lie in the weights: a matrix of terms by columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels {
    pub(super) n_terms: usize,
    pub(super) n_columns: usize,
    /// From one term to the next.
    pub(super) term: usize,
    /// From one column to the next.
    pub(super) column: usize,
    /// Whether the kernels are turned by half a turn.
    pub(super) turned: bool,
}

impl Kernels {
    /// Transforms all: `[block of columns][point][term][BLOCK]`, zeros in columns that are none.
    pub(super) fn transformed(self, weight: &[f32]) -> Scratch {
        let size = POINTS * self.n_terms * BLOCK;
        let mut transformed = Scratch::new(blocks(self.n_columns) * size);
        let columns = transformed.par_chunks_mut(size).enumerate();
        columns.for_each(|(block, to)| transform_kernels(weight, to, block, self));
        transformed
    }
}

/// Transforms a block of kernels: `G k Gᵀ`.
#[macerator::with_simd]
fn transform_kernels<S: Simd>(weight: &[f32], to: &mut [f32], block: usize, kernels: Kernels) {
    let width = BLOCK.min(kernels.n_columns - block * BLOCK);
    let point = kernels.n_terms * BLOCK;
    let mut taps = [0.0; 9 * BLOCK];
    for term in 0..kernels.n_terms {
        for column in 0..width {
            let from = (block * BLOCK + column) * kernels.column + term * kernels.term;
            for (tap, number) in weight[from..from + 9].iter().enumerate() {
                let tap = if kernels.turned { 8 - tap } else { tap };
                taps[tap * BLOCK + column] = *number;
            }
        }
        for start in (0..BLOCK).step_by(S::lanes32()) {
            let mut across = [[splat::<S>(0.0); READ]; 3];
            for y in 0..3 {
                across[y] = widen(at_points(&taps[y * 3 * BLOCK + start..], BLOCK));
            }
            for x in 0..READ {
                let down = widen(column(&across, x));
                for y in 0..READ {
                    let at = (y * READ + x) * point + term * BLOCK + start;
                    store(&mut to[at..], down[y]);
                }
            }
        }
    }
}

/// Transforms the gradient by points into that by a block of kernels: `Gᵀ u G`.
#[macerator::with_simd]
pub(super) fn transform_back<S: Simd>(
    by_point: &[f32],
    point: usize,
    weight: &mut [f32],
    n_terms: usize,
) {
    let width = weight.len() / (n_terms * 9);
    let mut taps = [0.0; 9 * BLOCK];
    for term in 0..n_terms {
        for start in (0..BLOCK).step_by(S::lanes32()) {
            let from = &by_point[term * BLOCK + start..];
            let mut across = [[splat::<S>(0.0); 3]; READ];
            for y in 0..READ {
                across[y] = narrow(at_points(&from[y * READ * point..], point));
            }
            for x in 0..3 {
                let down = narrow(column(&across, x));
                for y in 0..3 {
                    store(&mut taps[(y * 3 + x) * BLOCK + start..], down[y]);
                }
            }
        }
        for column in 0..width {
            let to = &mut weight[(column * n_terms + term) * 9..][..9];
            for (tap, to) in to.iter_mut().enumerate() {
                *to = taps[tap * BLOCK + column];
            }
        }
    }
}

/// `G k`.
#[inline(always)]
fn widen<S: Simd>(k: [Vector<S, f32>; 3]) -> [Vector<S, f32>; READ] {
    let (quarter, sixth) = (splat(0.25), splat(-1.0 / 6.0));
    let (twelfth, twenty_fourth) = (splat(1.0 / 12.0), splat(1.0 / 24.0));
    let even = (k[0] + k[2]) * sixth;
    let far = k[0].mul_add(twenty_fourth, k[2] * splat(1.0 / 6.0));
    [
        k[0] * quarter,
        k[1].mul_add(sixth, even),
        even - k[1] * sixth,
        k[1].mul_add(twelfth, far),
        far - k[1] * twelfth,
        k[2],
    ]
}

/// `Gᵀ u`, the transpose of [`widen`].
#[inline(always)]
fn narrow<S: Simd>(u: [Vector<S, f32>; READ]) -> [Vector<S, f32>; 3] {
    let (quarter, sixth) = (splat(0.25), splat(1.0 / 6.0));
    let (twelfth, twenty_fourth) = (splat(1.0 / 12.0), splat(1.0 / 24.0));
    let (sum, difference) = (u[1] + u[2], u[2] - u[1]);
    let (far_sum, far_difference) = (u[3] + u[4], u[3] - u[4]);
    [
        u[0].mul_add(quarter, far_sum * twenty_fourth) - sum * sixth,
        difference.mul_add(sixth, far_difference * twelfth),
        (far_sum - sum).mul_add(sixth, u[5]),
    ]
}
