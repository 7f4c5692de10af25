//! Numbers as any format stores them, by the functions of `firebrick_core::formats` themselves:
//! written without branches and calls, they become vectors here, where they are compiled for each
//! kind of machine.

use firebrick_core::formats::{Layout, Quantizer};

use super::simd::Simd;
use super::{Kernel, LANES, Lanes, numbers, numbers_mut};

/// `y = format(x)`, its negative part cut off where `relu`.
pub(crate) struct StoreRows<'a> {
    /// `[blocks][numbers of a row]`.
    pub(crate) x: &'a [Lanes],
    pub(crate) format: Quantizer,
    /// That of one row.
    pub(crate) row: Layout,
    pub(crate) y: &'a mut [Lanes],
    pub(crate) relu: bool,
}

/// The gradient by `x` of [`StoreRows`], as if nothing were rounded: `by_y` inside the limits of the
/// format, 0 outside, and 0 where `x` is the result of a relu (`rectified`) and not positive.
pub(crate) struct StoreRowsBackward<'a> {
    pub(crate) x: &'a [Lanes],
    pub(crate) format: Quantizer,
    pub(crate) row: Layout,
    pub(crate) by_y: &'a [Lanes],
    pub(crate) by_x: &'a mut [Lanes],
    pub(crate) rectified: bool,
}

/// `y = format(x)`, of a tensor.
pub(crate) struct StoreTensor<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) format: Quantizer,
    pub(crate) layout: Layout,
    pub(crate) y: &'a mut [f32],
}

/// The gradient by `x` of [`StoreTensor`], in place.
pub(crate) struct MaskTensor<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) format: Quantizer,
    pub(crate) layout: Layout,
    pub(crate) gradient: &'a mut [f32],
}

/// Returns how a block of 16 rows lies: as places of a picture, each with the channels of one row.
#[inline(always)]
fn of_block(row: Layout) -> Layout {
    Layout {
        outer: 1,
        channels: row.channels,
        inner: match row.inner {
            // As a constant, over which loops are unrolled.
            1 => LANES,
            inner => inner * LANES,
        },
    }
}

fn check_rows(n_lanes: usize, row: Layout) {
    let width = row.channels * row.inner;
    assert!(width > 0 && n_lanes.is_multiple_of(width), "blocks of rows");
}

impl Kernel for StoreRows<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.y.len(), "x and y");
        check_rows(self.x.len(), self.row);
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let width = self.row.channels * self.row.inner;
        // A block at a time stays in the nearest cache.
        let blocks = self.x.chunks_exact(width);
        for (x, y) in blocks.zip(self.y.chunks_exact_mut(width)) {
            let y = numbers_mut(y);
            self.format.quantize(numbers(x), of_block(self.row), y);
            if self.relu {
                for y in y {
                    // NaN stays.
                    *y = if *y < 0.0 { 0.0 } else { *y };
                }
            }
        }
    }
}

impl Kernel for StoreRowsBackward<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.by_x.len(), "x and by_x");
        assert_eq!(self.by_y.len(), self.by_x.len(), "by_y and by_x");
        check_rows(self.x.len(), self.row);
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let width = self.row.channels * self.row.inner;
        let blocks = self.x.chunks_exact(width);
        let gradients = self.by_y.chunks_exact(width);
        for ((x, by_y), by_x) in blocks.zip(gradients).zip(self.by_x.chunks_exact_mut(width)) {
            by_x.copy_from_slice(by_y);
            let (x, by_x) = (numbers(x), numbers_mut(by_x));
            self.format.mask(x, of_block(self.row), by_x);
            if self.rectified {
                for (x, by_x) in x.iter().zip(by_x) {
                    *by_x = if *x > 0.0 { *by_x } else { 0.0 };
                }
            }
        }
    }
}

impl Kernel for StoreTensor<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.y.len(), "x and y");
        assert_eq!(self.x.len(), self.layout.len(), "x and layout");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.format.quantize(self.x, self.layout, self.y);
    }
}

