//! `cargo xtask ci`: all checks, in the order in which they fail fastest.

use anyhow::{Result, bail};

use crate::metadata::Workspace;
use crate::process::{self, Usage, is_installed};
use crate::{test, tidy};

const STEPS: [&str; 6] = ["fmt", "clippy", "test", "doc", "tidy", "deny"];

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
        _ => unreachable!("`task` checked the steps"),
    }
}
