//! `cargo xtask test`: the developers' suite.

use std::process::Command;

use anyhow::Result;

use crate::build::{Need, build};
use crate::metadata::Workspace;
use crate::process::{self, is_installed};

/// Runs `cargo xtask test [ARGS]`: builds the program and its plugins, since tests run them, then
/// all tests, or those that the arguments (of `cargo test` or `cargo nextest run`) select.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    for engine in ["burn", "mlp"] {
        build(&workspace, &Need::Engine(engine.to_owned()))?;
    }
    let cargo = || process::cargo(&workspace.root);
    if is_installed(cargo().arg("nextest")) {
        process::run(select(
            cargo().args(["nextest", "run", "--no-fail-fast"]),
            args,
        ))?;
        // nextest runs no examples in documentation; its arguments mean nothing to them.
        if args.is_empty() {
            process::run(cargo().args(["test", "--doc", "--workspace"]))?;
        }
        return Ok(());
    }
    process::run(select(cargo().arg("test"), args))
}

fn select<'a>(command: &'a mut Command, args: &[String]) -> &'a mut Command {
    let names_packages = |arg: &String| {
        arg.starts_with("-p") || arg.starts_with("--package") || arg == "--workspace"
    };
    if !args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(names_packages)
    {
        command.arg("--workspace");
    }
    command.args(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> Vec<String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut command = Command::new("cargo");
        let command = select(command.arg("test"), &args);
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn runs_all_packages_unless_some_are_named() {
        assert_eq!(line(&[]), ["test", "--workspace"]);
        assert_eq!(line(&["space"]), ["test", "--workspace", "space"]);
        assert_eq!(
            line(&["-p", "firebrick-core"]),
            ["test", "-p", "firebrick-core"]
        );
        assert_eq!(line(&["--", "-p"]), ["test", "--workspace", "--", "-p"]);
    }
}
