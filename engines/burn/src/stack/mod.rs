//! Candidates of one topology as one computation.

mod audience;
pub(crate) mod data;
mod epoch;
mod group;
pub(crate) mod judge;
pub(crate) mod layout;
mod loss;
pub(crate) mod memory;
mod pictures;
pub(crate) mod size;
pub(crate) mod train;

#[cfg(test)]
mod tests;
