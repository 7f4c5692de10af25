//! The normal distribution that points are drawn from, and how it learns.

use firebrick_core::random::Stream;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::eigen::{Matrix, eigen};

/// Eigenvalues are kept above this part of the largest one.
const CONDITION_MAX: f64 = 1e14;

/// The widest deviation, in lengths of the line that a parameter lies on.
const SIGMA_MAX: f64 = 10.0;

/// What depends on the number of dimensions and of points a generation alone.
#[derive(Debug, Clone)]
struct Rates {
    /// Weights of the best point, the second best and so on; the second half is negative.
    weights: Vec<f64>,
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
    /// The mean length of a standard normal vector.
    length: f64,
}

/// A normal distribution over places on lines, with the paths of its evolution.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    pub(super) mean: Vec<f64>,
    pub(super) sigma: f64,
    /// Factors on the deviation of each dimension, which margins raise.
    pub(super) factors: Vec<f64>,
    covariance: Matrix,
    /// Eigenvectors of the covariance, each a row, and the roots of their eigenvalues.
    vectors: Matrix,
    roots: Vec<f64>,
    path_sigma: Vec<f64>,
    path_c: Vec<f64>,
    n_updates: i32,
    rates: Rates,
}

/// A point of a generation, as the distribution learns from it.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) places: Vec<f64>,
    /// Whether the point was not drawn from the present distribution: it may not pull further than
    /// a drawn one would.
    pub(super) is_foreign: bool,
}

impl Distribution {
    /// Makes the distribution from which the first of `n_samples` points a generation are drawn.
    pub(super) fn new(mean: Vec<f64>, sigma: f64, n_samples: usize) -> Self {
        let n = mean.len();
        Self {
            mean,
            sigma,
            factors: vec![1.0; n],
            covariance: Matrix::identity(n),
            vectors: Matrix::identity(n),
            roots: vec![1.0; n],
            path_sigma: vec![0.0; n],
            path_c: vec![0.0; n],
            n_updates: 0,
            rates: Rates::new(n, n_samples),
        }
    }

    /// Draws places, which may be off their lines.
    pub(super) fn draw(&self, rng: &mut Stream) -> Vec<f64> {
        let mut step = vec![0.0; self.mean.len()];
        for (idx, root) in self.roots.iter().enumerate() {
            let along: f64 = rng.sample(StandardNormal);
            add(&mut step, self.vectors.row(idx), root * along);
        }
        let scales = self.factors.iter().map(|factor| self.sigma * factor);
        let moved = self.mean.iter().zip(scales).zip(&step);
        moved
            .map(|((mean, scale), step)| mean + scale * step)
            .collect()
    }

    /// Returns the deviation of a dimension.
    pub(super) fn deviation(&self, dimension: usize) -> f64 {
        let variance = self.covariance.at(dimension, dimension);
        self.sigma * self.factors[dimension] * variance.sqrt()
    }

