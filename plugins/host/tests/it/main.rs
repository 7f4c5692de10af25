//! The host against real plugins: what is refused, what goes wrong later, and what works.

mod built;
mod faults;
mod install;
mod items;
mod logs;
mod refusals;
mod search;
