//! Why a data set can't be downloaded.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a data set can't be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    /// No data set that is known has this name.
    #[error("unknown dataset `{name}`")]
    UnknownDataset {
        /// The name.
        name: String,
    },
    /// There is nothing to download.
    #[error("dataset `{name}` is generated, there is nothing to fetch")]
    Generated {
        /// The data set.
        name: String,
    },
    /// No answer came.
    #[error("no answer from {url}: {reason}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// Where a person can download it.
        page: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The server refuses.
    #[error("{url} answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// Where a person can download it.
        page: &'static str,
        /// The status of HTTP.
        status: u16,
    },
    /// The answer is not what it should be.
    #[error("cannot use the answer of {url}: {what}")]
    BadAnswer {
        /// What was asked for.
        url: String,
        /// Where a person can download it.
        page: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The connection broke; what has arrived is kept.
    #[error("the download stopped at {done} of {} bytes: {reason}", total.map_or("unknown".to_owned(), |total| total.to_string()))]
    Interrupted {
        /// What has arrived.
        part: PathBuf,
        /// How many bytes have arrived.
        done: u64,
        /// How many there are, where the server says so.
        total: Option<u64>,
        /// What went wrong.
        reason: String,
    },
    /// What arrived is not what was published; it is deleted.
    #[error("{url} gave a file with MD5 {found}, expected {expected}; it was deleted")]
    Checksum {
        /// What was asked for.
        url: String,
        /// The checksum that is published.
        expected: String,
        /// The checksum of what arrived.
        found: String,
    },
    /// The system refuses to write a file.
    #[error("cannot write `{}`: {reason}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The system refuses to read a file that is there.
    #[error("cannot read `{}`: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl FetchError {
    /// Returns what the user could do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownDataset { .. } => {
                Some("`firebrick data list` shows the ones that can be fetched".to_owned())
            }
            Self::Generated { name } => Some(format!(
                "use it as it is: `firebrick search --dataset {name}`"
            )),
            Self::NoAnswer { page, .. }
            | Self::Status { page, .. }
            | Self::BadAnswer { page, .. } => Some(format!(
                "try again later, or download it by hand from {page} and give it with \
                 `--data FILE`"
            )),
            Self::Interrupted { .. } => {
                Some("the same command goes on where it stopped".to_owned())
            }
            Self::Checksum { .. } => Some("the same command starts over".to_owned()),
            Self::Write { .. } | Self::Read { .. } => None,
        }
    }
}

pub(super) fn write_error(path: &Path, error: &io::Error) -> FetchError {
    FetchError::Write {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

pub(super) fn read_error(path: &Path, error: &io::Error) -> FetchError {
    FetchError::Read {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
