//! Finds, checks and loads plugins.
//!
//! [`load_all`] is what a program calls: it looks through folders, refuses what is not safe or
//! not fit to be loaded, each with a [`Refusal`] that says what to do, and puts the items of the
//! others into one [`firebrick_core::registry::Registry`]. What a plugin does afterwards, panics
//! included, comes back as an error of the call.
//!
//! Loaded plugins stay until the program ends: they are never unloaded. A plugin is native code
//! with the rights of the user. The checks before it is opened see to it that nobody else put it
//! there or can change it; they are no sandbox, and a plugin that means to end the process can.

mod check;
mod elf;
mod install;
mod library;
mod load;
mod preflight;
mod refusal;
mod remote;

pub use check::{Report, check_file};
pub use firebrick_sdk::{INTERFACE, Interface};
pub use install::{InstallError, install};
pub use load::{Loaded, PluginInfo, load_all};
pub use refusal::Refusal;
