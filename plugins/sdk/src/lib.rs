//! What the author of a Firebrick plugin depends on.
//!
//! A plugin is a shared library (`crate-type = ["cdylib"]`) that registers models, passes,
//! strategies or engines and hands them over with one line:
//!
//! ```
//! use firebrick_sdk::prelude::*;
//!
//! arguments! {
//!     /// Walks the points of a finite space in order.
//!     struct Settings {}
//! }
//!
//! struct Sweep(Space);
//!
//! impl Strategy for Sweep {
//!     fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
//!         let points = numbers.iter().map_while(|n| self.0.point(u128::from(*n)));
//!         Ok(points.collect())
//!     }
//!
//!     fn tell(&mut self, _trials: &[Trial]) -> Result<(), StrategyError> {
//!         Ok(())
//!     }
//! }
//!
//! fn sweep(study: &Study, _settings: Settings) -> Result<Sweep, StrategyError> {
//!     Ok(Sweep(study.space.clone()))
//! }
//!
//! register_strategy!("sweep"; Settings => sweep);
//! export_plugin!();
//! # fn main() {}
//! ```
//!
//! `firebrick plugin new strategy my-strategy` writes such a crate, with a test.
//!
//! The version of this crate is the version of the interface between plugins and the program:
//! a plugin loads into every program of the same major version. [`testing`] holds the contract
//! suites that every item should pass. [`door`] and [`wire`] are the program's side of the
//! interface; an author needs neither.

mod abi;
mod arguments;
mod descriptor;
pub mod door;
#[doc(hidden)]
pub mod export;
mod fault;
mod guard;
mod logs;
pub mod prelude;
mod serve;
pub mod wire;

pub use descriptor::{Descriptor, DescriptorError, INTERFACE, Interface};
pub use fault::Fault;
pub use firebrick_core as core;
pub use firebrick_core::testing;
pub use {rand, schemars, serde, serde_json, tracing};
