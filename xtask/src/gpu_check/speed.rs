//! How fast the device trains, beside PyTorch on the same device.
//!
//! Ours is the whole program. An epoch's time is what more epochs take longer, so that start, data
//! and compilation of kernels do not count; whole searches count from start to end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Device, losses, program, run};
use crate::build::Stage;
use crate::process;
use crate::report::{Bar, Found, Row};

/// Rows that the studies of jets learn from.
const JETS: f64 = 50_000.0;
/// Pictures that the others learn from.
const PICTURES: f64 = 9_900.0;
const BATCHES: [usize; 2] = [128, 512];

/// How much is done.
struct Scale {
    /// Epochs of the shorter and the longer of two runs, on jets.
    jet_epochs: [usize; 2],
    /// The same on pictures.
    picture_epochs: [usize; 2],
    /// The jet networks that are trained at a time.
    stacks: &'static [usize],
    /// The small VGG7s that are trained at a time.
    n_small: usize,
    /// Candidates and epochs of the whole study.
    study: [usize; 2],
    /// The study of the large VGG7, and its width.
    pictures: [&'static str; 2],
    /// How long PyTorch runs for a figure.
    seconds: &'static str,
}

impl Scale {
    fn of(device: Device) -> Self {
        match device {
            Device::Cuda => Self {
                jet_epochs: [2, 12],
                picture_epochs: [2, 6],
                stacks: &[1, 16, 128, 512],
                n_small: 16,
                study: [500, 16],
                pictures: ["pictures.toml", "1"],
                seconds: "3",
            },
            Device::Cpu => Self {
                jet_epochs: [2, 22],
                picture_epochs: [1, 3],
                stacks: &[1, 16],
                n_small: 2,
                study: [16, 2],
                pictures: ["small_pictures.toml", "0.125"],
                seconds: "1",
            },
        }
    }
}

/// Returns what the engine says of its device.
///
/// # Errors
/// What the program says where there is none.
pub(super) fn device(stage: &Stage, folder: &Path, device: Device) -> Result<String> {
    let mut command = program(
        stage,
        folder,
        device,
        &["train", "jsc-three-linear", "jets-sim"],
    );
    command.arg("--dry-run");
    let said = run(&mut command)?;
    let line = said.lines().find(|line| line.starts_with("engine "));
    Ok(line.unwrap_or("the program does not say").to_owned())
}

/// Measures ours, and PyTorch where it is installed.
pub(super) fn measure(stage: &Stage, folder: &Path, device: Device) -> Result<Found> {
    let scale = Scale::of(device);
    let torch = torch(folder, device, &scale)?;
    let mut rows = Vec::new();
    let mut add = |what: String, ours: f64, unit: &'static str, theirs: Option<f64>, bar| {
        rows.push(Row::new(format!("{what}, ours"), ours, unit));
        if let Some(theirs) = theirs {
            rows.push(Row::new(format!("{what}, PyTorch"), theirs, unit));
            let ratio = Row::new(format!("{what}, ours / PyTorch"), ours / theirs, "x");
            rows.push(match (bar, device) {
                (Some(bar), Device::Cuda) => ratio.with(bar),
                _ => ratio,
            });
        }
    };
    let an_epoch = |args: &[&str], epochs| seconds_an_epoch(stage, folder, device, args, epochs);
    for &n in scale.stacks {
        eprintln!("gpu-check: speed: {n} jet networks at a time");
        let n_trials = n.to_string();
        let args = ["search", "--config", "jets.toml", "--n-trials", &n_trials];
        let seconds = an_epoch(&args, scale.jet_epochs)?;
        let what = format!("{n} jet networks at a time");
        let theirs = torch.get(&format!("jets {n}")).copied();
        add(what, n as f64 * JETS / seconds, "samples/s", theirs, None);
    }
    let [study, width] = scale.pictures;
    for batch in BATCHES {
        eprintln!("gpu-check: speed: VGG7, batch {batch}");
        let size = batch.to_string();
        let args = ["train", "--config", study, "--batch-size", &size];
        let seconds = an_epoch(&args, scale.picture_epochs)?;
        let what = format!("VGG7 of width {width}, batch {batch}");
        let theirs = torch.get(&format!("pictures {batch}")).copied();
        add(
            what,
            PICTURES / seconds,
            "images/s",
            theirs,
            Some(Bar::AtLeast(0.8)),
        );
    }
    let n_small = scale.n_small;
    eprintln!("gpu-check: speed: {n_small} small VGG7s at a time");
    let n_trials = n_small.to_string();
    let args = [
        "search",
        "--config",
        "small_pictures.toml",
        "--n-trials",
        &n_trials,
    ];
    let seconds = an_epoch(&args, scale.picture_epochs)?;
    let speed = n_small as f64 * PICTURES / seconds;
    let what = format!("{n_small} VGG7s of up to an eighth of the width at a time (PyTorch: one)");
    let theirs = torch.get("small").copied();
    add(what, speed, "images/s", theirs, Some(Bar::AtLeast(1.5)));

