//! The search strategies that come with Firebrick.
//!
//! One file a strategy. Each is a function of the study, its settings and the trials told, in
//! trial-number order; the chance in the proposal for trial n comes from a stream keyed by the
//! study's seed and n. What two of them need lies beside them: `order` is a seeded permutation of
//! the points of a space, `turns` gives each of many points to one trial, `seen` keeps the points that
//! were proposed or told, and `refusal` says which strategies take a space that another one can't.

mod brute;
mod grid;
mod random;
mod tpe;

mod order;
mod refusal;
mod seen;
mod turns;

pub use brute::{Brute, BruteSettings};
pub use grid::{Grid, GridSettings};
pub use random::{Random, RandomSettings};
pub use tpe::{Tpe, TpeSettings};

#[cfg(test)]
mod tests;
