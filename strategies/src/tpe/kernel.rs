//! The kernels of one axis: what each trial says about where one parameter should be.

use firebrick_core::random::Stream;
use rand::RngExt;

use super::axis::Scale;
use super::normal::{draw_truncated, log_density, log_mass};

/// One kernel for each trial, and the prior as the last.
///
/// Trials with equal kernels share a shape, so on a grid or among choices the densities at a
/// coordinate are as many as there are different observations, however many trials there are.
///
/// # Source
/// Optuna 5 (`multivariate`, magic clip, no end points), from Bergstra et al., "Algorithms for
/// Hyper-Parameter Optimization", NeurIPS 2011. A numeric kernel is a normal cut off at the
/// limits, its deviation the larger distance to the neighbours on either side (the limits stand
/// in for neighbours of a single observation only; the outermost of several have one neighbour),
/// clipped to `[range / min(100, n + 2), range]`. The prior is in the middle, as wide as the
/// range. On a grid a value has the mass of its cell. A choice has `1 / (n + 1)`, plus 1 if it was
/// observed, normalised; the prior is even. Differs: a trial without the parameter has the
/// prior's kernel.
pub(super) struct Kernels {
    scale: Scale,
    shapes: Vec<Shape>,
    shape_of: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Even,
    Choice {
        observed: f64,
        log_hit: f64,
        log_miss: f64,
    },
    Normal {
        mean: f64,
        sigma: f64,
        /// What is added to the logarithm of the mass or density of the whole normal.
        log_scale: f64,
    },
}

impl Kernels {
    /// Fits the kernels to the coordinates of some trials, in the order of the trials.
    pub(super) fn fit(scale: Scale, coordinates: &[Option<f64>]) -> Self {
        match scale {
            Scale::Constant => Self {
                scale,
                shapes: vec![Shape::Even],
                shape_of: vec![0; coordinates.len() + 1],
            },
            Scale::Choices { n } => Self::fit_choices(scale, n, coordinates),
            Scale::Continuous { .. } | Scale::Grid { .. } => Self::fit_normals(scale, coordinates),
        }
    }

    fn fit_choices(scale: Scale, n_choices: usize, coordinates: &[Option<f64>]) -> Self {
        let n_observed = coordinates.iter().flatten().count();
        let floor = 1.0 / (n_observed + 1) as f64;
        let total = 1.0 + n_choices as f64 * floor;
        let choice = |idx| Shape::Choice {
            observed: idx as f64,
            log_hit: ((1.0 + floor) / total).ln(),
            log_miss: (floor / total).ln(),
        };
        let mut shapes: Vec<Shape> = (0..n_choices).map(choice).collect();
        shapes.push(Shape::Even);
        let prior = n_choices as u32;
        let mut shape_of: Vec<u32> = coordinates
            .iter()
            .map(|coordinate| coordinate.map_or(prior, |idx| idx as u32))
            .collect();
        shape_of.push(prior);
        Self {
            scale,
            shapes,
            shape_of,
        }
    }

    fn fit_normals(scale: Scale, coordinates: &[Option<f64>]) -> Self {
        let (low, high) = scale.limits();
        let is_grid = matches!(scale, Scale::Grid { .. });
        let normal = |mean: f64, sigma: f64| Shape::Normal {
            mean,
            sigma,
            log_scale: -log_mass((low - mean) / sigma, (high - mean) / sigma)
                - if is_grid { 0.0 } else { sigma.ln() },
        };
        let mut shapes = vec![normal(0.5 * (low + high), high - low)];
        let mut shape_of = vec![0; coordinates.len() + 1];
        let mut sorted: Vec<(f64, usize)> = coordinates
            .iter()
            .enumerate()
            .filter_map(|(trial, coordinate)| Some((scale.position((*coordinate)?), trial)))
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));

        let range = high - low;
        let narrowest = range / (sorted.len() as f64 + 2.0).min(100.0);
        // Kernels of one mean follow each other and have at most three deviations.
        let mut of_this_mean: Vec<(f64, u32)> = Vec::with_capacity(3);
        for (rank, (mean, trial)) in sorted.iter().copied().enumerate() {
            let left = rank.checked_sub(1).map(|left| mean - sorted[left].0);
            let right = sorted.get(rank + 1).map(|right| right.0 - mean);
            let distance = match (left, right) {
                (None, None) => (mean - low).max(high - mean),
                (Some(one), None) | (None, Some(one)) => one,
                (Some(left), Some(right)) => left.max(right),
            };
            let sigma = distance.clamp(narrowest, range);
            if left.is_some_and(|left| left > 0.0) {
                of_this_mean.clear();
            }
            let known = of_this_mean.iter().find(|(other, _)| *other == sigma);
            shape_of[trial] = match known {
                Some((_, shape)) => *shape,
                None => {
                    let shape = shapes.len() as u32;
                    shapes.push(normal(mean, sigma));
                    of_this_mean.push((sigma, shape));
                    shape
                }
            };
        }
        Self {
            scale,
            shapes,
            shape_of,
        }
    }

    /// Returns whether every value is as likely under every kernel.
    pub(super) fn is_constant(&self) -> bool {
        self.scale == Scale::Constant
    }

    /// Writes the logarithm of the density (on grids and among choices, of the mass) at a
    /// coordinate under each shape.
    pub(super) fn log_densities(&self, coordinate: f64, out: &mut Vec<f64>) {
        out.clear();
        let cell = self.scale.cell(coordinate);
        let is_grid = matches!(self.scale, Scale::Grid { .. });
        out.extend(self.shapes.iter().map(|shape| match *shape {
            Shape::Even => match self.scale {
                Scale::Choices { n } => -(n as f64).ln(),
                _ => 0.0,
            },
            Shape::Choice {
                observed, log_hit, ..
            } if observed == coordinate => log_hit,
            Shape::Choice { log_miss, .. } => log_miss,
            Shape::Normal {
                mean,
                sigma,
                log_scale,
            } if is_grid => log_mass((cell.0 - mean) / sigma, (cell.1 - mean) / sigma) + log_scale,
            Shape::Normal {
                mean,
                sigma,
                log_scale,
            } => log_density((coordinate - mean) / sigma) + log_scale,
        }));
    }

    /// Adds to each kernel's sum the entry of its shape.
    pub(super) fn add(&self, of_shapes: &[f64], sums: &mut [f64]) {
        for (sum, shape) in sums.iter_mut().zip(&self.shape_of) {
            *sum += of_shapes[*shape as usize];
        }
    }

    /// Draws a coordinate from one kernel.
    pub(super) fn draw(&self, kernel: usize, rng: &mut Stream) -> f64 {
        match self.shapes[self.shape_of[kernel] as usize] {
            Shape::Even => match self.scale {
                Scale::Choices { n } => rng.random_range(0..n) as f64,
                _ => 0.0,
            },
            Shape::Choice {
                observed,
                log_hit,
                log_miss,
            } => {
                // The observed choice has what it has above the others; the rest is even.
                let Scale::Choices { n } = self.scale else {
                    return observed;
                };
                if rng.random::<f64>() < log_hit.exp() - log_miss.exp() {
                    observed
                } else {
                    rng.random_range(0..n) as f64
                }
            }
            Shape::Normal { mean, sigma, .. } => {
                let (low, high) = self.scale.limits();
                self.scale
                    .nearest(draw_truncated(mean, sigma, low, high, rng))
            }
        }
    }
}
