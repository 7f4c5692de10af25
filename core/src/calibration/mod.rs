//! Formats that are chosen from the numbers of a trained network.
//!
//! A fixed-point format whose `frac_width` is absent, and the first step of one that is learned, are
//! chosen from the weights and from what the network computes in float32 on some rows. A step that is
//! exactly 1, as first weights have it, was not chosen yet.

use crate::dataset::FeatureRows;
use crate::engine::{Engine, EngineError, Placement};
use crate::formats::{
    FixedPoint, LearnedStep, RangeMethod, frac_width, learned, learns_step, step_of,
};
use crate::graph::{Graph, Node, NumberFormat, Op};
use crate::weights::{FIRST_STEP, Tensor, Weights};

/// Where and from what formats are chosen.
#[derive(Clone, Copy)]
pub struct Calibration<'a> {
    /// What computes the network, which it supports without formats.
    pub engine: &'a dyn Engine,
    /// Where it does.
    pub placement: &'a Placement,
    /// The rows that activations are taken from.
    pub rows: FeatureRows<'a>,
    /// How a range is chosen.
    pub method: RangeMethod,
    /// Whether steps that are learned will be: they start as their paper says then, else they are
    /// chosen as those of fixed point.
    pub learns_steps: bool,
}

impl Calibration<'_> {
    /// Returns the network with all formats chosen, and the weights with the first steps of formats
    /// that learn them. What is chosen already stays.
    ///
    /// Activations are those of the network in float32, so that the choice for one node does not
    /// depend on that for another. A batch normalisation's scale and shift are those under its
    /// running statistics.
    ///
    /// # Errors
    /// [`EngineError`] if the engine can't compute the network in float32 or the weights do not fit
    /// it.
    pub fn choose(
        &self,
        graph: &Graph,
        weights: &Weights,
    ) -> Result<(Graph, Weights), EngineError> {
        let float = in_float(graph);
        let mut weights = weights.clone();
        let float_weights = weights.for_graph(&float);
        let mut nodes = graph.nodes().to_vec();
        for (idx, node) in nodes.iter_mut().enumerate() {
            let float_node = &float.nodes()[idx];
            let name = node.name.clone();
            for (operand, format) in &mut node.annotations.formats {
                if !is_open(format) || has_step(&weights, &name, operand) {
                    continue;
                }
                let numbers = match operand.as_str() {
                    "data_in" => self.activations(&float, idx, &float_weights)?,
                    _ => {
                        let tensor = learned(float_node, operand, &weights);
                        let missing = || format!("tensor `{name}.{operand}` is missing");
                        tensor.ok_or_else(|| EngineError::Weights(missing()))?.data
                    }
                };
                if format.name == FixedPoint::NAME {
                    let chosen = frac_width(&numbers, format.width, format.signed, self.method);
                    format.frac_width = Some(chosen);
                } else if let Some(step) = step_of(operand) {
                    let first = match self.learns_steps {
                        true => LearnedStep::new(format.width, format.signed, 1.0)
                            .map_err(|error| EngineError::Other(error.to_string()))?
                            .first_step(&numbers),
                        false => {
                            let (width, signed) = (format.width, format.signed);
                            let chosen = frac_width(&numbers, width, signed, self.method);
                            (-f64::from(chosen)).exp2() as f32
                        }
                    };
                    let tensor = Tensor {
                        shape: vec![1],
                        data: vec![first],
                    };
                    weights.0.insert(format!("{name}.{step}"), tensor);
                }
            }
        }
        let graph = Graph::new(nodes).map_err(|error| EngineError::Other(error.to_string()))?;
        Ok((graph, weights))
    }

    /// Returns what a node reads, of all rows and all its inputs.
    fn activations(
        &self,
        graph: &Graph,
        idx: usize,
        weights: &Weights,
    ) -> Result<Vec<f32>, EngineError> {
        let mut numbers = Vec::new();
        for producer in graph.producers(idx) {
            if producer == 0 {
                numbers.extend_from_slice(&self.rows.to_numbers(graph.input_shape()));
                continue;
            }
            let part = part(graph, producer)?;
            let weights = weights.for_graph(&part);
            let results = self
                .engine
                .predict(&part, &weights, self.rows, self.placement)?;
            numbers.extend(results);
        }
        Ok(numbers)
    }
}

/// Returns whether the learned step of an operand was chosen before.
fn has_step(weights: &Weights, node: &str, operand: &str) -> bool {
    let step = step_of(operand).and_then(|step| weights.get(&format!("{node}.{step}")));
    step.is_some_and(|step| step.data != [FIRST_STEP])
}

/// Returns whether a format may be still to be chosen in part: of a learned step the weights say it.
pub fn is_open(format: &NumberFormat) -> bool {
    learns_step(format) || format.name == FixedPoint::NAME && format.frac_width.is_none()
}

/// Returns whether a network has formats that may be still to be chosen in part, see [`is_open`].
pub fn has_open(graph: &Graph) -> bool {
    let mut nodes = graph.nodes().iter();
    nodes.any(|node| node.annotations.formats.values().any(is_open))
}

/// Returns the network without number formats.
pub fn in_float(graph: &Graph) -> Graph {
    changed(graph, |node| node.annotations.formats.clear())
}

/// Returns the network as if every open fraction width were chosen, to ask an engine whether it
/// supports it: half of the bits, as MASE sets them.
pub fn provisional(graph: &Graph) -> Graph {
    changed(graph, |node| {
        for format in node.annotations.formats.values_mut() {
            if format.name == FixedPoint::NAME && format.frac_width.is_none() {
                format.frac_width = Some(format.width as i32 / 2);
            }
        }
    })
}

fn changed(graph: &Graph, change: impl FnMut(&mut Node)) -> Graph {
    let mut nodes = graph.nodes().to_vec();
    nodes.iter_mut().for_each(change);
    Graph::new(nodes).expect("formats do not change shapes")
}

/// Returns a name that no node has.
fn unused(nodes: &[Node], name: &str) -> String {
    let mut name = name.to_owned();
    while nodes.iter().any(|node| node.name == name) {
        name.push('_');
    }
    name
}

/// Returns the part of a network that makes the result of a node, flat, as a network.
fn part(graph: &Graph, last: usize) -> Result<Graph, EngineError> {
    let mut needed = vec![false; last + 1];
    needed[0] = true;
    needed[last] = true;
    for idx in (1..=last).rev() {
        if needed[idx] {
            graph
                .producers(idx)
                .for_each(|producer| needed[producer] = true);
        }
    }
    let all = graph.nodes().iter().zip(&needed);
    let mut nodes: Vec<Node> = all
        .filter(|(_, needed)| **needed)
        .map(|(node, _)| node.clone())
        .collect();
    let mut name = graph.nodes()[last].name.clone();
    if graph.shape(last).len() > 1 {
        let flat = unused(&nodes, "flat");
        nodes.push(Node::new(&flat, Op::Flatten, &[&name]));
        name = flat;
    }
    let output = unused(&nodes, "output");
    nodes.push(Node::new(output, Op::Output, &[&name]));
    Graph::new(nodes).map_err(|error| EngineError::Other(error.to_string()))
}

#[cfg(test)]
mod tests;
