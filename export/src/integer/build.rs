//! From a network to whole numbers: binary points, and how large numbers can become.

use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::weights::Weights;

use super::bounds::Bounds;
use super::{IntegerNode, IntegerOp, IntegerTensor};
use crate::error::ExportError;
use crate::grid::Grid;
use crate::kernels::Window;
use crate::operand::{Network, float32, format, refused};

const HINT: &str = "give fewer bits to the formats of the nodes before it";
const HINT_FORMAT: &str = "give it a fixed-point format: `integer`, or `ternary` or `binary` with \
                           `scale` \"one\" or \"power_of_two\"";

/// A value that nodes read: `None` where it is the network's input as it was given.
#[derive(Debug, Clone, Copy)]
struct Value {
    frac_width: i32,
    bounds: Bounds,
}

pub(super) fn build(graph: &Graph, weights: &Weights) -> Result<Vec<IntegerNode>, ExportError> {
    let network = Network::new(graph, weights)?;
    let mut nodes: Vec<IntegerNode> = Vec::new();
    let mut values: Vec<Option<Value>> = Vec::new();
    for (idx, node) in graph.nodes().iter().enumerate() {
        let producers: Vec<usize> = graph.producers(idx).collect();
        let data_in = activations(&network, node)?;
        let inputs: Vec<Option<Value>> = producers
            .iter()
            .map(|producer| stored(values[*producer], data_in))
            .collect();
        let shapes = graph.input_shapes(idx);
        let mut layer = Layer {
            network: &network,
            node,
            inputs: &inputs,
            shapes: &shapes,
            learned: Vec::new(),
        };
        let (op, value) = layer.build()?;
        let learned = layer.learned;
        if let Some(value) = value
            && !value.bounds.fits()
        {
            let bits = value.bounds.bits();
            let reason =
                format!("its result can need {bits} bits, more than the 54 with sign of a float64");
            return Err(refused(node, None, reason, Some(HINT)));
        }
        nodes.push(IntegerNode {
            name: node.name.clone(),
            data_in,
            learned,
            frac_width: value.map(|value| value.frac_width),
            producers,
            in_shapes: shapes.into_iter().map(<[usize]>::to_vec).collect(),
            shape: graph.shape(idx).to_vec(),
            bounds: value.map_or(Bounds::ZERO, |value| value.bounds),
            op,
        });
        values.push(value);
    }
    match (values.last(), graph.nodes().last()) {
        (Some(None), Some(output)) => Err(float32(output, "data_in")),
        _ => Ok(nodes),
    }
}

/// Returns the grid of a node's inputs, `None` where they are taken as they are.
fn activations(network: &Network<'_>, node: &Node) -> Result<Option<Grid>, ExportError> {
    let quantizer = network.quantizer(node, "data_in")?;
    let (Some(quantizer), Some(format)) = (quantizer, format(node, "data_in")) else {
        return Ok(None);
    };
    let grid = Grid::of_activations(format, &quantizer);
    grid.map(Some)
        .ok_or_else(|| no_fixed_point(node, "data_in"))
}

fn no_fixed_point(node: &Node, operand: &str) -> ExportError {
    let Some(format) = format(node, operand) else {
        return float32(node, operand);
    };
    let reason = format!("is {format}, which is no fixed point");
    refused(node, Some(operand), reason, Some(HINT_FORMAT))
}

/// Returns a value as a node takes it.
fn stored(value: Option<Value>, grid: Option<Grid>) -> Option<Value> {
    match grid {
        None => value,
        Some(grid) => Some(Value {
            frac_width: grid.frac_width,
            bounds: Bounds {
                least: grid.least().into(),
                most: grid.most().into(),
            },
        }),
    }
}

/// One node with what it takes.
struct Layer<'a> {
    network: &'a Network<'a>,
    node: &'a Node,
    inputs: &'a [Option<Value>],
    shapes: &'a [&'a [usize]],
    learned: Vec<IntegerTensor>,
}

