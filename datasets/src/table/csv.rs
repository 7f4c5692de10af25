//! CSV: a first line that names the columns, then one row a line.
//!
//! Fields are separated by commas, semicolons or tabs, whichever the first line has most of.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use super::columns::{Column, Kind, Rows, check_unique};
use super::{Schema, Table};
use crate::error::LoadError;

/// Reads a CSV file.
///
/// # Errors
/// [`LoadError`], with the line that is wrong.
pub(crate) fn read(path: &Path, schema: &dyn Schema) -> Result<Table, LoadError> {
    let open_error = |error| LoadError::read(path, &error);
    let mut file = BufReader::new(File::open(path).map_err(open_error)?);
    let (start, delimiter) = start_and_delimiter(&mut file).map_err(open_error)?;
    file.seek(SeekFrom::Start(start)).map_err(open_error)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(Trim::All)
        .from_reader(file);

    let mut record = StringRecord::new();
    let read_error = |error| csv_error(path, error);
    if !reader.read_record(&mut record).map_err(read_error)? {
        return Err(LoadError::EmptyFile {
            path: path.to_owned(),
        });
    }
    let columns = columns(path, &record, schema.label())?;
    let mut rows = Rows::new(path, &columns, schema.layout(path, &columns)?);
    while reader.read_record(&mut record).map_err(read_error)? {
        rows.push(line(&record), record.len(), record.iter())?;
    }
    Ok(rows.finish())
}

/// Returns the columns that the first record names.
fn columns(
    path: &Path,
    record: &StringRecord,
    label: Option<&str>,
) -> Result<Vec<Column>, LoadError> {
    let line = line(record);
    let names: Vec<&str> = record.iter().map(str::trim).collect();
    let says_label = label.is_some_and(|label| names.contains(&label));
    if !says_label && names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(LoadError::NoHeader {
            path: path.to_owned(),
            line,
        });
    }
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for (position, name) in (1..).zip(names) {
        if name.is_empty() {
            return Err(LoadError::UnnamedColumn {
                path: path.to_owned(),
                line,
                position,
            });
        }
        columns.push(Column {
            name: name.to_owned(),
            line,
            kind: Kind::Untyped,
        });
    }
    check_unique(path, &columns)?;
    Ok(columns)
}

/// Returns where the text starts, after the mark that some programs write before it, and the
/// separator that the first line with text has most of.
fn start_and_delimiter(file: &mut impl BufRead) -> std::io::Result<(u64, u8)> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let start = if file.fill_buf()?.starts_with(MARK) {
        MARK.len() as u64
    } else {
        0
    };
    let mut line = Vec::new();
    while line.trim_ascii().is_empty() {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
    }
    let count = |separator| line.iter().filter(|byte| **byte == separator).count();
    // `max_by_key` returns the last of equals: the comma.
    let most = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|separator| count(*separator));
    Ok((start, most.unwrap_or(b',')))
}

fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn csv_error(path: &Path, error: csv::Error) -> LoadError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => LoadError::read(path, &error),
        ErrorKind::Utf8 { .. } => LoadError::Syntax {
            path: path.to_owned(),
            line,
            what: "not UTF-8 text".to_owned(),
        },
        other => LoadError::Syntax {
            path: path.to_owned(),
            line,
            what: format!("{other:?}"),
        },
    }
}
