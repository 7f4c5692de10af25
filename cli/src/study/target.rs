//! `[target]`: the chip that analyses are about, in numbers of which each takes its own.

use std::collections::BTreeMap;

use firebrick_core::value::Value;

use super::error::StudyError;
use super::file::Raw;
use super::section::{Section, misfit};

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
