//! The losses of the CPU, reached where the archive is packed, and those of the device.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Device, program, run};
use crate::build::Stage;
use crate::report::{Bar, Found, Row, Table};

/// The file of the CPU's losses in the archive.
const FILE: &str = "expected.json";
/// How far a loss of the device may be from the CPU's, relatively.
const TOLERANCE: f64 = 1e-3;

/// A training whose losses are compared: its name, and what the program is told.
const TRAININGS: [(&str, &[&str]); 3] = [
    (
        "dense",
        &["train", "jsc-three-linear", "jets-sim", "--max-epochs", "3"],
    ),
    (
        "residual",
        &["train", "resnet-tiny", "shapes10", "--max-epochs", "1"],
    ),
    (
        "stack of 16",
        &[
            "search",
            "--config",
            "jets.toml",
            "--n-trials",
            "16",
            "--max-epochs",
            "2",
        ],
    ),
];

/// Losses by what they are of: `epoch 1, training`, `trial 3`.
type Losses = BTreeMap<String, f64>;

/// Trains on the CPU with the engine `burn`, and keeps the losses in the folder of the archive.
pub(super) fn expect(stage: &Stage, folder: &Path, scratch: &Path) -> Result<()> {
    let mut all = serde_json::Map::new();
    for (name, args) in TRAININGS {
        eprintln!("gpu-check: the CPU's losses: {name}");
        all.insert(
            name.to_owned(),
            json!(reached(stage, folder, Device::Cpu, args, scratch)?),
        );
    }
    let path = folder.join(FILE);
    fs::write(&path, format!("{:#}\n", Value::Object(all)))
        .with_context(|| format!("can't write {}", path.display()))
}

/// Trains the same on the device and says how far its losses are from those of the CPU.
pub(super) fn compare(stage: &Stage, folder: &Path, device: Device) -> Result<Found> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let expected: BTreeMap<String, Losses> =
        parse(&text).with_context(|| format!("{} holds no losses", path.display()))?;
    let mut found = Found::default();
    for (name, args) in TRAININGS {
        eprintln!("gpu-check: losses: {name}");
        let expected = expected
            .get(name)
            .with_context(|| format!("{} has no `{name}`", path.display()))?;
        let there = reached(stage, folder, device, args, folder)?;
        found.extend(compared(name, expected, &there)?);
    }
    Ok(found)
}

fn compared(name: &str, expected: &Losses, there: &Losses) -> Result<Found> {
    if !expected.keys().eq(there.keys()) {
        bail!("`{name}` has losses {expected:?} on the CPU, but {there:?} on the device");
    }
    let mut worst = 0.0_f64;
    let mut lines = Vec::new();
    for ((of, cpu), device) in expected.iter().zip(there.values()) {
        let apart = (device - cpu).abs() / cpu.abs();
        // `max` would pass over NaN.
        worst = worst.max(if apart.is_nan() { f64::INFINITY } else { apart });
        lines.push((format!("{name}, {of}"), vec![*cpu, *device, apart]));
    }
    let table = Table {
        title: format!("Losses, {name}"),
        head: ["of", "CPU", "device", "apart"].map(str::to_owned).to_vec(),
        lines,
    };
    let row = Row::new(
        format!("losses of {name}, largest relative difference"),
        worst,
        "",
    );
    Ok(Found {
        rows: vec![row.with(Bar::AtMost(TOLERANCE))],
        tables: vec![table],
    })
}

fn parse(text: &str) -> Result<BTreeMap<String, Losses>> {
    let json: Value = serde_json::from_str(text)?;
    let networks = json.as_object().context("no object")?;
    let losses = networks.iter().map(|(name, losses)| {
        let losses = losses.as_object().context("no object")?;
        let losses = losses
            .iter()
            .map(|(of, loss)| Ok((of.clone(), loss.as_f64().context("no number")?)));
        Ok((name.clone(), losses.collect::<Result<_>>()?))
    });
    losses.collect()
}

