//! Reading a table key by key: types, ranges and words are checked, what nobody asked for is
//! unknown.

use firebrick_core::hint::did_you_mean;

use super::error::{Origin, StudyError};
use super::file::{Entry, Item, Raw, Table};

/// A table that is being read. Every key that is asked for is thereby known.
pub(super) struct Section<'a> {
    path: String,
    origin: Option<Origin>,
    entries: &'a [Entry],
    known: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// Starts reading the file's own table.
    pub(super) fn root(table: &'a Table) -> Self {
        Self {
            path: String::new(),
            origin: None,
            entries: &table.0,
            known: Vec::new(),
        }
    }

    /// Starts reading a table that is a value.
    ///
    /// # Errors
    /// [`StudyError`] if the value is no table.
    pub(super) fn of(path: String, item: &'a Item) -> Result<Self, StudyError> {
        match &item.raw {
            Raw::Table(table) => Ok(Self {
                path,
                origin: Some(item.origin.clone()),
                entries: &table.0,
                known: Vec::new(),
            }),
            _ => Err(misfit(&path, item, "a table")),
        }
    }

    /// Returns the keys of the table, joined with dots.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns a key with the tables that it is in.
    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Returns where the table stands, if it does.
    pub(super) fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Returns the value of a key; `"NA"` counts as absent.
    pub(super) fn item(&mut self, key: &'a str) -> Option<&'a Item> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (entry.item.raw != Raw::Null).then_some(&entry.item)
    }

    /// Returns whether a key is given as `"NA"`: without a value, whatever the default is.
    pub(super) fn is_na(&self, key: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.key == key && entry.item.raw == Raw::Null)
    }

    /// Returns the entries that nobody asked for, in order.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'a Entry> {
        let known = self.known.clone();
        self.entries
            .iter()
            .filter(move |entry| !known.contains(&entry.key.as_str()))
    }

    /// Reads a table; an absent one is empty.
    pub(super) fn section(&mut self, key: &'a str) -> Result<Self, StudyError> {
        let path = self.path_of(key);
        match self.item(key) {
            Some(item) => Self::of(path, item),
            None => Ok(Self {
                path,
                origin: None,
                entries: &[],
                known: Vec::new(),
            }),
        }
    }

    /// Reads a text that is not empty.
    pub(super) fn text(&mut self, key: &'a str) -> Result<Option<String>, StudyError> {
        self.read(key, "a text that is not empty", |raw| match raw {
            Raw::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        })
    }

    /// Reads a switch.
    pub(super) fn switch(&mut self, key: &'a str) -> Result<Option<bool>, StudyError> {
        self.read(key, "`true` or `false`", |raw| match raw {
            Raw::Bool(switch) => Some(*switch),
            _ => None,
        })
    }

    /// Reads a whole number from `low` up.
    pub(super) fn whole(&mut self, key: &'a str, low: u64) -> Result<Option<u64>, StudyError> {
        let expected = format!("a whole number of at least {low}");
        self.read(key, &expected, |raw| match raw {
            Raw::Int(int) => u64::try_from(*int).ok().filter(|int| *int >= low),
            _ => None,
        })
    }

    /// Reads a size from `low` up.
    pub(super) fn size(&mut self, key: &'a str, low: u64) -> Result<Option<usize>, StudyError> {
        // A study file has 63 bits a number, and so have sizes wherever this program runs.
        Ok(self
            .whole(key, low)?
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX)))
    }

    /// Reads a number that fits; `expected` says in words which ones do.
    pub(super) fn number(
        &mut self,
        key: &'a str,
        expected: &str,
        fits: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, StudyError> {
        self.read(key, expected, |raw| {
            let number = match raw {
                Raw::Int(int) => *int as f64,
                Raw::Float(float) => *float,
                _ => return None,
            };
            fits(number).then_some(number)
        })
    }

    /// Reads one of some words. The first spelling of a meaning is the one that is told.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'a str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, StudyError> {
        let path = self.path_of(key);
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        let known = || words.iter().map(|(word, _)| *word);
        let list = known()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let Raw::Text(text) = &item.raw else {
            return Err(misfit(&path, item, &format!("one of {list}")));
        };
        match words.iter().find(|(word, _)| word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let what = format!("`{path}` can't be `{text}`");
                let hint = did_you_mean(text, known()).unwrap_or(format!("known: {list}"));
                Err(StudyError::at(&item.origin, what).hinted(hint))
            }
        }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`StudyError`] names the first key that nobody asked for.
    pub(super) fn finish(self) -> Result<(), StudyError> {
        match self.rest().next() {
            Some(entry) => Err(unknown_key(&self.path, entry, &self.known)),
            None => Ok(()),
        }
    }

    fn read<T>(
        &mut self,
        key: &'a str,
        expected: &str,
        read: impl FnOnce(&Raw) -> Option<T>,
    ) -> Result<Option<T>, StudyError> {
        let path = self.path_of(key);
        match self.item(key) {
            None => Ok(None),
            Some(item) => match read(&item.raw) {
                Some(value) => Ok(Some(value)),
                None => Err(misfit(&path, item, expected)),
            },
        }
    }
}

/// Returns the error about a value of the wrong type or out of range.
pub(super) fn misfit(path: &str, item: &Item, expected: &str) -> StudyError {
    let found = item.raw.shown();
    StudyError::at(
        &item.origin,
        format!("`{path}` must be {expected}, is {found}"),
    )
}

/// Keys that are looked for elsewhere, with the table that has them.
const HOMES: [(&str, &str); 15] = [
    ("inherit", "search"),
    ("importance", "search"),
    ("constraints", "search"),
    ("search_space", "search"),
    ("formats", "search.search_space"),
    ("tie", "search.search_space"),
    ("float_epochs", "quantization"),
    ("calibration", "quantization"),
    ("enqueue", "search.strategy"),
    ("pruner", "search.strategy"),
    ("metrics", "search.strategy"),
    ("hw_runner", "search.strategy"),
    ("n_trials", "search.strategy.setup"),
    ("n_jobs", "search.strategy.setup"),
    ("timeout", "search.strategy.setup"),
];

/// Returns the error about a key that is not known, with its table or the nearest key that is.
pub(super) fn unknown_key(path: &str, entry: &Entry, known: &[&str]) -> StudyError {
    let what = format!("unknown key `{}`", join(path, &entry.key));
    let near = home(&entry.key).or_else(|| did_you_mean(&entry.key, known.iter().copied()));
    let hint = near.unwrap_or_else(|| {
        let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        format!("known: {}", known.join(", "))
    });
    StudyError::at(&entry.item.origin, what).hinted(hint)
}

/// Returns where a key belongs that is commonly looked for elsewhere.
pub(super) fn home(key: &str) -> Option<String> {
    let (key, table) = HOMES.iter().find(|(known, _)| *known == key)?;
    Some(format!("`{key}` belongs to `[{table}]`"))
}

/// Returns a key with the tables that it is in, quoted where TOML wants quotes.
pub(super) fn join(path: &str, key: &str) -> String {
    let key = super::write::key(key);
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}
