//! How a network is trained.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::images::Augment;

/// How a network is trained. Defaults are decided where studies are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How often every row is read, at least 1.
    pub max_epochs: usize,
    /// Rows a step; the last batch of an epoch may differ, see [`Recipe::batches`].
    pub batch_size: usize,
    /// The learning rate of the first epoch.
    pub learning_rate: f64,
    /// How the rate changes from epoch to epoch.
    pub lr_scheduler: LrScheduler,
    /// What makes a step of a gradient.
    pub optimizer: Optimizer,
    /// L2 for `adam` and `sgd` (added to the gradient), decoupled for `adamw`.
    pub weight_decay: f64,
    /// Momentum of `sgd`.
    pub momentum: f64,
    /// Whether `sgd` uses Nesterov's momentum.
    pub nesterov: bool,
    /// Which epoch's weights are kept.
    pub keep: Keep,
    /// After how many epochs without a better validation loss training ends; absent means never.
    pub patience: Option<usize>,
    /// Every how many steps the loss of a batch is kept; absent means never.
    pub log_every_n_steps: Option<usize>,
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

/// How the learning rate changes from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrScheduler {
    /// It does not.
    Constant,
    /// Half a cosine down to 1e-6 (`adam`, `adamw`) or 0 (`sgd`), as MASE anneals. A rate that is
    /// lower from the start stays.
    Cosine,
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
    /// Returns the learning rate of an epoch, counted from 0.
    ///
    /// # Source
    /// Cosine: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5, without restarts.
    pub fn learning_rate_at(&self, epoch: usize) -> f64 {
        match self.lr_scheduler {
            LrScheduler::Constant => self.learning_rate,
            LrScheduler::Cosine => {
                let floor = match self.optimizer {
                    Optimizer::Adam | Optimizer::AdamW => 1e-6_f64.min(self.learning_rate),
                    Optimizer::Sgd => 0.0,
                };
                let progress = epoch as f64 / self.max_epochs as f64;
                let cosine = (std::f64::consts::PI * progress).cos();
                floor + (self.learning_rate - floor) * (1.0 + cosine) / 2.0
            }
        }
    }

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
        at_least_one("max_epochs", self.max_epochs)?;
        at_least_one("batch_size", self.batch_size)?;
        at_least_one("patience", self.patience.unwrap_or(1))?;
        at_least_one("log_every_n_steps", self.log_every_n_steps.unwrap_or(1))?;
        in_range(
            "learning_rate",
            rate,
            rate > 0.0 && rate.is_finite(),
            "above 0 and finite",
        )?;
        in_range(
            "weight_decay",
            decay,
            decay >= 0.0 && decay.is_finite(),
            "at least 0 and finite",
        )?;
        in_range(
            "momentum",
            momentum,
            (0.0..1.0).contains(&momentum),
            "at least 0 and below 1",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: Recipe = Recipe {
        max_epochs: 10,
        batch_size: 4,
        learning_rate: 0.01,
        lr_scheduler: LrScheduler::Cosine,
        optimizer: Optimizer::Adam,
        weight_decay: 0.0,
        momentum: 0.0,
        nesterov: false,
        keep: Keep::Last,
        patience: None,
        log_every_n_steps: None,
        augment: Augment::NONE,
    };

    #[test]
    fn the_rate_falls_as_in_pytorch() {
        // reference: the recursion of PyTorch's `CosineAnnealingLR(T_max=10, eta_min=1e-6)`,
        // stepped once an epoch.
        let rates = [
            (0, 0.01),
            (1, 0.00975530705322),
            (3, 0.00793913236884),
            (5, 0.0050005),
            (9, 0.00024569294678),
        ];
        for (epoch, expected) in rates {
            let rate = RECIPE.learning_rate_at(epoch);
            assert!((rate - expected).abs() < 1e-12, "epoch {epoch}: {rate}");
        }
        let sgd = Recipe {
            optimizer: Optimizer::Sgd,
            ..RECIPE
        };
        assert!((sgd.learning_rate_at(5) - 0.005).abs() < 1e-12, "down to 0");
        let tiny = Recipe {
            learning_rate: 1e-7,
            ..RECIPE
        };
        assert_eq!(tiny.learning_rate_at(9), 1e-7, "never up");
        let constant = Recipe {
            lr_scheduler: LrScheduler::Constant,
            ..RECIPE
        };
        assert_eq!(constant.learning_rate_at(9), 0.01);
    }

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
}
