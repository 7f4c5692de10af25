//! Rows into blocks and back.

use super::{LANES, Lanes};

/// Lays rows of an order into blocks, feature after feature: `[blocks][width]`.
///
/// Lanes beyond the rows repeat the last one, so that they are numbers where it is.
///
/// # Panics
/// If a row is not there, or the blocks are not as many as the rows need.
pub(crate) fn gather(
    features: &[f32],
    width: usize,
    rows: impl ExactSizeIterator<Item = usize>,
    blocks: &mut [Lanes],
) {
    let n_blocks = rows.len().div_ceil(LANES);
    assert_eq!(
        blocks.len(),
        n_blocks * width,
        "{n_blocks} blocks of {width}"
    );
    let mut rows = rows.peekable();
    let mut row: &[f32] = &[];
    for block in blocks.chunks_exact_mut(width) {
        for lane in 0..LANES {
            if let Some(next) = rows.next() {
                row = &features[next * width..][..width];
            }
            for (lanes, value) in block.iter_mut().zip(row) {
                lanes.0[lane] = *value;
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
