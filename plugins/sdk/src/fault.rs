//! Why a call across the door failed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::wire;

/// Why a call of a plugin failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The item answered with an error of its own.
    #[error("{message}")]
    Item {
        /// The error as text.
        message: String,
        /// The error as data: what [`wire::encode`] made of it.
        data: Vec<u8>,
    },
    /// The plugin panicked.
    #[error("panicked at {location}: {message}")]
    Panic {
        /// What it said.
        message: String,
        /// The source line, as `file:line:column`.
        location: String,
    },
    /// Plugin and program misunderstood each other.
    #[error("{0}")]
    Protocol(String),
}

impl Fault {
    /// Wraps an error of an item so that it arrives as what it is.
    pub(crate) fn item<E: std::error::Error + Serialize>(error: &E) -> Self {
        Self::Item {
            message: error.to_string(),
            data: wire::encode(error),
        }
    }

    /// Returns the error that the item answered with, or the fault as `other` if it is no such
    /// error.
    pub fn into_error<E: DeserializeOwned>(self, other: impl Fn(String) -> E) -> E {
        match &self {
            Self::Item { message, data } => {
                wire::decode(data).unwrap_or_else(|_| other(message.clone()))
            }
            Self::Panic { .. } | Self::Protocol(_) => other(self.to_string()),
        }
    }
}
