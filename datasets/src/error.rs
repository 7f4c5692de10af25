//! Why a data set can't be loaded.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use firebrick_core::hint::{did_you_mean, nearest};
use thiserror::Error;

use crate::pictures::PictureError;

/// Why a data set can't be loaded.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LoadError {
    /// No data set has this name, no file was given, and no data folder has one.
    #[error("unknown dataset `{name}`")]
    UnknownDataset {
        /// The name that was asked for.
        name: String,
        /// The data folders that were searched.
        searched: Vec<PathBuf>,
    },
    /// A data set that is known needs a file, and there is none.
    #[error("no file of dataset `{name}` {}", in_folders(searched))]
    NotFound {
        /// The data set.
        name: String,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
    },
    /// A setting was given that this data set does not read.
    #[error("`{key}` has no effect on dataset `{name}`: {why}")]
    NoEffect {
        /// The setting.
        key: &'static str,
        /// The data set.
        name: String,
        /// Why it is not read.
        why: &'static str,
    },
    /// The fractions of the splits leave nothing to one of them.
    #[error(
        "cannot split into {validation} validation and {test} test: \
         both must be above 0 and their sum below 1"
    )]
    Fractions {
        /// The fraction of the rows that candidates are judged on.
        validation: f64,
        /// The fraction of the rows that is used once, at the end.
        test: f64,
    },
    /// More rows were asked for than there are, or none.
    #[error("cannot take {asked} rows of dataset `{name}`, only {least} to {most}")]
    RowCount {
        /// The data set.
        name: String,
        /// How many rows were asked for.
        asked: usize,
        /// The least that can be taken.
        least: usize,
        /// The most that can be taken.
        most: usize,
    },
    /// There are too few rows to give one to every split.
    #[error("dataset `{name}` has too few rows for a {split} split: {rows}")]
    TooFewRows {
        /// The data set.
        name: String,
        /// How many rows there are, duplicates dropped.
        rows: usize,
        /// The split that has none.
        split: &'static str,
    },
    /// The system refuses to read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The name of the file does not end as one of the formats.
    #[error("cannot tell the format of `{}`", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A folder has no file that could be the data set.
    #[error("no data file in `{}`", folder.display())]
    EmptyFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder has several files that could be the data set.
    #[error("`{}` has several data files: {}", folder.display(), ticked(files))]
    Ambiguous {
        /// The folder.
        folder: PathBuf,
        /// The names of the files.
        files: Vec<String>,
    },
    /// The file has no bytes, or nothing but empty lines.
    #[error("`{}` is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The file has columns but no rows.
    #[error("`{}` has no rows", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The first line of a CSV file is data.
    #[error("`{}`, line {line}: expected the names of the columns, found only numbers", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// A column has no name.
    #[error("`{}`, line {line}: column {position} has no name", path.display())]
    UnnamedColumn {
        /// The file.
        path: PathBuf,
        /// The line of the names.
        line: u64,
        /// Which column, the first is 1.
        position: usize,
    },
    /// Two columns have one name.
    #[error("`{}`, line {line}: two columns are named `{column}`", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The line that names it the second time.
        line: u64,
        /// The name.
        column: String,
    },
    /// A column that the data set must have is missing.
    #[error("`{}` has no column `{column}`", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that is looked for.
        column: String,
        /// The columns that the file has, those that have another role left out.
        columns: Vec<String>,
    },
    /// A column is not one of the data set.
    #[error("`{}` has a column `{column}`, which `{name}` does not have", path.display())]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// The data set.
        name: String,
        /// The column.
        column: String,
        /// The columns of the data set.
        known: Vec<String>,
    },
    /// It was not said which column has the classes, and none has a name that tells.
    #[error("`{}`: which column has the classes is not said", path.display())]
    NoLabel {
        /// The file.
        path: PathBuf,
        /// The columns that the file has.
        columns: Vec<String>,
    },
    /// There is a column of classes and nothing else.
    #[error("`{}` has no column of features", path.display())]
    NoFeatures {
        /// The file.
        path: PathBuf,
    },
    /// A column can't be a feature.
    #[error("`{}`, line {line}: column `{column}` is {kind}, features must be numeric", path.display())]
    NotNumeric {
        /// The file.
        path: PathBuf,
        /// The line that declares it.
        line: u64,
        /// The column.
        column: String,
        /// What it is.
        kind: String,
    },
    /// A row is shorter or longer than the names of the columns.
    #[error("`{}`, line {line}: expected {expected} values, found {found}", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// How many columns there are.
        expected: usize,
        /// How many values the row has.
        found: usize,
    },
    /// A value is missing.
    #[error("`{}`, line {line}, column `{column}`: no value", path.display())]
    NoValue {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column.
        column: String,
    },
    /// A value is not a number.
    #[error("`{}`, line {line}, column `{column}`: `{}` is not a number", path.display(), shown(value))]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A value is NaN, infinite, or beyond what 32 bits can hold.
    #[error("`{}`, {place}: `{value}` is not a finite 32-bit number", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Where it is.
        place: Place,
        /// The value.
        value: String,
    },
    /// A class is not one of those that the data set has.
    #[error("`{}`, {place}: unknown class `{}`", path.display(), shown(value))]
    UnknownClass {
        /// The file.
        path: PathBuf,
        /// Where it is.
        place: Place,
        /// The class.
        value: String,
        /// The classes of the data set.
        known: Vec<String>,
    },
    /// Columns that say one class a row say none or several.
    #[error("`{}`, {place}: expected one class, found {found}", path.display())]
    NotOneHot {
        /// The file.
        path: PathBuf,
        /// Where it is.
        place: Place,
        /// What was found.
        found: String,
    },
    /// Every row has the same class.
    #[error("`{}` has only one class, `{class}`", path.display())]
    OneClass {
        /// The file.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A class that the data set has, or that the file declares, has no row.
    #[error("`{}` has no row of class `{class}`", path.display())]
    ClassWithoutRows {
        /// The file.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// The text is not of its format.
    #[error("`{}`, line {line}: {what}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The file ends before its data do.
    #[error("`{}` is cut off: {what}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The file is not a NumPy file, or a damaged one.
    #[error("cannot read `{}` as a NumPy file: {reason}", path.display())]
    NotNumpy {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// An array that belongs to the ones that are there is missing.
    #[error("`{}` has no array of {missing}, only {}", path.display(), ticked(arrays))]
    MissingArray {
        /// The file or folder.
        path: PathBuf,
        /// What is looked for.
        missing: &'static str,
        /// The arrays that are there.
        arrays: Vec<String>,
    },
    /// Two arrays claim one role.
    #[error("`{}`: arrays `{first}` and `{second}` could both be {role}", path.display())]
    DuplicateArray {
        /// The file or folder.
        path: PathBuf,
        /// One array.
        first: String,
        /// The other.
        second: String,
        /// What both could be.
        role: &'static str,
    },
    /// An array has elements of a type that is not read.
    #[error("`{}`, array `{array}`: cannot read elements of type `{found}`, expected {expected}", path.display())]
    ArrayType {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// The type, as NumPy writes it.
        found: String,
        /// What could be read.
        expected: &'static str,
    },
    /// An array has a shape that does not fit.
    #[error("`{}`, array `{array}`: expected {expected}, found shape {found:?}", path.display())]
    ArrayShape {
        /// The file.
        path: PathBuf,
        /// The array.
        array: String,
        /// The shapes that would fit.
        expected: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A file of pictures is not as it should be.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a text file: line (the first is 1) and column.
    Line {
        /// The line.
        line: u64,
        /// The column.
        column: String,
    },
    /// In an array: row (the first is 0, as in NumPy).
    Row {
        /// The array.
        array: String,
        /// The row.
        row: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, column } => write!(formatter, "line {line}, column `{column}`"),
            Self::Row { array, row } => write!(formatter, "array `{array}`, row {row}"),
        }
    }
}

impl LoadError {
    /// Returns what the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownDataset { name, .. } => {
                let known = crate::known();
                let meant = did_you_mean(name, known.iter().map(|known| known.name));
                let others = "`firebrick data list` shows the known ones, \
                              `--data FILE` takes a file of your own";
                Some(match meant {
                    Some(meant) => format!("{meant} {others}"),
                    None => others.to_owned(),
                })
            }
            Self::TooFewRows { .. } => Some(
                "every class is split by itself, after rows that repeat are dropped; has the \
                 label a class for nearly every row?"
                    .to_owned(),
            ),
            Self::NotFound { name, .. } => Some(format!(
                "`firebrick data fetch {name}` downloads it, `--data FILE` takes a file that you have"
            )),
            Self::NoEffect { key, .. } => Some(format!("leave `{key}` out")),
            Self::UnknownFormat { .. } => Some(format!(
                "the name must end in {}",
                crate::locate::EXTENSIONS
                    .map(|end| format!("`.{end}`"))
                    .join(", ")
            )),
            Self::EmptyFolder { .. } => Some(
                "it needs one `.csv`, `.arff` or `.npz` file, or `X.npy` and `y.npy`".to_owned(),
            ),
            Self::Ambiguous { .. } => Some("give one of them, `--data FILE`".to_owned()),
            Self::NoHeader { .. } => Some("add a first line that names each column".to_owned()),
            Self::UnnamedColumn { position: 1, .. } => Some(
                "if it numbers the rows, leave it out (in pandas: `to_csv(file, index=False)`)"
                    .to_owned(),
            ),
            Self::MissingColumn { columns, .. } if columns.is_empty() => None,
            Self::MissingColumn {
                column, columns, ..
            } => Some(match nearest(column, columns.iter().map(String::as_str)) {
                Some(near) => format!("the nearest that it has is `{near}`"),
                None => format!("it has {}", ticked(columns)),
            }),
            Self::UnknownColumn { column, known, .. } => {
                Some(match nearest(column, known.iter().map(String::as_str)) {
                    Some(near) => format!("the nearest that is known is `{near}`"),
                    None => "remove it from the file".to_owned(),
                })
            }
            Self::NoLabel { columns, .. } => Some(format!(
                "say which with `label = \"NAME\"` under `[dataset]`; the columns are {}",
                ticked(columns)
            )),
            Self::NotNumeric { .. } => Some(
                "write categories as numbers, one column of 0 and 1 for each, or leave them out"
                    .to_owned(),
            ),
            Self::NoValue { .. } => Some("leave the row out or fill the value in".to_owned()),
            Self::NotANumber { value, .. } if decimal_comma(value) => {
                Some("write decimals with a point, not a comma".to_owned())
            }
            Self::UnknownClass { value, known, .. } => {
                let other_case = known.iter().find(|class| class.eq_ignore_ascii_case(value));
                let near = nearest(value, known.iter().map(String::as_str));
                Some(match other_case.map(String::as_str).or(near) {
                    Some(near) => {
                        format!("did you mean `{near}`? the classes are {}", ticked(known))
                    }
                    None => format!("the classes are {}", ticked(known)),
                })
            }
            Self::OneClass { .. } => {
                Some("classification needs two classes; is it the right `label`?".to_owned())
            }
            Self::ClassWithoutRows { .. } => Some(
                "a class needs rows: take a larger file, or leave it out where it is declared"
                    .to_owned(),
            ),
            Self::NotNumpy { .. } => {
                Some("if `numpy.load` cannot read it either, download or copy it again".to_owned())
            }
            Self::Truncated { .. } => Some("download or copy it again".to_owned()),
            Self::MissingArray { .. } => Some(
                "name them `X` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`".to_owned(),
            ),
            Self::ArrayType { found, .. } if found.contains('O') => Some(
                "it is a pickled object array; save it with a plain type, as in `a.astype(str)`"
                    .to_owned(),
            ),
            Self::Picture(error) => error.hint(),
            _ => None,
        }
    }

    /// Wraps what the system says about a file.
    pub(crate) fn read(path: &Path, error: &io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

fn decimal_comma(value: &str) -> bool {
    value.matches(',').count() == 1 && value.replace(',', ".").parse::<f64>().is_ok()
}

/// Returns a value short enough for a line.
fn shown(value: &str) -> String {
    const LONGEST: usize = 40;
    if value.chars().count() <= LONGEST {
        return value.to_owned();
    }
    value.chars().take(LONGEST).chain("...".chars()).collect()
}

/// Returns names in backticks, the first ten of many.
fn ticked(names: &[String]) -> String {
    const MOST: usize = 10;
    let mut text: Vec<String> = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{}`", shown(name)))
        .collect();
    if names.len() > MOST {
        text.push(format!("and {} more", names.len() - MOST));
    }
    text.join(", ")
}

fn in_folders(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "was given, and there is no data folder to look in".to_owned();
    }
    let folders: Vec<String> = folders
        .iter()
        .map(|folder| format!("`{}`", folder.display()))
        .collect();
    format!("in {}", folders.join(", "))
}
