//! `[search.search_space]`: which nodes may change, and how, before any network is known.

use firebrick_core::hint::did_you_mean;
use firebrick_core::value::Value;
use regex::Regex;

use super::choices::{self, Choices};
use super::error::{Notice, StudyError};
use super::file::Entry;
use super::section::{Section, misfit, unknown_key};

/// What may change, as the file says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpaceSpec {
    /// What the keys of the seeds are.
    pub(crate) by: By,
    /// The seeds in the order of the file; the key `default` is for nodes that no other key takes.
    pub(crate) seeds: Vec<Seed>,
}

/// What the keys of seeds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Names of nodes.
    Name,
    /// Types of nodes, such as `linear`.
    Type,
    /// Regular expressions for whole names of nodes; the first one that matches counts.
    RegexName,
}

/// What may change about the nodes of one key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seed {
    /// A name, type or pattern, or `default`.
    pub(crate) key: String,
    /// The groups in the order of the file.
    pub(crate) groups: Vec<Group>,
}

/// The fields that one pass gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// The key of the table: a pass (native spelling), or `config` (the seed's).
    pub(crate) table: String,
    /// The pass; absent for a `config` whose only name is `NA`, which leaves a node as it is.
    pub(crate) pass: Option<String>,
    /// The fields in the order of the file, but `name` first: the others can depend on it.
    pub(crate) fields: Vec<Field>,
}

/// A field with what it can be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// The name.
    pub(crate) name: String,
    /// The values.
    pub(crate) choices: Choices,
}

/// The pass behind the seed's `name = ["output_only"]`.
pub(crate) const CHANNEL_MULTIPLIER: &str = "channel_multiplier";
/// The pass behind MASE's `name = ["integer"]`.
pub(crate) const QUANTIZE: &str = "quantize";
/// The table of the seed's spelling.
pub(crate) const CONFIG: &str = "config";

/// The modes of the channel multiplier; the last one takes no multiplier.
const MODES: [&str; 3] = ["output_only", "both", "input_only"];
/// The number formats of MASE.
const FORMATS: [&str; 14] = [
    "integer",
    "fixed",
    "binary",
    "ternary",
    "minifloat_denorm",
    "minifloat_ieee",
    "log",
    "block_fp",
    "msfp",
    "block_minifloat",
    "block_log",
    "binary_residual",
    "lutnet",
    "logicnets",
];

impl By {
    /// Returns the word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Type => "type",
            Self::RegexName => "regex_name",
        }
    }
}

impl Group {
    /// Returns whether a field means something under a value of the group's `name`.
    pub(super) fn needs(&self, field: &str, name: &Value) -> bool {
        field == "name"
            || match name {
                Value::Null => false,
                Value::Text(mode) if mode == "input_only" => field != CHANNEL_MULTIPLIER,
                _ => true,
            }
    }
}

/// Returns the expression of a pattern: it has to match a whole name.
///
/// # Errors
/// What is wrong with the pattern, in one line.
pub(super) fn pattern(key: &str) -> Result<Regex, String> {
    // The pattern is compiled on its own first: brackets that close those around it are an error.
    let whole = Regex::new(key).and_then(|_| Regex::new(&format!("^(?:{key})$")));
    whole.map_err(|error| {
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        last.trim_start_matches("error: ").to_owned()
    })
}

/// Reads `[search.search_space]`.
pub(super) fn read(
    mut section: Section<'_>,
    notices: &mut Vec<Notice>,
) -> Result<SpaceSpec, StudyError> {
    // Both names mean the same space: how a node is spelled says which passes it is about.
    section.word(
        "name",
        &[("graph/quantize/mixed_precision_ptq", ()), ("graph", ())],
    )?;
    let mut setup = section.section("setup")?;
    let words = [By::Name, By::Type, By::RegexName].map(|by| (by.word(), by));
    let by = setup.word("by", &words)?.unwrap_or(By::Name);
    if let Some(item) = setup.item("model_parallel") {
        let reason = "a network trains on one device";
        notices.push(Notice::new(
            setup.path_of("model_parallel"),
            &item.origin,
            reason,
        ));
    }
    setup.finish()?;
    let table = section.section("seed")?;
    let mut seeds: Vec<Seed> = Vec::new();
    for entry in table.rest() {
        if by == By::RegexName && entry.key != "default" {
            pattern(&entry.key).map_err(|reason| {
                let path = table.path_of(&entry.key);
                let what = format!("`{path}` is no regular expression: {reason}");
                StudyError::at(&entry.item.origin, what)
            })?;
        }
        let node = Section::of(table.path_of(&entry.key), &entry.item)?;
        let mut groups = Vec::new();
        for entry in node.rest() {
            let group = read_group(&node, entry, notices)?;
            let earlier = seeds.iter().flat_map(|seed| &seed.groups).chain(&groups);
            check_spelling(&group, entry, earlier)?;
            groups.push(group);
        }
        let key = entry.key.clone();
        seeds.push(Seed { key, groups });
    }
    section.finish()?;
    Ok(SpaceSpec { by, seeds })
}

