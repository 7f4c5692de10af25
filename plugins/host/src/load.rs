//! Loads the plugins of some folders into one registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use firebrick_core::registry::{Entry, Manifest, Registry};
use firebrick_sdk::door::Door;
use serde::Serialize;

use crate::refusal::{Refusal, as_text};
use crate::{library, preflight, remote};

/// What was loaded, and what was not.
#[derive(Default)]
pub struct Loaded {
    /// The items of all plugins, by name.
    pub registry: Registry,
    /// The plugins, in the order in which they were found.
    pub plugins: Vec<PluginInfo>,
    /// The files that are no plugins for this program.
    pub refused: Vec<Refusal>,
    /// What else a user may want to know: plugins that an earlier folder hides.
    pub notes: Vec<String>,
}

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PluginInfo {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Where it was loaded from.
    #[serde(serialize_with = "as_text")]
    pub file: PathBuf,
    /// The version of the interface that it speaks.
    pub interface: String,
    /// The compiler that it was built with; any will do.
    pub rustc: String,
    /// What it offers, by kind and name.
    pub items: Vec<Manifest>,
}

/// Loads the plugins of folders, in this order.
///
/// Every library in a folder is tried (by the system's ending, such as `.so`), in the order of
/// file names; other files and folders within are left alone, and so is a folder that is not
/// there. A plugin that has the name of one from an earlier folder is hidden by that; one that
/// has the name of another in the same folder is refused. Two plugins may offer items of one
/// name, which then has to be written `plugin/name`.
pub fn load_all(dirs: &[PathBuf]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut files = BTreeSet::new();
    let mut found: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
    for (dir_idx, dir) in dirs.iter().enumerate() {
        for path in libraries(dir, &mut loaded.refused) {
            match load(&path, &mut files) {
                Ok(None) => {}
                Ok(Some(plugin)) => keep(plugin, dir_idx, &mut found, &mut loaded),
                Err(refusal) => loaded.refused.push(refusal),
            }
        }
    }
    loaded
}

/// A plugin that is loaded and known, but in no registry.
pub(crate) struct Plugin {
    pub(crate) info: PluginInfo,
    pub(crate) door: Door,
}

impl Plugin {
    /// Returns the items, as registries keep them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.info.items.iter().map(|manifest| Entry {
            manifest: manifest.clone(),
            plugin: self.info.name.clone(),
            factory: remote::factory(self.door, &self.info.name, manifest),
        })
    }
}

/// Loads one file.
///
/// # Errors
/// Why it is no plugin for this program.
pub(crate) fn load_file(path: &Path) -> Result<Plugin, Refusal> {
    let mut files = BTreeSet::new();
    let plugin = load(path, &mut files)?;
    Ok(plugin.expect("no file was loaded before"))
}

/// Loads a file unless it is one of those that were loaded before.
fn load(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<Option<Plugin>, Refusal> {
    let real = preflight::check(path)?;
    if !files.insert(real.clone()) {
        return Ok(None);
    }
    let opened = library::open(path, &real)?;
    let (door, descriptor) = (opened.door, opened.descriptor);
    let (name, version) = (descriptor.name(), descriptor.version());
    let refuse = |found: String, expected: &str| {
        let found = format!("plugin `{name}` {version}: {found}");
        let hint = "report it to the author of the plugin";
        Refusal::new(path, found, expected, hint)
    };
    if !is_word(&name) {
        return Err(refuse(
            "its name has other characters".to_owned(),
            "a name of letters, digits, `-`, `_` and `.`",
        ));
    }
    let fault = |fault: firebrick_sdk::Fault| refuse(fault.to_string(), "a plugin that starts");
    door.init().map_err(fault)?;
    let manifest = door.manifest().map_err(fault)?;
    let mut items: Vec<Manifest> = serde_json::from_slice(&manifest).map_err(|error| {
        let found = format!("its manifest is not readable ({error})");
        refuse(found, "a manifest")
    })?;
    items.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    check_items(&items).map_err(|found| refuse(found, "one item a kind and name"))?;
    let info = PluginInfo {
        interface: descriptor.interface().to_string(),
        rustc: descriptor.rustc(),
        file: real,
        items,
        name,
        version,
    };
    Ok(Some(Plugin { info, door }))
}

/// Puts a plugin into the registry unless another one has its name.
fn keep(
    plugin: Plugin,
    dir_idx: usize,
    found: &mut BTreeMap<String, (usize, PathBuf)>,
    loaded: &mut Loaded,
) {
    let info = &plugin.info;
    match found.get(&info.name) {
        None => {
            found.insert(info.name.clone(), (dir_idx, info.file.clone()));
            plugin
                .entries()
                .for_each(|entry| loaded.registry.add(entry));
            loaded.plugins.push(plugin.info);
        }
        Some((earlier_idx, earlier)) if *earlier_idx == dir_idx => {
            let found = format!(
                "plugin `{}` again, which `{}` is already",
                info.name,
                earlier.display()
            );
            let expected = "one file a plugin and folder";
            let refusal = Refusal::new(&info.file, found, expected, "remove the older file");
            loaded.refused.push(refusal);
        }
        Some((_, earlier)) => loaded.notes.push(format!(
            "plugin `{}` in `{}` hides `{}`",
            info.name,
            earlier.display(),
            info.file.display()
        )),
    }
}

/// Returns the libraries of a folder, by name.
fn libraries(dir: &Path, refused: &mut Vec<Refusal>) -> Vec<PathBuf> {
    let unreadable = |error: &std::io::Error| {
        let found = format!("it can't be read ({error})");
        Refusal::new(dir, found, "a folder with plugins", "look at its rights")
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        // Most folders of a search path are not there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            refused.push(unreadable(&error));
            return Vec::new();
        }
    };
    let mut libraries = Vec::new();
    for entry in entries {
        match entry.map(|entry| entry.path()) {
            Ok(path) => {
                let ending = path.extension().and_then(|ending| ending.to_str());
                if ending == Some(std::env::consts::DLL_EXTENSION) {
                    libraries.push(path);
                }
            }
            Err(error) => refused.push(unreadable(&error)),
        }
    }
    libraries.sort();
    libraries
}

fn check_items(items: &[Manifest]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for item in items {
        for name in std::iter::once(&item.name).chain(&item.aliases) {
            if !is_word(name) {
                return Err(format!(
                    "{} `{name}` has other characters than letters, digits, `-`, `_` and `.` in its name",
                    item.kind
                ));
            }
            if !names.insert((item.kind, name)) {
                return Err(format!("it has the {} `{name}` twice", item.kind));
            }
        }
    }
    Ok(())
}

/// Returns whether a name can stand in `plugin/name`.
fn is_word(name: &str) -> bool {
    let fits = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
    !name.is_empty() && name.chars().all(fits)
}
