//! `enqueue`: the points that a search begins with.
//!
//! ```toml
//! [[search.strategy.enqueue]]                        # as the space is spelled,
//! seq_blocks_2.channel_multiplier.factor = 2
//! [[search.strategy.enqueue]]                        # or by parameter, as `params` of `best.json`
//! "seq_blocks_2/channel_multiplier/factor" = 4
//! ```

mod complete;
mod place;
mod value;

pub(crate) use place::Enqueued;

use std::fmt;

use firebrick_core::Json;
use firebrick_core::value::Value;
use serde_json::Map;

use super::choices::{self, Record};
use super::error::{Notice, StudyError};
use super::file::{Entry, Item, Raw, Table};
use super::section::{join, misfit};

/// The key of the points.
pub(super) const KEY: &str = "search.strategy.enqueue";

/// A point, as the file says it; what it does not say is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Point(pub(crate) Vec<Given>);

/// One value of a point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    /// The name of the node.
    pub(crate) node: String,
    /// The pass, or the table that it is spelled in (`config`).
    pub(crate) table: String,
    /// The field of the pass.
    pub(crate) field: String,
    /// What it is.
    pub(crate) value: Said,
}

/// What a field is, as the file says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    /// One value.
    Value(Value),
    /// Values that go together.
    Record(Record),
}

/// Writes the name of the parameter: `node/pass/field`.
impl fmt::Display for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.node, self.table, self.field)
    }
}

impl Said {
    /// Returns the value as a file has it.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Value(value) => value.clone().into(),
            Self::Record(record) => record.to_json(),
        }
    }
}

impl Point {
    /// Returns the point as a file has it, by parameter.
    pub(super) fn to_json(&self) -> Json {
        let fields = self.0.iter();
        let fields = fields.map(|given| (given.to_string(), given.value.to_json()));
        Json::Object(fields.collect::<Map<_, _>>())
    }
}

/// Returns the keys of a point.
pub(super) fn path(idx: usize) -> String {
    format!("{KEY}[{idx}]")
}

/// Reads the points.
///
/// # Errors
/// [`StudyError`] names the first thing that is no point, or no value of one.
pub(super) fn read(item: &Item, notices: &mut Vec<Notice>) -> Result<Vec<Point>, StudyError> {
    let hint = "write one `[[search.strategy.enqueue]]` a point";
    let Raw::List(items) = &item.raw else {
        let expected = "a list of tables, each a point";
        return Err(misfit(KEY, item, expected).hinted(hint.to_owned()));
    };
    let points = items.iter().enumerate().map(|(idx, item)| {
        let path = path(idx);
        match &item.raw {
            Raw::Table(table) => read_point(&path, item, table, notices),
            _ => Err(misfit(&path, item, "a table").hinted(hint.to_owned())),
        }
    });
    points.collect()
}

fn read_point(
    path: &str,
    item: &Item,
    table: &Table,
    notices: &mut Vec<Notice>,
) -> Result<Point, StudyError> {
    let mut point = Point::default();
    for entry in &table.0 {
        let path = join(path, &entry.key);
        match &entry.item.raw {
            // The `sampled_config` of `best.json` says these too; they are of the study.
            Raw::Text(_) if ["by", "accelerator"].contains(&entry.key.as_str()) => {}
            Raw::Table(_) if entry.key == "default" => {
                let reason = "a point has the values of each node by itself";
                notices.push(Notice::new(path, &entry.item.origin, reason));
            }
            _ if entry.key.contains('/') => point.0.push(read_flat(&path, entry)?),
            Raw::Table(tables) => read_node(&path, &entry.key, tables, &mut point)?,
            _ => {
                let expected = "a table of the passes of a node";
                let hint = "a parameter is `\"node/pass/field\" = value`, or \
                            `node.pass.field = value`";
                let error = misfit(&path, &entry.item, expected);
                return Err(error.hinted(hint.to_owned()));
            }
        }
    }
    if point.0.is_empty() {
        let what = format!("`{path}` says nothing of its point");
        let hint = "give it the value of one parameter at least, or leave it out".to_owned();
        return Err(StudyError::at(&item.origin, what).hinted(hint));
    }
    Ok(point)
}

/// Reads `"node/pass/field" = value`.
fn read_flat(path: &str, entry: &Entry) -> Result<Given, StudyError> {
    let parts: Vec<&str> = entry.key.split('/').collect();
    let [node, table, field] = parts.as_slice() else {
        let what = format!("`{path}` is no name of a parameter");
        let hint = "it is `node/pass/field`, as in `params` of `best.json`".to_owned();
        return Err(StudyError::at(&entry.item.origin, what).hinted(hint));
    };
    Ok(Given {
        node: (*node).to_owned(),
        table: (*table).to_owned(),
        field: (*field).to_owned(),
        value: read_value(path, &entry.item)?,
    })
}

/// Reads the tables of a node: `pass.field = value`.
fn read_node(path: &str, node: &str, tables: &Table, point: &mut Point) -> Result<(), StudyError> {
    for entry in &tables.0 {
        let path = join(path, &entry.key);
        let Raw::Table(fields) = &entry.item.raw else {
            return Err(misfit(
                &path,
                &entry.item,
                "a table of the fields of a pass",
            ));
        };
        for field in &fields.0 {
            point.0.push(Given {
                node: node.to_owned(),
                table: entry.key.clone(),
                field: field.key.clone(),
                value: read_value(&join(&path, &field.key), &field.item)?,
            });
        }
    }
    Ok(())
}

fn read_value(path: &str, item: &Item) -> Result<Said, StudyError> {
    if let Raw::Table(table) = &item.raw {
        return Ok(Said::Record(choices::read_record(path, item, table)?));
    }
    match choices::value(&item.raw) {
        Some(value) => Ok(Said::Value(value)),
        None => {
            let hint = "a point has one value a parameter, not a choice".to_owned();
            Err(misfit(path, item, "a single value").hinted(hint))
        }
    }
}
