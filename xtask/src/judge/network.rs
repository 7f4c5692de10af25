//! The networks that are judged, and how the program makes each of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::verdict::Costs;
use crate::build::Stage;

/// A network that is judged: the study of its name in `xtask/judge/networks`.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) name: &'static str,
    /// Whether it is first trained without passes, by the study `NAME_float.toml`; then its own
    /// changes what was trained.
    is_changed_after: bool,
    /// Whether it can be computed in whole numbers.
    pub(super) is_fixed_point: bool,
    /// Whether hls4ml can compile it.
    pub(super) is_for_hls4ml: bool,
    /// Bits of the scales of weights, which we count and qonnx does not.
    pub(super) scale_bits: f64,
    /// Bits of a weight in the file for each bit of its format: QONNX stores two levels with a
    /// scale as three.
    pub(super) file_bits: f64,
}

pub(super) const NETWORKS: [Network; 10] = [
    Network::new("int8"),
    Network::new("int6"),
    Network::new("int4"),
    Network::new("mixed"),
    Network {
        scale_bits: 24.0,
        ..Network::new("ternary")
    },
    Network {
        scale_bits: 24.0,
        file_bits: 2.0,
        ..Network::new("binary")
    },
    Network {
        is_changed_after: true,
        ..Network::new("folded")
    },
    Network::new("pictures"),
    Network {
        is_for_hls4ml: false,
        ..Network::new("residual")
    },
    Network {
        is_fixed_point: false,
        is_for_hls4ml: false,
        ..Network::new("fp8")
    },
];

/// Analyses whose results are compared.
const ANALYSES: &str = "[passes.bops]\n";

/// The files of a network.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) checkpoint: PathBuf,
    pub(super) qonnx: PathBuf,
    /// Absent where the exporter says that hls4ml would compute something else.
    pub(super) hls4ml_config: Option<PathBuf>,
    /// What the program counts.
    pub(super) costs: Costs,
}

impl Network {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            is_changed_after: false,
            is_fixed_point: true,
            is_for_hls4ml: true,
            scale_bits: 0.0,
            file_bits: 1.0,
        }
    }

    /// Returns the names of the studies that it is made by, in order.
    pub(super) fn studies(&self) -> Vec<String> {
        let studies: &[&str] = match self.is_changed_after {
            true => &["_float", ""],
            false => &[""],
        };
        let name = |end: &&str| format!("{}{end}.toml", self.name);
        studies.iter().map(name).collect()
    }

    /// Trains and exports the network, all files in a folder.
    pub(super) fn make(&self, stage: &Stage, studies: &Path, folder: &Path) -> Result<Made> {
        let studies = self.studies().into_iter().map(|file| studies.join(file));
        let studies: Vec<PathBuf> = studies.collect();
        let mut checkpoint = folder.join("trained.safetensors");
        let mut command = stage.command();
        command.arg("train").arg("--config").arg(&studies[0]);
        command.arg("--out").arg(folder.join("training"));
        run(command.arg("--save").arg(&checkpoint))?;
        for study in &studies[1..] {
            let changed = folder.join("changed.safetensors");
            let mut command = stage.command();
            command.arg("transform").arg("--config").arg(study);
            command.arg("--load-name").arg(&checkpoint);
            run(command.arg("--save").arg(&changed))?;
            checkpoint = changed;
        }
        let qonnx = folder.join(format!("{}.onnx", self.name));
        let mut command = stage.command();
        command.args(["export", "--format", "qonnx", "--output"]);
        run(command.arg(&qonnx).arg(&checkpoint))?;
        let hls4ml_config = folder.join("hls4ml_config.yml");
        Ok(Made {
            costs: costs(stage, &checkpoint, &studies[0])?,
            hls4ml_config: hls4ml_config.is_file().then_some(hls4ml_config),
            checkpoint,
            qonnx,
        })
    }
}

/// Returns what the program counts of a checkpoint.
fn costs(stage: &Stage, checkpoint: &Path, made_by: &Path) -> Result<Costs> {
    // Model and data as they were, but other passes.
    let study = fs::read_to_string(made_by).context("can't read the study")?;
    let (subject, _) = study.split_once("[passes").unwrap_or((&study, ""));
    let analyses = checkpoint.with_file_name("analyses.toml");
    fs::write(&analyses, format!("{subject}{ANALYSES}"))?;
    let mut command = stage.command();
    command.args(["transform", "--format", "json", "--config"]);
    command.arg(&analyses).arg("--load-name").arg(checkpoint);
    let said = run(&mut command)?;
    let said: Value = serde_json::from_slice(&said).context("`transform` printed no JSON")?;
    let counted = &said["before"]["costs"];
    let number = |value: &Value| value.as_f64().context("a cost is missing");
    Ok(Costs {
        macs: number(&counted["macs"])?,
        bops: number(&said["analyses"]["bops"]["metrics"]["bops"])?,
        weight_bits: number(&counted["kernel_bits"])?,
    })
}

/// Runs the program, and returns what it printed; what it says on the way is of interest only where
/// it fails.
fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.context("can't run the program")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim_end());
    }
    Ok(output.stdout)
}
