//! What a study does where neither file nor command line says anything: every decision, in one
//! place.
//!
//! The study that runs without any file is `studies/jsc_width.toml`.

use firebrick_core::engine::ZeroCost;
use firebrick_core::formats::RangeMethod;
use firebrick_core::images::Augment;
use firebrick_core::inherit::Inherit;
use firebrick_core::objective::Direction;
use firebrick_core::recipe::{Keep, LrScheduler, Optimizer, Recipe};

use super::quantization::{Quantization, QuantizationMode};

/// The study that runs without a file: the seed's search, with objectives that can differ.
pub(super) const STUDY: &str = include_str!("../../../studies/jsc_width.toml");
/// What the study that runs without a file is called in messages.
pub(super) const STUDY_NAME: &str = "the built-in study";

pub(super) const MODEL: &str = "jsc-three-linear";
pub(super) const DATASET: &str = "jets-sim";
pub(super) const ENGINE: &str = "auto";
pub(super) const STRATEGY: &str = "tpe";
/// What candidates take over where a study names a checkpoint: as much as there is.
pub(super) const INHERIT: Inherit = Inherit::Net2net;
pub(super) const SEED: u64 = 0;
/// How networks with number formats are trained, and from how many training rows open formats are
/// chosen.
pub(super) const QUANTIZATION: Quantization = Quantization {
    mode: QuantizationMode::Qat,
    float_epochs: None,
    method: RangeMethod::Mse,
    samples: 1024,
};
/// How much of the numbers a range holds that is chosen by percentile.
pub(super) const PERCENTILE: f64 = 99.9;

/// The share of the rows that is kept for the end, where a data set has no test split of its own.
pub(super) const TEST_SHARE: f64 = 0.2;
/// The share of the rows that candidates are judged on.
pub(super) const VALIDATION_SHARE: f64 = 0.2;

pub(super) const N_TRIALS: u64 = 40;
/// How many candidates are asked for at a time. It is independent of `n_jobs`, so that the same
/// candidates are proposed however many train at a time.
pub(super) const POPULATION: usize = 4;

/// How networks are trained.
///
/// MASE's rate of 1e-5 hardly moves a network of this size in ten epochs; ours is the usual one of
/// Adam. MASE trains 20 epochs. After how many epochs steps fall is for the study to say: it
/// depends on how many there are.
pub(super) const RECIPE: Recipe = Recipe {
    max_epochs: 10,
    batch_size: 128,
    learning_rate: 1e-3,
    lr_scheduler: LrScheduler::Cosine,
    lr_step_epochs: None,
    lr_gamma: 0.1,
    warmup_epochs: 0.0,
    optimizer: Optimizer::Adam,
    weight_decay: 0.0,
    momentum: 0.9,
    nesterov: true,
    label_smoothing: 0.0,
    gradient_clip_norm: None,
    keep: Keep::Best,
    patience: None,
    log_every_n_steps: Some(50),
    part: None,
    augment: Augment::NONE,
};

/// What is wanted where a search names no metric.
pub(super) const METRICS: [(&str, Direction); 2] = [
    ("accuracy", Direction::Maximize),
    ("params", Direction::Minimize),
];

/// Returns the direction of a metric whose better side is not in doubt.
pub(super) fn direction(metric: &str) -> Option<Direction> {
    match metric {
        "accuracy" | "macro_accuracy" | "memory_density" | "size_density" => {
            Some(Direction::Maximize)
        }
        metric if ZeroCost::named(metric).is_some() => Some(Direction::Maximize),
        "loss" | "params" | "trainable_params" | "macs" | "flops" | "average_bitwidth" | "bops"
        | "bops_baskin" | "ebops" | "trained_ebops" | "finn_luts" | "finn_cycles"
        | "measured_latency" => Some(Direction::Minimize),
        // Bits, energy and time of any part.
        metric
            if ["_bits", "_pj", "_us"]
                .iter()
                .any(|end| metric.ends_with(end)) =>
        {
            Some(Direction::Minimize)
        }
        _ => None,
    }
}
