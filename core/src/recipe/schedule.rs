//! Which learning rate a step has.

use std::f64::consts::PI;

use super::{LrScheduler, Optimizer, Recipe};

/// The share of all steps in which `one_cycle` climbs.
const CLIMB: f64 = 0.3;
/// How many times the highest rate of `one_cycle` is its first one.
const FIRST: f64 = 25.0;
/// How many times the first rate of `one_cycle` is its last one.
const LAST: f64 = 1e4;

impl Recipe {
    /// Returns the learning rate of a step of an epoch, both counted from 0, where every epoch
    /// has `n_steps`.
    ///
    /// `constant`, `cosine` and `step` change from epoch to epoch, `one_cycle` from step to step
    /// over all epochs of the recipe. Warming up multiplies the rates of the first steps with
    /// equal parts of 1, up to 1: one `n`th in the first of `n` steps, never 0.
    ///
    /// # Source
    /// Cosine: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5, without restarts. One cycle:
    /// Smith and Topin, "Super-Convergence", 2018, <https://arxiv.org/abs/1708.07120>, in the form
    /// and with the constants of PyTorch's `OneCycleLR`; differs: the momentum stays. Step:
    /// PyTorch's `StepLR`. Warming up: Goyal et al., "Accurate, Large Minibatch SGD", 2017, section
    /// 2.2, <https://arxiv.org/abs/1706.02677>.
    pub fn learning_rate_at(&self, epoch: usize, step: usize, n_steps: usize) -> f64 {
        let rate = match self.lr_scheduler {
            LrScheduler::Constant => self.learning_rate,
            LrScheduler::Cosine => {
                let floor = match self.optimizer {
                    Optimizer::Adam | Optimizer::AdamW => 1e-6_f64.min(self.learning_rate),
                    Optimizer::Sgd => 0.0,
                };
                let progress = epoch as f64 / self.max_epochs as f64;
                along_cosine(self.learning_rate, floor, progress)
            }
            LrScheduler::Step => {
                // `check` refuses what has no such number.
                let every = self.lr_step_epochs.unwrap_or(usize::MAX).max(1);
                self.learning_rate * self.lr_gamma.powf((epoch / every) as f64)
            }
            LrScheduler::OneCycle => self.on_cycle(epoch, step, n_steps),
        };
        let n_warming = self.warmup_epochs * n_steps as f64;
        let nth = position(epoch, step, n_steps) + 1.0;
        // Also where nothing warms up.
        if nth >= n_warming {
            return rate;
        }
        rate * (nth / n_warming)
    }

    fn on_cycle(&self, epoch: usize, step: usize, n_steps: usize) -> f64 {
        let n_all = self.max_epochs as f64 * n_steps as f64;
        let at = position(epoch, step, n_steps);
        let first = self.learning_rate / FIRST;
        // The steps at which the rate is highest and lowest; the former is below 0 where there are
        // up to three.
        let (top, bottom) = (CLIMB * n_all - 1.0, n_all - 1.0);
        match at <= top {
            true => along_cosine(first, self.learning_rate, at / top),
            false => {
                let progress = (at - top) / (bottom - top);
                along_cosine(self.learning_rate, first / LAST, progress)
            }
        }
    }
}

/// Returns how many steps come before one of an epoch, both counted from 0.
fn position(epoch: usize, step: usize, n_steps: usize) -> f64 {
    epoch as f64 * n_steps as f64 + step as f64
}

