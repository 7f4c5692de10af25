//! Rows on a device: put there once, gathered into batches there.
//!
//! Pictures stay the bytes that they are until a batch is made. What a byte becomes is looked up, so
//! that every device trains on the very numbers that `RowReader` reads.

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use firebrick_core::dataset::{FeatureRows, Rows};
use firebrick_core::images::{Augment, Occasion};
use rayon::prelude::*;

use super::pictures::{NUMBERS_A_CHANGE, Pictures, numbers_of};
use crate::ops::Values;

/// Rows with labels on a device.
#[derive(Debug)]
pub(crate) struct DeviceRows {
    n_rows: usize,
    /// Values of a row.
    width: usize,
    features: Features,
    /// `[rows]`.
    labels: Tensor<1, Int>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a call to train has two of them")]
enum Features {
    /// `[rows, values]`.
    Numbers(Tensor<2>),
    Pictures(Pictures),
}

impl DeviceRows {
    /// Puts rows of a shape, which they fit, onto a device.
    ///
    /// # Errors
    /// Where there are more rows than can be counted there.
    pub(crate) fn new(rows: Rows<'_>, shape: &[usize], device: &Device) -> Result<Self, String> {
        let n_rows = rows.len();
        if i32::try_from(n_rows).is_err() {
            return Err(format!(
                "{n_rows} rows are more than a device can count, 2^31 - 1"
            ));
        }
        let width = shape.iter().product();
        let features = match rows.features {
            FeatureRows::Numbers(numbers) => {
                let data = TensorData::new(numbers.to_vec(), [n_rows, width]);
                Features::Numbers(Tensor::from_data(data, device))
            }
            FeatureRows::Pixels { bytes, normalize } => {
                Features::Pictures(Pictures::new(bytes, shape, normalize, device))
            }
        };
        let labels = rows.labels.iter().map(|label| *label as i32).collect();
        Ok(Self {
            n_rows,
            width,
            features,
            labels: ints(labels, [n_rows], device),
        })
    }

    /// Returns how many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.n_rows
    }

    /// Waits until the rows are on the device, so that memory which is too small for them shows here,
    /// before any candidate is trained.
    pub(crate) fn wait(&self) {
        match &self.features {
            Features::Numbers(numbers) => drop(numbers.clone().narrow(0, 0, 1).into_data()),
            Features::Pictures(pictures) => {
                drop(pictures.bytes.clone().narrow(0, 0, 1).into_data());
            }
        }
    }

    /// Gathers a batch: each candidate has rows of its own.
    ///
    /// # Shapes
    /// - `rows`: `[batch * candidates]`, the candidates' first rows, their second rows, ...
    /// - `changes`: `[batch * candidates, 7]`, see [`DeviceRows::changes`]
    /// - result: `[batch, candidates * channels, places]`
    pub(crate) fn batch(
        &self,
        rows: Tensor<1, Int>,
        changes: Option<Tensor<2, Int>>,
        n_candidates: usize,
        channels: usize,
    ) -> Values {
        let batch = rows.dims()[0] / n_candidates;
        let shape = [batch, n_candidates * channels, self.width / channels];
        match &self.features {
            Features::Numbers(numbers) => numbers.clone().select(0, rows).reshape(shape),
            Features::Pictures(pictures) => {
                let bytes = pictures.bytes.clone().select(0, rows);
                let places = match changes {
                    None => pictures.places_of(bytes),
                    Some(changes) => pictures.places_changed(bytes, &changes),
                };
                pictures.look_up(places).reshape(shape)
            }
        }
    }

