//! `cargo xtask install`: puts the program on the PATH and its plugins where it looks for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::build::{Need, Stage, build};
use crate::metadata::Workspace;
use crate::process::Usage;

/// Runs `cargo xtask install [--root DIR]`.
///
/// Each file is replaced at once, plugins before the program, so a program that runs is left
/// alone, and an installation that stops half-way still has a program that starts.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let root = match args {
        [] => cargo_home()?,
        [flag, folder] if flag == "--root" => {
            std::path::absolute(folder).with_context(|| format!("`{folder}` is no folder"))?
        }
        _ => bail!(Usage(
            "expected `cargo xtask install [--root DIR]`".to_owned()
        )),
    };
    let workspace = Workspace::load()?;
    build(&workspace, &Need::Engine("burn".to_owned()))?;
    let installed = Stage::at(root.clone());
    Stage::of(&workspace.target).copy_to(&installed, &workspace.plugins())?;
    eprintln!("installed {}", installed.program().display());
    for plugin in installed.plugins() {
        eprintln!("installed {}", plugin.display());
    }
    let bin = root.join("bin");
    if !is_on_path(&bin) {
        eprintln!("\nhint: `{}` is not on the PATH", bin.display());
    }
    Ok(())
}

/// Returns cargo's folder: its `bin` is on the PATH of who builds Rust programs.
fn cargo_home() -> Result<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .context("no home folder\n\nhint: say where to install with `--root DIR`")
}

fn is_on_path(bin: &Path) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder == bin))
}
