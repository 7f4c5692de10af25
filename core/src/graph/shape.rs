//! Shape inference: the one place that says what is well-formed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Node, Op};
use crate::weights::tensors;

/// Sizes without the batch: `[features]` or `[channels, height, width]`.
pub type Shape = Vec<usize>;

/// Why a graph is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum GraphError {
    /// The first node is not an input, or the last is not an output, or there are several.
    #[error("{0}")]
    Ends(String),
    /// Two nodes have one name, or a name is not a word.
    #[error("node `{node}`: {reason}")]
    Name {
        /// The name.
        node: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A node reads a result that no earlier node makes.
    #[error("node `{node}` reads `{input}`, which no earlier node makes")]
    UnknownInput {
        /// The reader.
        node: String,
        /// The name that it reads.
        input: String,
    },
    /// Nothing reads a node's result.
    #[error("node `{node}` is read by no other node")]
    Unread {
        /// The node.
        node: String,
    },
    /// A node reads too few or too many results.
    #[error("node `{node}` ({op}) reads {found} results, expected {expected}")]
    Arity {
        /// The reader.
        node: String,
        /// Its type.
        op: String,
        /// How many it reads.
        found: usize,
        /// How many it should read.
        expected: String,
    },
    /// A node can't read the shape that its producer makes.
    #[error("node `{node}` ({op}) expects {expected}, but `{producer}` makes {found:?}")]
    Shape {
        /// The reader.
        node: String,
        /// Its type.
        op: String,
        /// What it can read.
        expected: String,
        /// The node that makes the result.
        producer: String,
        /// The shape of that result.
        found: Shape,
    },
    /// An attribute of a node has a value that makes no sense.
    #[error("node `{node}` ({op}): {reason}")]
    Attribute {
        /// The node.
        node: String,
        /// Its type.
        op: String,
        /// What is wrong.
        reason: String,
    },
}

/// The most elements that one result or tensor may have; no product of sizes below it overflows 64
/// bits, and a number of each fits memory.
const ELEMENTS_MAX: usize = 1 << 30;

/// Returns the shape of every node's result.
pub(super) fn infer(nodes: &[Node]) -> Result<Vec<Shape>, GraphError> {
    check_ends(nodes)?;
    let mut shapes: Vec<Shape> = Vec::with_capacity(nodes.len());
    let mut indices: BTreeMap<&str, usize> = BTreeMap::new();
    let mut read = vec![false; nodes.len()];
    for (idx, node) in nodes.iter().enumerate() {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let producer =
                *indices
                    .get(input.as_str())
                    .ok_or_else(|| GraphError::UnknownInput {
                        node: node.name.clone(),
                        input: input.clone(),
                    })?;
            read[producer] = true;
            inputs.push((input.as_str(), shapes[producer].as_slice()));
        }
        shapes.push(infer_node(node, &inputs)?);
        check_name(&node.name)?;
        if indices.insert(&node.name, idx).is_some() {
            let reason = "two nodes have this name".to_owned();
            return Err(GraphError::Name {
                node: node.name.clone(),
                reason,
            });
        }
    }
    match read.iter().take(nodes.len() - 1).position(|read| !read) {
        Some(idx) => Err(GraphError::Unread {
            node: nodes[idx].name.clone(),
        }),
        None => Ok(shapes),
    }
}

/// Returns the shape of one node's result, given the producers of its inputs and their shapes.
pub(super) fn infer_node(node: &Node, inputs: &[(&str, &[usize])]) -> Result<Shape, GraphError> {
    let shape = result_shape(node, inputs)?;
    check_size(node, "result", &shape)?;
    for (name, shape) in tensors(node) {
        check_size(node, name, &shape)?;
    }
    Ok(shape)
}

