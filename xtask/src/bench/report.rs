//! What was measured: as a table for people and a file of JSON for later.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::metadata::Workspace;
use crate::process;

/// One figure.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// What was measured.
    pub(super) what: String,
    /// How much.
    pub(super) value: f64,
    /// Of what.
    pub(super) unit: &'static str,
    /// What it should be.
    pub(super) bar: Option<Bar>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bar {
    /// As much as this or more.
    AtLeast(f64),
    /// As much as this or less.
    AtMost(f64),
}

impl Row {
    /// Returns a figure without a bar.
    pub(super) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            bar: None,
        }
    }

    /// Returns the figure with a bar.
    pub(super) fn with(self, bar: Bar) -> Self {
        Self {
            bar: Some(bar),
            ..self
        }
    }

    fn is_held(&self) -> Option<bool> {
        self.bar.map(|bar| match bar {
            Bar::AtLeast(least) => self.value >= least,
            Bar::AtMost(most) => self.value <= most,
        })
    }

    fn cells(&self) -> [String; 5] {
        let bar = match self.bar {
            None => String::new(),
            Some(Bar::AtLeast(least)) => format!(">= {least}"),
            Some(Bar::AtMost(most)) => format!("<= {most}"),
        };
        let held = match self.is_held() {
            None => "",
            Some(true) => "yes",
            Some(false) => "NO",
        };
        [
            self.what.clone(),
            rounded(self.value),
            self.unit.to_owned(),
            bar,
            held.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let bar = match self.bar {
            None => Value::Null,
            Some(Bar::AtLeast(least)) => json!({ "at_least": least }),
            Some(Bar::AtMost(most)) => json!({ "at_most": most }),
        };
        json!({
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "bar": bar,
            "held": self.is_held(),
        })
    }
}

/// Returns the figures as a table.
pub(super) fn table(rows: &[Row]) -> String {
    let head = ["what", "value", "unit", "bar", "held"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let mut shown = String::new();
        for (idx, cell) in line.iter().enumerate() {
            let width = lines
                .iter()
                .map(|line| line[idx].chars().count())
                .max()
                .unwrap_or(0);
            let padding = " ".repeat(width - cell.chars().count());
            // Numbers end in one column, words start in one.
            let cell = if idx == 1 {
                padding + cell
            } else {
                cell.clone() + &padding
            };
            shown += &cell;
            shown += "  ";
        }
        text += shown.trim_end();
        text.push('\n');
    }
    text
}

/// Returns a number with three digits that mean something.
fn rounded(value: f64) -> String {
    let digits = if value == 0.0 {
        0.0
    } else {
        value.abs().log10().floor()
    };
    let decimals = (2.0 - digits).clamp(0.0, 6.0);
    format!("{value:.*}", decimals as usize)
}

/// Writes the figures with the machine and the commit; returns the file.
pub(super) fn write(workspace: &Workspace, rows: &[Row]) -> Result<PathBuf> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let git = |args: &[&str]| {
        process::read(Command::new("git").args(args).current_dir(&workspace.root))
            .map(|text| text.trim().to_owned())
            .ok()
    };
    let changes = git(&["status", "--porcelain"]).map(|changes| !changes.is_empty());
    let report = json!({
        "seconds_since_1970": seconds,
        "commit": git(&["rev-parse", "HEAD"]),
        "has_changes": changes,
        "rustc": process::read(Command::new("rustc").arg("--version"))?.trim(),
        "cpu": cpu(),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    let folder = workspace.target.join("bench");
    let path = folder.join(format!("bench-{seconds}.json"));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, format!("{report:#}\n")))
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// Returns what the processor calls itself, where the system says so.
fn cpu() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_numbers_right_and_words_left() {
        let rows = [
            Row::new("speed", 1234567.0, "samples/s"),
            Row::new("of PyTorch", 2.996, "x").with(Bar::AtLeast(3.0)),
        ];
        let expected = "\
what          value  unit       bar   held
speed       1234567  samples/s
of PyTorch     3.00  x          >= 3  NO
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn holds_a_bar_on_its_edge() {
        assert_eq!(
            Row::new("", 3.0, "").with(Bar::AtLeast(3.0)).is_held(),
            Some(true)
        );
        assert_eq!(
            Row::new("", 3.1, "").with(Bar::AtMost(3.0)).is_held(),
            Some(false)
        );
        assert_eq!(
            Row::new("", f64::NAN, "").with(Bar::AtMost(3.0)).is_held(),
            Some(false)
        );
    }

    #[test]
    fn shows_three_digits() {
        let shown = [1234.6, 12.345, 0.012345, 0.0, f64::NAN].map(rounded);
        assert_eq!(shown, ["1235", "12.3", "0.0123", "0.00", "NaN"]);
    }
}