fn read_group(
    node: &Section<'_>,
    entry: &Entry,
    notices: &mut Vec<Notice>,
) -> Result<Group, StudyError> {
    let table = Section::of(node.path_of(&entry.key), &entry.item)?;
    let mut entries: Vec<&Entry> = table.rest().collect();
    entries.sort_by_key(|field| field.key != "name");
    if entry.key == CONFIG {
        return read_config(&table, &entries, notices);
    }
    let mut fields = Vec::new();
    for entry in entries {
        let choices = choices::read(&table.path_of(&entry.key), &entry.item)?;
        fields.push(Field {
            name: entry.key.clone(),
            choices,
        });
    }
    Ok(Group {
        table: entry.key.clone(),
        pass: Some(entry.key.clone()),
        fields,
    })
}

/// Checks that a pass is spelled in one way: both at once would ask it two things.
fn check_spelling<'a>(
    group: &Group,
    entry: &Entry,
    mut earlier: impl Iterator<Item = &'a Group>,
) -> Result<(), StudyError> {
    let is_twin = |other: &&Group| other.pass == group.pass && other.table != group.table;
    match (&group.pass, earlier.find(is_twin)) {
        (Some(pass), Some(other)) => {
            let (one, two) = (&other.table, &group.table);
            let what = format!("`{one}` and `{two}` are two spellings of the pass `{pass}`");
            let hint = "use one of them for all nodes".to_owned();
            Err(StudyError::at(&entry.item.origin, what).hinted(hint))
        }
        _ => Ok(()),
    }
}

/// Reads a group in the seed's spelling: `name` says which pass it is about.
fn read_config(
    table: &Section<'_>,
    entries: &[&Entry],
    notices: &mut Vec<Notice>,
) -> Result<Group, StudyError> {
    let Some(first) = entries.first().filter(|entry| entry.key == "name") else {
        let what = format!("`{}` needs a `name`", table.path());
        let hint = "modes: `output_only`, `both`, `input_only`, or `\"NA\"` for none".to_owned();
        let origin = table.origin().cloned();
        return Err(StudyError {
            origin,
            ..StudyError::absent(what).hinted(hint)
        });
    };
    let path = table.path_of("name");
    let Choices::List(names) = choices::read(&path, &first.item)? else {
        return Err(misfit(&path, &first.item, "a list of names"));
    };
    let mut group = Group {
        table: CONFIG.to_owned(),
        pass: None,
        fields: Vec::new(),
    };
    for name in &names {
        let pass = match name {
            Value::Null => continue,
            Value::Text(text) if MODES.contains(&text.as_str()) => CHANNEL_MULTIPLIER,
            Value::Text(text) if FORMATS.contains(&text.as_str()) => QUANTIZE,
            other => {
                let known = || MODES.into_iter().chain(FORMATS);
                let hint = did_you_mean(&other.to_string(), known())
                    .unwrap_or_else(|| format!("modes: `{}`", MODES.join("`, `")));
                let what = format!("`{path}` can't be `{other}`");
                return Err(StudyError::at(&first.item.origin, what).hinted(hint));
            }
        };
        if group.pass.as_deref().is_some_and(|other| other != pass) {
            let what = format!("`{path}` has both modes of channels and number formats");
            let hint = "give each pass its own table: `seed.NODE.PASS.FIELD = [choices]`";
            return Err(StudyError::at(&first.item.origin, what).hinted(hint.to_owned()));
        }
        group.pass = Some(pass.to_owned());
    }
    let is_needed = |group: &Group, field: &str| names.iter().any(|name| group.needs(field, name));
    for entry in &entries[1..] {
        let path = table.path_of(&entry.key);
        let is_multiplier = entry.key == CHANNEL_MULTIPLIER;
        if group.pass.as_deref() == Some(CHANNEL_MULTIPLIER) && !is_multiplier {
            return Err(unknown_key(
                table.path(),
                entry,
                &["name", CHANNEL_MULTIPLIER],
            ));
        }
        let choices = choices::read(&path, &entry.item)?;
        if is_multiplier && !choices.are_positive() {
            return Err(misfit(&path, &entry.item, "a list of numbers above 0"));
        }
        if is_needed(&group, &entry.key) {
            group.fields.push(Field {
                name: entry.key.clone(),
                choices,
            });
        } else {
            let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let reason = format!("{} takes none", shown.join(" or "));
            notices.push(Notice::new(path, &entry.item.origin, reason));
        }
    }
    let is_widened =
        group.pass.as_deref() == Some(CHANNEL_MULTIPLIER) && is_needed(&group, CHANNEL_MULTIPLIER);
    if is_widened && group.fields.is_empty() {
        let what = format!("`{}` needs a `{CHANNEL_MULTIPLIER}`", table.path());
        let hint = format!("for example `{CHANNEL_MULTIPLIER} = [1, 2, 4]`");
        return Err(StudyError::at(&first.item.origin, what).hinted(hint));
    }
    group.fields.insert(
        0,
        Field {
            name: "name".to_owned(),
            choices: Choices::List(names),
        },
    );
    Ok(group)
}