    /// Learns from a generation: samples with their ranks, 0 the best; equal ranks are ties, which
    /// share the weights of their places.
    pub(super) fn update(&mut self, samples: &[Sample], ranks: &[usize]) {
        let n = self.mean.len();
        let weights = shared(&self.rates.weights, ranks);
        let pulls = self.rates.weights.iter().map(|w| w.max(0.0));
        let pulls = shared(&pulls.collect::<Vec<f64>>(), ranks);
        let rates = self.rates.clone();
        let steps: Vec<Vec<f64>> = samples.iter().map(|sample| self.step(sample)).collect();

        let mut mean_step = vec![0.0; n];
        for (step, pull) in steps.iter().zip(&pulls) {
            add(&mut mean_step, step, *pull);
        }
        // The factors of margins keep values in reach; they are not steps to be taken.
        add(&mut self.mean, &mean_step, self.sigma);

        let white = self.whitened(&mean_step);
        let gain = (rates.c_sigma * (2.0 - rates.c_sigma) * rates.mu_eff).sqrt();
        scale(&mut self.path_sigma, 1.0 - rates.c_sigma);
        add(&mut self.path_sigma, &white, gain);
        let ratio = norm(&self.path_sigma) / rates.length;
        let growth = (rates.c_sigma / rates.d_sigma * (ratio - 1.0)).min(1.0);
        self.n_updates += 1;
        let settled = (1.0 - (1.0 - rates.c_sigma).powi(2 * self.n_updates)).sqrt();
        let is_short = ratio / settled < 1.4 + 2.0 / (n as f64 + 1.0);

        scale(&mut self.path_c, 1.0 - rates.c_c);
        if is_short {
            let gain = (rates.c_c * (2.0 - rates.c_c) * rates.mu_eff).sqrt();
            add(&mut self.path_c, &mean_step, gain);
        }
        let stalled = if is_short {
            0.0
        } else {
            rates.c_c * (2.0 - rates.c_c)
        };
        let kept = 1.0 + rates.c_1 * stalled - rates.c_1 - rates.c_mu * weights.iter().sum::<f64>();
        let mut covariance = self.covariance.clone();
        scale(&mut covariance.cells, kept);
        add_square(&mut covariance, &self.path_c, rates.c_1);
        for (step, weight) in steps.iter().zip(&weights) {
            let white = norm(&self.whitened(step)).powi(2);
            let weight = match *weight < 0.0 {
                true if white > 0.0 => weight * n as f64 / white,
                true => 0.0,
                false => *weight,
            };
            add_square(&mut covariance, step, rates.c_mu * weight);
        }
        self.covariance = covariance;
        self.sigma = (self.sigma * growth.exp()).min(SIGMA_MAX);
        self.decompose();
    }

    /// Returns whether the deviation of every one of some dimensions is next to nothing.
    pub(super) fn is_spent(&self, mut dimensions: impl Iterator<Item = usize>) -> bool {
        dimensions.all(|dimension| self.deviation(dimension) < 1e-11)
    }

    /// Returns the step from the mean to a sample, in the coordinates of the covariance.
    fn step(&self, sample: &Sample) -> Vec<f64> {
        let n = self.mean.len();
        let step = (0..n)
            .map(|idx| (sample.places[idx] - self.mean[idx]) / (self.sigma * self.factors[idx]));
        let mut step: Vec<f64> = step.collect();
        if sample.is_foreign {
            let length = norm(&self.whitened(&step));
            let n = n as f64;
            let longest = n.sqrt() + 2.0 * n / (n + 2.0);
            if length > longest {
                scale(&mut step, longest / length);
            }
        }
        step
    }

    /// Returns a vector times the inverse root of the covariance.
    fn whitened(&self, vector: &[f64]) -> Vec<f64> {
        let mut white = vec![0.0; vector.len()];
        for (idx, root) in self.roots.iter().enumerate() {
            let row = self.vectors.row(idx);
            let along: f64 = row.iter().zip(vector).map(|(a, b)| a * b).sum();
            add(&mut white, row, along / root);
        }
        white
    }

    fn decompose(&mut self) {
        let (values, vectors) = eigen(&self.covariance);
        let largest = values.iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0 && values.iter().all(|value| value.is_finite())) {
            // Overflow has eaten it up: start over with a round one of the present size.
            let n = self.mean.len();
            self.covariance = Matrix::identity(n);
            self.vectors = Matrix::identity(n);
            self.roots = vec![1.0; n];
            self.path_c = vec![0.0; n];
            return;
        }
        let least = largest / CONDITION_MAX;
        self.roots = values.iter().map(|value| value.max(least).sqrt()).collect();
        self.vectors = vectors;
    }
}

