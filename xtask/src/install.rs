//! `cargo xtask install`: puts the program on the PATH and its plugins where it looks for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build::{Need, Stage, build};
use crate::metadata::Workspace;

const USAGE: &str = "cargo xtask install [--root DIR] [--engine NAME]";

/// Runs `cargo xtask install [--root DIR] [--engine NAME [OPTION...]]`, with all engines by default.
///
/// Whatever is staged already comes along: next to a newer program, an older plugin would be
/// refused.
///
/// Each file is replaced at once, plugins before the program, so a program that runs is left
/// alone, and an installation that stops half-way still has a program that starts.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let Wanted { root, need } = wanted(args)?;
    let root = root.map_or_else(cargo_home, Ok)?;
    let workspace = Workspace::load()?;
    build(&workspace, &need)?;
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

/// What is installed, and where.
struct Wanted {
    /// Cargo's folder if absent.
    root: Option<PathBuf>,
    need: Need,
}

fn wanted(args: &[String]) -> Result<Wanted> {
    let mut rest = args.to_vec();
    let root = match rest.iter().position(|arg| arg == "--root") {
        Some(idx) if idx + 1 < rest.len() => {
            let folder = rest.drain(idx..idx + 2).next_back().unwrap_or_default();
            let root = std::path::absolute(&folder);
            Some(root.with_context(|| format!("`{folder}` is no folder"))?)
        }
        _ => None,
    };
    let need = Need::parse(&rest, USAGE)?;
    Ok(Wanted { root, need })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Wanted> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        wanted(&args)
    }

    #[test]
    fn installs_all_engines_unless_one_is_named() {
        assert_eq!(read("").unwrap().need, Need::All);
        let one = read("--engine mlp --root /somewhere").unwrap();
        assert_eq!(one.need, Need::Engine("mlp".to_owned()));
        assert_eq!(one.root.as_deref(), Some(Path::new("/somewhere")));
        assert_eq!(read("--root /a").unwrap().need, Need::All);
        let cuda = read("--engine cuda --without-llvm --root /a").unwrap();
        assert!(matches!(cuda.need, Need::Cuda(_)));
        assert!(read("--engine").is_err());
        assert!(read("--root").is_err());
        assert!(read("--rot /somewhere").is_err());
    }
}
