//! From pictures to a data set: rows sampled and split, bytes kept as they are.

mod error;

use std::path::Path;

use firebrick_core::dataset::{Dataset, Features, Split};
use firebrick_core::images::Normalize;

use crate::Request;
use crate::error::LoadError;
use crate::split::{sample, stratified};

pub use error::PictureError;

/// The most pictures that are read of a file: more are no data set of this kind, but a damaged
/// header, or an archive that was made to fill the memory.
pub(crate) const MOST_PICTURES: usize = 1_000_000;

/// Pictures with labels, as a source has them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pictures {
    /// `[channels, height, width]`.
    pub(crate) shape: [usize; 3],
    pub(crate) class_names: Vec<String>,
    /// What training and validation are taken from.
    pub(crate) train: PictureRows,
    pub(crate) test: PictureRows,
}

/// Pictures, `[rows][channels][height][width]`, with one class index each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PictureRows {
    pub(crate) bytes: Vec<u8>,
    pub(crate) labels: Vec<u32>,
}

impl PictureRows {
    /// Adds a label as a file has it.
    ///
    /// # Errors
    /// [`PictureError::Label`] if there is no such class.
    pub(crate) fn push_label(
        &mut self,
        path: &Path,
        label: u8,
        n_classes: usize,
    ) -> Result<(), LoadError> {
        if usize::from(label) >= n_classes {
            let error = PictureError::Label {
                path: path.to_owned(),
                picture: self.labels.len() + 1,
                label,
                n_classes,
            };
            return Err(error.into());
        }
        self.labels.push(label.into());
        Ok(())
    }

    /// Adds the pictures of other rows.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.bytes.append(&mut other.bytes);
        self.labels.append(&mut other.labels);
    }

    /// Copies the pictures with these indexes.
    fn take(&self, rows: &[usize], size: usize) -> Self {
        let mut taken = Self {
            bytes: Vec::with_capacity(rows.len() * size),
            labels: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            taken
                .bytes
                .extend_from_slice(&self.bytes[row * size..][..size]);
            taken.labels.push(self.labels[*row]);
        }
        taken
    }
}

/// Makes a data set of pictures.
///
/// The test is the source's own, so a fraction for it has no effect; validation is carved from
/// training by class. Unlike rows of tables, pictures that repeat stay: results on these data sets
/// compare only if everybody has the same pictures. `standardize` means that pixels are scaled by
/// mean and standard deviation of each channel over the training split, else they are in
/// `0.0..=1.0`; in either case they stay bytes until a batch is made.
///
/// # Errors
/// [`LoadError`] if there are too few pictures for what is asked.
pub(crate) fn prepare(
    pictures: Pictures,
    request: &Request,
    n_rows: Option<usize>,
    simulated: bool,
) -> Result<Dataset, LoadError> {
    let Pictures {
        shape,
        class_names,
        train: rows,
        test,
    } = pictures;
    let size = shape.iter().product();
    let n_classes = class_names.len();
    let sampled = match n_rows {
        None => (0..rows.labels.len()).collect(),
        Some(n_rows) if (1..=rows.labels.len()).contains(&n_rows) => {
            sample(&rows.labels, n_classes, n_rows, request.seed)
        }
        Some(n_rows) => {
            return Err(LoadError::RowCount {
                name: request.name.clone(),
                asked: n_rows,
                least: 1,
                most: rows.labels.len(),
            });
        }
    };
    let labels: Vec<u32> = sampled.iter().map(|row| rows.labels[*row]).collect();
    let share = request.splits.validation();
    let parts = stratified(&labels, n_classes, share, 0.0, request.seed);
    let take = |part: &[usize]| {
        let part: Vec<usize> = part.iter().map(|row| sampled[*row]).collect();
        rows.take(&part, size)
    };
    let (train, validation) = (take(&parts.train), take(&parts.validation));
    drop(rows);
    for (split, name) in [
        (&train, "training"),
        (&validation, "validation"),
        (&test, "test"),
    ] {
        if split.labels.is_empty() {
            return Err(LoadError::TooFewRows {
                name: request.name.clone(),
                rows: sampled.len(),
                split: name,
            });
        }
    }
    let normalize = match request.standardize {
        true => Normalize::of(&train.bytes, &shape),
        false => Normalize::none(shape[0]),
    };
    let split = |rows: PictureRows| Split {
        features: Features::Pixels {
            bytes: rows.bytes,
            normalize: normalize.clone(),
        },
        labels: rows.labels,
    };
    Ok(Dataset {
        name: request.name.clone(),
        simulated,
        input_shape: shape.to_vec(),
        feature_names: Vec::new(),
        class_names,
        scaling: Some(normalize.scaling()),
        train: split(train),
        validation: split(validation),
        test: split(test),
    })
}

/// Refuses files that lack a class, as those of tables are.
///
/// # Errors
/// [`LoadError::ClassWithoutRows`].
pub(crate) fn check_classes(pictures: &Pictures, path: &Path) -> Result<(), LoadError> {
    let mut is_there = vec![false; pictures.class_names.len()];
    for label in &pictures.train.labels {
        is_there[*label as usize] = true;
    }
    match is_there.iter().position(|is_there| !is_there) {
        None => Ok(()),
        Some(class) => Err(LoadError::ClassWithoutRows {
            path: path.to_owned(),
            class: pictures.class_names[class].clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
