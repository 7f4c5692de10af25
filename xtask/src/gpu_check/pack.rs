//! The archive that a bare machine with a GPU needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Device, losses, toolkit};
use crate::build::{self, Need, Stage};
use crate::cuda;
use crate::metadata::Workspace;
use crate::process;

/// The name of the folder in the archive.
const NAME: &str = "firebrick-gpu-check";
/// The most that the archive may have.
const BYTES_MAX: u64 = 60_000_000;
/// What lies beside the program: studies and the peer's scripts.
const FILES: [&str; 5] = [
    "gpu/jets.toml",
    "gpu/pictures.toml",
    "gpu/small_pictures.toml",
    "gpu/torch_gpu.py",
    "bench/torch_vgg.py",
];

/// Builds everything, trains what the device is compared with, and packs it; returns the folder.
pub(super) fn pack(
    workspace: &Workspace,
    device: Device,
    options: &cuda::Options,
) -> Result<PathBuf> {
    // The engine `burn` trains what is expected, whatever is checked.
    build::build(workspace, &Need::Engine("burn".to_owned()))?;
    if device == Device::Cuda {
        build::build(workspace, &Need::Cuda(options.clone()))?;
    }
    let parent = workspace.target.join("gpu-check");
    let folder = parent.join(NAME);
    losses::remove(&folder)?;
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    for file in FILES {
        let from = workspace.root.join("xtask").join(file);
        let name = from.file_name().unwrap_or_default();
        copy(&from, &folder.join(name))?;
    }
    let stage = Stage::of(&workspace.target);
    losses::expect(&stage, &folder, &parent)?;
    let packed = Stage::at(folder.clone());
    stage.copy_to(&packed, &workspace.plugins())?;
    leave_out_other_engines(&packed, device)?;
    let program = std::env::current_exe().context("this program has no path")?;
    copy(&program, &folder.join("bin/xtask"))?;
    strip(&packed, &folder)?;
    if device == Device::Cuda && options.is_without_llvm() {
        toolkit::add(workspace, &folder)?;
    }
    write_script(&folder, device)?;
    let archive = parent.join(format!("{NAME}.tar.gz"));
    process::run(
        Command::new("tar")
            .arg("-C")
            .arg(&parent)
            .arg("-czf")
            .arg(&archive)
            .arg(NAME),
    )?;
    let bytes = fs::metadata(&archive)?.len();
    let mb = bytes as f64 / 1e6;
    if bytes > BYTES_MAX {
        bail!("{} has {mb:.1} MB, more than 60", archive.display());
    }
    eprintln!(
        "gpu-check: packed {} ({mb:.1} MB); elsewhere: `tar -xzf {NAME}.tar.gz && \
         {NAME}/gpu-check`",
        archive.display()
    );
    Ok(folder)
}

fn leave_out_other_engines(packed: &Stage, device: Device) -> Result<()> {
    for plugin in packed.plugins() {
        let name = plugin.file_name().unwrap_or_default().to_string_lossy();
        let is_wanted = name.contains(&format!("plugins_engine_{}", device.engine()));
        if name.contains("plugins_engine_") && !is_wanted {
            fs::remove_file(&plugin)
                .with_context(|| format!("can't remove {}", plugin.display()))?;
        }
    }
    Ok(())
}

/// Takes away what only a debugger reads.
fn strip(packed: &Stage, folder: &Path) -> Result<()> {
    let mut files = packed.plugins();
    files.extend([packed.program(), folder.join("bin/xtask")]);
    process::run(Command::new("strip").arg("--strip-debug").args(files))
}

fn write_script(folder: &Path, device: Device) -> Result<()> {
    let device = match device {
        Device::Cuda => "",
        Device::Cpu => " --device cpu",
    };
    // What the archive brings goes before what the machine has, so that results do not depend on it.
    let toolkit = match folder.join(toolkit::FOLDER).is_dir() {
        true => format!(
            "export CUDA_PATH=\"$here/{0}\"\n\
             export LD_LIBRARY_PATH=\"$here/{0}/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n",
            toolkit::FOLDER
        ),
        false => String::new(),
    };
    let script = format!(
        "#!/bin/sh\n# Checks the device of this machine; prints figures, keeps them in \
         gpu-check.json.\nhere=$(cd \"$(dirname \"$0\")\" && pwd) || exit 2\n{toolkit}exec \
         \"$here/bin/xtask\" gpu-check --packed \"$here\"{device}\n"
    );
    let path = folder.join("gpu-check");
    fs::write(&path, script).with_context(|| format!("can't write {}", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("can't copy {} to {}", from.display(), to.display());
    fs::copy(from, to).with_context(context)?;
    Ok(())
}
