//! The plainest way to train.

use crate::images::Augment;
use crate::recipe::{Keep, LrScheduler, Optimizer, Recipe};

/// A recipe of which tests and benchmarks say what differs: one epoch of Adam at a constant rate
/// of 0.01, in batches of 32, and nothing else switched on.
pub const PLAIN_RECIPE: Recipe = Recipe {
    max_epochs: 1,
    batch_size: 32,
    learning_rate: 0.01,
    lr_scheduler: LrScheduler::Constant,
    lr_step_epochs: None,
    lr_gamma: 1.0,
    warmup_epochs: 0.0,
    optimizer: Optimizer::Adam,
    weight_decay: 0.0,
    momentum: 0.0,
    nesterov: false,
    label_smoothing: 0.0,
    gradient_clip_norm: None,
    keep: Keep::Last,
    patience: None,
    log_every_n_steps: None,
    part: None,
    augment: Augment::NONE,
};
