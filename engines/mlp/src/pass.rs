//! A batch through a network and back, in buffers that are made once.

use firebrick_core::random::Stream;
use rand::RngExt;

use crate::affine::Affine;
use crate::chain::{Chain, Kind, Step};
use crate::kernels::{
    Ahead, BatchLoss, CrossEntropy, LANES, Lanes, LinearBackward, LinearForward, Multiply,
    NormBackward, NormForward, NormGradients, NormStatistics, Path, Relu, SumRows, WeightGradient,
    numbers_mut,
};
use crate::parameters::{Parameters, running_scales};
use crate::source::Source;

/// Everything that a training step writes, for batches of up to so many rows.
#[derive(Debug)]
pub(crate) struct Pass {
    path: Path,
    /// How many rows the batch has.
    rows: usize,
    labels: Vec<Lanes>,
    /// 1 where a lane of the last block is a row, else 0.
    last: Lanes,
    /// `[blocks][width]` of each value of the chain.
    values: Vec<Vec<Lanes>>,
    /// The gradients by them, empty where nobody asks.
    by_values: Vec<Vec<Lanes>>,
    /// What dropout multiplies with, by step; empty elsewhere.
    masks: Vec<Vec<Lanes>>,
    /// Statistics of the batch, by step; empty but for normalisations.
    norms: Vec<Norm>,
    /// Scales by running statistics, by step; empty but for normalisations.
    running: Vec<Vec<f32>>,
    /// Whether any normalisation is by running statistics.
    frozen_norms: bool,
    gradient: Vec<Lanes>,
}

/// The statistics of a batch, one number a feature each.
#[derive(Debug, Default)]
struct Norm {
    mean: Vec<f32>,
    squares: Vec<f32>,
    variance: Vec<f32>,
    inverse_deviation: Vec<f32>,
    scale: Vec<f32>,
    offset: Vec<f32>,
    slope: Vec<f32>,
    by_weight: Vec<f32>,
    by_bias: Vec<f32>,
    /// What is computed with instead, where scale or shift have a format. Gradients are as if they had
    /// none.
    affine: Option<Affine>,
}

impl Pass {
    /// Makes buffers for batches of up to `rows_max` rows.
    pub(crate) fn new(path: Path, chain: &Chain, parameters: &Parameters, rows_max: usize) -> Self {
        let blocks = rows_max.div_ceil(LANES);
        let lanes = |width: usize| vec![Lanes::ZERO; blocks * width];
        let n_steps = chain.steps.len();
        let mut pass = Self {
            path,
            rows: 0,
            labels: lanes(1),
            last: Lanes::ZERO,
            values: chain.widths.iter().map(|width| lanes(*width)).collect(),
            by_values: Vec::new(),
            masks: vec![Vec::new(); n_steps],
            norms: Vec::new(),
            running: vec![Vec::new(); n_steps],
            frozen_norms: false,
            gradient: parameters.gradient(),
        };
        for (value, width) in chain.widths.iter().enumerate() {
            // The loss always writes the gradient by the output.
            let asked = chain.learned[value] || value == n_steps;
            pass.by_values
                .push(if asked { lanes(*width) } else { Vec::new() });
        }
        for (idx, step) in chain.steps.iter().enumerate() {
            let width = chain.widths[idx];
            let mut norm = Norm::default();
            match step.kind {
                Kind::Dropout { .. } => pass.masks[idx] = lanes(width),
                Kind::Norm { frozen, eps, .. } => {
                    norm = Norm::new(width, Affine::of(chain, idx, eps));
                    pass.running[idx] = vec![0.0; width];
                    pass.frozen_norms |= frozen;
                }
                Kind::Linear { .. } | Kind::Relu | Kind::Quantize(_) => {}
            }
            pass.norms.push(norm);
        }
        pass
    }

    /// Takes in the rows of an order, as they are trained on under a seed in an epoch.
    pub(crate) fn load(
        &mut self,
        source: &mut Source<'_>,
        labels: &[u32],
        order: &[u32],
        occasion: (u64, usize),
    ) {
        self.rows = order.len();
        let blocks = self.blocks();
        let width = self.values[0].len() / self.labels.len();
        let x = &mut self.values[0][..blocks * width];
        source.gather_to_train(self.path, order, occasion, x);
        for (label, row) in numbers_mut(&mut self.labels).iter_mut().zip(order) {
            *label = labels[*row as usize] as f32;
        }
        let n_last = self.rows - (blocks - 1) * LANES;
        self.last.0[..n_last].fill(1.0);
        self.last.0[n_last..].fill(0.0);
    }

    /// Draws the masks of all dropouts, as [`firebrick_core::random::Purpose::Dropout`] says.
    pub(crate) fn draw_masks(&mut self, chain: &Chain, stream: &mut Stream) {
        for (idx, step) in chain.steps.iter().enumerate() {
            let Kind::Dropout { p } = step.kind else {
                continue;
            };
            let (p, kept) = (p as f32, (1.0 / (1.0 - p)) as f32);
            let width = chain.widths[idx];
            for row in 0..self.rows {
                let block = &mut self.masks[idx][row / LANES * width..][..width];
                for lanes in block {
                    let keep = stream.random::<f32>() >= p;
                    lanes.0[row % LANES] = if keep { kept } else { 0.0 };
                }
            }
        }
    }

