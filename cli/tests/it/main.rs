//! The whole program, as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod bad_input;
mod built;
mod dry_run;
mod engines;
mod groups;
mod help;
mod parity;
mod plugin;
mod search;
mod support;
mod surroundings;
mod train;
