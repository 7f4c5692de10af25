//! An engine of a plugin. Rows, weights and logits cross as borrowed arrays.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use firebrick_core::dataset::{FeatureRows, Rows};
use firebrick_core::engine::{
    AbsentDevice, Device, Engine, EngineError, Epoch, Evaluation, Observer, Placement, TrainJob,
    TrainOutcome, Verdict, ZeroCost,
};
use firebrick_core::graph::Graph;
use firebrick_core::images::Normalize;
use firebrick_core::weights::Weights;
use firebrick_sdk::door::{GO_ON, Numbers, STOP};
use firebrick_sdk::wire::{self, Outcome, Run, Score, Train};

use super::Item;

pub(super) struct RemoteEngine(pub(super) Item);

impl Engine for RemoteEngine {
    fn devices(&self) -> Vec<Device> {
        let devices = self.0.call(wire::DEVICES, &(), EngineError::Other);
        devices.unwrap_or_else(|error| {
            tracing::error!("{error}");
            Vec::new()
        })
    }

    fn absent_devices(&self) -> Vec<AbsentDevice> {
        let absent = self.0.call(wire::ABSENT_DEVICES, &(), EngineError::Other);
        absent.unwrap_or_else(|error| {
            // A plugin of before there was this question: it has what it has.
            tracing::debug!("{error}");
            Vec::new()
        })
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        self.0.call(wire::SUPPORTS, graph, EngineError::Other)
    }

    fn train(
        &self,
        job: &TrainJob<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        let mut arrays = Vec::new();
        arrays.extend(numbers_of(job.train));
        arrays.extend(numbers_of(job.validation));
        let mut weights = Vec::new();
        for candidate in job.candidates {
            let split = candidate.weights.as_ref().map(wire::split);
            weights.push(split.map(|(facts, numbers)| {
                arrays.extend(numbers.into_iter().map(Numbers::Floats));
                facts
            }));
        }
        let payload = wire::encode(&Train {
            candidates: Cow::Borrowed(job.candidates),
            weights,
            recipe: Cow::Borrowed(job.recipe),
            placement: Cow::Borrowed(job.placement),
            normalize: normalize_of(job.train.features),
            normalize_validation: normalize_of(job.validation.features),
        });

        let ear = Ear::new(observer);
        let listener = |message: &[u8]| ear.hear(message);
        let answer = self
            .0
            .remote
            .invoke(wire::TRAIN, &payload, &arrays, Some(&listener));
        ear.end()?;
        let answer = answer.map_err(|fault| self.0.error(fault, EngineError::Other))?;

        let outcomes: Vec<Outcome> = self.0.read(&answer.payload).map_err(EngineError::Other)?;
        if outcomes.len() != job.candidates.len() {
            return Err(EngineError::Other(format!(
                "{}: it returned {} outcomes for {} candidates",
                self.0.label,
                outcomes.len(),
                job.candidates.len()
            )));
        }
        let mut floats = answer.floats.into_iter();
        outcomes
            .into_iter()
            .map(|outcome| self.put_weights(outcome, &mut floats))
            .collect()
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        let (payload, mut arrays) = run(graph, weights, features, placement);
        arrays.push(features_of(features));
        let answer = self
            .0
            .remote
            .invoke(wire::PREDICT, &payload, &arrays, None)
            .map_err(|fault| self.0.error(fault, EngineError::Other))?;
        let logits = answer.floats.into_iter().next();
        logits.ok_or_else(|| EngineError::Other(format!("{}: it returned no logits", self.0.label)))
    }

    fn evaluate(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        placement: &Placement,
    ) -> Result<Evaluation, EngineError> {
        let (payload, mut arrays) = run(graph, weights, rows.features, placement);
        arrays.extend(numbers_of(rows));
        let answer = self
            .0
            .remote
            .invoke(wire::EVALUATE, &payload, &arrays, None)
            .map_err(|fault| self.0.error(fault, EngineError::Other))?;
        self.0.read(&answer.payload).map_err(EngineError::Other)
    }

