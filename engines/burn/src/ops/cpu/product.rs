//! Products of matrices that lie in memory row by row or in blocks of columns.
//!
//! A kernel keeps a few rows by two vectors of the result in registers and runs along the sum, as
//! in Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", TOMS 2008. What
//! it reads is laid out by whoever made it, so nothing is packed here.

use macerator::{Simd, Vector};

use super::simd::{BLOCK, load, splat, store};

/// Rows that one kernel makes of the result.
const ROWS: usize = 8;

/// How a matrix lies in memory: `(row, column)` is at
/// `row * self.row + column / BLOCK * self.block + column % BLOCK`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    row: usize,
    block: usize,
}

impl Layout {
    /// Row after row, of so many columns.
    pub(super) fn rows(n_columns: usize) -> Self {
        Self {
            row: n_columns,
            block: BLOCK,
        }
    }

    /// Block of columns after block of columns, each with so many numbers.
    pub(super) fn blocks(block: usize) -> Self {
        Self { row: BLOCK, block }
    }
}

/// A matrix to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) layout: Layout,
}

/// Whether a product replaces what it is written to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Write {
    Replace,
    Add,
}

/// The left factor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left<'a> {
    /// As it lies: a row for each row of the result.
    Rows(Matrix<'a>),
    /// Transposed: a column for each row of the result.
    Columns(Matrix<'a>),
}

/// Computes `n_rows x n_columns` numbers, each a sum of `n_terms`.
///
/// The order of additions depends on nothing but the sizes.
#[macerator::with_simd]
pub(super) fn multiply<'a, S: Simd>(
    sizes: [usize; 3],
    left: Left<'a>,
    right: Matrix<'a>,
    result: &mut [f32],
    layout: Layout,
    write: Write,
) {
    let [n_rows, n_columns, n_terms] = sizes;
    // Of a last block that is not full, the terms are copied side by side, with zeros.
    let mut padded = Vec::new();
    for start in (0..n_columns).step_by(BLOCK) {
        let width = BLOCK.min(n_columns - start);
        let first = start / BLOCK * right.layout.block;
        let (terms, stride) = if width == BLOCK {
            (&right.numbers[first..], right.layout.row)
        } else {
            padded.resize(n_terms * BLOCK, 0.0);
            for (term, padded) in padded.chunks_exact_mut(BLOCK).enumerate() {
                let from = first + term * right.layout.row;
                padded[..width].copy_from_slice(&right.numbers[from..from + width]);
            }
            (padded.as_slice(), BLOCK)
        };
        let result = &mut result[start / BLOCK * layout.block..];
        let block = Block {
            left,
            terms,
            stride,
            n_terms,
            width,
            write,
        };
        let mut row = 0;
        while row + ROWS <= n_rows {
            rows::<S, ROWS>(&block, row, &mut result[row * layout.row..], layout.row);
            row += ROWS;
        }
        while row + 2 <= n_rows {
            rows::<S, 2>(&block, row, &mut result[row * layout.row..], layout.row);
            row += 2;
        }
        if row < n_rows {
            rows::<S, 1>(&block, row, &mut result[row * layout.row..], layout.row);
        }
    }
}

/// What the kernels need that make one block of columns of the result.
struct Block<'a> {
    left: Left<'a>,
    /// The right factor, `BLOCK` numbers of each term.
    terms: &'a [f32],
    /// From one term to the next.
    stride: usize,
    n_terms: usize,
    /// Columns that are wanted.
    width: usize,
    write: Write,
}

/// Makes `N` rows of a block.
#[inline(always)]
fn rows<S: Simd, const N: usize>(block: &Block<'_>, row: usize, result: &mut [f32], stride: usize) {
    let lanes = S::lanes32();
    let mut start = 0;
    while start < BLOCK {
        let sums = match block.left {
            Left::Rows(left) => along_rows::<S, N>(block, left, row, start),
            Left::Columns(left) => along_columns::<S, N>(block, left, row, start),
        };
        for (nth, sums) in sums.iter().enumerate() {
            for (half, sum) in sums.iter().enumerate() {
                let start = start + half * lanes;
                if start + lanes <= block.width {
                    let result = &mut result[nth * stride + start..];
                    let sum = match block.write {
                        Write::Replace => *sum,
                        Write::Add => *sum + load(result),
                    };
                    store(result, sum);
                } else if start < block.width {
                    let result = &mut result[nth * stride + start..nth * stride + block.width];
                    let sum: &[f32] = bytemuck::cast_slice(bytemuck::bytes_of(sum));
                    for (result, sum) in result.iter_mut().zip(sum) {
                        *result = match block.write {
                            Write::Replace => *sum,
                            Write::Add => *sum + *result,
                        };
                    }
                }
            }
        }
        start += 2 * lanes;
    }
}

/// Sums of `N` rows and two vectors of columns, by what lies along the rows of the left factor.
#[inline(always)]
fn along_rows<S: Simd, const N: usize>(
    block: &Block<'_>,
    left: Matrix<'_>,
    row: usize,
    start: usize,
) -> [[Vector<S, f32>; 2]; N] {
    let mut sums = [[splat::<S>(0.0); 2]; N];
    let mut first = 0;
    while first < block.n_terms {
        // Plain rows are one run of terms, blocks are many.
        let n_terms = match left.layout.block {
            BLOCK => block.n_terms,
            _ => BLOCK.min(block.n_terms - first),
        };
        let mut rows: [&[f32]; N] = [&[]; N];
        for nth in 0..N {
            let from = (row + nth) * left.layout.row + first / BLOCK * left.layout.block;
            rows[nth] = &left.numbers[from..from + n_terms];
        }
        for term in 0..n_terms {
            let mut factors = [0.0; N];
            for nth in 0..N {
                factors[nth] = rows[nth][term];
            }
            add::<S, N>(&mut sums, factors, block, first + term, start);
        }
        first += n_terms;
    }
    sums
}

/// The same by what lies along the columns of the left factor.
#[inline(always)]
fn along_columns<S: Simd, const N: usize>(
    block: &Block<'_>,
    left: Matrix<'_>,
    row: usize,
    start: usize,
) -> [[Vector<S, f32>; 2]; N] {
    let mut sums = [[splat::<S>(0.0); 2]; N];
    let first = row / BLOCK * left.layout.block + row % BLOCK;
    for term in 0..block.n_terms {
        let mut factors = [0.0; N];
        factors.copy_from_slice(&left.numbers[first + term * left.layout.row..][..N]);
        add::<S, N>(&mut sums, factors, block, term, start);
    }
    sums
}

/// Adds a term to each sum.
#[inline(always)]
fn add<S: Simd, const N: usize>(
    sums: &mut [[Vector<S, f32>; 2]; N],
    factors: [f32; N],
    block: &Block<'_>,
    term: usize,
    start: usize,
) {
    let lanes = S::lanes32();
    let right = &block.terms[term * block.stride + start..][..2 * lanes];
    let right = [load::<S>(right), load::<S>(&right[lanes..])];
    for nth in 0..N {
        let factor = splat::<S>(factors[nth]);
        for half in 0..2 {
            sums[nth][half] = factor.mul_add(right[half], sums[nth][half]);
        }
    }
}
