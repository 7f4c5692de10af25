//! Candidates of one topology as one computation.

pub(crate) mod data;
pub(crate) mod group;
pub(crate) mod layout;
pub(crate) mod loss;
pub(crate) mod size;
