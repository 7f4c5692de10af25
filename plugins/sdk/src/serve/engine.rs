//! The plugin's side of an engine.

use bytemuck::{AnyBitPattern, NoUninit};
use firebrick_core::dataset::{FeatureRows, Rows};
use firebrick_core::engine::{Engine, Epoch, Observer, TrainJob, TrainOutcome, Verdict};
use firebrick_core::graph::Graph;
use firebrick_core::images::Normalize;
use firebrick_core::weights::Weights;

use super::{read, reply, unknown};
use crate::abi::{Array, Call, Listener, Reply};
use crate::door::{BYTES, FLOATS, GO_ON, INDICES};
use crate::fault::Fault;
use crate::wire::{self, Outcome, Run, Score, TensorFacts, Train};

pub(super) fn call_engine(
    engine: &dyn Engine,
    method: &str,
    call: &Call<'_>,
) -> Result<Reply, Fault> {
    match method {
        wire::DEVICES => Ok(reply(&engine.devices())),
        wire::ABSENT_DEVICES => Ok(reply(&engine.absent_devices())),
        wire::SUPPORTS => {
            let graph: Graph = read(&call.payload)?;
            let supported = engine.supports(&graph);
            Ok(reply(&supported.map_err(|error| Fault::item(&error))?))
        }
        wire::TRAIN => train(engine, call),
        wire::PREDICT => {
            let run: Run<'_> = read(&call.payload)?;
            let mut arrays = Arrays(call.arrays.iter());
            let weights = arrays.weights(run.weights)?;
            let features = arrays.features(run.normalize.as_deref())?;
            let logits = engine.predict(&run.graph, &weights, features, &run.placement);
            let mut reply = reply(&());
            reply.floats = vec![logits.map_err(|error| Fault::item(&error))?.into()].into();
            Ok(reply)
        }
        wire::EVALUATE => {
            let run: Run<'_> = read(&call.payload)?;
            let mut arrays = Arrays(call.arrays.iter());
            let weights = arrays.weights(run.weights)?;
            let rows = arrays.rows(run.normalize.as_deref())?;
            let evaluation = engine.evaluate(&run.graph, &weights, rows, &run.placement);
            Ok(reply(&evaluation.map_err(|error| Fault::item(&error))?))
        }
        wire::SCORE => {
            let Score { run, metrics } = read(&call.payload)?;
            let mut arrays = Arrays(call.arrays.iter());
            let weights = arrays.weights(run.weights)?;
            let rows = arrays.rows(run.normalize.as_deref())?;
            let scores = engine.score(&run.graph, &weights, rows, &metrics, &run.placement);
            Ok(reply(&scores.map_err(|error| Fault::item(&error))?))
        }
        _ => Err(unknown(method, "engine")),
    }
}

fn train(engine: &dyn Engine, call: &Call<'_>) -> Result<Reply, Fault> {
    let train: Train<'_> = read(&call.payload)?;
    let mut arrays = Arrays(call.arrays.iter());
    let rows = arrays.rows(train.normalize.as_deref())?;
    let validation = arrays.rows(train.normalize_validation.as_deref())?;
    let mut candidates = train.candidates.into_owned();
    if train.weights.len() != candidates.len() {
        let (found, expected) = (train.weights.len(), candidates.len());
        let text = format!("{expected} candidates come with {found} entries of weights");
        return Err(Fault::Protocol(text));
    }
    for (candidate, facts) in candidates.iter_mut().zip(train.weights) {
        candidate.weights = facts.map(|facts| arrays.weights(facts)).transpose()?;
    }
    let job = TrainJob {
        candidates: &candidates,
        train: rows,
        validation,
        recipe: &train.recipe,
        placement: &train.placement,
    };
    let observer = RemoteObserver(call.listener.into_option());
    let outcomes = engine.train(&job, &observer);
    let outcomes = outcomes.map_err(|error| Fault::item(&error))?;
    let mut floats = Vec::new();
    let outcomes: Vec<Outcome> = outcomes
        .into_iter()
        .map(|outcome| take_weights(outcome, &mut floats))
        .collect();
    let mut reply = reply(&outcomes);
    reply.floats = floats
        .into_iter()
        .map(Into::into)
        .collect::<Vec<_>>()
        .into();
    Ok(reply)
}

/// Moves the numbers of an outcome's weights to the end of the answer's arrays.
fn take_weights(mut outcome: TrainOutcome, floats: &mut Vec<Vec<f32>>) -> Outcome {
    let weights = match &mut outcome {
        TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained) => {
            std::mem::take(&mut trained.weights)
        }
        TrainOutcome::Failed { .. } => Weights::default(),
    };
    let mut facts = Vec::new();
    for (key, tensor) in weights.0 {
        facts.push(TensorFacts {
            key,
            shape: tensor.shape,
        });
        floats.push(tensor.data);
    }
    Outcome {
        outcome,
        weights: facts,
    }
}

/// The program's observer, heard through the door.
struct RemoteObserver<'a>(Option<Listener<'a>>);

impl Observer for RemoteObserver<'_> {
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
        let verdict = self.0.as_ref().map_or(GO_ON, |listener| {
            listener.tell(&wire::encode(&(candidate, epoch)))
        });
        // Any other number means stop, so that one of a later version does no harm.
        match verdict {
            GO_ON => Verdict::Continue,
            _ => Verdict::Stop,
        }
    }
}

/// The arrays of a call, taken in order.
struct Arrays<'a>(std::slice::Iter<'a, Array<'a>>);

impl<'a> Arrays<'a> {
    fn floats(&mut self) -> Result<&'a [f32], Fault> {
        self.numbers(FLOATS, "f32")
    }

    /// Takes features: bytes where it was said what they become, else numbers.
    fn features(&mut self, normalize: Option<&'a Normalize>) -> Result<FeatureRows<'a>, Fault> {
        Ok(match normalize {
            None => FeatureRows::Numbers(self.floats()?),
            Some(normalize) => FeatureRows::Pixels {
                bytes: self.numbers(BYTES, "u8")?,
                normalize,
            },
        })
    }

    fn rows(&mut self, normalize: Option<&'a Normalize>) -> Result<Rows<'a>, Fault> {
        let features = self.features(normalize)?;
        let labels = self.numbers(INDICES, "u32")?;
        Ok(Rows { features, labels })
    }

    fn weights(&mut self, facts: Vec<TensorFacts>) -> Result<Weights, Fault> {
        let arrays: Vec<&[f32]> = facts
            .iter()
            .map(|_| self.floats())
            .collect::<Result<_, _>>()?;
        wire::join(facts, &mut arrays.into_iter()).map_err(Fault::Protocol)
    }

    fn numbers<T: AnyBitPattern + NoUninit>(
        &mut self,
        kind: u32,
        name: &str,
    ) -> Result<&'a [T], Fault> {
        let wrong = || Fault::Protocol(format!("an array of {name} is missing in the call"));
        let array = self.0.next().filter(|array| array.kind == kind);
        let bytes = array.ok_or_else(wrong)?.bytes.as_slice();
        bytemuck::try_cast_slice(bytes).map_err(|_| wrong())
    }
}
