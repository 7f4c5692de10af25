//! `max(x, 0)` in place.

use macerator::Simd;

use super::{Numbers, Values, each};

/// Numbers that one thread takes at once.
const NUMBERS_A_JOB: usize = 1 << 15;

/// Returns the positive part; NaN stays NaN.
pub(crate) fn forward(x: Values) -> Values {
    let shape = x.dims();
    let mut numbers = Numbers::of_places(x);
    let jobs = numbers.as_mut_slice().chunks_mut(NUMBERS_A_JOB).collect();
    each(jobs, clamp);
    numbers.into_values(shape)
}

/// Returns the gradient by what was read, given the result.
pub(crate) fn backward(result: Values, grad: Values) -> Values {
    let shape = grad.dims();
    let (result, mut grad) = (Numbers::of_places(result), Numbers::of_places(grad));
    let results = result.as_slice().chunks(NUMBERS_A_JOB);
    let grads = grad.as_mut_slice().chunks_mut(NUMBERS_A_JOB);
    each(results.zip(grads).collect(), |(result, grad)| {
        pass(result, grad);
    });
    grad.into_values(shape)
}

#[macerator::with_simd]
fn clamp<S: Simd>(numbers: &mut [f32]) {
    for number in numbers {
        // Not `max`, which would hide NaN.
        *number = if *number < 0.0 { 0.0 } else { *number };
    }
}

#[macerator::with_simd]
fn pass<S: Simd>(result: &[f32], grad: &mut [f32]) {
    for (grad, result) in grad.iter_mut().zip(result) {
        *grad *= if *result > 0.0 { 1.0 } else { 0.0 };
    }
}
