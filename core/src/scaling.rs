//! What is done to the numbers of a data set before a network reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The notes of a file of weights that hold what rows are scaled by, as JSON lists.
const MEAN: &str = "input_mean";
const STD: &str = "input_std";

/// What rows are scaled by: a pair a feature, of rows `[channels, height, width]` a pair a channel.
///
/// [`Scaling::FORMULA`] holds, where `raw` is a number as the data set has it, of pictures a byte
/// in `0..=255`. Computed in float64 and rounded to float32 at the end, that gives rows of tables to
/// the bit, and pictures within the rounding of float32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// What is subtracted: finite.
    pub mean: Vec<f64>,
    /// What then divides: finite and above 0, as many as means.
    pub std: Vec<f64>,
}

/// Why the notes of a file do not say what rows are scaled by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScalingError {
    /// One of the two notes is there without the other.
    #[error("it has the note `{there}`, but not `{missing}`")]
    Missing {
        /// The note that is there.
        there: &'static str,
        /// The note that is not.
        missing: &'static str,
    },
    /// A note is no list of numbers that can be meant.
    #[error("its note `{note}` is no list of {expected} {what}")]
    Invalid {
        /// The note.
        note: &'static str,
        /// How many numbers belong there.
        expected: usize,
        /// Which ones.
        what: &'static str,
    },
}

impl Scaling {
    /// What is done to each number.
    pub const FORMULA: &str = "x = (raw - mean) / std";

    /// Returns notes for a file: names, and lists in the shortest text that is read back equal.
    pub fn notes(&self) -> [(&'static str, String); 2] {
        let list = |numbers: &[f64]| crate::Json::from(numbers).to_string();
        [(MEAN, list(&self.mean)), (STD, list(&self.std))]
    }

    /// Reads the notes of a file whose network takes rows of a shape; `None` where there are none.
    ///
    /// # Errors
    /// [`ScalingError`] if a note is missing beside the other, or is no list of as many numbers as
    /// rows have features or channels.
    pub fn of_notes(
        notes: &BTreeMap<String, String>,
        input_shape: &[usize],
    ) -> Result<Option<Self>, ScalingError> {
        let (mean, std) = match (notes.get(MEAN), notes.get(STD)) {
            (None, None) => return Ok(None),
            (Some(mean), Some(std)) => (mean, std),
            (mean, _) => {
                let (there, missing) = match mean {
                    Some(_) => (MEAN, STD),
                    None => (STD, MEAN),
                };
                return Err(ScalingError::Missing { there, missing });
            }
        };
        let expected = input_shape.first().copied().unwrap_or(1);
        let read = |note, text: &str, what, is_valid: fn(f64) -> bool| {
            let numbers: Option<Vec<f64>> = serde_json::from_str(text).ok();
            let fits = |numbers: &Vec<f64>| {
                numbers.len() == expected && numbers.iter().all(|number| is_valid(*number))
            };
            numbers.filter(fits).ok_or(ScalingError::Invalid {
                note,
                expected,
                what,
            })
        };
        Ok(Some(Self {
            mean: read(MEAN, mean, "finite numbers", f64::is_finite)?,
            std: read(STD, std, "finite numbers above 0", |std| {
                std.is_finite() && std > 0.0
            })?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mean: Option<&str>, std: Option<&str>) -> Result<Option<Scaling>, String> {
        let notes = [(MEAN, mean), (STD, std)].into_iter();
        let notes = notes.filter_map(|(note, text)| Some((note.to_owned(), text?.to_owned())));
        Scaling::of_notes(&notes.collect(), &[2]).map_err(|error| error.to_string())
    }

    #[test]
    fn notes_are_read_back_equal() {
        let scaling = Scaling {
            mean: vec![0.1 + 0.2, -1e-300],
            std: vec![f64::from(0.1_f32), 1.0],
        };
        let [(_, mean), (_, std)] = scaling.notes();
        assert_eq!(mean, "[0.30000000000000004,-1e-300]");
        assert_eq!(read(Some(&mean), Some(&std)), Ok(Some(scaling)));
        assert_eq!(read(None, None), Ok(None));
    }

    #[test]
    fn notes_that_can_not_be_meant_are_refused() {
        let lists = [
            (Some("[1, 2]"), None),
            (None, Some("[1, 2]")),
            (Some("[1, 2, 3]"), Some("[1, 2]")),
            (Some("[1, 1e999]"), Some("[1, 2]")),
            (Some("1, 2"), Some("[1, 2]")),
            (Some("[1, 2]"), Some("[1, 0]")),
            (Some("[1, 2]"), Some("[1, null]")),
        ];
        let said = lists.map(|(mean, std)| read(mean, std).unwrap_err());
        let mean = "its note `input_mean` is no list of 2 finite numbers";
        let std = "its note `input_std` is no list of 2 finite numbers above 0";
        let expected = [
            "it has the note `input_mean`, but not `input_std`",
            "it has the note `input_std`, but not `input_mean`",
            mean,
            mean,
            mean,
            std,
            std,
        ];
        assert_eq!(said, expected);
    }
}
