//! `cargo xtask build`: builds the program and plugins, and stages them where the program looks.

use std::collections::BTreeMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cuda;
use crate::metadata::Workspace;
use crate::process::{self, Usage};

const PROGRAM: &str = "firebrick-cli";
const ENGINE: &str = "firebrick-plugins-engine-";

/// Which plugins something needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// None: the program alone.
    Program,
    /// Models, passes and strategies: seconds to build.
    Items,
    /// These and an engine: seconds or, with burn in it, minutes to build, once.
    Engine(String),
    /// Models, passes, strategies and the engine `cuda`, which is no member of the workspace.
    Cuda(cuda::Options),
    /// Every plugin of the workspace.
    All,
}

impl Need {
    /// Reads `[--engine NAME [OPTION...]]`, all engines by default.
    ///
    /// # Errors
    /// If there is something else; `usage` says what is expected.
    pub(crate) fn parse(args: &[String], usage: &str) -> Result<Self> {
        match args {
            [] => Ok(Self::All),
            [flag, name, options @ ..] if flag == "--engine" && name == cuda::ENGINE => {
                Ok(Self::Cuda(cuda::Options::parse(options)?))
            }
            [flag, name] if flag == "--engine" => Ok(Self::Engine(name.clone())),
            _ => bail!(Usage(format!("expected `{usage}`"))),
        }
    }
}

/// Runs `cargo xtask build [--engine NAME [OPTION...]]`, all engines by default.
pub(crate) fn task(args: &[String]) -> Result<()> {
    let need = Need::parse(args, "cargo xtask build [--engine NAME]")?;
    let program = build(&Workspace::load()?, &need)?;
    eprintln!("built {}", program.display());
    Ok(())
}

/// Builds the program and the plugins that are needed; returns the staged program.
///
/// Plugins that were staged before are built too: a staged plugin is never older than the
/// program, which would refuse it.
///
/// # Errors
/// If there is no such engine, something does not compile or can't be written.
pub(crate) fn build(workspace: &Workspace, need: &Need) -> Result<PathBuf> {
    let stage = Stage::of(&workspace.target);
    let staged = stage.plugins();
    let plugins = selection(&workspace.plugins(), need, &staged)?;
    let mut built = compile(workspace, &plugins)?;
    let cuda = match need {
        Need::Cuda(options) => Some(options.clone()),
        _ if is_among(&staged, cuda::PACKAGE) => cuda::last(workspace),
        _ => None,
    };
    if let Some(options) = cuda {
        built.libraries.push(cuda::build(workspace, &options)?);
    }
    stage.put(&built, &workspace.plugins())?;
    Ok(stage.program())
}

/// Returns the plugins to build: those that are needed and those that are staged already.
fn selection(plugins: &[&str], need: &Need, staged: &[PathBuf]) -> Result<Vec<String>> {
    let engine = match need {
        Need::Engine(name) => Some(format!("{ENGINE}{name}")),
        Need::Program | Need::Items | Need::Cuda(_) | Need::All => None,
    };
    if let (Some(engine), Need::Engine(name)) = (&engine, need)
        && !plugins.contains(&engine.as_str())
    {
        let known: Vec<_> = plugins
            .iter()
            .filter_map(|p| p.strip_prefix(ENGINE))
            .chain([cuda::ENGINE])
            .collect();
        let known = known.join(", ");
        bail!(Usage(format!(
            "no engine `{name}` here\n\nhint: known: {known}"
        )));
    }
    let is_needed = |plugin: &str| match need {
        Need::Program => false,
        Need::Items | Need::Cuda(_) => !plugin.starts_with(ENGINE),
        Need::Engine(_) => !plugin.starts_with(ENGINE) || engine.as_deref() == Some(plugin),
        Need::All => true,
    };
    Ok(plugins
        .iter()
        .filter(|plugin| is_needed(plugin) || is_among(staged, plugin))
        .map(|plugin| (*plugin).to_owned())
        .collect())
}

/// Returns whether an engine is one of ours, that can be built here.
pub(crate) fn is_ours(plugins: &[&str], engine: &str) -> bool {
    plugins.contains(&format!("{ENGINE}{engine}").as_str())
}

/// Returns whether an engine of ours is staged.
pub(crate) fn is_staged(workspace: &Workspace, engine: &str) -> bool {
    let staged = Stage::of(&workspace.target).plugins();
    is_among(&staged, &format!("{ENGINE}{engine}"))
}

fn is_among(staged: &[PathBuf], plugin: &str) -> bool {
    let file = library(plugin);
    staged.iter().any(|staged| staged.ends_with(&file))
}

