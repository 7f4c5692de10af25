//! The program `firebrick`: TOML in, files and terminal out.

#[macro_use]
mod console;

mod args;
mod checkpoint;
mod dry_run;
mod engines;
mod environment;
mod failure;
mod interrupt;
mod output;
mod passes;
mod plugins;
mod prepare;
mod rows;
mod setup;
mod study;
mod training;

mod data;
mod export;
mod judge;
mod list;
mod plugin;
mod search;
mod train;
mod transform;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use environment::Environment;
use plugins::Plugins;

/// The exit code of everything that a user can put right.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logs(cli.global.verbose);
    let done = run(&cli);
    let printed = console::finish().context("can't write to stdout");
    match done.and_then(|code| printed.map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            failure::report(&error);
            ExitCode::from(USAGE)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    if let Some(missing) = cli.global.plugin_dirs.iter().find(|dir| !dir.is_dir()) {
        let what = format!(
            "there is no folder `{}` in `--plugin-dir`",
            missing.display()
        );
        return Err(anyhow::anyhow!(what));
    }
    let environment = Environment::read(&cli.global.plugin_dirs);
    let format = cli.global.format();
    let load = || Plugins::load(&environment.plugin_dirs);
    match &cli.command {
        Command::Search(args) => search::run(args, &environment, &load(), format),
        Command::Train(args) => train::run(args, &environment, &load(), format),
        Command::Test(args) => judge::run(args, &environment, &load(), format),
        Command::Transform(args) => transform::run(args, &environment, &load(), format),
        Command::Export(args) => export::run(args),
        Command::List { what } => {
            list::run(&load().registry, *what, format);
            Ok(ExitCode::SUCCESS)
        }
        Command::Plugin { command } => plugin::run(command, &environment, format),
        Command::Data { command } => data::run(command, &environment, format),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "firebrick", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Sends logs, those of plugins included, to stderr.
fn start_logs(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .log_internal_errors(false)
        .finish();
    // A second subscriber can't be there: this is called once.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
