//! The search strategies that come with Firebrick.
//!
//! One file a strategy. Each is a function of the study, its settings and the trials told, in
//! trial-number order; the chance in the proposal for trial n comes from a stream keyed by the
//! study's seed and n. What two of them need lies beside them: `breeding` makes points from others,
//! `generations` keeps parents, `line` lays values on a line, `merit` says which trial is better,
//! `order` is a seeded permutation of the points of a space, `turns` gives each of many points to
//! one trial, and `seen` keeps the points that were proposed or told.

mod brute;
mod cma_es;
mod grid;
mod nsga2;
mod nsga3;
mod qmc;
mod random;
mod regularized_evolution;
mod tpe;

mod breeding;
mod generations;
mod line;
mod merit;
mod order;
mod seen;
mod turns;

pub use brute::{Brute, BruteSettings};
pub use cma_es::{CmaEs, CmaEsSettings};
pub use grid::{Grid, GridSettings};
pub use nsga2::{Nsga2, Nsga2Settings};
pub use nsga3::{Nsga3, Nsga3Settings};
pub use qmc::{Qmc, QmcSettings};
pub use random::{Random, RandomSettings};
pub use regularized_evolution::{RegularizedEvolution, RegularizedEvolutionSettings};
pub use tpe::{Tpe, TpeSettings};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod zdt;
