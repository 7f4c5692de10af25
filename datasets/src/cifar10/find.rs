//! Finds the files of `cifar10`, and says which are for what.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ARCHIVE, below};
use crate::error::LoadError;
use crate::locate::files;
use crate::pictures::PictureError;

/// Where the pictures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In files of a folder.
    Files {
        folder: PathBuf,
        train: Vec<PathBuf>,
        test: PathBuf,
    },
    /// In an archive of such files.
    Archive(PathBuf),
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of the five published batches.
    Batch,
    /// Another file to train on.
    Train,
    Test,
}

impl Kind {
    /// Returns what a file is for by its name, if it is one of pictures.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let stem = name.strip_suffix(".bin")?;
        if stem.starts_with("data_batch") {
            return Some(Self::Batch);
        }
        if stem.starts_with("train") {
            return Some(Self::Train);
        }
        stem.starts_with("test").then_some(Self::Test)
    }
}

/// Returns what a path that the user gave has: itself, if it is an archive, or what is in the
/// folder or below. Files come before archives.
///
/// # Errors
/// [`LoadError`] if there is nothing, or something is missing or doubtful.
pub(crate) fn at(path: &Path) -> Result<Place, LoadError> {
    let metadata = fs::metadata(path).map_err(|error| LoadError::read(path, &error))?;
    if metadata.is_dir() {
        let found = first(&below(path))?;
        return found.ok_or_else(|| {
            let error = PictureError::MissingFile {
                path: path.to_owned(),
                missing: format!("batches of pictures (`data_batch_1.bin`), and no `{ARCHIVE}`"),
                found: Vec::new(),
            };
            error.into()
        });
    }
    if is_archive(path) {
        return Ok(Place::Archive(path.to_owned()));
    }
    let error = PictureError::SingleFile {
        path: path.to_owned(),
        name: "cifar10".to_owned(),
        needed: "one to train on and one for the test, or the archive",
    };
    Err(error.into())
}

/// Returns what the first data folder that has the pictures has.
///
/// # Errors
/// [`LoadError`] if something is missing or doubtful.
pub(crate) fn search(data_dirs: &[PathBuf]) -> Result<Option<Place>, LoadError> {
    for data_dir in data_dirs {
        // Loose files of the data folder itself have any names: they are not ours to read.
        let [_, folders @ ..] = below(data_dir);
        if let Some(place) = first(&folders)? {
            return Ok(Some(place));
        }
        let archive = data_dir.join(ARCHIVE);
        if archive.is_file() {
            return Ok(Some(Place::Archive(archive)));
        }
    }
    Ok(None)
}

fn first(folders: &[PathBuf]) -> Result<Option<Place>, LoadError> {
    let folders = || folders.iter().filter(|folder| folder.is_dir());
    for folder in folders() {
        let named = files(folder, &["bin"])?.into_iter().filter_map(|path| {
            let name = file_name(&path);
            Kind::of(&name).map(|_| (name, path))
        });
        let named: Vec<(String, PathBuf)> = named.collect();
        if !named.is_empty() {
            let (train, test) = assign(folder, named, &[])?;
            return Ok(Some(Place::Files {
                folder: folder.clone(),
                train,
                test,
            }));
        }
    }
    for folder in folders() {
        let mut archives = files(folder, &["gz", "tgz", "tar"])?;
        archives.retain(|path| is_archive(path));
        match archives.as_slice() {
            [] => {}
            [archive] => return Ok(Some(Place::Archive(archive.clone()))),
            _ => {
                return Err(LoadError::Ambiguous {
                    folder: folder.clone(),
                    files: archives.iter().map(|path| file_name(path)).collect(),
                });
            }
        }
    }
    Ok(None)
}

/// Says which files are to train on, in the order of their names, and which one is for the test.
///
/// `others` are files that are there too, for the message.
///
/// # Errors
/// [`LoadError`] if one is missing, or more are there than belong together.
pub(crate) fn assign<T>(
    path: &Path,
    mut named: Vec<(String, T)>,
    others: &[String],
) -> Result<(Vec<T>, T), LoadError> {
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let of_kind = |kind: Kind| -> Vec<String> {
        let names = named.iter().map(|(name, _)| name);
        names
            .filter(|name| Kind::of(name) == Some(kind))
            .cloned()
            .collect()
    };
    let (batches, trains, tests) = (
        of_kind(Kind::Batch),
        of_kind(Kind::Train),
        of_kind(Kind::Test),
    );
    let missing = |missing: String| {
        let there = named.iter().map(|(name, _)| name);
        let error = PictureError::MissingFile {
            path: path.to_owned(),
            missing,
            found: there.chain(others).cloned().collect(),
        };
        Err(error.into())
    };
    if !batches.is_empty() || trains.is_empty() {
        let expected = (1..=5).map(|number| format!("data_batch_{number}.bin"));
        let absent: Vec<String> = expected.filter(|name| !batches.contains(name)).collect();
        if let Some(absent) = absent.first() {
            return missing(format!("`{absent}`"));
        }
        if batches.len() > 5 || !trains.is_empty() {
            return Err(doubtful(path, "training", [batches, trains].concat()));
        }
    }
    match tests.as_slice() {
        [] => return missing("`test_batch.bin`".to_owned()),
        [_] => {}
        _ => return Err(doubtful(path, "the test", tests)),
    }
    let is_test = |name: &str| Kind::of(name) == Some(Kind::Test);
    let (test, train): (Vec<_>, Vec<_>) = named.into_iter().partition(|(name, _)| is_test(name));
    let test = test.into_iter().next().expect("one test file was counted");
    Ok((train.into_iter().map(|(_, file)| file).collect(), test.1))
}

/// Returns the last part of a path.
pub(crate) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn is_archive(path: &Path) -> bool {
    let name = file_name(path).to_lowercase();
    [".tar.gz", ".tgz", ".tar"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn doubtful(path: &Path, role: &'static str, found: Vec<String>) -> LoadError {
    let error = PictureError::Doubtful {
        path: path.to_owned(),
        role,
        found,
    };
    error.into()
}
