//! The seed's and MASE's spelling of a node: `seed.NODE.config`, whose `name` says which pass it is
//! about.

use firebrick_core::formats::Quantizer;
use firebrick_core::hint::did_you_mean;
use firebrick_core::value::Value;

use super::super::choices::{self, Choices};
use super::super::error::{Notice, StudyError};
use super::super::file::{Entry, Item, Raw};
use super::super::section::{Section, misfit, unknown_key};
use super::{CHANNEL_MULTIPLIER, CONFIG, Field, Group, QUANTIZE};

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

/// Fields of MASE's that say nothing here.
const IDLE_FIELDS: [&str; 3] = ["binary_training", "data_out_width", "data_out_frac_width"];

/// Reads a group in the seed's spelling: `name` says which pass it is about.
pub(super) fn read(
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
            Value::Text(text) if is_format(text) => QUANTIZE,
            other => {
                let known = || MODES.into_iter().chain(FORMATS).chain(Quantizer::NAMES);
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
    let is_needed = |field: &str| names.iter().any(|name| takes(name, field));
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
        if IDLE_FIELDS.contains(&entry.key.as_str()) {
            let reason = "it is a setting of MASE that Firebrick does not have";
            notices.push(Notice::new(path, &entry.item.origin, reason));
            continue;
        }
        let choices = read_choices(&path, entry)?;
        if is_multiplier && !choices.are_positive() {
            return Err(misfit(&path, &entry.item, "a list of numbers above 0"));
        }
        if is_needed(&entry.key) {
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
        group.pass.as_deref() == Some(CHANNEL_MULTIPLIER) && is_needed(CHANNEL_MULTIPLIER);
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

/// Returns whether a field means something under a name, as far as that is known without the pass.
pub(in crate::study) fn takes(name: &Value, field: &str) -> bool {
    field == "name"
        || match name {
            Value::Null => false,
            Value::Text(mode) if mode == "input_only" => field != CHANNEL_MULTIPLIER,
            _ => true,
        }
}

fn is_format(name: &str) -> bool {
    FORMATS.contains(&name) || Quantizer::NAMES.contains(&name)
}

/// What MASE has to say of an operand that is no field of ours by that name, with the formats that
/// it is about; none means all.
const MASE_FIELDS: [(&str, &[&str]); 6] = [
    ("_stochastic", &[]),
    ("_bipolar", &["binary"]),
    ("_scaling_factor", &["ternary"]),
    ("_mean", &["ternary"]),
    ("_median", &["ternary"]),
    ("_max", &["ternary"]),
];

/// Returns whether a field is one that only MASE's spelling has.
pub(in crate::study) fn is_of_mase(field: &str) -> bool {
    MASE_FIELDS.iter().any(|(end, _)| field.ends_with(end))
}

/// Returns the formats that a field of MASE's spelling is about; none means all.
pub(in crate::study) fn mase_names(field: &str) -> Vec<String> {
    let found = MASE_FIELDS.iter().find(|(end, _)| field.ends_with(end));
    let names = found.map_or(&[][..], |(_, names)| *names);
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Switches that MASE's files give as 0 or 1, since their lists have to be of one type.
const SWITCHES: [&str; 3] = ["_stochastic", "_bipolar", "_scaling_factor"];

/// Returns the choices of a field in MASE's spelling, where the size of a block is a list, its last
/// number counting and the others being 1, and a switch is a number.
fn read_choices(path: &str, entry: &Entry) -> Result<Choices, StudyError> {
    let Raw::List(items) = &entry.item.raw else {
        return choices::read(path, &entry.item);
    };
    let is_block_size = entry.key.ends_with("_block_size");
    let is_switch = SWITCHES.iter().any(|end| entry.key.ends_with(end));
    let item = |item: &Item| {
        let raw = match &item.raw {
            Raw::List(sizes) if is_block_size => match sizes.split_last() {
                Some((last, others)) if others.iter().all(|size| size.raw == Raw::Int(1)) => {
                    last.raw.clone()
                }
                _ => item.raw.clone(),
            },
            Raw::Int(bit @ (0 | 1)) if is_switch => Raw::Bool(*bit == 1),
            raw => raw.clone(),
        };
        let origin = item.origin.clone();
        Item { origin, raw }
    };
    let raw = Raw::List(items.iter().map(item).collect());
    let origin = entry.item.origin.clone();
    choices::read(path, &Item { origin, raw })
}
