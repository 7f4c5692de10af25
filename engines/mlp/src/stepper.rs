//! What makes a step of a gradient.

use firebrick_core::recipe::{Optimizer, Recipe, clip_factor};

use crate::kernels::{Adam, Lanes, Path, Sgd, SumSquares};
use crate::parameters::Parameters;

/// PyTorch's constants of Adam.
const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// An optimiser with its state.
#[derive(Debug)]
pub(crate) struct Stepper {
    kind: Optimizer,
    weight_decay: f64,
    momentum: f64,
    nesterov: bool,
    clip_norm: Option<f64>,
    /// Adam's constants to the power of how many steps were made.
    powers: [f64; 2],
    /// Adam's mean of gradients, or the velocity of SGD.
    first: Vec<Lanes>,
    /// Adam's mean of squared gradients.
    second: Vec<Lanes>,
}

impl Stepper {
    /// Returns the optimiser of a recipe before its first step.
    pub(crate) fn new(recipe: &Recipe, parameters: &Parameters) -> Self {
        let second = match recipe.optimizer {
            Optimizer::Adam | Optimizer::AdamW => parameters.gradient(),
            Optimizer::Sgd => Vec::new(),
        };
        Self {
            kind: recipe.optimizer,
            weight_decay: recipe.weight_decay,
            momentum: recipe.momentum,
            nesterov: recipe.nesterov,
            clip_norm: recipe.gradient_clip_norm,
            powers: [1.0; 2],
            first: parameters.gradient(),
            second,
        }
    }

    /// Steps along the gradient, clipped as the recipe says.
    ///
    /// # Source
    /// Adam: Kingma and Ba, "Adam", ICLR 2015, algorithm 1, with eps outside the bias correction of
    /// the second moment. SGD: Sutskever et al., "On the importance of initialization and
    /// momentum", ICML 2013, without dampening. Both in PyTorch's form.
    pub(crate) fn step(
        &mut self,
        path: Path,
        parameters: &mut Parameters,
        gradient: &[Lanes],
        rate: f64,
    ) {
        // Much faster than powers of the number of steps.
        let [power_1, power_2] = [self.powers[0] * BETA_1, self.powers[1] * BETA_2];
        self.powers = [power_1, power_2];
        let (l2, keep) = match self.kind {
            Optimizer::AdamW => (0.0, 1.0 - rate * self.weight_decay),
            Optimizer::Adam | Optimizer::Sgd => (self.weight_decay, 1.0),
        };
        let clip = match self.clip_norm {
            Some(max_norm) => clip_factor(max_norm, path.run(SumSquares { x: gradient }).sqrt()),
            None => 1.0,
        };
        let x = parameters.trained_mut();
        match self.kind {
            Optimizer::Adam | Optimizer::AdamW => path.run(Adam {
                x,
                gradient,
                first: &mut self.first,
                second: &mut self.second,
                beta_1: BETA_1,
                beta_2: BETA_2,
                eps: EPS,
                rate: rate / (1.0 - power_1),
                deviation: (1.0 - power_2).sqrt(),
                clip,
                l2,
                keep,
            }),
            Optimizer::Sgd => path.run(Sgd {
                x,
                gradient,
                velocity: &mut self.first,
                momentum: self.momentum,
                nesterov: self.nesterov,
                rate,
                clip,
                l2,
            }),
        }
    }
}
