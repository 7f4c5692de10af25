//! What nodes read and have learned, as it is stored.

use firebrick_core::formats::{self, Layout, OperandError, Quantizer, scale_and_shift};
use firebrick_core::graph::{Graph, Node, NumberFormat, Op};
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
                source,
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
        let Some(format) = node.annotations.formats.get(operand) else {
            return Ok(None);
        };
        let step = formats::step_of(operand).and_then(|step| self.tensor(node, step));
        let step = step.and_then(|tensor| tensor.data.first().copied());
        let quantizer = Quantizer::of(format, step);
        quantizer.map(Some).map_err(|source| ExportError::Operand {
            node: node.name.clone(),
            source: OperandError::Format {
                operand: operand.to_owned(),
                source,
            },
        })
    }

    /// Returns what a node has learned for an operand, as it is stored; that of a batch
    /// normalisation is its scale or shift. `None` where there is none, as without bias.
    pub(crate) fn learned(
        &self,
        node: &Node,
        operand: &str,
    ) -> Result<Option<Tensor>, ExportError> {
        let tensor = match &node.op {
            Op::BatchNorm { eps, .. } => Some(self.affine(node, operand, *eps)),
            _ => self.tensor(node, operand).cloned(),
        };
        let Some(mut tensor) = tensor else {
            return Ok(None);
        };
        if let Some(quantizer) = self.quantizer(node, operand)? {
            let float = tensor.data.clone();
            let layout = Layout::of_tensor(&tensor.shape);
            quantizer.quantize(&float, layout, &mut tensor.data);
        }
        Ok(Some(tensor))
    }

    /// Returns a tensor as it was learned.
    pub(crate) fn tensor(&self, node: &Node, name: &str) -> Option<&'a Tensor> {
        self.weights.get(&format!("{}.{name}", node.name))
    }

    fn affine(&self, node: &Node, operand: &str, eps: f64) -> Tensor {
        let data = |name: &str| match self.tensor(node, name) {
            Some(tensor) => tensor.data.as_slice(),
            None => &[],
        };
        let statistics = ["weight", "bias", "running_mean", "running_var"].map(data);
        let (scale, shift) = scale_and_shift(statistics, eps);
        let data = match operand {
            "weight" => scale,
            _ => shift,
        };
        Tensor {
            shape: vec![data.len()],
            data,
        }
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
