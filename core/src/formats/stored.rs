//! What a node has learned, in float32 and as it is stored.

use super::{FormatError, Layout, Quantizer, scale_and_shift, step_of};
use crate::graph::{Node, Op};
use crate::weights::{Tensor, Weights};

/// Returns the numbers of a learned operand before they are stored; those of a batch normalisation
/// are its scale and shift under running statistics. `None` where there are none, as without bias.
pub fn learned(node: &Node, operand: &str, weights: &Weights) -> Option<Tensor> {
    let tensor = |name: &str| weights.get(&format!("{}.{name}", node.name));
    let Op::BatchNorm { eps, .. } = node.op else {
        return tensor(operand).cloned();
    };
    let statistics = [
        tensor("weight")?.data.as_slice(),
        tensor("bias")?.data.as_slice(),
        tensor("running_mean")?.data.as_slice(),
        tensor("running_var")?.data.as_slice(),
    ];
    let (scale, shift) = scale_and_shift(statistics, eps);
    let data = match operand {
        "weight" => scale,
        "bias" => shift,
        _ => return None,
    };
    Some(Tensor {
        shape: vec![data.len()],
        data,
    })
}

/// Returns what computes the format of an operand, with its learned step; `None` where it is
/// float32.
///
/// # Errors
/// [`FormatError`] if the format can't be computed, for want of a fraction width or a step, say.
pub fn quantizer(
    node: &Node,
    operand: &str,
    weights: &Weights,
) -> Result<Option<Quantizer>, FormatError> {
    let Some(format) = node.annotations.formats.get(operand) else {
        return Ok(None);
    };
    let step = step_of(operand).and_then(|step| weights.get(&format!("{}.{step}", node.name)));
    let step = step.and_then(|tensor| tensor.data.first().copied());
    Quantizer::of(format, step).map(Some)
}

/// Returns the numbers of a learned operand as they are stored.
///
/// # Errors
/// As [`quantizer`].
pub fn stored(
    node: &Node,
    operand: &str,
    weights: &Weights,
) -> Result<Option<Tensor>, FormatError> {
    let Some(mut tensor) = learned(node, operand, weights) else {
        return Ok(None);
    };
    if let Some(quantizer) = quantizer(node, operand, weights)? {
        let float = tensor.data.clone();
        quantizer.quantize(&float, Layout::of_tensor(&tensor.shape), &mut tensor.data);
    }
    Ok(Some(tensor))
}