fn result_shape(node: &Node, inputs: &[(&str, &[usize])]) -> Result<Shape, GraphError> {
    let reader = Reader { node, inputs };
    reader.check_arity()?;
    reader.check_annotations()?;
    match &node.op {
        Op::Input { shape } => {
            let fits = matches!(shape.len(), 1 | 3) && shape.iter().all(|size| *size > 0);
            let reason = "shape must be [features] or [channels, height, width], none of them 0";
            reader.require(fits, reason)?;
            Ok(shape.clone())
        }
        Op::Linear {
            in_features,
            out_features,
            ..
        } => {
            reader.require(*out_features > 0, "out must be at least 1")?;
            match reader.input(0) {
                [features] if features == in_features => Ok(vec![*out_features]),
                _ => Err(reader.mismatch(0, format!("[{in_features}]"))),
            }
        }
        Op::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            groups,
            ..
        } => {
            reader.require(*out_channels > 0, "out must be at least 1")?;
            let divides = *groups > 0
                && in_channels.is_multiple_of(*groups)
                && out_channels.is_multiple_of(*groups);
            let reason = format!(
                "{in_channels} input and {out_channels} output channels do not divide into {groups} groups"
            );
            reader.require(divides, &reason)?;
            match reader.input(0) {
                [channels, ..] if channels != in_channels => {
                    Err(reader.mismatch(0, format!("[{in_channels}, height, width]")))
                }
                _ => reader.window(*out_channels, kernel, stride, padding),
            }
        }
        Op::BatchNorm {
            features,
            momentum,
            eps,
        } => {
            reader.require(
                (0.0..=1.0).contains(momentum) && *eps > 0.0 && eps.is_finite(),
                "momentum must be in 0..=1 and eps above 0",
            )?;
            match reader.input(0) {
                [first, ..] if first == features => Ok(reader.input(0).to_vec()),
                [_] => Err(reader.mismatch(0, format!("[{features}]"))),
                _ => Err(reader.mismatch(0, format!("[{features}, height, width]"))),
            }
        }
        Op::Dropout { p } => {
            reader.require((0.0..1.0).contains(p), "p must be at least 0 and below 1")?;
            Ok(reader.input(0).to_vec())
        }
        Op::Relu | Op::Output => Ok(reader.input(0).to_vec()),
        Op::MaxPool {
            kernel,
            stride,
            padding,
        }
        | Op::AvgPool {
            kernel,
            stride,
            padding,
        } => {
            let reason = "padding must be at most half the kernel";
            reader.require((0..2).all(|dim| padding[dim] <= kernel[dim] / 2), reason)?;
            reader.window(reader.input(0)[0], kernel, stride, padding)
        }
        Op::GlobalAvgPool => match reader.input(0) {
            [channels, _, _] => Ok(vec![*channels]),
            _ => Err(reader.mismatch(0, "[channels, height, width]".to_owned())),
        },
        Op::Flatten => Ok(vec![reader.input(0).iter().product()]),
        Op::Add => {
            for idx in 1..inputs.len() {
                if reader.input(idx) != reader.input(0) {
                    let expected = format!("{:?} as `{}` makes", reader.input(0), inputs[0].0);
                    return Err(reader.mismatch(idx, expected));
                }
            }
            Ok(reader.input(0).to_vec())
        }
        Op::Concat => {
            let mut shape = reader.input(0).to_vec();
            for idx in 1..inputs.len() {
                let other = reader.input(idx);
                if other.len() != shape.len() || other[1..] != shape[1..] {
                    let expected = format!(
                        "{:?} but for the first size, as `{}` makes",
                        shape, inputs[0].0
                    );
                    return Err(reader.mismatch(idx, expected));
                }
                shape[0] += other[0];
            }
            Ok(shape)
        }
    }
}

/// A node with the shapes that it reads.
struct Reader<'a> {
    node: &'a Node,
    inputs: &'a [(&'a str, &'a [usize])],
}

