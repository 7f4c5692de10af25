//! What one entry of the table asks for, in either spelling.

use firebrick_core::Json;
use firebrick_core::formats::Quantizer;
use firebrick_core::graph::Op;
use firebrick_core::hint::did_you_mean;
use firebrick_core::pass::PassError;
use serde_json::Map;

use super::presets::{PRESETS, Preset};
use super::stored::{Named, OPERANDS, Stored};

/// What an entry asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) asked: Asked,
}

/// What becomes of the formats of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// They stay.
    Leave,
    /// There are none any more.
    Float,
    /// Those of a preset.
    Preset(&'static Preset),
    /// One, under MASE's name.
    Named(Named),
}

/// Other names of formats.
pub(super) const ALIASES: [(&str, &str); 2] = [("fixed", "integer"), ("msfp", "block_fp")];

/// Names that MASE has for what is no number format.
const OTHERS: [(&str, &str); 3] = [
    (
        "binary_residual",
        "adds up several binary networks, which is another network",
    ),
    (
        "lutnet",
        "replaces neurons by tables, which is another network",
    ),
    (
        "logicnets",
        "replaces neurons by tables, which is another network",
    ),
];

impl Setting {
    /// Reads the entry of a key.
    pub(super) fn read(key: &str, entry: &Json) -> Result<Self, PassError> {
        let asked = read(entry, true);
        let asked = asked.map_err(|reason| PassError::Args(format!("`{key}`: {reason}")))?;
        Ok(Self { asked })
    }

    /// Returns whether the entry is for nodes of a type where it is the default.
    pub(super) fn is_default_for(&self, op: &Op) -> bool {
        match self.asked {
            Asked::Leave => false,
            Asked::Preset(_) | Asked::Float => op.has_weights(),
            Asked::Named(_) => matches!(
                op,
                Op::Linear { .. } | Op::Conv2d { .. } | Op::Add | Op::Relu
            ),
        }
    }

    /// Returns the operands that the entry is about.
    pub(super) fn operands(&self) -> Vec<&'static str> {
        match &self.asked {
            Asked::Leave | Asked::Float => Vec::new(),
            Asked::Preset(_) => vec!["data_in"],
            Asked::Named(named) => {
                let stored = OPERANDS.into_iter().zip(&named.stored);
                let given: Vec<&str> = stored
                    .filter(|(_, stored)| stored.is_some())
                    .map(|(operand, _)| operand)
                    .collect();
                match given.is_empty() {
                    true => vec!["data_in"],
                    false => given,
                }
            }
        }
    }
}

fn read(entry: &Json, may_nest: bool) -> Result<Asked, String> {
    if is_absent(entry) {
        return Ok(Asked::Leave);
    }
    let Some(fields) = entry.as_object() else {
        return Err(format!(
            "expected a table such as {{\"format\": \"int8\"}}, found {entry}"
        ));
    };
    if let Some(inner) = fields.get("config").filter(|_| may_nest) {
        return match fields.len() {
            1 => read(inner, false),
            _ => Err("all fields go either into `config` or beside it".to_owned()),
        };
    }
    read_fields(fields)
}

fn read_fields(fields: &Map<String, Json>) -> Result<Asked, String> {
    let given = |field: &str| fields.get(field).filter(|value| !is_absent(value));
    let is_bypassed = match given("bypass") {
        None => false,
        Some(Json::Bool(is_bypassed)) => *is_bypassed,
        Some(other) => return Err(format!("`bypass` is {other}, expected true or false")),
    };
    let is_mase = match given("arithmetic") {
        None => false,
        Some(value) if value == "mase" => true,
        Some(other) => {
            return Err(format!(
                "`arithmetic` is {other}, expected \"mase\" or null"
            ));
        }
    };
    let asked = match (given("format"), given("name")) {
        (Some(_), Some(_)) => return Err("`format` and `name` exclude each other".to_owned()),
        (Some(format), None) => Asked::Preset(preset(format, fields)?),
        (None, Some(name)) => Asked::Named(named(name, fields, is_mase)?),
        (None, None) => {
            check_nameless(fields)?;
            Asked::Leave
        }
    };
    Ok(match (asked, is_bypassed) {
        (_, true) => Asked::Float,
        (asked, false) => asked,
    })
}

/// Refuses fields that say something about a format, but not which.
fn check_nameless(fields: &Map<String, Json>) -> Result<(), String> {
    for field in fields.keys() {
        match split(field) {
            _ if is_general(field) => {}
            None => return Err(unknown_field(field)),
            // A name that is null says that the other fields have no effect.
            Some(_) if fields.contains_key("name") || fields.contains_key("format") => {}
            Some(_) => return Err(format!("`{field}` has no effect without `name`")),
        }
    }
    Ok(())
}

