//! Rows of text, turned into features and labels column by column.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{Table, TableRows};
use crate::error::{LoadError, Place};

/// A column of a text file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// The line that names it.
    pub(crate) line: u64,
    /// What the file says it is.
    pub(crate) kind: Kind,
}

/// What a file says that a column is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Nothing.
    Untyped,
    /// Numbers.
    Numeric,
    /// One of these.
    Nominal(Vec<String>),
    /// Something else, in the file's words.
    Other(String),
}

/// What a column is to a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The feature with this index.
    Feature(usize),
    /// The name of the class.
    Label,
    /// 1 in the rows of the class with this index, else 0.
    OneHot(usize),
    /// Not read.
    Skipped,
}

/// What the columns of a file are to a data set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The role of each column.
    pub(crate) roles: Vec<Role>,
    /// The names of the features.
    pub(crate) features: Vec<String>,
    /// The classes, if they are known; else those that are found, sorted.
    pub(crate) classes: Option<Vec<String>>,
}

/// Checks that no two columns have one name.
///
/// # Errors
/// [`LoadError::DuplicateColumn`], with the line of the second one.
pub(crate) fn check_unique(path: &Path, columns: &[Column]) -> Result<(), LoadError> {
    let mut names = HashSet::new();
    for column in columns {
        if !names.insert(column.name.as_str()) {
            return Err(LoadError::DuplicateColumn {
                path: path.to_owned(),
                line: column.line,
                column: column.name.clone(),
            });
        }
    }
    Ok(())
}

/// Collects the rows of a text file.
pub(crate) struct Rows {
    path: PathBuf,
    columns: Vec<String>,
    layout: Layout,
    classes: Classes,
    split: TableRows,
}

