//! One node of a graph.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Op;

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
    /// Whether training leaves the weights as they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
}

impl Annotations {
    /// Returns whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the bits of one number of an operand; 32 where no format is noted.
    pub fn bits(&self, operand: &str) -> u64 {
        self.formats
            .get(operand)
            .map_or(32, |format| u64::from(format.width))
    }
}

/// How the numbers of one operand are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberFormat {
    /// The name of the format, as MASE spells it: `integer`, `binary`, `minifloat_ieee`...
    pub name: String,
    /// Bits a number, sign included.
    pub width: u32,
    /// Bits after the binary point of a fixed-point format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frac_width: Option<i32>,
}
