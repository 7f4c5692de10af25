//! Engines: what trains and runs graphs on a device.

mod checks;
mod population;
mod zero_cost;

pub use checks::{check_input, check_job, check_rows, check_weights, row_width};
pub use population::{panic_message, train_population};
pub use zero_cost::ZeroCost;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dataset::{FeatureRows, Rows};
use crate::graph::Graph;
use crate::recipe::Recipe;
use crate::weights::Weights;

/// Trains and runs graphs on the devices that it has.
///
/// An engine takes a population, several candidates a call. What happens to one candidate does
/// not depend on the others, nor on the number of threads: same graph, data, recipe and seed give
/// the same weights on one machine. An engine that computes several candidates as one keeps this
/// within float tolerance.
pub trait Engine: Send + Sync {
    /// Returns the devices that can be used now, the preferred one first. Never empty for an
    /// engine that runs on the CPU; probing does not crash where a driver is missing.
    fn devices(&self) -> Vec<Device>;

    /// Returns the kinds of device that the engine was made for and can't use now, each with what
    /// is missing. By default none: an engine that runs on the CPU lacks nothing.
    fn absent_devices(&self) -> Vec<AbsentDevice> {
        Vec::new()
    }

    /// Says whether the engine can train a graph.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] names the first node that it can't.
    fn supports(&self, graph: &Graph) -> Result<(), EngineError>;

    /// Trains each candidate on the training rows, judging it on the validation rows each epoch.
    ///
    /// The observer hears every epoch of every candidate, in order for one candidate, and can stop
    /// it there. The result has one entry a candidate, in their order. A candidate that goes wrong
    /// (a loss that is NaN) is a [`TrainOutcome::Failed`], not an error.
    ///
    /// # Errors
    /// [`EngineError`] if nothing could be trained: unknown device, rows that do not fit.
    fn train(
        &self,
        job: &TrainJob<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError>;

    /// Returns the output of each row (logits), row after row, running statistics in use.
    ///
    /// # Errors
    /// [`EngineError`] if the weights or the rows do not fit the graph.
    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError>;

    /// Judges trained weights on rows. By default, [`Evaluation::of`] the predictions.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    fn evaluate(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        placement: &Placement,
    ) -> Result<Evaluation, EngineError> {
        let logits = self.predict(graph, weights, rows.features, placement)?;
        evaluate_logits(graph, &logits, rows)
    }

    /// Returns what zero-cost metrics say of a network that is not trained, one number a metric,
    /// in their order. All rows are one batch.
    ///
    /// Asked for no metric, it only says whether it can score the graph: weights and rows are not
    /// looked at. By default, an engine has no zero-cost metrics.
    ///
    /// # Errors
    /// [`EngineError`] if the engine has no such metrics or the network does not have what one
    /// counts, or if the weights or the rows do not fit the graph.
    fn score(
        &self,
        _graph: &Graph,
        _weights: &Weights,
        _rows: Rows<'_>,
        _metrics: &[ZeroCost],
        _placement: &Placement,
    ) -> Result<Vec<f64>, EngineError> {
        let reason = "engine has no zero-cost metrics";
        Err(EngineError::Other(reason.to_owned()))
    }
}

/// A device of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `cpu` or `cuda`: what `accelerator` in a study means.
    pub kind: String,
    /// What it calls itself.
    pub name: String,
}

/// A kind of device that an engine was made for and can't use now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsentDevice {
    /// `cuda`: what `accelerator` in a study means.
    pub kind: String,
    /// What is missing.
    pub missing: Missing,
    /// How that was found, such as which library can't be loaded.
    pub reason: String,
}

/// What is missing where a device can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The driver, or one that works.
    Driver,
    /// The GPU itself: the driver finds none.
    Gpu,
    /// The compiler of the engine's kernels.
    Compiler,
    /// The header files that this compiler reads.
    Headers,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Driver => "driver",
            Self::Gpu => "GPU",
            Self::Compiler => "compiler of its kernels",
            Self::Headers => "folder of its headers",
        })
    }
}

/// Where, and on how many threads, a call runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The kind of device: `cpu` or `cuda`.
    pub device: String,
    /// How many candidates may train at a time, at least 1.
    pub threads: usize,
}

/// One network to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The network.
    pub graph: Graph,
    /// The seed of first weights, row order and dropout.
    pub seed: u64,
    /// The weights to start from; absent means [`Weights::init`] under the seed.
    #[serde(skip)]
    pub weights: Option<Weights>,
}

/// What [`Engine::train`] trains, on what and how.
#[derive(Debug, Clone, Copy)]
pub struct TrainJob<'a> {
    /// The networks.
    pub candidates: &'a [Candidate],
    /// The rows to learn from.
    pub train: Rows<'a>,
    /// The rows to judge on.
    pub validation: Rows<'a>,
    /// How to train.
    pub recipe: &'a Recipe,
    /// Where to train.
    pub placement: &'a Placement,
}

/// Hears of every epoch of every candidate. Called from several threads at a time.
pub trait Observer: Sync {
    /// Returns whether the candidate (an index into the job) should go on after an epoch.
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict;
}

/// An observer that lets every candidate go on.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn epoch(&self, _candidate: usize, _epoch: &Epoch) -> Verdict {
        Verdict::Continue
    }
}

/// Whether a candidate goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It stops here.
    Stop,
}

