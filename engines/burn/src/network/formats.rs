//! Numbers as they are stored: what nodes read and the tensors that they compute with.
//!
//! Weights are trained in float32 and stored anew each time; gradients pass as if nothing were
//! rounded, but for what lies beyond the limits of a format. A step that is learned gets the
//! gradient by what was stored with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use firebrick_core::formats::{FixedPoint, Layout, Quantizer, learns_step, step_of};
use firebrick_core::graph::{Graph, NumberFormat, Op};

use super::Network;
use crate::ops::batch_norm::{self, Affine, Normalised};
use crate::ops::quantize::{FixedPoints, Storage};
use crate::ops::{Values, quantize};
use crate::parameters::{Gradients, Parameters, numbers};
use crate::stack;

/// What a node reads, of which the format is noted.
const READ: &str = "data_in";

/// Tensors as they are stored, by node and name; of a batch normalisation `scale` and `shift`.
#[derive(Debug, Default)]
pub(crate) struct Stored(BTreeMap<(usize, &'static str), Tensor<1>>);

impl Stored {
    /// Returns a tensor of a node in one dimension, if it is stored in a format.
    pub(crate) fn get(&self, node: usize, name: &'static str) -> Option<Tensor<1>> {
        self.0.get(&(node, name)).cloned()
    }
}

/// The tensors that nodes compute with.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) stored: &'a Stored,
}

impl Operands<'_> {
    /// Returns a tensor of a node in one dimension, if the node has it.
    pub(super) fn find(&self, idx: usize, name: &'static str) -> Option<Tensor<1>> {
        let stored = self.stored.get(idx, name);
        stored.or_else(|| self.parameters.find(idx, name))
    }

    /// Returns the weight of a convolution, `[candidates * out, in / groups, height, width]`.
    pub(super) fn conv_weight(&self, idx: usize) -> Tensor<4> {
        let shape = self.parameters.shape(idx, "weight");
        let out = self.parameters.n_candidates() * shape[0];
        self.weight(idx)
            .reshape([out, shape[1], shape[2], shape[3]])
    }

    pub(super) fn weight(&self, idx: usize) -> Tensor<1> {
        let weight = self.find(idx, "weight");
        weight.expect("the op of the node has a weight")
    }

    /// Returns scale and shift of a batch normalisation whose running statistics are in use.
    pub(super) fn running(&self, idx: usize, eps: f64) -> (Tensor<1>, Tensor<1>) {
        let [scale, shift] = ["scale", "shift"].map(|name| self.stored.get(idx, name));
        if let (Some(scale), Some(shift)) = (scale, shift) {
            return (scale, shift);
        }
        let [weight, bias, mean, variance] = affine_tensors(self.parameters, idx);
        batch_norm::scale_and_shift(weight, bias, mean, variance, eps)
    }
}