    fn score(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        metrics: &[ZeroCost],
        placement: &Placement,
    ) -> Result<Vec<f64>, EngineError> {
        let (run, mut arrays) = run_of(graph, weights, rows.features, placement);
        let score = Score {
            run,
            metrics: Cow::Borrowed(metrics),
        };
        arrays.extend(numbers_of(rows));
        let scores: Vec<f64> =
            self.0
                .call_with(wire::SCORE, &score, &arrays, EngineError::Other)?;
        match scores.len() == metrics.len() {
            true => Ok(scores),
            false => Err(EngineError::Other(format!(
                "{}: it returned {} scores for {} metrics",
                self.0.label,
                scores.len(),
                metrics.len()
            ))),
        }
    }
}

impl RemoteEngine {
    /// Puts the weights of an outcome, which came beside it, back into it.
    fn put_weights(
        &self,
        outcome: Outcome,
        floats: &mut impl Iterator<Item = Vec<f32>>,
    ) -> Result<TrainOutcome, EngineError> {
        let weights = wire::join(outcome.weights, floats)
            .map_err(|error| EngineError::Other(format!("{}: {error}", self.0.label)))?;
        let mut outcome = outcome.outcome;
        match &mut outcome {
            TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained) => {
                trained.weights = weights;
            }
            TrainOutcome::Failed { .. } => {}
        }
        Ok(outcome)
    }
}

fn run<'a>(
    graph: &'a Graph,
    weights: &'a Weights,
    features: FeatureRows<'a>,
    placement: &'a Placement,
) -> (Vec<u8>, Vec<Numbers<'a>>) {
    let (run, numbers) = run_of(graph, weights, features, placement);
    (wire::encode(&run), numbers)
}

fn run_of<'a>(
    graph: &'a Graph,
    weights: &'a Weights,
    features: FeatureRows<'a>,
    placement: &'a Placement,
) -> (Run<'a>, Vec<Numbers<'a>>) {
    let (facts, numbers) = wire::split(weights);
    let run = Run {
        graph: Cow::Borrowed(graph),
        weights: facts,
        placement: Cow::Borrowed(placement),
        normalize: normalize_of(features),
    };
    (run, numbers.into_iter().map(Numbers::Floats).collect())
}

fn numbers_of(rows: Rows<'_>) -> [Numbers<'_>; 2] {
    [features_of(rows.features), Numbers::Indices(rows.labels)]
}

fn features_of(features: FeatureRows<'_>) -> Numbers<'_> {
    match features {
        FeatureRows::Numbers(numbers) => Numbers::Floats(numbers),
        FeatureRows::Pixels { bytes, .. } => Numbers::Bytes(bytes),
    }
}

fn normalize_of(features: FeatureRows<'_>) -> Option<Cow<'_, Normalize>> {
    match features {
        FeatureRows::Numbers(_) => None,
        FeatureRows::Pixels { normalize, .. } => Some(Cow::Borrowed(normalize)),
    }
}

/// Hears an engine for an observer. What goes wrong while hearing waits for the end of the call,
/// since a panic must not unwind through the plugin.
struct Ear<'a> {
    observer: &'a dyn Observer,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    garbled: Mutex<Option<String>>,
}

impl<'a> Ear<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        Self {
            observer,
            panic: Mutex::new(None),
            garbled: Mutex::new(None),
        }
    }

    fn hear(&self, message: &[u8]) -> u32 {
        let (candidate, epoch): (usize, Epoch) = match wire::decode(message) {
            Ok(heard) => heard,
            Err(error) => {
                *self.garbled.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return STOP;
            }
        };
        match catch_unwind(AssertUnwindSafe(|| self.observer.epoch(candidate, &epoch))) {
            Ok(Verdict::Continue) => GO_ON,
            Ok(Verdict::Stop) => STOP,
            Err(payload) => {
                *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
                STOP
            }
        }
    }

    /// Ends the hearing: a panic of the observer goes on here, where it belongs.
    fn end(self) -> Result<(), EngineError> {
        if let Some(payload) = self
            .panic
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
        {
            resume_unwind(payload);
        }
        let garbled = self
            .garbled
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match garbled {
            Some(error) => Err(EngineError::Other(format!("unreadable epoch: {error}"))),
            None => Ok(()),
        }
    }
}
