//! `cargo xtask search`, `train` and the other verbs of the program: builds what the verb needs,
//! then becomes the program.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::build::{Need, build};
use crate::metadata::Workspace;
use crate::process;

/// Builds what a verb needs and runs the program with all arguments, in the folder of the user.
pub(crate) fn launch(args: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let program = build(&workspace, &need(args, &workspace.plugins()))?;
    process::become_it(Command::new(program).args(args))
}

/// Returns the plugins that the program will look for.
fn need(args: &[String], plugins: &[&str]) -> Need {
    let mut words = args
        .iter()
        .map(String::as_str)
        .filter(|arg| !arg.starts_with('-'));
    match (words.next(), words.next()) {
        (None | Some("data" | "completions" | "help"), _) | (Some("list"), Some("datasets")) => {
            Need::Program
        }
        (Some("list"), Some("models" | "passes" | "strategies")) | (Some("transform"), _) => {
            Need::Items
        }
        _ => Need::Engine(engine(args, plugins)),
    }
}

/// Returns the engine that the arguments name, if it is one of ours. The program itself has to
/// say so if there is none of that name: it may come from a third party.
fn engine(args: &[String], plugins: &[&str]) -> String {
    let mut args = args.iter();
    let mut named = None;
    while let Some(arg) = args.next() {
        if arg == "--engine" {
            named = args.next().cloned();
        } else if let Some(name) = arg.strip_prefix("--engine=") {
            named = Some(name.to_owned());
        }
    }
    named
        .filter(|name| plugins.contains(&format!("firebrick-plugins-engine-{name}").as_str()))
        .unwrap_or_else(|| "burn".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(line: &str) -> Need {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        need(
            &args,
            &[
                "firebrick-plugins-engine-burn",
                "firebrick-plugins-engine-mlp",
            ],
        )
    }

    #[test]
    fn trains_and_searches_with_an_engine() {
        let burn = Need::Engine("burn".to_owned());
        assert_eq!(needed("search"), burn);
        assert_eq!(needed("train jsc-d jets-sim --max-epochs 10"), burn);
        assert_eq!(needed("search --engine auto"), burn);
        assert_eq!(needed("search --engine someone-elses"), burn);
        assert_eq!(
            needed("search --engine=mlp"),
            Need::Engine("mlp".to_owned())
        );
        assert_eq!(
            needed("search --engine mlp"),
            Need::Engine("mlp".to_owned())
        );
    }

    #[test]
    fn builds_no_engine_for_what_needs_none() {
        assert_eq!(needed("transform --config some.toml"), Need::Items);
        assert_eq!(needed("list strategies"), Need::Items);
        assert_eq!(needed("list"), Need::Engine("burn".to_owned()));
        assert_eq!(needed("data list"), Need::Program);
        assert_eq!(needed("list datasets"), Need::Program);
        assert_eq!(needed("--version"), Need::Program);
    }
}