    /// Runs the batch forwards and judges it against smoothed targets; running statistics move.
    pub(crate) fn forward(
        &mut self,
        chain: &Chain,
        parameters: &mut Parameters,
        smoothing: f64,
        ahead: Ahead<'_>,
    ) -> BatchLoss {
        let path = self.path;
        let blocks = self.blocks();
        if self.frozen_norms {
            running_scales(chain, parameters, &mut self.running);
        }
        let linear = |step: &&Step| matches!(step.kind, Kind::Linear { .. });
        let n_linear = chain.steps.iter().filter(linear).count();
        let mut parts = (0..n_linear).map(|part| ahead.part(part, n_linear));
        for (idx, step) in chain.steps.iter().enumerate() {
            let (width, to_width) = (chain.widths[idx], chain.widths[idx + 1]);
            let (before, after) = self.values.split_at_mut(idx + 1);
            let x = &before[idx][..blocks * width];
            let y = &mut after[0][..blocks * to_width];
            match step.kind {
                Kind::Linear { .. } => path.run(LinearForward {
                    x,
                    weight: parameters.get(idx, "weight"),
                    bias: parameters.get(idx, "bias"),
                    y,
                    blocks,
                    inputs: width,
                    outputs: to_width,
                    relu: step.relu,
                    ahead: parts.next().unwrap_or(Ahead::NONE),
                }),
                Kind::Norm {
                    frozen,
                    momentum,
                    eps,
                } => {
                    let norm = &mut self.norms[idx];
                    if !frozen {
                        path.run(NormStatistics {
                            x,
                            last: &self.last,
                            rows: self.rows,
                            mean: &mut norm.mean,
                            squares: &mut norm.squares,
                            blocks,
                            width,
                        });
                        norm.derive(parameters.get(idx, "weight"), self.rows, eps);
                        norm.follow(idx, parameters, self.rows, momentum);
                    }
                    let [weight, bias] = ["weight", "bias"].map(|name| parameters.get(idx, name));
                    let (mean, variance, scale) = match frozen {
                        true => (
                            parameters.get(idx, "running_mean"),
                            parameters.get(idx, "running_var"),
                            &self.running[idx],
                        ),
                        false => (&norm.mean[..], &norm.variance[..], &norm.scale),
                    };
                    let [mean, scale, shift] = match &mut norm.affine {
                        Some(affine) => {
                            affine.follow(path, [weight, bias, mean, variance]);
                            affine.stored()
                        }
                        None => [mean, scale, bias],
                    };
                    path.run(NormForward {
                        x,
                        mean,
                        scale,
                        shift,
                        y,
                        blocks,
                        width,
                        relu: step.relu,
                    });
                }
                Kind::Relu => path.run(Relu { x, y }),
                Kind::Quantize(format) => format.store(path, x, y, step.relu),
                Kind::Dropout { .. } => path.run(Multiply {
                    x,
                    by: &self.masks[idx][..blocks * width],
                    positive: &[],
                    y,
                }),
            }
        }
        let (output, classes) = (chain.steps.len(), chain.classes());
        path.run(CrossEntropy {
            logits: &self.values[output][..blocks * classes],
            labels: &self.labels[..blocks],
            rows: self.rows,
            smoothing,
            relu: chain.rectified[output],
            by_logits: &mut self.by_values[output][..blocks * classes],
            blocks,
            classes,
        })
    }

    /// Runs the batch backwards and returns the gradient of its mean loss by all that is trained.
    pub(crate) fn backward(&mut self, chain: &Chain, parameters: &Parameters) -> &[Lanes] {
        for idx in (0..chain.steps.len()).rev() {
            if !chain.learned[idx + 1] {
                break;
            }
            match chain.steps[idx].kind {
                Kind::Linear { .. } => self.linear_back(idx, chain, parameters),
                Kind::Norm { frozen, .. } => self.norm_back(idx, chain, parameters, frozen),
                Kind::Relu | Kind::Dropout { .. } | Kind::Quantize(_) => {
                    self.element_back(idx, chain);
                }
            }
        }
        parameters.mask(self.path, &mut self.gradient);
        &self.gradient
    }

