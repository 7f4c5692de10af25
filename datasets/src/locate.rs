//! Finds the file of a data set.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::LoadError;

/// The ends of the names of files that can be read.
pub(crate) const EXTENSIONS: [&str; 5] = ["csv", "tsv", "arff", "npz", "npy"];

/// The ends of the names of files that hold a data set alone.
const TABLES: [&str; 4] = ["csv", "tsv", "arff", "npz"];

/// Where a data set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// In a file.
    File(PathBuf),
    /// In the `.npy` files of a folder.
    Arrays(PathBuf),
}

/// Returns what a path that the user gave has: itself, or what is in the folder.
///
/// # Errors
/// [`LoadError`] if there is nothing, or more than one data file.
pub(crate) fn at(path: &Path, name: &str) -> Result<Found, LoadError> {
    let metadata = fs::metadata(path).map_err(|error| LoadError::read(path, &error))?;
    if !metadata.is_dir() {
        return Ok(Found::File(path.to_owned()));
    }
    match in_folder(path, name) {
        Err(LoadError::EmptyFolder { .. }) if path.join(name).is_dir() => {
            in_folder(&path.join(name), name)
        }
        found => found,
    }
}

/// Returns what the first data folder that has it has: a folder `NAME`, or a file `NAME.csv` or so.
///
/// # Errors
/// [`LoadError`] if a folder `NAME` has more than one data file, or can't be read.
pub(crate) fn search(name: &str, data_dirs: &[PathBuf]) -> Result<Option<Found>, LoadError> {
    if !is_plain(name) {
        return Ok(None);
    }
    for data_dir in data_dirs {
        let folder = data_dir.join(name);
        if folder.is_dir() {
            match in_folder(&folder, name) {
                Err(LoadError::EmptyFolder { .. }) => {}
                found => return found.map(Some),
            }
        }
        for extension in TABLES {
            let file = data_dir.join(format!("{name}.{extension}"));
            if file.is_file() {
                return Ok(Some(Found::File(file)));
            }
        }
    }
    Ok(None)
}

/// Returns the files of a folder whose names have one of these ends, sorted.
///
/// # Errors
/// [`LoadError::Read`] if the folder can't be read.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, LoadError> {
    let read_error = |error| LoadError::read(folder, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if extensions.contains(&extension(&path).as_str()) && path.is_file() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Returns the end of a name in lower case, without the dot.
pub(crate) fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

fn in_folder(folder: &Path, name: &str) -> Result<Found, LoadError> {
    let tables = files(folder, &TABLES)?;
    let is_named = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
    let named: Vec<&PathBuf> = tables.iter().filter(is_named).collect();
    match (named.as_slice(), tables.as_slice()) {
        ([file], _) => Ok(Found::File((*file).clone())),
        ([], [file]) => Ok(Found::File(file.clone())),
        ([], []) if files(folder, &["npy"])?.is_empty() => Err(LoadError::EmptyFolder {
            folder: folder.to_owned(),
        }),
        ([], []) => Ok(Found::Arrays(folder.to_owned())),
        _ => Err(LoadError::Ambiguous {
            folder: folder.to_owned(),
            files: tables.iter().map(|path| file_name(path)).collect(),
        }),
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns whether a name is one part of a path, so that it can't lead out of a data folder.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(std::path::Component::Normal(_)), None)
    )
}
