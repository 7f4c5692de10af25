//! The workspace as `cargo metadata` tells it: members only, so that nothing is downloaded.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace.
    pub(crate) root: PathBuf,
    /// The folder of all that is built.
    pub(crate) target: PathBuf,
    /// The members.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder, from the root, with `/`.
    pub(crate) folder: String,
    /// What it says that it needs.
    pub(crate) dependencies: Vec<Dependency>,
    /// What is built of it.
    pub(crate) targets: Vec<Target>,
}

/// A line of `[dependencies]` and its sisters.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// The name of the package.
    pub(crate) name: String,
    /// `normal`, `dev` or `build`.
    pub(crate) kind: String,
}

/// A library, program, test, example or benchmark.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `lib`, `cdylib`, `bin`, `test`...
    pub(crate) kinds: Vec<String>,
    /// The file that is compiled.
    pub(crate) source: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// If cargo can't read the manifests.
    pub(crate) fn load() -> Result<Self> {
        // cargo sets the variable when it runs this program, also from a copy of the workspace.
        let folder = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let mut command = process::cargo(Path::new(&folder));
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        Self::parse(&process::read(&mut command)?)
    }

    fn parse(json: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(json).context("`cargo metadata` printed no JSON")?;
        let root = PathBuf::from(text(&json, "workspace_root")?);
        let packages = list(&json, "packages")?
            .iter()
            .map(|package| Package::parse(package, &root))
            .collect::<Result<_>>()?;
        Ok(Self {
            target: text(&json, "target_directory")?.into(),
            root,
            packages,
        })
    }

    /// Returns the names of the packages that are plugins, engines last.
    pub(crate) fn plugins(&self) -> Vec<&str> {
        let mut plugins: Vec<&str> = self
            .packages
            .iter()
            .filter(|package| package.folder.starts_with("plugins/"))
            .filter(|package| {
                let mut kinds = package.targets.iter().flat_map(|target| &target.kinds);
                kinds.any(|kind| kind == "cdylib")
            })
            .map(|package| package.name.as_str())
            .collect();
        plugins.sort_by_key(|name| (name.contains("-engine-"), *name));
        plugins
    }
}

impl Package {
    fn parse(json: &Value, root: &Path) -> Result<Self> {
        let manifest = PathBuf::from(text(json, "manifest_path")?);
        let folder = manifest.parent().unwrap_or(&manifest);
        let folder = folder.strip_prefix(root).unwrap_or(folder);
        let dependencies = list(json, "dependencies")?
            .iter()
            .map(|dependency| {
                Ok(Dependency {
                    name: text(dependency, "name")?,
                    kind: dependency["kind"].as_str().unwrap_or("normal").to_owned(),
                })
            })
            .collect::<Result<_>>()?;
        let targets = list(json, "targets")?
            .iter()
            .map(|target| {
                let kinds = list(target, "kind")?.iter().filter_map(Value::as_str);
                Ok(Target {
                    kinds: kinds.map(str::to_owned).collect(),
                    source: text(target, "src_path")?.into(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            name: text(json, "name")?,
            folder: folder.to_string_lossy().replace('\\', "/"),
            dependencies,
            targets,
        })
    }
}

fn text(json: &Value, key: &str) -> Result<String> {
    let text = json[key].as_str().map(str::to_owned);
    text.with_context(|| format!("`cargo metadata` printed no `{key}`"))
}

fn list<'a>(json: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    let list = json[key].as_array();
    list.with_context(|| format!("`cargo metadata` printed no `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_workspace() {
        let workspace = Workspace::load().unwrap();
        let core = workspace
            .packages
            .iter()
            .find(|package| package.name == "firebrick-core")
            .unwrap();
        assert_eq!(core.folder, "core");
        assert!(
            core.targets
                .iter()
                .any(|t| t.source.ends_with("src/lib.rs"))
        );
        let plugins = workspace.plugins();
        assert!(plugins.contains(&"firebrick-plugins-passes"), "{plugins:?}");
        assert!(!plugins.contains(&"firebrick-sdk"), "{plugins:?}");
        assert!(
            plugins.contains(&"firebrick-plugins-engine-burn"),
            "{plugins:?}"
        );
    }

    #[test]
    fn names_what_cargo_did_not_print() {
        let error = Workspace::parse("{}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`cargo metadata` printed no `workspace_root`"
        );
    }
}
