//! Data sets: arrays in memory.

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
    pub features: Vec<f32>,
    /// One class index a row.
    pub labels: Vec<u32>,
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
            features: &self.features,
            labels: &self.labels,
        }
    }
}

/// Borrowed rows with labels; see [`Split`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rows<'a> {
    /// Row after row.
    pub features: &'a [f32],
    /// One class index a row.
    pub labels: &'a [u32],
}

impl Rows<'_> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}
