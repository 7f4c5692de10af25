//! `firebrick plugin`: list, inspect, check, make and add plugins.

mod add;
mod check;
mod inspect;
mod new;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use firebrick_core::pass::Table;
use firebrick_core::registry::Kind;
use firebrick_host::{Loaded, PluginInfo};
use serde_json::json;

use crate::args::Format;
use crate::environment::Environment;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// List the plugins that are found, and say why others are not loaded
    #[command(after_help = "Examples:
  firebrick plugin list
  firebrick plugin list --format json")]
    List,
    /// Show what a plugin or one of its items offers, with its arguments
    #[command(after_help = "Examples:
  firebrick plugin inspect tpe
  firebrick plugin inspect firebrick-strategies
  firebrick plugin inspect firebrick-strategies/tpe --format json")]
    Inspect {
        /// A plugin, an item, or PLUGIN/ITEM
        name: String,
    },
    /// Check that a library is a plugin that works with this program
    #[command(after_help = "Example:
  firebrick plugin check target/release/libmy_strategy.so

The plugin is loaded in a process of its own, which it may end.")]
    Check {
        /// The library
        file: PathBuf,
        /// Load the plugin into this process
        #[arg(long, hide = true)]
        in_process: bool,
    },
    /// Write the crate of a new plugin, which builds and passes its test as it is
    #[command(after_help = "Examples:
  firebrick plugin new strategy my-strategy
  firebrick plugin new pass my-pass --into ~/plugins")]
    New {
        /// What the plugin offers
        #[arg(value_enum)]
        kind: NewKind,
        /// The name of the crate and of what it offers
        name: String,
        /// The folder to put the crate's folder in
        #[arg(long, value_name = "DIR", default_value = ".")]
        into: PathBuf,
        /// The folder of firebrick-sdk; found by itself in a checkout of Firebrick
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build a plugin if need be, check it, and put it where it is found
    #[command(after_help = "Examples:
  firebrick plugin add ./my-strategy
  firebrick plugin add libmy_strategy.so")]
    Add {
        /// A library, or the folder of a crate
        what: PathBuf,
    },
}

/// What a new plugin can offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewKind {
    /// Builds base networks
    Model,
    /// Rewrites or measures networks
    Pass,
    /// Proposes candidates
    Strategy,
    /// Trains candidates
    Engine,
}

pub(crate) fn run(
    command: &PluginCommand,
    environment: &Environment,
    format: Format,
) -> Result<ExitCode> {
    match command {
        PluginCommand::List => {
            list(environment, format);
            Ok(ExitCode::SUCCESS)
        }
        PluginCommand::Inspect { name } => {
            inspect::run(&load(environment), name, format)?;
            Ok(ExitCode::SUCCESS)
        }
        PluginCommand::Check {
            file,
            in_process: true,
        } => check::in_process(file, format),
        PluginCommand::Check { file, .. } => check::in_child(file, format),
        PluginCommand::New {
            kind,
            name,
            into,
            sdk,
        } => {
            new::run(*kind, name, into, sdk.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        PluginCommand::Add { what } => add::run(what, environment.user_plugin_dir.as_deref()),
    }
}

/// Loads the plugins and says on stderr what was refused.
fn load(environment: &Environment) -> Loaded {
    let loaded = firebrick_host::load_all(&environment.plugin_dirs);
    for note in &loaded.notes {
        eprintln!("note: {note}");
    }
    for refusal in &loaded.refused {
        eprintln!("warning: plugin {refusal}; {}", refusal.hint);
    }
    loaded
}

fn list(environment: &Environment, format: Format) {
    if format == Format::Json {
        let loaded = firebrick_host::load_all(&environment.plugin_dirs);
        let all = json!({
            "plugins": loaded.plugins, "refused": loaded.refused, "notes": loaded.notes,
        });
        println!("{all:#}");
        return;
    }
    let loaded = load(environment);
    if loaded.plugins.is_empty() {
        eprintln!("no plugins in:");
        environment
            .plugin_dirs
            .iter()
            .for_each(|dir| eprintln!("  {}", dir.display()));
        return;
    }
    let columns = ["plugin", "version", "interface", "items", "file"]
        .map(str::to_owned)
        .to_vec();
    let rows = loaded.plugins.iter().map(|plugin| {
        vec![
            plugin.name.clone(),
            plugin.version.clone(),
            plugin.interface.clone(),
            counts(plugin),
            plugin.file.display().to_string(),
        ]
    });
    print!(
        "{}",
        table::render(&Table {
            columns,
            rows: rows.collect()
        })
    );
}

/// Returns how much a plugin offers, such as `1 pass, 2 strategies`.
fn counts(plugin: &PluginInfo) -> String {
    let mut counts = Vec::new();
    for kind in [Kind::Model, Kind::Pass, Kind::Strategy, Kind::Engine] {
        match plugin.items.iter().filter(|item| item.kind == kind).count() {
            0 => {}
            1 => counts.push(format!("1 {kind}")),
            several => counts.push(format!("{several} {}", kind.plural())),
        }
    }
    counts.join(", ")
}
