//! What `firebrick plugin check` looks at.

use std::path::Path;

use firebrick_core::registry::{Entry, Factory};
use serde::Serialize;

use crate::load::{PluginInfo, load_file};
use crate::refusal::Refusal;

/// What checking a plugin found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the plugin says about itself.
    pub plugin: PluginInfo,
    /// The items that can't be made, and why.
    pub broken: Vec<String>,
    /// What its author should look at besides: items that say nothing about themselves.
    pub remarks: Vec<String>,
}

/// Loads a file as a plugin and makes one of each of its items but the strategies, which need a
/// study.
///
/// This process runs the plugin's code and dies with it; a program that should not runs this in a
/// child process.
///
/// # Errors
/// Why it is no plugin for this program.
pub fn check_file(path: &Path) -> Result<Report, Refusal> {
    let plugin = load_file(path)?;
    let (mut broken, mut remarks) = (Vec::new(), Vec::new());
    if plugin.info.items.is_empty() {
        remarks.push("it has no items: is `use ITS_CRATE as _;` missing?".to_owned());
    }
    for entry in plugin.entries() {
        let (kind, name) = (entry.manifest.kind, &entry.manifest.name);
        if let Err(error) = make(&entry) {
            broken.push(error);
        }
        if entry.manifest.summary().is_empty() {
            remarks.push(format!(
                "{kind} `{name}` has no description: its arguments need a doc comment"
            ));
        }
    }
    Ok(Report {
        plugin: plugin.info,
        broken,
        remarks,
    })
}

fn make(entry: &Entry) -> Result<(), String> {
    match &entry.factory {
        Factory::Model(make) => make().map(drop),
        Factory::Pass(make) => make().map(drop),
        Factory::Engine(make) => make().map(drop),
        Factory::Strategy(_) => Ok(()),
    }
}