/// Returns where half a cosine from one number to another is, 0 its start and 1 its end.
fn along_cosine(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * progress).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::super::tests::RECIPE;
    use super::*;

    const N_STEPS: usize = 4;

    /// Checks rates at steps, counted from 0 over all epochs.
    fn check(recipe: &Recipe, rates: &[(usize, f64)]) {
        for (at, expected) in rates {
            let rate = recipe.learning_rate_at(at / N_STEPS, at % N_STEPS, N_STEPS);
            let off = (rate - expected).abs();
            assert!(off < 1e-12 * expected.max(1e-3), "step {at}: {rate}");
        }
    }

    #[test]
    fn the_cosine_falls_as_in_pytorch() {
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
            for step in 0..N_STEPS {
                let rate = RECIPE.learning_rate_at(epoch, step, N_STEPS);
                assert!((rate - expected).abs() < 1e-12, "epoch {epoch}: {rate}");
            }
        }
        let sgd = Recipe {
            optimizer: Optimizer::Sgd,
            ..RECIPE
        };
        let middle = sgd.learning_rate_at(5, 0, N_STEPS);
        assert!((middle - 0.005).abs() < 1e-12, "down to 0");
        let tiny = Recipe {
            learning_rate: 1e-7,
            ..RECIPE
        };
        assert_eq!(tiny.learning_rate_at(9, 3, N_STEPS), 1e-7, "never up");
        let constant = Recipe {
            lr_scheduler: LrScheduler::Constant,
            ..RECIPE
        };
        assert_eq!(constant.learning_rate_at(9, 3, N_STEPS), 0.01);
    }

    #[test]
    fn steps_fall_as_in_pytorch() {
        // reference: PyTorch 2.15, `StepLR(SGD(lr=0.01), step_size=3, gamma=0.1)`, stepped once an
        // epoch, `param_groups[0]["lr"]` of each.
        let step = Recipe {
            lr_scheduler: LrScheduler::Step,
            lr_step_epochs: Some(3),
            lr_gamma: 0.1,
            ..RECIPE
        };
        let epochs = [0.01, 0.01, 0.01, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4, 1e-5];
        let rates: Vec<(usize, f64)> = (0..10 * N_STEPS)
            .map(|at| (at, epochs[at / N_STEPS]))
            .collect();
        check(&step, &rates);
    }

    #[test]
    fn one_cycle_climbs_and_falls_as_in_pytorch() {
        // reference: PyTorch 2.15, `OneCycleLR(SGD(lr=0.01, momentum=0.9), max_lr=0.01,
        // total_steps=40, cycle_momentum=False)`, stepped once a batch.
        let cycle = Recipe {
            lr_scheduler: LrScheduler::OneCycle,
            ..RECIPE
        };
        let rates = [
            (0, 0.0003999999999999993),
            (1, 0.0005944337266504118),
            (5, 0.00451688877628823),
            (11, 0.01),
            (12, 0.009968561175222016),
            (20, 0.007660169741935153),
            (39, 4e-08),
        ];
        check(&cycle, &rates);
    }

    #[test]
    fn one_cycle_of_few_steps_is_that_of_pytorch() {
        // reference: as above, with `total_steps` of 1, 2, 3 and 5.
        let cycles: [&[f64]; 4] = [
            &[4e-08],
            &[0.00811745653949763, 4e-08],
            &[0.009944154354509118, 0.00462637102666975, 4e-08],
            &[
                0.0003999999999999993,
                0.009504846320134737,
                0.0061126202193628925,
                0.00188258346050237,
                4e-08,
            ],
        ];
        let cycle = Recipe {
            lr_scheduler: LrScheduler::OneCycle,
            max_epochs: 1,
            ..RECIPE
        };
        for rates in cycles {
            for (step, expected) in rates.iter().enumerate() {
                let rate = cycle.learning_rate_at(0, step, rates.len());
                assert!((rate - expected).abs() < 1e-15, "step {step}: {rate}");
            }
        }
    }

    #[test]
    fn warming_up_climbs_by_the_step_as_in_pytorch() {
        // reference: PyTorch 2.15, `LambdaLR(SGD(lr=0.01), lambda step: min(1, (step + 1) / 6))`,
        // stepped once a batch.
        let warming = Recipe {
            lr_scheduler: LrScheduler::Constant,
            warmup_epochs: 1.5,
            ..RECIPE
        };
        let rates = [
            (0, 0.0016666666666666666),
            (1, 0.003333333333333333),
            (4, 0.008333333333333333),
            (5, 0.01),
            (7, 0.01),
        ];
        check(&warming, &rates);
    }

    #[test]
    fn warming_up_ends_on_the_schedule() {
        let warming = Recipe {
            warmup_epochs: 2.0,
            ..RECIPE
        };
        let rate = |recipe: &Recipe, epoch, step| recipe.learning_rate_at(epoch, step, N_STEPS);
        assert_eq!(rate(&warming, 1, 2), rate(&RECIPE, 1, 2) * 0.875);
        for epoch in 2..10 {
            assert_eq!(rate(&warming, epoch, 1), rate(&RECIPE, epoch, 1));
        }
    }
}
