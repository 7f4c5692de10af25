//! Data sets: arrays in memory.

use std::borrow::Cow;

use crate::images::{Augment, Normalize, Occasion, PixelReader};
use crate::scaling::Scaling;

/// A classification data set, split once.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The name that it was asked for by.
    pub name: String,
    /// Whether it was generated rather than measured; said wherever the name is.
    pub simulated: bool,
    /// The shape of one row: `[features]` or `[channels, height, width]`.
    pub input_shape: Vec<usize>,
    /// The names of the features, where they have some.
    pub feature_names: Vec<String>,
    /// The names of the classes; a label is an index into them.
    pub class_names: Vec<String>,
    /// What rows are scaled by before networks read them; `None` where features are as they were
    /// read or generated.
    pub scaling: Option<Scaling>,
    /// What candidates are trained on.
    pub train: Split,
    /// What candidates are judged on, carved from the training data.
    pub validation: Split,
    /// What is used once, for the front, at the end.
    pub test: Split,
}

/// Rows with labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Split {
    /// Row after row, each as long as the product of the input shape.
    pub features: Features,
    /// One class index a row.
    pub labels: Vec<u32>,
}

/// The features of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Features {
    /// Numbers, as networks read them.
    Numbers(Vec<f32>),
    /// Pictures, `[rows][channels][height][width]`, which become numbers when a batch is made.
    Pixels {
        /// One byte a channel of a pixel.
        bytes: Vec<u8>,
        /// What the bytes become.
        normalize: Normalize,
    },
}

impl Split {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Borrows the rows, as engines take them.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            features: self.features.borrow(),
            labels: &self.labels,
        }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self::Numbers(Vec::new())
    }
}

impl Features {
    /// Borrows the features, as engines take them.
    pub fn borrow(&self) -> FeatureRows<'_> {
        match self {
            Self::Numbers(numbers) => FeatureRows::Numbers(numbers),
            Self::Pixels { bytes, normalize } => FeatureRows::Pixels { bytes, normalize },
        }
    }

    /// Returns the numbers; none of pictures, which have no numbers yet.
    pub fn numbers(&self) -> &[f32] {
        self.borrow().numbers()
    }

    /// Returns the numbers; none of pictures, which have no numbers yet.
    pub fn numbers_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Pixels { .. } => &mut [],
        }
    }
}

/// Borrowed rows with labels; see [`Split`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rows<'a> {
    /// Row after row.
    pub features: FeatureRows<'a>,
    /// One class index a row.
    pub labels: &'a [u32],
}

/// Borrowed features of rows; see [`Features`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FeatureRows<'a> {
    /// Numbers, as networks read them.
    Numbers(&'a [f32]),
    /// Pictures, `[rows][channels][height][width]`.
    Pixels {
        /// One byte a channel of a pixel.
        bytes: &'a [u8],
        /// What the bytes become.
        normalize: &'a Normalize,
    },
}

impl<'a> Rows<'a> {
    /// Returns rows of numbers.
    pub fn of_numbers(features: &'a [f32], labels: &'a [u32]) -> Self {
        Self {
            features: FeatureRows::Numbers(features),
            labels,
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

impl<'a> FeatureRows<'a> {
    /// Returns how many values there are, of all rows together.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Pixels { bytes, .. } => bytes.len(),
        }
    }

    /// Returns whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns all rows of a shape as numbers, copied where they are pictures: the simple way for
    /// an engine that has the memory. [`RowReader`] reads them one by one.
    ///
    /// # Panics
    /// As [`RowReader::new`].
    pub fn to_numbers(&self, shape: &[usize]) -> Cow<'a, [f32]> {
        let Self::Pixels { bytes, .. } = self else {
            return Cow::Borrowed(self.numbers());
        };
        let reader = RowReader::new(*self, shape);
        let mut numbers = vec![0.0; bytes.len()];
        for (row, into) in numbers.chunks_exact_mut(reader.width()).enumerate() {
            reader.read(row, into);
        }
        Cow::Owned(numbers)
    }

    /// Returns the numbers; none of pictures, which have no numbers yet.
    pub fn numbers(&self) -> &'a [f32] {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Pixels { .. } => &[],
        }
    }
}

/// Reads rows one by one as the numbers that a network takes, whatever they are kept as.
#[derive(Debug, Clone)]
pub struct RowReader<'a> {
    width: usize,
    source: Source<'a>,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Numbers(&'a [f32]),
    Pixels(&'a [u8], PixelReader),
}

impl<'a> RowReader<'a> {
    /// Prepares reading rows of a shape.
    ///
    /// # Panics
    /// If the rows are pictures and the shape is not `[channels, height, width]`, or has other
    /// channels than they are normalised for; [`crate::engine::check_rows`] refuses those.
    pub fn new(features: FeatureRows<'a>, shape: &[usize]) -> Self {
        Self {
            width: shape.iter().product(),
            source: match features {
                FeatureRows::Numbers(numbers) => Source::Numbers(numbers),
                FeatureRows::Pixels { bytes, normalize } => {
                    Source::Pixels(bytes, PixelReader::new(shape, normalize))
                }
            },
        }
    }

    /// Numbers of one row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Writes a row as it is judged.
    ///
    /// # Panics
    /// If there is no such row, or `into` is not as long as one.
    pub fn read(&self, row: usize, into: &mut [f32]) {
        let range = row * self.width..(row + 1) * self.width;
        match &self.source {
            Source::Numbers(numbers) => into.copy_from_slice(&numbers[range]),
            Source::Pixels(bytes, reader) => reader.read(&bytes[range], into),
        }
    }

    /// Writes a row as it is trained on: changed, if it is a picture.
    ///
    /// # Panics
    /// As [`RowReader::read`].
    pub fn read_to_train(&self, augment: &Augment, occasion: Occasion, into: &mut [f32]) {
        let row = occasion.row as usize;
        match &self.source {
            Source::Pixels(bytes, reader) if *augment != Augment::NONE => {
                let bytes = &bytes[row * self.width..(row + 1) * self.width];
                reader.read_changed(bytes, augment, occasion, into);
            }
            _ => self.read(row, into),
        }
    }
}
