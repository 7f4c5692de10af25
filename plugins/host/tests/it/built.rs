//! Plugins, built once, and copies of them to spoil.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Returns the library of the template plugin, which is outside the workspace.
pub(crate) fn template() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| cargo(&template_crate(), &["build"]));
    library("firebrick_template")
}

/// Returns the folder of the template plugin.
pub(crate) fn template_crate() -> PathBuf {
    workspace().join("plugins").join("template")
}

/// Returns the library of a crate in `tests/fixtures`, each described in its source.
pub(crate) fn fixture(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    BUILT.get_or_init(|| {
        cargo(&fixtures, &["build"]);
        let abort = ["rustc", "--package", "aborting", "--", "-C", "panic=abort"];
        cargo(&fixtures, &abort);
        cargo(&fixtures.join("failing_start"), &["build"]);
        cargo(&fixtures.join("other_layout"), &["build"]);
    });
    library(name)
}

/// A folder with libraries, gone at the end of the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    /// Copies a library into the folder, under a name.
    pub(crate) fn copy(&self, library: &Path, name: &str) -> PathBuf {
        self.write(name, &fs::read(library).unwrap())
    }

    /// Writes a file that only its owner can change, whatever the umask.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path().join(name);
        fs::write(&file, bytes).unwrap();
        set_mode(&file, 0o755);
        file
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs cargo in a crate outside the workspace. These crates share one folder of build products,
/// which is not the workspace's, and the versions in the workspace's lock file, so that nothing
/// has to be downloaded.
pub(crate) fn cargo(crate_dir: &Path, args: &[&str]) {
    let lock = crate_dir.join("Cargo.lock");
    let ours = workspace().join("Cargo.lock");
    let modified = |file: &Path| {
        file.metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    if modified(&lock) < modified(&ours) {
        let copy = tempfile::NamedTempFile::new_in(crate_dir).unwrap();
        fs::write(copy.path(), fs::read(ours).unwrap()).unwrap();
        copy.persist(lock).unwrap();
    }
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(crate_dir)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", products())
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {args:?}:\n{errors}");
}

fn library(name: &str) -> PathBuf {
    let file = products().join("debug").join(format!("lib{name}.so"));
    set_mode(&file, 0o755);
    file
}

fn products() -> PathBuf {
    workspace().join("target").join("outside")
}

fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}
