//! Rows picked out of a split.

use firebrick_core::dataset::{Features, Split};
use firebrick_core::random::epoch_order;

/// Returns up to `n_rows` rows in the order of the first epoch under a seed, pictures as they are
/// judged.
pub(crate) fn picked(split: &Split, width: usize, seed: u64, n_rows: usize) -> Split {
    let order = epoch_order(seed, 0, split.len());
    in_order(split, width, &order[..order.len().min(n_rows)])
}

/// Copies rows of a split, in an order.
fn in_order(split: &Split, width: usize, order: &[u32]) -> Split {
    fn rows<T: Copy>(values: &[T], width: usize, order: &[u32]) -> Vec<T> {
        let row = |row: &u32| &values[*row as usize * width..][..width];
        order.iter().flat_map(row).copied().collect()
    }
    let features = match &split.features {
        Features::Numbers(numbers) => Features::Numbers(rows(numbers, width, order)),
        Features::Pixels { bytes, normalize } => Features::Pixels {
            bytes: rows(bytes, width, order),
            normalize: normalize.clone(),
        },
    };
    Split {
        features,
        labels: rows(&split.labels, 1, order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_picked_with_their_labels() {
        let split = Split {
            features: Features::Numbers(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5]),
            labels: vec![7, 8, 9],
        };
        let two = in_order(&split, 2, &[2, 0]);
        assert_eq!(two.features.numbers(), [2.0, 2.5, 0.0, 0.5]);
        assert_eq!(two.labels, [9, 7]);
        assert_eq!(picked(&split, 2, 0, 100).len(), 3);
    }
}
