//! `cargo xtask ci`: all checks, in the order in which they fail fastest.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::metadata::Workspace;
use crate::process::{self, Usage, is_installed};
use crate::{cuda, test, tidy};

const STEPS: [&str; 9] = [
    "fmt", "clippy", "cross", "test", "doc", "tidy", "deny", "miri", "cuda",
];

/// Another kind of machine than most of us have, for which the kernels have code of its own.
const OTHER: &str = "aarch64-unknown-linux-gnu";

/// Runs `cargo xtask ci [STEP...]`, all steps by default.
pub(crate) fn task(steps: &[String]) -> Result<()> {
    if let Some(step) = steps.iter().find(|step| !STEPS.contains(&step.as_str())) {
        let known = STEPS.join(", ");
        bail!(Usage(format!(
            "unknown step `{step}`\n\nhint: known: {known}"
        )));
    }
    for step in STEPS {
        if steps.is_empty() || steps.iter().any(|wanted| wanted == step) {
            eprintln!("ci: {step}");
            run(step)?;
        }
    }
    Ok(())
}

fn run(step: &str) -> Result<()> {
    let workspace = Workspace::load()?;
    let cargo = |args: &[&str]| {
        let mut command = process::cargo(&workspace.root);
        command.args(args);
        command
    };
    match step {
        "fmt" => process::run(&mut cargo(&["fmt", "--all", "--check"])),
        "clippy" => process::run(&mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ])),
        "cross" if has_target(OTHER)? => process::run(&mut cargo(&[
            "clippy",
            "--package=firebrick-engine-mlp",
            "--all-targets",
            "--target",
            OTHER,
            "--",
            "--deny=warnings",
        ])),
        "cross" => {
            eprintln!("ci: skipped cross: `rustup target add {OTHER}` was not run");
            Ok(())
        }
        "test" => test::task(&[]),
        "doc" => process::run(
            cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny=warnings"),
        ),
        "tidy" => tidy::task(&[]),
        "deny" if is_installed(&mut cargo(&["deny"])) => {
            process::run(&mut cargo(&["deny", "check"]))
        }
        "deny" => {
            eprintln!("ci: skipped deny: `cargo-deny` is not installed");
            Ok(())
        }
        "miri" if is_installed(&mut miri(&workspace.root)) => {
            let tests = ["test", "--package=firebrick-engine-mlp", "--lib", "kernels"];
            process::run(miri(&workspace.root).args(tests))
        }
        "miri" => {
            eprintln!(
                "ci: skipped miri: component `miri` of the nightly toolchain is not installed"
            );
            Ok(())
        }
        "cuda" => cuda::check(&workspace),
        _ => unreachable!("`task` checked the steps"),
    }
}

/// Returns whether the standard library of a target is installed.
fn has_target(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let ask = ["--print=target-libdir", "--target", target];
    let folder = process::read(Command::new(rustc).args(ask))?;
    Ok(Path::new(folder.trim()).is_dir())
}

/// Returns a command of Miri, which there is for nightly toolchains alone.
fn miri(root: &Path) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "miri"]);
    command.current_dir(root);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_this_machine_is_installed_and_one_that_is_none_is_refused() {
        let host = process::read(Command::new("rustc").arg("--print=host-tuple")).unwrap();
        assert!(has_target(host.trim()).unwrap());
        assert!(has_target("no-such-machine").is_err());
    }

    #[test]
    fn names_the_steps_that_are_known() {
        let error = task(&["tests".into()]).unwrap_err();
        assert!(error.is::<Usage>());
        assert!(error.to_string().contains("cross, test"), "{error}");
    }
}
