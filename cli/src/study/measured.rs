//! What the program itself measures of candidates, beside the analyses of `hw_runner`.

use firebrick_core::Json;
use serde::{Deserialize, Serialize};

use super::constraint::Constraint;
use super::error::StudyError;
use super::goal::Goal;
use super::passes::PassStep;
use super::section::Section;

/// What the program measures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Measured {
    /// The latency of a candidate on the device of its engine, before it is trained.
    pub(crate) latency: Option<LatencyArgs>,
    /// The effective bit operations of the weights that training came to.
    pub(crate) trained_ebops: bool,
}

/// How latency is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LatencyArgs {
    /// Rows of one prediction.
    pub(crate) batch_size: usize,
    /// Predictions that are timed, after a tenth as many that are not.
    pub(crate) n_runs: usize,
}

impl Default for LatencyArgs {
    fn default() -> Self {
        Self {
            batch_size: 1,
            n_runs: 30,
        }
    }
}

/// The metric in microseconds, and the table of `hw_runner`.
pub(crate) const LATENCY: &str = "measured_latency";
/// How far the middle half of the predictions lies apart, in microseconds.
pub(crate) const LATENCY_SPREAD: &str = "measured_latency_spread";
/// The metric, and the table of `hw_runner`.
pub(crate) const TRAINED_EBOPS: &str = "trained_ebops";

/// All metrics that the program measures.
pub(super) const MEASURED: [&str; 3] = [LATENCY, LATENCY_SPREAD, TRAINED_EBOPS];

impl Measured {
    /// Takes what the program measures out of the analyses, and adds what objectives or constraints
    /// are about.
    pub(super) fn take(
        runner: &Section<'_>,
        analyses: &mut Vec<PassStep>,
        goal: &Goal,
        constraints: &[Constraint],
    ) -> Result<Self, StudyError> {
        let is_wanted = |name: &str| {
            goal.objectives.iter().any(|one| one.metric == name)
                || constraints.iter().any(|one| one.metric == name)
        };
        let mut measured = Self {
            latency: (is_wanted(LATENCY) || is_wanted(LATENCY_SPREAD)).then(LatencyArgs::default),
            trained_ebops: is_wanted(TRAINED_EBOPS),
        };
        let is_ours = |step: &PassStep| [LATENCY, TRAINED_EBOPS].contains(&step.name.as_str());
        let ours: Vec<PassStep> = analyses.extract_if(.., |step| is_ours(step)).collect();
        for PassStep { name, args } in ours {
            let error = |reason: String| {
                let what = format!("`{}`: {reason}", runner.path_of(&name));
                match runner.rest().find(|entry| entry.key == name) {
                    Some(entry) => StudyError::at(&entry.item.origin, what),
                    None => StudyError::absent(what),
                }
            };
            match name.as_str() {
                LATENCY => measured.latency = Some(latency_args(args).map_err(error)?),
                _ if args.as_object().is_none_or(|args| args.is_empty()) => {
                    measured.trained_ebops = true;
                }
                _ => return Err(error("takes no arguments".to_owned())),
            }
        }
        Ok(measured)
    }

    /// Returns the metrics that are known before training.
    pub(crate) fn before_training(&self) -> &'static [&'static str] {
        match self.latency {
            Some(_) => &[LATENCY, LATENCY_SPREAD],
            None => &[],
        }
    }

    /// Returns the metrics that are known after training.
    pub(crate) fn after_training(&self) -> &'static [&'static str] {
        match self.trained_ebops {
            true => &[TRAINED_EBOPS],
            false => &[],
        }
    }

    /// Returns the tables of `hw_runner` that say the same.
    pub(super) fn tables(&self) -> Vec<(&'static str, Json)> {
        let latency = self.latency.map(|args| (LATENCY, serde_json::json!(args)));
        let ebops = self.trained_ebops.then(|| (TRAINED_EBOPS, Json::Null));
        latency.into_iter().chain(ebops).collect()
    }
}

fn latency_args(args: Json) -> Result<LatencyArgs, String> {
    let args: LatencyArgs = serde_json::from_value(args).map_err(|error| error.to_string())?;
    match args {
        LatencyArgs { batch_size: 0, .. } => Err("`batch_size` must be at least 1".to_owned()),
        LatencyArgs { n_runs: 0, .. } => Err("`n_runs` must be at least 1".to_owned()),
        args => Ok(args),
    }
}
