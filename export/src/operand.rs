//! What nodes read and have learned, as it is stored.

use firebrick_core::formats::{self, FormatError, OperandError, Quantizer};
use firebrick_core::graph::{Graph, Node, NumberFormat};
use firebrick_core::weights::{Tensor, Weights};

use crate::error::ExportError;

/// A network whose weights and formats were checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network<'a> {
    pub(crate) graph: &'a Graph,
    weights: &'a Weights,
}

impl<'a> Network<'a> {
    /// Checks that the weights fit the network and are numbers, and that its formats are known.
    pub(crate) fn new(graph: &'a Graph, weights: &'a Weights) -> Result<Self, ExportError> {
        weights.check(graph)?;
        for node in graph.nodes() {
            formats::check(node).map_err(|source| ExportError::Operand {
                node: node.name.clone(),
                source: Box::new(source),
            })?;
        }
        Ok(Self { graph, weights })
    }

    /// Returns what stores an operand; `None` where it is float32.
    pub(crate) fn quantizer(
        &self,
        node: &Node,
        operand: &str,
    ) -> Result<Option<Quantizer>, ExportError> {
        let quantizer = formats::quantizer(node, operand, self.weights);
        quantizer.map_err(|source| of_operand(node, operand, source))
    }

    /// Returns what a node has learned for an operand, as it is stored; that of a batch
    /// normalisation is its scale or shift. `None` where there is none, as without bias.
    pub(crate) fn stored(&self, node: &Node, operand: &str) -> Result<Option<Tensor>, ExportError> {
        let stored = formats::stored(node, operand, self.weights);
        let stored = stored.map_err(|source| of_operand(node, operand, source))?;
        let mut numbers = stored.iter().flat_map(|tensor| &tensor.data);
        // Finite weights may come to what is not: a large weight over a small variance.
        if let Some(number) = numbers.find(|number| !number.is_finite()) {
            let reason = format!("has a number that is stored as {number}");
            let hint = "its training went wrong: a lower learning rate helps";
            return Err(refused(node, Some(operand), reason, Some(hint)));
        }
        Ok(stored)
    }

    /// Returns a tensor of the checkpoint, as it is.
    pub(crate) fn tensor(&self, node: &Node, name: &str) -> Option<&'a Tensor> {
        self.weights.get(&format!("{}.{name}", node.name))
    }
}

fn of_operand(node: &Node, operand: &str, source: FormatError) -> ExportError {
    ExportError::Operand {
        node: node.name.clone(),
        source: Box::new(OperandError::Format {
            operand: operand.to_owned(),
            source,
        }),
    }
}

/// Returns the format of an operand.
pub(crate) fn format<'a>(node: &'a Node, operand: &str) -> Option<&'a NumberFormat> {
    node.annotations.formats.get(operand)
}

/// Returns the refusal of a node, or of an operand of it.
pub(crate) fn refused(
    node: &Node,
    operand: Option<&str>,
    reason: impl Into<String>,
    hint: Option<&str>,
) -> ExportError {
    ExportError::Refused {
        node: node.name.clone(),
        op: node.op.name(),
        operand: operand.map(str::to_owned),
        reason: reason.into(),
        hint: hint.map(str::to_owned),
    }
}

/// Returns the refusal of an operand that has no format.
pub(crate) fn float32(node: &Node, operand: &str) -> ExportError {
    ExportError::Float32 {
        node: node.name.clone(),
        op: node.op.name(),
        operand: operand.to_owned(),
    }
}
