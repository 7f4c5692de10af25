//! Candidates of one topology as one computation.

pub(crate) mod group;
pub(crate) mod layout;
pub(crate) mod size;
