//! Why numbers can't be stored in a format.

use thiserror::Error;

use super::Quantizer;
use crate::hint::did_you_mean;

/// Why a number format can't be computed with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// Nothing has this name.
    #[error("number format `{name}` is not known, known: {}", Quantizer::NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// A number of the format is missing.
    #[error("number format `{name}` needs `{field}`")]
    Missing {
        /// The name.
        name: &'static str,
        /// What is missing.
        field: &'static str,
    },
    /// The format has no such field.
    #[error("number format `{name}` has no `{field}`")]
    NoField {
        /// The name.
        name: &'static str,
        /// What is too much.
        field: &'static str,
    },
    /// A number of the format is outside of what can be computed.
    #[error("number format `{name}` has `{field}` {value}, expected {}, {reason}", limits(*.least, *.most))]
    Range {
        /// The name.
        name: &'static str,
        /// Which number.
        field: &'static str,
        /// What it is.
        value: i64,
        /// The smallest possible.
        least: i64,
        /// The largest possible.
        most: i64,
        /// Why there are limits.
        reason: &'static str,
    },
}

/// Why an operand of a node can't be stored as it is noted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OperandError {
    /// The node has no such operand.
    #[error("has number format `{name}` on `{operand}`, {}", has(.known))]
    Unknown {
        /// What has a format.
        operand: String,
        /// The format.
        name: String,
        /// The operands that the node has.
        known: Vec<&'static str>,
    },
    /// The format can't be computed.
    #[error("can't have `{operand}` quantised: {source}")]
    Format {
        /// The operand.
        operand: String,
        /// Why not.
        source: FormatError,
    },
    /// The format is not for such an operand.
    #[error("can't have `{operand}` quantised: number format `{name}` {reason}")]
    Unfit {
        /// The operand.
        operand: String,
        /// The format.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl FormatError {
    /// Returns what the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { name } => did_you_mean(name, Quantizer::NAMES),
            Self::Missing { .. } | Self::NoField { .. } | Self::Range { .. } => None,
        }
    }
}

fn limits(least: i64, most: i64) -> String {
    match least == most {
        true => least.to_string(),
        false => format!("{least} to {most}"),
    }
}

fn has(known: &[&str]) -> String {
    match known.is_empty() {
        true => "it has none to quantise".to_owned(),
        false => format!("it has {}", known.join(", ")),
    }
}
