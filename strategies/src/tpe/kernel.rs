//! The kernels of one axis: what each trial says about where one parameter should be.

use firebrick_core::random::Stream;
use rand::RngExt;

use super::axis::Scale;
use super::columns::Selection;
use super::kept::OfAxis;
use super::normal::{LOG_ROOT_2_PI, draw_truncated, log_mass};

/// On grids of so many equal steps masses are looked up: they depend on a distance and a deviation.
pub(super) const N_LOOKED_UP: u64 = 256;

/// The least deviation is this part of the range where there are many trials.
pub(super) const LEAST_PARTS: f64 = 100.0;

/// One kernel for each trial, and the prior as the last.
///
/// On a grid or among choices trials with equal kernels share a shape, so the densities at a
/// coordinate are as many as there are different observations, however many trials there are.
///
/// # Source
/// Optuna 5 (`multivariate`, magic clip, no end points), from Bergstra et al., "Algorithms for
/// Hyper-Parameter Optimization", NeurIPS 2011. A numeric kernel is a normal cut off at the
/// limits, its deviation the larger distance to the neighbours on either side (the limits stand
/// in for neighbours of a single observation only; the outermost of several have one neighbour),
/// clipped to `[range / min(100, n + 2), range]`. The prior is in the middle, as wide as the
/// range. On a grid a value has the mass of its cell. A choice has `1 / (n + 1)`, plus 1 if it was
/// observed, normalised; the prior is even.
pub(super) struct Kernels {
    scale: Scale,
    of: Of,
}

enum Of {
    Constant,
    Choices {
        /// What each trial observed; the number of choices for the prior.
        observed: Vec<u32>,
        log_hit: f64,
        log_miss: f64,
    },
    Grid {
        shapes: Vec<Normal>,
        /// Which value of the grid each shape has its middle at; 0 for the prior.
        middles: Vec<u64>,
        shape_of: Vec<u32>,
        masses: Masses,
    },
    /// A normal for each trial, field by field, so that a loop over them runs over memory.
    Continuous {
        mean: Vec<f64>,
        sigma: Vec<f64>,
        inverse: Vec<f64>,
        log_scale: Vec<f64>,
    },
}

#[derive(Debug, Clone, Copy)]
struct Normal {
    mean: f64,
    sigma: f64,
    /// What is added to the logarithm of the mass or density of the whole normal.
    log_scale: f64,
}

/// The logarithms of masses of cells on a grid of equal steps, by deviation and distance.
struct Masses {
    n: usize,
    sigmas: Vec<f64>,
    /// `n` for each deviation.
    masses: Vec<f64>,
    /// Which deviation each shape has.
    sigma_of: Vec<u32>,
}

impl Kernels {
    /// Fits the kernels to what some trials have on an axis.
    pub(super) fn fit(scale: Scale, trials: &Selection<'_>, axis: usize) -> Self {
        let of = match scale {
            Scale::Constant => Of::Constant,
            Scale::Choices { n } => Self::fit_choices(n, trials, axis),
            Scale::Continuous { .. } => Self::fit_continuous(scale, trials, axis),
            Scale::Grid { .. } => Self::fit_grid(scale, trials, axis),
        };
        Self { scale, of }
    }

    fn fit_choices(n_choices: usize, trials: &Selection<'_>, axis: usize) -> Of {
        let sorted = trials.sorted(axis);
        let floor = 1.0 / (sorted.len() + 1) as f64;
        let total = 1.0 + n_choices as f64 * floor;
        let mut observed = vec![n_choices as u32; trials.len() + 1];
        for (choice, trial) in sorted {
            observed[trial as usize] = choice as u32;
        }
        Of::Choices {
            observed,
            log_hit: ((1.0 + floor) / total).ln(),
            log_miss: (floor / total).ln(),
        }
    }

    fn fit_continuous(scale: Scale, trials: &Selection<'_>, axis: usize) -> Of {
        let (low, high) = scale.limits();
        let prior = Normal::of(0.5 * (low + high), high - low, scale);
        let n = trials.len() + 1;
        let mut mean = vec![prior.mean; n];
        let mut sigma = vec![prior.sigma; n];
        let mut inverse = vec![prior.sigma.recip(); n];
        let mut log_scale = vec![prior.log_scale; n];
        for_each_normal(
            &trials.sorted(axis),
            low,
            high,
            |trial, at, deviation, _| {
                let normal = Normal::of(at, deviation, scale);
                mean[trial] = at;
                sigma[trial] = deviation;
                inverse[trial] = deviation.recip();
                log_scale[trial] = normal.log_scale;
            },
        );
        Of::Continuous {
            mean,
            sigma,
            inverse,
            log_scale,
        }
    }

