//! Memory of a search with the engine `mlp`: what a thread adds, and how often the data is held.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::median;
use super::peer;
use super::program::{peak_memory, remove};
use super::report::{Bar, Found, Row};
use crate::build::Stage;
use crate::metadata::Workspace;

const N_ROUNDS: usize = 3;
const THREADS: [usize; 3] = [1, 2, 4];
/// The rows of `wide.toml` and of the same study with twice as many.
const ROWS: [usize; 2] = [75_000, 150_000];
/// Sixteen features and a label a row, in 4 bytes each.
const BYTES_PER_ROW: usize = 17 * 4;

/// Measures the peak of one study on several numbers of threads, and on twice the rows.
pub(super) fn memory(workspace: &Workspace) -> Result<Found> {
    let [small, large] = studies(workspace)?;
    for study in [&small, &large] {
        // The data is made and put into the cache, which takes more memory than reading it.
        peak(workspace, study, 1, "2")?;
    }
    let mut peaks: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    for _ in 0..N_ROUNDS {
        let threads = THREADS.map(|threads| (ROWS[0], threads));
        for (rows, threads) in threads.into_iter().chain([(ROWS[1], 1)]) {
            let study = if rows == ROWS[0] { &small } else { &large };
            let Some(bytes) = peak(workspace, study, threads, "24")? else {
                return Ok(Found::default());
            };
            peaks.entry((rows, threads)).or_default().push(bytes);
        }
    }
    let peaks = peaks.into_iter().map(|(key, peaks)| (key, median(peaks)));
    Ok(rows(&peaks.collect()).into())
}

/// Returns the figures of peaks in bytes by (rows, threads).
fn rows(peaks: &BTreeMap<(usize, usize), f64>) -> Vec<Row> {
    let megabytes = |rows: usize, threads: usize| peaks[&(rows, threads)] / 1e6;
    let data = (BYTES_PER_ROW * ROWS[0]) as f64 / 1e6;
    let mut found = vec![Row::new("memory: the data set", data, "MB")];
    for threads in THREADS {
        let what = format!("memory: peak of a study, threads {threads}");
        found.push(Row::new(what, megabytes(ROWS[0], threads), "MB"));
    }
    for pair in THREADS.windows(2) {
        let (few, many) = (pair[0], pair[1]);
        let more = megabytes(ROWS[0], many) - megabytes(ROWS[0], few);
        let what = format!("memory: each thread more, {few} to {many}");
        let row = Row::new(what, more / (many - few) as f64, "MB");
        found.push(row.with(Bar::AtMost(5.0)));
    }
    let more = megabytes(ROWS[1], 1) - megabytes(ROWS[0], 1);
    let added = (BYTES_PER_ROW * (ROWS[1] - ROWS[0])) as f64 / 1e6;
    let row = Row::new(
        "memory: peak of a data set twice as large, less this one",
        more / added,
        "data sets",
    );
    found.push(row);
    found
}

/// Returns the study of three widths on its rows and on twice as many.
fn studies(workspace: &Workspace) -> Result<[PathBuf; 2]> {
    let small = peer::folder(workspace).join("wide.toml");
    let text =
        fs::read_to_string(&small).with_context(|| format!("can't read {}", small.display()))?;
    let [old, new] = ROWS.map(|rows| format!("n_rows = {rows}\n"));
    ensure!(
        text.contains(&old),
        "{} has no line `{}`",
        small.display(),
        old.trim()
    );
    let folder = workspace.target.join("bench");
    let large = folder.join("wide_twice.toml");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&large, text.replace(&old, &new)))
        .with_context(|| format!("can't write {}", large.display()))?;
    Ok([small, large])
}

fn peak(
    workspace: &Workspace,
    study: &Path,
    threads: usize,
    n_trials: &str,
) -> Result<Option<f64>> {
    let folder = workspace.target.join("bench");
    let out = folder.join("memory");
    remove(&out)?;
    let mut command = Stage::of(&workspace.target).command();
    command
        .args(["search", "--engine", "mlp", "--n-trials", n_trials])
        .args(["--n-jobs", &threads.to_string()])
        .arg("--config")
        .arg(study)
        .arg("--out")
        .arg(&out)
        .env("XDG_CACHE_HOME", folder.join("cache"));
    peak_memory(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_what_threads_add_among_them() {
        let peaks = BTreeMap::from([
            ((ROWS[0], 1), 60e6),
            ((ROWS[0], 2), 61e6),
            ((ROWS[0], 4), 69e6),
            ((ROWS[1], 1), 70.2e6),
        ]);
        let rows = rows(&peaks);
        let value = |what: &str| rows.iter().find(|row| row.what == what).unwrap().value;
        assert_eq!(value("memory: each thread more, 1 to 2"), 1.0);
        assert_eq!(value("memory: each thread more, 2 to 4"), 4.0);
        let copies = value("memory: peak of a data set twice as large, less this one");
        assert!((copies - 2.0).abs() < 1e-9, "{copies}");
    }
}
