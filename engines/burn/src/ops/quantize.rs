//! Fake quantisation: numbers as they are stored in a format, in float32.

mod storage;

use burn::tensor::{Tensor, TensorData};
use firebrick_core::formats::{FixedPoint, Layout, LearnedStep, Quantizer};

use super::{Values, cpu};
pub(crate) use storage::{FixedPoints, Storage};

/// Stores values; blocks lie along the channels of a place.
fn store(x: Values, quantizer: &Quantizer) -> Values {
    if cpu::takes(&x) {
        return cpu::quantize::store(x, quantizer);
    }
    let layout = of_rows(&x);
    store_elsewhere(x, layout, quantizer)
}

/// Stores a learned tensor, whose layout is that of its own shape.
fn store_tensor(x: Tensor<1>, layout: Layout, quantizer: &Quantizer) -> Tensor<1> {
    if cpu::takes(&x) {
        return cpu::quantize::store_tensor(x, layout, quantizer);
    }
    store_elsewhere(x, layout, quantizer)
}

/// Returns the gradient by values, given that by what they are stored as.
fn mask(x: Values, grad: Values, quantizer: &Quantizer) -> Values {
    if cpu::takes(&grad) {
        return cpu::quantize::mask(x, grad, quantizer);
    }
    let layout = of_rows(&x);
    mask_elsewhere(x, grad, layout, quantizer)
}

/// Returns the gradient by a learned tensor, given that by what it is stored as.
fn mask_tensor(x: Tensor<1>, grad: Tensor<1>, layout: Layout, quantizer: &Quantizer) -> Tensor<1> {
    if cpu::takes(&grad) {
        return cpu::quantize::mask_tensor(x, grad, layout, quantizer);
    }
    mask_elsewhere(x, grad, layout, quantizer)
}

/// Returns the gradient by the step of values, given that by what they are stored as.
pub(crate) fn step_gradient(x: Values, grad: Values, format: &LearnedStep) -> f32 {
    if cpu::takes(&grad) {
        return cpu::quantize::step_gradient(x, grad, format);
    }
    let [_, channels, places] = x.dims();
    format.step_gradient(&host(x), &host(grad), channels * places)
}

/// Returns the gradient by the step of a learned tensor.
pub(crate) fn step_gradient_of_tensor(x: Tensor<1>, grad: Tensor<1>, format: &LearnedStep) -> f32 {
    if cpu::takes(&grad) {
        return cpu::quantize::step_gradient_of_tensor(x, grad, format);
    }
    let per_row = x.dims()[0];
    format.step_gradient(&host(x), &host(grad), per_row)
}

/// How the numbers of values lie, in their own order.
fn of_rows(x: &Values) -> Layout {
    let [rows, channels, places] = x.dims();
    Layout::of_rows(rows, &[channels, places])
}

/// Stores numbers of any device.
///
/// Fixed point stays there. Other formats take apart the bits of a number or divide by a step, which
/// devices round each in their own way: they go through the host, so that all devices agree.
fn store_elsewhere<const D: usize>(
    x: Tensor<D>,
    layout: Layout,
    quantizer: &Quantizer,
) -> Tensor<D> {
    if let Quantizer::FixedPoint(format) = quantizer {
        return store_fixed_point(x, format);
    }
    let (shape, device) = (x.dims(), x.device());
    let x = host(x);
    let mut y = vec![0.0; x.len()];
    quantizer.quantize(&x, layout, &mut y);
    Tensor::from_data(TensorData::new(y, shape), &device)
}

/// Takes away gradients of any device, see [`store_elsewhere`].
fn mask_elsewhere<const D: usize>(
    x: Tensor<D>,
    grad: Tensor<D>,
    layout: Layout,
    quantizer: &Quantizer,
) -> Tensor<D> {
    if let Quantizer::FixedPoint(format) = quantizer {
        return mask_fixed_point(x, grad, format);
    }
    let (shape, device) = (x.dims(), x.device());
    let mut grad = host(grad);
    quantizer.mask(&host(x), layout, &mut grad);
    Tensor::from_data(TensorData::new(grad, shape), &device)
}

/// Stores numbers in fixed point by operations of burn, of which each is exact.
///
/// The result is that of [`FixedPoint`] bit for bit, but for the sign of a zero, which a limit of 0
/// may take away.
fn store_fixed_point<const D: usize>(x: Tensor<D>, format: &FixedPoint) -> Tensor<D> {
    x.mul_scalar(format.scale())
        .round()
        .clamp(format.least(), format.most())
        .mul_scalar(format.step())
}

/// Takes away gradients by operations of burn.
fn mask_fixed_point<const D: usize>(
    x: Tensor<D>,
    grad: Tensor<D>,
    format: &FixedPoint,
) -> Tensor<D> {
    let steps = x.mul_scalar(format.scale()).round();
    let least = steps.clone().greater_equal_scalar(format.least());
    let inside = least.bool_and(steps.lower_equal_scalar(format.most()));
    grad * inside.float()
}

/// Copies numbers off the device, in their own order.
fn host<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    crate::parameters::numbers(x)
}

#[cfg(test)]
mod tests;
