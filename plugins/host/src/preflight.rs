//! What is checked of a file before the system's loader sees it.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use crate::elf::{self, Wrong};
use crate::refusal::Refusal;

/// Checks a file before it is opened as a library; returns where it really is.
///
/// It must be a regular file, complete and for this machine, owned by root or the user; and
/// neither it nor its folder may be writable by others, who could otherwise have the user run
/// their code. A folder that others can write to but in which they can't replace files of others
/// (sticky, such as the system's folder for temporary files) will do if it is root's or the
/// user's: what they put there is theirs, and refused for that.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn check(path: &Path) -> Result<PathBuf, Refusal> {
    let unreadable = |error: std::io::Error| {
        let found = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => format!("it can't be read ({error})"),
        };
        Refusal::new(path, found, "a plugin", "look at the path and its rights")
    };
    // The rights of what a link points to count, not those of the link.
    let real = path.canonicalize().map_err(unreadable)?;
    let metadata = real.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "it is a folder",
            false => "it is no regular file",
        };
        let hint = "name the library itself, such as `libmine.so`";
        return Err(Refusal::new(path, found, "a shared library", hint));
    }
    check_rights(path, &real, &metadata)?;
    let mut file = File::open(&real).map_err(unreadable)?;
    check_content(path, &mut file, metadata.len(), unreadable)?;
    Ok(real)
}

#[cfg(all(
    target_pointer_width = "64",
    any(target_os = "linux", target_os = "android", target_os = "freebsd")
))]
fn check_content(
    path: &Path,
    file: &mut File,
    length: u64,
    unreadable: impl Fn(std::io::Error) -> Refusal,
) -> Result<(), Refusal> {
    let wrong = elf::check(file, length).map_err(unreadable)?;
    let (found, hint) = match wrong {
        None => return Ok(()),
        Some(Wrong::Foreign(found)) => (
            found,
            "build the plugin on this machine; `firebrick plugin add CRATE` does",
        ),
        Some(Wrong::Truncated(found)) => (found, "copy or build it again"),
    };
    let expected = "a shared library for this machine";
    Err(Refusal::new(path, found, expected, hint))
}

#[cfg(not(all(
    target_pointer_width = "64",
    any(target_os = "linux", target_os = "android", target_os = "freebsd")
)))]
fn check_content(
    path: &Path,
    _file: &mut File,
    length: u64,
    _unreadable: impl Fn(std::io::Error) -> Refusal,
) -> Result<(), Refusal> {
    // The loaders of other systems check what they map.
    if length == 0 {
        let hint = "copy or build it again";
        return Err(Refusal::new(
            path,
            "an empty file",
            "a shared library",
            hint,
        ));
    }
    Ok(())
}

#[cfg(unix)]
fn check_rights(path: &Path, real: &Path, metadata: &Metadata) -> Result<(), Refusal> {
    use std::os::unix::fs::MetadataExt;

    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    let user = user();
    let is_ours = |metadata: &Metadata| metadata.uid() == 0 || metadata.uid() == user;
    let folder = real.parent().unwrap_or(real);
    let folder_metadata = folder.metadata().map_err(|error| {
        let found = format!("its folder can't be read ({error})");
        Refusal::new(path, found, "a plugin", "look at the rights of the folder")
    })?;
    let both = [
        (real, metadata, "", metadata.mode() & OTHERS_WRITE != 0),
        (
            folder,
            &folder_metadata,
            "its folder ",
            folder_metadata.mode() & OTHERS_WRITE != 0 && folder_metadata.mode() & STICKY == 0,
        ),
    ];
    for (place, metadata, which, others_write) in both {
        if !is_ours(metadata) {
            let found = format!("{which}belongs to user {}", metadata.uid());
            let expected = format!("root or user {user} as owner");
            let hint = format!("if you trust it: `chown {user} {}`", place.display());
            return Err(Refusal::new(path, found.trim(), expected, hint));
        }
        if others_write {
            let mode = metadata.mode() & 0o7777;
            let found = format!("{which}can be changed by others (mode {mode:o})");
            let expected = "a plugin that only its owner can change";
            let hint = format!("if you trust it: `chmod go-w {}`", place.display());
            return Err(Refusal::new(path, found, expected, hint));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_rights(_path: &Path, _real: &Path, _metadata: &Metadata) -> Result<(), Refusal> {
    // Rights of other systems are lists, and by default leave other users out.
    Ok(())
}

/// Returns the user as whom the program runs.
#[cfg(unix)]
#[expect(unsafe_code, reason = "std has no function for it")]
fn user() -> u32 {
    // SAFETY: `geteuid` takes nothing, touches nothing and never fails.
    unsafe { libc::geteuid() }
}
