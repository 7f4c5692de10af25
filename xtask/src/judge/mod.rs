//! `cargo xtask judge`: exported networks beside what others compute of them.
//!
//! Each network is trained by the program, exported as QONNX, and computed by four: Firebrick in
//! whole numbers, qonnx, and the C++ that hls4ml makes of it; qonnx counts its operations and bits.
//! All outputs and costs have to be equal.

mod network;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::bench::example;
use crate::build::{Need, Stage, build};
use crate::metadata::Workspace;
use crate::process::{Usage, is_installed};
use crate::python::Environment;
use network::{NETWORKS, Network};
use verdict::Verdict;

/// Who judges. hls4ml's next minor version may read other files.
const JUDGES: Environment = Environment {
    folder: "judge-venv",
    packages: &[
        "hls4ml==1.3.*",
        "qonnx==1.0.*",
        "onnxruntime",
        "numpy",
        "pyyaml",
    ],
    import: "import hls4ml, qonnx, onnxruntime, numpy, yaml",
};

/// Of how many random rows all outputs are compared.
const ROWS: usize = 1000;

/// The tools of a judgement.
struct Court {
    stage: Stage,
    python: PathBuf,
    /// The program that computes a checkpoint in whole numbers.
    forward: PathBuf,
    script: PathBuf,
    /// Where each network has a folder.
    folder: PathBuf,
    studies: PathBuf,
}

/// Runs `cargo xtask judge [--keep] [NETWORK...]`, by default all networks.
///
/// Without Python, a C++ compiler or PyPI, it says so and does nothing.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let (keep, networks) = wanted(args)?;
    let workspace = Workspace::load()?;
    let python = match python(&workspace.target) {
        Ok(python) => python,
        Err(error) => {
            println!("judge: skipped: {error:#}");
            return Ok(());
        }
    };
    for engine in ["mlp", "burn"] {
        build(&workspace, &Need::Engine(engine.to_owned()))?;
    }
    let folder = workspace.target.join("judge");
    let court = Court {
        stage: Stage::of(&workspace.target),
        python,
        forward: example::build(&workspace.root, "firebrick-export", "forward")?,
        script: workspace.root.join("xtask/judge/judge.py"),
        studies: workspace.root.join("xtask/judge/networks"),
        folder,
    };
    let verdicts = court.judge_all(&networks);
    if !keep {
        remove(&court.folder)?;
    }
    let verdicts = verdicts?;
    print!("{}", verdict::table(&verdicts));
    let complaints: Vec<String> = verdicts.iter().flat_map(Verdict::complaints).collect();
    if !complaints.is_empty() {
        bail!(
            "networks are not what others compute of them\n  {}\n\nhint: `--keep` leaves their \
             files in {}",
            complaints.join("\n  "),
            court.folder.display()
        );
    }
    Ok(())
}

fn wanted(args: &[String]) -> Result<(bool, Vec<&'static Network>)> {
    let (flags, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with('-'));
    if let Some(flag) = flags.iter().find(|flag| **flag != "--keep") {
        let hint = "expected `cargo xtask judge [--keep] [NETWORK...]`";
        bail!(Usage(format!("unknown flag `{flag}`\n\nhint: {hint}")));
    }
    let known = |name: &str| NETWORKS.iter().any(|network| network.name == name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let known = NETWORKS.map(|network| network.name).join(", ");
        bail!(Usage(format!(
            "unknown network `{name}`\n\nhint: known: {known}"
        )));
    }
    let networks = NETWORKS.iter();
    let is_wanted =
        |network: &&Network| names.is_empty() || names.iter().any(|name| *name == network.name);
    Ok((!flags.is_empty(), networks.filter(is_wanted).collect()))
}

/// Returns a Python that has the judges.
fn python(target: &Path) -> Result<PathBuf> {
    if !is_installed(&mut Command::new("g++")) {
        bail!("there is no `g++`, which hls4ml compiles with");
    }
    JUDGES
        .python(target)
        .context("hls4ml and qonnx can't be installed here, for which Python and PyPI are needed")
}

impl Court {
    /// Judges networks, as many at once as there are processors.
    fn judge_all(&self, networks: &[&'static Network]) -> Result<Vec<Verdict>> {
        // From the last on: those of pictures, which take longest, are there.
        let waiting: Mutex<Vec<(usize, &Network)>> =
            Mutex::new(networks.iter().copied().enumerate().collect());
        let take = || waiting.lock().ok()?.pop();
        let work = || {
            let mut done = Vec::new();
            while let Some((idx, network)) = take() {
                done.push((idx, self.judge(network)));
            }
            done
        };
        let n_workers = thread::available_parallelism().map_or(1, usize::from);
        let mut done = thread::scope(|scope| {
            let workers: Vec<_> = (0..n_workers.min(networks.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let done = workers.into_iter().map(|worker| worker.join());
            done.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect::<Vec<_>>()
        });
        done.sort_by_key(|(idx, _)| *idx);
        done.into_iter().map(|(_, verdict)| verdict).collect()
    }

    fn judge(&self, network: &'static Network) -> Result<Verdict> {
        eprintln!("judge: {}", network.name);
        let start = Instant::now();
        let context = || format!("network `{}`", network.name);
        let folder = self.folder.join(network.name);
        remove(&folder)?;
        fs::create_dir_all(&folder).with_context(context)?;
        let made = network
            .make(&self.stage, &self.studies, &folder)
            .with_context(context)?;
        let mut command = Command::new(&self.python);
        command.arg(&self.script).arg(&made.qonnx);
        command.arg("--checkpoint").arg(&made.checkpoint);
        command.arg("--forward").arg(&self.forward);
        command.arg("--folder").arg(&folder);
        command.args(["--rows", &ROWS.to_string()]);
        if let Some(config) = &made.hls4ml_config {
            command.arg("--hls4ml-config").arg(config);
        }
        let log = folder.join("judge.log");
        let said = fs::File::create(&log).with_context(context)?;
        let output = command.stderr(Stdio::from(said)).output();
        let output = output.with_context(context)?;
        if !output.status.success() {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n  ");
            bail!("network `{}` can't be judged:\n  {last}", network.name);
        }
        Verdict::read(network, &made, &output.stdout, start.elapsed()).with_context(context)
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Result<(bool, Vec<&'static str>)> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (keep, networks) = wanted(&args)?;
        Ok((keep, networks.iter().map(|network| network.name).collect()))
    }

    #[test]
    fn judges_all_networks_unless_some_are_named() {
        let (keep, all) = names("").unwrap();
        assert!(!keep);
        assert_eq!(all.len(), NETWORKS.len());
        assert_eq!(names("ternary --keep").unwrap(), (true, vec!["ternary"]));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let error = names("quaternary").unwrap_err().to_string();
        assert!(error.starts_with("unknown network `quaternary`"), "{error}");
        let error = names("--kep").unwrap_err().to_string();
        assert!(error.starts_with("unknown flag `--kep`"), "{error}");
    }

    #[test]
    fn every_network_has_a_study_and_every_study_a_network() {
        let workspace = Workspace::load().unwrap();
        let files = fs::read_dir(workspace.root.join("xtask/judge/networks")).unwrap();
        let mut files: Vec<String> = files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        let mut expected: Vec<String> = NETWORKS.iter().flat_map(Network::studies).collect();
        files.sort();
        expected.sort();
        assert_eq!(files, expected);
    }
}
