//! How long it takes to run again after an edit of one strategy.

use std::fs;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};

use super::report::{Bar, Found, Row};
use crate::build::{Need, build};
use crate::metadata::Workspace;

/// Measures a build after a strategy was touched.
pub(super) fn rebuild(workspace: &Workspace) -> Result<Found> {
    let file = workspace.root.join("strategies").join("src").join("tpe.rs");
    let need = Need::Engine("burn".to_owned());
    build(workspace, &need)?;
    fs::File::options()
        .append(true)
        .open(&file)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("can't touch {}", file.display()))?;
    let start = Instant::now();
    build(workspace, &need)?;
    let seconds = start.elapsed().as_secs_f64();
    let row = Row::new("build after an edit of one strategy", seconds, "s");
    Ok(vec![row.with(Bar::AtMost(10.0))].into())
}
