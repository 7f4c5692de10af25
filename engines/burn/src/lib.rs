//! Trains any graph with burn: the engine `burn`.
//!
//! A graph is interpreted node by node over tensors of burn's run-time devices. Gradients are
//! computed by backward passes written out op by op (`ops`), all weights lie in one vector
//! (`parameters`), and optimisers step along it as PyTorch's do (`optimizer`). On a CPU each candidate
//! trains on a thread (`train`); elsewhere those of one topology are one computation (`stack`).

#[cfg(any(feature = "cuda", test))]
mod absent;
#[cfg(feature = "cuda")]
pub mod cuda;
mod engine;
mod loss;
mod network;
mod ops;
mod optimizer;
mod parameters;
mod rows;
mod stack;
mod train;
mod zero_cost;

#[cfg(test)]
mod parity;
#[cfg(test)]
mod random_graphs;

pub use engine::{BurnEngine, Settings};