    fn fit_grid(scale: Scale, trials: &Selection<'_>, axis: usize) -> Of {
        let (low, high) = scale.limits();
        let mut shapes = vec![Normal::of(0.5 * (low + high), high - low, scale)];
        let mut middles = vec![0];
        let mut middle = 0;
        let mut shape_of = vec![0; trials.len() + 1];
        let mut masses = Masses::new(scale);
        masses.add(high - low);
        // Kernels of one mean follow each other and have at most three deviations.
        let mut of_this_mean: Vec<(f64, u32)> = Vec::with_capacity(3);
        for_each_normal(
            &trials.sorted(axis),
            low,
            high,
            |trial, mean, sigma, is_new| {
                if is_new {
                    of_this_mean.clear();
                    middle = scale.nearest(mean) as u64;
                }
                let known = of_this_mean.iter().find(|(other, _)| *other == sigma);
                shape_of[trial] = match known {
                    Some((_, shape)) => *shape,
                    None => {
                        let shape = shapes.len() as u32;
                        shapes.push(Normal::of(mean, sigma, scale));
                        middles.push(middle);
                        masses.add(sigma);
                        of_this_mean.push((sigma, shape));
                        shape
                    }
                };
            },
        );
        Of::Grid {
            shapes,
            middles,
            shape_of,
            masses,
        }
    }

    /// Returns whether every value is as likely under every kernel.
    pub(super) fn is_constant(&self) -> bool {
        matches!(self.of, Of::Constant)
    }

    /// Returns whether [`Kernels::add`] looks up what [`Kernels::tabulate`] gave for a coordinate.
    pub(super) fn has_tables(&self) -> bool {
        matches!(self.of, Of::Choices { .. } | Of::Grid { .. })
    }

    /// Writes the logarithm of the mass at a coordinate under each shape.
    pub(super) fn tabulate(&self, coordinate: f64, kept: Option<&mut OfAxis>, out: &mut Vec<f64>) {
        match &self.of {
            Of::Choices {
                log_hit, log_miss, ..
            } => {
                let Scale::Choices { n } = self.scale else {
                    return;
                };
                let start = out.len();
                out.resize(start + n, *log_miss);
                out[start + coordinate as usize] = *log_hit;
                out.push(-(n as f64).ln());
            }
            Of::Grid {
                shapes,
                middles,
                masses,
                ..
            } => {
                let (under, over) = self.scale.cell(coordinate);
                // The prior may be between two values.
                let mass = |normal: &Normal| {
                    log_mass(
                        (under - normal.mean) / normal.sigma,
                        (over - normal.mean) / normal.sigma,
                    )
                };
                let Some((prior, shapes)) = shapes.split_first() else {
                    return;
                };
                out.push(mass(prior) + prior.log_scale);
                if masses.n == 0 {
                    let kept = kept.and_then(|kept| Some((kept.sigma(), kept.at(coordinate)?)));
                    let Some((sigma, mut kept)) = kept else {
                        out.extend(shapes.iter().map(|shape| mass(shape) + shape.log_scale));
                        return;
                    };
                    out.extend(shapes.iter().zip(&middles[1..]).map(|(shape, middle)| {
                        let mass = match shape.sigma == sigma {
                            true => kept.mass(*middle, || mass(shape)),
                            false => mass(shape),
                        };
                        mass + shape.log_scale
                    }));
                    return;
                }
                let of_shapes = shapes.iter().zip(&masses.sigma_of[1..]);
                out.extend(of_shapes.map(|(shape, sigma)| {
                    let distance = (coordinate - shape.mean).abs() as usize;
                    masses.masses[*sigma as usize * masses.n + distance] + shape.log_scale
                }));
            }
            Of::Constant | Of::Continuous { .. } => {}
        }
    }

