//! What the program leaves behind: files, tables, pictures and progress.

pub(crate) mod artifacts;
pub(crate) mod files;
pub(crate) mod plot;
pub(crate) mod progress;
pub(crate) mod table;
