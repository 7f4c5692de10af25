//! Passes with their arguments: `[passes.NAME]` and `[search.strategy.hw_runner.NAME]`.

use firebrick_core::Json;

use super::error::{Notice, StudyError};
use super::section::Section;

/// A pass with what it is applied with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PassStep {
    /// The name of the pass.
    pub(crate) name: String,
    /// Its arguments as [`firebrick_core::pass::Pass::apply`] takes them: an object.
    pub(crate) args: Json,
}

/// Reads a table of passes, in the order of the file.
pub(super) fn read(section: &Section<'_>) -> Result<Vec<PassStep>, StudyError> {
    let mut steps = Vec::new();
    for entry in section.rest() {
        Section::of(section.path_of(&entry.key), &entry.item)?;
        let args = without_config(entry.item.raw.to_json());
        steps.push(PassStep {
            name: entry.key.clone(),
            args,
        });
    }
    Ok(steps)
}

/// Removes the `quantize` of a file in which it gives no node a format, as in the seed.
pub(super) fn drop_empty_quantize(
    steps: &mut Vec<PassStep>,
    section: &Section<'_>,
    notices: &mut Vec<Notice>,
) {
    let is_empty = |step: &PassStep| {
        let Some(args) = step.args.as_object() else {
            return true;
        };
        let says_nothing = |entry: &Json| match entry {
            Json::Null => true,
            Json::Object(fields) => fields.values().all(Json::is_null),
            _ => false,
        };
        let mut nodes = args.iter().filter(|(key, _)| *key != "by");
        step.name == "quantize" && nodes.all(|(_, entry)| says_nothing(entry))
    };
    let n_steps = steps.len();
    steps.retain(|step| !is_empty(step));
    if steps.len() < n_steps {
        let entries = section.rest().filter(|entry| entry.key == "quantize");
        notices.extend(entries.map(|entry| {
            let path = section.path_of(&entry.key);
            Notice::new(path, &entry.item.origin, "it gives no node a format")
        }));
    }
}

/// Lifts the fields of MASE's `node.config.field` to `node.field`, where passes expect them, unless
/// there are fields in both places: passes say which of them they don't take.
fn without_config(args: Json) -> Json {
    let Json::Object(args) = args else {
        return args;
    };
    let nodes = args.into_iter().map(|(key, value)| match value {
        Json::Object(mut node) => match node.shift_remove("config") {
            Some(Json::Object(config)) if node.is_empty() => (key, Json::Object(config)),
            Some(other) => {
                node.insert("config".to_owned(), other);
                (key, Json::Object(node))
            }
            None => (key, Json::Object(node)),
        },
        other => (key, other),
    });
    Json::Object(nodes.collect())
}
