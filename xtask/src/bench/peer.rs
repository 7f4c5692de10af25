//! The peer: PyTorch and Optuna, in a Python of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::metadata::Workspace;
use crate::process;

/// What is installed; Optuna's next major version may do other work.
const PACKAGES: [&str; 3] = ["torch", "numpy", "optuna>=5,<6"];

/// Returns the folder of the peer's scripts.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("xtask").join("bench")
}

/// Returns a Python that has the peer, in a virtual environment that is made on demand; nothing if
/// that can't be done here, which it says.
pub(super) fn python(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target.join("bench-venv");
    let bin = if cfg!(windows) { "Scripts" } else { "bin" };
    let python = folder.join(bin).join("python");
    if !has_peer(&python) {
        eprintln!(
            "bench: installing PyTorch and Optuna into {}",
            folder.display()
        );
        if let Err(error) = install(&folder, &python) {
            eprintln!("bench: {error:#}");
        }
    }
    if has_peer(&python) {
        return Some(python);
    }
    eprintln!("bench: skipped PyTorch: it can't be installed here; only ours is measured");
    None
}

fn has_peer(python: &Path) -> bool {
    let mut command = Command::new(python);
    command
        .args(["-c", "import torch, numpy, optuna"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn install(folder: &Path, python: &Path) -> Result<()> {
    let system = if cfg!(windows) { "python" } else { "python3" };
    process::run(Command::new(system).args(["-m", "venv"]).arg(folder))?;
    let install = ["-m", "pip", "install", "--quiet"];
    process::run(Command::new(python).args(install).args(PACKAGES))
}
