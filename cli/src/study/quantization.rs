//! `[quantization]`: when number formats count in training, and how open ones are chosen.

use firebrick_core::formats::RangeMethod;

use super::error::{Notice, StudyError};
use super::section::{Section, misfit};
use super::{Verb, defaults};

/// How networks with number formats are trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantization {
    /// When the formats count.
    pub(crate) mode: QuantizationMode,
    /// After how many epochs in float32 they begin to count, under [`QuantizationMode::Qat`]. Absent
    /// means none for a network that starts from a checkpoint, else a quarter of all epochs, at
    /// least one unless there is only one.
    pub(crate) float_epochs: Option<usize>,
    /// How the range of an open fixed-point format is chosen.
    pub(crate) method: RangeMethod,
    /// How many training rows it is chosen from, at most.
    pub(crate) samples: usize,
}

/// When number formats count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuantizationMode {
    /// In training, after the epochs in float32.
    Qat,
    /// Only after training, which is in float32 all along.
    Ptq,
}

const MODES: [(&str, QuantizationMode); 2] = [
    ("qat", QuantizationMode::Qat),
    ("ptq", QuantizationMode::Ptq),
];

/// How ranges are chosen, by name.
#[derive(Clone, Copy, PartialEq)]
enum Method {
    MinMax,
    Percentile,
    Mse,
}

const METHODS: [(&str, Method); 3] = [
    ("min_max", Method::MinMax),
    ("percentile", Method::Percentile),
    ("mse", Method::Mse),
];

impl QuantizationMode {
    /// Returns the word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Qat => "qat",
            Self::Ptq => "ptq",
        }
    }
}

/// Reads `[quantization]`, in a mode unless it says another; the caller ends it.
pub(super) fn read(
    table: &mut Section<'_>,
    mode: QuantizationMode,
    notices: &mut Vec<Notice>,
) -> Result<Quantization, StudyError> {
    let mode = table.word("mode", &MODES)?.unwrap_or(mode);
    let mut float_epochs = table.size("float_epochs", 0)?;
    if let (QuantizationMode::Ptq, Some(item)) = (mode, table.item("float_epochs")) {
        let reason = "`mode` is `ptq`: every epoch is in float32";
        let key = table.path_of("float_epochs");
        notices.push(Notice::new(key, &item.origin, reason));
        float_epochs = None;
    }
    let (method, samples) = read_calibration(table.section("calibration")?, notices)?;
    Ok(Quantization {
        mode,
        float_epochs,
        method,
        samples,
    })
}

/// Reads `[quantization.calibration]`.
fn read_calibration(
    mut table: Section<'_>,
    notices: &mut Vec<Notice>,
) -> Result<(RangeMethod, usize), StudyError> {
    let method = table.word("method", &METHODS)?;
    let is_share = |percent: f64| percent > 0.0 && percent <= 100.0;
    let percentile = table.number("percentile", "a percentage above 0, up to 100", is_share)?;
    if let (true, Some(item)) = (method != Some(Method::Percentile), table.item("percentile")) {
        let reason = "only `method = \"percentile\"` takes it";
        let key = table.path_of("percentile");
        notices.push(Notice::new(key, &item.origin, reason));
    }
    let samples = table.size("samples", 1)?;
    table.finish()?;
    let unsaid = defaults::QUANTIZATION;
    let method = match method {
        None => unsaid.method,
        Some(Method::MinMax) => RangeMethod::MinMax,
        Some(Method::Mse) => RangeMethod::Mse,
        Some(Method::Percentile) => RangeMethod::Percentile {
            percentile: percentile.unwrap_or(defaults::PERCENTILE),
        },
    };
    Ok((method, samples.unwrap_or(unsaid.samples)))
}

/// Checks that epochs are left in which the formats count.
pub(super) fn check_epochs(
    quantization: &Quantization,
    max_epochs: usize,
    table: &mut Section<'_>,
) -> Result<(), StudyError> {
    match (quantization.float_epochs, table.item("float_epochs")) {
        (Some(float_epochs), Some(item)) if float_epochs >= max_epochs => {
            let expected = format!("below `max_epochs`, which is {max_epochs}");
            let hint = "`quantization.mode = \"ptq\"` trains every epoch in float32".to_owned();
            let error = misfit(&table.path_of("float_epochs"), item, &expected);
            Err(error.hinted(hint))
        }
        _ => Ok(()),
    }
}

/// Returns how many epochs a verb trains, given those of `train` and of candidates.
pub(super) fn trained_epochs(verb: Verb, train: usize, candidates: Option<usize>) -> Option<usize> {
    match verb {
        Verb::Search => candidates,
        Verb::Train => Some(train),
        Verb::Test | Verb::Transform => None,
    }
}

impl Quantization {
    /// Returns the name of the method and what it takes, as a file has them.
    pub(super) fn method_word(&self) -> (&'static str, Option<f64>) {
        match self.method {
            RangeMethod::MinMax => ("min_max", None),
            RangeMethod::Percentile { percentile } => ("percentile", Some(percentile)),
            RangeMethod::Mse => ("mse", None),
        }
    }
}
