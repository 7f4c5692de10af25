//! Contract suites: what every model, pass, strategy and engine must hold, built in or not.
//!
//! Each `check_*` panics with a message that names the broken promise. Call them in a test.

mod engine;
mod formats;
mod model;
mod parity;
mod pass;
mod random_graph;
mod recipe;
mod reference;
mod strategy;

pub use engine::{check_engine, check_stacking_engine};
pub use formats::number_formats;
pub use model::check_model;
pub use parity::check_parity;
pub use pass::check_pass;
pub use random_graph::random_graph;
pub use recipe::PLAIN_RECIPE;
pub use reference::{Statistics, forward};
pub use strategy::{check_strategy, check_strategy_without_repeats};
