//! What the program costs around training: plugins, start, trials, memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::report::{Bar, Row};
use super::{median, median_time};
use crate::build::Stage;
use crate::metadata::Workspace;
use crate::process;

/// Measures what loading a plugin adds to the start of the program.
pub(super) fn load(workspace: &Workspace) -> Result<Vec<Row>> {
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
    ])
}

/// Measures how long the program takes until it trains, data in its cache and not.
pub(super) fn start(workspace: &Workspace) -> Result<Vec<Row>> {
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
    let cold = times.remove(0);
    Ok(vec![
        Row::new(
            "start to first trial, data made on the way",
            cold / 1e3,
            "s",
        ),
        Row::new(
            "start to first trial, data in the cache",
            median(times) / 1e3,
            "s",
        )
        .with(Bar::AtMost(0.5)),
    ])
}

/// Measures the default study: its time, its memory and what its trials cost besides training.
pub(super) fn study(workspace: &Workspace) -> Result<Vec<Row>> {
    let folder = workspace.target.join("bench");
    let (out, cache) = (folder.join("study"), folder.join("cache"));
    remove(&out)?;
    remove(&cache)?;
    let mut command = Stage::of(&workspace.target).command();
    command
        .arg("search")
        .arg("--out")
        .arg(&out)
        .env("XDG_CACHE_HOME", &cache)
        .stdout(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().context("can't run the program")?;
    let peak = wait_for_peak(child)?;
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
    let mut rows = vec![
        Row::new("default study, data made on the way", seconds, "s").with(Bar::AtMost(180.0)),
        Row::new("trials of the default study", trials.len() as f64, "trials"),
        Row::new("training of one trial", median(train), "ms"),
        Row::new("one trial outside training", median(outside), "ms").with(Bar::AtMost(2.0)),
    ];
    match peak {
        Some(bytes) => {
            let row = Row::new("peak memory of the default study", bytes / 1e6, "MB");
            rows.push(row.with(Bar::AtMost(300.0)));
        }
        None => eprintln!("bench: skipped memory: this system has no /proc"),
    }
    Ok(rows)
}

/// Measures one `ask`, through the example of the strategies.
pub(super) fn ask(workspace: &Workspace) -> Result<Vec<Row>> {
    let mut command = process::cargo(&workspace.root);
    command.args([
        "run",
        "--quiet",
        "--package",
        "firebrick-strategies",
        "--example",
        "ask_time",
    ]);
    parse_ask(&process::read(&mut command)?)
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
fn trials(out: &Path) -> Result<Vec<Value>> {
    let path: PathBuf = out.join("log.json");
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let log: Value = serde_json::from_str(&text).context("log.json is no JSON")?;
    let log = log.as_object().context("log.json holds no trials")?;
    Ok(log.values().cloned().collect())
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
        std::thread::sleep(Duration::from_millis(10));
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

fn remove(folder: &Path) -> Result<()> {
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
