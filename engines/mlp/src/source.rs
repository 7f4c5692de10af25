//! Rows on their way into blocks: numbers from where they lie, pictures by way of a batch of
//! numbers.

use std::ops::Range;

use firebrick_core::dataset::{FeatureRows, RowReader};
use firebrick_core::images::{Augment, Occasion};

use crate::kernels::{Ahead, Gather, Lanes, Path};

/// Where a network reads its rows.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    features: FeatureRows<'a>,
    reader: RowReader<'a>,
    augment: Augment,
    /// Pictures as numbers; empty where the rows are numbers already.
    batch: Vec<f32>,
}

impl<'a> Source<'a> {
    /// Prepares reading rows of a shape, up to `rows_max` at a time.
    pub(crate) fn new(
        features: FeatureRows<'a>,
        shape: &[usize],
        augment: Augment,
        rows_max: usize,
    ) -> Self {
        let reader = RowReader::new(features, shape);
        let size = match features {
            FeatureRows::Numbers(_) => 0,
            FeatureRows::Pixels { .. } => rows_max * reader.width(),
        };
        Self {
            features,
            reader,
            augment,
            batch: vec![0.0; size],
        }
    }

    /// How many rows there are.
    pub(crate) fn n_rows(&self) -> usize {
        self.features.len() / self.reader.width()
    }

    /// Lays neighbouring rows, as they are judged, into blocks.
    pub(crate) fn gather(&mut self, path: Path, rows: Range<usize>, blocks: &mut [Lanes]) {
        let width = self.reader.width();
        let (features, order) = match self.features {
            FeatureRows::Numbers(numbers) => (numbers, rows),
            FeatureRows::Pixels { .. } => {
                let n_rows = rows.len();
                for (row, into) in rows.zip(self.batch.chunks_exact_mut(width)) {
                    self.reader.read(row, into);
                }
                (&self.batch[..], 0..n_rows)
            }
        };
        path.run(Gather {
            features,
            width,
            order,
            blocks,
        });
    }

    /// Returns the rows of an order, to ask memory for them; none where their numbers are made.
    pub(crate) fn ahead<'b>(&'b self, order: &'b [u32]) -> Ahead<'b> {
        match self.features {
            FeatureRows::Numbers(features) => Ahead::new(features, self.reader.width(), order),
            FeatureRows::Pixels { .. } => Ahead::NONE,
        }
    }

    /// Lays the rows of an order, as they are trained on, into blocks.
    pub(crate) fn gather_to_train(
        &mut self,
        path: Path,
        order: &[u32],
        (seed, epoch): (u64, usize),
        blocks: &mut [Lanes],
    ) {
        let width = self.reader.width();
        match self.features {
            FeatureRows::Numbers(features) => path.run(Gather {
                features,
                width,
                order: order.iter().map(|row| *row as usize),
                blocks,
            }),
            FeatureRows::Pixels { .. } => {
                for (row, into) in order.iter().zip(self.batch.chunks_exact_mut(width)) {
                    let row = *row;
                    let occasion = Occasion { seed, epoch, row };
                    self.reader.read_to_train(&self.augment, occasion, into);
                }
                path.run(Gather {
                    features: &self.batch,
                    width,
                    order: 0..order.len(),
                    blocks,
                });
            }
        }
    }
}
