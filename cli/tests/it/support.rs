//! Runs the program in a folder of its own, with the plugins that `cargo xtask` staged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A small search over two widths that ends within a second.
pub(crate) const STUDY: &str = r#"
batch_size = 256
max_epochs = 2
learning_rate = 0.01
project = "small"

[model]
name = "jsc-three-linear"
logits = true

[dataset]
name = "jets-sim"
n_rows = 1000

[search.search_space.seed]
seq_blocks_2.channel_multiplier.factor = [1, 2, 3]
seq_blocks_4.channel_multiplier.factor = [1, 2]

[search.strategy]
name = "tpe"
setup.n_trials = 4
metrics.accuracy.direction = "maximize"
metrics.params.direction = "minimize"
"#;

/// A folder in which the program runs, with a home of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What a run left.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Makes an empty place.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Makes a place with a study file.
    pub(crate) fn with_study(text: &str) -> Self {
        let place = Self::new();
        place.write("study.toml", text);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Returns the program, ready to start here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firebrick"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("XDG_DATA_HOME")
            .env("HOME", self.path("home"))
            // Simulated jets are generated once for all tests.
            .env("XDG_CACHE_HOME", target_folder().join("test-cache"))
            .env("FIREBRICK_PLUGIN_PATH", plugin_folder())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let output = self.command(args).output().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Returns what is in a folder, by name.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(name)) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

impl Run {
    /// Checks that the run was refused: exit code 2, nothing on stdout; returns stderr.
    pub(crate) fn refused(&self) -> &str {
        assert_eq!(self.code, Some(2), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr.trim_end()
    }
}

/// Whether tests that take longer than some seconds run.
pub(crate) fn slow() -> bool {
    std::env::var_os("FIREBRICK_SLOW_TESTS").is_some()
}

/// Returns the folder of all that is built.
pub(crate) fn target_folder() -> PathBuf {
    // target/debug/firebrick -> target
    let program = Path::new(env!("CARGO_BIN_EXE_firebrick"));
    program.ancestors().nth(2).unwrap().to_owned()
}

/// Returns the folder of the plugins that `cargo xtask` staged.
pub(crate) fn plugin_folder() -> PathBuf {
    let folder = target_folder().join("firebrick/lib/firebrick/plugins");
    assert!(
        folder.is_dir(),
        "no plugins in {}: run `cargo xtask build`",
        folder.display()
    );
    folder
}

/// Returns a file of the real data that is not part of the project, or says that it is missing.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = match std::env::var_os("FIREBRICK_TEST_DATA") {
        Some(folder) => PathBuf::from(folder).join(".."),
        None => beside(),
    };
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: {name} is not here");
        return None;
    }
    Some(path)
}
