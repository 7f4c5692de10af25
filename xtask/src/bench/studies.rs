//! Whole searches with the engine `mlp` beside Optuna with PyTorch, on two cores each.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::program::{remove, trials};
use super::report::{Bar, Found, Row, Table};
use super::{median, peer};
use crate::build::Stage;
use crate::metadata::Workspace;
use crate::process;

const N_ROUNDS: usize = 3;
const EPOCHS: usize = 5;
const BATCH: usize = 512;
/// The rows that both learn from and are judged on: those of the study files.
const ROWS: [usize; 2] = [50_000, 12_500];
/// Trials and epochs of the long study.
const LONG: (usize, usize) = (500, 16);

/// A study of ours with its peers.
struct Contest {
    /// What the table calls it.
    name: &'static str,
    /// The file of ours, without its extension; the space of the peer's script has its name.
    space: &'static str,
    n_trials: usize,
    peers: [Peer; 3],
}

/// A way to write the study with Optuna and PyTorch.
struct Peer {
    /// The loop of the peer's script.
    loop_name: &'static str,
    /// What the figures call it.
    name: &'static str,
    /// How many trials are run; their time is scaled to the whole study.
    n_trials: usize,
    n_rounds: usize,
    /// How many times less time ours should take.
    bar: Option<f64>,
}

const TIGHT: &str = "tight tensor loop";
const FUSED: &str = "tight loop, fused Adam";
const LOADER: &str = "DataLoader";

const CONTESTS: [Contest; 2] = [
    Contest {
        name: "100 candidates, 3 widths of 8 to 64, 5 epochs",
        space: "wide",
        n_trials: 100,
        peers: [
            peer("tight", TIGHT, 24, 3, Some(8.0)),
            peer("fused", FUSED, 24, 3, None),
            peer("loader", LOADER, 6, 3, Some(20.0)),
        ],
    },
    // All pairs are run: a sample would be of other widths.
    Contest {
        name: "all 36 pairs of widths of 16 to 160, 5 epochs",
        space: "pairs",
        n_trials: 36,
        peers: [
            peer("tight", TIGHT, 36, 2, Some(2.5)),
            peer("fused", FUSED, 36, 2, None),
            peer("loader", LOADER, 36, 1, Some(6.0)),
        ],
    },
];

const fn peer(
    loop_name: &'static str,
    name: &'static str,
    n_trials: usize,
    n_rounds: usize,
    bar: Option<f64>,
) -> Peer {
    Peer {
        loop_name,
        name,
        n_trials,
        n_rounds,
        bar,
    }
}

/// Measures each study of ours and its peers in turns, and the long study of ours.
pub(super) fn studies(workspace: &Workspace) -> Result<Found> {
    let python = peer::python(workspace);
    let mut found = Found::default();
    let mut lines = Vec::new();
    for contest in &CONTESTS {
        // Makes the data, which the peers are not asked to do either.
        seconds_of_ours(workspace, contest.space, 2, 1)?;
        let mut ours = Vec::new();
        let mut theirs: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for round in 0..N_ROUNDS {
            eprintln!(
                "bench: studies: {}: round {} of {N_ROUNDS}",
                contest.space,
                round + 1
            );
            let run_ours = || seconds_of_ours(workspace, contest.space, contest.n_trials, EPOCHS);
            ours.push(run_ours()?);
            let Some(python) = &python else { continue };
            for peer in contest.peers.iter().filter(|peer| round < peer.n_rounds) {
                let seconds = seconds_a_trial(workspace, python, contest.space, peer)?;
                theirs.entry(peer.loop_name).or_default().push(seconds);
            }
            ours.push(run_ours()?);
        }
        let theirs = theirs
            .into_iter()
            .map(|(name, times)| (name, median(times)));
        let theirs: BTreeMap<&str, f64> = theirs.collect();
        lines.push(line(
            contest.name,
            contest,
            contest.n_trials,
            1.0,
            median(ours.clone()),
            &theirs,
        ));
        found.rows.extend(rows(contest, median(ours), &theirs));
        if contest.space == "wide" {
            let (n_trials, epochs) = LONG;
            eprintln!("bench: studies: {n_trials} candidates, {epochs} epochs");
            let seconds = seconds_of_ours(workspace, contest.space, n_trials, epochs)?;
            let name = format!("{n_trials} candidates, 3 widths of 8 to 64, {epochs} epochs");
            let longer = epochs as f64 / EPOCHS as f64;
            lines.push(line(&name, contest, n_trials, longer, seconds, &theirs));
            found
                .rows
                .push(Row::new(format!("study of {name}: time"), seconds, "s"));
        }
    }
    found.tables.push(table(lines));
    Ok(found)
}

/// Returns the figures of a study that have a bar, and its time.
fn rows(contest: &Contest, ours: f64, theirs: &BTreeMap<&str, f64>) -> Vec<Row> {
    let what = |what: &str| format!("study of {}: {what}", contest.name);
    let mut rows = vec![Row::new(what("time"), ours, "s")];
    for peer in &contest.peers {
        let Some(seconds_a_trial) = theirs.get(peer.loop_name) else {
            continue;
        };
        let times = seconds_a_trial * contest.n_trials as f64 / ours;
        let row = Row::new(what(&format!("less time than {}", peer.name)), times, "x");
        rows.push(match peer.bar {
            Some(bar) => row.with(Bar::AtLeast(bar)),
            None => row,
        });
    }
    rows
}

