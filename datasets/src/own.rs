//! A user's own table: any numbers, with one column of classes.

use std::path::Path;

use crate::error::LoadError;
use crate::jsc::numeric;
use crate::locate::Found;
use crate::table::{self, Column, Kind, Layout, Role, Schema, Table};

/// The names that tell a column of classes, in either case.
const LABELS: [&str; 4] = ["class", "label", "target", "y"];

/// Reads a table from where it was found.
///
/// The classes are in the column `label`; without one, in the only column that is named `class`,
/// `label`, `target` or `y`. They are sorted, as numbers if all are numbers; an ARFF file declares
/// their order. Every other column is a feature.
///
/// # Errors
/// [`LoadError`], which names line or row, column and value.
pub(crate) fn read_found(
    found: &Found,
    name: &str,
    label: Option<&str>,
) -> Result<Table, LoadError> {
    let schema = Own { label };
    match found {
        Found::File(path) => table::read(path, &schema),
        Found::Arrays(folder) => table::read_arrays(folder, name, &schema),
    }
}

struct Own<'a> {
    label: Option<&'a str>,
}

impl Schema for Own<'_> {
    fn layout(&self, path: &Path, columns: &[Column]) -> Result<Layout, LoadError> {
        let label = self.label_column(path, columns)?;
        let mut roles = Vec::with_capacity(columns.len());
        let mut features = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            if index == label {
                roles.push(Role::Label);
                continue;
            }
            numeric(path, column)?;
            roles.push(Role::Feature(features.len()));
            features.push(column.name.clone());
        }
        if features.is_empty() {
            return Err(LoadError::NoFeatures {
                path: path.to_owned(),
            });
        }
        let classes = match &columns[label].kind {
            Kind::Nominal(classes) => Some(classes.clone()),
            _ => None,
        };
        Ok(Layout {
            roles,
            features,
            classes,
        })
    }

    fn order(&self, _: &Path, names: &[String]) -> Result<Vec<usize>, LoadError> {
        Ok((0..names.len()).collect())
    }

    fn features(&self) -> Option<Vec<String>> {
        None
    }

    fn classes(&self) -> Option<Vec<String>> {
        None
    }

    fn label(&self) -> Option<&str> {
        self.label
    }
}

impl Own<'_> {
    fn label_column(&self, path: &Path, columns: &[Column]) -> Result<usize, LoadError> {
        let names = || columns.iter().map(|column| column.name.clone()).collect();
        if let Some(label) = self.label {
            let position = columns.iter().position(|column| column.name == label);
            return position.ok_or_else(|| LoadError::MissingColumn {
                path: path.to_owned(),
                column: label.to_owned(),
                columns: names(),
            });
        }
        let tells = |column: &Column| {
            LABELS
                .iter()
                .any(|label| column.name.eq_ignore_ascii_case(label))
        };
        let mut telling = (0..columns.len()).filter(|index| tells(&columns[*index]));
        match (telling.next(), telling.next()) {
            (Some(label), None) => Ok(label),
            _ => Err(LoadError::NoLabel {
                path: path.to_owned(),
                columns: names(),
            }),
        }
    }
}
