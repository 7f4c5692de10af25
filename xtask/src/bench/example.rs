//! Examples of engines, built for measuring.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// Builds an example of a package; returns the program.
pub(crate) fn build(root: &Path, package: &str, example: &str) -> Result<PathBuf> {
    let mut command = process::cargo(root);
    command.args(["build", "--message-format", "json-render-diagnostics"]);
    command.args(["--package", package, "--example", example]);
    let messages = process::read(&mut command)?;
    let mut programs = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    programs
        .next_back()
        .with_context(|| format!("cargo built no example `{example}`"))
}
