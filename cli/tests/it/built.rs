//! Plugins that are built by tests, as a third party's: outside the workspace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// The folder of what is built outside the workspace, shared with the tests of the host.
pub(crate) fn products() -> PathBuf {
    workspace().join("target").join("outside")
}

/// Runs cargo in a crate outside the workspace, with the versions of the workspace's lock file.
pub(crate) fn cargo(crate_dir: &Path, args: &[&str]) -> Output {
    let lock = crate_dir.join("Cargo.lock");
    if !lock.exists() {
        fs::copy(workspace().join("Cargo.lock"), lock).unwrap();
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
    output
}

/// Returns a library that is built outside the workspace, with rights that the host accepts.
pub(crate) fn built(crate_dir: &str, args: &[&str], library: &str) -> PathBuf {
    cargo(&workspace().join(crate_dir), args);
    let file = products().join("debug").join(library);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}
