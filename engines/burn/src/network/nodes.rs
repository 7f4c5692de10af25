//! What each type of node computes and learns.

use std::ops::Range;

use firebrick_core::graph::Op;
use firebrick_core::random::Stream;

use super::formats::{Operands, Stored};
use super::{Kept, Network};
use crate::ops::linear::Weight;
use crate::ops::window::Window;
use crate::ops::{Values, batch_norm, conv2d, dropout, join, linear, pool, relu};
use crate::parameters::{Gradients, Parameters};

impl Network<'_> {
    /// Computes a node with running statistics in use and dropout off.
    pub(super) fn infer(
        &self,
        idx: usize,
        operands: Operands<'_>,
        mut inputs: Vec<Values>,
    ) -> Values {
        let op = &self.graph.nodes()[idx].op;
        match op {
            Op::Add => return join::add(inputs),
            Op::Concat => return join::concat(inputs, self.candidates),
            _ => {}
        }
        let x = only(&mut inputs);
        match op {
            Op::Linear { .. } => {
                let bias = operands.find(idx, "bias");
                linear::forward(x, self.linear_weight(idx, operands), bias)
            }
            Op::Conv2d { .. } => {
                let (weight, bias) = (operands.conv_weight(idx), operands.find(idx, "bias"));
                let formats = &self.graph.nodes()[idx].annotations.formats;
                // What reads the result may store it, and then the last bit decides of halves.
                match ["data_in", "weight"].map(|of| formats.contains_key(of)) {
                    [true, true] => conv2d::forward_exact(x, weight, bias, self.window(idx)),
                    _ => conv2d::forward(x, weight, bias, self.window(idx)),
                }
            }
            Op::BatchNorm { eps, .. } => {
                let (scale, shift) = operands.running(idx, *eps);
                batch_norm::forward_running(x, scale, shift)
            }
            Op::Relu => relu::forward(x),
            Op::MaxPool { .. } => pool::forward_max(x, self.window(idx)),
            Op::AvgPool { .. } => pool::forward_avg(x, self.window(idx)),
            Op::GlobalAvgPool => pool::forward_global(x),
            Op::Flatten => {
                let [rows, channels, places] = x.dims();
                x.reshape([rows, channels * places, 1])
            }
            Op::Dropout { .. } | Op::Output | Op::Input { .. } | Op::Add | Op::Concat => x,
        }
    }

    /// Computes a node in training.
    pub(super) fn step(
        &self,
        idx: usize,
        parameters: &mut Parameters,
        stored: &Stored,
        mut inputs: Vec<Values>,
        dropout: &mut [Stream],
    ) -> (Values, Kept) {
        let node = &self.graph.nodes()[idx];
        match &node.op {
            Op::BatchNorm { momentum, eps, .. } if !node.annotations.frozen => {
                let (weight, bias) = (parameters.get(idx, "weight"), parameters.get(idx, "bias"));
                let x = only(&mut inputs);
                let (result, normalised, batch, affine) = match self.affine_formats(idx, parameters)
                {
                    None => {
                        let (result, normalised, batch) =
                            batch_norm::forward(x, weight, bias, *eps);
                        (result, normalised, batch, None)
                    }
                    Some(formats) => {
                        let (result, normalised, batch, affine) =
                            batch_norm::forward_stored(x, weight, bias, *eps, &formats);
                        (result, normalised, batch, affine)
                    }
                };
                for (name, statistic) in [
                    ("running_mean", batch.mean),
                    ("running_var", batch.variance),
                ] {
                    let running = parameters.get(idx, name);
                    let moved = batch_norm::follow(running, statistic, *momentum);
                    parameters.replace(idx, name, moved);
                }
                (result, Kept::Normalised(normalised, affine))
            }
            Op::Dropout { p } => {
                let x = only(&mut inputs);
                let mask = match self.layout {
                    None => dropout::mask(&x, *p, &mut dropout[0]),
                    Some(layout) => {
                        let own = (0..self.candidates).map(|nth| layout.channels(nth, idx));
                        let own: Vec<&[Range<usize>]> = own.collect();
                        dropout::mask_of_stack(&x, *p, dropout, &own)
                    }
                };
                (x * mask.clone(), Kept::Values(mask))
            }
            Op::MaxPool { .. } => {
                let x = only(&mut inputs);
                let (result, maxima) = pool::forward_max_with_places(x, self.window(idx));
                (result, Kept::Maxima(maxima))
            }
            Op::Linear { .. } | Op::Conv2d { .. } | Op::AvgPool { .. } => {
                let x = inputs[0].clone();
                (
                    self.infer(idx, Operands { parameters, stored }, inputs),
                    Kept::Values(x),
                )
            }
            Op::Relu => {
                let result = self.infer(idx, Operands { parameters, stored }, inputs);
                (result.clone(), Kept::Values(result))
            }
            _ => (
                self.infer(idx, Operands { parameters, stored }, inputs),
                Kept::Nothing,
            ),
        }
    }

    /// Returns the gradients by what a node read (none where nobody asks for them), and notes
    /// those by its tensors.
    pub(super) fn step_back(
        &self,
        idx: usize,
        operands: Operands<'_>,
        kept: Kept,
        grad: Values,
        gradients: &mut Gradients,
    ) -> Vec<Values> {
        let parameters = operands.parameters;
        let asked = self.is_asked(idx);
        match (&self.graph.nodes()[idx].op, kept) {
            (Op::Linear { .. }, Kept::Values(x)) => {
                let by_bias = || linear::backward_bias(grad.clone());
                self.note(parameters, gradients, idx, "bias", by_bias);
                let by_weight =
                    || linear::backward_weight(x, grad.clone(), self.candidates, self.products);
                self.note(parameters, gradients, idx, "weight", by_weight);
                given(asked, || {
                    linear::backward_x(self.linear_weight(idx, operands), grad)
                })
            }
            (Op::Conv2d { .. }, Kept::Values(x)) => {
                let (weight, window) = (|| operands.conv_weight(idx), self.window(idx));
                let by_bias = || linear::backward_bias(grad.clone());
                self.note(parameters, gradients, idx, "bias", by_bias);
                let by_weight = || conv2d::backward_weight(x, weight(), grad.clone(), window);
                self.note(parameters, gradients, idx, "weight", by_weight);
                given(asked, || conv2d::backward_x(weight(), grad, window))
            }
            (Op::BatchNorm { .. }, Kept::Normalised(normalised, affine)) => {
                let (by_weight, by_bias) = batch_norm::backward_affine(&normalised, grad.clone());
                if let Some(affine) = &affine {
                    let of_both = [&by_weight, &by_bias];
                    self.note_affine_steps(
                        parameters,
                        gradients,
                        idx,
                        &normalised,
                        affine,
                        of_both,
                    );
                }
                parameters.note(gradients, idx, "weight", || by_weight.clone());
                parameters.note(gradients, idx, "bias", || by_bias.clone());
                let weight = || parameters.get(idx, "weight");
                given(asked, || {
                    batch_norm::backward_x(normalised, weight(), by_weight, by_bias, grad)
                })
            }
            (Op::BatchNorm { eps, .. }, _) => given(asked, || {
                let (scale, _) = operands.running(idx, *eps);
                batch_norm::backward_running_x(scale, grad)
            }),
            (Op::Relu, Kept::Values(result)) => vec![relu::backward(result, grad)],
            (Op::Dropout { .. }, Kept::Values(mask)) => vec![grad * mask],
            (Op::MaxPool { .. }, Kept::Maxima(maxima)) => {
                vec![pool::backward_max(maxima, grad, self.window(idx))]
            }
            (Op::AvgPool { .. }, Kept::Values(x)) => {
                vec![pool::backward_avg(x, grad, self.window(idx))]
            }
            (Op::GlobalAvgPool, _) => vec![pool::backward_global(grad, self.places_in(idx))],
            (Op::Flatten, _) => {
                let ([rows, features, _], places) = (grad.dims(), self.places_in(idx));
                vec![grad.reshape([rows, features / places, places])]
            }
            (Op::Add, _) => vec![grad; self.inputs[idx].len()],
            (Op::Concat, _) => {
                let shapes = self.inputs[idx]
                    .iter()
                    .map(|input| self.graph.shape(*input));
                let channels: Vec<usize> = shapes.map(|shape| shape[0]).collect();
                join::backward_concat(&grad, &channels, self.candidates)
            }
            _ => vec![grad],
        }
    }

    fn linear_weight(&self, idx: usize, operands: Operands<'_>) -> Weight {
        let shape = operands.parameters.shape(idx, "weight");
        Weight {
            numbers: operands.weight(idx),
            candidates: self.candidates,
            inputs: shape[1],
            outputs: shape[0],
            products: self.products,
        }
    }

    /// Places of the result that a node reads.
    fn places_in(&self, idx: usize) -> usize {
        self.graph.shape(self.inputs[idx][0])[1..].iter().product()
    }

    fn window(&self, idx: usize) -> &Window {
        let window = self.windows[idx].as_ref();
        window.expect("convolutions and pools have a window")
    }
}

/// What an op reads that reads one result.
fn only(inputs: &mut Vec<Values>) -> Values {
    inputs.pop().expect("shape inference counted what is read")
}

fn given(asked: bool, gradient: impl FnOnce() -> Values) -> Vec<Values> {
    match asked {
        true => vec![gradient()],
        false => Vec::new(),
    }
}
