//! The engine `cuda`: a workspace of its own, built where it is asked for alone.
//!
//! burn on a GPU is 150 crates more, one of which downloads LLVM, so `plugins/engine-cuda` is no
//! member of the workspace and is built into a folder of its own, `cuda` in the target folder.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::build::library;
use crate::metadata::Workspace;
use crate::process::{self, Usage};

/// The engine, as `--engine` names it.
pub(crate) const ENGINE: &str = "cuda";

/// The package of its plugin.
pub(crate) const PACKAGE: &str = "firebrick-plugins-engine-cuda";

const FOLDER: &str = "plugins/engine-cuda";

/// What cargo says where the script that downloads LLVM fails, which is all that it does.
const NO_LLVM: &str = "failed to run custom build command for `tracel-llvm-bundler";

/// What of burn can be turned on besides.
const FEATURES: [&str; 2] = ["fusion", "autotune"];

/// How the plugin is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Without LLVM: kernels are compiled by NVRTC, on the machine that has the GPU.
    without_llvm: bool,
    /// Of [`FEATURES`], in their order.
    features: Vec<&'static str>,
}

impl Options {
    /// Returns the options with nothing of burn turned on besides.
    pub(crate) fn plain(without_llvm: bool) -> Self {
        let features = Vec::new();
        Self {
            without_llvm,
            features,
        }
    }

    /// Returns whether kernels are compiled by NVRTC.
    pub(crate) fn is_without_llvm(&self) -> bool {
        self.without_llvm
    }

    /// Reads `[--without-llvm] [--features NAME,...]`.
    ///
    /// # Errors
    /// Names what it does not know.
    pub(crate) fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match (arg, arg.strip_prefix("--features=")) {
                ("--without-llvm", _) => options.without_llvm = true,
                ("--features", _) => options.add(args.next().unwrap_or_default())?,
                (_, Some(names)) => options.add(names)?,
                _ => bail!(Usage(format!(
                    "engine `cuda` has no option `{arg}`\n\nhint: known: --without-llvm, \
                     --features {}",
                    FEATURES.join(",")
                ))),
            }
        }
        Ok(options)
    }

    fn add(&mut self, names: &str) -> Result<()> {
        let wanted: Vec<&str> = names.split(',').map(str::trim).collect();
        if let Some(name) = wanted.iter().find(|name| !FEATURES.contains(name)) {
            let known = FEATURES.join(", ");
            bail!(Usage(format!(
                "engine `cuda` has no feature `{name}`\n\nhint: known: {known}"
            )));
        }
        let is_on = |name: &&str| wanted.contains(name) || self.features.contains(name);
        self.features = FEATURES.into_iter().filter(is_on).collect();
        Ok(())
    }

    /// Returns the options as they are given on the command line.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.without_llvm {
            words.push("--without-llvm".to_owned());
        }
        if !self.features.is_empty() {
            words.push(format!("--features={}", self.features.join(",")));
        }
        words
    }

    /// Returns a command of cargo in the folder of the plugin.
    fn cargo(&self, workspace: &Workspace, verb: &str) -> Command {
        let mut command = process::cargo(&workspace.root.join(FOLDER));
        command.arg(verb);
        command.arg("--target-dir").arg(target(workspace));
        let mut features = self.features.clone();
        if self.without_llvm {
            features.push("without-llvm");
            // The build scripts of LLVM's crates do nothing under this variable, which is meant
            // for who only wants the documentation.
            command.env("DOCS_RS", "1");
        } else {
            command.env_remove("DOCS_RS");
        }
        if !features.is_empty() {
            command.arg("--features").arg(features.join(","));
        }
        command
    }
}

/// Builds the plugin and returns its file.
///
/// # Errors
/// If it does not compile; says so where LLVM can't be downloaded, and what does without it.
pub(crate) fn build(workspace: &Workspace, options: &Options) -> Result<PathBuf> {
    run(options.cargo(workspace, "build").arg("--release"))?;
    let file = target(workspace).join("release").join(library(PACKAGE));
    let notes = notes(workspace);
    fs::write(&notes, options.words().join("\n"))
        .with_context(|| format!("can't write {}", notes.display()))?;
    Ok(file)
}

