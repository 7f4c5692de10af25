//! Models: what builds base graphs.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Json;
use crate::graph::{Graph, GraphError};

/// Builds the base graph of a network family.
pub trait Model: Send + Sync {
    /// Returns the width that the seed's channel multipliers count in (16 for JSC, 128 for VGG7).
    fn base_width(&self) -> usize;

    /// Builds the graph for inputs of a shape (without the batch) and a number of classes.
    ///
    /// # Errors
    /// [`ModelError`] if the arguments do not fit the schema or the shape does not fit the network.
    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError>;
}

/// Why a model can't be built.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ModelError {
    /// The arguments do not fit the schema of the model.
    #[error("{0}")]
    Args(String),
    /// The input does not fit the network.
    #[error("input of shape {found:?} does not fit: {expected}")]
    Input {
        /// The shape that was given.
        found: Vec<usize>,
        /// What the network takes.
        expected: String,
    },
    /// The network is not well-formed for this input.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Anything else, such as a fault of the plugin that has the model.
    #[error("{0}")]
    Other(String),
}
