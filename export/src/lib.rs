//! Networks for other tools: files that say exactly what Firebrick computes, or none.
//!
//! What a file's format can't say is refused with the node, the operand and the reason; nothing is
//! approximated.

mod build;
mod error;
mod grid;
mod integer;
mod onnx;
mod operand;
pub mod proto;
mod qonnx;

use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;

pub use error::ExportError;
pub use grid::Grid;
pub use integer::{IntegerNetwork, IntegerNode, IntegerTensor};

/// Q
pub fn to_qonnx(graph: &Graph, weights: &Weights) -> Result<Vec<u8>, ExportError> {
    qonnx::write(&operand::Network::new(graph, weights)?)
}

/// O
pub fn to_onnx(graph: &Graph, weights: &Weights) -> Result<Vec<u8>, ExportError> {
    onnx::write(&operand::Network::new(graph, weights)?)
}