    /// Reads rows side by side, as they are judged, the same for each candidate: `[rows, candidates *
    /// channels, places]`.
    pub(crate) fn run(&self, rows: Range<usize>, n_candidates: usize, channels: usize) -> Values {
        let values = match &self.features {
            Features::Numbers(numbers) => numbers.clone().slice([rows.clone()]),
            Features::Pictures(pictures) => {
                let bytes = pictures.bytes.clone().slice([rows.clone()]);
                pictures.look_up(pictures.places_of(bytes))
            }
        };
        let values = values.reshape([rows.len(), 1, self.width]);
        let shape = [rows.len(), n_candidates * channels, self.width / channels];
        values.repeat_dim(1, n_candidates).reshape(shape)
    }

    /// Returns the labels of rows, `[rows]`.
    pub(crate) fn labels_of(&self, rows: Tensor<1, Int>) -> Tensor<1, Int> {
        self.labels.clone().select(0, rows)
    }

    /// Returns the labels of rows side by side.
    pub(crate) fn labels(&self, rows: Range<usize>) -> Tensor<1, Int> {
        self.labels.clone().slice([rows])
    }

    /// Returns what pictures are changed by in training, if rows are pictures and a recipe changes
    /// them: `[batch * candidates, 7]`, in the order of [`DeviceRows::batch`].
    pub(crate) fn changes(
        &self,
        augment: &Augment,
        epoch: usize,
        seeds: &[u64],
        orders: &[Vec<u32>],
        batch: Range<usize>,
    ) -> Option<Tensor<2, Int>> {
        let Features::Pictures(pictures) = &self.features else {
            return None;
        };
        if *augment == Augment::NONE {
            return None;
        }
        let n_changes = batch.len() * seeds.len();
        let mut numbers = vec![0; n_changes * NUMBERS_A_CHANGE];
        let of_rows = numbers.par_chunks_exact_mut(seeds.len() * NUMBERS_A_CHANGE);
        of_rows.zip(batch).for_each(|(numbers, at)| {
            let candidates = seeds.iter().zip(orders);
            let places = numbers.chunks_exact_mut(NUMBERS_A_CHANGE);
            for (into, (seed, order)) in places.zip(candidates) {
                let (seed, row) = (*seed, order[at]);
                let occasion = Occasion { seed, epoch, row };
                let change = augment.draw(occasion, pictures.height, pictures.width);
                into.copy_from_slice(&numbers_of(&change));
            }
        });
        let shape = [n_changes, NUMBERS_A_CHANGE];
        Some(ints(numbers, shape, &self.labels.device()))
    }
}

/// Puts the rows that candidates read in an epoch onto a device: `[rows * candidates]`, the first
/// row of each candidate, the second of each, ...
pub(crate) fn upload_orders(orders: &[Vec<u32>], device: &Device) -> Tensor<1, Int> {
    let n_candidates = orders.len();
    let n_rows = orders.first().map_or(0, Vec::len);
    let mut rows = vec![0; n_rows * n_candidates];
    let at_once = rows.par_chunks_exact_mut(n_candidates.max(1)).enumerate();
    at_once.for_each(|(at, rows)| {
        for (row, order) in rows.iter_mut().zip(orders) {
            *row = order[at] as i32;
        }
    });
    ints(rows, [n_rows * n_candidates], device)
}

