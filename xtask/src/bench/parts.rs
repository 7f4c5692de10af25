//! What passes and exports take, through examples of their crates.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::example;
use super::report::{Bar, Found, Row};
use crate::metadata::Workspace;
use crate::process;

/// Something that an example measures.
struct Case {
    /// What the example calls it.
    name: &'static str,
    what: &'static str,
    ms_max: f64,
}

const PASSES: [Case; 3] = [
    Case {
        name: "multiply_by_mode",
        what: "channel_multiplier by mode and costs, three-linear network",
        // A tenth of what a trial may cost besides training.
        ms_max: 0.2,
    },
    Case {
        name: "multiply_by_factor",
        what: "channel_multiplier by factor and costs, three-linear network",
        ms_max: 0.2,
    },
    Case {
        name: "analyses_of_vgg7",
        what: "all analyses of VGG7",
        ms_max: 1.0,
    },
];

const EXPORTS: [Case; 2] = [
    Case {
        name: "small",
        what: "QONNX of four small convolutions, checked",
        ms_max: 1e3,
    },
    Case {
        name: "large",
        what: "QONNX of a network of 600 M MACs, checked",
        ms_max: 1e3,
    },
];

/// Measures the passes that a trial applies, and the analyses.
pub(super) fn passes(workspace: &Workspace) -> Result<Found> {
    measure(workspace, "firebrick-passes", "pass_time", &PASSES)
}

/// Measures exports with their check.
pub(super) fn export(workspace: &Workspace) -> Result<Found> {
    measure(workspace, "firebrick-export", "export_time", &EXPORTS)
}

fn measure(workspace: &Workspace, package: &str, name: &str, cases: &[Case]) -> Result<Found> {
    let program = example::build(&workspace.root, package, name)?;
    let printed = process::read(&mut Command::new(program))?;
    let rows = rows(&printed, cases).with_context(|| format!("example `{name}`"))?;
    Ok(rows.into())
}

/// Reads lines of JSON, one a case; each case has to be there, so that no bar goes unmeasured.
fn rows(printed: &str, cases: &[Case]) -> Result<Vec<Row>> {
    let mut times = BTreeMap::new();
    for line in printed.lines() {
        let time = || {
            let found: Value = serde_json::from_str(line).ok()?;
            Some((found["case"].as_str()?.to_owned(), found["ms"].as_f64()?))
        };
        times.extend([time().with_context(|| format!("printed `{line}`"))?]);
    }
    let row = |case: &Case| {
        let ms = times.get(case.name);
        let ms = ms.with_context(|| format!("did not print case `{}`", case.name))?;
        Ok(Row::new(case.what, *ms, "ms").with(Bar::AtMost(case.ms_max)))
    };
    cases.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str =
        "{\"case\": \"small\", \"ms\": 20.5}\n{\"case\": \"large\", \"ms\": 1200.0}";

    #[test]
    fn times_are_held_against_the_bar_of_their_case() {
        let rows = rows(LINES, &EXPORTS).unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.value, row.is_held())).collect();
        assert_eq!(found, [(20.5, Some(true)), (1200.0, Some(false))]);
        assert_eq!(rows[0].what, "QONNX of four small convolutions, checked");
    }

    #[test]
    fn a_case_that_is_missing_or_no_case_is_named() {
        let error = |lines: &str| rows(lines, &EXPORTS).unwrap_err().to_string();
        let (small, _) = LINES.split_once('\n').unwrap();
        assert_eq!(error(small), "did not print case `large`");
        assert_eq!(error("nothing"), "printed `nothing`");
    }
}
