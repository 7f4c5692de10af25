//! The whole program, as a user runs it.

mod bad_input;
mod help;
mod plugin;
mod search;
mod support;
mod train;
