//! A graph as a network that computes and learns, for one candidate or for a stack of them.
//!
//! The backward pass is written out op by op, so that no tape is kept: on small networks burn's
//! autodiff costs more than the arithmetic.

mod formats;
mod nodes;

use std::collections::BTreeMap;
use std::sync::Arc;

use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::random::Stream;

use crate::ops::Values;
use crate::ops::batch_norm::{Affine, Normalised};
use crate::ops::pool::Maxima;
use crate::ops::product::Products;
use crate::ops::quantize::FixedPoints;
use crate::ops::window::Window;
use crate::parameters::{Gradients, Parameters};
use crate::stack::layout::Layout;
pub(crate) use formats::Stored;
use formats::{Operands, fixed_points, stored_already};

/// A graph, prepared for being run.
#[derive(Debug)]
pub(crate) struct Network<'a> {
    graph: &'a Graph,
    /// How candidates lie in the graph, where there are several.
    layout: Option<&'a Layout>,
    /// How many there are.
    candidates: usize,
    /// For each node, the positions of what it reads.
    inputs: Vec<Vec<usize>>,
    /// For each node, the position of the last one that reads it.
    last_reader: Vec<usize>,
    /// For each node, whether a trained tensor lies in it or before it.
    learns: Vec<bool>,
    /// For each node, whether the step is trained with which it stores what it reads.
    learns_read_step: Vec<bool>,
    /// For each node and each of its inputs, whether that is stored already as the node reads it.
    is_stored: Vec<Vec<bool>>,
    /// The windows of convolutions and pools.
    windows: Vec<Option<Window>>,
    /// How its device multiplies matrices.
    products: Products,
    /// By node and operand, the formats that differ from candidate to candidate.
    fixed_points: BTreeMap<(usize, &'a str), Arc<FixedPoints>>,
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
pub(crate) struct Tape {
    nodes: Vec<Taped>,
    /// The tensors that nodes computed with.
    stored: Stored,
}

/// What is kept of a node.
#[derive(Debug)]
struct Taped {
    kept: Kept,
    /// What it read, before it was stored, where that matters.
    read: Vec<Values>,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most nodes of a tape keep values, and nodes are few"
)]
enum Kept {
    Nothing,
    Values(Values),
    Normalised(Normalised, Option<Affine>),
    Maxima(Maxima),
}

impl Taped {
    const NOTHING: Self = Self {
        kept: Kept::Nothing,
        read: Vec::new(),
    };
}

impl<'a> Network<'a> {
    /// Prepares a graph whose tensors are at hand.
    pub(crate) fn new(graph: &'a Graph, parameters: &Parameters) -> Self {
        Self::prepared(graph, None, parameters)
    }

    /// Prepares the network of a stack: what it reads and makes is `[rows, candidates * channels,
    /// places]`.
    pub(crate) fn stacked(layout: &'a Layout, parameters: &Parameters) -> Self {
        Self::prepared(layout.graph(), Some(layout), parameters)
    }

    fn prepared(graph: &'a Graph, layout: Option<&'a Layout>, parameters: &Parameters) -> Self {
        let candidates = layout.map_or(1, Layout::n_candidates);
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
        let window = |idx: usize| {
            Window::of(
                &nodes[idx].op,
                graph.shape(*inputs[idx].first()?),
                graph.shape(idx),
                candidates,
            )
        };
        let windows = (0..nodes.len()).map(window).collect();
        let mut is_stored = stored_already(graph, &inputs);
        let mut fixed_points = BTreeMap::new();
        if let Some(layout) = layout {
            fixed_points = self::fixed_points(layout, &parameters.trained.device());
            for candidate in 1..candidates {
                let of_candidate = stored_already(layout.graph_of(candidate), &inputs);
                let both = is_stored.iter_mut().zip(of_candidate);
                for (all, of_candidate) in both.flat_map(|(all, one)| all.iter_mut().zip(one)) {
                    *all &= of_candidate;
                }
            }
        }
        let learns_step = |idx| parameters.trains_tensor(idx, "data_in_step");
        Self {
            graph,
            layout,
            candidates,
            last_reader,
            learns,
            learns_read_step: (0..nodes.len()).map(learns_step).collect(),
            is_stored,
            fixed_points,
            products: Products::where_is(&parameters.trained),
            inputs,
            windows,
        }
    }