    let [n_trials, epochs] = scale.study;
    eprintln!("gpu-check: speed: {n_trials} candidates, {epochs} epochs");
    let trials = n_trials.to_string();
    let args = ["search", "--config", "jets.toml", "--n-trials", &trials];
    let seconds = time(stage, folder, device, &args, epochs)?;
    let what = format!("search of {n_trials} jet networks, {epochs} epochs of 50,000 rows");
    let row = Row::new(format!("{what}, ours"), seconds, "s");
    rows.push(match device {
        Device::Cuda => row.with(Bar::AtMost(60.0)),
        Device::Cpu => row,
    });
    if let Some(each) = torch.get("candidates") {
        let what = format!("{what}, PyTorch, one after another, scaled from 2");
        rows.push(Row::new(what, n_trials as f64 * each, "s"));
    }
    Ok(rows.into())
}

/// Returns how long an epoch takes: what more epochs take longer; NaN where they took no longer.
fn seconds_an_epoch(
    stage: &Stage,
    folder: &Path,
    device: Device,
    args: &[&str],
    [few, many]: [usize; 2],
) -> Result<f64> {
    let seconds = |epochs| time(stage, folder, device, args, epochs);
    // What is compiled once is in its cache then.
    seconds(1)?;
    let longer = seconds(many)? - seconds(few)?;
    if longer <= 0.0 {
        eprintln!("gpu-check: too busy to measure: {many} epochs took no longer than {few}");
        return Ok(f64::NAN);
    }
    Ok(longer / (many - few) as f64)
}

fn time(stage: &Stage, folder: &Path, device: Device, args: &[&str], epochs: usize) -> Result<f64> {
    let out = folder.join("out");
    losses::remove(&out)?;
    let mut command = program(stage, folder, device, args);
    command.args(["--max-epochs", &epochs.to_string()]);
    command.arg("--out").arg(&out);
    let start = Instant::now();
    run(&mut command)?;
    let seconds = start.elapsed().as_secs_f64();
    losses::remove(&out)?;
    Ok(seconds)
}

/// Returns the figures of PyTorch by name; none where it is not installed or has no such device,
/// which is said.
fn torch(folder: &Path, device: Device, scale: &Scale) -> Result<BTreeMap<String, f64>> {
    let usable = match device {
        Device::Cuda => "import torch; assert torch.cuda.is_available()",
        Device::Cpu => "import torch",
    };
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut probe = Command::new(&python);
    probe.args(["-c", usable]);
    let probe = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!(
            "gpu-check: skipped PyTorch: `{usable}` fails in {}; `PYTHON` names another",
            python.display()
        );
        return Ok(BTreeMap::new());
    }
    eprintln!("gpu-check: PyTorch");
    let mut command = Command::new(&python);
    let epochs = scale.study[1].to_string();
    command.arg(folder.join("torch_gpu.py")).args([
        match device {
            Device::Cuda => "cuda",
            Device::Cpu => "cpu",
        },
        scale.seconds,
        &epochs,
        &JETS.to_string(),
        scale.pictures[1],
    ]);
    parse(&process::read(&mut command)?)
}

/// Reads lines of JSON, one a figure.
fn parse(text: &str) -> Result<BTreeMap<String, f64>> {
    let figure = |line: &str| {
        let found: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let what = found["what"].as_str().map(str::to_owned);
        let pair = what.zip(found["value"].as_f64());
        pair.with_context(|| format!("no figure in `{line}`"))
    };
    text.lines().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_figures_of_pytorch() {
        let text = "{\"what\": \"jets 16\", \"value\": 2.5, \"torch\": \"2\", \"device\": \"x\"}\n\
                    {\"what\": \"small\", \"value\": 4}\n";
        let figures = parse(text).unwrap();
        assert_eq!((figures["jets 16"], figures["small"]), (2.5, 4.0));
        assert!(parse("{\"what\": \"small\"}").is_err());
        assert!(parse("Traceback").is_err());
    }
}
