//! Trains populations of small dense networks, fused: the engine `mlp`.
//!
//! A graph that is a chain becomes a list of steps (`chain`) over parameters in one vector
//! (`parameters`); a batch goes through them in buffers that are made once (`pass`), by loops that
//! are written for vectors of 16 samples (`kernels`). One candidate trains on one thread
//! (`train`).

mod affine;
mod chain;
mod engine;
mod formats;
mod kernels;
mod parameters;
mod pass;
mod predict;
mod source;
mod stepper;
mod train;

#[cfg(test)]
mod gradients;
#[cfg(test)]
mod parity;

pub use engine::{MlpEngine, Settings};
pub use kernels::Path;
