//! The plugins of a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firebrick_core::registry::Registry;

/// What was loaded.
pub(crate) struct Plugins {
    /// The items by name.
    pub(crate) registry: Registry,
    versions: BTreeMap<String, String>,
}

impl Plugins {
    /// Loads the plugins of folders and says on stderr what was refused: a plugin that is stale
    /// stops nothing but itself.
    pub(crate) fn load(dirs: &[PathBuf]) -> Self {
        let loaded = firebrick_host::load_all(dirs);
        for note in &loaded.notes {
            eprintln!("note: {note}");
        }
        for refusal in &loaded.refused {
            eprintln!("warning: plugin {refusal}; {}", refusal.hint);
        }
        let versions = loaded
            .plugins
            .iter()
            .map(|info| (info.name.clone(), info.version.clone()));
        Self {
            versions: versions.collect(),
            registry: loaded.registry,
        }
    }

    /// Returns the versions of the plugins by name.
    pub(crate) fn versions(&self) -> BTreeMap<String, String> {
        self.versions.clone()
    }
}
