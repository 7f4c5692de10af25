//! What the nodes compute, for one row.
//!
//! Products and sums wrap: `build` has shown that none is larger than 54 bits.

use super::{IntegerNode, IntegerOp, Window};
use crate::grid::Grid;

/// A value of one row.
enum Value {
    /// As it was given.
    Given(Vec<f32>),
    /// In whole numbers.
    Whole(Vec<i64>),
}

/// Returns the outputs for one row, at the binary point of the last node.
pub(super) fn forward(nodes: &[IntegerNode], row: &[f32]) -> Vec<i64> {
    let mut values: Vec<Value> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let value = match (&node.op, &node.producers[..]) {
            (IntegerOp::Input, _) => Value::Given(row.to_vec()),
            (IntegerOp::Pass, [producer]) => match (&values[*producer], node.data_in) {
                (Value::Given(given), None) => Value::Given(given.clone()),
                _ => Value::Whole(taken(nodes, &values, node, 0)),
            },
            _ => {
                let inputs = 0..node.producers.len();
                let inputs: Vec<Vec<i64>> = inputs
                    .map(|input| taken(nodes, &values, node, input))
                    .collect();
                Value::Whole(compute(node, &inputs))
            }
        };
        values.push(value);
    }
    match values.pop() {
        Some(Value::Whole(output)) => output,
        _ => unreachable!("a network whose output is no fixed point is not built"),
    }
}

/// Returns an input of a node as it takes it.
fn taken(nodes: &[IntegerNode], values: &[Value], node: &IntegerNode, input: usize) -> Vec<i64> {
    let producer = node.producers[input];
    match (&values[producer], node.data_in) {
        (Value::Given(given), Some(grid)) => given.iter().map(|x| grid.store(*x)).collect(),
        (Value::Given(_), None) => unreachable!("`build` refuses float32 where it counts"),
        (Value::Whole(whole), Some(grid)) => {
            let frac_width = nodes[producer].frac_width.unwrap_or(0);
            store_all(whole, &grid, frac_width)
        }
        (Value::Whole(whole), None) => whole.clone(),
    }
}

fn store_all(whole: &[i64], grid: &Grid, frac_width: i32) -> Vec<i64> {
    let stored = whole.iter().map(|k| grid.store_fixed(*k, frac_width));
    stored.collect()
}

fn compute(node: &IntegerNode, inputs: &[Vec<i64>]) -> Vec<i64> {
    let x = &inputs[0];
    match &node.op {
        IntegerOp::Input | IntegerOp::Pass => x.clone(),
        IntegerOp::Relu => x.iter().map(|k| (*k).max(0)).collect(),
        IntegerOp::Linear { weight, bias } => {
            let weights = weight.chunks(x.len());
            let sums = weights.zip(bias).map(|(weight, bias)| {
                let products = weight.iter().zip(x).map(|(w, x)| w.wrapping_mul(*x));
                products.fold(*bias, i64::wrapping_add)
            });
            sums.collect()
        }
        IntegerOp::Conv2d {
            weight,
            bias,
            window,
            groups,
        } => conv2d(node, x, weight, bias, *window, *groups),
        IntegerOp::Affine { scale, shift } => {
            let planes = x.chunks(x.len() / scale.len());
            let planes = planes.zip(scale.iter().zip(shift));
            let values = planes.flat_map(|(plane, (scale, shift))| {
                let value = |x: &i64| x.wrapping_mul(*scale).wrapping_add(*shift);
                plane.iter().map(value)
            });
            values.collect()
        }
        IntegerOp::MaxPool(window) => pool(node, x, *window, i64::MIN, i64::max),
        IntegerOp::SumPool(window) => pool(node, x, *window, 0, i64::wrapping_add),
        IntegerOp::Add(factors) => {
            let mut sum = vec![0; x.len()];
            for (input, factor) in inputs.iter().zip(factors) {
                for (sum, x) in sum.iter_mut().zip(input) {
                    *sum = x.wrapping_mul(*factor).wrapping_add(*sum);
                }
            }
            sum
        }
        IntegerOp::Concat(factors) => {
            let inputs = inputs.iter().zip(factors);
            let values =
                inputs.flat_map(|(input, factor)| input.iter().map(|x| x.wrapping_mul(*factor)));
            values.collect()
        }
    }
}