fn reached(
    stage: &Stage,
    folder: &Path,
    device: Device,
    args: &[&str],
    scratch: &Path,
) -> Result<Losses> {
    let out = scratch.join("out");
    let mut command = program(stage, folder, device, args);
    command.arg("--out").arg(&out);
    remove(&out)?;
    run(&mut command)?;
    let losses = match args[0] {
        "search" => of_trials(&read(&out.join("log.json"))?),
        _ => of_epochs(&read(&out.join("metrics.csv"))?),
    };
    remove(&out)?;
    losses.filter(|losses| !losses.is_empty()).with_context(|| {
        let args = args.join(" ");
        format!("`firebrick {args}` left no losses")
    })
}

/// Reads the losses of epochs from `metrics.csv`; lines of single steps have none.
fn of_epochs(csv: &str) -> Option<Losses> {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next()?;
    let column = |name| head.iter().position(|column| *column == name);
    let epoch = column("epoch")?;
    let columns = [
        ("training", column("train_loss_epoch")?),
        ("validation", column("val_loss_epoch")?),
    ];
    let mut losses = Losses::new();
    for line in lines {
        for (name, column) in columns {
            let cell = line.get(column).copied().unwrap_or_default();
            if !cell.is_empty() {
                let of = format!("epoch {}, {name}", line.get(epoch)?);
                losses.insert(of, cell.parse().ok()?);
            }
        }
    }
    Some(losses)
}

/// Reads the validation losses of trials from `log.json`.
fn of_trials(json: &str) -> Option<Losses> {
    let log: Value = serde_json::from_str(json).ok()?;
    let trials = log.as_object()?.iter();
    let losses = trials.map(|(number, trial)| {
        let loss = trial["user_attrs_software_metrics"]["loss"].as_f64()?;
        Some((format!("trial {number:>3}, validation"), loss))
    });
    losses.collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("no {}", path.display()))
}

/// Removes a folder of results, if it is there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(pairs: &[(&str, f64)]) -> Losses {
        let pairs = pairs.iter().map(|(of, loss)| ((*of).to_owned(), *loss));
        pairs.collect()
    }

    #[test]
    fn reads_the_losses_of_epochs_and_passes_over_steps() {
        let csv = "epoch,step,train_loss_step,train_loss_epoch,val_loss_epoch\n\
                   1,50,1.5,,\n1,,,1.25,1.5\n2,,,1.0,1.125\n";
        let expected = losses(&[
            ("epoch 1, training", 1.25),
            ("epoch 1, validation", 1.5),
            ("epoch 2, training", 1.0),
            ("epoch 2, validation", 1.125),
        ]);
        assert_eq!(of_epochs(csv), Some(expected));
        assert_eq!(of_epochs("epoch,loss\n1,2\n"), None);
    }

    #[test]
    fn reads_the_losses_of_trials() {
        let log = r#"{"0": {"user_attrs_software_metrics": {"loss": 0.5}},
                      "1": {"user_attrs_software_metrics": {"loss": 0.75}}}"#;
        let expected = losses(&[
            ("trial   0, validation", 0.5),
            ("trial   1, validation", 0.75),
        ]);
        assert_eq!(of_trials(log), Some(expected));
        assert_eq!(of_trials(r#"{"0": {"state": "FAILED"}}"#), None);
    }

    #[test]
    fn holds_losses_to_a_thousandth() {
        let cpu = losses(&[("a", 2.0), ("b", 1.0)]);
        let missed = |there: &Losses| compared("net", &cpu, there).unwrap().missed();
        assert_eq!(missed(&losses(&[("a", 2.0019), ("b", 0.9991)])), 0);
        assert_eq!(missed(&losses(&[("a", 2.0021), ("b", 1.0)])), 1);
        assert_eq!(missed(&losses(&[("a", f64::NAN), ("b", 1.0)])), 1);
        assert_eq!(missed(&losses(&[("a", 2.0), ("b", f64::NAN)])), 1);
        assert!(compared("net", &cpu, &losses(&[("a", 2.0)])).is_err());
    }

    #[test]
    fn reads_what_was_expected() {
        let text = r#"{"dense": {"epoch 1, training": 1.5}}"#;
        let expected = losses(&[("epoch 1, training", 1.5)]);
        assert_eq!(parse(text).unwrap()["dense"], expected);
        assert!(parse("[]").is_err());
    }
}
