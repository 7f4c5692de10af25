//! Training of small dense networks by the engine `mlp` beside PyTorch, one core each, and beside a
//! large matrix product on the same core.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::report::{Bar, Found, Row, Table};
use super::{example, median, peer};
use crate::metadata::Workspace;
use crate::process;

const ROWS: usize = 100_000;
/// How long PyTorch trains one setting.
const SECONDS: &str = "0.5";
const BATCHES: [usize; 2] = [256, 512];
const N_ROUNDS: usize = 5;
const N_FEATURES: usize = 16;
const N_CLASSES: usize = 5;
/// The least share of a matrix product's arithmetic rate for a network with a layer this wide.
const FRACTION: (usize, f64) = (64, 60.0);
/// How much faster two networks on two cores should be than one.
const TWO_CORES: f64 = 1.9;

/// A network to measure.
struct Network {
    /// The widths of its hidden layers.
    hidden: &'static str,
    /// How many times faster than PyTorch it should train, by batch size.
    bars: [Option<f64>; 2],
}

const NETWORKS: [Network; 5] = [
    network("16,16", [Some(45.0), Some(28.0)]),
    network("64,32", [Some(10.0), Some(6.0)]),
    network("64,32,32", [None, None]),
    network("96,96", [None, None]),
    network("160,160", [Some(2.2), Some(1.8)]),
];

const fn network(hidden: &'static str, bars: [Option<f64>; 2]) -> Network {
    Network { hidden, bars }
}

impl Network {
    fn hidden_widths(&self) -> impl Iterator<Item = usize> {
        self.hidden
            .split(',')
            .filter_map(|width| width.parse().ok())
    }

    fn widths(&self) -> Vec<usize> {
        let hidden = self.hidden_widths();
        let all = std::iter::once(N_FEATURES).chain(hidden);
        all.chain([N_CLASSES]).collect()
    }

    fn macs(&self) -> usize {
        self.widths().windows(2).map(|pair| pair[0] * pair[1]).sum()
    }

    /// Returns the arithmetic of one sample in a training step, linear layers only: a
    /// multiplication and an addition a MAC for the output, the gradient by the weights and that by
    /// the input. The first layer's is included: the batch norm before it learns from it.
    fn flops(&self) -> f64 {
        6.0 * self.macs() as f64
    }

    /// Returns how many epochs take some tenths of a second.
    fn epochs(&self) -> usize {
        (120_000 / self.macs()).max(4)
    }

    fn name(&self) -> String {
        let widths: Vec<String> = self.widths().iter().map(usize::to_string).collect();
        widths.join("-")
    }
}

/// What trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trainer {
    /// PyTorch with the Adam that it makes by default.
    PyTorch,
    /// PyTorch with its fastest Adam.
    PyTorchFused,
    /// One network on one thread.
    Ours,
    /// The same without AVX-512.
    OursAvx2,
    /// Two networks on two threads of one process.
    TwoThreads,
    /// Two networks in two processes: what the machine has for two cores, without anything shared.
    TwoProcesses,
}

/// What was measured, one number a round.
#[derive(Default)]
struct Measured {
    /// Samples a second by hidden widths, batch size and trainer.
    speeds: BTreeMap<(String, usize, Trainer), Vec<f64>>,
    /// GFLOP/s of a large matrix product by library.
    products: BTreeMap<String, Vec<f64>>,
}

impl Measured {
    fn add(&mut self, network: &Network, batch: usize, trainer: Trainer, speed: f64) {
        let key = (network.hidden.to_owned(), batch, trainer);
        self.speeds.entry(key).or_default().push(speed);
    }

    /// Returns the median in samples a second; NaN if it was not measured.
    fn speed(&self, network: &Network, batch: usize, trainer: Trainer) -> f64 {
        let key = (network.hidden.to_owned(), batch, trainer);
        median(self.speeds.get(&key).cloned().unwrap_or_default())
    }

    /// Returns the faster library's median; NaN if none was measured.
    fn product(&self) -> f64 {
        let medians = self.products.values().map(|rounds| median(rounds.clone()));
        medians.fold(f64::NAN, f64::max)
    }
}

