//! Steps along the gradient, as PyTorch takes them.

use burn::tensor::Tensor;
use firebrick_core::recipe::{Optimizer as Kind, Recipe, clip_factor};

use crate::ops::on_host;
use crate::parameters::shares::Shares;
use crate::parameters::{Parameters, numbers};

/// PyTorch's constants of Adam.
const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// What of the parameters decays, and how fast.
#[derive(Debug)]
struct Decay {
    rate: f64,
    /// 1 for each number that decays, 0 for the others; absent where all do.
    of: Option<Tensor<1>>,
}

/// An optimiser with its state, over all that is trained in one vector, of one candidate or of a
/// stack of them.
#[derive(Debug)]
pub(crate) struct Optimizer {
    kind: Kind,
    shares: Shares,
    decay: Decay,
    momentum: f64,
    nesterov: bool,
    clip_norm: Option<f64>,
    n_steps: i32,
    /// Adam's mean of gradients, or the velocity of SGD.
    first: Option<Tensor<1>>,
    /// Adam's mean of squared gradients.
    second: Option<Tensor<1>>,
}

impl Optimizer {
    /// Returns the optimiser of a recipe before its first step.
    ///
    /// All that is trained decays, as PyTorch has it where all parameters are in one group, but for
    /// the learned steps of number formats: a step is no weight, and smaller ones clip more numbers.
    pub(crate) fn new(recipe: &Recipe, parameters: &Parameters) -> Self {
        Self {
            kind: recipe.optimizer,
            shares: parameters.shares().clone(),
            decay: Decay {
                rate: recipe.weight_decay,
                of: parameters.decaying(),
            },
            momentum: recipe.momentum,
            nesterov: recipe.nesterov,
            clip_norm: recipe.gradient_clip_norm,
            n_steps: 0,
            first: None,
            second: None,
        }
    }

    /// Keeps the state of some candidates, in their order.
    pub(crate) fn keep(&mut self, candidates: &[usize]) {
        for state in [&mut self.first, &mut self.second, &mut self.decay.of] {
            *state = state.take().map(|of| self.shares.of(of, candidates));
        }
        self.shares.shrink(candidates.len());
    }

    /// Returns the parameters after a step along the gradient, clipped as the recipe says.
    pub(crate) fn step(
        &mut self,
        parameters: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) -> Tensor<1> {
        self.n_steps = self.n_steps.saturating_add(1);
        let gradient = match self.clip_norm {
            Some(max_norm) => self.clipped(gradient, max_norm),
            None => gradient,
        };
        let l2 = |gradient: Tensor<1>| match self.decay.of(&parameters, self.decay.rate) {
            Some(decay) => gradient + decay,
            None => gradient,
        };
        match self.kind {
            Kind::Sgd => {
                let gradient = l2(gradient);
                self.sgd(parameters, gradient, learning_rate)
            }
            Kind::Adam => {
                let gradient = l2(gradient);
                self.adam(parameters, gradient, learning_rate)
            }
            Kind::AdamW => {
                let shrunk = match self.decay.of(&parameters, learning_rate * self.decay.rate) {
                    Some(decay) => parameters - decay,
                    None => parameters,
                };
                self.adam(shrunk, gradient, learning_rate)
            }
        }
    }

    /// # Source
    /// Kingma and Ba, "Adam", ICLR 2015, algorithm 1, with eps outside the bias correction of the
    /// second moment, as PyTorch has it.
    fn adam(&mut self, parameters: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let squared = (gradient.clone() * gradient.clone()).mul_scalar(1.0 - BETA_2);
        let second = match self.second.take() {
            Some(second) => second.mul_scalar(BETA_2) + squared,
            None => squared,
        };
        let gradient = gradient.mul_scalar(1.0 - BETA_1);
        let first = match self.first.take() {
            Some(first) => first.mul_scalar(BETA_1) + gradient,
            None => gradient,
        };
        let correction_1 = 1.0 - BETA_1.powi(self.n_steps);
        let correction_2 = (1.0 - BETA_2.powi(self.n_steps)).sqrt();
        let deviation = second
            .clone()
            .sqrt()
            .div_scalar(correction_2)
            .add_scalar(EPS);
        let step = first.clone().mul_scalar(rate / correction_1) / deviation;
        self.first = Some(first);
        self.second = Some(second);
        parameters - step
    }

    /// # Source
    /// Sutskever et al., "On the importance of initialization and momentum", ICML 2013, in
    /// PyTorch's form: the first velocity is the first gradient, and no dampening.
    fn sgd(&mut self, parameters: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        if self.momentum == 0.0 {
            return parameters - gradient.mul_scalar(rate);
        }
        let velocity = match self.first.take() {
            Some(velocity) => velocity.mul_scalar(self.momentum) + gradient.clone(),
            None => gradient.clone(),
        };
        self.first = Some(velocity.clone());
        let direction = match self.nesterov {
            true => gradient + velocity.mul_scalar(self.momentum),
            false => velocity,
        };
        parameters - direction.mul_scalar(rate)
    }

    /// Returns a gradient whose norm is at most `max_norm`, for each candidate, see [`clip_factor`].
    fn clipped(&self, gradient: Tensor<1>, max_norm: f64) -> Tensor<1> {
        let squares = gradient.clone() * gradient.clone();
        if self.shares.n_candidates() == 1 && on_host(&gradient) {
            let norm = f64::from(numbers(squares.sum())[0]).sqrt();
            return match clip_factor(max_norm, norm) {
                1.0 => gradient,
                factor => gradient.mul_scalar(factor),
            };
        }
        // Nothing is asked of the device, which would have to finish its work to answer.
        let Some(sums) = self.shares.sums(&squares) else {
            return gradient;
        };
        let factors = sums.sqrt().add_scalar(1e-6).recip().mul_scalar(max_norm);
        let is_short = factors.clone().greater_equal_scalar(1.0);
        self.shares
            .scaled(gradient, &factors.mask_fill(is_short, 1.0))
    }
}

impl Decay {
    /// Returns the parameters that decay times a rate, 0 for the others; `None` where none do.
    fn of(&self, parameters: &Tensor<1>, rate: f64) -> Option<Tensor<1>> {
        if self.rate == 0.0 {
            return None;
        }
        let all = parameters.clone().mul_scalar(rate);
        Some(match &self.of {
            Some(of) => all * of.clone(),
            None => all,
        })
    }
}