impl Network<'_> {
    /// Returns the tensors of a network in use, as they are stored.
    pub(crate) fn stored(&self, parameters: &Parameters) -> Stored {
        self.stored_where(parameters, |_| true)
    }

    /// Returns the tensors of a network in training, as they are stored: batch normalisations that
    /// go by the batch make theirs of it.
    pub(super) fn stored_in_training(&self, parameters: &Parameters) -> Stored {
        self.stored_where(parameters, |idx| self.graph.nodes()[idx].annotations.frozen)
    }

    fn stored_where(&self, parameters: &Parameters, is_running: impl Fn(usize) -> bool) -> Stored {
        let mut stored = BTreeMap::new();
        for (idx, node) in self.graph.nodes().iter().enumerate() {
            if let Op::BatchNorm { eps, .. } = node.op {
                let formats = self.affine_formats(idx, parameters);
                if let Some(formats) = formats.filter(|_| is_running(idx)) {
                    let tensors = affine_tensors(parameters, idx);
                    let [scale, shift] = batch_norm::stored(tensors, eps, &formats);
                    stored.extend([((idx, "scale"), scale), ((idx, "shift"), shift)]);
                }
                continue;
            }
            for name in ["weight", "bias"] {
                if let Some(storage) = self.storage(idx, name, parameters) {
                    let (x, layout) = (parameters.get(idx, name), layout(parameters, idx, name));
                    stored.insert((idx, name), storage.store_tensor(x, layout));
                }
            }
        }
        Stored(stored)
    }

    /// Returns what a node reads as it is stored.
    pub(super) fn store_read(
        &self,
        idx: usize,
        parameters: &Parameters,
        inputs: Vec<Values>,
    ) -> Vec<Values> {
        let Some(storage) = self.storage(idx, READ, parameters) else {
            return inputs;
        };
        let store = |(nth, x)| match self.is_stored[idx][nth] {
            true => x,
            false => storage.store(x),
        };
        inputs.into_iter().enumerate().map(store).collect()
    }

    /// Returns what of a node's inputs has to be kept to learn by them, before they are stored.
    pub(super) fn keep_read(&self, idx: usize, inputs: &[Values]) -> Vec<Values> {
        let has_format = self.format(idx, READ).is_some();
        match has_format && self.is_asked(idx) && !self.is_stored[idx].iter().all(|is| *is) {
            true => inputs.to_vec(),
            false => Vec::new(),
        }
    }

    /// Turns the gradients by what a node reads, as it is stored, into those by what it was before,
    /// and notes that by the step, if it is learned.
    pub(super) fn pass_read(
        &self,
        idx: usize,
        parameters: &Parameters,
        read: Vec<Values>,
        by_inputs: Vec<Values>,
        gradients: &mut Gradients,
    ) -> Vec<Values> {
        if read.is_empty() || by_inputs.is_empty() {
            return by_inputs;
        }
        let Some(storage) = self.storage(idx, READ, parameters) else {
            return by_inputs;
        };
        if let (Some(format), Some(step)) = (storage.learned_step(), step_of(READ)) {
            let by_input = |(x, grad): (&Values, &Values)| {
                quantize::step_gradient(x.clone(), grad.clone(), format)
            };
            let gradient = || number(read.iter().zip(&by_inputs).map(by_input).sum(), &read[0]);
            parameters.note(gradients, idx, step, gradient);
        }
        let pairs = read.into_iter().zip(by_inputs).enumerate();
        let pass = |(nth, (x, grad)): (usize, (Values, Values))| {
            let input = self.inputs[idx][nth];
            match self.is_stored[idx][nth] || !self.learns[input] {
                true => grad,
                false => storage.mask(x, grad),
            }
        };
        pairs.map(pass).collect()
    }

    /// Notes the gradient by a tensor of a node, given what makes that by what it is stored as.
    pub(super) fn note(
        &self,
        parameters: &Parameters,
        gradients: &mut Gradients,
        idx: usize,
        name: &'static str,
        gradient: impl FnOnce() -> Tensor<1>,
    ) {
        if !parameters.asks(gradients, idx, name) {
            return;
        }
        let mut gradient = gradient();
        if let Some(storage) = self.storage(idx, name, parameters) {
            let x = || parameters.get(idx, name);
            if let (Some(format), Some(step)) = (storage.learned_step(), step_of(name)) {
                let grad = gradient.clone();
                parameters.note(gradients, idx, step, || {
                    let like = grad.clone();
                    number(quantize::step_gradient_of_tensor(x(), grad, format), &like)
                });
            }
            let layout = layout(parameters, idx, name);
            gradient = storage.mask_tensor(x(), gradient, layout);
        }
        parameters.note(gradients, idx, name, || gradient);
    }

    /// Returns the formats of scale and shift of a batch normalisation, if it has any.
    pub(super) fn affine_formats(
        &self,
        idx: usize,
        parameters: &Parameters,
    ) -> Option<[Option<Storage>; 2]> {
        let formats = ["weight", "bias"].map(|name| self.storage(idx, name, parameters));
        formats.iter().any(Option::is_some).then_some(formats)
    }

    /// Notes the gradients by the steps with which scale and shift of a batch were stored, given
    /// those by weight and bias.
    pub(super) fn note_affine_steps(
        &self,
        parameters: &Parameters,
        gradients: &mut Gradients,
        idx: usize,
        normalised: &Normalised,
        affine: &Affine,
        [by_weight, by_bias]: [&Tensor<1>; 2],
    ) {
        let learns = |name: &&str| self.format(idx, name).is_some_and(learns_step);
        if !["weight", "bias"].iter().any(learns) {
            return;
        }
        let (by_scale, by_shift) = normalised.by_affine(by_weight.clone(), by_bias.clone());
        let operands = [
            ("weight", &affine.scale, by_scale),
            ("bias", &affine.shift, by_shift),
        ];
        for (name, x, grad) in operands {
            let storage = self.storage(idx, name, parameters);
            let format = storage.as_ref().and_then(Storage::learned_step);
            if let (Some(format), Some(step)) = (format, step_of(name)) {
                let gradient = || number(format.step_gradient(x, &grad, x.len()), by_bias);
                parameters.note(gradients, idx, step, gradient);
            }
        }
    }

    /// Returns whether the gradients by what a node reads are asked for.
    pub(super) fn is_asked(&self, idx: usize) -> bool {
        self.learns_read_step[idx] || self.inputs[idx].iter().any(|input| self.learns[*input])
    }

    fn format(&self, idx: usize, operand: &str) -> Option<&NumberFormat> {
        self.graph.nodes()[idx].annotations.formats.get(operand)
    }

    /// Returns how an operand is stored, at the step that it has now.
    fn storage(&self, idx: usize, operand: &str, parameters: &Parameters) -> Option<Storage> {
        let format = self.format(idx, operand)?;
        if let Some(formats) = self.fixed_points.get(&(idx, operand)) {
            return Some(Storage::FixedPoints(formats.clone()));
        }
        let step = step_of(operand).filter(|_| learns_step(format));
        let step = step.map(|step| numbers(parameters.get(idx, step))[0]);
        Some(Storage::Alike(quantizer(format, step)))
    }
}

