//! What number formats cost in training: networks with formats beside the same in float32, in turns.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::example;
use super::report::{Bar, Found, Row, Table};
use crate::metadata::Workspace;
use crate::process;

const BATCH: &str = "256";
const ROWS: &str = "100000";
const N_ROUNDS: usize = 9;
/// The most that a step with fixed point everywhere may take, over one in float32.
const MOST: f64 = 1.5;
/// Widths of hidden layers behind 16 features, before 5 classes, and epochs that take some tenths of
/// a second.
const NETWORKS: [(&str, &str); 2] = [("16,16", "60"), ("64,32", "20")];
/// Formats of all nodes that have such operands, and what the table calls them; those with fixed
/// point alone have a bar.
const FORMATS: [(&str, &str, bool); 6] = [
    (
        "int8",
        "data_in=integer(8, 4) weight=integer(8, 6) bias=integer(8, 6)",
        true,
    ),
    (
        "int8 data, ternary weights",
        "data_in=integer(8, 4) weight=ternary(2)",
        false,
    ),
    ("fp8_e4m3", "data_in=fp8_e4m3(8) weight=fp8_e4m3(8)", false),
    ("log", "data_in=log(5) weight=log(5)", false),
    ("mxint8", "data_in=mxint8(8) weight=mxint8(8)", false),
    (
        "mxfp4_e2m1",
        "data_in=mxfp4_e2m1(4) weight=mxfp4_e2m1(4)",
        false,
    ),
];

/// Samples a second by engine, network and formats, one number a round; formats are `none` in
/// float32.
type Speeds = BTreeMap<[String; 3], Vec<f64>>;

/// Measures the engine `mlp`, then the engine `burn`, one core each.
pub(super) fn quantize(workspace: &Workspace) -> Result<Found> {
    let mut speeds = Speeds::new();
    measure_mlp(workspace, &mut speeds)?;
    measure_burn(workspace, &mut speeds)?;
    Ok(found(&speeds))
}

fn measure_mlp(workspace: &Workspace, speeds: &mut Speeds) -> Result<()> {
    let example = example::build(&workspace.root, "firebrick-engine-mlp", "mlp_throughput")?;
    let float = ("none", None);
    let quantised = FORMATS.map(|(name, formats, _)| (name, Some(formats)));
    for round in 1..=N_ROUNDS {
        eprintln!("bench: quantize: engine mlp, round {round} of {N_ROUNDS}");
        for (hidden, epochs) in NETWORKS {
            for (name, formats) in [float].into_iter().chain(quantised) {
                let mut command = Command::new(&example);
                command.args([BATCH, "1", "1", ROWS, epochs, hidden, "fastest"]);
                let line = process::read(command.args(formats))?;
                let found: Value =
                    serde_json::from_str(&line).with_context(|| format!("`{line}`"))?;
                let speed = found["samples_per_s"].as_f64();
                let speed = speed.with_context(|| format!("no speed in `{line}`"))?;
                let network = format!("16-{}-5", hidden.replace(',', "-"));
                let key = ["mlp".to_owned(), network, name.to_owned()];
                speeds.entry(key).or_default().push(speed);
            }
        }
    }
    Ok(())
}

/// The example takes turns itself.
fn measure_burn(workspace: &Workspace, speeds: &mut Speeds) -> Result<()> {
    let example = example::build(&workspace.root, "firebrick-engine-burn", "format_cost")?;
    eprintln!("bench: quantize: engine burn");
    let mut command = Command::new(example);
    command.env("RAYON_NUM_THREADS", "1");
    for line in process::read(command.arg(N_ROUNDS.to_string()))?.lines() {
        let found: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let of = |name: &str| found[name].as_str().map(str::to_owned);
        let (network, formats) = of("network")
            .zip(of("formats"))
            .with_context(|| format!("no network or formats in `{line}`"))?;
        let speed = found["batch_size"]
            .as_f64()
            .zip(found["step_us"].as_f64())
            .map(|(rows, step_us)| rows / step_us * 1e6)
            .with_context(|| format!("no step in `{line}`"))?;
        let key = ["burn".to_owned(), network, formats];
        speeds.entry(key).or_default().push(speed);
    }
    Ok(())
}

/// Returns all figures side by side, and those that have a bar.
fn found(speeds: &Speeds) -> Found {
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for ([engine, network, formats], rounds) in speeds {
        let float = [engine.clone(), network.clone(), "none".to_owned()];
        let float = speeds.get(&float).map_or(f64::NAN, |rounds| best(rounds));
        let speed = best(rounds);
        let name = format!("{engine} {network} {formats}");
        lines.push((name, vec![speed / 1e6, float / speed]));
        if has_bar(formats) {
            let what = format!("{network} by engine {engine}: a step with {formats} / float");
            rows.push(Row::new(what, float / speed, "x").with(Bar::AtMost(MOST)));
        }
    }
    let title = "Training with number formats on one core, batch 256 (vgg7-quarter: 32), the same \
                 run:";
    let table = Table {
        title: title.to_owned(),
        head: ["network and formats", "M samples/s", "x float's time"]
            .map(str::to_owned)
            .to_vec(),
        lines,
    };
    Found {
        rows,
        tables: vec![table],
    }
}

/// Returns the best round. What else the machine does makes a run slower, never faster, and of two
/// runs that are compared it would hit one: the median of few rounds says more of the machine.
fn best(rounds: &[f64]) -> f64 {
    rounds.iter().copied().fold(f64::NAN, f64::max)
}

/// Returns whether formats are fixed point, as either engine's example calls it.
fn has_bar(formats: &str) -> bool {
    let fixed = FORMATS
        .iter()
        .any(|(name, _, bar)| *name == formats && *bar);
    fixed || formats == "integer"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_the_float_step_of_the_same_network_and_engine() {
        let key = |engine: &str, formats: &str| {
            [
                engine.to_owned(),
                "16-16-16-5".to_owned(),
                formats.to_owned(),
            ]
        };
        let speeds = Speeds::from([
            (key("mlp", "none"), vec![10e6, 24e6, 15e6]),
            (key("mlp", "int8"), vec![20e6]),
            (key("mlp", "log"), vec![6e6]),
            (key("burn", "none"), vec![2e6]),
            (key("burn", "integer"), vec![1e6]),
        ]);
        let found = found(&speeds);
        let rows: Vec<_> = found
            .rows
            .iter()
            .map(|row| (row.what.as_str(), row.value))
            .collect();
        assert_eq!(
            rows,
            [
                (
                    "16-16-16-5 by engine burn: a step with integer / float",
                    2.0
                ),
                ("16-16-16-5 by engine mlp: a step with int8 / float", 1.2),
            ]
        );
        let log = found.tables[0]
            .lines
            .iter()
            .find(|line| line.0.ends_with("log"));
        assert_eq!(log.map(|line| line.1.clone()), Some(vec![6.0, 4.0]));
    }
}
