//! What 6 bits cost in accuracy: the jet network 64-32-32 with them beside the same in float32.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::peer;
use super::program::remove;
use super::report::{Bar, Found, Row, Table};
use crate::build::Stage;
use crate::metadata::Workspace;

const SEEDS: [u64; 3] = [0, 1, 2];
/// The study files, without their extension.
const STUDIES: [&str; 2] = ["six_bits_float", "six_bits"];
/// The most percentage points of accuracy on the test split that may be lost.
const MOST: f64 = 0.5;

/// Trains both with each seed and judges them on the test split.
pub(super) fn six_bits(workspace: &Workspace) -> Result<Found> {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for seed in SEEDS {
        let mut percent = Vec::new();
        for study in STUDIES {
            eprintln!("bench: six_bits: {study}, seed {seed}");
            percent.push(100.0 * accuracy(workspace, study, seed)?);
        }
        let lost = percent[0] - percent[1];
        percent.push(lost);
        let what = format!("16-64-32-32-5, seed {seed}: accuracy that 6 bits lose");
        rows.push(Row::new(what, lost, "points").with(Bar::AtMost(MOST)));
        lines.push((format!("seed {seed}"), percent));
    }
    let title = "Accuracy on the test split of jets-sim after 40 epochs; with 6 bits, the first 10 are in \
                 float32, and formats are chosen then:";
    let table = Table {
        title: title.to_owned(),
        head: ["", "float32, %", "6 bits, %", "lost, points"]
            .map(str::to_owned)
            .to_vec(),
        lines,
    };
    Ok(Found {
        rows,
        tables: vec![table],
    })
}

/// Trains the network of a study and returns its accuracy on the test split.
fn accuracy(workspace: &Workspace, study: &str, seed: u64) -> Result<f64> {
    let folder = workspace.target.join("bench");
    let out = folder.join("six_bits");
    remove(&out)?;
    let file = |study: &str| peer::folder(workspace).join(format!("{study}.toml"));
    let run = |verb: &str, study: &str, more: &[&std::ffi::OsStr]| {
        let mut command = Stage::of(&workspace.target).command();
        command
            .args([verb, "--format", "json", "--seed", &seed.to_string()])
            .arg("--config")
            .arg(file(study))
            .args(more)
            .env("XDG_CACHE_HOME", folder.join("cache"));
        let output = command.output().context("can't run the program")?;
        let messages = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the program: {}\n{messages}",
            output.status
        );
        serde_json::from_slice::<Value>(&output.stdout).context("its output is no JSON")
    };
    run("train", study, &["--out".as_ref(), out.as_os_str()])?;
    // The network that a checkpoint has is judged with its formats, whatever the study says.
    let checkpoint = out.join("checkpoints").join("best.safetensors");
    let load = ["--load-name".as_ref(), checkpoint.as_os_str()];
    let judged = run("test", STUDIES[0], &load)?;
    judged["accuracy"]
        .as_f64()
        .context("`firebrick test` says no accuracy")
}
