//! Why a file is not loaded.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use thiserror::Error;

/// Why a file is not loaded, in one line, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("`{}` is not loaded: {found}, expected {expected}", .file.display())]
pub struct Refusal {
    /// The file or folder.
    #[serde(serialize_with = "as_text")]
    pub file: PathBuf,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What the user could do.
    pub hint: String,
}

impl Refusal {
    pub(crate) fn new(
        file: &Path,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            found: found.into(),
            expected: expected.into(),
            hint: hint.into(),
        }
    }
}

/// Writes a path as text, whatever bytes it has.
pub(crate) fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
