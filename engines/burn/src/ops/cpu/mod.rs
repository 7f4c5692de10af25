//! Ops on pictures for float32 in the memory of the host, several times as fast as burn's own.
//!
//! Kernels are safe code over the vectors of the machine (crate `macerator`, with which burn's CPU
//! backend is built too) and are dealt out to the threads of rayon in parts that depend on nothing
//! but sizes, so the result is the same, bit for bit, however many threads there are.
//!
//! In memory the channels of a place lie side by side, `[rows, places, channels]`. The tensors
//! that carry such values keep the shape that all ops agree on, `[rows, channels, places]`, and
//! have the strides of the other order, so that ops which stay with burn read them correctly.
#![expect(
    clippy::extra_unused_type_parameters,
    reason = "`with_simd` compiles a function once for each kind of vectors that it is generic over, \
              and compilers find the vectors of plain loops"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over registers have to be unrolled, which they are when written with indices"
)]

pub(crate) mod batch_norm;
mod columns;
pub(crate) mod conv2d;
mod depthwise;
pub(crate) mod pool;
mod product;
pub(crate) mod quantize;
pub(crate) mod relu;
mod scratch;
mod simd;
pub(crate) mod sums;
#[cfg(test)]
mod tests;
mod winograd;

use burn::tensor::{DType, Tensor, TensorData};
use burn_flex::{Flex, FlexTensor};
use rayon::prelude::*;

use super::Values;

/// Returns whether numbers are of float32 in the memory of the host.
pub(super) fn takes<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && super::is_flex(x)
}

/// Numbers of a tensor, in one run of memory, which is used again once nobody else has it.
#[derive(Debug)]
struct Numbers(Option<FlexTensor>);

impl Numbers {
    /// Returns the numbers of a tensor in its own order.
    fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        let numbers = tensor.try_into_primitive::<Flex>();
        let numbers = numbers.expect("one network is on one device");
        Self(Some(match numbers.as_slice::<f32>() {
            Some(_) => numbers,
            None => numbers.to_contiguous(),
        }))
    }

    /// Returns the numbers of pictures, channels side by side.
    fn of_places(x: Values) -> Self {
        let [rows, channels, places] = x.dims();
        match places {
            1 => Self::of(x.reshape([rows, places, channels])),
            _ => Self::of(x.swap_dims(1, 2)),
        }
    }

    fn tensor(&self) -> &FlexTensor {
        self.0.as_ref().expect("the tensor leaves with the numbers")
    }

    fn as_slice(&self) -> &[f32] {
        let numbers = self.tensor().as_slice();
        numbers.expect("the numbers are in one run")
    }

    /// Returns the numbers to be changed in place; they are copied first if others have them too.
    fn as_mut_slice(&mut self) -> &mut [f32] {
        if self.as_slice().len() != self.tensor().storage::<f32>().len() {
            let shape = self.tensor().layout().shape().clone();
            let data = TensorData::new(self.as_slice().to_vec(), shape);
            self.0 = Some(FlexTensor::from_data(data));
        }
        let numbers = self.0.as_mut().map(FlexTensor::storage_mut);
        numbers.expect("the tensor leaves with the numbers")
    }

    /// Returns whether nobody else has the numbers, so that they can be changed where they are.
    fn is_alone(&self) -> bool {
        let tensor = self.tensor();
        tensor.is_unique() && self.as_slice().len() == tensor.storage::<f32>().len()
    }

    /// Returns other numbers in the same shape.
    fn like(&self, numbers: Vec<f32>) -> Self {
        let shape = self.tensor().layout().shape().clone();
        Self(Some(FlexTensor::from_data(TensorData::new(numbers, shape))))
    }

    /// Makes a vector of numbers of one dimension.
    fn into_vector(mut self) -> Tensor<1> {
        let tensor = self.0.take().expect("the tensor leaves with the numbers");
        Tensor::from_primitive::<Flex>(tensor)
    }

    /// Makes values of pictures whose channels lie side by side.
    fn into_values(mut self, [rows, channels, places]: [usize; 3]) -> Values {
        let tensor = self.0.take().expect("the tensor leaves with the numbers");
        let tensor: Tensor<3> = Tensor::from_primitive::<Flex>(tensor);
        match places {
            1 => tensor.reshape([rows, channels, 1]),
            _ => tensor.swap_dims(1, 2),
        }
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        let unique = |tensor: &FlexTensor| tensor.is_unique() && tensor.dtype() == DType::F32;
        if let Some(tensor) = self.0.take().filter(unique)
            && let Ok(numbers) = tensor.into_data().try_into_vec()
        {
            scratch::give(numbers);
        }
    }
}

/// Makes values of pictures whose channels lie side by side.
fn values(numbers: Vec<f32>, [rows, channels, places]: [usize; 3]) -> Values {
    let data = TensorData::new(numbers, [rows, places, channels]);
    Numbers(Some(FlexTensor::from_data(data))).into_values([rows, channels, places])
}

/// Makes a vector.
fn vector(numbers: Vec<f32>) -> Tensor<1> {
    let size = numbers.len();
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(TensorData::new(numbers, [size])))
}

/// Does each piece of work, on all threads if there are several pieces.
fn each<T: Send>(mut work: Vec<T>, act: impl Fn(T) + Sync + Send) {
    match work.len() {
        0 | 1 => work.drain(..).for_each(act),
        _ => work.into_par_iter().for_each(act),
    }
}

/// Does work of many steps on a thread of the pool, so that threads change hands only once.
fn in_pool<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| act())
}