/// Returns how the plugin was built last; none where it was not, or its folder is gone.
pub(crate) fn last(workspace: &Workspace) -> Option<Options> {
    let words = fs::read_to_string(notes(workspace)).ok()?;
    let words: Vec<String> = words.lines().map(str::to_owned).collect();
    // What another version of this task wrote is as good as nothing.
    Options::parse(&words).ok()
}

/// Checks the format of the plugin, its types and clippy's lints, without LLVM and without linking.
///
/// # Errors
/// If there is an error or a warning.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut format = process::cargo(&workspace.root.join(FOLDER));
    process::run(format.args(["fmt", "--check"]))?;
    let mut command = Options::plain(true).cargo(workspace, "clippy");
    process::run(command.args(["--", "--deny=warnings"]))
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("cuda")
}

fn notes(workspace: &Workspace) -> PathBuf {
    target(workspace).join("options")
}

/// Runs cargo, and tells a download that fails from all else that may go wrong.
fn run(command: &mut Command) -> Result<()> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .context("can't run cargo")?;
    let mut lacks_llvm = false;
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line.context("cargo's messages can't be read")?;
            let line = String::from_utf8_lossy(&line);
            lacks_llvm |= line.contains(NO_LLVM);
            eprintln!("{line}");
        }
    }
    let status = child.wait().context("cargo is gone")?;
    if lacks_llvm {
        bail!(
            "LLVM, which compiles burn's kernels, could not be downloaded from GitHub\n\nhint: \
             `cargo xtask build --engine cuda --without-llvm` does without; the machine with the \
             GPU then needs NVRTC and the headers of the CUDA toolkit"
        );
    }
    process::succeed(command, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args)
    }

    #[test]
    fn options_are_kept_as_they_are_read() {
        let lines = [
            "",
            "--without-llvm",
            "--features=fusion",
            "--without-llvm --features=fusion,autotune",
        ];
        for line in lines {
            assert_eq!(parse(line).unwrap().words().join(" "), line);
        }
        let twice = parse("--features autotune --features fusion").unwrap();
        assert_eq!(twice, parse("--features fusion,autotune").unwrap());
    }

    #[test]
    fn names_the_options_that_there_are() {
        let error = parse("--without-lvm").unwrap_err();
        assert!(error.is::<Usage>());
        assert_eq!(
            error.to_string(),
            "engine `cuda` has no option `--without-lvm`\n\nhint: known: --without-llvm, \
             --features fusion,autotune"
        );
        for line in ["--features fussion", "--features", "--features=fusion,"] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains("has no feature"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_download_that_fails_names_the_way_without() {
        let shell = |script: &str| run(Command::new("sh").args(["-c", script]));
        let no_llvm = format!("echo 'error: {NO_LLVM} v1`' >&2; exit 101");
        let error = shell(&no_llvm).unwrap_err().to_string();
        assert!(error.contains("--engine cuda --without-llvm"), "{error}");
        let error = shell("echo 'error: else' >&2; exit 101").unwrap_err();
        assert_eq!(
            process::exit_code(&error),
            std::process::ExitCode::from(101)
        );
        assert!(!error.to_string().contains("LLVM"), "{error}");
        shell("echo '   Compiling x' >&2").unwrap();
    }

    #[test]
    fn the_way_without_llvm_downloads_nothing() {
        let workspace = Workspace::load().unwrap();
        let asked = |line: &str| {
            let command = parse(line).unwrap().cargo(&workspace, "build");
            let docs_rs = command.get_envs().find(|(name, _)| *name == "DOCS_RS");
            let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
            (docs_rs.unwrap().1.is_some(), args[3..].join(" "))
        };
        assert_eq!(asked(""), (false, String::new()));
        let features = "--features fusion,without-llvm".to_owned();
        assert_eq!(asked("--without-llvm --features fusion"), (true, features));
    }

    #[test]
    fn is_no_member_of_the_workspace() {
        let workspace = Workspace::load().unwrap();
        assert!(
            workspace
                .packages
                .iter()
                .all(|package| package.name != PACKAGE)
        );
        let manifest = workspace.root.join(FOLDER).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).unwrap();
        assert!(manifest.contains(&format!("name = \"{PACKAGE}\"")));
    }
}
