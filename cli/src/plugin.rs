//! `firebrick plugin`: list, inspect, check, make and add plugins.

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::args::Format;
use crate::environment::Environment;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// List the plugins
    List,
}

pub(crate) fn run(
    _command: &PluginCommand,
    _environment: &Environment,
    _format: Format,
) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
