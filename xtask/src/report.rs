//! What was measured: as a table for people and a file of JSON for later.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::metadata::Workspace;
use crate::process;

/// What a bench found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Figures by themselves, above all those that have a bar.
    pub(crate) rows: Vec<Row>,
    /// Figures that are read side by side.
    pub(crate) tables: Vec<Table>,
}

/// Figures side by side.
#[derive(Debug)]
pub(crate) struct Table {
    /// What it shows, in one line.
    pub(crate) title: String,
    /// What its columns are, units included.
    pub(crate) head: Vec<String>,
    /// A name and a figure for every other column; NaN is a figure that is missing.
    pub(crate) lines: Vec<(String, Vec<f64>)>,
}

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// How much.
    pub(crate) value: f64,
    /// Of what.
    pub(crate) unit: &'static str,
    /// What it should be.
    pub(crate) bar: Option<Bar>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bar {
    /// As much as this or more.
    AtLeast(f64),
    /// As much as this or less.
    AtMost(f64),
}

impl From<Vec<Row>> for Found {
    fn from(rows: Vec<Row>) -> Self {
        Self {
            rows,
            tables: Vec::new(),
        }
    }
}

impl Found {
    /// Adds what another bench found.
    pub(crate) fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.tables.extend(other.tables);
    }

    /// Returns how many bars are missed.
    pub(crate) fn missed(&self) -> usize {
        let missed = self.rows.iter().filter(|row| row.is_held() == Some(false));
        missed.count()
    }

    /// Returns the tables and the figures as JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "tables": self.tables.iter().map(Table::json).collect::<Vec<_>>(),
        })
    }

    /// Returns the tables and the figures as text.
    pub(crate) fn text(&self) -> String {
        let tables = self.tables.iter().map(Table::text);
        let rows = (!self.rows.is_empty()).then(|| table(&self.rows));
        tables.chain(rows).collect::<Vec<_>>().join("\n")
    }
}

impl Table {
    fn text(&self) -> String {
        let lines = self.lines.iter().map(|(name, figures)| {
            let shown = figures.iter().map(|figure| match figure.is_nan() {
                true => "-".to_owned(),
                false => rounded(*figure),
            });
            std::iter::once(name.clone()).chain(shown).collect()
        });
        let lines: Vec<Vec<String>> = std::iter::once(self.head.clone()).chain(lines).collect();
        format!("{}\n{}", self.title, aligned(&lines, |column| column > 0))
    }

    fn json(&self) -> Value {
        let line = |(name, figures): &(String, Vec<f64>)| -> Value {
            let names = std::iter::once(json!(name));
            let values = names.chain(figures.iter().map(|figure| json!(figure)));
            let cells = self.head.iter().cloned().zip(values);
            Value::Object(cells.collect())
        };
        json!({
            "title": self.title,
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    /// Returns a figure without a bar.
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            bar: None,
        }
    }

    /// Returns the figure with a bar.
    pub(crate) fn with(self, bar: Bar) -> Self {
        Self {
            bar: Some(bar),
            ..self
        }
    }

    /// Returns whether the bar is held, if there is one.
    pub(crate) fn is_held(&self) -> Option<bool> {
        self.bar.map(|bar| match bar {
            Bar::AtLeast(least) => self.value >= least,
            Bar::AtMost(most) => self.value <= most,
        })
    }

    fn cells(&self) -> Vec<String> {
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
        vec![
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
fn table(rows: &[Row]) -> String {
    let head = ["what", "value", "unit", "bar", "held"].map(str::to_owned);
    let lines: Vec<Vec<String>> = std::iter::once(head.to_vec())
        .chain(rows.iter().map(Row::cells))
        .collect();
    aligned(&lines, |column| column == 1)
}

/// Returns lines of cells in columns: numbers end in one column, words start in one.
fn aligned(lines: &[Vec<String>], is_number: impl Fn(usize) -> bool) -> String {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for line in lines {
        let mut shown = String::new();
        for (column, cell) in line.iter().enumerate() {
            let padding = " ".repeat(width(column) - cell.chars().count());
            let cell = match is_number(column) {
                true => padding + cell,
                false => cell.clone() + &padding,
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
pub(crate) fn write(workspace: &Workspace, found: &Found) -> Result<PathBuf> {
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
    let mut report = json!({
        "seconds_since_1970": seconds,
        "commit": git(&["rev-parse", "HEAD"]),
        "has_changes": changes,
        "rustc": process::read(Command::new("rustc").arg("--version"))?.trim(),
        "cpu": cpu(),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
    });
    if let (Some(report), Value::Object(found)) = (report.as_object_mut(), found.json()) {
        report.extend(found);
    }
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
    fn shows_a_missing_figure_as_a_dash() {
        let table = Table {
            title: "Speed, M samples/s:".to_owned(),
            head: ["network", "ours", "PyTorch"].map(str::to_owned).to_vec(),
            lines: vec![
                ("16-5".to_owned(), vec![12.34, f64::NAN]),
                ("16-16-16-5".to_owned(), vec![1.0, 0.5]),
            ],
        };
        let expected = "\
Speed, M samples/s:
network     ours  PyTorch
16-5        12.3        -
16-16-16-5  1.00    0.500
";
        assert_eq!(table.text(), expected);
        let line = &table.json()["lines"][0];
        assert_eq!(line["ours"], json!(12.34));
        assert_eq!(line["PyTorch"], Value::Null);
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