fn preset(format: &Json, fields: &Map<String, Json>) -> Result<&'static Preset, String> {
    if let Some(field) = fields.keys().find(|field| !is_general(field)) {
        return Err(match split(field) {
            Some(_) => format!("`{field}` has no effect beside `format`, which says all"),
            None => unknown_field(field),
        });
    }
    let name = text("format", format)?;
    let found = PRESETS.iter().find(|preset| preset.name == name);
    found.ok_or_else(|| {
        if names().contains(&name) {
            let instead =
                "which is no preset: give it as `name`, with fields such as `weight_width`";
            return format!("`format` is \"{name}\", {instead}");
        }
        let presets = PRESETS.iter().map(|preset| preset.name);
        let family: Vec<&str> = presets
            .clone()
            .filter(|preset| !name.is_empty() && family(preset) == family(name))
            .collect();
        match family.is_empty() {
            true => {
                let nearest = did_you_mean(name, presets.clone());
                unknown("format", name, nearest, &presets.collect::<Vec<&str>>())
            }
            false => unknown("format", name, None, &family),
        }
    })
}

fn named(name: &Json, fields: &Map<String, Json>, is_mase: bool) -> Result<Named, String> {
    let name = text("name", name)?;
    if let Some((_, reason)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return Err(format!("`name` is \"{name}\", but that {reason}"));
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let meant = alias.map_or(name, |(_, meant)| meant);
    let Some(known) = Quantizer::NAMES.iter().find(|known| **known == meant) else {
        if PRESETS.iter().any(|preset| preset.name == name) {
            return Err(format!(
                "`name` is \"{name}\", which is a preset: give it as `format`, which says all"
            ));
        }
        let names = names();
        let nearest = did_you_mean(name, names.iter().copied());
        return Err(unknown("name", name, nearest, &names));
    };
    let mut named = Named {
        name: known,
        is_mase,
        stored: [const { None }; 3],
    };
    for (field, value) in fields.iter().filter(|(field, _)| !is_general(field)) {
        let (operand, of_operand) = split(field).ok_or_else(|| unknown_field(field))?;
        let stored = named.stored[operand].get_or_insert_with(Stored::default);
        if !is_absent(value) {
            stored.set(known, OPERANDS[operand], of_operand, value)?;
        }
    }
    // An operand of which all that is said is null is one that nothing is said of.
    for stored in &mut named.stored {
        stored.take_if(|stored| *stored == Stored::default());
    }
    named.fault().map_or(Ok(named), Err)
}

/// Returns a name without the width at its end, in small letters.
fn family(name: &str) -> String {
    let family = name.trim_end_matches(|end: char| end.is_ascii_digit());
    family.to_ascii_lowercase()
}

/// Returns the names of all formats, other names included.
pub(super) fn names() -> Vec<&'static str> {
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    Quantizer::NAMES.into_iter().chain(aliases).collect()
}

/// Returns whether a field is about the node rather than an operand.
fn is_general(field: &str) -> bool {
    matches!(field, "name" | "format" | "bypass" | "arithmetic")
}

/// Splits a field into the position of its operand and what it says of it.
fn split(field: &str) -> Option<(usize, &str)> {
    let mut operands = OPERANDS.iter().enumerate();
    operands.find_map(|(nth, operand)| {
        let rest = field.strip_prefix(operand)?.strip_prefix('_')?;
        KNOWN.contains(&rest).then_some((nth, rest))
    })
}

/// What can be said of an operand; not every format has all of it.
const KNOWN: [&str; 14] = [
    "width",
    "frac_width",
    "signed",
    "exponent_width",
    "exponent_bias",
    "exponent_bias_width",
    "block_size",
    "scale",
    "stochastic",
    "bipolar",
    "scaling_factor",
    "mean",
    "median",
    "max",
];

fn text<'a>(field: &str, value: &'a Json) -> Result<&'a str, String> {
    let name = value.as_str();
    name.ok_or_else(|| format!("`{field}` is {value}, expected a name"))
}

fn unknown(field: &str, name: &str, nearest: Option<String>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("`{field}` is \"{name}\", which is not known, {nearest}"),
        None => format!(
            "`{field}` is \"{name}\", expected one of {}",
            known.join(", ")
        ),
    }
}

/// Returns whether a value says nothing: null, or the spelling of study files.
fn is_absent(value: &Json) -> bool {
    value.is_null() || value == "NA"
}

fn unknown_field(field: &str) -> String {
    format!(
        "unknown field `{field}`, expected `format`, or `name` and fields such as `weight_width` \
         and `data_in_frac_width`, or `bypass`, `arithmetic` or `config`"
    )
}
