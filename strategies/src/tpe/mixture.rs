//! A density over points: a weighted mixture of products of kernels.

use firebrick_core::random::Stream;
use rand::RngExt;

use super::axis::{Axes, Point};
use super::columns::Selection;
use super::kept::Kept;
use super::kernel::Kernels;

/// A mixture with one component a trial and one for the prior, over axes that exist together.
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
    /// Fits a mixture over some axes to some trials.
    pub(super) fn fit(
        space: &Axes,
        axes: &[usize],
        trials: &Selection<'_>,
        weights: Weights,
    ) -> Self {
        let fit = |axis: &usize| Kernels::fit(space.scale(*axis), trials, *axis);
        let kernels = axes.iter().map(fit).collect();
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

    /// Returns whether a point has this mixture's axes, those before them being set. They exist
    /// under the same condition.
    pub(super) fn is_active(&self, space: &Axes, point: &[Option<f64>]) -> bool {
        let first = self.axes.first();
        first.is_none_or(|axis| space.is_active(*axis, point))
    }

    /// Draws the coordinates of this mixture's axes into a point that has them.
    pub(super) fn draw(&self, point: &mut Point, rng: &mut Stream) {
        let place: f64 = rng.random();
        let component = self.cumulative.partition_point(|sum| *sum <= place);
        let component = component.min(self.cumulative.len() - 1);
        for (axis, kernels) in self.axes.iter().zip(&self.kernels) {
            point[*axis] = Some(kernels.draw(component, rng));
        }
    }

    /// Returns the logarithms of the densities at some points, over the axes that each one has.
    pub(super) fn log_densities(&self, points: &[Point], kept: &mut Kept) -> Vec<f64> {
        let tables: Vec<Tables> = self
            .axes
            .iter()
            .zip(&self.kernels)
            .map(|(axis, kernels)| Tables::new(kernels, *axis, points, kept))
            .collect();
        let mut sums = self.log_weights.clone();
        let density = |(idx, point): (usize, &Point)| {
            sums.copy_from_slice(&self.log_weights);
            for ((axis, kernels), tables) in self.axes.iter().zip(&self.kernels).zip(&tables) {
                if let Some(coordinate) = point[*axis]
                    && !kernels.is_constant()
                {
                    kernels.add(coordinate, tables.of(idx), &mut sums);
                }
            }
            log_sum_exp(&sums)
        };
        points.iter().enumerate().map(density).collect()
    }
}

/// What the kernels of an axis give at the coordinates of some points, each computed once.
struct Tables {
    /// One after the other, each as long as there are shapes.
    values: Vec<f64>,
    n_shapes: usize,
    table_of: Vec<u32>,
}

impl Tables {
    fn new(kernels: &Kernels, axis: usize, points: &[Point], kept: &mut Kept) -> Self {
        let mut values = Vec::new();
        let mut table_of = vec![0; points.len()];
        if !kernels.has_tables() {
            return Self {
                values,
                n_shapes: 0,
                table_of,
            };
        }
        let mut known: Vec<f64> = Vec::new();
        for (table, point) in table_of.iter_mut().zip(points) {
            let Some(coordinate) = point[axis] else {
                continue;
            };
            let place = known.iter().position(|other| *other == coordinate);
            *table = place.unwrap_or_else(|| {
                known.push(coordinate);
                kernels.tabulate(coordinate, kept.of(axis), &mut values);
                known.len() - 1
            }) as u32;
        }
        Self {
            n_shapes: values.len() / known.len().max(1),
            values,
            table_of,
        }
    }

    fn of(&self, point: usize) -> &[f64] {
        let start = self.table_of[point] as usize * self.n_shapes;
        &self.values[start..start + self.n_shapes]
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
