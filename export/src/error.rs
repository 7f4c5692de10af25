//! Why a network can't be exported.

use firebrick_core::formats::{FormatError, OperandError};
use firebrick_core::weights::WeightsError;
use thiserror::Error;

/// Why a network can't be exported.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ExportError {
    /// The weights do not fit the network, or are not numbers.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A number format is on an operand that can't have it, or can't be computed.
    #[error("node `{node}` {source}")]
    Operand {
        /// The node.
        node: String,
        /// What is wrong with which operand.
        source: Box<OperandError>,
    },
    /// What a node computes, or a format of it, can't be said in the file's format.
    #[error("node `{node}` ({op}) can't be exported: {}{reason}", of(.operand.as_deref()))]
    Refused {
        /// The node.
        node: String,
        /// Its type.
        op: &'static str,
        /// The operand that it is about.
        operand: Option<String>,
        /// Why not.
        reason: String,
        /// What the user could do about it.
        hint: Option<String>,
    },
    /// An operand is float32, where all must have number formats.
    #[error("node `{node}` ({op}) can't be exported: `{operand}` is float32")]
    Float32 {
        /// The node.
        node: String,
        /// Its type.
        op: &'static str,
        /// The operand.
        operand: String,
    },
    /// The file that was written computes something else than the network.
    #[error(
        "the {format} file computes {found:?} at output {output} of row {row}, the network \
         {expected:?}"
    )]
    Differs {
        /// The format.
        format: &'static str,
        /// Which row.
        row: usize,
        /// Which of its outputs.
        output: usize,
        /// What the file computes.
        found: f64,
        /// What the network computes.
        expected: f64,
    },
    /// The file that was written can't be read.
    #[error("the {format} file can't be read again: {reason}")]
    Unreadable {
        /// The format.
        format: &'static str,
        /// Why not.
        reason: String,
    },
}

impl ExportError {
    /// Returns what the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { hint, .. } => hint.clone(),
            Self::Float32 { op, operand, .. } => Some(for_float32(op, operand).to_owned()),
            Self::Operand { source, .. } => match source.as_ref() {
                OperandError::Format { source, .. } => for_format(source),
                _ => None,
            },
            Self::Differs { .. } | Self::Unreadable { .. } => {
                Some("this is a mistake of Firebrick: please report it with the checkpoint".into())
            }
            Self::Weights(_) => None,
        }
    }
}

fn of(operand: Option<&str>) -> String {
    operand.map_or_else(String::new, |operand| format!("`{operand}` "))
}

fn for_format(error: &FormatError) -> Option<String> {
    let is_open = matches!(error, FormatError::Missing { field, .. } if *field == "frac_width");
    match is_open {
        true => Some(
            "it is chosen when the network is trained: export what `firebrick train` wrote".into(),
        ),
        false => error.hint(),
    }
}

fn for_float32(op: &str, operand: &str) -> &'static str {
    match (op, operand) {
        (_, "data_in") => {
            "give the nodes that compute with the network's input a format for `data_in`, with the \
             pass `quantize`"
        }
        ("batch_norm", _) => {
            "give its `weight` and `bias` formats with the pass `quantize`, or take it into the \
             layer before it with the pass `fold_batch_norm`"
        }
        _ => {
            "give it a format with the pass `quantize`, for example `name = \"integer\"` and a width"
        }
    }
}
