//! `cargo xtask bench`: measures what has a bar in the design, beside PyTorch where it has one.
//!
//! Never part of a test: a machine that is busy is no defect.

pub(crate) mod example;
mod joint;
mod memory;
mod mlp;
mod parts;
mod peer;
mod pictures;
mod program;
mod quantize;
mod rebuild;
mod samplers;
mod six_bits;
mod studies;
mod training;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::build::{Need, build};
use crate::metadata::Workspace;
use crate::process::Usage;
use crate::report::{self, Found};

/// Something to measure.
struct Bench {
    name: &'static str,
    /// The engines that have to be staged for it.
    engines: &'static [&'static str],
    run: fn(&Workspace) -> Result<Found>,
}

const BENCHES: [Bench; 16] = [
    bench("mlp", &[], mlp::mlp),
    bench("studies", &["mlp"], studies::studies),
    bench("joint", &["mlp"], joint::joint),
    bench("memory", &["mlp"], memory::memory),
    bench("quantize", &[], quantize::quantize),
    bench("six_bits", &["mlp"], six_bits::six_bits),
    bench("samplers", &[], samplers::alone),
    bench("train", &[], training::train),
    bench("pictures", &[], pictures::pictures),
    bench("ask", &[], program::ask),
    bench("passes", &[], parts::passes),
    bench("export", &[], parts::export),
    bench("load", &["mlp", "burn"], program::load),
    bench("start", &["mlp", "burn"], program::start),
    bench("study", &["mlp", "burn"], program::study),
    bench("rebuild", &["burn"], rebuild::rebuild),
];

const fn bench(
    name: &'static str,
    engines: &'static [&'static str],
    run: fn(&Workspace) -> Result<Found>,
) -> Bench {
    Bench { name, engines, run }
}

/// Runs `cargo xtask bench [NAME...]`, all by default, or `cargo xtask bench samplers OPTION...`.
pub(crate) fn task(names: &[String]) -> Result<()> {
    if let Some(options) = samplers::Options::of(names)? {
        let workspace = Workspace::load()?;
        let found = samplers::samplers(&workspace, &options)?;
        return show(&workspace, &found);
    }
    for name in names {
        if !BENCHES.iter().any(|bench| bench.name == name) {
            let known = BENCHES.map(|bench| bench.name).join(", ");
            bail!(Usage(format!(
                "unknown bench `{name}`\n\nhint: known: {known}"
            )));
        }
    }
    let workspace = Workspace::load()?;
    let mut found = Found::default();
    for bench in BENCHES {
        if names.is_empty() || names.iter().any(|wanted| wanted == bench.name) {
            eprintln!("bench: {}", bench.name);
            for engine in bench.engines {
                build(&workspace, &Need::Engine((*engine).to_owned()))?;
            }
            found.extend((bench.run)(&workspace)?);
        }
    }
    show(&workspace, &found)
}

/// Prints what was found and keeps it.
fn show(workspace: &Workspace, found: &Found) -> Result<()> {
    print!("{}", found.text());
    let path = report::write(workspace, found)?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

/// Returns what lies in the middle; of an even number, the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the median time of several runs of something.
fn median_time(n_runs: usize, mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..n_runs {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(Duration::from_secs_f64(median(times)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn names_the_benches_that_there_are() {
        let error = task(&["trian".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("unknown bench `trian`"), "{error}");
        assert!(
            error.ends_with(
                "known: mlp, studies, joint, memory, quantize, six_bits, samplers, train, pictures, \
                 ask, passes, export, load, start, study, rebuild"
            ),
            "{error}"
        );
    }
}