    /// Prepares a graph such that the gradient by its input can be asked for, whatever is trained.
    pub(crate) fn with_input(graph: &'a Graph, parameters: &Parameters) -> Self {
        let network = Self::new(graph, parameters);
        Self {
            learns: vec![true; network.learns.len()],
            ..network
        }
    }

    /// Returns the output, running statistics in use and dropout off: `[rows, candidates * classes,
    /// 1]`.
    ///
    /// Tensors are used as they are in [`Network::stored`], which any number of calls share.
    pub(crate) fn predict(&self, parameters: &Parameters, stored: &Stored, x: Values) -> Values {
        let operands = Operands { parameters, stored };
        self.run(x, |idx, inputs| {
            let inputs = self.store_read(idx, parameters, inputs);
            self.infer(idx, operands, inputs)
        })
    }

    /// Returns the output in training, and what the backward pass needs; running statistics move.
    ///
    /// Each candidate has a stream of its own.
    pub(crate) fn forward(
        &self,
        parameters: &mut Parameters,
        x: Values,
        dropout: &mut [Stream],
    ) -> (Values, Tape) {
        let stored = self.stored_in_training(parameters);
        // The input node, which is not run, keeps nothing.
        let mut nodes = vec![Taped::NOTHING];
        let output = self.run(x, |idx, inputs| {
            let read = self.keep_read(idx, &inputs);
            let inputs = self.store_read(idx, parameters, inputs);
            let (result, kept) = self.step(idx, parameters, &stored, inputs, dropout);
            nodes.push(match self.learns[idx] {
                true => Taped { kept, read },
                false => Taped::NOTHING,
            });
            result
        });
        (output, Tape { nodes, stored })
    }

    /// Returns the gradients by all that is trained, given the gradient by the output.
    pub(crate) fn backward(
        &self,
        parameters: &Parameters,
        tape: Tape,
        output_grad: Values,
    ) -> Gradients {
        let mut gradients = parameters.gradients();
        self.pass_back(parameters, tape, output_grad, &mut gradients);
        gradients
    }

    /// Returns the gradient by the input, given the gradient by the output, of a network that was
    /// prepared for it.
    pub(crate) fn backward_to_input(
        &self,
        parameters: &Parameters,
        tape: Tape,
        output_grad: Values,
    ) -> Option<Values> {
        self.pass_back(parameters, tape, output_grad, &mut Gradients::unasked())
    }

    /// Notes the gradients that are asked for; returns that by the input, if anything needs it.
    fn pass_back(
        &self,
        parameters: &Parameters,
        tape: Tape,
        output_grad: Values,
        gradients: &mut Gradients,
    ) -> Option<Values> {
        let mut grads: Vec<Option<Values>> = vec![None; self.inputs.len()];
        grads[self.inputs.len() - 1] = Some(output_grad);
        let operands = Operands {
            parameters,
            stored: &tape.stored,
        };
        for (idx, taped) in tape.nodes.into_iter().enumerate().skip(1).rev() {
            // Before this node nothing learns, so nobody asks for the gradient by its result.
            let (true, Some(grad)) = (self.learns[idx], grads[idx].take()) else {
                continue;
            };
            let by_inputs = self.step_back(idx, operands, taped.kept, grad, gradients);
            let by_inputs = self.pass_read(idx, parameters, taped.read, by_inputs, gradients);
            for (input, by_input) in self.inputs[idx].iter().zip(by_inputs) {
                grads[*input] = Some(match grads[*input].take() {
                    Some(sum) => sum + by_input,
                    None => by_input,
                });
            }
        }
        grads[0].take()
    }

    /// Returns what the relus made, in the order of the graph, of a network that was prepared for
    /// the gradient by its input.
    pub(crate) fn relus(&self, tape: &Tape) -> Vec<Values> {
        let nodes = self.graph.nodes().iter().zip(&tape.nodes);
        let relus = nodes.filter_map(|(node, taped)| match (&node.op, &taped.kept) {
            (Op::Relu, Kept::Values(result)) => Some(result.clone()),
            _ => None,
        });
        relus.collect()
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
}

#[cfg(test)]
mod tests;
