//! `[target]`: the chip that analyses are about, in numbers of which each takes its own.

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::hint::did_you_mean;
use firebrick_core::value::Value;
use serde_json::Map;

use super::error::{Notice, StudyError};
use super::file::Raw;
use super::passes::PassStep;
use super::section::{Section, join, misfit};
use super::{Loaded, Subject};

/// What a described chip has, by name: `macs_per_cycle`, `clock_mhz`...
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Target(pub(crate) BTreeMap<String, Value>);

/// Reads `[target]`; which numbers the analyses take is known only with their plugins.
pub(super) fn read(table: &Section<'_>) -> Result<Target, StudyError> {
    let mut numbers = BTreeMap::new();
    for entry in table.rest() {
        let number = match entry.item.raw {
            Raw::Null => continue,
            // Whole numbers stay whole: an analysis may count something.
            Raw::Int(number) => Value::Int(number),
            Raw::Float(number) => Value::Float(number),
            _ => return Err(misfit(&table.path_of(&entry.key), &entry.item, "a number")),
        };
        numbers.insert(entry.key.clone(), number);
    }
    Ok(Target(numbers))
}

impl Loaded {
    /// Gives the passes and analyses of the study what they take of `[target]` and are not given by
    /// themselves.
    ///
    /// A pass takes a number whose name its arguments have, or a table `target` among them.
    /// `schema` returns the JSON schema of a pass by name, `all` are those of all passes that there
    /// are. Returns the numbers that no pass of the study takes.
    ///
    /// # Errors
    /// [`StudyError`] if no pass at all takes a number, or one of the study lacks some.
    pub(crate) fn aim<'a>(
        &mut self,
        schema: impl Fn(&str) -> Option<&'a Json>,
        all: impl IntoIterator<Item = &'a Json>,
    ) -> Result<Vec<Notice>, StudyError> {
        let target = self.study.target.clone();
        let mut known: Vec<&str> = all.into_iter().flat_map(names).collect();
        known.sort_unstable();
        known.dedup();
        let unknown = |key: &&String| !known.contains(&key.as_str());
        if let Some(key) = target.0.keys().find(unknown) {
            let hint = did_you_mean(key, known.iter().copied())
                .unwrap_or_else(|| format!("analyses take `{}`", known.join("`, `")));
            let path = join("target", key);
            let what = format!("no analysis takes `{path}`");
            return Err(self.blame(Subject::Key(&path), what, Some(hint)));
        }
        let mut taken: Vec<&str> = Vec::new();
        let mut lacking = None;
        let analyses = self.study.search.iter_mut();
        let steps = analyses.flat_map(|search| &mut search.analyses);
        for step in self.study.passes.iter_mut().chain(steps) {
            let Some(schema) = schema(&step.name) else {
                continue;
            };
            taken.extend(names(schema));
            give(&target, schema, step);
            let missing = missing(schema, &step.args);
            lacking = lacking.or(missing.map(|key| (step.name.clone(), key)));
        }
        if let Some((pass, key)) = lacking {
            let what = format!("`{pass}` needs `{key}`");
            let hint = format!("describe the chip: `[target]` with `{key} = ...`");
            let subject = match self.places.contains_key("target") {
                true => Subject::Key("target"),
                false => Subject::Analysis(&pass),
            };
            return Err(self.blame(subject, what, Some(hint)));
        }
        let idle = target.0.keys().filter(|key| !taken.contains(&key.as_str()));
        let notices = idle.map(|key| {
            let key = join("target", key);
            let origin = self.places.get(&key).cloned();
            Notice {
                file: self.file.clone().filter(|_| origin.is_some()),
                origin,
                key,
                reason: "no analysis of the study takes it".to_owned(),
            }
        });
        Ok(notices.collect())
    }
}

/// The argument that is a table of numbers of a target.
const TABLE: &str = "target";

/// Gives a pass those numbers that its arguments have and that it is not given.
fn give(target: &Target, schema: &Json, step: &mut PassStep) {
    let Some(args) = step.args.as_object_mut() else {
        return;
    };
    let args = match table(schema) {
        None => args,
        Some(_) => {
            let empty = || Json::Object(Map::new());
            match args.entry(TABLE).or_insert_with(empty).as_object_mut() {
                Some(table) => table,
                None => return,
            }
        }
    };
    for name in names(schema) {
        if let (Some(number), false) = (target.0.get(name), args.contains_key(name)) {
            args.insert(name.to_owned(), number.clone().into());
        }
    }
}

/// Returns the first argument that a pass needs and is not given, if there is one.
fn missing(schema: &Json, args: &Json) -> Option<String> {
    let (schema, args) = match table(schema) {
        Some(table) => (table, args.get(TABLE)?),
        None => (schema, args),
    };
    let required = schema.get("required").and_then(Json::as_array);
    let mut required = required.into_iter().flatten().filter_map(Json::as_str);
    let missing = required.find(|name| args.get(name).is_none());
    missing.map(str::to_owned)
}

/// Returns the names of numbers that a pass takes.
fn names(schema: &Json) -> Vec<&str> {
    let own = table(schema).unwrap_or(schema);
    let properties = own.get("properties").and_then(Json::as_object);
    let is_number = |schema: &Json| match schema.get("type") {
        Some(Json::String(kind)) => ["number", "integer"].contains(&kind.as_str()),
        Some(Json::Array(kinds)) => kinds
            .iter()
            .any(|kind| kind == "number" || kind == "integer"),
        _ => false,
    };
    let numbers = properties.into_iter().flatten();
    let numbers = numbers.filter(|(_, schema)| is_number(schema));
    numbers.map(|(name, _)| name.as_str()).collect()
}

/// Returns the schema of the table `target` of a pass, if it has one.
fn table(schema: &Json) -> Option<&Json> {
    let own = schema.get("properties")?.get(TABLE)?;
    match own.get("$ref").and_then(Json::as_str) {
        Some(reference) => schema.pointer(reference.strip_prefix('#')?),
        None => Some(own),
    }
}
