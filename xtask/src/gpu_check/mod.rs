//! `cargo xtask gpu-check`: what the engine `cuda` does on a machine with a GPU, beside PyTorch.
//!
//! Everything that such a machine needs is packed into one archive: the program, its plugins, this
//! program, studies, the losses that the CPU reached here, and NVRTC where kernels are compiled by it.
//! It unpacks and runs without a Rust toolchain, on NVIDIA's driver alone.

mod losses;
mod pack;
mod speed;
mod toolkit;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::build::Stage;
use crate::cuda;
use crate::metadata::Workspace;
use crate::process::Usage;
use crate::report::Found;

const USAGE: &str = "\
expected `cargo xtask gpu-check [--pack] [--device cpu] [--without-llvm] [--features NAME,...]`

hint: `--pack` only makes the archive; `--device cpu` rehearses on this CPU, with the engine `burn`; \
                     the others are those of `cargo xtask build --engine cuda`";

/// What is checked: the engine and its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Cuda,
    /// A rehearsal, with less of everything.
    Cpu,
}

impl Device {
    fn engine(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Cpu => "burn",
        }
    }

    fn accelerator(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Args {
    device: Device,
    /// How the engine is built.
    options: cuda::Options,
    pack_only: bool,
    /// A folder that was packed; absent where it is to be made.
    packed: Option<PathBuf>,
}

/// Runs `cargo xtask gpu-check`.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let args = parse(args)?;
    let folder = match &args.packed {
        Some(folder) => folder.clone(),
        None => pack::pack(&Workspace::load()?, args.device, &args.options)?,
    };
    match args.pack_only {
        true => Ok(()),
        false => check(&folder, args.device),
    }
}

fn parse(args: &[String]) -> Result<Args> {
    let (mut device, mut pack_only, mut packed) = (Device::Cuda, false, None);
    let mut of_build = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--pack" => pack_only = true,
            "--device" => match args.next().map(String::as_str) {
                Some("cpu") => device = Device::Cpu,
                _ => bail!(Usage(USAGE.to_owned())),
            },
            // What the script in the archive says.
            "--packed" => packed = args.next().map(PathBuf::from),
            _ => of_build.push(arg.clone()),
        }
    }
    let is_built = device == Device::Cuda && packed.is_none();
    if (pack_only && packed.is_some()) || (!is_built && !of_build.is_empty()) {
        bail!(Usage(USAGE.to_owned()));
    }
    Ok(Args {
        device,
        options: cuda::Options::parse(&of_build)?,
        pack_only,
        packed,
    })
}

/// Measures in a folder that was packed.
fn check(folder: &Path, device: Device) -> Result<()> {
    let stage = Stage::at(folder.to_owned());
    println!("device: {}", speed::device(&stage, folder, device)?);
    let mut found = losses::compare(&stage, folder, device)?;
    print!("{}", found.text());
    let speeds = speed::measure(&stage, folder, device)?;
    print!("\n{}", speeds.text());
    found.extend(speeds);
    keep(folder, &found)?;
    match found.missed() {
        0 => Ok(()),
        n => bail!("{n} of the bars above are missed"),
    }
}

/// Returns a command of the program that trains on the device, where the studies lie.
fn program(stage: &Stage, folder: &Path, device: Device, args: &[&str]) -> Command {
    let mut command = stage.command();
    command
        .current_dir(folder)
        .args(args)
        .args(["--engine", device.engine()])
        .args(["--accelerator", device.accelerator()]);
    command
}

/// Runs the program and returns what it said on stderr.
///
/// # Errors
/// What it said, if it does not succeed.
fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.context("can't run the program")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "{}",
        said.trim_start_matches("error: ").trim_end()
    );
    Ok(said)
}

fn keep(folder: &Path, found: &Found) -> Result<()> {
    let path = folder.join("gpu-check.json");
    let json = format!("{:#}\n", found.json());
    std::fs::write(&path, json).with_context(|| format!("can't write {}", path.display()))?;
    eprintln!("gpu-check: all figures are in {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Args> {
        parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn takes_what_the_help_says() {
        let args = parsed(&["--pack", "--without-llvm"]).unwrap();
        assert_eq!(args.options, cuda::Options::plain(true));
        assert!(args.pack_only && args.device == Device::Cuda);
        assert_eq!(parsed(&["--device", "cpu"]).unwrap().device, Device::Cpu);
        let packed = parsed(&["--packed", "here", "--device", "cpu"]).unwrap();
        assert_eq!(packed.packed, Some("here".into()));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let cases = [
            &["--device"][..],
            &["--device", "tpu"],
            &["--quick"],
            &["--device", "cpu", "--without-llvm"],
            &["--packed", "here", "--pack"],
        ];
        for args in cases {
            assert!(parsed(args).unwrap_err().is::<Usage>(), "{args:?}");
        }
    }
}
