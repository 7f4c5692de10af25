//! The first layer: a TOML file as items, each with where it comes from, unread.

use toml::de::{DeTable, DeValue};

use firebrick_core::Json;

use super::error::{Origin, StudyError};

/// A value with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) origin: Origin,
    pub(super) raw: Raw,
}

/// A value as it is written. `"NA"` is [`Raw::Null`], as MASE reads it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Item>),
    Table(Table),
}

/// A table, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Table(pub(super) Vec<Entry>);

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) item: Item,
}

/// Reads the bytes of a TOML file.
///
/// # Errors
/// [`StudyError`] with the line of what is not UTF-8, not TOML, a key that comes twice, a date, or
/// a number that is not finite or does not fit 64 bits.
pub(super) fn parse(bytes: &[u8]) -> Result<Table, StudyError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = line_at(bytes, error.valid_up_to());
        StudyError::at(&Origin::Line(line), "not UTF-8 text")
    })?;
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let what = error.message().trim().replace('\n', ", ");
        StudyError::at(
            &Origin::Line(line_at(bytes, start)),
            format!("not TOML: {what}"),
        )
    })?;
    read_table(bytes, table.get_ref())
}

impl Table {
    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.0
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.item)
    }

    /// Returns the value of a key to change.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Item> {
        let entry = self.0.iter_mut().find(|entry| entry.key == key);
        entry.map(|entry| &mut entry.item)
    }

    /// Returns the table of a key, if there is a table.
    pub(super) fn table(&self, key: &str) -> Option<&Self> {
        match &self.get(key)?.raw {
            Raw::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Sets the value of a key in its old place, or at the end.
    pub(super) fn set(&mut self, key: &str, item: Item) {
        match self.get_mut(key) {
            Some(old) => *old = item,
            None => self.0.push(Entry {
                key: key.to_owned(),
                item,
            }),
        }
    }

    /// Removes a key and returns its value.
    pub(super) fn remove(&mut self, key: &str) -> Option<Item> {
        let idx = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(idx).item)
    }
}

impl Raw {
    /// Returns the value as JSON: how arguments of models and passes travel.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(switch) => (*switch).into(),
            Self::Int(int) => (*int).into(),
            Self::Float(float) => (*float).into(),
            Self::Text(text) => text.clone().into(),
            Self::List(items) => items.iter().map(|item| item.raw.to_json()).collect(),
            Self::Table(table) => table.to_json(),
        }
    }

    /// Returns the value that a flag gave.
    ///
    /// # Errors
    /// A sentence if a number does not fit the numbers of TOML.
    pub(super) fn from_json(json: &Json, origin: &Origin) -> Result<Self, StudyError> {
        let item = |json| {
            Ok(Item {
                origin: origin.clone(),
                raw: Self::from_json(json, origin)?,
            })
        };
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(switch) => Self::Bool(*switch),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(float)) if number.is_f64() => Self::Float(float),
                _ => {
                    let what = format!("{number} is above {}", i64::MAX);
                    return Err(StudyError::at(origin, what));
                }
            },
            Json::String(text) if text == "NA" => Self::Null,
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(values) => Self::List(values.iter().map(item).collect::<Result<_, _>>()?),
            Json::Object(fields) => {
                let mut table = Table::default();
                for (key, value) in fields {
                    table.set(key, item(value)?);
                }
                Self::Table(table)
            }
        })
    }

    /// Returns the value in words: what a message shows as found.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "`\"NA\"`".to_owned(),
            Self::Bool(switch) => format!("`{switch}`"),
            Self::Int(int) => format!("`{int}`"),
            Self::Float(float) => format!("`{float:?}`"),
            Self::Text(text) => format!("`{text:?}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

impl Table {
    /// Returns the table as a JSON object in the same order.
    pub(super) fn to_json(&self) -> Json {
        let fields = self
            .0
            .iter()
            .map(|entry| (entry.key.clone(), entry.item.raw.to_json()));
        Json::Object(fields.collect())
    }
}

fn read_table(bytes: &[u8], table: &DeTable<'_>) -> Result<Table, StudyError> {
    let mut keys: Vec<_> = table.iter().collect();
    // The map is sorted by name; where a key first stands gives the order of the file back.
    keys.sort_by_key(|(key, _)| key.span().start);
    let mut entries = Vec::with_capacity(keys.len());
    for (key, value) in keys {
        let origin = Origin::Line(line_at(bytes, key.span().start));
        let raw = read_value(bytes, value.get_ref(), &origin)?;
        let item = Item { origin, raw };
        entries.push(Entry {
            key: key.get_ref().to_string(),
            item,
        });
    }
    Ok(Table(entries))
}

fn read_value(bytes: &[u8], value: &DeValue<'_>, origin: &Origin) -> Result<Raw, StudyError> {
    let misfit = |what: String| Err(StudyError::at(origin, what));
    Ok(match value {
        DeValue::String(text) if text == "NA" => Raw::Null,
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(switch) => Raw::Bool(*switch),
        DeValue::Integer(int) => match i64::from_str_radix(int.as_str(), int.radix()) {
            Ok(int) => Raw::Int(int),
            Err(_) => return misfit(format!("{int} does not fit 64 bits")),
        },
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(float) if float.is_finite() => Raw::Float(float),
            _ => return misfit(format!("{float} is not a finite number")),
        },
        DeValue::Datetime(date) => return misfit(format!("no key takes a date, found {date}")),
        DeValue::Table(table) => Raw::Table(read_table(bytes, table)?),
        DeValue::Array(values) => {
            let mut items = Vec::with_capacity(values.len());
            for value in values {
                let origin = Origin::Line(line_at(bytes, value.span().start));
                let raw = read_value(bytes, value.get_ref(), &origin)?;
                items.push(Item { origin, raw });
            }
            Raw::List(items)
        }
    })
}

/// Returns the line, counted from 1, of a byte.
fn line_at(bytes: &[u8], position: usize) -> usize {
    let before = &bytes[..position.min(bytes.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