/// What one epoch of training came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// The mean cross-entropy over the rows, each under the weights before its step, in nats. It is
    /// that of smoothed targets where the recipe smooths them.
    pub train_loss: f64,
    /// The share of rows that were right, in the same way.
    pub train_accuracy: f64,
    /// The validation rows under the weights after the epoch.
    pub validation: Evaluation,
    /// The batches that the recipe asked to keep.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// What one batch came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Counted from 1 over all epochs.
    pub step: u64,
    /// The mean cross-entropy over the batch before its step, in nats, of smoothed targets where
    /// the recipe smooths them.
    pub loss: f64,
    /// The share of its rows that were right.
    pub accuracy: f64,
}

/// How good predictions are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The mean cross-entropy over the rows, in nats.
    pub loss: f64,
    /// The share of rows that are right (micro accuracy), in `0.0..=1.0`.
    pub accuracy: f64,
    /// The mean over the classes of the share of their rows that are right (balanced accuracy);
    /// classes without a row do not count.
    pub macro_accuracy: f64,
}

impl Evaluation {
    /// Judges logits, row after row, against labels, in f64. Of equal logits the first counts.
    ///
    /// No rows give a loss and accuracies of NaN.
    ///
    /// # Panics
    /// If a label is not below the number of logits a row; [`Engine::evaluate`] refuses those.
    pub fn of(logits: &[f32], labels: &[u32]) -> Self {
        let n_classes = logits.len().checked_div(labels.len()).unwrap_or(0);
        let mut loss = 0.0;
        let mut right = vec![0_u64; n_classes];
        let mut rows = vec![0_u64; n_classes];
        if n_classes > 0 {
            for (row, label) in logits.chunks_exact(n_classes).zip(labels) {
                let label = *label as usize;
                let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f64 = row.iter().map(|logit| f64::from(logit - top).exp()).sum();
                loss += sum.ln() - f64::from(row[label] - top);
                let first_top = row.iter().position(|logit| *logit == top);
                rows[label] += 1;
                right[label] += u64::from(first_top == Some(label));
            }
        }
        let n_rows = labels.len() as f64;
        let seen: Vec<f64> = right
            .iter()
            .zip(&rows)
            .filter(|(_, rows)| **rows > 0)
            .map(|(right, rows)| *right as f64 / *rows as f64)
            .collect();
        Self {
            loss: loss / n_rows,
            accuracy: right.iter().sum::<u64>() as f64 / n_rows,
            macro_accuracy: seen.iter().sum::<f64>() / seen.len() as f64,
        }
    }
}

/// Judges the output that a network has for rows, as [`Engine::evaluate`] does unless an engine has
/// its own way.
///
/// # Errors
/// [`EngineError::Rows`] if there are not as many labels as rows, or one is no output.
pub fn evaluate_logits(
    graph: &Graph,
    logits: &[f32],
    rows: Rows<'_>,
) -> Result<Evaluation, EngineError> {
    let n_classes = graph.output_shape()[0];
    if logits.len() != rows.len() * n_classes {
        return Err(EngineError::Rows(format!(
            "the features are those of {} rows, but there are {} labels",
            logits.len() / n_classes,
            rows.len()
        )));
    }
    let unknown = |label: &u32| *label as usize >= n_classes;
    match rows.labels.iter().position(unknown) {
        Some(row) => Err(EngineError::Rows(format!(
            "row {row} has label {}, but the network has {n_classes} outputs",
            rows.labels[row]
        ))),
        None => Ok(Evaluation::of(logits, rows.labels)),
    }
}

/// How the training of one candidate ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TrainOutcome {
    /// It was trained to the end of the recipe, or stopped early by it.
    Trained(Trained),
    /// The observer stopped it.
    Stopped(Trained),
    /// It went wrong.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// What training left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The weights that the recipe keeps.
    #[serde(skip)]
    pub weights: Weights,
    /// All epochs, in order.
    pub epochs: Vec<Epoch>,
    /// Which of them, counted from 1, the weights are of.
    pub kept_epoch: usize,
}

/// Why an engine can't do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum EngineError {
    /// The engine can't train a graph.
    #[error("node `{node}` ({op}) {reason}")]
    Unsupported {
        /// The first node that it can't.
        node: String,
        /// Its type.
        op: String,
        /// Why not.
        reason: String,
    },
    /// There is no such device.
    #[error("no device `{device}`, this engine has {}", .available.join(", "))]
    Device {
        /// What was asked for.
        device: String,
        /// What there is.
        available: Vec<String>,
    },
    /// Weights do not fit a graph.
    #[error("{0}")]
    Weights(String),
    /// Rows do not fit a graph.
    #[error("{0}")]
    Rows(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let evaluation = Evaluation::of(&[0.0; 10], &[0, 1]);
        assert!((evaluation.loss - 5.0_f64.ln()).abs() < 1e-12);
        assert_eq!(evaluation.accuracy, 0.5);
    }

    #[test]
    fn macro_accuracy_weighs_classes_not_rows() {
        // Three rows of class 0, all right; one of class 1, wrong.
        let logits = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        let evaluation = Evaluation::of(&logits, &[0, 0, 0, 1]);
        assert_eq!(evaluation.accuracy, 0.75);
        assert_eq!(evaluation.macro_accuracy, 0.5);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let evaluation = Evaluation::of(&[1e30, -1e30], &[0]);
        assert_eq!(evaluation.loss, 0.0);
    }
}
