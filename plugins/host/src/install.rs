//! Puts a plugin into a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::preflight;
use crate::refusal::Refusal;

/// Why a plugin can't be put into a folder.
#[derive(Debug, Error)]
pub enum InstallError {
    /// The system does not let it.
    #[error("can't {action} `{}`", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It would not be loaded from there.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Copies a library into a folder, which is made if need be; returns the copy.
///
/// The copy appears under its name at once and whole: a program that has an older file of this
/// name open keeps that one. Others can't write to it, whatever the mode of the original.
///
/// # Errors
/// [`InstallError`]; then nothing is left in the folder.
pub fn install(library: &Path, folder: &Path) -> Result<PathBuf, InstallError> {
    let error = |action, path: &Path| {
        let path = path.to_owned();
        move |source| InstallError::Io {
            action,
            path,
            source,
        }
    };
    let name = library.file_name().unwrap_or(library.as_os_str());
    create_folder(folder).map_err(error("make", folder))?;
    let mut original = fs::File::open(library).map_err(error("read", library))?;
    // The name does not end like a library, so no program takes the half-written file for one.
    let mut copy = tempfile::Builder::new()
        .prefix(".incoming-")
        .tempfile_in(folder)
        .map_err(error("write to", folder))?;
    io::copy(&mut original, &mut copy).map_err(error("write to", folder))?;
    copy.as_file()
        .sync_all()
        .map_err(error("write to", folder))?;
    set_mode(copy.path()).map_err(error("set the rights of", copy.path()))?;
    // What is wrong with the copy or its folder is said while there is nothing to undo.
    preflight::check(copy.path()).map_err(|refusal| Refusal {
        file: folder.join(name),
        ..refusal
    })?;
    let installed = folder.join(name);
    copy.persist(&installed)
        .map_err(|failed| error("write", &installed)(failed.error))?;
    Ok(installed)
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn set_mode(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn set_mode(_file: &Path) -> io::Result<()> {
    Ok(())
}
