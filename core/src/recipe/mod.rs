//! How a network is trained.

mod schedule;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::images::Augment;

/// The most pixels that pictures are moved or blotted out by.
const PIXELS_MAX: usize = 1 << 15;

/// How a network is trained. Defaults are decided where studies are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How often every row is read, at least 1.
    pub max_epochs: usize,
    /// Rows a step; the last batch of an epoch may differ, see [`Recipe::batches`].
    pub batch_size: usize,
    /// The highest learning rate: that of the first step, unless the rate warms up or `one_cycle`
    /// climbs to it.
    pub learning_rate: f64,
    /// How the rate changes, see [`Recipe::learning_rate_at`].
    pub lr_scheduler: LrScheduler,
    /// After how many epochs `step` lowers the rate, again and again; others need none.
    #[serde(default)]
    pub lr_step_epochs: Option<usize>,
    /// What `step` multiplies the rate with each time.
    #[serde(default = "one")]
    pub lr_gamma: f64,
    /// Over how many epochs, whole or not, the rate climbs to that of the schedule first; 0 means
    /// not at all.
    #[serde(default)]
    pub warmup_epochs: f64,
    /// What makes a step of a gradient.
    pub optimizer: Optimizer,
    /// L2 for `adam` and `sgd` (added to the gradient), decoupled for `adamw`; on all that is trained
    /// but the learned steps of number formats.
    pub weight_decay: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Whether `sgd` uses Nesterov's momentum.
    pub nesterov: bool,
    /// Which share of the target is spread evenly over all classes in training, in `0.0..1.0`: the
    /// target of class `k` is `(1 - s) * (k is the label) + s / n_classes`, as in PyTorch's
    /// `CrossEntropyLoss(label_smoothing=s)`. What judges a network is not smoothed.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The most that the L2 norm of a step's gradient may be, over all that is trained; absent
    /// means any. See [`clip_factor`].
    #[serde(default)]
    pub gradient_clip_norm: Option<f64>,
    /// Which epoch's weights are kept.
    pub keep: Keep,
    /// After how many epochs without a better validation loss training ends; absent means never.
    pub patience: Option<usize>,
    /// Every how many steps the loss of a batch is kept; absent means never.
    pub log_every_n_steps: Option<usize>,
    /// Which epochs, counted from 0, a call trains, the end not among them; absent means all. The
    /// learning rate, the order of rows and what is reported are those of these epochs in the whole
    /// recipe, while the moments of an optimiser start at zero.
    #[serde(default)]
    pub part: Option<(usize, usize)>,
    /// What changes pictures before they are trained on; rows of numbers have no such changes.
    #[serde(default)]
    pub augment: Augment,
}

/// What makes a step of a gradient, with PyTorch's constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Kingma and Ba 2015: betas 0.9 and 0.999, eps 1e-8.
    Adam,
    /// Loshchilov and Hutter 2019: Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

/// How the learning rate changes from epoch to epoch, or from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrScheduler {
    /// It does not.
    Constant,
    /// Half a cosine down to 1e-6 (`adam`, `adamw`) or 0 (`sgd`), as MASE anneals. A rate that is
    /// lower from the start stays.
    Cosine,
    /// Multiplied with `lr_gamma` every `lr_step_epochs` epochs.
    Step,
    /// Step by step up to the rate of the recipe and down to next to nothing, once.
    OneCycle,
}

/// Which epoch's weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The epoch with the least validation loss.
    Best,
    /// The last epoch.
    Last,
}

impl Recipe {
    /// Returns which rows of an epoch's order each step reads, in order.
    ///
    /// A last batch of a single row joins the batch before it, because batch normalisation can't
    /// take the variance of one row; only where batches are of one row anyway does it stay alone.
    /// Every engine cuts an epoch like this, whatever the network, so that two engines see the
    /// same batches.
    pub fn batches(&self, n_rows: usize) -> Vec<Range<usize>> {
        let mut batches: Vec<Range<usize>> = (0..n_rows)
            .step_by(self.batch_size.max(1))
            .map(|start| start..n_rows.min(start + self.batch_size.max(1)))
            .collect();
        if self.batch_size > 1
            && batches.len() > 1
            && batches.pop_if(|last| last.len() == 1).is_some()
            && let Some(last) = batches.last_mut()
        {
            last.end = n_rows;
        }
        batches
    }

