//! What crosses the door: methods, and the bytes of their arguments and answers.
//!
//! Structured data is MessagePack with named fields, so that a field with a default can be added
//! without breaking either side. Numbers by the million do not go through here: they cross as
//! borrowed arrays beside the bytes, and come back as arrays.

use std::borrow::Cow;

use firebrick_core::Json;
use firebrick_core::engine::{Candidate, Placement, TrainOutcome, ZeroCost};
use firebrick_core::graph::Graph;
use firebrick_core::images::Normalize;
use firebrick_core::pass::{Choice, Info, Role};
use firebrick_core::recipe::Recipe;
use firebrick_core::registry::Kind;
use firebrick_core::strategy::Study;
use firebrick_core::weights::{Tensor, Weights};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a model, pass or engine says about itself once it is made.
pub const DESCRIBE: &str = "describe";
/// [`Build`] → [`Graph`] of a model.
pub const BUILD: &str = "build";
/// [`Apply`] → [`Applied`] of a pass.
pub const APPLY: &str = "apply";
/// Trial numbers → params of a strategy.
pub const ASK: &str = "ask";
/// Trials → nothing, of a strategy.
pub const TELL: &str = "tell";
/// Nothing → devices of an engine.
pub const DEVICES: &str = "devices";
/// Nothing → absent devices of an engine.
pub const ABSENT_DEVICES: &str = "absent_devices";
/// [`Graph`] → nothing, of an engine.
pub const SUPPORTS: &str = "supports";
/// [`Train`] → [`Outcome`]s of an engine; arrays: rows to train on (features as numbers or bytes,
/// labels), rows to judge on, weights.
pub const TRAIN: &str = "train";
/// [`Run`] → one array of logits; arrays: weights, features.
pub const PREDICT: &str = "predict";
/// [`Run`] → evaluation; arrays: weights, features, labels.
pub const EVALUATE: &str = "evaluate";
/// [`Score`] → one f64 a metric; arrays: weights, features, labels.
pub const SCORE: &str = "score";

/// Returns the bytes of a value.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("plain data in memory can be written")
}

/// Reads the bytes of a value.
///
/// # Errors
/// What does not fit, as text.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
}

/// Returns the number that stands for a kind at the boundary.
pub(crate) fn kind_code(kind: Kind) -> u32 {
    match kind {
        Kind::Model => 0,
        Kind::Pass => 1,
        Kind::Strategy => 2,
        Kind::Engine => 3,
    }
}

/// What a model says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct ModelFacts {
    /// See `Model::base_width`.
    pub base_width: usize,
}

/// What a pass says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct PassFacts {
    /// See `Pass::role`.
    pub role: Role,
    /// See `Pass::choices`.
    pub choices: Vec<Choice>,
}

/// Asks a model for a graph.
#[derive(Debug, Serialize, Deserialize)]
pub struct Build<'a> {
    /// The arguments.
    pub args: Cow<'a, Json>,
    /// The shape of the input, without the batch.
    pub input_shape: Cow<'a, [usize]>,
    /// The number of classes.
    pub n_classes: usize,
}

/// Applies a pass.
#[derive(Debug, Serialize, Deserialize)]
pub struct Apply<'a> {
    /// The base graph.
    pub graph: Cow<'a, Graph>,
    /// The arguments.
    pub args: Cow<'a, Json>,
}

/// What a pass made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The graph; absent means the base, unchanged, which then need not cross twice.
    #[serde(default)]
    pub graph: Option<Graph>,
    /// What was measured.
    pub info: Info,
}

/// Makes a strategy.
#[derive(Debug, Serialize, Deserialize)]
pub struct MakeStrategy<'a> {
    /// The study that it serves.
    pub study: Cow<'a, Study>,
    /// The settings.
    pub settings: Cow<'a, Json>,
}

/// Trains candidates.
#[derive(Debug, Serialize, Deserialize)]
pub struct Train<'a> {
    /// The candidates, their weights left out.
    pub candidates: Cow<'a, [Candidate]>,
    /// The tensors that each starts from, if it has some; their numbers are the arrays.
    pub weights: Vec<Option<Vec<TensorFacts>>>,
    /// How to train.
    pub recipe: Cow<'a, Recipe>,
    /// Where to train.
    pub placement: Cow<'a, Placement>,
    /// What the bytes of rows to train on become, if these are pictures.
    #[serde(default)]
    pub normalize: Option<Cow<'a, Normalize>>,
    /// The same of rows to judge on.
    #[serde(default)]
    pub normalize_validation: Option<Cow<'a, Normalize>>,
}

/// How the training of one candidate ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The outcome, its weights left out.
    pub outcome: TrainOutcome,
    /// The tensors that were trained; their numbers are the next arrays of the answer.
    pub weights: Vec<TensorFacts>,
}

/// Runs a trained graph.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run<'a> {
    /// The graph.
    pub graph: Cow<'a, Graph>,
    /// Its tensors; their numbers are the arrays.
    pub weights: Vec<TensorFacts>,
    /// Where to run.
    pub placement: Cow<'a, Placement>,
    /// What the bytes of the rows become, if these are pictures.
    #[serde(default)]
    pub normalize: Option<Cow<'a, Normalize>>,
}

/// Scores a graph that is not trained.
#[derive(Debug, Serialize, Deserialize)]
pub struct Score<'a> {
    /// The graph, its tensors and rows, and where to run.
    pub run: Run<'a>,
    /// What is asked for.
    pub metrics: Cow<'a, [ZeroCost]>,
}

/// A tensor without its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorFacts {
    /// The key.
    pub key: String,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
}

/// Returns the facts and the numbers of weights, in one order.
pub fn split(weights: &Weights) -> (Vec<TensorFacts>, Vec<&[f32]>) {
    let facts = |(key, tensor): (&String, &Tensor)| TensorFacts {
        key: key.clone(),
        shape: tensor.shape.clone(),
    };
    let numbers = weights.0.values().map(|tensor| tensor.data.as_slice());
    (weights.0.iter().map(facts).collect(), numbers.collect())
}

/// Puts weights together from facts and as many of the arrays as these need.
///
/// # Errors
/// If there are fewer arrays than facts, or an array has not as many numbers as its shape says.
pub fn join<N: Into<Vec<f32>>>(
    facts: Vec<TensorFacts>,
    arrays: &mut impl Iterator<Item = N>,
) -> Result<Weights, String> {
    let mut weights = Weights::default();
    for TensorFacts { key, shape } in facts {
        let data: Vec<f32> = match arrays.next() {
            Some(data) => data.into(),
            None => return Err(format!("the numbers of tensor `{key}` are missing")),
        };
        // A plugin may send any shape, so the product may not fit.
        let size = shape
            .iter()
            .try_fold(1_usize, |size, n| size.checked_mul(*n));
        if size != Some(data.len()) {
            let found = data.len();
            return Err(format!(
                "tensor `{key}` of shape {shape:?} has {found} numbers"
            ));
        }
        weights.0.insert(key, Tensor { shape, data });
    }
    Ok(weights)
}

#[cfg(test)]
#[path = "wire/tests.rs"]
mod tests;