/// What was built: the program and a library a plugin.
struct Built {
    program: PathBuf,
    libraries: Vec<PathBuf>,
}

fn compile(workspace: &Workspace, plugins: &[String]) -> Result<Built> {
    let mut command = process::cargo(&workspace.root);
    command.args(["build", "--message-format", "json-render-diagnostics"]);
    for package in std::iter::once(PROGRAM).chain(plugins.iter().map(String::as_str)) {
        command.args(["--package", package]);
    }
    let messages = process::read(command.stdin(Stdio::null()))?;
    let files = artifacts(&messages);
    let file = |name: &str| {
        files
            .get(name)
            .cloned()
            .with_context(|| format!("cargo built no `{name}`"))
    };
    Ok(Built {
        program: file(&format!("firebrick{EXE_SUFFIX}"))?,
        libraries: plugins
            .iter()
            .map(|plugin| file(&library(plugin)))
            .collect::<Result<_>>()?,
    })
}

/// Returns the files that cargo built, by name.
fn artifacts(messages: &str) -> BTreeMap<String, PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .filter_map(|file| Some((file.file_name()?.to_str()?.to_owned(), file.clone())))
        .collect()
}

/// Returns the file name of a plugin.
pub(crate) fn library(plugin: &str) -> String {
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", plugin.replace('-', "_"))
}

/// A folder with `bin` and `lib/firebrick/plugins`, as the program expects to find itself in.
pub(crate) struct Stage {
    root: PathBuf,
}

impl Stage {
    /// Returns the stage of a target folder.
    pub(crate) fn of(target: &Path) -> Self {
        Self::at(target.join("firebrick"))
    }

    /// Returns the stage at any folder.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns where the program is.
    pub(crate) fn program(&self) -> PathBuf {
        self.root.join("bin").join(format!("firebrick{EXE_SUFFIX}"))
    }

    /// Returns a command of the program that sees the plugins of this stage only, whatever this
    /// user has installed.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        command
            .env_remove("FIREBRICK_PLUGIN_PATH")
            .env("XDG_DATA_HOME", self.root.join("no-such-folder"));
        command
    }

    fn plugin_folder(&self) -> PathBuf {
        self.root.join("lib").join("firebrick").join("plugins")
    }

    /// Returns the plugins that are there, by path.
    pub(crate) fn plugins(&self) -> Vec<PathBuf> {
        let Ok(folder) = fs::read_dir(self.plugin_folder()) else {
            return Vec::new();
        };
        let mut plugins: Vec<PathBuf> = folder
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(DLL_SUFFIX))
            .collect();
        plugins.sort();
        plugins
    }

    /// Puts what was built in its place, plugins first, and takes away built-in plugins that no
    /// longer exist. A third party's plugin stays.
    fn put(&self, built: &Built, known: &[&str]) -> Result<()> {
        let folder = self.plugin_folder();
        for plugin in self.plugins() {
            let name = plugin.file_name().unwrap_or_default().to_string_lossy();
            let is_ours = name.starts_with(&format!("{DLL_PREFIX}firebrick_plugins_"));
            let mut known = known.iter().chain([&cuda::PACKAGE]);
            if is_ours && !known.any(|known| library(known) == name) {
                fs::remove_file(&plugin)
                    .with_context(|| format!("can't remove {}", plugin.display()))?;
            }
        }
        for library in &built.libraries {
            put(
                library,
                &folder.join(library.file_name().unwrap_or_default()),
            )?;
        }
        put(&built.program, &self.program())
    }

    /// Copies everything of this stage to another.
    pub(crate) fn copy_to(&self, other: &Self, known: &[&str]) -> Result<()> {
        let built = Built {
            program: self.program(),
            libraries: self.plugins(),
        };
        other.put(&built, known)
    }
}

/// Copies a file to its place unless it is there already.
///
/// By a temporary name and a rename: a program that runs keeps the file that it has mapped. A
/// copy rather than a link, since linkers may write into the file that they wrote before.
fn put(from: &Path, to: &Path) -> Result<()> {
    if is_same(from, to) {
        return Ok(());
    }
    let context = || format!("can't copy {} to {}", from.display(), to.display());
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let copied = copy(from, &temporary).and_then(|()| fs::rename(&temporary, to));
    if copied.is_err() {
        // What went wrong is reported below; a leftover is worth no second message.
        let _ = fs::remove_file(&temporary);
    }
    copied.with_context(context)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The host refuses plugins that others can write to, whatever the umask was.
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    }
    let modified = fs::metadata(from)?.modified()?;
    fs::File::options()
        .write(true)
        .open(to)?
        .set_modified(modified)
}

