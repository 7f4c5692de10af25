//! Ops that read several results.

use burn::tensor::Tensor;

use super::Values;

/// Returns the sum.
pub(crate) fn add(inputs: Vec<Values>) -> Values {
    let mut inputs = inputs.into_iter();
    let first = inputs.next().expect("an add reads two results or more");
    inputs.fold(first, |sum, x| sum + x)
}

/// Returns the channels side by side; pictures keep their places.
pub(crate) fn concat(inputs: Vec<Values>) -> Values {
    Tensor::cat(inputs, 1)
}

/// Returns the gradient by each result that was put side by side, given their channels.
pub(crate) fn backward_concat(grad: &Values, channels: &[usize]) -> Vec<Values> {
    let mut start = 0;
    let part = |channels: &usize| {
        let end = start + channels;
        let part = grad.clone().narrow(1, start, *channels);
        start = end;
        part
    };
    channels.iter().map(part).collect()
}
