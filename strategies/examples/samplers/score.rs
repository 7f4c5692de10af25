//! How good the points are that a run found.

use firebrick_core::front::{hypervolume, pareto_front};
use firebrick_core::objective::Direction;

use crate::problem::Problem;

/// What scores of a problem are measured against.
pub(crate) struct Scale<'a> {
    problem: &'a Problem,
    of: Of,
}

enum Of {
    /// One objective: the best cost of the table, and the median.
    Regret { best: f64, median: f64 },
    /// Several: the reference point and the volume of the exact front.
    Volume { reference: Vec<f64>, whole: f64 },
}

impl<'a> Scale<'a> {
    /// Measures a table: the normalised regret is `(best - optimum) / (median - optimum)`; the
    /// hypervolume, a part of that of the exact front, is taken from the value of each objective
    /// that 90 % of the points are better than. From the worst values nearly everything would be
    /// volume that any point dominates.
    pub(crate) fn new(problem: &'a Problem) -> Self {
        let costs = |objective: usize| {
            let direction: Direction = problem.directions[objective];
            let values = problem.values.iter();
            let mut costs: Vec<f64> = values
                .map(|values| direction.as_cost(values[objective]))
                .collect();
            costs.sort_by(f64::total_cmp);
            costs
        };
        if problem.directions.len() == 1 {
            let costs = costs(0);
            let of = Of::Regret {
                best: costs[0],
                median: costs[costs.len() / 2],
            };
            return Self { problem, of };
        }
        let reference = |objective: usize| {
            // Turned back from a cost into a value.
            problem.directions[objective].as_cost(quantile(&costs(objective), 0.9))
        };
        let reference: Vec<f64> = (0..problem.directions.len()).map(reference).collect();
        let front: Vec<Vec<f64>> = pareto_front(&problem.values, &problem.directions)
            .into_iter()
            .map(|idx| problem.values[idx].clone())
            .collect();
        let whole = hypervolume(&front, &reference, &problem.directions);
        let of = Of::Volume { reference, whole };
        Self { problem, of }
    }

    /// Returns the score of some points: the regret, or the part of the hypervolume.
    pub(crate) fn score(&self, rows: &[usize]) -> f64 {
        let Problem {
            directions, values, ..
        } = self.problem;
        match &self.of {
            Of::Regret { best, median } => {
                let costs = rows
                    .iter()
                    .map(|row| directions[0].as_cost(values[*row][0]));
                (costs.fold(f64::INFINITY, f64::min) - best) / (median - best)
            }
            Of::Volume { reference, whole } => {
                let points: Vec<Vec<f64>> = rows.iter().map(|row| values[*row].clone()).collect();
                hypervolume(&points, reference, directions) / whole
            }
        }
    }
}

/// Returns the quantile of sorted values, interpolated between the two next to it.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// Returns the mean and its standard error.
pub(crate) fn mean_and_error(values: &[f64]) -> [f64; 2] {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    [mean, (squares / (n - 1.0) / n).sqrt()]
}
