//! What compiles kernels where the engine was built without LLVM: NVRTC and the headers of the CUDA
//! toolkit, from NVIDIA's packages on PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::metadata::Workspace;
use crate::process;
use crate::python::Environment;

/// Where it lies in the archive, laid out as the toolkit is.
pub(super) const FOLDER: &str = "cuda";

/// A version that every driver of an H100 loads the kernels of: newer drivers take those of older
/// toolkits, not the other way round.
const TOOLKIT: Environment = Environment {
    folder: "nvrtc-venv",
    packages: &[
        "nvidia-cuda-nvrtc-cu12==12.4.127",
        "nvidia-cuda-runtime-cu12==12.4.127",
        "nvidia-cuda-nvcc-cu12==12.4.131",
    ],
    import: "import nvidia.cuda_nvrtc, nvidia.cuda_runtime, nvidia.cuda_nvcc",
};

/// What is taken of each package, and where it goes.
const PARTS: [(&str, &str); 3] = [
    ("cuda_nvrtc/lib", "lib"),
    ("cuda_runtime/include", "include"),
    ("cuda_nvcc/include", "include"),
];

/// Puts what compiles kernels into the folder of the archive; where PyPI is out of reach, says that
/// the machine with the GPU has to have it.
pub(super) fn add(workspace: &Workspace, folder: &Path) -> Result<()> {
    match TOOLKIT.python(&workspace.target) {
        Ok(python) => copy(&python, &folder.join(FOLDER)),
        Err(error) => {
            eprintln!("gpu-check: {error:#}");
            eprintln!(
                "gpu-check: left out NVRTC and the headers that kernels include: the machine with \
                 the GPU has to have the CUDA toolkit"
            );
            Ok(())
        }
    }
}

fn copy(python: &Path, to: &Path) -> Result<()> {
    let ask = "import nvidia.cuda_nvrtc as of; print(list(of.__path__)[0])";
    let found = process::read(Command::new(python).args(["-c", ask]))?;
    let packages = Path::new(found.trim()).parent().map(PathBuf::from);
    let packages = packages.context("a package lies in no folder")?;
    for (from, part) in PARTS {
        copy_all(&packages.join(from), &to.join(part))?;
    }
    Ok(())
}

/// Copies a folder, but for what is Python.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("can't copy {} to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(context)?;
    for entry in fs::read_dir(from).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "__pycache__" {
            copy_all(&path, &to.join(name))?;
        } else if path.is_file() && path.extension().is_none_or(|of| of != "py") {
            fs::copy(&path, to.join(name)).with_context(context)?;
        }
    }
    Ok(())
}
