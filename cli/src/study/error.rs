//! What is wrong with a study, and what in it has no effect.

use std::fmt;

/// Where a value comes from, if not from a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the study file, counted from 1.
    Line(usize),
    /// A flag of the command line, as typed: `--batch-size`.
    Flag(String),
}

/// What is wrong with a study.
///
/// # Example
/// ``unknown strategy `tpee` in `studies/digits.toml`, line 17``
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StudyError {
    /// What is wrong, without the place.
    pub(crate) what: String,
    /// The name of the study file; absent where there is none to blame.
    pub(crate) file: Option<String>,
    /// Which line or flag.
    pub(crate) origin: Option<Origin>,
    /// What the user could do about it.
    pub(crate) hint: Option<String>,
}

impl StudyError {
    /// Returns an error at a place in the file that is being read.
    pub(super) fn at(origin: &Origin, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            file: None,
            origin: Some(origin.clone()),
            hint: None,
        }
    }

    /// Returns an error that belongs to no place: something is absent.
    pub(super) fn absent(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            file: None,
            origin: None,
            hint: None,
        }
    }

    /// Adds what the user could do about it.
    pub(super) fn hinted(self, hint: impl Into<Option<String>>) -> Self {
        Self {
            hint: hint.into(),
            ..self
        }
    }

    /// Adds the name of the file.
    pub(super) fn in_file(self, file: &str) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }
}

impl fmt::Display for StudyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        write_place(formatter, self.file.as_deref(), self.origin.as_ref())
    }
}

impl std::error::Error for StudyError {}

/// A key that was given and changes nothing, or not what one might think.
///
/// # Example
/// ``eval_mode` in `studies/digits.toml`, line 17 has no effect: ...``
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The key with its tables, `search.strategy.eval_mode`.
    pub(crate) key: String,
    /// Whether it changes nothing.
    pub(crate) is_idle: bool,
    /// Why it has no effect, or which one.
    pub(crate) reason: String,
    /// The name of the study file.
    pub(crate) file: Option<String>,
    /// Which line or flag.
    pub(crate) origin: Option<Origin>,
}

impl Notice {
    /// Returns a notice about a key, of the file that is being read, that has no effect.
    pub(super) fn new(key: impl Into<String>, origin: &Origin, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            is_idle: true,
            reason: reason.into(),
            file: None,
            origin: Some(origin.clone()),
        }
    }

    /// Returns a notice about a key, of the file that is being read, that has another effect than
    /// one might think.
    pub(super) fn of_effect(
        key: impl Into<String>,
        origin: &Origin,
        effect: impl Into<String>,
    ) -> Self {
        Self {
            is_idle: false,
            ..Self::new(key, origin, effect)
        }
    }

    /// Returns the line of the file; absent for a flag.
    pub(super) fn line(&self) -> Option<usize> {
        match self.origin {
            Some(Origin::Line(line)) => Some(line),
            Some(Origin::Flag(_)) | None => None,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.key)?;
        write_place(formatter, self.file.as_deref(), self.origin.as_ref())?;
        let has_none = if self.is_idle { " has no effect" } else { "" };
        write!(formatter, "{has_none}: {}", self.reason)
    }
}

fn write_place(
    formatter: &mut fmt::Formatter<'_>,
    file: Option<&str>,
    origin: Option<&Origin>,
) -> fmt::Result {
    match (file, origin) {
        (_, Some(Origin::Flag(flag))) if flag.starts_with('-') => {
            write!(formatter, " in `{flag}`")
        }
        // What is given by position is plain from the message.
        (_, Some(Origin::Flag(_))) => Ok(()),
        (Some(file), Some(Origin::Line(line))) => write!(formatter, " in `{file}`, line {line}"),
        (None, Some(Origin::Line(line))) => write!(formatter, " in line {line}"),
        (Some(file), None) => write!(formatter, " in `{file}`"),
        (None, None) => Ok(()),
    }
}