impl Rates {
    /// Returns the defaults of Hansen's tutorial, table 1.
    fn new(n: usize, n_samples: usize) -> Self {
        let dims = n as f64;
        let raw =
            (1..=n_samples).map(|rank| ((n_samples as f64 + 1.0) / 2.0).ln() - (rank as f64).ln());
        let raw: Vec<f64> = raw.collect();
        let mass = |sign: f64| {
            let part = raw.iter().map(|w| (w * sign).max(0.0));
            let (sum, squares) = part.fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
            (
                sum,
                if squares > 0.0 {
                    sum * sum / squares
                } else {
                    0.0
                },
            )
        };
        let ((positive, mu_eff), (negative, mu_eff_negative)) = (mass(1.0), mass(-1.0));
        let c_1 = 2.0 / ((dims + 1.3).powi(2) + mu_eff);
        let c_mu = 2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((dims + 2.0).powi(2) + mu_eff);
        let c_mu = c_mu.min(1.0 - c_1);
        let limits = [
            1.0 + c_1 / c_mu,
            1.0 + 2.0 * mu_eff_negative / (mu_eff + 2.0),
            (1.0 - c_1 - c_mu) / (dims * c_mu),
        ];
        // Without a rate for the covariance two of the limits are infinite.
        let limit = limits.into_iter().fold(f64::INFINITY, f64::min);
        let weight = |w: f64| {
            if w >= 0.0 {
                w / positive
            } else {
                w * limit.max(0.0) / negative
            }
        };
        let c_sigma = (mu_eff + 2.0) / (dims + mu_eff + 5.0);
        let excess = (((mu_eff - 1.0) / (dims + 1.0)).sqrt() - 1.0).max(0.0);
        Self {
            weights: raw.iter().map(|w| weight(*w)).collect(),
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * excess + c_sigma,
            c_c: (4.0 + mu_eff / dims) / (dims + 4.0 + 2.0 * mu_eff / dims),
            c_1,
            c_mu,
            length: dims.sqrt() * (1.0 - 1.0 / (4.0 * dims) + 1.0 / (21.0 * dims * dims)),
        }
    }
}

/// Returns the weight of each rank, where equal ranks share those of the places they fill.
fn shared(weights: &[f64], ranks: &[usize]) -> Vec<f64> {
    let weight = |rank: &usize| {
        let n_equal = ranks.iter().filter(|other| *other == rank).count();
        let first = ranks.iter().filter(|other| *other < rank).count();
        weights[first..first + n_equal].iter().sum::<f64>() / n_equal as f64
    };
    ranks.iter().map(weight).collect()
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn scale(vector: &mut [f64], factor: f64) {
    for x in vector {
        *x *= factor;
    }
}

fn add(vector: &mut [f64], other: &[f64], factor: f64) {
    for (x, other) in vector.iter_mut().zip(other) {
        *x += factor * other;
    }
}

/// Adds a vector times its transpose.
fn add_square(matrix: &mut Matrix, vector: &[f64], factor: f64) {
    for (row, x) in vector.iter().enumerate() {
        add(matrix.row_mut(row), vector, factor * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_tutorial() {
        // By hand from table 1 of arXiv:1604.00772 for 10 dimensions and 10 points.
        let rates = Rates::new(10, 10);
        let positive: f64 = rates.weights.iter().filter(|w| **w > 0.0).sum();
        assert!((positive - 1.0).abs() < 1e-12);
        assert!(
            (rates.weights[0] - 0.456_27).abs() < 1e-4,
            "{:?}",
            rates.weights
        );
        assert!((rates.mu_eff - 3.167_3).abs() < 1e-3, "{}", rates.mu_eff);
        assert!((rates.c_sigma - 5.167_3 / 18.167_3).abs() < 1e-4);
        assert!((rates.c_1 - 2.0 / (11.3 * 11.3 + 3.167_3)).abs() < 1e-6);
    }

    #[test]
    fn ties_share_their_weights() {
        assert_eq!(
            shared(&[0.5, 0.25, 0.25, 0.0], &[3, 0, 1, 1]),
            [0.0, 0.5, 0.25, 0.25]
        );
        assert_eq!(shared(&[0.75, 0.5, 0.25], &[0, 0, 0]), [0.5; 3]);
    }
}
