//! Products of matrices in float32, also where a device multiplies in fewer bits.

use burn::tensor::{DType, Tensor};

use super::is_flex;

/// What moves a number so far up that adding it to what is moved keeps 11 of its 24 bits.
const SHIFT: f32 = 8192.0;

/// How matrices are multiplied on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Products {
    /// As they are.
    Whole,
    /// Taken apart.
    ///
    /// Matrix units of GPUs take numbers of 11 significant bits (TF32) and add up in float32. Each
    /// number is taken apart into its first 11 bits and the rest, and all products but those of two
    /// rests are added: what is lost is 2^-22 of a product, about what float32 rounds off.
    ///
    /// # Source
    /// Ootomo and Yokota, "Recovering single precision accuracy from Tensor Cores while surpassing
    /// the FP32 theoretical peak performance", 2022, <https://arxiv.org/abs/2203.03341>.
    OfParts,
}

impl Products {
    /// Returns how matrices are multiplied where some numbers are.
    pub(crate) fn where_is<const D: usize>(numbers: &Tensor<D>) -> Self {
        match is_flex(numbers) || numbers.dtype() != DType::F32 {
            true => Self::Whole,
            false => Self::OfParts,
        }
    }

    /// Multiplies batches of matrices.
    pub(super) fn of<const D: usize>(self, one: Tensor<D>, other: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Whole => one.matmul(other),
            Self::OfParts => self.parts(one).times(self.parts(other)),
        }
    }

    /// Returns numbers as they are multiplied.
    pub(super) fn parts<const D: usize>(self, x: Tensor<D>) -> Parts<D> {
        match self {
            Self::Whole => Parts {
                first: x,
                rest: None,
            },
            Self::OfParts => taken_apart(x),
        }
    }
}

/// Numbers that add up to others.
#[derive(Debug)]
pub(super) struct Parts<const D: usize> {
    first: Tensor<D>,
    rest: Option<Tensor<D>>,
}

impl<const D: usize> Parts<D> {
    /// Arranges the numbers otherwise, or some of them again.
    pub(super) fn arranged<const E: usize>(
        self,
        arrange: impl Fn(Tensor<D>) -> Tensor<E>,
    ) -> Parts<E> {
        Parts {
            first: arrange(self.first),
            rest: self.rest.map(arrange),
        }
    }

    /// Multiplies batches of matrices.
    pub(super) fn times(self, other: Self) -> Tensor<D> {
        let (Some(rest), Some(other_rest)) = (self.rest, other.rest) else {
            return self.first.matmul(other.first);
        };
        let small = self.first.clone().matmul(other_rest) + rest.matmul(other.first.clone());
        self.first.matmul(other.first) + small
    }
}

/// Returns numbers in their first 11 bits and what is left of them.
///
/// Only a product by a power of two is added to or subtracted from, and that is exact: a device may
/// make one operation of both (FMA, as in kernels that burn fuses) and comes to the same. Veltkamp's
/// own `8193 x - (8193 x - x)` would be all of `x` then.
///
/// # Source
/// After Veltkamp's splitting, in Dekker, "A floating-point technique for extending the available
/// precision", 1971, section 3.
fn taken_apart<const D: usize>(x: Tensor<D>) -> Parts<D> {
    let shifted = x.clone().mul_scalar(SHIFT);
    let first = (shifted.clone() + x.clone()) - shifted;
    Parts {
        rest: Some(x - first.clone()),
        first,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use firebrick_core::random::{Purpose, stream};
    use rand::RngExt;

    use super::*;
    use crate::parameters::numbers;

    fn matrix(seed: u64, shape: [usize; 2]) -> Tensor<2> {
        let mut rng = stream(seed, Purpose::Dataset, 0);
        let size = shape[0] * shape[1];
        let numbers = (0..size).map(|_| rng.random_range(-1.0_f32..1.0).powi(5));
        let data = TensorData::new(numbers.collect::<Vec<f32>>(), shape);
        Tensor::from_data(data, &Device::flex())
    }

    #[test]
    fn the_first_part_has_11_bits_and_both_are_the_number() {
        let x = matrix(1, [40, 50]);
        let parts = Products::OfParts.parts(x.clone());
        let [x, first, rest] = [x, parts.first, parts.rest.unwrap()].map(numbers);
        for ((x, first), rest) in x.iter().zip(&first).zip(&rest) {
            assert_eq!(first.to_bits() & 0x1fff, 0, "{x} {first}");
            assert_eq!(first + rest, *x);
            assert!(rest.abs() <= x.abs() / 2048.0, "{x} {rest}");
        }
    }

    #[test]
    fn parts_are_the_same_where_products_and_sums_are_one_operation() {
        let x = matrix(4, [40, 50]);
        let first = numbers(Products::OfParts.parts(x.clone()).first);
        for (x, first) in numbers(x).into_iter().zip(first) {
            let sum = x.mul_add(SHIFT, x);
            assert_eq!(x.mul_add(-SHIFT, sum), first, "{x}");
        }
    }

    #[test]
    fn parts_multiply_to_what_the_whole_does() {
        let (one, other) = (matrix(2, [30, 70]), matrix(3, [70, 20]));
        assert_eq!(Products::where_is(&one), Products::Whole);
        let expected = numbers(Products::Whole.of(one.clone(), other.clone()));
        let found = numbers(Products::OfParts.of(one, other));
        for (expected, found) in expected.iter().zip(&found) {
            assert!((expected - found).abs() < 1e-6, "{expected} {found}");
        }
    }
}
