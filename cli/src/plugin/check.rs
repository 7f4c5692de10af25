//! `firebrick plugin check`: loads a plugin in a child process, which it may end.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Output};

use anyhow::{Context, Result};
use firebrick_host::check_file;
use serde_json::json;

use crate::args::Format;
use crate::failure::{failure, hinted};

/// The exit code of a plugin that can't be used.
const UNUSABLE: u8 = 2;

/// Checks a plugin in this process, and prints what it offers.
pub(super) fn in_process(file: &Path, format: Format) -> Result<ExitCode> {
    let report = check_file(file).map_err(|refusal| {
        let hint = refusal.hint.clone();
        hinted(refusal, hint)
    })?;
    let plugin = &report.plugin;
    match format {
        Format::Json => println!("{:#}", json!(report)),
        Format::Text => {
            println!(
                "plugin {} {}, interface {}, built with {}",
                plugin.name, plugin.version, plugin.interface, plugin.rustc
            );
            for item in &plugin.items {
                println!(
                    "  {} {}: {}",
                    item.kind,
                    item.name,
                    item.summary().replace('\n', " ")
                );
            }
        }
    }
    report
        .remarks
        .iter()
        .for_each(|remark| eprintln!("warning: {remark}"));
    report
        .broken
        .iter()
        .for_each(|broken| eprintln!("error: {broken}"));
    Ok(match report.broken.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(UNUSABLE),
    })
}

/// Checks a plugin in a child process, and prints what that prints.
pub(super) fn in_child(file: &Path, format: Format) -> Result<ExitCode> {
    let output = child(file, format)?;
    std::io::stdout().write_all(&output.stdout)?;
    std::io::stderr().write_all(&output.stderr)?;
    exit(file, output.status)
}

/// Runs the check of a plugin in a child process.
pub(super) fn child(file: &Path, format: Format) -> Result<Output> {
    let program = env::current_exe().context("can't find this program to run it again")?;
    let format = match format {
        Format::Text => "text",
        Format::Json => "json",
    };
    Command::new(&program)
        .args(["plugin", "check", "--in-process", "--format", format, "--"])
        .arg(file)
        .output()
        .with_context(|| format!("can't run {}", program.display()))
}

/// Returns how a check ended; a child that was killed is an error that says so.
pub(super) fn exit(file: &Path, status: ExitStatus) -> Result<ExitCode> {
    match status.code() {
        Some(0) => Ok(ExitCode::SUCCESS),
        Some(_) => Ok(ExitCode::from(UNUSABLE)),
        None => Err(failure(
            format!(
                "plugin `{}` ended the process that checked it: {status}",
                file.display()
            ),
            "a plugin must return errors; what it panics with is caught, an abort is not",
        )),
    }
}
