//! A graph as a network that computes and learns.
//!
//! The backward pass is written out op by op, so that no tape is kept: on small networks burn's
//! autodiff costs more than the arithmetic.

use burn::tensor::{Int, Tensor};
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::random::Stream;

use crate::ops::batch_norm::{self, Normalised};
use crate::ops::conv2d::{self, Geometry};
use crate::ops::pool::{self, Window};
use crate::ops::{Values, dropout, join, linear, relu};
use crate::parameters::{Gradients, Parameters};

/// A graph, prepared for being run.
#[derive(Debug)]
pub(crate) struct Network<'a> {
    graph: &'a Graph,
    /// For each node, the positions of what it reads.
    inputs: Vec<Vec<usize>>,
    /// For each node, the position of the last one that reads it.
    last_reader: Vec<usize>,
    /// For each node, whether a trained tensor lies in it or before it.
    learns: Vec<bool>,
}

/// What the forward pass keeps of each node for the backward pass.
#[derive(Debug)]
pub(crate) struct Tape(Vec<Kept>);

#[derive(Debug)]
enum Kept {
    Nothing,
    Values(Values),
    Normalised(Normalised),
    Maxima(Values, Tensor<4, Int>),
}

impl<'a> Network<'a> {
    /// Prepares a graph whose tensors are at hand.
    pub(crate) fn new(graph: &'a Graph, parameters: &Parameters) -> Self {
        let nodes = graph.nodes();
        let position = |name: &String| {
            graph
                .index(name)
                .expect("a graph has every node that is read")
        };
        let inputs: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| node.inputs.iter().map(position).collect())
            .collect();
        let mut last_reader = vec![nodes.len(); nodes.len()];
        let mut learns = vec![false; nodes.len()];
        for (idx, inputs) in inputs.iter().enumerate() {
            learns[idx] = parameters.trains(idx) || inputs.iter().any(|input| learns[*input]);
            for input in inputs {
                last_reader[*input] = idx;
            }
        }
        Self {
            graph,
            inputs,
            last_reader,
            learns,
        }
    }

    /// Returns the output, running statistics in use and dropout off: `[rows, classes, 1]`.
    pub(crate) fn predict(&self, parameters: &Parameters, x: Values) -> Values {
        self.run(x, |idx, inputs| self.infer(idx, parameters, inputs))
    }

    /// Returns the output in training, and what the backward pass needs; running statistics move.
    pub(crate) fn forward(
        &self,
        parameters: &mut Parameters,
        x: Values,
        dropout: &mut Stream,
    ) -> (Values, Tape) {
        // The input node, which is not run, keeps nothing.
        let mut tape = vec![Kept::Nothing];
        let output = self.run(x, |idx, inputs| {
            let (result, kept) = self.step(idx, parameters, inputs, dropout);
            tape.push(if self.learns[idx] {
                kept
            } else {
                Kept::Nothing
            });
            result
        });
        (output, Tape(tape))
    }

    /// Returns the gradients by all that is trained, given the gradient by the output.
    pub(crate) fn backward(
        &self,
        parameters: &Parameters,
        tape: Tape,
        output_grad: Values,
    ) -> Gradients {
        let mut gradients = parameters.gradients();
        let mut grads: Vec<Option<Values>> = vec![None; self.inputs.len()];
        grads[self.inputs.len() - 1] = Some(output_grad);
        for (idx, kept) in tape.0.into_iter().enumerate().rev() {
            // Before this node nothing learns, so nobody asks for the gradient by its result.
            let (true, Some(grad)) = (self.learns[idx], grads[idx].take()) else {
                continue;
            };
            let by_inputs = self.step_back(idx, parameters, kept, grad, &mut gradients);
            for (input, by_input) in self.inputs[idx].iter().zip(by_inputs) {
                grads[*input] = Some(match grads[*input].take() {
                    Some(sum) => sum + by_input,
                    None => by_input,
                });
            }
        }
        gradients
    }

    /// Returns the first node that would normalise a single value a channel in a batch of `rows`.
    pub(crate) fn normalises_one_value(&self, rows: usize) -> Option<&Node> {
        let one_value = |(idx, node): &(usize, &Node)| {
            let places: usize = self.graph.shape(*idx)[1..].iter().product();
            matches!(node.op, Op::BatchNorm { .. }) && !node.annotations.frozen && rows * places < 2
        };
        let mut nodes = self.graph.nodes().iter().enumerate();
        nodes.find(one_value).map(|(_, node)| node)
    }

    /// Runs the nodes in order; a result is dropped when its last reader took it.
    fn run(&self, x: Values, mut node: impl FnMut(usize, Vec<Values>) -> Values) -> Values {
        let mut results: Vec<Option<Values>> = vec![None; self.inputs.len()];
        results[0] = Some(x);
        for (idx, reads) in self.inputs.iter().enumerate().skip(1) {
            let mut inputs = Vec::with_capacity(reads.len());
            for (nth, input) in reads.iter().enumerate() {
                let again = self.last_reader[*input] != idx || reads[nth + 1..].contains(input);
                let value = match again {
                    true => results[*input].clone(),
                    false => results[*input].take(),
                };
                inputs.push(value.expect("nodes are in topological order"));
            }
            results[idx] = Some(node(idx, inputs));
        }
        let output = results.pop().flatten();
        output.expect("the last node is the output")
    }

    /// Computes a node with running statistics in use and dropout off.
    fn infer(&self, idx: usize, parameters: &Parameters, mut inputs: Vec<Values>) -> Values {
        let node = &self.graph.nodes()[idx];
        match &node.op {
            Op::Add => join::add(inputs),
            Op::Concat => join::concat(inputs),
            op => {
                let x = inputs.pop().expect("the op reads one result");
                self.infer_unary(idx, op, parameters, x)
            }
        }
    }

    fn infer_unary(&self, idx: usize, op: &Op, parameters: &Parameters, x: Values) -> Values {
        match op {
            Op::Linear { .. } => {
                linear::forward(x, parameters.weight(idx), parameters.find(idx, "bias"))
            }
            Op::Conv2d {
                stride,
                padding,
                groups,
                ..
            } => {
                let geometry = self.geometry(idx, *stride, *padding, *groups);
                let bias = parameters.find(idx, "bias");
                conv2d::forward(x, parameters.weight(idx), bias, &geometry)
            }
            Op::BatchNorm { eps, .. } => {
                let (scale, shift) = running(parameters, idx, *eps);
                batch_norm::forward_running(x, scale, shift)
            }
            Op::Relu => relu::forward(x),
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => pool::forward_max(x, &self.window(idx, *kernel, *stride, *padding)),
            Op::AvgPool {
                kernel,
                stride,
                padding,
            } => pool::forward_avg(x, &self.window(idx, *kernel, *stride, *padding)),
            Op::GlobalAvgPool => pool::forward_global(x),
            Op::Flatten => {
                let [rows, channels, places] = x.dims();
                x.reshape([rows, channels * places, 1])
            }
            Op::Dropout { .. } | Op::Output | Op::Input { .. } => x,
            Op::Add | Op::Concat => unreachable!("these read several results"),
        }
    }

    /// Computes a node in training.
    fn step(
        &self,
        idx: usize,
        parameters: &mut Parameters,
        mut inputs: Vec<Values>,
        dropout: &mut Stream,
    ) -> (Values, Kept) {
        let node = &self.graph.nodes()[idx];
        let kept = match &node.op {
            Op::BatchNorm { momentum, eps, .. } if !node.annotations.frozen => {
                let x = inputs.pop().expect("the op reads one result");
                let (weight, bias) = (parameters.get(idx, "weight"), parameters.get(idx, "bias"));
                let (result, normalised, batch) = batch_norm::forward(x, weight, bias, *eps);
                for (name, statistic) in [
                    ("running_mean", batch.mean),
                    ("running_var", batch.variance),
                ] {
                    let running = parameters.get(idx, name);
                    let moved = batch_norm::follow(running, statistic, *momentum);
                    parameters.replace(idx, name, moved);
                }
                return (result, Kept::Normalised(normalised));
            }
            Op::Dropout { p } => {
                let x = inputs.pop().expect("the op reads one result");
                let mask = dropout::mask(&x, *p, dropout);
                return (x * mask.clone(), Kept::Values(mask));
            }
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                let x = inputs.pop().expect("the op reads one result");
                let window = self.window(idx, *kernel, *stride, *padding);
                let (result, indices) = pool::forward_max_with_indices(x.clone(), &window);
                return (result, Kept::Maxima(x, indices));
            }
            Op::Linear { .. } | Op::Conv2d { .. } | Op::AvgPool { .. } => {
                Kept::Values(inputs[0].clone())
            }
            _ => Kept::Nothing,
        };
        let result = self.infer(idx, parameters, inputs);
        match node.op {
            Op::Relu => (result.clone(), Kept::Values(result)),
            _ => (result, kept),
        }
    }

    /// Returns the gradients by what a node read (none where nobody asks for them), and notes
    /// those by its tensors.
    fn step_back(
        &self,
        idx: usize,
        parameters: &Parameters,
        kept: Kept,
        grad: Values,
        gradients: &mut Gradients,
    ) -> Vec<Values> {
        let node = &self.graph.nodes()[idx];
        let asked = self.inputs[idx].iter().any(|input| self.learns[*input]);
        match (&node.op, kept) {
            (Op::Linear { .. }, Kept::Values(x)) => {
                parameters.note(gradients, idx, "bias", || {
                    linear::backward_bias(grad.clone())
                });
                parameters.note(gradients, idx, "weight", || {
                    linear::backward_weight(x, grad.clone())
                });
                given(asked, || linear::backward_x(parameters.weight(idx), grad))
            }
            (
                Op::Conv2d {
                    stride,
                    padding,
                    groups,
                    ..
                },
                Kept::Values(x),
            ) => {
                let geometry = self.geometry(idx, *stride, *padding, *groups);
                let weight = || parameters.weight(idx);
                parameters.note(gradients, idx, "bias", || {
                    linear::backward_bias(grad.clone())
                });
                parameters.note(gradients, idx, "weight", || {
                    conv2d::backward_weight(x, weight(), grad.clone(), &geometry)
                });
                given(asked, || conv2d::backward_x(weight(), grad, &geometry))
            }
            (Op::BatchNorm { .. }, Kept::Normalised(normalised)) => {
                let (by_weight, by_bias) = batch_norm::backward_affine(&normalised, grad.clone());
                parameters.note(gradients, idx, "weight", || by_weight.clone());
                parameters.note(gradients, idx, "bias", || by_bias.clone());
                let weight = || parameters.get(idx, "weight");
                given(asked, || {
                    batch_norm::backward_x(normalised, weight(), by_weight, by_bias, grad)
                })
            }
            (Op::BatchNorm { eps, .. }, _) => given(asked, || {
                let (scale, _) = running(parameters, idx, *eps);
                batch_norm::backward_running_x(scale, grad)
            }),
            (Op::Relu, Kept::Values(result)) => vec![relu::backward(result, grad)],
            (Op::Dropout { .. }, Kept::Values(mask)) => vec![grad * mask],
            (
                Op::MaxPool {
                    kernel,
                    stride,
                    padding,
                },
                Kept::Maxima(x, indices),
            ) => {
                let window = self.window(idx, *kernel, *stride, *padding);
                vec![pool::backward_max(x, indices, grad, &window)]
            }
            (
                Op::AvgPool {
                    kernel,
                    stride,
                    padding,
                },
                Kept::Values(x),
            ) => {
                vec![pool::backward_avg(
                    x,
                    grad,
                    &self.window(idx, *kernel, *stride, *padding),
                )]
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
                join::backward_concat(&grad, &channels)
            }
            _ => vec![grad],
        }
    }

    /// Places of the result that a node reads.
    fn places_in(&self, idx: usize) -> usize {
        self.graph.shape(self.inputs[idx][0])[1..].iter().product()
    }

    fn geometry(
        &self,
        idx: usize,
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) -> Geometry {
        Geometry {
            size_in: size(self.graph.shape(self.inputs[idx][0])),
            size_out: size(self.graph.shape(idx)),
            stride,
            padding,
            groups,
        }
    }

    fn window(
        &self,
        idx: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Window {
        Window {
            size_in: size(self.graph.shape(self.inputs[idx][0])),
            size_out: size(self.graph.shape(idx)),
            kernel,
            stride,
            padding,
        }
    }
}

/// Scale and shift of a batch normalisation whose running statistics are in use.
fn running(parameters: &Parameters, idx: usize, eps: f64) -> (Tensor<1>, Tensor<1>) {
    batch_norm::scale_and_shift(
        parameters.get(idx, "weight"),
        parameters.get(idx, "bias"),
        parameters.get(idx, "running_mean"),
        parameters.get(idx, "running_var"),
        eps,
    )
}

fn given(asked: bool, gradient: impl FnOnce() -> Values) -> Vec<Values> {
    match asked {
        true => vec![gradient()],
        false => Vec::new(),
    }
}

/// Height and width of `[channels, height, width]`.
fn size(shape: &[usize]) -> [usize; 2] {
    [shape[1], shape[2]]
}