    fn linear_back(&mut self, idx: usize, chain: &Chain, parameters: &Parameters) {
        let (blocks, path) = (self.blocks(), self.path);
        let (inputs, outputs) = (chain.widths[idx], chain.widths[idx + 1]);
        let x = &self.values[idx][..blocks * inputs];
        let (before, after) = self.by_values.split_at_mut(idx + 1);
        let by_y = &after[0][..blocks * outputs];
        let gradient = numbers_mut(&mut self.gradient);
        let place = parameters.place(idx, "weight");
        if !place.is_empty() {
            let by_weight = &mut gradient[place];
            path.run(WeightGradient {
                x,
                by_y,
                by_weight,
                blocks,
                inputs,
                outputs,
            });
        }
        let place = parameters.place(idx, "bias");
        if !place.is_empty() {
            path.run(SumRows {
                x: by_y,
                sums: &mut gradient[place],
                blocks,
                width: outputs,
            });
        }
        if chain.learned[idx] {
            path.run(LinearBackward {
                by_y,
                weight: parameters.get(idx, "weight"),
                x: if chain.rectified[idx] { x } else { &[] },
                by_x: &mut before[idx][..blocks * inputs],
                blocks,
                inputs,
                outputs,
            });
        }
    }

    fn norm_back(&mut self, idx: usize, chain: &Chain, parameters: &Parameters, frozen: bool) {
        let (blocks, path, width) = (self.blocks(), self.path, chain.widths[idx]);
        let x = &self.values[idx][..blocks * width];
        let (before, after) = self.by_values.split_at_mut(idx + 1);
        let by_y = &after[0][..blocks * width];
        let norm = &mut self.norms[idx];
        if !frozen {
            path.run(NormGradients {
                x,
                by_y,
                mean: &norm.mean,
                inverse_deviation: &norm.inverse_deviation,
                by_weight: &mut norm.by_weight,
                by_bias: &mut norm.by_bias,
                blocks,
                width,
            });
            let gradient = numbers_mut(&mut self.gradient);
            gradient[parameters.place(idx, "weight")].copy_from_slice(&norm.by_weight);
            gradient[parameters.place(idx, "bias")].copy_from_slice(&norm.by_bias);
            let rows = self.rows as f32;
            for feature in 0..width {
                norm.offset[feature] = norm.by_bias[feature] / rows;
                let along_x = norm.by_weight[feature] / rows;
                norm.slope[feature] = along_x * norm.inverse_deviation[feature];
            }
        }
        if chain.learned[idx] {
            // Under running statistics the result moves with `x` alone: offset and slope are 0.
            path.run(NormBackward {
                x,
                by_y,
                mean: &norm.mean,
                offset: &norm.offset,
                slope: &norm.slope,
                scale: if frozen {
                    &self.running[idx]
                } else {
                    &norm.scale
                },
                relu: chain.rectified[idx],
                last: &self.last,
                by_x: &mut before[idx][..blocks * width],
                blocks,
                width,
            });
        }
    }

    fn element_back(&mut self, idx: usize, chain: &Chain) {
        if !chain.learned[idx] {
            return;
        }
        let n_lanes = self.blocks() * chain.widths[idx];
        let (before, after) = self.by_values.split_at_mut(idx + 1);
        let (by_x, by_y) = (&mut before[idx][..n_lanes], &after[0][..n_lanes]);
        match chain.steps[idx].kind {
            Kind::Dropout { .. } => self.path.run(Multiply {
                x: by_y,
                by: &self.masks[idx][..n_lanes],
                positive: match chain.rectified[idx] {
                    true => &self.values[idx][..n_lanes],
                    false => &[],
                },
                y: by_x,
            }),
            Kind::Quantize(format) => {
                let x = &self.values[idx][..n_lanes];
                format.back(self.path, x, by_y, by_x, chain.rectified[idx]);
            }
            // The gradient by the result of a relu is 0 where that is not positive.
            _ => by_x.copy_from_slice(by_y),
        }
    }

    fn blocks(&self) -> usize {
        self.rows.div_ceil(LANES)
    }
}

impl Norm {
    fn new(width: usize, affine: Option<Affine>) -> Self {
        let numbers = || vec![0.0; width];
        Self {
            affine,
            mean: numbers(),
            squares: numbers(),
            variance: numbers(),
            inverse_deviation: numbers(),
            scale: numbers(),
            offset: numbers(),
            slope: numbers(),
            by_weight: numbers(),
            by_bias: numbers(),
        }
    }

    fn derive(&mut self, weight: &[f32], rows: usize, eps: f64) {
        for (feature, weight) in weight.iter().enumerate() {
            let variance = self.squares[feature] / rows as f32;
            self.variance[feature] = variance;
            self.inverse_deviation[feature] = 1.0 / (variance + eps as f32).sqrt();
            self.scale[feature] = weight * self.inverse_deviation[feature];
        }
    }

    /// Moves running statistics towards those of the batch; the variance is the unbiased one
    /// (divided by the rows less one), as PyTorch keeps it.
    fn follow(&self, step: usize, parameters: &mut Parameters, rows: usize, momentum: f64) {
        let (old, new) = ((1.0 - momentum) as f32, momentum as f32);
        let running = parameters.running_mut(step, "running_mean");
        for (running, mean) in running.iter_mut().zip(&self.mean) {
            *running = *running * old + mean * new;
        }
        let running = parameters.running_mut(step, "running_var");
        for (running, squares) in running.iter_mut().zip(&self.squares) {
            *running = *running * old + squares / (rows - 1) as f32 * new;
        }
    }
}
