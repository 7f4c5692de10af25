//! `jsc`: jets of the LHC told apart by 16 high-level features.
//!
//! # Source
//! Pierini, Duarte, Tran and Freytsis, "HLS4ML LHC Jet dataset (150 particles)", Zenodo 3602260,
//! <https://doi.org/10.5281/zenodo.3602260>; the table of features is OpenML 42468,
//! <https://www.openml.org/d/42468>. The sample that MASE takes from CERNBox is another one of the
//! same kind: a network is about one percentage point better on OpenML's, so the two never belong
//! into one table of results.

use std::path::Path;

use crate::error::LoadError;
use crate::jets_sim::{CLASSES, FEATURES};
use crate::locate::Found;
use crate::table::{self, Column, Kind, Layout, Role, Schema, Table};

/// The start of every column in the spelling of CERNBox.
const PREFIX: &str = "j_";

/// The column of classes in the spelling of OpenML.
const CLASS: &str = "class";

/// Reads jets from a file, neither split nor scaled.
///
/// The features come out in the order of [`FEATURES`], the classes in that of [`CLASSES`],
/// whatever their order in the file. Text files have the columns of OpenML (`zlogz`, ...,
/// `class`) or of CERNBox (`j_zlogz`, ..., and `j_g`, ... with 1 in the rows of that class; the
/// other columns of that table, which all start with `j_`, are not read). Arrays without
/// `feature_names` have the 16 features in order, class numbers are indexes of [`CLASSES`].
///
/// # Errors
/// [`LoadError`], which names line or row, column and value.
pub(crate) fn read(path: &Path) -> Result<Table, LoadError> {
    table::read(path, &Jets)
}

/// Reads jets from where they were found.
pub(crate) fn read_found(found: &Found) -> Result<Table, LoadError> {
    match found {
        Found::File(path) => read(path),
        Found::Arrays(folder) => table::read_arrays(folder, "jsc", &Jets),
    }
}

/// The columns and classes of jets.
struct Jets;

impl Schema for Jets {
    fn layout(&self, path: &Path, columns: &[Column]) -> Result<Layout, LoadError> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let has_class = names.iter().any(|name| name == CLASS);
        let prefix = prefix(&names);
        let mut expected = expected_features(prefix);
        match (has_class, prefix) {
            (false, PREFIX) => expected.extend(CLASSES.map(|class| format!("{PREFIX}{class}"))),
            _ => expected.push(CLASS.to_owned()),
        }
        check(path, &names, &expected, prefix)?;

        let mut roles = Vec::with_capacity(columns.len());
        for column in columns {
            let role = match expected.iter().position(|name| *name == column.name) {
                Some(index) if index < FEATURES.len() => {
                    numeric(path, column)?;
                    Role::Feature(index)
                }
                Some(_) if column.name == CLASS => Role::Label,
                Some(index) => Role::OneHot(index - FEATURES.len()),
                None => Role::Skipped,
            };
            roles.push(role);
        }
        Ok(Layout {
            roles,
            features: FEATURES.map(str::to_owned).to_vec(),
            classes: self.classes(),
        })
    }

    fn order(&self, path: &Path, names: &[String]) -> Result<Vec<usize>, LoadError> {
        let prefix = prefix(names);
        let expected = expected_features(prefix);
        check(path, names, &expected, prefix)?;
        let position = |wanted: &String| names.iter().position(|name| name == wanted);
        Ok(expected.iter().filter_map(position).collect())
    }

    fn features(&self) -> Option<Vec<String>> {
        Some(FEATURES.map(str::to_owned).to_vec())
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(CLASSES.map(str::to_owned).to_vec())
    }

    fn label(&self) -> Option<&str> {
        None
    }
}

/// Returns the start that the columns of a file have: that of the spelling most of them are in.
fn prefix(names: &[String]) -> &'static str {
    let n_prefixed = names.iter().filter(|name| name.starts_with(PREFIX)).count();
    if n_prefixed * 2 > names.len() {
        PREFIX
    } else {
        ""
    }
}

fn expected_features(prefix: &str) -> Vec<String> {
    FEATURES
        .iter()
        .map(|feature| format!("{prefix}{feature}"))
        .collect()
}

fn spare(names: &[String], expected: &[String]) -> Vec<String> {
    let unexpected = names.iter().filter(|name| !expected.contains(name));
    unexpected.cloned().collect()
}

/// Checks that every expected column is there, and none that could be a misspelt one.
fn check(
    path: &Path,
    names: &[String],
    expected: &[String],
    prefix: &str,
) -> Result<(), LoadError> {
    if let Some(missing) = expected.iter().find(|name| !names.contains(name)) {
        return Err(LoadError::MissingColumn {
            path: path.to_owned(),
            column: missing.clone(),
            columns: spare(names, expected),
        });
    }
    // CERNBox's table has some forty features more, with the same start.
    let is_extra = |name: &&String| {
        !expected.contains(name) && (prefix.is_empty() || !name.starts_with(prefix))
    };
    match names.iter().find(is_extra) {
        None => Ok(()),
        Some(extra) => Err(LoadError::UnknownColumn {
            path: path.to_owned(),
            name: "jsc".to_owned(),
            column: extra.clone(),
            known: expected.to_vec(),
        }),
    }
}

/// Checks that a file does not say that a feature is something else than a number.
pub(crate) fn numeric(path: &Path, column: &Column) -> Result<(), LoadError> {
    let kind = match &column.kind {
        Kind::Untyped | Kind::Numeric => return Ok(()),
        Kind::Nominal(_) => "nominal".to_owned(),
        Kind::Other(other) => format!("of type `{other}`"),
    };
    Err(LoadError::NotNumeric {
        path: path.to_owned(),
        line: column.line,
        column: column.name.clone(),
        kind,
    })
}
