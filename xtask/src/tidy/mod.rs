//! `cargo xtask tidy`: checks what neither compiler nor clippy can.
//!
//! Each check takes what it reads as arguments and returns its findings; a finding says where,
//! what is wrong and what to do.

mod arrows;
mod code;
mod features;
mod files;
mod items;
mod modules;
mod readme;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::metadata::Workspace;
use crate::process::Usage;

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// The file, from the root, with `:line` where one is meant.
    place: String,
    /// What is wrong.
    what: String,
    /// What to do.
    remedy: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (place, what, remedy) = (place.into(), what.into(), remedy.into());
        Self {
            place,
            what,
            remedy,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}\n  to do: {}",
            self.place, self.what, self.remedy
        )
    }
}

/// Runs `cargo xtask tidy`.
pub(crate) fn task(args: &[String]) -> Result<()> {
    if !args.is_empty() {
        bail!(Usage("`cargo xtask tidy` takes no arguments".to_owned()));
    }
    let workspace = Workspace::load()?;
    let files = read_files(&workspace.root)?;
    let mut findings = arrows::check(&workspace.packages);
    findings.extend(arrows::check_manifests(&files));
    findings.extend(files::check(&files));
    findings.extend(items::check(&files));
    findings.extend(modules::check(&files, &workspace.packages, &workspace.root));
    findings.extend(readme::check(&files, &workspace)?);
    findings.extend(features::check(&workspace)?);
    for finding in &findings {
        eprintln!("{finding}\n");
    }
    if !findings.is_empty() {
        bail!(
            "tidy: {} findings in {} files read",
            findings.len(),
            files.len()
        );
    }
    eprintln!("tidy: nothing to do in {} files", files.len());
    Ok(())
}

/// A text file of the repository.
struct File {
    /// Its path from the root, with `/`.
    path: String,
    /// What it says.
    text: String,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Reads all text files that people write, by path.
fn read_files(root: &Path) -> Result<Vec<File>> {
    let mut paths = Vec::new();
    collect(root, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)
            .with_context(|| format!("can't read {} as text", path.display()))?;
        let path = path.strip_prefix(root).unwrap_or(&path);
        let path = path.to_string_lossy().replace('\\', "/");
        files.push(File { path, text });
    }
    Ok(files)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("can't list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().with_context(context)?.is_dir() {
            // What is built or written by runs, and what belongs to git.
            if !matches!(&*name, "target" | "firebrick_output" | ".git" | "shared") {
                collect(&path, paths)?;
            }
        } else if [".rs", ".toml", ".md", ".py"]
            .iter()
            .any(|end| name.ends_with(end))
            || path.ends_with(".ci/run")
        {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}
