//! Training and inference of VGG7 by the engine `burn` beside PyTorch, on two threads each.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::report::{Bar, Found, Row, Table};
use super::{example, median, peer};
use crate::metadata::Workspace;
use crate::process;

const N_ROUNDS: usize = 3;
const THREADS: &str = "2";
/// How long PyTorch trains one setting, and runs it.
const SECONDS: &str = "6";

/// A width of every layer, relative to VGG7's, with how many times PyTorch's speed training should
/// have.
const WIDTHS: [(&str, f64); 2] = [("1", 1.0), ("0.25", 1.5)];
const BATCHES: [&str; 2] = ["32", "128"];
/// Steps an epoch of ours, by width and batch size: some seconds in all.
const STEPS: [[&str; 2]; 2] = [["3", "1"], ["12", "4"]];
const EPOCHS: &str = "4";

/// What both programs print, by name.
const FIGURES: [&str; 3] = ["train_images_per_s", "infer_images_per_s", "peak_mib"];

/// One number a round, by setting, program and figure.
type Measured = BTreeMap<(usize, usize, &'static str, &'static str), Vec<f64>>;

/// Measures ours and PyTorch in turns, so that both see the same moods of the machine.
pub(super) fn pictures(workspace: &Workspace) -> Result<Found> {
    let example = example::build(&workspace.root, "firebrick-engine-burn", "vgg_throughput")?;
    let python = peer::python(workspace);
    let script = peer::folder(workspace).join("torch_vgg.py");
    let mut measured = Measured::new();
    for round in 1..=N_ROUNDS {
        eprintln!("bench: pictures: round {round} of {N_ROUNDS}");
        for (w, (width, _)) in WIDTHS.iter().enumerate() {
            for (b, batch) in BATCHES.iter().enumerate() {
                let mut ours = Command::new(&example);
                ours.env("RAYON_NUM_THREADS", THREADS);
                ours.args([width, batch, STEPS[w][b], EPOCHS]);
                add(&mut measured, (w, b, "ours"), &mut ours)?;
                if let Some(python) = &python {
                    let mut torch = Command::new(python);
                    torch.arg(&script).args([width, batch, THREADS, SECONDS]);
                    add(&mut measured, (w, b, "PyTorch"), &mut torch)?;
                }
            }
        }
    }
    Ok(report(&measured, python.is_some()))
}

/// Adds the figures that a program prints as one line of JSON.
fn add(
    measured: &mut Measured,
    (width, batch, program): (usize, usize, &'static str),
    command: &mut Command,
) -> Result<()> {
    let text = process::read(command)?;
    let found: Value = serde_json::from_str(&text).with_context(|| format!("`{text}`"))?;
    for figure in FIGURES {
        let value = found[figure].as_f64();
        let value = value.with_context(|| format!("no `{figure}` in `{text}`"))?;
        let key = (width, batch, program, figure);
        measured.entry(key).or_default().push(value);
    }
    Ok(())
}

fn report(measured: &Measured, has_peer: bool) -> Found {
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (w, (width, bar)) in WIDTHS.iter().enumerate() {
        for (b, batch) in BATCHES.iter().enumerate() {
            let of = |program, figure| {
                let rounds = measured.get(&(w, b, program, figure));
                median(rounds.cloned().unwrap_or_default())
            };
            let figures = ["ours", "PyTorch"].map(|program| FIGURES.map(|name| of(program, name)));
            lines.push((format!("{width}, {batch}"), figures.concat()));
            if !has_peer {
                continue;
            }
            let ratio = |figure: usize| figures[0][figure] / figures[1][figure];
            let name = |what: &str| format!("VGG7 width {width}, batch {batch}, {what}");
            let training = Row::new(name("training, ours / PyTorch"), ratio(0), "x");
            rows.push(training.with(Bar::AtLeast(*bar)));
            rows.push(Row::new(name("inference, ours / PyTorch"), ratio(1), "x"));
            let memory = Row::new(name("peak memory, ours / PyTorch"), ratio(2), "x");
            rows.push(memory.with(Bar::AtMost(1.0)));
        }
    }
    let head = [
        "width, batch",
        "ours, training",
        "ours, inference",
        "ours, MiB",
        "PyTorch, training",
        "PyTorch, inference",
        "PyTorch, MiB",
    ];
    let table = Table {
        title: format!("VGG7 on {THREADS} threads, images/s and peak memory"),
        head: head.map(str::to_owned).to_vec(),
        lines,
    };
    Found {
        rows,
        tables: vec![table],
    }
}
