//! The contract suite notices engines that break it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use firebrick_core::calibration::in_float;
use firebrick_core::dataset::{FeatureRows, Rows};
use firebrick_core::engine::{Candidate, Epoch, Silent, Verdict, ZeroCost};
use firebrick_core::formats::Layout;
use firebrick_core::images::Augment;
use firebrick_core::testing::check_engine;

use super::*;

/// The engine `burn`, but for one promise that it breaks.
struct Broken(Promise);

#[derive(Clone, Copy, PartialEq)]
enum Promise {
    Seed,
    Verdict,
    Neighbours,
    Predictions,
    Rows,
    NotANumber,
    Scores,
    Pictures,
    Augment,
    Occasion,
    Part,
    Formats,
    FloatWeights,
}

impl Engine for Broken {
    fn devices(&self) -> Vec<Device> {
        BurnEngine::cpu().devices()
    }

    fn supports(&self, graph: &Graph) -> Result<(), EngineError> {
        BurnEngine::cpu().supports(graph)
    }

    fn train(
        &self,
        job: &TrainJob<'_>,
        observer: &dyn Observer,
    ) -> Result<Vec<TrainOutcome>, EngineError> {
        struct Deaf<'a>(&'a dyn Observer);
        impl Observer for Deaf<'_> {
            fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
                self.0.epoch(candidate, epoch);
                Verdict::Continue
            }
        }
        let engine = BurnEngine::cpu();
        let mut candidates = job.candidates.to_vec();
        for (position, candidate) in candidates.iter_mut().enumerate() {
            match self.0 {
                Promise::Seed => candidate.seed = 1,
                Promise::Neighbours => candidate.seed += position as u64,
                _ => {}
            }
        }
        let mut recipe = job.recipe.clone();
        match self.0 {
            Promise::Augment => recipe.augment = Augment::NONE,
            Promise::Part if recipe.part.is_some() => {
                recipe.part = Some((0, recipe.epochs().len()));
            }
            Promise::Occasion if recipe.augment != Augment::NONE => recipe.augment.crop += 1,
            _ => {}
        }
        let job = TrainJob {
            candidates: &candidates,
            recipe: &recipe,
            ..*job
        };
        let outcomes = match self.0 {
            Promise::Verdict => engine.train(&job, &Deaf(observer)),
            _ => engine.train(&job, observer),
        };
        match (self.0, outcomes) {
            (Promise::Rows, Err(EngineError::Rows(_))) => Ok(vec![TrainOutcome::Failed {
                reason: "rows".to_owned(),
            }]),
            (Promise::NotANumber, Ok(mut outcomes)) => {
                let calm = Candidate {
                    weights: None,
                    ..candidates[0].clone()
                };
                let recipe = firebrick_core::recipe::Recipe {
                    learning_rate: 1e-3,
                    ..job.recipe.clone()
                };
                for outcome in &mut outcomes {
                    if matches!(outcome, TrainOutcome::Failed { .. }) {
                        let job = TrainJob {
                            candidates: std::slice::from_ref(&calm),
                            recipe: &recipe,
                            ..job
                        };
                        *outcome = engine.train(&job, &Silent)?.remove(0);
                    }
                }
                Ok(outcomes)
            }
            (Promise::FloatWeights, Ok(mut outcomes)) => {
                for (outcome, candidate) in outcomes.iter_mut().zip(&candidates) {
                    if let TrainOutcome::Trained(trained) = outcome {
                        trained.weights = as_stored(&candidate.graph, &trained.weights);
                    }
                }
                Ok(outcomes)
            }
            (_, outcomes) => outcomes,
        }
    }

    fn predict(
        &self,
        graph: &Graph,
        weights: &Weights,
        features: FeatureRows<'_>,
        placement: &Placement,
    ) -> Result<Vec<f32>, EngineError> {
        let float = in_float(graph);
        let (graph, weights) = match self.0 {
            Promise::Formats => (&float, &weights.for_graph(&float)),
            _ => (graph, weights),
        };
        let mut logits = BurnEngine::cpu().predict(graph, weights, features, placement)?;
        let is_picture = matches!(features, FeatureRows::Pixels { .. });
        if self.0 == Promise::Predictions || (self.0 == Promise::Pictures && is_picture) {
            logits[0] += 0.1;
        }
        Ok(logits)
    }

    fn score(
        &self,
        graph: &Graph,
        weights: &Weights,
        rows: Rows<'_>,
        metrics: &[ZeroCost],
        placement: &Placement,
    ) -> Result<Vec<f64>, EngineError> {
        let scores = BurnEngine::cpu().score(graph, weights, rows, metrics, placement)?;
        let broken = |score| match self.0 {
            Promise::Scores => score + 0.1,
            _ => score,
        };
        Ok(scores.into_iter().map(broken).collect())
    }
}

/// Returns the weights of layers as they are stored.
fn as_stored(graph: &Graph, weights: &Weights) -> Weights {
    let mut weights = weights.clone();
    for node in graph.nodes() {
        let format = node.annotations.formats.get("weight");
        let tensor = weights.0.get_mut(&format!("{}.weight", node.name));
        if let (Op::Linear { .. }, Some(format), Some(tensor)) = (&node.op, format, tensor) {
            let format = Quantizer::of(format, Some(1.0)).unwrap();
            let (x, layout) = (tensor.data.clone(), Layout::of_tensor(&tensor.shape));
            format.quantize(&x, layout, &mut tensor.data);
        }
    }
    weights
}

#[test]
fn each_broken_promise_is_noticed() {
    for (promise, complaint) in [
        (Promise::Seed, "another seed, other weights"),
        (Promise::Verdict, "heard epoch by epoch"),
        (Promise::Neighbours, "others change nothing"),
        (Promise::Predictions, "predictions of the kept weights"),
        (Promise::Rows, "are refused"),
        (Promise::NotANumber, "a loss that is no number fails"),
        (Promise::Scores, "by hand"),
        (Promise::Pictures, "pictures are judged as the numbers"),
        (Promise::Augment, "changed pictures, other weights"),
        (
            Promise::Occasion,
            "changed by the seed, the epoch and the row",
        ),
        (Promise::Part, "numbers, rates, rows and steps of the whole"),
        (Promise::Formats, "the reference has"),
        (Promise::FloatWeights, "stays in float32"),
    ] {
        let check = || check_engine(&Broken(promise));
        let panic = catch_unwind(AssertUnwindSafe(check)).expect_err(complaint);
        let message = panic_message(&*panic);
        assert!(message.contains(complaint), "{complaint}: {message}");
    }
}
