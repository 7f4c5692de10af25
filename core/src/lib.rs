//! Graphs, spaces, trials, costs and the traits of Firebrick, without IO or clock.
//!
//! Everything that crosses the plugin door is plain serde data defined here; everything that a
//! third party implements is a trait defined here. Nothing in this crate reads a file, the
//! environment or the time, so that the same call always gives the same answer.

pub mod calibration;
pub mod channels;
pub mod costs;
pub mod dataset;
pub mod engine;
pub mod formats;
pub mod front;
pub mod graph;
pub mod hint;
pub mod images;
pub mod inherit;
pub mod model;
pub mod objective;
pub mod pass;
pub mod pruner;
pub mod random;
pub mod recipe;
pub mod registry;
pub mod scaling;
pub mod space;
pub mod strategy;
pub mod testing;
pub mod trial;
pub mod value;
pub mod weights;

// Macros of this crate expand to paths through here, so that a plugin needs no line of its own
// for the crates that they use.
#[doc(hidden)]
pub use {inventory, schemars, serde_json};

/// A JSON value: how arguments, settings and schemas travel.
pub type Json = serde_json::Value;
