//! `cargo xtask bench`: measures what has a bar in the design, beside PyTorch where it has one.
//!
//! Never part of a test: a machine that is busy is no defect.

mod program;
mod rebuild;
mod report;
mod training;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::build::{Need, build};
use crate::metadata::Workspace;
use crate::process::Usage;
use report::Row;

type Bench = fn(&Workspace) -> Result<Vec<Row>>;

const BENCHES: [(&str, Bench); 6] = [
    ("train", training::train),
    ("ask", program::ask),
    ("load", program::load),
    ("start", program::start),
    ("study", program::study),
    ("rebuild", rebuild::rebuild),
];

/// Runs `cargo xtask bench [NAME...]`, all by default.
pub(crate) fn task(names: &[String]) -> Result<()> {
    for name in names {
        if !BENCHES.iter().any(|(known, _)| known == name) {
            let known: Vec<&str> = BENCHES.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            bail!(Usage(format!(
                "unknown bench `{name}`\n\nhint: known: {known}"
            )));
        }
    }
    let workspace = Workspace::load()?;
    build(&workspace, &Need::Engine("burn".to_owned()))?;
    let mut rows = Vec::new();
    for (name, bench) in BENCHES {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            eprintln!("bench: {name}");
            rows.extend(bench(&workspace)?);
        }
    }
    print!("{}", report::table(&rows));
    let path = report::write(&workspace, &rows)?;
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
            error.ends_with("known: train, ask, load, start, study, rebuild"),
            "{error}"
        );
    }
}
