//! Values of points: which of the values of a field they are, and how they are written.

use firebrick_core::Json;
use firebrick_core::space::Domain;
use firebrick_core::value::Value;

use super::super::choices::{Choices, Record};
use super::super::write::inline;

/// How many values or names a hint lists.
const N_LISTED: usize = 12;

/// Returns whether two values are the same, or the same number.
pub(super) fn is_equal(one: &Value, other: &Value) -> bool {
    one == other
        || one
            .as_f64()
            .is_some_and(|number| other.as_f64() == Some(number))
}

/// Returns whether two records have the same fields, in any order.
pub(super) fn is_same(one: &Record, other: &Record) -> bool {
    let has = |(name, value): &(String, Value)| {
        let mut fields = other.0.iter();
        fields.any(|(own, given)| own == name && is_equal(given, value))
    };
    one.0.len() == other.0.len() && one.0.iter().all(has)
}

/// Returns what a field can be, in words.
pub(super) fn values(choices: &Choices) -> String {
    match choices {
        Choices::List(values) => spelled_list(values, value_to_json),
        Choices::Records(records) => spelled_list(records, Record::to_json),
        Choices::Range(Domain::Int {
            low, high, step, ..
        }) => match step {
            1 => format!("a whole number from {low} to {high}"),
            step => format!("a whole number from {low} to {high} in steps of {step}"),
        },
        Choices::Range(Domain::Float {
            low, high, step, ..
        }) => match step {
            None => format!("a number from {low} to {high}"),
            Some(step) => format!("a number from {low} to {high} in steps of {step}"),
        },
        Choices::Range(Domain::Categorical { choices } | Domain::Ordinal { choices }) => {
            spelled_list(choices, value_to_json)
        }
    }
}

/// Returns a value as JSON.
pub(super) fn value_to_json(value: &Value) -> Json {
    value.clone().into()
}

/// Returns values in words, each as a file has it.
pub(super) fn spelled_list<T>(values: &[T], to_json: impl Fn(&T) -> Json) -> String {
    let values: Vec<String> = values.iter().map(|value| inline(&to_json(value))).collect();
    listed(&values)
}

/// Returns names in words, the first of them if there are many.
pub(super) fn listed(items: &[String]) -> String {
    let shown = items.iter().take(N_LISTED);
    let shown: Vec<String> = shown.map(|item| format!("`{item}`")).collect();
    let more = items.len().saturating_sub(N_LISTED);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
