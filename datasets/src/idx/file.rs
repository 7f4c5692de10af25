//! Reads one IDX file, packed or not.

use std::io::{self, Read};
use std::path::Path;

use crate::error::LoadError;
use crate::pictures::{MOST_PICTURES, PictureError};
use crate::unpack::{open, unpack_error};

/// Bytes, of three sizes.
const PICTURES: u32 = 0x0000_0803;

/// Bytes, of one size.
const LABELS: u32 = 0x0000_0801;

/// Reads pictures of this height and width, row after row, picture after picture.
///
/// # Errors
/// [`LoadError`] if the file is another one, or has fewer or more bytes than it says.
pub(super) fn pictures(path: &Path, expected: [u32; 2]) -> Result<Vec<u8>, LoadError> {
    let mut reader = begin(path, "pictures", PICTURES)?;
    let [n_pictures, height, width] = words(&mut reader, path)?;
    if [height, width] != expected {
        let error = PictureError::Size {
            path: path.to_owned(),
            found: [height, width],
            expected,
        };
        return Err(error.into());
    }
    let n_pictures = count(path, n_pictures)?;
    // A million pictures of 28x28 are far from what a size can hold.
    let n_bytes = n_pictures * (height * width) as usize;
    rest(reader, path, "pictures", n_bytes)
}

/// Reads labels.
///
/// # Errors
/// As [`pictures`].
pub(super) fn labels(path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut reader = begin(path, "labels", LABELS)?;
    let [n_labels] = words(&mut reader, path)?;
    rest(reader, path, "labels", count(path, n_labels)?)
}

fn begin(path: &Path, kind: &'static str, expected: u32) -> Result<Box<dyn Read>, LoadError> {
    let mut reader = open(path)?;
    let [found] = words(&mut reader, path)?;
    if found == expected {
        return Ok(reader);
    }
    let error = PictureError::NotIdx {
        path: path.to_owned(),
        kind,
        found,
        expected,
    };
    Err(error.into())
}

/// Refuses numbers that are no data set's, before there is a need for so much memory.
fn count(path: &Path, declared: u32) -> Result<usize, LoadError> {
    let declared = declared as usize;
    match declared {
        0 => Err(LoadError::NoRows {
            path: path.to_owned(),
        }),
        1..=MOST_PICTURES => Ok(declared),
        _ => {
            let error = PictureError::TooMany {
                path: path.to_owned(),
                found: declared,
                most: MOST_PICTURES,
            };
            Err(error.into())
        }
    }
}

fn words<const N: usize>(reader: &mut impl Read, path: &Path) -> Result<[u32; N], LoadError> {
    let mut words = [0; N];
    for word in &mut words {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).map_err(|error| {
            // Of a file that is not packed, too.
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return LoadError::Truncated {
                    path: path.to_owned(),
                    what: "it ends amid its header".to_owned(),
                };
            }
            unpack_error(path, &error)
        })?;
        *word = u32::from_be_bytes(bytes);
    }
    Ok(words)
}

/// Reads what is left, which must be so many bytes. Memory grows with what is there, not with what
/// is declared.
fn rest(
    reader: impl Read,
    path: &Path,
    kind: &'static str,
    expected: usize,
) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    // One more, so that the end is reached, and with it the checksum of a packed file.
    let read = reader.take(expected as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| unpack_error(path, &error))?;
    if bytes.len() < expected {
        return Err(LoadError::Truncated {
            path: path.to_owned(),
            what: format!("{} of {expected} bytes of {kind}", bytes.len()),
        });
    }
    if bytes.len() > expected {
        let error = PictureError::TooLong {
            path: path.to_owned(),
            kind,
            expected,
        };
        return Err(error.into());
    }
    Ok(bytes)
}
