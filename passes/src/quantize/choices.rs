//! The fields that a space can have.

use firebrick_core::pass::Choice;

use super::setting::{ALIASES, names};
use super::stored::{OPERANDS, has_field};

/// The types of node that a preset is for.
const WITH_WEIGHTS: [&str; 3] = ["linear", "conv2d", "batch_norm"];
/// The types of node that a name is for, those of MASE among them.
const NAMED: [&str; 5] = ["linear", "conv2d", "batch_norm", "relu", "add"];

/// What a space can have of an operand: field, whether it is ordered, and what it is.
const OF_OPERAND: [(&str, bool, &str); 8] = [
    ("width", true, "Bits of a number of"),
    ("frac_width", true, "Bits after the binary point of"),
    ("signed", false, "Whether there are negative numbers of"),
    ("exponent_width", true, "Bits of the exponent of"),
    (
        "exponent_bias",
        true,
        "What is taken off the exponent's code of",
    ),
    (
        "exponent_bias_width",
        true,
        "Bits of the shared exponent bias of",
    ),
    ("block_size", true, "How many numbers share an exponent of"),
    ("scale", false, "What the levels are multiplied with of"),
];

/// Returns all of them.
pub(super) fn choices() -> Vec<Choice> {
    let mut choices = vec![
        choice(
            "format",
            false,
            Vec::new(),
            &WITH_WEIGHTS,
            "A preset, such as `int8`: formats of all operands under one name.",
        ),
        choice(
            "name",
            false,
            Vec::new(),
            &NAMED,
            "A number format for all operands, such as `integer`, in MASE's spelling.",
        ),
        choice(
            "bypass",
            false,
            Vec::new(),
            &NAMED,
            "Whether the node stays in float32 after all.",
        ),
        choice(
            "arithmetic",
            false,
            names_with("mase"),
            &NAMED,
            "`mase` computes as MASE does where we differ on purpose.",
        ),
    ];
    for operand in OPERANDS {
        let (ops, what): (&[&str], &str) = match operand {
            "data_in" => (&NAMED, "what is read"),
            "weight" => (&WITH_WEIGHTS, "weights"),
            _ => (&WITH_WEIGHTS, "biases"),
        };
        for (field, ordered, summary) in OF_OPERAND {
            // The mean over all rows would make a row depend on those beside it.
            if (operand, field) == ("data_in", "scale") {
                continue;
            }
            choices.push(choice(
                &format!("{operand}_{field}"),
                ordered,
                names_with(field),
                ops,
                &format!("{summary} {what}."),
            ));
        }
    }
    choices
}

/// Returns the names of the formats that have a field.
fn names_with(field: &str) -> Vec<String> {
    let names = names().into_iter();
    let with = names.filter(|name| {
        let alias = ALIASES.iter().find(|(alias, _)| alias == name);
        let meant = alias.map_or(*name, |(_, meant)| meant);
        has_field(meant, field)
    });
    with.map(str::to_owned).collect()
}

fn choice(field: &str, ordered: bool, needs: Vec<String>, ops: &[&str], summary: &str) -> Choice {
    Choice {
        field: field.to_owned(),
        ordered,
        per_group: false,
        needs,
        ops: ops.iter().map(|op| (*op).to_owned()).collect(),
        summary: summary.to_owned(),
    }
}
