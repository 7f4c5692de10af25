//! What the program learns from its surroundings; the only place that reads the environment.

use std::env;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// What the surroundings say.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// Where plugins are looked for, first wins.
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// Where `firebrick plugin add` puts plugins.
    pub(crate) user_plugin_dir: Option<PathBuf>,
    /// Where data sets are looked for when no path is given.
    pub(crate) data_dirs: Vec<PathBuf>,
    /// Where generated data is kept between runs.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Whether a live line can be drawn on stderr.
    pub(crate) is_live: bool,
    /// The memory of this machine in bytes, where it is known.
    pub(crate) memory: Option<u64>,
}

impl Environment {
    /// Reads the environment, after the folders that the command line gives.
    pub(crate) fn read(plugin_dirs: &[PathBuf]) -> Self {
        let data_home = home_folder("XDG_DATA_HOME", ".local/share");
        let user_plugin_dir = data_home
            .as_ref()
            .map(|home| home.join("firebrick/plugins"));
        let mut dirs = plugin_dirs.to_vec();
        if let Some(paths) = env::var_os("FIREBRICK_PLUGIN_PATH") {
            dirs.extend(env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()));
        }
        dirs.extend(user_plugin_dir.clone());
        dirs.extend(beside_program());
        let mut data_dirs = vec![PathBuf::from("data")];
        data_dirs.extend(data_home.map(|home| home.join("firebrick/data")));
        Self {
            plugin_dirs: dirs,
            user_plugin_dir,
            data_dirs,
            cache_dir: home_folder("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("firebrick")),
            is_live: std::io::stderr().is_terminal() && !is_dumb(),
            memory: memory(),
        }
    }
}

/// Returns `<program>/../lib/firebrick/plugins`, links to the program followed.
fn beside_program() -> Option<PathBuf> {
    let program = env::current_exe().ok()?.canonicalize().ok()?;
    Some(program.parent()?.parent()?.join("lib/firebrick/plugins"))
}

fn home_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    named.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(below_home)))
}

/// Reads `MemTotal:  24571212 kB`, which Linux tells.
fn memory() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = told
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total
        .trim()
        .trim_end_matches("kB")
        .trim_end()
        .parse()
        .ok()?;
    kibibytes.checked_mul(1024)
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}
