//! A third party's plugin: one item a file, and the line that exports them all.

mod depth;
mod plain;
mod shallow;
mod sweep;

firebrick_sdk::export_plugin!();