impl Layer<'_> {
    fn build(&mut self) -> Result<(IntegerOp, Option<Value>), ExportError> {
        let (op, value) = match &self.node.op {
            Op::Input { .. } => return Ok((IntegerOp::Input, None)),
            Op::Flatten | Op::Dropout { .. } | Op::Output => {
                return Ok((IntegerOp::Pass, self.inputs[0]));
            }
            Op::Relu => {
                let Value { frac_width, bounds } = self.input(0)?;
                let bounds = Bounds {
                    least: bounds.least.max(0),
                    most: bounds.most.max(0),
                };
                (IntegerOp::Relu, Value { frac_width, bounds })
            }
            Op::Linear { .. } => {
                let (weight, bias, value) = self.sums_of_products(false)?;
                (IntegerOp::Linear { weight, bias }, value)
            }
            Op::Conv2d {
                kernel,
                stride,
                padding,
                groups,
                ..
            } => {
                let (weight, bias, value) = self.sums_of_products(*padding != [0, 0])?;
                let op = IntegerOp::Conv2d {
                    weight,
                    bias,
                    window: Window::new(kernel, stride, padding),
                    groups: *groups,
                };
                (op, value)
            }
            Op::BatchNorm { .. } => {
                let (scale, shift, value) = self.sums_of_products(false)?;
                (IntegerOp::Affine { scale, shift }, value)
            }
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                let value = self.input(0)?;
                (
                    IntegerOp::MaxPool(Window::new(kernel, stride, padding)),
                    value,
                )
            }
            Op::AvgPool {
                kernel,
                stride,
                padding,
            } => self.mean(Window::new(kernel, stride, padding))?,
            Op::GlobalAvgPool => {
                let places = [self.shapes[0][1], self.shapes[0][2]];
                self.mean(Window::whole(places))?
            }
            Op::Add => {
                let (factors, values) = self.aligned()?;
                let mut sum = Bounds::ZERO;
                for value in &values {
                    sum = self.must(sum.plus(value.bounds))?;
                }
                let frac_width = values[0].frac_width;
                let value = Value {
                    frac_width,
                    bounds: sum,
                };
                (IntegerOp::Add(factors), value)
            }
            Op::Concat => {
                let (factors, values) = self.aligned()?;
                let bounds = values.iter().map(|value| value.bounds);
                let bounds = bounds.reduce(Bounds::or).unwrap_or(Bounds::ZERO);
                let frac_width = values[0].frac_width;
                (IntegerOp::Concat(factors), Value { frac_width, bounds })
            }
        };
        Ok((op, Some(value)))
    }

    fn input(&self, idx: usize) -> Result<Value, ExportError> {
        self.inputs[idx].ok_or_else(|| float32(self.node, "data_in"))
    }

    /// Returns a number that did not overflow.
    fn must<T>(&self, number: Option<T>) -> Result<T, ExportError> {
        let reason = "its result can need more than 128 bits";
        number.ok_or_else(|| refused(self.node, None, reason, Some(HINT)))
    }

    /// Returns `2^by`.
    fn factor(&self, by: i32) -> Result<i64, ExportError> {
        let factor = u32::try_from(by).ok().filter(|by| *by < 63);
        let reason = format!("its inputs are {by} binary places apart, more than 62");
        let factor = factor.map(|by| 1_i64 << by);
        factor.ok_or_else(|| refused(self.node, None, reason, Some(HINT)))
    }

    /// Returns a learned tensor in whole numbers, and keeps it.
    fn whole(&mut self, operand: &'static str) -> Result<Option<(Vec<i64>, i32)>, ExportError> {
        let Some(tensor) = self.network.stored(self.node, operand)? else {
            return Ok(None);
        };
        let grid = match (
            format(self.node, operand),
            self.network.quantizer(self.node, operand)?,
        ) {
            (Some(format), Some(quantizer)) => Grid::of_learned(format, &quantizer, &tensor.data),
            _ => None,
        };
        let grid = grid.ok_or_else(|| no_fixed_point(self.node, operand))?;
        let data: Vec<i64> = tensor.data.iter().map(|x| grid.store(*x)).collect();
        self.learned.push(IntegerTensor {
            operand,
            grid,
            shape: tensor.shape,
            data: data.clone(),
        });
        Ok(Some((data, grid.frac_width)))
    }

    /// Returns weight and bias at the binary point of the result, for each output a run of weights.
    fn sums_of_products(
        &mut self,
        is_padded: bool,
    ) -> Result<(Vec<i64>, Vec<i64>, Value), ExportError> {
        let input = self.input(0)?;
        let weight = self.whole("weight")?;
        let (weight, weight_frac) = weight.ok_or_else(|| no_fixed_point(self.node, "weight"))?;
        let products_frac = input.frac_width + weight_frac;
        let bias = self.whole("bias")?;
        let frac_width = match &bias {
            Some((_, bias_frac)) => products_frac.max(*bias_frac),
            None => products_frac,
        };
        let n_outputs = match self.node.op {
            Op::Linear { out_features, .. } => out_features,
            Op::Conv2d { out_channels, .. } => out_channels,
            _ => weight.len(),
        };
        let weight = self.multiplied(&weight, self.factor(frac_width - products_frac)?)?;
        let bias = match bias {
            Some((bias, bias_frac)) => {
                self.multiplied(&bias, self.factor(frac_width - bias_frac)?)?
            }
            None => vec![0; n_outputs],
        };
        let x = match is_padded {
            true => input.bounds.or(Bounds::ZERO),
            false => input.bounds,
        };
        let mut bounds: Option<Bounds> = None;
        for (weights, bias) in weight.chunks(weight.len() / n_outputs).zip(&bias) {
            // Zero stands for what is not added yet: so sums fit on their way, in every order.
            let mut sum = Bounds::of(*bias).or(Bounds::ZERO);
            for weight in weights {
                let product = self.must(x.times(*weight))?.or(Bounds::ZERO);
                sum = self.must(sum.plus(product))?;
            }
            bounds = Some(bounds.map_or(sum, |bounds| bounds.or(sum)));
        }
        let bounds = bounds.unwrap_or(Bounds::ZERO);
        Ok((weight, bias, Value { frac_width, bounds }))
    }

    fn multiplied(&self, numbers: &[i64], factor: i64) -> Result<Vec<i64>, ExportError> {
        let products = numbers.iter().map(|k| k.checked_mul(factor));
        self.must(products.collect())
    }

    /// Returns the mean over a window: sums, read with the binary point further left.
    fn mean(&self, window: Window) -> Result<(IntegerOp, Value), ExportError> {
        let input = self.input(0)?;
        let n_values = window.size();
        if !n_values.is_power_of_two() {
            let [height, width] = window.kernel;
            let reason = format!(
                "it is a mean over {height}x{width} values, and {n_values} is no power of two"
            );
            let hint = "pool over a number of values that is a power of two, or take the maximum";
            return Err(refused(self.node, None, reason, Some(hint)));
        }
        let n_values = n_values as i64;
        let bounds = self.must(input.bounds.or(Bounds::ZERO).times(n_values))?;
        let value = Value {
            frac_width: input.frac_width + n_values.ilog2() as i32,
            bounds,
        };
        Ok((IntegerOp::SumPool(window), value))
    }

    /// Returns by what each input is multiplied to come to one binary point, and the inputs there.
    fn aligned(&self) -> Result<(Vec<i64>, Vec<Value>), ExportError> {
        let inputs = (0..self.inputs.len()).map(|idx| self.input(idx));
        let inputs: Vec<Value> = inputs.collect::<Result<_, _>>()?;
        let finest = inputs.iter().map(|value| value.frac_width).max();
        let frac_width = finest.unwrap_or(0);
        let mut factors = Vec::new();
        let mut values = Vec::new();
        for value in inputs {
            let factor = self.factor(frac_width - value.frac_width)?;
            factors.push(factor);
            values.push(Value {
                frac_width,
                bounds: self.must(value.bounds.times(factor))?,
            });
        }
        Ok((factors, values))
    }
}
