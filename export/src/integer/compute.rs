//! What the nodes compute, for one row.

use super::{IntegerNode, IntegerOp};
use crate::kernels::{self, Picture};

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
            let stored = whole.iter().map(|k| grid.store_fixed(*k, frac_width));
            stored.collect()
        }
        (Value::Whole(whole), None) => whole.clone(),
    }
}

fn compute(node: &IntegerNode, inputs: &[Vec<i64>]) -> Vec<i64> {
    let x = &inputs[0];
    match &node.op {
        IntegerOp::Input | IntegerOp::Pass => x.clone(),
        IntegerOp::Relu => x.iter().map(|k| (*k).max(0)).collect(),
        IntegerOp::Linear { weight, bias } => kernels::linear(x, weight, bias),
        IntegerOp::Conv2d {
            weight,
            bias,
            window,
            groups,
        } => kernels::conv2d(picture(node, x), weight, bias, *window, *groups),
        IntegerOp::Affine { scale, shift } => kernels::affine(x, scale, shift),
        IntegerOp::MaxPool(window) => kernels::max_pool(picture(node, x), *window),
        IntegerOp::SumPool(window) => kernels::sum_pool(picture(node, x), *window),
        IntegerOp::Add(factors) => {
            let mut sum = vec![0; x.len()];
            for (input, factor) in inputs.iter().zip(factors) {
                for (sum, x) in sum.iter_mut().zip(input) {
                    *sum += x * factor;
                }
            }
            sum
        }
        IntegerOp::Concat(factors) => {
            let inputs = inputs.iter().zip(factors);
            let values = inputs.flat_map(|(input, factor)| input.iter().map(|x| x * *factor));
            values.collect()
        }
    }
}

fn picture<'a>(node: &IntegerNode, data: &'a [i64]) -> Picture<'a, i64> {
    let shape = node.in_shapes[0].as_slice().try_into();
    let shape = shape.expect("shape inference has found channels, height and width");
    Picture { data, shape }
}
