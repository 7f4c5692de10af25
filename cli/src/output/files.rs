//! Files that are whole or not there: written beside their name, then renamed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::failure::hinted;

/// Writes a file: readers see the old content or the new, never a part.
///
/// # Errors
/// What the file system says, with the path; the old content is kept.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let attempt = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".firebrick-")
            .tempfile_in(folder)?;
        file.as_file_mut().write_all(content.as_ref())?;
        let file = readable_by_all(file)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt()
        .map_err(explained)
        .with_context(|| format!("can't write `{}`", path.display()))
}

/// Temporary files start as private; results are for everyone that may read the folder.
#[cfg(unix)]
fn readable_by_all(file: tempfile::NamedTempFile) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o644))?;
    Ok(file)
}

#[cfg(not(unix))]
fn readable_by_all(file: tempfile::NamedTempFile) -> std::io::Result<tempfile::NamedTempFile> {
    Ok(file)
}

/// Makes a folder for results that is empty, and checks that it can be written.
///
/// A folder that holds results of an earlier run is kept under the next free name `NAME-1`,
/// `NAME-2`, ...; the new name is returned.
///
/// # Errors
/// What the file system says, with the path; nothing has changed then.
pub(crate) fn fresh_folder(path: &Path) -> Result<Option<PathBuf>> {
    let here = || format!("can't use `{}` for results", path.display());
    let mut kept = None;
    if path.is_dir() && fs::read_dir(path).with_context(here)?.next().is_some() {
        if !holds_results(path) {
            let message = "it is not empty and holds no results of Firebrick";
            let error = anyhow::anyhow!(message).context(here());
            return Err(hinted(error, "choose another folder with `--out DIR`"));
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| "results".to_owned());
        let free = (1..).map(|n| path.with_file_name(format!("{name}-{n}")));
        let free = free
            .into_iter()
            .find(|path| !path.exists())
            .expect("a number is free");
        fs::rename(path, &free)
            .map_err(explained)
            .with_context(here)?;
        kept = Some(free);
    }
    fs::create_dir_all(path)
        .map_err(explained)
        .with_context(here)?;
    let probe = tempfile::Builder::new()
        .prefix(".firebrick-")
        .tempfile_in(path);
    probe.map_err(explained).with_context(here)?;
    Ok(kept)
}

/// The file that every run of the program writes first.
pub(crate) const CONFIG: &str = "config.toml";

fn holds_results(path: &Path) -> bool {
    path.join(CONFIG).is_file()
}

/// Adds a hint where the operating system's message leaves a user alone.
fn explained(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            hinted(error, "choose a folder that you may write with `--out DIR`")
        }
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            hinted(error, "choose another folder with `--out DIR`")
        }
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::QuotaExceeded
        | std::io::ErrorKind::FileTooLarge => hinted(
            error,
            "make room on the disk, or choose another folder with `--out DIR`",
        ),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best.json");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn earlier_results_are_kept_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        assert_eq!(fresh_folder(&path).unwrap(), None);
        write(&path.join(CONFIG), "seed = 0").unwrap();
        assert_eq!(
            fresh_folder(&path).unwrap(),
            Some(folder.path().join("study-1"))
        );
        write(&path.join(CONFIG), "seed = 1").unwrap();
        assert_eq!(
            fresh_folder(&path).unwrap(),
            Some(folder.path().join("study-2"))
        );
        assert!(folder.path().join("study-1").join(CONFIG).is_file());
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("thesis.tex"), "").unwrap();
        let error = format!("{:#}", fresh_folder(folder.path()).unwrap_err());
        assert!(error.contains("holds no results of Firebrick"), "{error}");
        assert!(folder.path().join("thesis.tex").is_file());
    }
}