impl<'a> Reader<'a> {
    fn input(&self, idx: usize) -> &'a [usize] {
        self.inputs[idx].1
    }

    fn check_arity(&self) -> Result<(), GraphError> {
        let found = self.inputs.len();
        let (fits, expected) = match self.node.op {
            Op::Input { .. } => (found == 0, "none"),
            Op::Add | Op::Concat => (found >= 2, "two or more"),
            _ => (found == 1, "one"),
        };
        if fits {
            return Ok(());
        }
        let (node, op) = (self.node.name.clone(), self.node.op.name().to_owned());
        Err(GraphError::Arity {
            node,
            op,
            found,
            expected: expected.to_owned(),
        })
    }

    fn check_annotations(&self) -> Result<(), GraphError> {
        let annotations = &self.node.annotations;
        for (operand, format) in &annotations.formats {
            let named = is_word(operand) && is_word(&format.name);
            self.require(named, "the names of operands and formats must be words")?;
            let fits = (1..=32).contains(&format.width);
            self.require(
                fits,
                &format!("{operand} has {} bits, expected 1 to 32", format.width),
            )?;
        }
        let sparsity = annotations.sparsity.unwrap_or(0.0);
        self.require((0.0..=1.0).contains(&sparsity), "sparsity must be in 0..=1")
    }

    fn require(&self, fits: bool, reason: &str) -> Result<(), GraphError> {
        if fits {
            return Ok(());
        }
        let (node, op) = (self.node.name.clone(), self.node.op.name().to_owned());
        Err(GraphError::Attribute {
            node,
            op,
            reason: reason.to_owned(),
        })
    }

    fn mismatch(&self, idx: usize, expected: String) -> GraphError {
        GraphError::Shape {
            node: self.node.name.clone(),
            op: self.node.op.name().to_owned(),
            expected,
            producer: self.inputs[idx].0.to_owned(),
            found: self.input(idx).to_vec(),
        }
    }

    /// Returns the shape after a window slid over height and width.
    fn window(
        &self,
        channels: usize,
        kernel: &[usize; 2],
        stride: &[usize; 2],
        padding: &[usize; 2],
    ) -> Result<Shape, GraphError> {
        let [_, height, width] = *self.input(0) else {
            return Err(self.mismatch(0, "[channels, height, width]".to_owned()));
        };
        let positive = kernel.iter().chain(stride).all(|size| *size > 0);
        self.require(positive, "kernel and stride must be at least 1")?;
        let small = kernel.iter().chain(padding).all(|size| *size <= 1 << 15);
        self.require(small, "kernel and padding must be at most 32768")?;
        let mut shape = vec![channels];
        for (dim, size) in [height, width].into_iter().enumerate() {
            let padded = size + 2 * padding[dim];
            if padded < kernel[dim] {
                let expected = format!("at least {} of {}", kernel[dim], ["height", "width"][dim]);
                return Err(self.mismatch(0, expected));
            }
            shape.push((padded - kernel[dim]) / stride[dim] + 1);
        }
        Ok(shape)
    }
}

fn check_ends(nodes: &[Node]) -> Result<(), GraphError> {
    let error = |reason: &str| Err(GraphError::Ends(reason.to_owned()));
    if !matches!(
        nodes.first(),
        Some(Node {
            op: Op::Input { .. },
            ..
        })
    ) {
        return error("the first node must be the input");
    }
    if nodes
        .iter()
        .filter(|node| matches!(node.op, Op::Input { .. }))
        .count()
        > 1
    {
        return error("a graph has one input, this has several");
    }
    if !matches!(nodes.last(), Some(Node { op: Op::Output, .. })) {
        return error("the last node must be the output");
    }
    if nodes.iter().filter(|node| node.op == Op::Output).count() > 1 {
        return error("a graph has one output, this has several");
    }
    Ok(())
}

/// Refuses a result or tensor so large that a product of sizes could overflow, or memory end.
fn check_size(node: &Node, what: &str, shape: &[usize]) -> Result<(), GraphError> {
    let elements = shape
        .iter()
        .try_fold(1_usize, |product, size| product.checked_mul(*size));
    if elements.is_some_and(|elements| elements <= ELEMENTS_MAX) {
        return Ok(());
    }
    let reason = format!("a {what} of shape {shape:?} is too large");
    let (node, op) = (node.name.clone(), node.op.name().to_owned());
    Err(GraphError::Attribute { node, op, reason })
}

/// Returns whether the text form can tell a name from what stands beside it.
fn is_word(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn check_name(name: &str) -> Result<(), GraphError> {
    if is_word(name) {
        return Ok(());
    }
    let reason = "a name is made of letters, digits and `_`, and starts with no digit".to_owned();
    Err(GraphError::Name {
        node: name.to_owned(),
        reason,
    })
}

/// Returns the shape after the last of some nodes that do not end in an output yet.
#[cfg(test)]
pub(super) fn infer_open(nodes: &[Node]) -> Shape {
    let mut nodes = nodes.to_vec();
    let last = nodes.last().expect("a node").name.clone();
    nodes.push(Node::new("end", Op::Output, &[&last]));
    infer(&nodes).expect("well-formed").pop().expect("a shape")
}
