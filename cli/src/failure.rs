//! What goes wrong, for a person: what, where, why, hint.

use std::error::Error;
use std::fmt;

use anyhow::anyhow;

/// An error with what a user could do about it.
///
/// The hint travels beside the message and is printed after it.
#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(formatter)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Returns an error with a hint.
pub(crate) fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    Hinted {
        error: error.into(),
        hint: hint.into(),
    }
    .into()
}

/// Returns an error with a hint, if there is one.
pub(crate) fn maybe_hinted(error: impl Into<anyhow::Error>, hint: Option<String>) -> anyhow::Error {
    match hint {
        Some(hint) => hinted(error, hint),
        None => error.into(),
    }
}

/// Returns an error of a message and a hint.
pub(crate) fn failure(message: impl fmt::Display, hint: impl Into<String>) -> anyhow::Error {
    hinted(anyhow!("{message}"), hint)
}

/// Returns the hint of an error, the innermost if there are several.
pub(crate) fn hint_of(error: &anyhow::Error) -> Option<&str> {
    let hinted = error.chain().filter_map(|cause| cause.downcast_ref());
    hinted.last().map(|hinted: &Hinted| hinted.hint.as_str())
}

/// Prints an error as users read it, on stderr.
pub(crate) fn report(error: &anyhow::Error) {
    let mut last = String::new();
    for (idx, cause) in error.chain().enumerate() {
        let message = cause.to_string();
        match idx {
            0 => eprintln!("error: {message}"),
            // A layer that adds nothing to the one above is left out.
            _ if last.contains(&message) => {}
            _ => eprintln!("  caused by: {message}"),
        }
        last = message;
    }
    if let Some(hint) = hint_of(error) {
        eprintln!("\nhint: {hint}");
    }
}
