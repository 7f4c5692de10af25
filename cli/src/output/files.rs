//! Files that are whole or not there: written beside their name, then renamed.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::failure::{failure, hinted};

/// Writes a file: readers see the old content or the new, never a part.
///
/// What is no file, such as `/dev/stdout`, stays what it is and is written to.
///
/// # Errors
/// What the file system says, with the path; the old content is kept.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let attempt = || -> std::io::Result<()> {
        let is_file = |kind: fs::FileType| kind.is_file() || kind.is_dir();
        if fs::metadata(path).is_ok_and(|found| !is_file(found.file_type())) {
            let mut device = fs::OpenOptions::new().write(true).open(path)?;
            return device.write_all(content.as_ref());
        }
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

/// A folder that is this run's alone until this is dropped.
#[derive(Debug)]
pub(crate) struct OwnFolder {
    /// The name under which results of an earlier run are kept.
    #[cfg_attr(not(test), expect(dead_code, reason = "users were told; tests look"))]
    kept: Option<PathBuf>,
    _lock: Option<File>,
}

/// Makes a folder for results that is empty, and checks that it can be written.
///
/// A folder that holds results of an earlier run is kept under the next free name `NAME-1`,
/// `NAME-2`, ..., which is said on stderr. A link to a folder stays one: what it points to is
/// kept and made anew.
///
/// # Errors
/// What the file system says, with the path, or that another run writes there; nothing has
/// changed then.
pub(crate) fn fresh_folder(path: &Path) -> Result<OwnFolder> {
    let here = || format!("can't use `{}` for results", path.display());
    let refuse = |why: &str| {
        let error = anyhow!(why.to_owned()).context(here());
        hinted(error, "choose another folder with `--out DIR`")
    };
    if path.is_symlink() {
        return match fs::canonicalize(path) {
            Ok(target) => fresh_folder(&target),
            Err(_) => Err(refuse("it is a link to nothing")),
        };
    }
    if path.exists() && !path.is_dir() {
        return Err(refuse("it is a file"));
    }
    let mut kept = None;
    if path.is_dir() && fs::read_dir(path).with_context(here)?.next().is_some() {
        if !holds_results(path) {
            return Err(refuse("it is not empty and holds no results of Firebrick"));
        }
        drop(lock(path).map_err(refuse)?);
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
        eprintln!("note: earlier results are kept in `{}`", free.display());
        kept = Some(free);
    }
    fs::create_dir_all(path)
        .map_err(explained)
        .with_context(here)?;
    let probe = tempfile::Builder::new()
        .prefix(".firebrick-")
        .tempfile_in(path);
    probe.map_err(explained).with_context(here)?;
    let lock = lock(path).map_err(refuse)?;
    Ok(OwnFolder { kept, _lock: lock })
}

/// Locks a folder, so that two runs do not mix their files; the lock ends with the process.
///
/// Returns nothing where a system has no such locks.
fn lock(folder: &Path) -> Result<Option<File>, &'static str> {
    let Ok(file) = File::open(folder) else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err("another run is writing there"),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Makes a folder again that was there when the run began, and says so.
///
/// # Errors
/// What the file system says, with the path.
pub(crate) fn make_again(path: &Path) -> Result<()> {
    eprintln!("warning: `{}` was gone and is made again", path.display());
    fs::create_dir_all(path)
        .map_err(explained)
        .with_context(|| format!("can't make `{}`", path.display()))
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
            hinted(error, "choose a folder that you may write")
        }
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => {
            hinted(error, "choose another folder")
        }
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::QuotaExceeded
        | std::io::ErrorKind::FileTooLarge => {
            hinted(error, "make room on the disk, or choose another folder")
        }
        _ => error.into(),
    }
}

/// Checks before hours of work that there is a folder for a file.
pub(crate) fn can_be_written(file: &Path) -> Result<()> {
    let refuse = |why: &str, hint: &str| {
        let what = format!("can't save the weights as `{}`: {why}", file.display());
        Err(failure(what, hint))
    };
    if file.is_dir() {
        return refuse("it is a folder", "name a file: `--save base.safetensors`");
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_none_or(Path::is_dir) {
        true => Ok(()),
        false => refuse("its folder does not exist", "make the folder first"),
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

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_to_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let pipe = path.clone();
        let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
        write(&path, "content").unwrap();
        assert_eq!(reader.join().unwrap(), "content");
        assert!(path.exists() && !path.is_file());
    }

    #[test]
    fn earlier_results_are_kept_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        assert_eq!(fresh_folder(&path).unwrap().kept, None);
        write(&path.join(CONFIG), "seed = 0").unwrap();
        assert_eq!(
            fresh_folder(&path).unwrap().kept,
            Some(folder.path().join("study-1"))
        );
        write(&path.join(CONFIG), "seed = 1").unwrap();
        assert_eq!(
            fresh_folder(&path).unwrap().kept,
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

    #[test]
    fn a_folder_belongs_to_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        let first = fresh_folder(&path).unwrap();
        write(&path.join(CONFIG), "seed = 0").unwrap();
        let error = format!("{:#}", fresh_folder(&path).unwrap_err());
        assert!(error.ends_with("another run is writing there"), "{error}");
        assert!(path.join(CONFIG).is_file());
        drop(first);
        assert!(fresh_folder(&path).unwrap().kept.is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link.join(CONFIG), "seed = 0").unwrap();
        fresh_folder(&link).unwrap();
        assert!(link.is_symlink() && target.is_dir());
        assert!(folder.path().join("target-1").join(CONFIG).is_file());
    }
}
