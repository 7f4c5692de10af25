//! The search strategies that come with Firebrick.
//!
//! One file a strategy. Each is a function of the study, its settings and the trials told, in
//! trial-number order; the chance in the proposal for trial n comes from a stream keyed by the
//! study's seed and n. What two of them need lies beside them: `order` is a seeded permutation of
//! the points of a space, `seen` the points that were proposed or told.

mod brute;
mod random;
mod tpe;

mod order;
mod seen;

pub use brute::{Brute, BruteSettings};
pub use random::{Random, RandomSettings};
pub use tpe::{Tpe, TpeSettings};

#[cfg(test)]
mod tests;
