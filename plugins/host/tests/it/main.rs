//! The host against real plugins: what is refused, what goes wrong later, and what works.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod built;
mod faults;
mod install;
mod items;
mod logs;
mod refusals;
mod scores;
mod search;
