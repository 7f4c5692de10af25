//! The engine `mlp`.

use firebrick_core::dataset::{FeatureRows, Rows};
use firebrick_core::engine::{
    Device, Engine, EngineError, Evaluation, Observer, Placement, TrainJob, TrainOutcome,
    check_input, check_job, check_rows, check_weights, train_population,
};
use firebrick_core::graph::Graph;
use firebrick_core::images::Augment;
use firebrick_core::register_engine;
use firebrick_core::weights::Weights;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::{Chain, unsupported};
use crate::kernels::Path;
use crate::parameters::Parameters;
use crate::predict::{Predictor, ROWS};
use crate::source::Source;
use crate::train;

/// Trains populations of small dense networks at the arithmetic limit of the CPU.
///
/// Takes chains of linear layers, batch normalisation over features, relu and dropout, in any
/// order and of any width. Adam, AdamW and SGD step as PyTorch's do.
///
/// Number formats: all but `lsq`, whose steps are learned, on what a node reads (`data_in`: of every
/// node but the input, the output too) and on weights and biases; those of a batch normalisation
/// are the formats of its scale and shift. What is read is rounded once a value, weights once a step,
/// in training, validation and prediction alike; gradients go straight through and are 0 beyond the
/// limits, those of a batch normalisation as if scale and shift were not stored; weights are trained
/// and saved in float32.
///
/// Candidates train side by side, one a thread, the largest first; the result is the same, bit for
/// bit, however many threads there are. It uses AVX-512 or AVX2 where the machine has them;
/// machines that have different ones differ in the last digits. A batch normalisation that is
/// frozen uses its running statistics and leaves them as they are. A last batch of a single row
/// joins the batch before it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

register_engine!("mlp"; Settings => MlpEngine::new(), preference = 10);

/// The engine on the CPU.
#[derive(Debug, Clone, Copy)]
pub struct MlpEngine {
    path: Path,
}

impl Default for MlpEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl MlpEngine {
    /// Returns the engine on the fastest path of this machine.
    pub fn new() -> Self {
        Self::on(Path::available()[0])
    }

    /// Returns the engine on a path.
    pub fn on(path: Path) -> Self {
        Self { path }
    }

    fn check_device(self, placement: &Placement) -> Result<(), EngineError> {
        let available: Vec<String> = self
            .devices()
            .into_iter()
            .map(|device| device.kind)
            .collect();
        match available.contains(&placement.device) {
            true => Ok(()),
            false => Err(EngineError::Device {
                device: placement.device.clone(),
                available,
            }),
        }
    }
}

impl Engine for MlpEngine {
    fn devices(&self) -> Vec<Device> {
        vec![Device {
            kind: "cpu".to_owned(),
            name: format!("mlp {}", self.path.name()),
        }]
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        Chain::of(graph)?;
        for node in graph.nodes() {
            if node
                .annotations
                .sparsity
                .is_some_and(|sparsity| sparsity > 0.0)
            {
                return Err(unsupported(
                    node,
                    "is sparse, training would fill its zeros",
                ));
            }
        }
        Ok(())
    }

    fn train(
        &self,
        job: &TrainJob<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        self.check_device(job.placement)?;
        check_job(self, job)?;
        for rows in [job.train, job.validation] {
            check_labels(rows)?;
        }
        Ok(train_population(job, |position| {
            train::train(position, job, self.path, observer)
        }))
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        let (chain, parameters) = self.prepare(graph, weights, features, placement)?;
        let mut source = Source::new(features, graph.input_shape(), Augment::NONE, ROWS);
        let mut predictor = Predictor::new(self.path, &chain);
        Ok(predictor.predict(&chain, &parameters, &mut source))
    }

    fn evaluate(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        placement: &Placement,
    ) -> Result<Evaluation, EngineError> {
        let (chain, parameters) = self.prepare(graph, weights, rows.features, placement)?;
        if rows.features.is_empty() && rows.is_empty() {
            return Ok(Evaluation::of(&[], &[]));
        }
        check_rows(graph, rows, "given")?;
        check_labels(rows)?;
        let mut source = Source::new(rows.features, graph.input_shape(), Augment::NONE, ROWS);
        let mut predictor = Predictor::new(self.path, &chain);
        Ok(predictor.judge(&chain, &parameters, &mut source, rows.labels))
    }
}

impl MlpEngine {
    /// Checks a network and the rows that it should read.
    fn prepare(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<(Chain, Parameters), EngineError> {
        self.check_device(placement)?;
        let chain = Chain::of(graph)?;
        check_weights(graph, weights)?;
        check_input(graph, features)?;
        let parameters = Parameters::new(self.path, &chain, graph, weights);
        Ok((chain, parameters))
    }
}

/// Labels from which on neighbours are one number in float32, in which kernels compare them.
const LABELS_MAX: u32 = 1 << 24;

fn check_labels(rows: Rows<'_>) -> Result<(), EngineError> {
    match rows.labels.iter().find(|label| **label >= LABELS_MAX) {
        Some(label) => Err(EngineError::Rows(format!(
            "label {label} is too large for this engine, which takes those below {LABELS_MAX}"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
