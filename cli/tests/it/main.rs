//! The whole program, as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod bad_input;
mod built;
mod constraints;
mod cuda;
mod dry_run;
mod engines;
mod enqueue;
mod export;
mod formats_space;
mod goal;
mod groups;
mod help;
mod inherit;
mod parity;
mod pictures;
mod plugin;
mod pruning;
mod quantization;
mod samplers;
mod search;
mod support;
mod surroundings;
mod train;
mod zero_cost;