/// Puts whole numbers onto a device.
pub(super) fn ints<const D: usize>(
    data: Vec<i32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(data, shape), (device, DType::I32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::numbers;
    use firebrick_core::dataset::RowReader;
    use firebrick_core::images::Normalize;
    use firebrick_core::random::{Purpose, epoch_order, stream};
    use rand::RngExt;

    const SHAPE: [usize; 3] = [2, 5, 7];
    const SIZE: usize = 70;
    const N_ROWS: usize = 60;

    fn bytes() -> Vec<u8> {
        let mut rng = stream(3, Purpose::Dataset, 0);
        (0..N_ROWS * SIZE).map(|_| rng.random()).collect()
    }

    fn labels() -> Vec<u32> {
        (0..N_ROWS as u32).map(|row| row % 4).collect()
    }

    fn normalize() -> Normalize {
        Normalize {
            mean: vec![0.4, 0.5],
            std: vec![0.2, 0.3],
        }
    }

    /// Returns the batches of an epoch, of 3 candidates, and what `RowReader` reads for them.
    fn both(features: FeatureRows<'_>, augment: &Augment) -> [Vec<f32>; 2] {
        let (labels, device) = (labels(), Device::flex());
        let rows = Rows {
            features,
            labels: &labels,
        };
        let on_device = DeviceRows::new(rows, &SHAPE, &device).unwrap();
        let reader = RowReader::new(features, &SHAPE);
        let (seeds, epoch) = ([4, 5, 6], 2);
        let orders = seeds.map(|seed| epoch_order(seed, epoch, N_ROWS));
        let uploaded = upload_orders(&orders, &device);
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        for batch in [0..25, 25..60] {
            let rows = uploaded.clone().narrow(0, batch.start * 3, batch.len() * 3);
            let changes = on_device.changes(augment, epoch, &seeds, &orders, batch.clone());
            let of_rows = on_device.labels_of(rows.clone()).into_data();
            let of_rows: Vec<i32> = of_rows.iter().collect();
            let values = on_device.batch(rows, changes, 3, 2);
            assert_eq!(values.dims(), [batch.len(), 6, 35]);
            found.extend(numbers(values));
            for (nth, at) in batch.enumerate() {
                for (candidate, (seed, order)) in seeds.into_iter().zip(&orders).enumerate() {
                    let row = order[at];
                    let mut into = vec![f32::NAN; SIZE];
                    reader.read_to_train(augment, Occasion { seed, epoch, row }, &mut into);
                    expected.extend(into);
                    assert_eq!(of_rows[nth * 3 + candidate], labels[row as usize] as i32);
                }
            }
        }
        [found, expected]
    }

    #[test]
    fn batches_hold_the_rows_of_each_candidates_own_order() {
        let mut rng = stream(1, Purpose::Dataset, 0);
        let numbers: Vec<f32> = (0..N_ROWS * SIZE).map(|_| rng.random()).collect();
        let [found, expected] = both(FeatureRows::Numbers(&numbers), &Augment::NONE);
        assert_eq!(found, expected);
    }

    #[test]
    fn pictures_become_the_same_numbers_to_the_bit_as_on_the_host() {
        let (bytes, normalize) = (bytes(), normalize());
        let pictures = FeatureRows::Pixels {
            bytes: &bytes,
            normalize: &normalize,
        };
        let augments = [
            Augment::NONE,
            Augment {
                crop: 2,
                ..Augment::NONE
            },
            Augment {
                crop: 9,
                ..Augment::NONE
            },
            Augment {
                flip: true,
                ..Augment::NONE
            },
            Augment {
                cutout: 3,
                ..Augment::NONE
            },
            Augment {
                cutout: 4,
                ..Augment::STANDARD
            },
        ];
        for augment in &augments {
            let [found, expected] = both(pictures, augment).map(|numbers| {
                let bits = numbers.into_iter().map(f32::to_bits);
                bits.collect::<Vec<u32>>()
            });
            assert!(found == expected, "{augment:?}");
        }
    }

    #[test]
    fn rows_that_are_judged_are_the_same_for_each_candidate() {
        let (bytes, normalize, labels) = (bytes(), normalize(), labels());
        let features = FeatureRows::Pixels {
            bytes: &bytes,
            normalize: &normalize,
        };
        let rows = Rows {
            features,
            labels: &labels,
        };
        let on_device = DeviceRows::new(rows, &SHAPE, &Device::flex()).unwrap();
        let found = numbers(on_device.run(10..13, 2, 2));
        let reader = RowReader::new(features, &SHAPE);
        let mut expected = Vec::new();
        for row in 10..13 {
            let mut into = vec![0.0; SIZE];
            reader.read(row, &mut into);
            expected.extend_from_slice(&into);
            expected.extend(into);
        }
        assert_eq!(found, expected);
        assert_eq!(on_device.len(), N_ROWS);
    }
}
