//! `cifar10`: 60,000 colour pictures of 32x32 pixels in ten classes.
//!
//! # Source
//! Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009; the files are the
//! binary version of <https://www.cs.toronto.edu/~kriz/cifar.html>: a byte of label, then 1,024
//! bytes each of red, green and blue, row by row, picture after picture.

mod find;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use firebrick_core::dataset::Dataset;

use crate::Request;
use crate::error::LoadError;
use crate::pictures::{self, MOST_PICTURES, PictureError, PictureRows, Pictures};
use crate::unpack::{open, unpack_error};

use find::{Kind, Place};

/// The classes in the order of their labels.
pub(crate) const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// Channels, height and width.
pub(crate) const SHAPE: [usize; 3] = [3, 32, 32];

/// Bytes of one picture with its label.
const RECORD: usize = 1 + 3 * 32 * 32;

/// Loads the pictures from where the request says, or from a data folder.
///
/// # Errors
/// [`LoadError`], which names the file and the picture.
pub(crate) fn load(request: &Request) -> Result<Dataset, LoadError> {
    let place = match &request.path {
        Some(path) => find::at(path)?,
        None => find::search(&request.data_dirs)?.ok_or_else(|| LoadError::NotFound {
            name: request.name.clone(),
            searched: crate::searched(request),
        })?,
    };
    pictures::prepare(read(&place)?, request, request.n_rows, false)
}

/// Reads pictures, in the order of the names of their files wherever those are.
fn read(place: &Place) -> Result<Pictures, LoadError> {
    let (path, train, test) = match place {
        Place::Files {
            folder,
            train,
            test,
        } => {
            let mut rows = PictureRows::default();
            for path in train {
                rows.append(read_file(path)?);
            }
            (folder, rows, read_file(test)?)
        }
        Place::Archive(path) => {
            let (train, test) = read_archive(path)?;
            (path, train, test)
        }
    };
    let pictures = Pictures {
        shape: SHAPE,
        class_names: CLASSES.map(str::to_owned).to_vec(),
        train,
        test,
    };
    pictures::check_classes(&pictures, path)?;
    Ok(pictures)
}

fn read_file(path: &Path) -> Result<PictureRows, LoadError> {
    let read_error = |error: &io::Error| LoadError::read(path, error);
    let file = File::open(path).map_err(|error| read_error(&error))?;
    read_batch(BufReader::with_capacity(1 << 18, file), path, &read_error)
}

/// Reads the pictures of an archive as it was downloaded, in memory.
fn read_archive(path: &Path) -> Result<(PictureRows, PictureRows), LoadError> {
    let damaged = |error: &io::Error| unpack_error(path, error);
    let mut archive = tar::Archive::new(open(path)?);
    let mut others = Vec::new();
    let mut batches = Vec::new();
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let member = entry.path().map_err(|error| damaged(&error))?.into_owned();
        let name = find::file_name(&member);
        if !entry.header().entry_type().is_file() || Kind::of(&name).is_none() {
            others.push(member.display().to_string());
            continue;
        }
        let n_bytes = entry.size();
        let rows = read_batch(&mut entry, &path.join(&member), &damaged)?;
        if (rows.labels.len() * RECORD) as u64 != n_bytes {
            return Err(damaged(&io::ErrorKind::UnexpectedEof.into()));
        }
        batches.push((name, rows));
    }
    // The checksum is at the very end, after what the archive needs.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(&error))?;
    let (train, test) = find::assign(path, batches, &others)?;
    let mut rows = PictureRows::default();
    for batch in train {
        rows.append(batch);
    }
    Ok((rows, test))
}

/// Reads pictures up to the end of a file.
fn read_batch(
    mut reader: impl Read,
    path: &Path,
    read_error: &dyn Fn(&io::Error) -> LoadError,
) -> Result<PictureRows, LoadError> {
    let mut rows = PictureRows::default();
    let mut record = Vec::with_capacity(RECORD);
    loop {
        record.clear();
        reader
            .by_ref()
            .take(RECORD as u64)
            .read_to_end(&mut record)
            .map_err(|error| read_error(&error))?;
        let n_pictures = rows.labels.len();
        match record.as_slice() {
            [] if n_pictures == 0 => {
                return Err(LoadError::EmptyFile {
                    path: path.to_owned(),
                });
            }
            [] => return Ok(rows),
            _ if n_pictures == MOST_PICTURES => {
                let error = PictureError::TooMany {
                    path: path.to_owned(),
                    found: n_pictures + 1,
                    most: MOST_PICTURES,
                };
                return Err(error.into());
            }
            [label, pixels @ ..] if record.len() == RECORD => {
                rows.push_label(path, *label, CLASSES.len())?;
                rows.bytes.extend_from_slice(pixels);
            }
            rest => {
                return Err(LoadError::Truncated {
                    path: path.to_owned(),
                    what: format!(
                        "{} bytes are no multiple of {RECORD}, those of a picture and its \
                         label; {} are left after picture {n_pictures}",
                        n_pictures * RECORD + rest.len(),
                        rest.len()
                    ),
                });
            }
        }
    }
}

/// The name of the archive, as it is published.
pub(crate) const ARCHIVE: &str = "cifar-10-binary.tar.gz";

/// The folder in it.
const FOLDER: &str = "cifar-10-batches-bin";

/// Returns the folders that may have the files if they are in or below one.
fn below(folder: &Path) -> [PathBuf; 4] {
    let named = folder.join("cifar10");
    let below = named.join(FOLDER);
    [folder.to_owned(), folder.join(FOLDER), named, below]
}

#[cfg(test)]
mod tests;