    /// Returns the epochs that a call trains, counted from 0.
    pub fn epochs(&self) -> Range<usize> {
        let (start, end) = self.part.unwrap_or((0, self.max_epochs));
        start..end
    }

    /// Returns what makes no sense about the recipe: the name of the key and the reason.
    ///
    /// # Errors
    /// The first key that is out of range.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let at_least_one = |key, value: usize| match value {
            0 => Err((key, "must be at least 1".to_owned())),
            _ => Ok(()),
        };
        let in_range = |key, value: f64, fits: bool, range: &str| match fits {
            false => Err((key, format!("must be {range}, is {value}"))),
            true => Ok(()),
        };
        let (rate, decay, momentum) = (self.learning_rate, self.weight_decay, self.momentum);
        let (gamma, warmup, smoothing) = (self.lr_gamma, self.warmup_epochs, self.label_smoothing);
        let clip = self.gradient_clip_norm.unwrap_or(1.0);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let not_negative = |value: f64| value >= 0.0 && value.is_finite();
        let share = |value: f64| (0.0..1.0).contains(&value);
        let (above, from, below) = (
            "above 0 and finite",
            "at least 0 and finite",
            "at least 0 and below 1",
        );
        at_least_one("max_epochs", self.max_epochs)?;
        at_least_one("batch_size", self.batch_size)?;
        at_least_one("patience", self.patience.unwrap_or(1))?;
        at_least_one("log_every_n_steps", self.log_every_n_steps.unwrap_or(1))?;
        at_least_one("lr_step_epochs", self.lr_step_epochs.unwrap_or(1))?;
        if let Some((start, end)) = self.part
            && !(start < end && end <= self.max_epochs)
        {
            let whole = self.max_epochs;
            let reason = format!("must be some of the {whole} epochs, is {start} to {end}");
            return Err(("part", reason));
        }
        for (key, pixels) in [
            ("augment.crop", self.augment.crop),
            ("augment.cutout", self.augment.cutout),
        ] {
            // Larger than any picture, and what is computed of it fits.
            if pixels > PIXELS_MAX {
                return Err((key, format!("must be at most {PIXELS_MAX}, is {pixels}")));
            }
        }
        in_range("learning_rate", rate, positive(rate), above)?;
        in_range("lr_gamma", gamma, positive(gamma), above)?;
        in_range("warmup_epochs", warmup, not_negative(warmup), from)?;
        in_range("weight_decay", decay, not_negative(decay), from)?;
        in_range("momentum", momentum, share(momentum), below)?;
        in_range("label_smoothing", smoothing, share(smoothing), below)?;
        in_range("gradient_clip_norm", clip, positive(clip), above)?;
        match self.lr_scheduler {
            LrScheduler::Step if self.lr_step_epochs.is_none() => Err((
                "lr_step_epochs",
                "is needed where `lr_scheduler` is `step`".to_owned(),
            )),
            LrScheduler::OneCycle if warmup > 0.0 => Err((
                "warmup_epochs",
                "must be 0, since a warm-up is part of `one_cycle`".to_owned(),
            )),
            _ => Ok(()),
        }
    }
}

/// Returns what a step's gradient is multiplied with so that its L2 norm, over all that is trained,
/// is at most `max_norm`.
///
/// It is applied before weight decay. A norm that is no number gives a factor that is none.
///
/// # Source
/// Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML
/// 2013, algorithm 1, with the 1e-6 of PyTorch's `clip_grad_norm_`.
pub fn clip_factor(max_norm: f64, norm: f64) -> f64 {
    let factor = max_norm / (norm + 1e-6);
    // Not `min`, which would make 1 of what is no number.
    if factor >= 1.0 { 1.0 } else { factor }
}

