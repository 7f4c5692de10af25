//! Rows into blocks and back.

use super::simd::Simd;
use super::{Kernel, LANES, Lanes};

/// Lays rows of an order into blocks, feature after feature: `[blocks][width]`.
///
/// Lanes beyond the rows repeat the last one, so that they are numbers where it is.
///
/// # Panics
/// If a row is not there.
pub(crate) struct Gather<'a, I> {
    /// Row after row.
    pub(crate) features: &'a [f32],
    pub(crate) width: usize,
    /// Positions of rows.
    pub(crate) order: I,
    pub(crate) blocks: &'a mut [Lanes],
}

/// Rows that will be gathered soon, which memory is asked for while other things are computed: in
/// random order they are in no cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ahead<'a> {
    /// Row after row.
    features: &'a [f32],
    width: usize,
    /// Positions of rows.
    pub(super) order: &'a [u32],
}

impl<'a> Ahead<'a> {
    /// No rows.
    pub(crate) const NONE: Self = Self {
        features: &[],
        width: 0,
        order: &[],
    };

    /// Returns the rows of an order, or so many of them as caches have room for.
    pub(crate) fn new(features: &'a [f32], width: usize, order: &'a [u32]) -> Self {
        let n_rows = (ROOM / width.max(LANES)).min(order.len());
        Self {
            features,
            width,
            order: &order[..n_rows],
        }
    }

    /// Returns one of so many parts of nearly the same size.
    pub(crate) fn part(self, part: usize, n_parts: usize) -> Self {
        let at = |part: usize| self.order.len() * part / n_parts;
        Self {
            order: &self.order[at(part)..at(part + 1)],
            ..self
        }
    }

    /// Asks for the rows.
    ///
    /// # Safety
    /// The machine can run `S`.
    #[inline(always)]
    pub(super) unsafe fn ask<S: Simd>(self) {
        for row in self.order {
            // SAFETY: as the caller promises.
            unsafe { ask::<S>(self.features, self.width, *row as usize) };
        }
    }
}

/// How many numbers to ask for ahead: these and what a step works with should stay in the cache
/// that a core has for itself.
const ROOM: usize = 128 * 1024 / size_of::<f32>();

/// Asks memory for a row.
///
/// # Safety
/// The machine can run `S`.
#[inline(always)]
unsafe fn ask<S: Simd>(features: &[f32], width: usize, row: usize) {
    let row = features.as_ptr().wrapping_add(row * width);
    // Written with `step_by` the loop takes longer than what it asks for.
    let mut number = 0;
    while number < width {
        // SAFETY: any address will do, and the caller promises the machine.
        unsafe { S::prefetch(row.wrapping_add(number)) };
        number += LANES;
    }
    // Rows need not begin where lines of the cache do.
    // SAFETY: likewise.
    unsafe { S::prefetch(row.wrapping_add(width - 1)) };
}

/// How many rows ahead memory is asked for: rows in random order are in no cache.
const AHEAD: usize = 2 * LANES;

impl<I: ExactSizeIterator<Item = usize> + Clone> Kernel for Gather<'_, I> {
    type Output = ();

    fn check(&self) {
        let n_blocks = self.order.len().div_ceil(LANES);
        assert_eq!(self.blocks.len(), n_blocks * self.width, "blocks of rows");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let width = self.width;
        let mut row: &[f32] = &[];
        let mut ahead = self.order.clone().skip(AHEAD);
        for block in self.blocks.chunks_exact_mut(width) {
            let mut rows = [std::ptr::null(); LANES];
            for lane in &mut rows {
                if let Some(next) = self.order.next() {
                    row = &self.features[next * width..][..width];
                }
                *lane = row.as_ptr();
            }
            for next in ahead.by_ref().take(LANES) {
                // SAFETY: as the caller promises.
                unsafe { ask::<S>(self.features, width, next) };
            }
            // SAFETY: each row has `width` numbers, and so many lanes the block.
            unsafe {
                let mut feature = 0;
                while feature + LANES <= width {
                    let mut square = [S::splat(0.0); LANES];
                    for lane in 0..LANES {
                        square[lane] = S::load_numbers(rows[lane].add(feature));
                    }
                    let square = S::transpose(square);
                    for k in 0..LANES {
                        S::store(block.as_mut_ptr().add(feature + k), square[k]);
                    }
                    feature += LANES;
                }
                while feature < width {
                    for lane in 0..LANES {
                        block[feature].0[lane] = *rows[lane].add(feature);
                    }
                    feature += 1;
                }
            }
        }
    }
}

/// Appends the first rows of blocks, row after row.
pub(crate) fn scatter(blocks: &[Lanes], width: usize, n_rows: usize, rows: &mut Vec<f32>) {
    for row in 0..n_rows {
        let block = &blocks[row / LANES * width..][..width];
        rows.extend(block.iter().map(|lanes| lanes.0[row % LANES]));
    }
}