impl Rows {
    /// Starts a table.
    pub(crate) fn new(path: &Path, columns: &[Column], layout: Layout) -> Self {
        Self {
            path: path.to_owned(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            classes: Classes::new(layout.classes.as_deref()),
            layout,
            split: TableRows::default(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`LoadError`] if it is too short or too long, or if a value is not what it should be.
    pub(crate) fn push<'a>(
        &mut self,
        line: u64,
        n_fields: usize,
        fields: impl Iterator<Item = &'a str>,
    ) -> Result<(), LoadError> {
        if n_fields != self.columns.len() {
            return Err(LoadError::Ragged {
                path: self.path.clone(),
                line,
                expected: self.columns.len(),
                found: n_fields,
            });
        }
        let first = self.split.features.len();
        self.split
            .features
            .resize(first + self.layout.features.len(), 0.0);
        let mut label = None;
        let mut n_classes = 0;
        for (column, field) in fields.enumerate() {
            let field = field.trim();
            match self.layout.roles[column] {
                Role::Skipped => {}
                Role::Feature(feature) => {
                    self.split.features[first + feature] = self.number(line, column, field)?;
                }
                Role::Label => {
                    label = Some(self.class(line, column, field)?);
                    n_classes += 1;
                }
                Role::OneHot(class) => {
                    if self.flag(line, column, field)? {
                        label = u32::try_from(class).ok();
                        n_classes += 1;
                    }
                }
            }
        }
        match label {
            Some(label) if n_classes == 1 => self.split.labels.push(label),
            _ => {
                let roles = self.columns.iter().zip(&self.layout.roles);
                let is_class = roles.filter(|(_, role)| matches!(role, Role::OneHot(_)));
                let columns: Vec<&str> = is_class.map(|(name, _)| name.as_str()).collect();
                return Err(LoadError::NotOneHot {
                    path: self.path.clone(),
                    place: Place::Line {
                        line,
                        column: columns.join(", "),
                    },
                    found: if n_classes == 0 {
                        "none".to_owned()
                    } else {
                        n_classes.to_string()
                    },
                });
            }
        }
        Ok(())
    }

    /// Returns the table.
    pub(crate) fn finish(mut self) -> Table {
        let class_names = self.classes.finish([&mut self.split.labels]);
        Table {
            input_shape: vec![self.layout.features.len()],
            feature_names: self.layout.features,
            class_names,
            rows: self.split,
            validation: None,
            test: None,
        }
    }

    fn number(&self, line: u64, column: usize, field: &str) -> Result<f32, LoadError> {
        match field.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(LoadError::NotFinite {
                path: self.path.clone(),
                place: self.place(line, column),
                value: field.to_owned(),
            }),
            Err(_) if is_missing(field) => Err(self.no_value(line, column)),
            Err(_) => Err(LoadError::NotANumber {
                path: self.path.clone(),
                line,
                column: self.columns[column].clone(),
                value: field.to_owned(),
            }),
        }
    }

    fn class(&mut self, line: u64, column: usize, field: &str) -> Result<u32, LoadError> {
        if is_missing(field) {
            return Err(self.no_value(line, column));
        }
        self.classes
            .index(field)
            .ok_or_else(|| LoadError::UnknownClass {
                path: self.path.clone(),
                place: self.place(line, column),
                value: field.to_owned(),
                known: self.layout.classes.clone().unwrap_or_default(),
            })
    }

    fn flag(&self, line: u64, column: usize, field: &str) -> Result<bool, LoadError> {
        let number = self.number(line, column, field)?;
        if number == 0.0 || number == 1.0 {
            return Ok(number == 1.0);
        }
        Err(LoadError::NotOneHot {
            path: self.path.clone(),
            place: self.place(line, column),
            found: format!("`{field}` where 0 or 1 should be"),
        })
    }

    fn no_value(&self, line: u64, column: usize) -> LoadError {
        LoadError::NoValue {
            path: self.path.clone(),
            line,
            column: self.columns[column].clone(),
        }
    }

    fn place(&self, line: u64, column: usize) -> Place {
        Place::Line {
            line,
            column: self.columns[column].clone(),
        }
    }
}

fn is_missing(field: &str) -> bool {
    matches!(field, "" | "?" | "NA" | "N/A" | "null" | "NULL")
}

/// Numbers classes in the order in which they are found, then by name.
pub(crate) struct Classes {
    indexes: HashMap<String, u32>,
    names: Vec<String>,
    known: bool,
}

impl Classes {
    /// Starts with the classes that are known, or with none.
    pub(crate) fn new(known: Option<&[String]>) -> Self {
        let mut classes = Self {
            indexes: HashMap::new(),
            names: Vec::new(),
            known: false,
        };
        for name in known.unwrap_or_default() {
            classes.index(name);
        }
        classes.known = known.is_some();
        classes
    }

    /// Returns the index of a class, or `None` if the classes are known and this is not one.
    pub(crate) fn index(&mut self, name: &str) -> Option<u32> {
        if let Some(index) = self.indexes.get(name) {
            return Some(*index);
        }
        if self.known {
            return None;
        }
        let index = u32::try_from(self.names.len()).ok()?;
        self.indexes.insert(name.to_owned(), index);
        self.names.push(name.to_owned());
        Some(index)
    }

    /// Returns the names of the classes, and turns the labels into indexes of them.
    ///
    /// Classes that were found are sorted, as numbers if all of them are numbers.
    pub(crate) fn finish<'a>(
        self,
        labels: impl IntoIterator<Item = &'a mut Vec<u32>>,
    ) -> Vec<String> {
        if self.known {
            return self.names;
        }
        let numbers: Option<Vec<f64>> = self.names.iter().map(|name| name.parse().ok()).collect();
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        match &numbers {
            Some(numbers) => order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b])),
            None => order.sort_by_key(|index| &self.names[*index]),
        }
        let mut rank = vec![0; order.len()];
        for (new, old) in (0..).zip(&order) {
            rank[*old] = new;
        }
        for label in labels.into_iter().flatten() {
            *label = rank[*label as usize];
        }
        order
            .into_iter()
            .map(|index| self.names[index].clone())
            .collect()
    }
}
