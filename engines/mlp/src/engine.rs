//! The engine `mlp`.

use std::any::Any;
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use firebrick_core::costs::Costs;
use firebrick_core::dataset::Rows;
use firebrick_core::engine::{
    Candidate, Device, Engine, EngineError, Evaluation, Observer, Placement, TrainJob, TrainOutcome,
};
use firebrick_core::graph::Graph;
use firebrick_core::register_engine;
use firebrick_core::weights::Weights;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::{Chain, unsupported};
use crate::kernels::Path;
use crate::parameters::Parameters;
use crate::predict::Predictor;
use crate::{rows, train};

/// Trains populations of small dense networks at the arithmetic limit of the CPU.
///
/// Takes chains of linear layers, batch normalisation over features, relu and dropout, in any
/// order and of any width. Adam, AdamW and SGD step as PyTorch's do. Networks with number formats
/// are refused: it trains in float32.
///
/// Candidates train side by side, one a thread, the largest first; the result is the same, bit for
/// bit, however many threads there are. It uses AVX-512 or AVX2 where the machine has them;
/// machines that have different ones differ in the last digits. A batch normalisation that is
/// frozen uses its running statistics and leaves them as they are. A last batch of a single row
/// joins the batch before it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

register_engine!("mlp"; Settings => MlpEngine::new());

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
        if let Err((key, reason)) = job.recipe.check() {
            return Err(EngineError::Other(format!("`{key}` {reason}")));
        }
        if job.placement.threads == 0 {
            return Err(EngineError::Other(
                "`threads` must be at least 1".to_owned(),
            ));
        }
        for (position, candidate) in job.candidates.iter().enumerate() {
            self.check(candidate, job)?;
            if position == 0 {
                let width = rows::width(&candidate.graph);
                rows::check_finite(job.train.features, width, "training")?;
                rows::check_finite(job.validation.features, width, "validation")?;
            }
        }
        Ok(train_all(job, self.path, observer))
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: &[f32],
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        let (chain, parameters) = self.prepare(graph, weights, features, placement)?;
        Ok(Predictor::new(self.path, &chain).predict(&chain, &parameters, features))
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
        rows::check(graph, rows, "given")?;
        Ok(Predictor::new(self.path, &chain).judge(&chain, &parameters, rows))
    }
}

impl MlpEngine {
    /// Checks what can be checked of a candidate before anything is trained. Features that are no
    /// numbers are looked for once for all candidates: it takes as long as reading them.
    fn check(&self, candidate: &Candidate, job: &TrainJob<'_>) -> Result<(), EngineError> {
        self.supports(&candidate.graph)?;
        if let Some(weights) = &candidate.weights {
            check_weights(&candidate.graph, weights)?;
        }
        rows::check(&candidate.graph, job.train, "training")?;
        rows::check(&candidate.graph, job.validation, "validation")
    }

    /// Checks a network and the rows that it should read.
    fn prepare(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: &[f32],
        placement: &Placement,
    ) -> Result<(Chain, Parameters), EngineError> {
        self.check_device(placement)?;
        let chain = Chain::of(graph)?;
        check_weights(graph, weights)?;
        let width = rows::width(graph);
        rows::check_size(graph, features, features.len() / width, "given")?;
        rows::check_finite(features, width, "given")?;
        let parameters = Parameters::new(&chain, graph, weights);
        Ok((chain, parameters))
    }
}

/// Trains the candidates of a job on as many threads as the placement says.
///
/// Threads take the largest candidate that nobody has when they are done with one, so that no
/// large one is left for the end. No candidate sees another, so the result does not depend on who
/// takes which.
fn train_all(job: &TrainJob<'_>, path: Path, observer: &dyn Observer) -> Vec<TrainOutcome> {
    let mut order: Vec<usize> = (0..job.candidates.len()).collect();
    order.sort_by_cached_key(|position| {
        Reverse(Costs::of(&job.candidates[*position].graph).total.macs)
    });
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(&position) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let train = || train::train(position, job, path, observer);
            let outcome = catch_unwind(AssertUnwindSafe(train));
            done.push((
                position,
                outcome.unwrap_or_else(|panic| {
                    let reason = message(&*panic);
                    TrainOutcome::Failed { reason }
                }),
            ));
        }
        done
    };
    let n_threads = job.placement.threads.min(job.candidates.len());
    let mut outcomes: Vec<(usize, TrainOutcome)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("panics of candidates are caught"));
        joined.flatten().collect()
    });
    outcomes.sort_by_key(|(position, _)| *position);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn check_weights(graph: &Graph, weights: &Weights) -> Result<(), EngineError> {
    let fits = weights.check(graph);
    fits.map_err(|error| EngineError::Weights(error.to_string()))
}

/// What a panic said, ours or the observer's.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("no reason given"))
}

#[cfg(test)]
mod tests;
