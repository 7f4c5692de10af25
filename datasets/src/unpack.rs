//! Reads files that may be compressed, without writing anything.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::LoadError;
use crate::pictures::PictureError;

/// What every gzip file begins with: RFC 1952, section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Opens a file; what it reads is unpacked if it begins as a gzip file or is named as one.
///
/// # Errors
/// [`LoadError::EmptyFile`], or what the system says.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, LoadError> {
    let read_error = |error: io::Error| LoadError::read(path, &error);
    let mut file = File::open(path).map_err(read_error)?;
    let mut start = Vec::new();
    file.by_ref()
        .take(2)
        .read_to_end(&mut start)
        .map_err(read_error)?;
    file.rewind().map_err(read_error)?;
    if start.is_empty() {
        return Err(LoadError::EmptyFile {
            path: path.to_owned(),
        });
    }
    let name = path.to_string_lossy().to_lowercase();
    let file = BufReader::with_capacity(1 << 16, file);
    if start == GZIP || name.ends_with(".gz") || name.ends_with(".tgz") {
        return Ok(Box::new(MultiGzDecoder::new(file)));
    }
    Ok(Box::new(file))
}

/// Says what is wrong with a file that could be opened.
pub(crate) fn unpack_error(path: &Path, error: &io::Error) -> LoadError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return LoadError::Truncated {
            path: path.to_owned(),
            what: "it ends amid packed data".to_owned(),
        };
    }
    // Readers of archives quote what they read, which may be anything.
    let reason = error.to_string();
    let reason = match reason.split_once(" when getting ") {
        Some((reason, _)) => reason.chars().take(60).collect(),
        None => reason,
    };
    let error = PictureError::Damaged {
        path: path.to_owned(),
        reason: reason.escape_debug().to_string(),
    };
    error.into()
}
