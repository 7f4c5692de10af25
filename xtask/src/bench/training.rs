//! Training of the three-linear jet network by the engine `burn` beside PyTorch, on the same machine
//! in the same run.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::report::{Bar, Found, Row};
use super::{example, median, peer};
use crate::metadata::Workspace;
use crate::process;

const ROWS: &str = "100000";
const SECONDS: &str = "2";
/// Takes about as long as `SECONDS`.
const EPOCHS: &str = "40";
const BATCHES: [&str; 2] = ["256", "512"];
const N_ROUNDS: usize = 5;

/// Samples a second by setting, one number a round.
type Speeds = BTreeMap<String, Vec<f64>>;

/// Measures ours and PyTorch in turns, so that both see the same moods of the machine.
pub(super) fn train(workspace: &Workspace) -> Result<Found> {
    let example = example::build(&workspace.root, "firebrick-engine-burn", "throughput")?;
    let python = peer::python(workspace);
    let script = peer::folder(workspace).join("torch_jsc.py");
    let mut speeds = Speeds::new();
    for round in 1..=N_ROUNDS {
        eprintln!("bench: train: round {round} of {N_ROUNDS}");
        for batch in BATCHES {
            // One network on one thread, then two on two.
            for n in ["1", "2"] {
                let mut command = Command::new(&example);
                collect(&mut speeds, command.args([batch, n, n, ROWS, EPOCHS]), ours)?;
            }
        }
        if let Some(python) = &python {
            let mut command = Command::new(python);
            command.arg(&script).args([ROWS, SECONDS]).args(BATCHES);
            collect(&mut speeds, &mut command, torch)?;
        }
    }
    Ok(rows(&speeds).into())
}

/// Adds what a program prints, a line of JSON a setting.
fn collect(
    speeds: &mut Speeds,
    command: &mut Command,
    name: fn(&Value) -> Option<String>,
) -> Result<()> {
    for line in process::read(command)?.lines() {
        let found: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let name = name(&found).with_context(|| format!("no setting in `{line}`"))?;
        let speed = found["samples_per_s"].as_f64();
        let speed = speed.with_context(|| format!("no speed in `{line}`"))?;
        speeds.entry(name).or_default().push(speed);
    }
    Ok(())
}

fn ours(line: &Value) -> Option<String> {
    let networks = match line["candidates"].as_u64()? {
        1 => "one network".to_owned(),
        n => format!("{n} networks on {} threads", line["threads"].as_u64()?),
    };
    Some(format!(
        "{} engine burn, {networks}",
        line["batch_size"].as_u64()?
    ))
}

fn torch(line: &Value) -> Option<String> {
    let adam = if line["fused"].as_bool()? {
        "fused Adam"
    } else {
        "Adam"
    };
    let (batch, threads) = (line["batch"].as_u64()?, line["threads"].as_u64()?);
    Some(format!("{batch} PyTorch, {adam}, threads {threads}"))
}

/// Returns each setting's median, and the ratios to the best of PyTorch as it comes and as it is
/// fastest.
fn rows(speeds: &Speeds) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in BATCHES {
        let of_batch: Vec<(&str, f64)> = speeds
            .iter()
            .filter_map(|(name, rounds)| Some((name.strip_prefix(batch)?.trim(), rounds)))
            .map(|(name, rounds)| (name, median(rounds.clone())))
            .collect();
        for (name, speed) in &of_batch {
            rows.push(Row::new(
                format!("training, batch {batch}, {name}"),
                *speed,
                "samples/s",
            ));
        }
        let best = |part: &str| {
            let of_part = of_batch.iter().filter(|(name, _)| name.contains(part));
            of_part.map(|(_, speed)| *speed).max_by(f64::total_cmp)
        };
        let Some(ours) = best("engine burn, one") else {
            continue;
        };
        if let Some(torch) = best(", Adam") {
            let row = Row::new(
                format!("training, batch {batch}, engine burn / PyTorch"),
                ours / torch,
                "x",
            );
            rows.push(if batch == "256" {
                row.with(Bar::AtLeast(3.0))
            } else {
                row
            });
        }
        if let Some(torch) = best(", fused Adam") {
            let what = format!("training, batch {batch}, engine burn / PyTorch with fused Adam");
            rows.push(Row::new(what, ours / torch, "x"));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_the_best_setting_of_pytorch() {
        let speeds = Speeds::from([
            (
                "256 engine burn, one network".to_owned(),
                vec![9.0, 3.0, 12.0],
            ),
            (
                "256 engine burn, 2 networks on 2 threads".to_owned(),
                vec![18.0],
            ),
            ("256 PyTorch, Adam, threads 1".to_owned(), vec![3.0]),
            ("256 PyTorch, Adam, threads 2".to_owned(), vec![2.0]),
            ("256 PyTorch, fused Adam, threads 1".to_owned(), vec![4.5]),
        ]);
        let rows = rows(&speeds);
        let value = |what: &str| rows.iter().find(|row| row.what == what).unwrap().value;
        assert_eq!(value("training, batch 256, engine burn / PyTorch"), 3.0);
        assert_eq!(
            value("training, batch 256, engine burn / PyTorch with fused Adam"),
            2.0
        );
    }

    #[test]
    fn reads_a_setting_of_pytorch() {
        let line = r#"{"batch": 512, "threads": 2, "fused": true, "samples_per_s": 1.5}"#;
        let name = torch(&serde_json::from_str(line).unwrap());
        assert_eq!(name.as_deref(), Some("512 PyTorch, fused Adam, threads 2"));
    }
}
