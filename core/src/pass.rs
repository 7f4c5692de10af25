//! Passes: what rewrites or analyses a graph.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Json;
use crate::graph::{Graph, GraphError};

/// Rewrites a graph, or measures it.
///
/// A pass has no state: the result depends on the base graph and the arguments only. Applying the
/// same arguments to the base twice gives the same graph, and the identity arguments give the
/// base back, annotations kept.
pub trait Pass: Send + Sync {
    /// Returns whether the pass changes the graph.
    fn role(&self) -> Role;

    /// Returns the fields that the pass can contribute to a space. By default, none.
    fn choices(&self) -> Vec<Choice> {
        Vec::new()
    }

    /// Returns the graph that the arguments ask for, with what was measured on the way.
    ///
    /// Arguments of a transform are a table by node: `{"seq_blocks_2": {"factor": 2}}`, with the
    /// optional keys `by` (`name`, `type` or `regex_name`: what the other keys are), `default`
    /// (for every node that no key names) and `base_width` (see [`crate::model::Model`]).
    ///
    /// # Errors
    /// [`PassError`]; the base is untouched.
    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError>;
}

/// Whether a pass changes the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The pass returns another graph.
    Transform,
    /// The pass returns the graph unchanged, with metrics.
    Analysis,
}

/// A field that a pass can contribute to a space: `node/pass/field`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The name of the field.
    pub field: String,
    /// Whether the order of its values means something.
    pub ordered: bool,
    /// Whether layers whose channels are tied have one value together: a space has one parameter
    /// for those that share a group of [`crate::channels`].
    #[serde(default)]
    pub per_group: bool,
    /// For which values of the field `name`, of the same node, it means something; empty means for
    /// all. In a space it exists only then.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The types of node (see [`crate::graph::Op::name`]) that have it.
    pub ops: Vec<String>,
    /// One sentence for users.
    pub summary: String,
}

/// What a pass measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// Named numbers.
    pub metrics: BTreeMap<String, f64>,
    /// A table for people.
    pub table: Option<Table>,
}

impl Info {
    /// Returns an info of named numbers and nothing else.
    pub fn of_metrics<'a>(metrics: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let metrics = metrics.into_iter();
        Self {
            metrics: metrics
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            table: None,
        }
    }
}

/// A table for people, printed or written as JSON by the program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The heads of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

/// Why a pass can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum PassError {
    /// The arguments do not fit the schema of the pass.
    #[error("{0}")]
    Args(String),
    /// The arguments name a node that the graph does not have.
    #[error("no node matches `{key}`")]
    UnknownNode {
        /// What was given as name, type or pattern.
        key: String,
        /// The names that it could have been.
        known: Vec<String>,
    },
    /// A node can't be changed in this way.
    #[error("node `{node}`: {reason}")]
    NotApplicable {
        /// The name of the node.
        node: String,
        /// Why not.
        reason: String,
    },
    /// The result would not be well-formed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Anything else, such as a fault of the plugin that has the pass.
    #[error("{0}")]
    Other(String),
}

impl PassError {
    /// Returns what a user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownNode { key, known } => {
                crate::hint::did_you_mean(key, known.iter().map(String::as_str))
                    .or_else(|| Some(format!("known: {}", known.join(", "))))
            }
            Self::Args(_) | Self::NotApplicable { .. } | Self::Graph(_) | Self::Other(_) => None,
        }
    }
}