/// What changes nothing as a factor.
fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PLAIN_RECIPE;

    pub(super) const RECIPE: Recipe = Recipe {
        max_epochs: 10,
        batch_size: 4,
        lr_scheduler: LrScheduler::Cosine,
        ..PLAIN_RECIPE
    };

    #[test]
    fn a_last_batch_of_one_row_joins_the_one_before() {
        let recipe = |batch_size| Recipe {
            batch_size,
            ..RECIPE
        };
        assert_eq!(recipe(4).batches(10), [0..4, 4..8, 8..10]);
        assert_eq!(recipe(4).batches(9), [0..4, 4..9]);
        assert_eq!(recipe(4).batches(8), [0..4, 4..8]);
        assert_eq!(recipe(1).batches(3), [0..1, 1..2, 2..3]);
        assert_eq!(
            recipe(4).batches(1),
            std::iter::once(0..1).collect::<Vec<_>>()
        );
        assert_eq!(recipe(4).batches(0), []);
    }

    #[test]
    fn clips_as_pytorch_does() {
        // reference: `p.grad = torch.tensor([3.0, 4.0], dtype=torch.float64);
        // clip_grad_norm_([p], max); print(p.grad[0] / 3)`, PyTorch 2.15.
        let factors = [
            (1.0, 0.199_999_960_000_008),
            (5.0, 0.999_999_800_000_04),
            (6.0, 1.0),
        ];
        for (max_norm, expected) in factors {
            let factor = clip_factor(max_norm, 5.0);
            assert!((factor - expected).abs() < 1e-15, "{max_norm}: {factor}");
        }
        assert_eq!(clip_factor(1.0, 0.0), 1.0);
        assert_eq!(clip_factor(1.0, f64::INFINITY), 0.0);
        assert!(clip_factor(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn says_which_key_is_out_of_range() {
        let reason = |change: fn(&mut Recipe)| {
            let mut recipe = RECIPE;
            change(&mut recipe);
            let (key, reason) = recipe.check().unwrap_err();
            format!("`{key}` {reason}")
        };
        let reasons = [
            reason(|recipe| recipe.lr_step_epochs = Some(0)),
            reason(|recipe| recipe.lr_gamma = 0.0),
            reason(|recipe| recipe.warmup_epochs = -1.0),
            reason(|recipe| recipe.warmup_epochs = f64::INFINITY),
            reason(|recipe| recipe.label_smoothing = 1.0),
            reason(|recipe| recipe.label_smoothing = f64::NAN),
            reason(|recipe| recipe.gradient_clip_norm = Some(0.0)),
            reason(|recipe| recipe.augment.crop = usize::MAX),
            reason(|recipe| recipe.augment.cutout = PIXELS_MAX + 1),
            reason(|recipe| recipe.part = Some((3, 3))),
            reason(|recipe| recipe.part = Some((0, 11))),
            reason(|recipe| recipe.lr_scheduler = LrScheduler::Step),
            reason(|recipe| {
                recipe.lr_scheduler = LrScheduler::OneCycle;
                recipe.warmup_epochs = 0.5;
            }),
        ];
        insta::assert_snapshot!(reasons.join("\n"), @r"
        `lr_step_epochs` must be at least 1
        `lr_gamma` must be above 0 and finite, is 0
        `warmup_epochs` must be at least 0 and finite, is -1
        `warmup_epochs` must be at least 0 and finite, is inf
        `label_smoothing` must be at least 0 and below 1, is 1
        `label_smoothing` must be at least 0 and below 1, is NaN
        `gradient_clip_norm` must be above 0 and finite, is 0
        `augment.crop` must be at most 32768, is 18446744073709551615
        `augment.cutout` must be at most 32768, is 32769
        `part` must be some of the 10 epochs, is 3 to 3
        `part` must be some of the 10 epochs, is 0 to 11
        `lr_step_epochs` is needed where `lr_scheduler` is `step`
        `warmup_epochs` must be 0, since a warm-up is part of `one_cycle`
        ");
        assert_eq!(RECIPE.check(), Ok(()));
        let last = Recipe {
            part: Some((9, 10)),
            ..RECIPE
        };
        assert_eq!(last.check(), Ok(()));
        assert_eq!((last.epochs(), RECIPE.epochs()), (9..10, 0..10));
    }

    #[test]
    fn a_recipe_from_before_its_newest_keys_can_be_read() {
        let mut old = serde_json::to_value(RECIPE).unwrap();
        let keys = [
            "lr_step_epochs",
            "lr_gamma",
            "warmup_epochs",
            "label_smoothing",
            "gradient_clip_norm",
        ];
        for key in keys {
            assert!(old.as_object_mut().unwrap().remove(key).is_some(), "{key}");
        }
        assert_eq!(serde_json::from_value::<Recipe>(old).unwrap(), RECIPE);
    }
}