fn conv2d(
    node: &IntegerNode,
    x: &[i64],
    weight: &[i64],
    bias: &[i64],
    window: Window,
    groups: usize,
) -> Vec<i64> {
    let planes = Planes::new(node, window);
    let n_in = node.in_shapes[0][0] / groups;
    let n_out = node.shape[0];
    let taps = window.kernel[0] * window.kernel[1];
    let mut result = Vec::with_capacity(n_out * planes.n_places());
    for out in 0..n_out {
        let first = out / (n_out / groups) * n_in;
        let mut sums = vec![bias[out]; planes.n_places()];
        for channel in 0..n_in {
            let plane = planes.plane(x, first + channel);
            let weights = &weight[(out * n_in + channel) * taps..][..taps];
            for (tap, weight) in weights
                .iter()
                .enumerate()
                .filter(|(_, weight)| **weight != 0)
            {
                planes.under(tap, plane, &mut sums, |sum, x| {
                    x.wrapping_mul(*weight).wrapping_add(sum)
                });
            }
        }
        result.extend(sums);
    }
    result
}

fn pool(
    node: &IntegerNode,
    x: &[i64],
    window: Window,
    first: i64,
    join: impl Fn(i64, i64) -> i64 + Copy,
) -> Vec<i64> {
    let planes = Planes::new(node, window);
    let taps = window.kernel[0] * window.kernel[1];
    let mut result = Vec::new();
    for channel in 0..node.in_shapes[0][0] {
        let mut values = vec![first; planes.n_places()];
        for tap in 0..taps {
            planes.under(tap, planes.plane(x, channel), &mut values, join);
        }
        result.extend(values);
    }
    result
}

/// Where a window lies on planes of height and width.
struct Planes {
    window: Window,
    size_in: [usize; 2],
    size_out: [usize; 2],
}

impl Planes {
    fn new(node: &IntegerNode, window: Window) -> Self {
        let size = |shape: &[usize]| match shape {
            [_, height, width] => [*height, *width],
            // A mean over all places has none.
            _ => [1, 1],
        };
        Self {
            window,
            size_in: size(&node.in_shapes[0]),
            size_out: size(&node.shape),
        }
    }

    fn n_places(&self) -> usize {
        self.size_out[0] * self.size_out[1]
    }

    fn plane<'a>(&self, x: &'a [i64], channel: usize) -> &'a [i64] {
        let size = self.size_in[0] * self.size_in[1];
        &x[channel * size..][..size]
    }

    /// Joins what lies under one tap of the window to the value of each place.
    fn under(&self, tap: usize, plane: &[i64], values: &mut [i64], join: impl Fn(i64, i64) -> i64) {
        let Window {
            kernel,
            stride,
            padding,
        } = self.window;
        let tap = [tap / kernel[1], tap % kernel[1]];
        let [rows, columns] = [0, 1].map(|dim| self.places(dim, tap[dim]));
        if columns.is_empty() {
            return;
        }
        let start = columns.start * stride[1] + tap[1] - padding[1];
        for row in rows {
            let y = row * stride[0] + tap[0] - padding[0];
            let line = &plane[y * self.size_in[1]..][..self.size_in[1]];
            let values = &mut values[row * self.size_out[1]..][columns.clone()];
            if stride[1] == 1 {
                for (value, x) in values.iter_mut().zip(&line[start..]) {
                    *value = join(*value, *x);
                }
            } else {
                for (value, x) in values
                    .iter_mut()
                    .zip(line[start..].iter().step_by(stride[1]))
                {
                    *value = join(*value, *x);
                }
            }
        }
    }

    /// Returns the places at which a tap lies inside the plane.
    fn places(&self, dim: usize, tap: usize) -> std::ops::Range<usize> {
        let (stride, padding) = (self.window.stride[dim], self.window.padding[dim]);
        let first = padding.saturating_sub(tap).div_ceil(stride);
        // place * stride + tap - padding < size
        let last = (self.size_in[dim] + padding)
            .saturating_sub(tap)
            .div_ceil(stride);
        first..last.min(self.size_out[dim])
    }
}
