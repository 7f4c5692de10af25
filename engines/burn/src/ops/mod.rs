//! What each op computes, forwards and backwards, on tensors without a tape.
//!
//! Results of all nodes have one rank, `[rows, channels, places]`: a feature vector has one place
//! a channel, a picture height times width. Ops that need height and width get them from the
//! graph. In a stack the channels are those of candidate after candidate, all of them equally many;
//! only ops that mix channels have to know. Each backward function takes the gradient of the loss by
//! the op's result and returns the gradient by what the op read.

pub(crate) mod batch_norm;
pub(crate) mod conv2d;
mod cpu;
pub(crate) mod dropout;
#[cfg(test)]
pub(crate) mod elsewhere;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod quantize;
pub(crate) mod relu;
pub(crate) mod window;

use burn::tensor::Tensor;
use burn_flex::Flex;

/// A result or a gradient, `[rows, channels, places]`.
pub(crate) type Values = Tensor<3>;

/// Returns whether numbers are in the memory of the host, where reading them costs nothing.
pub(crate) fn on_host<const D: usize>(x: &Tensor<D>) -> bool {
    cpu::takes(x)
}

/// Returns whether numbers are burn's own on the CPU, of whatever type.
fn is_flex<const D: usize>(x: &Tensor<D>) -> bool {
    #[cfg(test)]
    if elsewhere::is_played() {
        return false;
    }
    x.clone().try_into_primitive::<Flex>().is_ok()
}

/// Sums over rows and places: `[rows, channels, places]` to `[1, channels, 1]`.
fn channel_sums(x: Values) -> Values {
    let [rows, channels, places] = x.dims();
    if cpu::takes(&x) {
        return per_channel(cpu::sums::channel_sums(x));
    }
    let sums = x.reshape([rows, channels * places]).sum_dim(0);
    let sums = sums.reshape([1, channels, places]);
    match places {
        1 => sums,
        _ => sums.sum_dim(2),
    }
}

/// Gives a vector over channels the rank of results: `[channels]` to `[1, channels, 1]`.
fn per_channel(vector: Tensor<1>) -> Values {
    let channels = vector.dims()[0];
    vector.reshape([1, channels, 1])
}

/// Makes a vector of `[1, channels, 1]`.
fn vector(sums: Values) -> Tensor<1> {
    let channels = sums.dims()[1];
    sums.reshape([channels])
}
