//! Tables as they were read: rows that are neither split nor scaled.

use std::path::Path;

use crate::error::LoadError;

mod arff;
mod array;
mod columns;
mod csv;
mod numpy;

pub(crate) use columns::{Column, Kind, Layout, Role};

/// A table as it was read: rows that are neither split nor scaled.
///
/// Every value is finite, every class has a row, and there are at least two classes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// The shape of one row.
    pub(crate) input_shape: Vec<usize>,
    /// The names of the features, where they have some.
    pub(crate) feature_names: Vec<String>,
    /// The names of the classes; a label is an index into them.
    pub(crate) class_names: Vec<String>,
    /// The rows; where the file keeps a test split, its training rows.
    pub(crate) rows: TableRows,
    /// The rows that the file itself keeps for validation.
    pub(crate) validation: Option<TableRows>,
    /// The rows that the file itself keeps for the test.
    pub(crate) test: Option<TableRows>,
}

/// Rows of numbers with labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TableRows {
    /// Row after row.
    pub(crate) features: Vec<f32>,
    /// One class index a row.
    pub(crate) labels: Vec<u32>,
}

impl TableRows {
    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// What is expected of a table.
pub(crate) trait Schema {
    /// Says what each column of a text file is.
    ///
    /// # Errors
    /// [`LoadError`] if a column is missing, unknown, or can't be what it should be.
    fn layout(&self, path: &Path, columns: &[Column]) -> Result<Layout, LoadError>;

    /// Returns which of the named columns is each feature.
    ///
    /// # Errors
    /// [`LoadError`] if a column is missing or unknown.
    fn order(&self, path: &Path, names: &[String]) -> Result<Vec<usize>, LoadError>;

    /// Returns the features that arrays without names have, in order, if they are known.
    fn features(&self) -> Option<Vec<String>>;

    /// Returns the classes, in order, if they are known.
    fn classes(&self) -> Option<Vec<String>>;

    /// Returns the setting that says which column has the classes.
    fn label(&self) -> Option<&str>;
}

/// Reads a file, its format told by the end of its name.
///
/// # Errors
/// [`LoadError`], which names line or row, column and value.
pub(crate) fn read(path: &Path, schema: &dyn Schema) -> Result<Table, LoadError> {
    let table = match crate::locate::extension(path).as_str() {
        "csv" | "tsv" => csv::read(path, schema),
        "arff" => arff::read(path, schema),
        "npz" => numpy::read_npz(path, schema),
        "npy" => numpy::read_npy(path, schema),
        _ => Err(LoadError::UnknownFormat {
            path: path.to_owned(),
        }),
    }?;
    table.check(path)?;
    Ok(table)
}

/// Reads the arrays of a folder, one `.npy` file each.
///
/// # Errors
/// [`LoadError`], which names array and row.
pub(crate) fn read_arrays(
    folder: &Path,
    name: &str,
    schema: &dyn Schema,
) -> Result<Table, LoadError> {
    let table = numpy::read_folder(folder, &format!("{name}_"), schema)?;
    table.check(folder)?;
    Ok(table)
}

impl Table {
    /// Checks what a table promises of its rows and classes.
    pub(crate) fn check(&self, path: &Path) -> Result<(), LoadError> {
        let given = [self.validation.as_ref(), self.test.as_ref()];
        let splits = std::iter::once(&self.rows).chain(given.into_iter().flatten());
        for split in splits {
            if split.is_empty() {
                return Err(LoadError::NoRows {
                    path: path.to_owned(),
                });
            }
        }
        let counts = self.class_counts();
        if let Some(class) = counts.iter().position(|count| *count == 0) {
            return Err(LoadError::ClassWithoutRows {
                path: path.to_owned(),
                class: self.class_names[class].clone(),
            });
        }
        if let [class] = self.class_names.as_slice() {
            return Err(LoadError::OneClass {
                path: path.to_owned(),
                class: class.clone(),
            });
        }
        Ok(())
    }

    /// Returns the number of rows of each class, those kept for validation and test left out.
    pub(crate) fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        for label in &self.rows.labels {
            counts[*label as usize] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests;
