//! The arithmetic of number formats: what a number becomes when it is stored in one.
//!
//! Networks are trained in float32 with every number of an operand replaced by the nearest one that
//! its format has ("fake quantisation"). What is written here, number by number, is the definition;
//! engines compute the same, bit for bit, in their own loops.
//!
//! A format is one file and one variant of [`Quantizer`].

mod fixed_point;

use thiserror::Error;

use crate::graph::{Node, NumberFormat, Op};
use crate::hint::did_you_mean;
use crate::weights::{is_buffer, tensors};

pub use fixed_point::FixedPoint;

/// A number format, checked and ready to be computed with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantizer {
    /// `integer`, as MASE calls it.
    FixedPoint(FixedPoint),
}

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
    /// A number of the format is outside of what can be computed.
    #[error("number format `{name}` has `{field}` {value}, expected {least} to {most}, {reason}")]
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

impl FormatError {
    /// Returns what the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { name } => did_you_mean(name, Quantizer::NAMES),
            Self::Missing { .. } | Self::Range { .. } => None,
        }
    }
}

impl Quantizer {
    /// The names of all formats.
    pub const NAMES: [&'static str; 1] = [FixedPoint::NAME];

    /// Returns what computes a format.
    ///
    /// # Errors
    /// [`FormatError`] if the name is not known, or its numbers are missing or out of range.
    pub fn of(format: &NumberFormat) -> Result<Self, FormatError> {
        match format.name.as_str() {
            FixedPoint::NAME => {
                let frac_width = format.frac_width.ok_or(FormatError::Missing {
                    name: FixedPoint::NAME,
                    field: "frac_width",
                })?;
                Ok(Self::FixedPoint(FixedPoint::new(format.width, frac_width)?))
            }
            name => Err(FormatError::Unknown {
                name: name.to_owned(),
            }),
        }
    }

    /// Returns the number that is stored for `x`.
    pub fn quantize(&self, x: f32) -> f32 {
        match self {
            Self::FixedPoint(format) => format.quantize(x),
        }
    }

    /// Returns whether a gradient passes through where `x` was quantised.
    pub fn passes(&self, x: f32) -> bool {
        match self {
            Self::FixedPoint(format) => format.passes(x),
        }
    }
}

/// Returns the operands of a node that can have a number format: `data_in` (all that it reads),
/// then the tensors that it learns.
pub fn operands(node: &Node) -> Vec<&'static str> {
    let mut operands = match node.op {
        Op::Input { .. } => Vec::new(),
        _ => vec!["data_in"],
    };
    let names = tensors(node).into_iter().map(|(name, _)| name);
    operands.extend(names.filter(|name| !is_buffer(name)));
    operands
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    fn of(name: &str, width: u32, frac_width: Option<i32>) -> Result<Quantizer, String> {
        let name = name.to_owned();
        let format = NumberFormat {
            name,
            width,
            frac_width,
        };
        Quantizer::of(&format).map_err(|error| error.to_string())
    }

    #[test]
    fn finds_fixed_point_under_the_name_of_mase() {
        let found = of("integer", 8, Some(4)).unwrap();
        assert_eq!(found, Quantizer::FixedPoint(FixedPoint::new(8, 4).unwrap()));
        assert_eq!(found.quantize(0.33), 0.3125);
        assert!(found.passes(0.33) && !found.passes(9.0));
    }

    #[test]
    fn names_what_is_not_known_and_what_is() {
        assert_eq!(
            of("intger", 8, Some(4)).unwrap_err(),
            "number format `intger` is not known, known: integer"
        );
        let name = "intger".to_owned();
        assert_eq!(
            FormatError::Unknown { name }.hint().as_deref(),
            Some("did you mean `integer`?")
        );
        assert_eq!(
            of("integer", 8, None).unwrap_err(),
            "number format `integer` needs `frac_width`"
        );
    }

    #[test]
    fn nodes_have_the_operands_that_they_compute_with() {
        let text = "x = input[4]
            a = batch_norm(x)
            b = linear(a, out=3, bias=false)
            c = linear(b, out=3)
            d = relu(c)
            y = output(d)";
        let graph: Graph = text.parse().unwrap();
        let found: Vec<String> = graph
            .nodes()
            .iter()
            .map(|node| operands(node).join(" "))
            .collect();
        assert_eq!(
            found,
            [
                "",
                "data_in weight bias",
                "data_in weight",
                "data_in weight bias",
                "data_in",
                "data_in"
            ]
        );
    }
}
