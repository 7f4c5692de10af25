//! What a network computes with its number formats, in float64.
//!
//! Sums are those of float64, and what a format stores is what it makes of the float32 that is
//! nearest to them.

use firebrick_core::formats::{Layout, Quantizer};
use firebrick_core::graph::Op;

use crate::error::ExportError;
use crate::kernels::{self, Picture, Window};
use crate::operand::Network;

/// A network with everything that it has learned, as it is stored.
pub(crate) struct Reference<'a> {
    network: &'a Network<'a>,
    nodes: Vec<Node>,
}

struct Node {
    data_in: Option<Quantizer>,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl<'a> Reference<'a> {
    pub(crate) fn of(network: &'a Network<'a>) -> Result<Self, ExportError> {
        let mut nodes = Vec::new();
        for node in network.graph.nodes() {
            let numbers = |operand: &str| -> Result<Vec<f64>, ExportError> {
                let tensor = network.stored(node, operand)?;
                let data = tensor.map(|tensor| tensor.data).unwrap_or_default();
                Ok(data.into_iter().map(f64::from).collect())
            };
            let mut bias = numbers("bias")?;
            if let Op::Linear { out_features, .. } = node.op {
                bias.resize(out_features, 0.0);
            }
            if let Op::Conv2d { out_channels, .. } = node.op {
                bias.resize(out_channels, 0.0);
            }
            nodes.push(Node {
                data_in: network.quantizer(node, "data_in")?,
                weight: numbers("weight")?,
                bias,
            });
        }
        Ok(Self { network, nodes })
    }

    /// Returns the outputs for one row.
    pub(crate) fn forward(&self, row: &[f32]) -> Vec<f64> {
        let graph = self.network.graph;
        let mut values: Vec<Vec<f64>> = Vec::new();
        for (idx, node) in self.nodes.iter().enumerate() {
            let producers = graph.producers(idx).zip(graph.input_shapes(idx));
            let inputs = producers.map(|(producer, shape)| node.taken(&values[producer], shape));
            let inputs: Vec<Vec<f64>> = inputs.collect();
            let value = match inputs.first() {
                None => row.iter().map(|x| f64::from(*x)).collect(),
                Some(x) => self.compute(idx, x, &inputs),
            };
            values.push(value);
        }
        values.pop().unwrap_or_default()
    }

    fn compute(&self, idx: usize, x: &[f64], inputs: &[Vec<f64>]) -> Vec<f64> {
        let graph = self.network.graph;
        let Node { weight, bias, .. } = &self.nodes[idx];
        let shape = graph.input_shapes(idx)[0];
        let picture = || Picture {
            data: x,
            shape: [shape[0], shape[1], shape[2]],
        };
        match &graph.nodes()[idx].op {
            Op::Linear { .. } => kernels::linear(x, weight, bias),
            Op::Conv2d {
                kernel,
                stride,
                padding,
                groups,
                ..
            } => {
                let window = Window::new(kernel, stride, padding);
                kernels::conv2d(picture(), weight, bias, window, *groups)
            }
            Op::BatchNorm { .. } => kernels::affine(x, weight, bias),
            Op::Relu => x.iter().map(|x| x.max(0.0)).collect(),
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => kernels::max_pool(picture(), Window::new(kernel, stride, padding)),
            Op::AvgPool {
                kernel,
                stride,
                padding,
            } => mean(picture(), Window::new(kernel, stride, padding)),
            Op::GlobalAvgPool => mean(picture(), Window::whole([shape[1], shape[2]])),
            Op::Add => {
                let mut sum = x.to_vec();
                for input in &inputs[1..] {
                    sum.iter_mut().zip(input).for_each(|(sum, x)| *sum += x);
                }
                sum
            }
            Op::Concat => inputs.concat(),
            Op::Input { .. } | Op::Flatten | Op::Dropout { .. } | Op::Output => x.to_vec(),
        }
    }
}

impl Node {
    /// Returns an input as the node takes it.
    fn taken(&self, x: &[f64], shape: &[usize]) -> Vec<f64> {
        let Some(quantizer) = self.data_in else {
            return x.to_vec();
        };
        let float: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let mut stored = vec![0.0; float.len()];
        quantizer.quantize(&float, Layout::of_rows(1, shape), &mut stored);
        stored.into_iter().map(f64::from).collect()
    }
}

fn mean(x: Picture<'_, f64>, window: Window) -> Vec<f64> {
    let sums = kernels::sum_pool(x, window).into_iter();
    sums.map(|sum| sum / window.size() as f64).collect()
}
