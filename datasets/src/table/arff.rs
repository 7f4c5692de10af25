//! ARFF, the text format of Weka and OpenML: attributes with types, then one row a line.
//!
//! # Source
//! <https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/>. Differs: sparse rows
//! and attributes that go on over several lines are refused.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::columns::{Column, Kind, Rows, check_unique};
use super::{Schema, Table};
use crate::error::LoadError;

/// Reads an ARFF file.
///
/// # Errors
/// [`LoadError`], with the line that is wrong.
pub(crate) fn read(path: &Path, schema: &dyn Schema) -> Result<Table, LoadError> {
    let mut lines = Lines::open(path)?;
    let columns = header(&mut lines)?;
    check_unique(path, &columns)?;
    let mut rows = Rows::new(path, &columns, schema.layout(path, &columns)?);
    while lines.advance()? {
        let (line, number) = (lines.text()?, lines.number);
        if line.starts_with('{') {
            return Err(lines.syntax("a sparse row, `{...}`; only dense rows are read"));
        }
        if line.contains(['\'', '"', '\\']) {
            let fields = split_quoted(line, ',').map_err(|what| lines.syntax(what))?;
            rows.push(number, fields.len(), fields.iter().map(Cow::as_ref))?;
        } else {
            rows.push(number, line.split(',').count(), line.split(','))?;
        }
    }
    Ok(rows.finish())
}

/// Reads the attributes, up to and with the line `@data`.
fn header(lines: &mut Lines<'_>) -> Result<Vec<Column>, LoadError> {
    let mut columns = Vec::new();
    while lines.advance()? {
        let line = lines.text()?;
        let keyword = line.split_whitespace().next().unwrap_or_default();
        let rest = line[keyword.len()..].trim();
        match keyword.to_ascii_lowercase().as_str() {
            "@relation" => {}
            "@attribute" => {
                let (name, kind) = attribute(rest).map_err(|what| lines.syntax(what))?;
                columns.push(Column {
                    name,
                    line: lines.number,
                    kind,
                });
            }
            "@data" if columns.is_empty() => {
                return Err(lines.syntax("`@data` before any `@attribute`"));
            }
            "@data" => return Ok(columns),
            _ => {
                return Err(lines.syntax("expected `@relation`, `@attribute NAME TYPE` or `@data`"));
            }
        }
    }
    if !lines.any {
        return Err(LoadError::EmptyFile {
            path: lines.path.to_owned(),
        });
    }
    Err(LoadError::Truncated {
        path: lines.path.to_owned(),
        what: "it ends before `@data`".to_owned(),
    })
}

/// Reads `NAME TYPE`.
fn attribute(text: &str) -> Result<(String, Kind), &'static str> {
    let (name, rest) = match text.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let end = closing_quote(text, quote).ok_or("a quote is not closed")?;
            (unescape(&text[1..end]), text[end + 1..].trim())
        }
        _ => {
            let end = text
                .find(|c: char| c.is_whitespace() || c == '{')
                .ok_or("an attribute needs a name and a type")?;
            (text[..end].to_owned(), text[end..].trim())
        }
    };
    if name.is_empty() || rest.is_empty() {
        return Err("an attribute needs a name and a type");
    }
    if let Some(values) = rest.strip_prefix('{') {
        let values = values
            .strip_suffix('}')
            .ok_or("the values of a nominal attribute must end in `}` on the same line")?;
        let values = split_quoted(values, ',')?;
        let values = values.into_iter().map(Cow::into_owned).collect();
        return Ok((name, Kind::Nominal(values)));
    }
    let word = rest.split_whitespace().next().unwrap_or_default();
    let kind = match word.to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => Kind::Numeric,
        "string" => Kind::Untyped,
        _ => Kind::Other(rest.to_owned()),
    };
    Ok((name, kind))
}

/// Splits at a separator outside of quotes; fields lose their quotes and the spaces around them.
fn split_quoted(text: &str, separator: char) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let end = match rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let end = closing_quote(rest, quote).ok_or("a quote is not closed")?;
                fields.push(Cow::Owned(unescape(&rest[1..end])));
                let after = rest[end + 1..].trim_start();
                if !after.is_empty() && !after.starts_with(separator) {
                    return Err("text after a closing quote");
                }
                rest.len() - after.len()
            }
            _ => {
                let end = rest.find(separator).unwrap_or(rest.len());
                fields.push(Cow::Borrowed(rest[..end].trim_end()));
                end
            }
        };
        match rest.get(end + separator.len_utf8()..) {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

/// Returns where the quote that opens the text is closed.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (position, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(position);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(c);
            escaped = false;
        }
    }
    plain
}

/// The lines that say something: neither empty nor a comment.
struct Lines<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    /// The number of the current line, the first is 1.
    number: u64,
    /// Whether any line said something.
    any: bool,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, LoadError> {
        let file = File::open(path).map_err(|error| LoadError::read(path, &error))?;
        Ok(Self {
            path,
            reader: BufReader::with_capacity(1 << 16, file),
            buffer: Vec::new(),
            number: 0,
            any: false,
        })
    }

    /// Goes to the next line that says something; returns whether there is one.
    fn advance(&mut self) -> Result<bool, LoadError> {
        loop {
            self.buffer.clear();
            let n_bytes = self
                .reader
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| LoadError::read(self.path, &error))?;
            if n_bytes == 0 {
                return Ok(false);
            }
            self.number += 1;
            let line = self.buffer.trim_ascii();
            if !line.is_empty() && !line.starts_with(b"%") {
                self.any = true;
                return Ok(true);
            }
        }
    }

    /// Returns the current line, without spaces around it.
    fn text(&self) -> Result<&str, LoadError> {
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(text.trim_start_matches('\u{feff}').trim()),
            Err(_) => Err(self.syntax("not UTF-8 text")),
        }
    }

    fn syntax(&self, what: &str) -> LoadError {
        LoadError::Syntax {
            path: self.path.to_owned(),
            line: self.number,
            what: what.to_owned(),
        }
    }
}
