//! A fixed-point network in whole numbers, exactly.
//!
//! Every value is a whole number of 64 bits whose binary point is known for each node: sums of
//! products are exact, and rounded only where a node's format says so. This is what hardware
//! computes, and what every exported file is compared with.

mod bounds;
mod build;
mod compute;

#[cfg(test)]
mod tests;

use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;

use crate::error::ExportError;
use crate::grid::{Grid, power_of_two};
use crate::kernels::Window;
use bounds::Bounds;

/// A network all of whose numbers are fixed point, in whole numbers.
///
/// Formats that it knows are `integer`, and `ternary` and `binary` with a scale that is a power of
/// two. The rows are stored in the format in which the first node takes them; everything behind is
/// exact.
#[derive(Debug, Clone)]
pub struct IntegerNetwork {
    nodes: Vec<IntegerNode>,
}

/// One node in whole numbers.
#[derive(Debug, Clone)]
pub struct IntegerNode {
    /// The name in the graph.
    pub name: String,
    /// In which format it takes its inputs; `None` takes them as they are.
    pub data_in: Option<Grid>,
    /// What it has learned, as it is stored.
    pub learned: Vec<IntegerTensor>,
    /// Bits after the binary point of its result; `None` where that are rows as they were given.
    pub frac_width: Option<i32>,
    producers: Vec<usize>,
    in_shapes: Vec<Vec<usize>>,
    shape: Vec<usize>,
    bounds: Bounds,
    op: IntegerOp,
}

/// What a node has learned, in whole numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegerTensor {
    /// `weight` or `bias`.
    pub operand: &'static str,
    /// The format, as whole numbers.
    pub grid: Grid,
    /// Sizes, outermost first, as in the checkpoint.
    pub shape: Vec<usize>,
    /// Each means itself times `2^-frac_width`.
    pub data: Vec<i64>,
}

/// What a node computes, its learned numbers brought to the binary point of its result.
#[derive(Debug, Clone)]
enum IntegerOp {
    Input,
    Pass,
    Relu,
    Linear {
        weight: Vec<i64>,
        bias: Vec<i64>,
    },
    Conv2d {
        weight: Vec<i64>,
        bias: Vec<i64>,
        window: Window,
        groups: usize,
    },
    Affine {
        scale: Vec<i64>,
        shift: Vec<i64>,
    },
    MaxPool(Window),
    SumPool(Window),
    /// Inputs are multiplied with these and added.
    Add(Vec<i64>),
    /// Inputs are multiplied with these and put side by side.
    Concat(Vec<i64>),
}

impl IntegerNode {
    /// Returns the positions of the nodes whose results it reads, in its order.
    pub fn producers(&self) -> &[usize] {
        &self.producers
    }

    /// Returns the bits of the largest number that its result can be, sign included.
    pub fn bits(&self) -> u32 {
        self.bounds.bits()
    }
}

impl IntegerNetwork {
    /// Returns a network in whole numbers.
    ///
    /// # Errors
    /// [`ExportError::Float32`] and [`ExportError::Refused`] name the first node and operand that is
    /// not fixed point, a mean over a number of values that is no power of two, or a sum that could
    /// need more bits than float64 has. [`ExportError::Weights`] if the weights do not fit.
    pub fn of(graph: &Graph, weights: &Weights) -> Result<Self, ExportError> {
        build::build(graph, weights).map(|nodes| Self { nodes })
    }

    /// Returns the nodes, in the order of the graph.
    pub fn nodes(&self) -> &[IntegerNode] {
        &self.nodes
    }

    /// Returns how many numbers a row has.
    pub fn n_inputs(&self) -> usize {
        self.nodes[0].shape.iter().product()
    }

    /// Returns the bits of the largest number that could come up, sign included.
    pub fn bits_max(&self) -> u32 {
        let bits = self.nodes.iter().map(IntegerNode::bits);
        bits.max().unwrap_or(0)
    }

    /// Returns the outputs for some rows, row after row.
    ///
    /// # Shapes
    /// - rows: `[n_rows, ...input shape]`
    /// - result: `[n_rows, ...output shape]`
    ///
    /// # Panics
    /// If the rows do not fill the input.
    pub fn forward(&self, rows: &[f32]) -> Vec<f64> {
        let size = self.n_inputs();
        assert!(rows.len().is_multiple_of(size), "rows fill the input");
        let frac_width = self.nodes.last().and_then(|node| node.frac_width);
        let step = power_of_two(-frac_width.unwrap_or(0));
        let rows = rows.chunks(size);
        rows.flat_map(|row| compute::forward(&self.nodes, row))
            .map(|k| k as f64 * step)
            .collect()
    }
}