fn quantizer(format: &NumberFormat, step: Option<f32>) -> Quantizer {
    let quantizer = Quantizer::of(format, step);
    quantizer.expect("the engine supports the formats of the graph")
}

/// Returns the fixed points of the operands that candidates store each in its own.
pub(super) fn fixed_points<'a>(
    layout: &'a stack::layout::Layout,
    device: &Device,
) -> BTreeMap<(usize, &'a str), Arc<FixedPoints>> {
    let mut all = BTreeMap::new();
    for (idx, node) in layout.graph().nodes().iter().enumerate() {
        for operand in node.annotations.formats.keys() {
            let of_candidate = |candidate| {
                let node = &layout.graph_of(candidate).nodes()[idx];
                let format = node.annotations.formats.get(operand)?;
                match quantizer(format, Some(1.0)) {
                    Quantizer::FixedPoint(format) => Some(format),
                    _ => None,
                }
            };
            let formats: Option<Vec<FixedPoint>> =
                (0..layout.n_candidates()).map(of_candidate).collect();
            if let Some(formats) = formats
                && formats.iter().any(|format| *format != formats[0])
            {
                let formats = Arc::new(FixedPoints::new(formats, device));
                all.insert((idx, operand.as_str()), formats);
            }
        }
    }
    all
}

/// Returns, for each node and each of its inputs, whether what it reads is in fixed point already
/// that it has all numbers of.
pub(super) fn stored_already(graph: &Graph, inputs: &[Vec<usize>]) -> Vec<Vec<bool>> {
    let mut results: Vec<Option<FixedPoint>> = Vec::new();
    let mut already = Vec::new();
    for (node, inputs) in graph.nodes().iter().zip(inputs) {
        let format = node.annotations.formats.get(READ);
        let format = format.and_then(|format| match Quantizer::of(format, Some(1.0)) {
            Ok(Quantizer::FixedPoint(format)) => Some(format),
            _ => None,
        });
        let holds = |input: &usize| match (&format, &results[*input]) {
            (Some(format), Some(stored)) => format.has_all_of(stored),
            _ => false,
        };
        let of_inputs: Vec<bool> = inputs.iter().map(holds).collect();
        // What these ops make are numbers that they read, or 0.
        let hands_on = matches!(
            node.op,
            Op::Relu | Op::Flatten | Op::MaxPool { .. } | Op::Output
        );
        let other = node.annotations.formats.contains_key(READ) && format.is_none();
        results.push(match (hands_on && !other, of_inputs.first()) {
            (true, Some(true)) => results[inputs[0]],
            (true, Some(false)) => format.or(results[inputs[0]].filter(|_| format.is_none())),
            _ => None,
        });
        already.push(of_inputs);
    }
    already
}

/// Weight, bias, mean and variance of a batch normalisation.
fn affine_tensors(parameters: &Parameters, idx: usize) -> [Tensor<1>; 4] {
    ["weight", "bias", "running_mean", "running_var"].map(|name| parameters.get(idx, name))
}

/// Returns the layout of a tensor of all candidates.
fn layout(parameters: &Parameters, idx: usize, name: &str) -> Layout {
    let mut layout = Layout::of_tensor(parameters.shape(idx, name));
    layout.outer *= parameters.n_candidates();
    layout
}

/// Makes a tensor of one number, on the device of another.
fn number<const D: usize>(number: f32, like: &Tensor<D>) -> Tensor<1> {
    Tensor::from_floats([number], &like.device())
}
