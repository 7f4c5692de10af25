//! `firebrick plugin add`: builds, checks and installs a plugin.

use std::env::consts::DLL_SUFFIX;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use firebrick_core::Json;
use firebrick_host::{InstallError, install};

use super::check;
use crate::args::Format;
use crate::failure::{failure, hinted};

/// Puts a library, or what a crate builds, into the user's folder for plugins.
pub(super) fn run(what: &Path, folder: Option<&Path>) -> Result<ExitCode> {
    let folder = folder.ok_or_else(|| {
        failure(
            "there is no folder for plugins of the user",
            "set `XDG_DATA_HOME` or `HOME`",
        )
    })?;
    let library = match what.is_dir() {
        true => build(what)?,
        false => what.to_owned(),
    };

    // What is checked is a copy with the rights that it will have, since those of a build folder
    // depend on the user's umask.
    let staging = tempfile::tempdir().context("can't make a folder for a copy to check")?;
    let staged = install(&library, staging.path()).map_err(|error| explain(error, &library))?;
    let output = check::child(&staged, Format::Text)?;
    let original = library.display().to_string();
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.replace(&*staged.to_string_lossy(), &original);
    std::io::stderr().write_all(said.as_bytes())?;
    if !output.status.success() {
        return check::exit(&library, output.status);
    }
    let installed = install(&library, folder).map_err(|error| explain(error, &library))?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    println!("installed as {}", installed.display());
    Ok(ExitCode::SUCCESS)
}

/// Adds the hint of a refusal, about the file that the user named.
fn explain(error: InstallError, library: &Path) -> anyhow::Error {
    match error {
        InstallError::Refused(mut refusal) => {
            refusal.file = library.to_owned();
            let hint = refusal.hint.clone();
            hinted(refusal, hint)
        }
        error @ InstallError::Io { .. } => error.into(),
    }
}

/// Builds a crate with cargo, optimised, and returns its library.
fn build(crate_dir: &Path) -> Result<PathBuf> {
    let manifest = crate_dir.join("Cargo.toml");
    let manifest = fs::canonicalize(&manifest).map_err(|error| {
        let hint = "name a library, or the folder of a crate";
        failure(
            format!("can't read `{}`: {error}", manifest.display()),
            hint,
        )
    })?;
    let output = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(&manifest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            failure(
                format!("can't run `cargo`: {error}"),
                "install Rust, or build it elsewhere",
            )
        })?;
    if !output.status.success() {
        let hint = "cargo says why above";
        return Err(failure(
            format!("`{}` can't be built", crate_dir.display()),
            hint,
        ));
    }
    library(&String::from_utf8_lossy(&output.stdout), &manifest).ok_or_else(|| {
        failure(
            format!(
                "the crate in `{}` builds no shared library",
                crate_dir.display()
            ),
            "add to its Cargo.toml: [lib] crate-type = [\"cdylib\"]",
        )
    })
}

/// Finds the shared library of a package among the messages of cargo, one JSON object a line.
fn library(messages: &str, manifest: &Path) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok());
    messages
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().map(Path::new) == Some(manifest))
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.to_string_lossy().ends_with(DLL_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_library_of_the_crate_and_not_of_another() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/other/Cargo.toml","filenames":["/t/libderive.so"]}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/mine/Cargo.toml","filenames":["/t/libmine.rlib","/t/libmine.so"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#
        );
        let found = library(messages, Path::new("/mine/Cargo.toml"));
        assert_eq!(found, Some(PathBuf::from("/t/libmine.so")));
        assert_eq!(library(messages, Path::new("/third/Cargo.toml")), None);
    }
}