/// Measures ours and PyTorch in turns, so that both see the same moods of the machine.
pub(super) fn mlp(workspace: &Workspace) -> Result<Found> {
    let example = example::build(&workspace.root, "firebrick-engine-mlp", "mlp_throughput")?;
    let python = peer::python(workspace);
    let script = peer::folder(workspace).join("torch_mlp.py");
    let mut measured = Measured::default();
    for round in 1..=N_ROUNDS {
        eprintln!("bench: mlp: round {round} of {N_ROUNDS}");
        if let Some(python) = &python {
            let settings = NETWORKS
                .iter()
                .flat_map(|network| BATCHES.map(|batch| format!("{}:{batch}", network.hidden)));
            let mut command = Command::new(python);
            command
                .arg(&script)
                .args([&ROWS.to_string(), SECONDS])
                .args(settings);
            collect(&mut measured, &process::read(&mut command)?)?;
        }
        for network in &NETWORKS {
            for batch in BATCHES {
                measure_ours(&mut measured, &example, network, batch)?;
            }
        }
    }
    Ok(found(&measured))
}

fn measure_ours(
    measured: &mut Measured,
    example: &Path,
    network: &Network,
    batch: usize,
) -> Result<()> {
    let command = |n: &str, path: &[&str]| {
        let (batch, epochs) = (batch.to_string(), network.epochs().to_string());
        let mut command = Command::new(example);
        command.args([&batch, n, n, &ROWS.to_string(), &epochs, network.hidden]);
        command.args(path);
        command
    };
    let one = speed(&process::read(&mut command("1", &[]))?)?;
    measured.add(network, batch, Trainer::Ours, one);
    let two = speed(&process::read(&mut command("2", &[]))?)?;
    measured.add(network, batch, Trainer::TwoThreads, two);
    let mut processes = Vec::new();
    for _ in 0..2 {
        processes.push(command("1", &[]).stdout(Stdio::piped()).spawn()?);
    }
    let mut both = 0.0;
    for process in processes {
        let output = process.wait_with_output()?;
        ensure!(
            output.status.success(),
            "`mlp_throughput`: {}",
            output.status
        );
        both += speed(&String::from_utf8(output.stdout)?)?;
    }
    measured.add(network, batch, Trainer::TwoProcesses, both);
    if has_avx2() {
        let narrow = speed(&process::read(&mut command("1", &["avx2"]))?)?;
        measured.add(network, batch, Trainer::OursAvx2, narrow);
    }
    Ok(())
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn speed(line: &str) -> Result<f64> {
    let found: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
    let speed = found["samples_per_s"].as_f64();
    speed.with_context(|| format!("no speed in `{line}`"))
}

/// Adds what `torch_mlp.py` prints.
fn collect(measured: &mut Measured, text: &str) -> Result<()> {
    for line in text.lines() {
        let found: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        if let Some(library) = found["matrix_product"].as_str() {
            let gflops = found["gflops"].as_f64();
            let gflops = gflops.with_context(|| format!("no rate in `{line}`"))?;
            let rounds = measured.products.entry(library.to_owned()).or_default();
            rounds.push(gflops);
            continue;
        }
        let trainer = match found["fused"].as_bool() {
            Some(true) => Trainer::PyTorchFused,
            _ => Trainer::PyTorch,
        };
        let network = NETWORKS
            .iter()
            .find(|network| found["widths"].as_str() == Some(network.hidden));
        let network = network.with_context(|| format!("no known widths in `{line}`"))?;
        let batch = BATCHES
            .into_iter()
            .find(|batch| found["batch_size"].as_u64() == Some(*batch as u64));
        let batch = batch.with_context(|| format!("no known batch in `{line}`"))?;
        measured.add(network, batch, trainer, speed(line)?);
    }
    Ok(())
}

/// Returns all figures side by side, and those that have a bar.
fn found(measured: &Measured) -> Found {
    let product = measured.product();
    let mut rows: Vec<Row> = measured
        .products
        .iter()
        .map(|(library, rounds)| {
            let what = format!("matrix product of {library}, one core");
            Row::new(what, median(rounds.clone()), "GFLOP/s")
        })
        .collect();
    let mut lines = Vec::new();
    for network in &NETWORKS {
        for (batch, bar) in BATCHES.into_iter().zip(network.bars) {
            let speed = |trainer| measured.speed(network, batch, trainer);
            let gflops = |trainer| speed(trainer) * network.flops() / 1e9;
            let ours = speed(Trainer::Ours);
            let times = ours / speed(Trainer::PyTorch);
            let fraction = gflops(Trainer::Ours) / product * 100.0;
            let two_threads = speed(Trainer::TwoThreads) / ours;
            let what = |what: &str| format!("{} at batch {batch}: {what}", network.name());
            if let (Some(bar), false) = (bar, times.is_nan()) {
                let row = Row::new(what("ours / PyTorch"), times, "x");
                rows.push(row.with(Bar::AtLeast(bar)));
            }
            let (width, least) = FRACTION;
            if network.hidden_widths().any(|hidden| hidden >= width) && !fraction.is_nan() {
                let row = Row::new(what("of a matrix product's GFLOP/s"), fraction, "%");
                rows.push(row.with(Bar::AtLeast(least)));
            }
            let row = Row::new(what("two networks on two cores / one"), two_threads, "x");
            rows.push(row.with(Bar::AtLeast(TWO_CORES)));
            let figures = vec![
                batch as f64,
                speed(Trainer::PyTorch) / 1e6,
                speed(Trainer::PyTorchFused) / 1e6,
                ours / 1e6,
                times,
                ours / speed(Trainer::PyTorchFused),
                gflops(Trainer::Ours),
                fraction,
                speed(Trainer::OursAvx2) / 1e6,
                gflops(Trainer::OursAvx2),
                two_threads,
                speed(Trainer::TwoProcesses) / ours,
            ];
            lines.push((network.name(), figures));
        }
    }
    let head = [
        "network",
        "batch",
        "PyTorch",
        "fused Adam",
        "ours",
        "x PyTorch",
        "x fused",
        "GFLOP/s",
        "% of product",
        "AVX2",
        "AVX2 GFLOP/s",
        "2 threads / 1",
        "2 processes / 1",
    ];
    let title = "Training on one core, M samples/s, batch norm and Adam included (PyTorch's default \
                 Adam and its fused one; FLOP = 6 a MAC and sample, linear layers only; 2 threads / 1 \
                 and 2 processes / 1: two networks on two cores over one):";
    let table = Table {
        title: title.to_owned(),
        head: head.map(str::to_owned).to_vec(),
        lines,
    };
    Found {
        rows,
        tables: vec![table],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_arithmetic_of_linear_layers() {
        let jet = &NETWORKS[0];
        assert_eq!(jet.name(), "16-16-16-5");
        assert_eq!(jet.flops(), 6.0 * (256.0 + 256.0 + 80.0));
    }

    #[test]
    fn compares_with_the_faster_matrix_product_and_the_default_adam() {
        let mut measured = Measured::default();
        let text = r#"{"matrix_product": "PyTorch", "gflops": 80.0}
            {"matrix_product": "NumPy", "gflops": 100.0}
            {"widths": "160,160", "batch_size": 256, "fused": false, "samples_per_s": 1e5}
            {"widths": "160,160", "batch_size": 256, "fused": true, "samples_per_s": 2e5}"#;
        collect(&mut measured, text).unwrap();
        let wide = &NETWORKS[4];
        measured.add(wide, 256, Trainer::Ours, 4e5);
        measured.add(wide, 256, Trainer::TwoThreads, 6e5);
        let found = found(&measured);
        let value = |what: &str| {
            let row = found.rows.iter().find(|row| row.what == what);
            row.map(|row| row.value)
        };
        assert_eq!(
            value("16-160-160-5 at batch 256: ours / PyTorch"),
            Some(4.0)
        );
        let what = "16-160-160-5 at batch 256: two networks on two cores / one";
        assert_eq!(value(what), Some(1.5));
        let fraction = value("16-160-160-5 at batch 256: of a matrix product's GFLOP/s").unwrap();
        assert!((fraction - 6.0 * 28_960.0 * 4e5 / 100e9 * 100.0).abs() < 1e-9);
        assert_eq!(value("16-160-160-5 at batch 512: ours / PyTorch"), None);
    }

    #[test]
    fn names_what_the_script_printed_wrong() {
        let line = r#"{"widths": "7", "batch_size": 256, "fused": true, "samples_per_s": 1.0}"#;
        let error = collect(&mut Measured::default(), line).unwrap_err();
        assert!(error.to_string().starts_with("no known widths"), "{error}");
    }
}
