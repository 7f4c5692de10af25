//! `[search.search_space]`: which nodes may change, and how, before any network is known.
//!
//! ```toml
//! [search.search_space]
//! setup.by = "type"                                   # what keys of seeds are
//! formats = ["int8", "int4"]                          # for layers without a `quantize`
//! tie = [["seq_blocks_2", "seq_blocks_4"]]            # one parameter for each field
//! [search.search_space.seed]
//! linear.channel_multiplier.factor = [1, 2]           # a list, one value, or `{ low, high }`
//! relu.quantize = { name = ["integer", "NA"], data_in = [{ width = 8, frac_width = 4 }] }
//! conv2d.config = { name = ["integer"], weight_width = [8, 4] }  # as MASE spells it
//! ```

mod config;
mod shared;

use regex::Regex;

pub(super) use config::{is_of_mase, mase_names, takes};

use super::choices::{self, Choices};
use super::error::{Notice, StudyError};
use super::file::Entry;
use super::section::Section;

/// What may change, as the file says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpaceSpec {
    /// What the keys of the seeds are.
    pub(crate) by: By,
    /// The seeds in the order of the file; the key `default` is for nodes that no other key takes.
    pub(crate) seeds: Vec<Seed>,
    /// What linear layers and convolutions get that no seed gives a number format (`formats`).
    pub(crate) formats: Option<Group>,
    /// Nodes that share their parameters (`tie`): names, or what the keys of seeds are.
    pub(crate) ties: Vec<Vec<String>>,
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
/// The field of [`QUANTIZE`] that names a preset.
pub(crate) const FORMAT: &str = "format";
/// The table of the seed's spelling.
pub(crate) const CONFIG: &str = "config";

impl SpaceSpec {
    /// Returns whether number formats are given in MASE's spelling.
    pub(super) fn stores_as_mase(&self) -> bool {
        let mut groups = self.seeds.iter().flat_map(|seed| &seed.groups);
        groups.any(|group| group.table == CONFIG && group.pass.as_deref() == Some(QUANTIZE))
    }
}

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
    let formats = shared::read_formats(&mut section)?;
    let ties = shared::read_ties(&mut section)?;
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
            check_spelling(&group, entry, earlier.chain(&formats))?;
            check_names(&node, &group, entry)?;
            groups.push(group);
        }
        let key = entry.key.clone();
        seeds.push(Seed { key, groups });
    }
    if let (Some(_), Some(item)) = (&formats, section.item("formats")) {
        shared::check_default(&seeds, item)?;
    }
    section.finish()?;
    Ok(SpaceSpec {
        by,
        seeds,
        formats,
        ties,
    })
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
        return config::read(&table, &entries, notices);
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

/// Checks that no two fields of a group say the same: one by itself and one in records, or a preset
/// beside the format that it stands for.
fn check_names(node: &Section<'_>, group: &Group, entry: &Entry) -> Result<(), StudyError> {
    let path = node.path_of(&entry.key);
    let mut known: Vec<(String, &str)> = Vec::new();
    for field in &group.fields {
        for name in field.choices.field_names(&field.name) {
            if let Some((_, other)) = known.iter().find(|(known, _)| *known == name) {
                let own = &field.name;
                let what = format!("`{other}` and `{own}` in `{path}` both say `{name}`");
                return Err(StudyError::at(&entry.item.origin, what));
            }
            known.push((name, &field.name));
        }
    }
    let has = |name: &str| known.iter().any(|(known, _)| known == name);
    if group.pass.as_deref() == Some(QUANTIZE) && has("name") && has(FORMAT) {
        let what = format!("`name` and `{FORMAT}` in `{path}` exclude each other");
        let hint = "a preset is a name with all widths: leave out one of the two".to_owned();
        return Err(StudyError::at(&entry.item.origin, what).hinted(hint));
    }
    Ok(())
}
