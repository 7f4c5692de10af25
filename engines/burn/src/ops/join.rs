//! Ops that read several results.

use burn::tensor::Tensor;

use super::Values;

/// Returns the sum.
pub(crate) fn add(inputs: Vec<Values>) -> Values {
    let mut inputs = inputs.into_iter();
    let first = inputs.next().expect("an add reads two results or more");
    inputs.fold(first, |sum, x| sum + x)
}

/// Returns the channels side by side, for each candidate; pictures keep their places.
pub(crate) fn concat(inputs: Vec<Values>, candidates: usize) -> Values {
    if candidates == 1 {
        return Tensor::cat(inputs, 1);
    }
    let inputs = inputs.into_iter().map(|x| by_candidate(x, candidates));
    side_by_side(Tensor::cat(inputs.collect(), 2))
}

/// Returns the gradient by each result that was put side by side, given the channels that a
/// candidate has in them.
pub(crate) fn backward_concat(grad: &Values, channels: &[usize], candidates: usize) -> Vec<Values> {
    let mut start = 0;
    let part = |channels: &usize| {
        let end = start + channels;
        let part = match candidates {
            1 => grad.clone().narrow(1, start, *channels),
            _ => {
                let grad = by_candidate(grad.clone(), candidates);
                side_by_side(grad.narrow(2, start, *channels))
            }
        };
        start = end;
        part
    };
    channels.iter().map(part).collect()
}

/// `[rows, candidates * channels, places]` to `[rows, candidates, channels, places]`.
fn by_candidate(x: Values, candidates: usize) -> Tensor<4> {
    let [rows, channels, places] = x.dims();
    x.reshape([rows, candidates, channels / candidates, places])
}

/// `[rows, candidates, channels, places]` to `[rows, candidates * channels, places]`.
fn side_by_side(x: Tensor<4>) -> Values {
    let [rows, candidates, channels, places] = x.dims();
    x.reshape([rows, candidates * channels, places])
}
