//! One node of a graph.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Op;
use crate::formats::Layout;

/// One node: what is computed, from which results, and what is known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The name, unique in the graph, in the seed's spelling (`seq_blocks_2`).
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// The names of the nodes whose results are read.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// What passes noted about the node.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

impl Node {
    /// Returns a node without annotations.
    pub fn new(name: impl Into<String>, op: Op, inputs: &[&str]) -> Self {
        let inputs = inputs.iter().map(|input| (*input).to_owned()).collect();
        Self {
            name: name.into(),
            op,
            inputs,
            annotations: Annotations::default(),
        }
    }
}

/// What passes noted about a node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Annotations {
    /// Number format by operand: `weight`, `bias`, `data_in`. Absent means float32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub formats: BTreeMap<String, NumberFormat>,
    /// The share of weights that are zero, in `0.0..=1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<f64>,
    /// The node of a loaded checkpoint that the weights come from. Absent means a fresh start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_from: Option<String>,
    /// The batch normalisations that the weights have taken in: nodes that the network has no more,
    /// in the order in which they were computed, whose tensors a checkpoint of before has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<String>,
    /// Whether training leaves the weights as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
}

impl Annotations {
    /// Returns whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the bits of the numbers of an operand, what they share included; 32 each where no
    /// format is noted.
    pub fn bits_of(&self, operand: &str, layout: Layout) -> u64 {
        match self.formats.get(operand) {
            Some(format) => format.bits_of(layout),
            None => (layout.len() as u64).saturating_mul(32),
        }
    }

    /// Returns the bits of one number of an operand; 32 where no format is noted.
    pub fn bits(&self, operand: &str) -> u64 {
        self.formats
            .get(operand)
            .map_or(32, |format| u64::from(format.width))
    }
}

/// How the numbers of one operand are stored.
///
/// Which fields a format has and what they mean, [`crate::formats`] says; a field that it does not
/// have is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberFormat {
    /// The name of the format, as MASE spells it: `integer`, `binary`, `minifloat_ieee`...
    pub name: String,
    /// Bits a number, sign included.
    pub width: u32,
    /// Bits after the binary point of a fixed-point format. Absent where it is still to be chosen
    /// from the numbers, see [`crate::calibration`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frac_width: Option<i32>,
    /// Whether there are negative numbers.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub signed: bool,
    /// Bits of the exponent: each number's, or the one that a block shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponent_width: Option<u32>,
    /// What is taken off the exponent's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponent_bias: Option<i32>,
    /// Bits of the exponent bias that a block shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponent_bias_width: Option<u32>,
    /// How many numbers share an exponent or an exponent bias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_size: Option<u32>,
    /// What the levels of `binary` and `ternary` are multiplied with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Whether it is computed as MASE does where we differ on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mase: bool,
}

/// What the levels of `binary` and `ternary` are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Nothing: the levels are -1, 0 and 1.
    One,
    /// The mean of the absolute values that are not stored as 0, over the tensor.
    Mean,
    /// The power of two that is nearest to the mean in its logarithm.
    PowerOfTwo,
}

impl NumberFormat {
    /// Returns a signed format of a width, with no other field.
    pub fn new(name: &str, width: u32) -> Self {
        Self {
            name: name.to_owned(),
            width,
            frac_width: None,
            signed: true,
            exponent_width: None,
            exponent_bias: None,
            exponent_bias_width: None,
            block_size: None,
            scale: None,
            mase: false,
        }
    }

    /// Returns signed fixed point.
    pub fn integer(width: u32, frac_width: i32) -> Self {
        Self {
            frac_width: Some(frac_width),
            ..Self::new("integer", width)
        }
    }
}

impl Scale {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Mean, Self::PowerOfTwo];

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Mean => "mean",
            Self::PowerOfTwo => "power_of_two",
        }
    }
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}
