//! `[target]`: the chip that analyses are about, in numbers of which each takes its own.

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::hint::did_you_mean;
use firebrick_core::value::Value;

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
    /// Gives the passes and analyses of the study the numbers of `[target]` that their arguments
    /// have by name and that they are not given by themselves.
    ///
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
        let mut known: Vec<&str> = all.into_iter().flat_map(numbers).collect();
        known.sort_unstable();
        known.dedup();
        let unknown = |key: &&String| !known.contains(&key.as_str());
        if let Some(key) = target.0.keys().find(unknown) {
            let hint = did_you_mean(key, known.iter().copied())
                .unwrap_or_else(|| format!("passes take `{}`", known.join("`, `")));
            let path = join("target", key);
            let what = format!("no pass takes `{path}`");
            return Err(self.blame(Subject::Key(&path), what, Some(hint)));
        }
        let mut taken: Vec<&str> = Vec::new();
        let mut lacking = None;
        let analyses = self.study.search.iter_mut();
        let analyses = analyses.flat_map(|search| &mut search.analyses);
        let analyses = analyses.map(|step| ("search.strategy.hw_runner", step));
        let passes = self.study.passes.iter_mut().map(|step| ("passes", step));
        for (table, step) in passes.chain(analyses) {
            let Some(schema) = schema(&step.name) else {
                continue;
            };
            taken.extend(numbers(schema));
            give(&target, schema, step);
            let table = join(table, &step.name);
            lacking = lacking.or_else(|| Some((table, missing(schema, &step.args)?.to_owned())));
        }
        if let Some((table, number)) = lacking {
            let what = format!("`{table}` needs `{number}`, which `[target]` does not say");
            let hint = format!("for example `target.{number} = 100`");
            return Err(self.blame(Subject::Key(&table), what, Some(hint)));
        }
        let idle = target.0.keys().filter(|key| !taken.contains(&key.as_str()));
        let notices = idle.map(|key| {
            let key = join("target", key);
            let origin = self.places.get(&key).cloned();
            Notice {
                file: self.file.clone().filter(|_| origin.is_some()),
                origin,
                key,
                is_idle: true,
                reason: "no analysis of the study takes it".to_owned(),
            }
        });
        Ok(notices.collect())
    }
}

/// Gives a pass those numbers that its arguments have and that it is not given.
fn give(target: &Target, schema: &Json, step: &mut PassStep) {
    let Some(args) = step.args.as_object_mut() else {
        return;
    };
    for name in numbers(schema) {
        if let (Some(number), false) = (target.0.get(name), args.contains_key(name)) {
            args.insert(name.to_owned(), number.clone().into());
        }
    }
}

/// Returns the first number that a pass needs and is not given, if there is one.
fn missing<'a>(schema: &'a Json, args: &Json) -> Option<&'a str> {
    let required = schema.get("required").and_then(Json::as_array)?;
    let mut needed = numbers(schema)
        .into_iter()
        .filter(|name| required.iter().any(|needed| needed == name));
    needed.find(|name| args.get(name).is_none())
}

/// Returns the names of the numbers among the arguments of a pass.
fn numbers(schema: &Json) -> Vec<&str> {
    let is_number = |schema: &Json| match schema.get("type") {
        Some(Json::String(kind)) => ["number", "integer"].contains(&kind.as_str()),
        Some(Json::Array(kinds)) => kinds
            .iter()
            .any(|kind| kind == "number" || kind == "integer"),
        _ => false,
    };
    let properties = schema.get("properties").and_then(Json::as_object);
    let properties = properties.into_iter().flatten();
    let numbers = properties.filter(|(_, schema)| is_number(schema));
    numbers.map(|(name, _)| name.as_str()).collect()
}