impl Kernel for MaskTensor<'_> {
    type Output = ();

    fn check(&self) {
        assert_eq!(self.x.len(), self.gradient.len(), "x and gradient");
        assert_eq!(self.x.len(), self.layout.len(), "x and layout");
    }

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self.format.mask(self.x, self.layout, self.gradient);
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::formats::Shared;
    use firebrick_core::testing::number_formats;
    use proptest::prelude::*;

    use super::super::Path;
    use super::super::tests::cases;
    use super::*;

    fn same(found: f32, expected: f32) -> bool {
        found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
    }

    /// Returns all formats whose steps are not learned.
    fn quantizers() -> Vec<Quantizer> {
        let formats = number_formats().into_iter();
        formats
            .filter_map(|format| Quantizer::of(&format, None).ok())
            .collect()
    }

    /// Lays rows into blocks, as batches lie; the last row is repeated.
    fn in_blocks(rows: &[f32], width: usize) -> Vec<Lanes> {
        let n_rows = rows.len() / width;
        let lane = |block: usize, number: usize, lane: usize| {
            rows[(block * LANES + lane).min(n_rows - 1) * width + number]
        };
        let of_block = |block| (0..width).map(move |number| (block, number));
        (0..n_rows.div_ceil(LANES))
            .flat_map(of_block)
            .map(|(block, number)| Lanes(std::array::from_fn(|k| lane(block, number, k))))
            .collect()
    }

    /// Holds the kernels for rows against core, row by row; gradients are 1, 2, 3...
    fn check_rows(format: Quantizer, row: Layout, x: &[f32]) {
        let width = row.channels * row.inner;
        let x = &x[..x.len() / width * width];
        let by_y: Vec<f32> = (1..=x.len()).map(|k| k as f32).collect();
        let rows = Layout {
            outer: x.len() / width,
            ..row
        };
        let (mut stored, mut by_x) = (x.to_vec(), by_y.clone());
        format.quantize(x, rows, &mut stored);
        format.mask(x, rows, &mut by_x);
        let (x_lanes, by_y_lanes) = (in_blocks(x, width), in_blocks(&by_y, width));
        let check = |what: &str, path: Path, found: &[Lanes], expected: &[f32]| {
            let expected = in_blocks(expected, width);
            let all = numbers(found).iter().zip(numbers(&expected));
            for ((found, expected), x) in all.zip(numbers(&x_lanes)) {
                assert!(
                    same(*found, *expected),
                    "{what} of {x:?} in {format:?}, {row:?}, on {}: {found:?}, not {expected:?}",
                    path.name()
                );
            }
        };
        for path in Path::available() {
            for relu in [false, true] {
                let mut made = x_lanes.clone();
                path.run(StoreRows {
                    x: &x_lanes,
                    format,
                    row,
                    y: &mut made,
                    relu,
                });
                let cut = |y: &f32| if relu && *y < 0.0 { 0.0 } else { *y };
                let expected: Vec<f32> = stored.iter().map(cut).collect();
                check("value", path, &made, &expected);
                path.run(StoreRowsBackward {
                    x: &x_lanes,
                    format,
                    row,
                    by_y: &by_y_lanes,
                    by_x: &mut made,
                    rectified: relu,
                });
                let passes = |x: &f32| !relu || *x > 0.0;
                let expected = by_x.iter().zip(x);
                let expected: Vec<f32> = expected
                    .map(|(by_x, x)| if passes(x) { *by_x } else { 0.0 })
                    .collect();
                check("gradient", path, &made, &expected);
            }
        }
    }

    /// Holds the kernels for tensors against core.
    fn check_tensor(format: Quantizer, shape: &[usize], x: &[f32]) {
        let layout = Layout::of_tensor(shape);
        let x = &x[..layout.len()];
        let gradient: Vec<f32> = (1..=x.len()).map(|k| k as f32).collect();
        let (mut stored, mut masked) = (x.to_vec(), gradient.clone());
        format.quantize(x, layout, &mut stored);
        format.mask(x, layout, &mut masked);
        for path in Path::available() {
            let (mut y, mut found) = (x.to_vec(), gradient.clone());
            path.run(StoreTensor {
                x,
                format,
                layout,
                y: &mut y,
            });
            path.run(MaskTensor {
                x,
                format,
                layout,
                gradient: &mut found,
            });
            for (found, expected) in y.iter().chain(&found).zip(stored.iter().chain(&masked)) {
                assert!(
                    same(*found, *expected),
                    "{format:?} on {}: {found:?}, not {expected:?}",
                    path.name()
                );
            }
        }
    }

    proptest! {
        #![proptest_config(cases(48))]

        #[test]
        fn what_core_stores_is_stored_on_every_path(
            channels in 1_usize..9,
            inner in 1_usize..4,
            bits in prop::collection::vec(any::<u32>(), 60..600),
            near in prop::collection::vec(-4_f32..4.0, 60..600),
        ) {
            let row = Layout { outer: 1, channels, inner };
            let bits: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            for format in quantizers() {
                for x in [&bits, &near] {
                    // Rows share nothing.
                    if !matches!(format.shared(), Shared::Tensor { .. }) {
                        check_rows(format, row, x);
                    }
                    check_tensor(format, &[inner, channels], x);
                    check_tensor(format, &[60], x);
                }
            }
        }
    }

    #[test]
    fn numbers_of_every_size_are_stored_as_in_core() {
        // Every 40,009th of all float32, and the ends of the exponents; under Miri fewer.
        let (spread, nth) = if cfg!(miri) {
            (1 << 26, 9)
        } else {
            (40_009, 1)
        };
        let spread = (0..=u32::MAX).step_by(spread);
        let ends =
            (0..512).flat_map(|exponent| [0, 1, 0x40_0000, 0x7f_ffff].map(|m| exponent << 23 | m));
        let bits = spread.chain(ends.step_by(nth));
        let x: Vec<f32> = bits.map(f32::from_bits).collect();
        for format in quantizers() {
            if !matches!(format.shared(), Shared::Tensor { .. }) {
                check_rows(format, Layout::of_rows(1, &[5]), &x);
            }
            check_tensor(format, &[x.len() / 7, 7], &x);
        }
    }
}