/// Returns the line of a study in the table: our time, each peer's and its share of ours. `longer`
/// is by how much a trial is longer than those that were measured.
fn line(
    name: &str,
    contest: &Contest,
    n_trials: usize,
    longer: f64,
    ours: f64,
    theirs: &BTreeMap<&str, f64>,
) -> (String, Vec<f64>) {
    let mut figures = vec![ours];
    for peer in &contest.peers {
        let seconds_a_trial = theirs.get(peer.loop_name).copied().unwrap_or(f64::NAN);
        let seconds = seconds_a_trial * longer * n_trials as f64;
        figures.extend([seconds, seconds / ours]);
    }
    (name.to_owned(), figures)
}

fn table(lines: Vec<(String, Vec<f64>)>) -> Table {
    let head = [
        "study", "ours", TIGHT, "x", FUSED, "x fused", LOADER, "x loader",
    ];
    let title = format!(
        "Whole studies on two cores, seconds, {} rows at batch {BATCH}, judged on {} rows each epoch. \
         Ours is the program from start to end; the peer is Optuna with PyTorch in two processes of \
         one thread that share a JournalStorage, from the first trial on (Python has started by \
         then), scaled by trials from {} (tight) and {} (DataLoader) of 100, all of 36; the longest \
         study is scaled by epochs too:",
        ROWS[0], ROWS[1], CONTESTS[0].peers[0].n_trials, CONTESTS[0].peers[2].n_trials,
    );
    Table {
        title,
        head: head.map(str::to_owned).to_vec(),
        lines,
    }
}

/// Runs a study of ours, data in the cache, and returns how long the program took.
fn seconds_of_ours(
    workspace: &Workspace,
    space: &str,
    n_trials: usize,
    epochs: usize,
) -> Result<f64> {
    let folder = workspace.target.join("bench");
    let out = folder.join("studies");
    remove(&out)?;
    let mut command = Stage::of(&workspace.target).command();
    command
        .args(["search", "--engine", "mlp", "--n-jobs", "2"])
        .args(["--n-trials", &n_trials.to_string()])
        .args(["--max-epochs", &epochs.to_string()])
        .args(["--batch-size", &BATCH.to_string()])
        .arg("--config")
        .arg(peer::folder(workspace).join(format!("{space}.toml")))
        .arg("--out")
        .arg(&out)
        .env("XDG_CACHE_HOME", folder.join("cache"));
    let start = Instant::now();
    // A line a trial is too much to see; it is shown if the program fails.
    let output = command.output().context("can't run the program")?;
    let seconds = start.elapsed().as_secs_f64();
    let messages = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the program: {}\n{messages}",
        output.status
    );
    let trials = trials(&out)?;
    let trained = trials
        .iter()
        .filter(|trial| trial["train_duration"].as_f64() > Some(0.0));
    // A point that comes up again costs nothing here, but the peer would train it again: the time is
    // that of a study in which all are trained.
    Ok(seconds * n_trials as f64 / trained.count() as f64)
}

/// Runs trials of the peer and returns how long one takes, two at a time.
fn seconds_a_trial(workspace: &Workspace, python: &Path, space: &str, peer: &Peer) -> Result<f64> {
    let numbers = [peer.n_trials, EPOCHS, BATCH, ROWS[0], ROWS[1]];
    let mut command = Command::new(python);
    command
        .args(["-W", "ignore"])
        .arg(peer::folder(workspace).join("optuna_widths.py"))
        .args([peer.loop_name, space])
        .args(numbers.map(|number| number.to_string()));
    let text = process::read(&mut command)?;
    parse_seconds_a_trial(&text).with_context(|| format!("`optuna_widths.py` printed `{text}`"))
}

fn parse_seconds_a_trial(text: &str) -> Option<f64> {
    let found: Value = serde_json::from_str(text).ok()?;
    let n_trials = found["trials"].as_f64().filter(|trials| *trials > 0.0)?;
    Some(found["seconds"].as_f64()? / n_trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_the_peer_by_trials_and_epochs() {
        let text = r#"{"loop": "tight", "trials": 24, "seconds": 6.0}"#;
        let seconds = parse_seconds_a_trial(text).unwrap();
        let theirs = BTreeMap::from([("tight", seconds)]);
        let contest = &CONTESTS[0];
        let rows = rows(contest, 2.5, &theirs);
        assert_eq!(rows.len(), 2, "peers that were not run have no row");
        assert_eq!(rows[1].value, 10.0);
        let (_, figures) = line("long", contest, 500, 2.0, 25.0, &theirs);
        assert_eq!(figures[..3], [25.0, 250.0, 10.0]);
        assert!(figures[3].is_nan());
    }

    #[test]
    fn refuses_a_peer_without_trials() {
        assert_eq!(
            parse_seconds_a_trial(r#"{"trials": 0, "seconds": 1.0}"#),
            None
        );
        assert_eq!(parse_seconds_a_trial("no JSON"), None);
    }
}
