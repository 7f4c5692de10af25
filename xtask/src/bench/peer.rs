//! The peer: PyTorch and Optuna, in a Python of their own.

use std::path::PathBuf;

use crate::metadata::Workspace;
use crate::python::Environment;

/// What is installed; Optuna's next major version may do other work.
const PEER: Environment = Environment {
    folder: "bench-venv",
    packages: &["torch", "numpy", "optuna>=5,<6"],
    import: "import torch, numpy, optuna",
};

/// Returns the folder of the peer's scripts.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("xtask").join("bench")
}

/// Returns a Python that has the peer, in a virtual environment that is made on demand; nothing if
/// that can't be done here, which it says.
pub(super) fn python(workspace: &Workspace) -> Option<PathBuf> {
    PEER.python(&workspace.target)
        .inspect_err(|error| {
            eprintln!("bench: {error:#}");
            eprintln!("bench: skipped PyTorch: it can't be installed here; only ours is measured");
        })
        .ok()
}