    /// Adds the logarithm of each kernel's density (on grids and among choices, of its mass) at a
    /// coordinate; `table` is what [`Kernels::tabulate`] gave for it.
    pub(super) fn add(&self, coordinate: f64, table: &[f64], sums: &mut [f64]) {
        match &self.of {
            Of::Constant => {}
            Of::Choices { observed: of, .. } | Of::Grid { shape_of: of, .. } => {
                for (sum, shape) in sums.iter_mut().zip(of) {
                    *sum += table[*shape as usize];
                }
            }
            Of::Continuous {
                mean,
                inverse,
                log_scale,
                ..
            } => {
                let kernels = mean.iter().zip(inverse).zip(log_scale);
                for (sum, ((mean, inverse), log_scale)) in sums.iter_mut().zip(kernels) {
                    let x = (coordinate - mean) * inverse;
                    *sum += log_scale - 0.5 * x * x;
                }
            }
        }
    }

    /// Draws a coordinate from one kernel.
    pub(super) fn draw(&self, kernel: usize, rng: &mut Stream) -> f64 {
        let (mean, sigma) = match &self.of {
            Of::Constant => return 0.0,
            Of::Choices {
                observed,
                log_hit,
                log_miss,
            } => {
                let Scale::Choices { n } = self.scale else {
                    return 0.0;
                };
                // The observed choice has what it has above the others; the rest is even.
                let choice = observed[kernel];
                let is_prior = choice as usize == n;
                if !is_prior && rng.random::<f64>() < log_hit.exp() - log_miss.exp() {
                    return f64::from(choice);
                }
                return rng.random_range(0..n) as f64;
            }
            Of::Grid {
                shapes, shape_of, ..
            } => {
                let shape = shapes[shape_of[kernel] as usize];
                (shape.mean, shape.sigma)
            }
            Of::Continuous { mean, sigma, .. } => (mean[kernel], sigma[kernel]),
        };
        let (low, high) = self.scale.limits();
        self.scale
            .nearest(draw_truncated(mean, sigma, low, high, rng))
    }
}

impl Normal {
    fn of(mean: f64, sigma: f64, scale: Scale) -> Self {
        let (low, high) = scale.limits();
        let inside = log_mass((low - mean) / sigma, (high - mean) / sigma);
        let of_density = match scale {
            Scale::Continuous { .. } => -sigma.ln() - LOG_ROOT_2_PI,
            _ => 0.0,
        };
        Self {
            mean,
            sigma,
            log_scale: of_density - inside,
        }
    }
}

impl Masses {
    fn new(scale: Scale) -> Self {
        let n = match scale {
            Scale::Grid { n, log: false, .. } if n <= N_LOOKED_UP => n as usize,
            _ => 0,
        };
        Self {
            n,
            sigmas: Vec::new(),
            masses: Vec::new(),
            sigma_of: Vec::new(),
        }
    }

    /// Adds the deviation of a shape.
    fn add(&mut self, sigma: f64) {
        if self.n == 0 {
            return;
        }
        let known = self.sigmas.iter().position(|other| *other == sigma);
        let idx = known.unwrap_or_else(|| {
            self.sigmas.push(sigma);
            let masses = (0..self.n).map(|distance| {
                let distance = distance as f64;
                log_mass((distance - 0.5) / sigma, (distance + 0.5) / sigma)
            });
            self.masses.extend(masses);
            self.sigmas.len() - 1
        });
        self.sigma_of.push(idx as u32);
    }
}

/// Calls a function with the trial, mean and deviation of each kernel, means ascending, and with
/// whether the mean is another than the one before it.
fn for_each_normal(
    sorted: &[(f64, u32)],
    low: f64,
    high: f64,
    mut each: impl FnMut(usize, f64, f64, bool),
) {
    let range = high - low;
    let narrowest = range / (sorted.len() as f64 + 2.0).min(LEAST_PARTS);
    let mut left: Option<f64> = None;
    for (rank, (mean, trial)) in sorted.iter().enumerate() {
        let right = sorted.get(rank + 1).map(|right| right.0 - mean);
        let distance = match (left, right) {
            (None, None) => (mean - low).max(high - mean),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(left), Some(right)) => left.max(right),
        };
        let sigma = distance.clamp(narrowest, range);
        let is_new = left.is_none_or(|left| left > 0.0);
        each(*trial as usize, *mean, sigma, is_new);
        left = right;
    }
}