fn is_same(from: &Path, to: &Path) -> bool {
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    stamp(from).is_some() && stamp(from) == stamp(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGINS: [&str; 4] = [
        "firebrick-plugins-models",
        "firebrick-plugins-passes",
        "firebrick-plugins-engine-burn",
        "firebrick-plugins-engine-mlp",
    ];

    fn selected(need: &Need, staged: &[&str]) -> Vec<String> {
        let staged: Vec<PathBuf> = staged.iter().map(|name| library(name).into()).collect();
        selection(&PLUGINS, need, &staged).unwrap()
    }

    #[test]
    fn builds_no_engine_that_is_not_needed() {
        assert!(selected(&Need::Program, &[]).is_empty());
        assert_eq!(selected(&Need::Items, &[]), PLUGINS[..2]);
        assert_eq!(
            selected(&Need::Engine("burn".to_owned()), &[]),
            PLUGINS[..3]
        );
        assert_eq!(
            selected(&Need::Engine("mlp".to_owned()), &[]),
            [PLUGINS[0], PLUGINS[1], PLUGINS[3]]
        );
    }

    #[test]
    fn all_is_every_plugin_of_ours() {
        assert_eq!(selected(&Need::All, &["someone-elses"]), PLUGINS);
    }

    #[test]
    fn keeps_staged_plugins_up_to_date() {
        let staged = ["firebrick-plugins-engine-mlp", "someone-elses"];
        assert_eq!(selected(&Need::Program, &staged), [PLUGINS[3]]);
    }

    #[test]
    fn names_the_engines_that_there_are() {
        let error = selection(&PLUGINS, &Need::Engine("brun".to_owned()), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no engine `brun` here\n\nhint: known: burn, mlp, cuda"
        );
    }

    #[test]
    fn builds_the_engine_of_gpus_only_where_it_is_named() {
        let args =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let need = |line: &str| Need::parse(&args(line), "this");
        assert_eq!(need("").unwrap(), Need::All);
        let burn = Need::Engine("burn".to_owned());
        assert_eq!(need("--engine burn").unwrap(), burn);
        assert!(need("--engine burn --without-llvm").is_err());
        assert!(need("--engine").is_err());
        let options = cuda::Options::parse(&args("--without-llvm")).unwrap();
        let cuda = need("--engine cuda --without-llvm").unwrap();
        assert_eq!(cuda, Need::Cuda(options));
        // cargo is not asked for it: it is no member.
        assert_eq!(selected(&cuda, &[cuda::PACKAGE]), PLUGINS[..2]);
        assert_eq!(selected(&Need::All, &[cuda::PACKAGE]), PLUGINS);
    }

    #[test]
    fn finds_the_files_in_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-message","message":{}}
            {"reason":"compiler-artifact","filenames":["/t/debug/libx.so","/t/debug/libx.rlib"]}
            not json
            {"reason":"build-finished","success":true}"#;
        let files = artifacts(messages);
        assert_eq!(files["libx.so"], Path::new("/t/debug/libx.so"));
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn replaces_a_file_without_touching_the_old_one() {
        let folder = Folder::new("replaces");
        let (from, to) = (folder.0.join("from"), folder.0.join("deep/to"));
        fs::write(&from, "one").unwrap();
        put(&from, &to).unwrap();
        assert!(is_same(&from, &to));
        let mut mapped = fs::File::open(&to).unwrap();
        fs::write(&from, "two!").unwrap();
        put(&from, &to).unwrap();
        let mut old = String::new();
        std::io::Read::read_to_string(&mut mapped, &mut old).unwrap();
        assert_eq!(
            (old.as_str(), fs::read_to_string(&to).unwrap().as_str()),
            ("one", "two!")
        );
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn takes_away_our_old_plugins_only() {
        let folder = Folder::new("takes_away");
        let stage = Stage::at(folder.0.clone());
        fs::create_dir_all(stage.plugin_folder()).unwrap();
        let names = [
            "firebrick-plugins-models",
            "firebrick-plugins-gone",
            cuda::PACKAGE,
            "theirs",
        ];
        for name in names {
            fs::write(stage.plugin_folder().join(library(name)), name).unwrap();
        }
        let program = folder.0.join("program");
        fs::write(&program, "program").unwrap();
        let built = Built {
            program,
            libraries: Vec::new(),
        };
        stage.put(&built, &PLUGINS).unwrap();
        let left: Vec<_> = stage
            .plugins()
            .iter()
            .map(|plugin| plugin.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            left,
            [
                library(cuda::PACKAGE),
                library("firebrick-plugins-models"),
                library("theirs")
            ]
        );
    }

    /// A folder of one test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = format!("firebrick-xtask-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
