//! What of a node can have a number format.

use super::{FormatError, Layout, LearnedStep, OperandError, Quantizer, STEP, Shared};
use crate::graph::{Graph, Node, NumberFormat, Op};
use crate::weights::{is_buffer, tensors};

/// Returns the operands of a node that can have a number format: `data_in` (all that it reads),
/// then the tensors that it learns.
pub fn operands(node: &Node) -> Vec<&'static str> {
    let mut operands = match node.op {
        Op::Input { .. } => Vec::new(),
        _ => vec!["data_in"],
    };
    let names = tensors(node).into_iter().map(|(name, _)| name);
    operands.extend(names.filter(|name| !is_buffer(name) && !name.ends_with(STEP)));
    operands
}

/// Checks that every format of a node is on an operand that it has, and can be computed.
///
/// A fraction width that is still to be chosen is no error here, unlike in [`Quantizer::of`].
///
/// # Errors
/// [`OperandError`] for the first operand that can't be stored as it is noted.
pub fn check(node: &Node) -> Result<(), OperandError> {
    for (operand, format) in &node.annotations.formats {
        let known = operands(node);
        let (operand, name) = (operand.clone(), format.name.clone());
        if !known.contains(&operand.as_str()) {
            return Err(OperandError::Unknown {
                operand,
                name,
                known,
            });
        }
        match probe(format) {
            Err(source) => return Err(OperandError::Format { operand, source }),
            Ok(quantizer)
                if operand == "data_in" && matches!(quantizer.shared(), Shared::Tensor { .. }) =>
            {
                return Err(OperandError::Unfit {
                    operand,
                    name,
                    reason: "scales by the mean of all numbers, which would make a row depend on \
                             those beside it; `scale` = \"one\" does not",
                });
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Returns a format as if what is chosen later were chosen.
fn probe(format: &NumberFormat) -> Result<Quantizer, FormatError> {
    let mut format = format.clone();
    if format.name == super::FixedPoint::NAME {
        format.frac_width = format.frac_width.or(Some(0));
    }
    Quantizer::of(&format, Some(1.0))
}

/// Returns whether a format has a step that is learned, in a tensor of its own ([`step_of`]).
pub fn learns_step(format: &NumberFormat) -> bool {
    format.name == LearnedStep::NAME
}

/// Returns the name of the tensor in which the learned step of an operand is kept.
pub fn step_of(operand: &str) -> Option<&'static str> {
    match operand {
        "data_in" => Some("data_in_step"),
        "weight" => Some("weight_step"),
        "bias" => Some("bias_step"),
        _ => None,
    }
}

/// Returns the layout of an operand of a node, that of one row where it is `data_in`.
///
/// Of several inputs, which may differ in shape, it is that of the first.
pub fn layout_of(graph: &Graph, idx: usize, operand: &str) -> Option<Layout> {
    if operand == "data_in" {
        let shapes = graph.input_shapes(idx);
        return Some(Layout::of_rows(1, shapes.first()?));
    }
    let tensors = tensors(&graph.nodes()[idx]);
    let (_, shape) = tensors.iter().find(|(name, _)| *name == operand)?;
    Some(Layout::of_tensor(shape))
}

impl NumberFormat {
    /// Returns the bits of a tensor stored in this format, those that its numbers share included.
    ///
    /// # Source
    /// "Size in bits": numbers times `width`, and for each block its shared exponent, e.g. Darvish
    /// Rouhani et al., "Pushing the Limits of Narrow Precision Inferencing at Cloud Scale with
    /// Microsoft Floating Point", NeurIPS 2020, section 3.
    pub fn bits_of(&self, layout: Layout) -> u64 {
        let numbers = (layout.len() as u64).saturating_mul(u64::from(self.width));
        let shared = match probe(self).map(|quantizer| quantizer.shared()) {
            Err(_) | Ok(Shared::Nothing) => 0,
            Ok(Shared::Tensor { bits }) => u64::from(bits),
            Ok(Shared::Block { size, bits }) => {
                (layout.n_blocks(size) as u64).saturating_mul(u64::from(bits))
            }
        };
        numbers.saturating_add(shared)
    }
}
