//! What the program costs around training: plugins, start, trials, memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::report::{Bar, Found, Row};
use super::{median, median_time};
use crate::build::Stage;
use crate::metadata::Workspace;
use crate::process;

/// Engines that train the default study.
const ENGINES: [&str; 2] = ["mlp", "burn"];

/// Measures what loading a plugin adds to the start of the program.
pub(super) fn load(workspace: &Workspace) -> Result<Found> {
    let stage = Stage::of(&workspace.target);
    let time =
        |args: &[&str]| median_time(20, || process::read(stage.command().args(args)).map(drop));
    let bare = time(&["--version"])?;
    let listed = time(&["list", "engines"])?;
    let n_plugins = stage.plugins().len().max(1);
    let each = listed.saturating_sub(bare) / u32::try_from(n_plugins)?;
    Ok(vec![
        Row::new("program without plugins", bare.as_secs_f64() * 1e3, "ms"),
        Row::new("load of one plugin", each.as_secs_f64() * 1e3, "ms"),
    ]
    .into())
}

/// Measures how long the program takes until it trains, data in its cache and not.
pub(super) fn start(workspace: &Workspace) -> Result<Found> {
    let mut rows = Vec::new();
    for engine in ENGINES {
        rows.extend(start_of(workspace, engine)?);
    }
    Ok(rows.into())
}

fn start_of(workspace: &Workspace, engine: &str) -> Result<Vec<Row>> {
    let stage = Stage::of(&workspace.target);
    let folder = workspace.target.join("bench");
    let cache = folder.join("cache");
    remove(&cache)?;
    let mut times = Vec::new();
    for _ in 0..6 {
        let out = folder.join("start");
        remove(&out)?;
        let mut command = stage.command();
        command
            .args(["search", "--n-trials", "1", "--max-epochs", "1"])
            .args(["--engine", engine])
            .arg("--out")
            .arg(&out)
            .env("XDG_CACHE_HOME", &cache);
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3;
        process::read(&mut command)?;
        let first = trials(&out)?
            .first()
            .and_then(|trial| trial["datetime_start"].as_f64());
        times.push(first.context("log.json has no start of a trial")? - start);
    }
    let what = |data: &str| format!("engine {engine}: start to first trial, {data}");
    let cold = Row::new(what("data made on the way"), times.remove(0) / 1e3, "s");
    let warm = Row::new(what("data in the cache"), median(times) / 1e3, "s");
    Ok(vec![cold, warm.with(Bar::AtMost(0.5))])
}

/// Measures the default study: its time, its memory and what its trials cost besides training.
pub(super) fn study(workspace: &Workspace) -> Result<Found> {
    let mut rows = Vec::new();
    for engine in ENGINES {
        rows.extend(study_of(workspace, engine)?);
    }
    Ok(rows.into())
}

fn study_of(workspace: &Workspace, engine: &str) -> Result<Vec<Row>> {
    let folder = workspace.target.join("bench");
    let (out, cache) = (folder.join("study"), folder.join("cache"));
    remove(&out)?;
    remove(&cache)?;
    let mut command = Stage::of(&workspace.target).command();
    command
        .args(["search", "--engine", engine, "--out"])
        .arg(&out)
        .env("XDG_CACHE_HOME", &cache);
    let start = Instant::now();
    let peak = peak_memory(&mut command)?;
    let seconds = start.elapsed().as_secs_f64();
    let trials = trials(&out)?;
    let duration = |key: &str| -> Vec<f64> {
        trials
            .iter()
            .filter_map(|trial| trial[key].as_f64())
            .collect()
    };
    let (total, train) = (duration("duration"), duration("train_duration"));
    let outside = total
        .iter()
        .zip(&train)
        .map(|(total, train)| total - train)
        .collect();
    let row = |what: &str, value: f64, unit: &'static str| {
        Row::new(
            format!("engine {engine}, default study: {what}"),
            value,
            unit,
        )
    };
    let mut rows = vec![
        row("time, data made on the way", seconds, "s").with(Bar::AtMost(180.0)),
        row("trials", trials.len() as f64, "trials"),
        row("training of one trial", median(train), "ms"),
        row("one trial outside training", median(outside), "ms").with(Bar::AtMost(2.0)),
    ];
    if let Some(bytes) = peak {
        rows.push(row("peak memory", bytes / 1e6, "MB").with(Bar::AtMost(300.0)));
    }
    Ok(rows)
}

/// Measures one `ask`, through the example of the strategies.
pub(super) fn ask(workspace: &Workspace) -> Result<Found> {
    let mut command = process::cargo(&workspace.root);
    command.args([
        "run",
        "--quiet",
        "--package",
        "firebrick-strategies",
        "--example",
        "ask_time",
    ]);
    Ok(parse_ask(&process::read(&mut command)?)?.into())
}

/// Reads lines of JSON, one a case.
fn parse_ask(text: &str) -> Result<Vec<Row>> {
    let case = |line: &str| -> Option<Row> {
        let case: Value = serde_json::from_str(line).ok()?;
        let count = |key: &str| case[key].as_u64();
        let what = format!(
            "ask of {}, {} parameters, {} objectives, after {} trials",
            case["strategy"].as_str()?,
            count("n_parameters")?,
            count("n_objectives")?,
            count("n_trials")?,
        );
        Some(Row::new(what, case["ask_us"].as_f64()? / 1e3, "ms"))
    };
    text.lines()
        .map(|line| case(line).with_context(|| format!("`ask_time` printed `{line}`")))
        .collect()
}

/// Returns the trials of a study by number.
pub(super) fn trials(out: &Path) -> Result<Vec<Value>> {
    let path: PathBuf = out.join("log.json");
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let log: Value = serde_json::from_str(&text).context("log.json is no JSON")?;
    let log = log.as_object().context("log.json holds no trials")?;
    Ok(log.values().cloned().collect())
}

/// Runs the program and returns the most memory that it ever had, in bytes; nothing where the system
/// does not say.
pub(super) fn peak_memory(command: &mut Command) -> Result<Option<f64>> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null());
    let peak = wait_for_peak(child.spawn().context("can't run the program")?)?;
    if peak.is_none() {
        eprintln!("bench: skipped memory: this system has no /proc");
    }
    Ok(peak)
}

/// Waits for a process and returns the most memory that it ever had, in bytes.
fn wait_for_peak(mut child: Child) -> Result<Option<f64>> {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = None;
    let status = loop {
        if let Some(status) = child.try_wait().context("can't wait for the program")? {
            break status;
        }
        // The high-water mark only rises, so the last one that is read is at most one nap old.
        peak = fs::read_to_string(&path)
            .ok()
            .and_then(|text| high_water(&text))
            .or(peak);
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        bail!("the program: {status}");
    }
    Ok(peak)
}

fn high_water(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

pub(super) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_high_water_mark() {
        assert_eq!(
            high_water("Name:\tx\nVmHWM:\t    2048 kB\n"),
            Some(2048.0 * 1024.0)
        );
        assert_eq!(high_water("Name:\tx\n"), None);
    }

    #[test]
    fn reads_the_time_of_an_ask() {
        let line = r#"{"strategy": "tpe", "n_parameters": 6, "n_objectives": 2, "n_trials": 100, "ask_us": 350.0}"#;
        let rows = parse_ask(line).unwrap();
        assert_eq!(
            rows[0].what,
            "ask of tpe, 6 parameters, 2 objectives, after 100 trials"
        );
        assert_eq!(rows[0].value, 0.35);
        assert_eq!(
            parse_ask("nothing").unwrap_err().to_string(),
            "`ask_time` printed `nothing`"
        );
    }
}
