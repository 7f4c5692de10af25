//! A density over points: a weighted mixture of products of kernels.

use firebrick_core::random::Stream;
use rand::RngExt;

use super::axis::{Axes, Point};
use super::kernel::Kernels;

/// A mixture with one component a trial and one for the prior, over some axes.
///
/// A component is the product of one trial's kernels, so what was good together stays together.
pub(super) struct Mixture {
    axes: Vec<usize>,
    kernels: Vec<Kernels>,
    log_weights: Vec<f64>,
    cumulative: Vec<f64>,
}

/// How much the trials of a mixture count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weights {
    /// All as much.
    Even,
    /// The newest 25 as much as the prior, the older ones the less the older they are.
    FavourNew,
}

impl Mixture {
    /// Fits a mixture over some axes to trials in ascending order of their numbers.
    pub(super) fn fit(space: &Axes, axes: &[usize], trials: &[&Point], weights: Weights) -> Self {
        let mut column = Vec::with_capacity(trials.len());
        let kernels = axes.iter().map(|axis| {
            column.clear();
            column.extend(trials.iter().map(|point| point[*axis]));
            Kernels::fit(space.scale(*axis), &column)
        });
        let kernels = kernels.collect();
        let mut weights = weights.of(trials.len());
        weights.push(1.0);
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let cumulative = weights.iter().map(|weight| {
            sum += weight / total;
            sum
        });
        Self {
            axes: axes.to_vec(),
            kernels,
            cumulative: cumulative.collect(),
            log_weights: weights.iter().map(|weight| (weight / total).ln()).collect(),
        }
    }

    /// Draws the coordinates of this mixture's axes into a point, those before them being set.
    pub(super) fn draw(&self, space: &Axes, point: &mut Point, rng: &mut Stream) {
        let place: f64 = rng.random();
        let component = self.cumulative.partition_point(|sum| *sum <= place);
        let component = component.min(self.cumulative.len() - 1);
        for (axis, kernels) in self.axes.iter().zip(&self.kernels) {
            point[*axis] = space
                .is_active(*axis, point)
                .then(|| kernels.draw(component, rng));
        }
    }

    /// Returns the logarithms of the densities at some points, over the axes that each one has.
    pub(super) fn log_densities(&self, points: &[Point]) -> Vec<f64> {
        let mut sums: Vec<Vec<f64>> = vec![self.log_weights.clone(); points.len()];
        let mut order: Vec<(f64, usize)> = Vec::with_capacity(points.len());
        let mut of_shapes = Vec::new();
        for (axis, kernels) in self.axes.iter().zip(&self.kernels) {
            if kernels.is_constant() {
                continue;
            }
            order.clear();
            let coordinates = points.iter().enumerate();
            order.extend(coordinates.filter_map(|(idx, point)| Some((point[*axis]?, idx))));
            // Equal coordinates follow each other, so each is computed once.
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut last = f64::NAN;
            for (coordinate, idx) in &order {
                if *coordinate != last {
                    kernels.log_densities(*coordinate, &mut of_shapes);
                    last = *coordinate;
                }
                kernels.add(&of_shapes, &mut sums[*idx]);
            }
        }
        sums.iter().map(|sums| log_sum_exp(sums)).collect()
    }
}

impl Weights {
    fn of(self, n: usize) -> Vec<f64> {
        const N_NEW: usize = 25;
        if self == Self::Even || n <= N_NEW {
            return vec![1.0; n];
        }
        let n_old = n - N_NEW;
        let oldest = 1.0 / n as f64;
        let weight = |idx: usize| {
            if idx >= n_old {
                return 1.0;
            }
            let steps = (n_old - 1).max(1) as f64;
            oldest + (1.0 - oldest) * idx as f64 / steps
        };
        (0..n).map(weight).collect()
    }
}

fn log_sum_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    // What is 1e-20 times smaller adds nothing, and its exponential may be slow to underflow.
    let parts = logs.iter().map(|log| log - most).filter(|log| *log > -46.0);
    most + parts.map(f64::exp).sum::<f64>().ln()
}
