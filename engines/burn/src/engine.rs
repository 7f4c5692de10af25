//! The engine `burn`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use firebrick_core::engine::{
    Candidate, Device, Engine, EngineError, Observer, Placement, TrainJob, TrainOutcome,
};
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::register_engine;
use firebrick_core::weights::Weights;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::network::Network;
use crate::parameters::Parameters;
use crate::{rows, train};

/// Trains any network with the burn library, on the CPU.
///
/// Takes every type of node: linear layers, convolutions, batch normalisation, pools, sums,
/// concatenations, dropout. Adam, AdamW and SGD step as PyTorch's do. Networks with number formats
/// are refused: it trains in float32.
///
/// Candidates train side by side, one a thread; the result is the same, bit for bit, however many
/// threads there are; operations of large networks use all cores besides. A batch normalisation
/// that is frozen uses its running statistics and leaves them as they are. A last batch of a
/// single row joins the batch before it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

register_engine!("burn"; Settings => BurnEngine::cpu());

/// An engine over devices of burn.
#[derive(Debug)]
pub struct BurnEngine {
    devices: Vec<(Device, burn::tensor::Device)>,
}

impl BurnEngine {
    /// Returns the engine on the CPU.
    pub fn cpu() -> Self {
        let device = Device {
            kind: "cpu".to_owned(),
            name: "burn flex".to_owned(),
        };
        Self::new(vec![(device, burn::tensor::Device::flex())])
    }

    /// Returns the engine on devices of burn, each with how users call it, the preferred first.
    pub fn new(devices: Vec<(Device, burn::tensor::Device)>) -> Self {
        Self { devices }
    }

    fn device(&self, placement: &Placement) -> Result<&burn::tensor::Device, EngineError> {
        let mut devices = self.devices.iter();
        match devices.find(|(device, _)| device.kind == placement.device) {
            Some((_, device)) => Ok(device),
            None => Err(EngineError::Device {
                device: placement.device.clone(),
                available: self
                    .devices
                    .iter()
                    .map(|(device, _)| device.kind.clone())
                    .collect(),
            }),
        }
    }
}

impl Engine for BurnEngine {
    fn devices(&self) -> Vec<Device> {
        self.devices
            .iter()
            .map(|(device, _)| device.clone())
            .collect()
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        for (idx, node) in graph.nodes().iter().enumerate() {
            runs(node, graph.shape(idx))?;
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
        let device = self.device(job.placement)?;
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
        Ok(train_all(job, device, observer))
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: &[f32],
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        let device = self.device(placement)?;
        for (idx, node) in graph.nodes().iter().enumerate() {
            runs(node, graph.shape(idx))?;
        }
        check_weights(graph, weights)?;
        let width = rows::width(graph);
        rows::check_size(graph, features, features.len() / width, "given")?;
        rows::check_finite(features, width, "given")?;
        let compute = || {
            let parameters = Parameters::new(graph, weights, device);
            let network = Network::new(graph, &parameters);
            rows::predict(graph, &network, &parameters, features, device)
        };
        catch_unwind(AssertUnwindSafe(compute))
            .map_err(|panic| EngineError::Other(message(&*panic)))
    }
}

impl BurnEngine {
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
}

/// Trains the candidates of a job on as many threads as the placement says.
///
/// Threads take the next candidate when they are done with one. No candidate sees another, so the
/// result does not depend on who takes which.
fn train_all(
    job: &TrainJob<'_>,
    device: &burn::tensor::Device,
    observer: &dyn Observer,
) -> Vec<TrainOutcome> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            if position >= job.candidates.len() {
                return done;
            }
            let train = || train::train(position, job, device, observer);
            let outcome = catch_unwind(AssertUnwindSafe(train));
            done.push((
                position,
                outcome.unwrap_or_else(|panic| {
                    let reason = message(&*panic);
                    TrainOutcome::Failed { reason }
                }),
            ));
        }
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

/// Checks that a node can be computed as it is noted.
fn runs(node: &Node, shape: &[usize]) -> Result<(), EngineError> {
    if let Some((operand, format)) = node.annotations.formats.first_key_value() {
        let reason = format!(
            "has number format `{}` on `{operand}`, this engine computes in float32",
            format.name
        );
        return Err(unsupported(node, &reason));
    }
    if node.op == Op::Output && shape.len() != 1 {
        let reason = format!("has shape {shape:?}, expected one number a class");
        return Err(unsupported(node, &reason));
    }
    Ok(())
}

fn unsupported(node: &Node, reason: &str) -> EngineError {
    EngineError::Unsupported {
        node: node.name.clone(),
        op: node.op.name().to_owned(),
        reason: reason.to_owned(),
    }
}

fn check_weights(graph: &Graph, weights: &Weights) -> Result<(), EngineError> {
    let fits = weights.check(graph);
    fits.map_err(|error| EngineError::Weights(error.to_string()))
}

/// What a panic said, of burn or of the observer.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("no reason given"))
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
