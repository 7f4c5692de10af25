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

#[cfg(test)]
mod tests {
    use firebrick_core::Json;
    use firebrick_core::objective::Direction::{Maximize, Minimize};
    use firebrick_core::space::Domain;
    use firebrick_core::value::Value;

    use super::*;
    use crate::spaces::space;

    fn problem(directions: &[Direction], values: Vec<Vec<f64>>) -> Problem {
        let choices = (0..values.len() as i64).map(Value::Int).collect();
        Problem {
            name: "for the test".to_owned(),
            space: space(vec![Domain::Categorical { choices }]).expect("well-formed"),
            directions: directions.to_vec(),
            values,
        }
    }

    #[test]
    fn regret_is_0_at_the_optimum_and_1_at_the_median() {
        let values = [4.0, 1.0, 3.0, 2.0, 9.0].map(|value| vec![value]).to_vec();
        let minimized = problem(&[Minimize], values.clone());
        let scale = Scale::new(&minimized);
        // The best is 1 and the median 3.
        for (rows, expected) in [(&[1, 4][..], 0.0), (&[2], 1.0), (&[0], 1.5), (&[4, 3], 0.5)] {
            assert_eq!(scale.score(rows), expected, "{rows:?}");
        }
        let maximized = problem(&[Maximize], values);
        // The best is 9.
        assert_eq!(Scale::new(&maximized).score(&[0, 1]), 5.0 / 6.0);
    }

    #[test]
    fn volume_is_a_part_of_that_of_the_exact_front() {
        // The 90 % quantiles of 11 values are the 10th: 8 and 8. The front is (1, 5), (2, 2), (5, 1):
        // strips of 1 * 3, 3 * 6 and 3 * 7 make 42.
        let mut values = vec![
            vec![1.0, 5.0],
            vec![2.0, 2.0],
            vec![5.0, 1.0],
            vec![3.0, 5.0],
            vec![9.0, 0.5],
        ];
        values.extend(vec![vec![8.0, 8.0]; 5]);
        values.push(vec![7.0, 9.0]);
        let problem = problem(&[Minimize, Minimize], values);
        let scale = Scale::new(&problem);
        let found = |rows: &[usize]| (scale.score(rows) * 42.0).round();
        // (9, 0.5) is on the front, but beyond the reference.
        assert_eq!(scale.score(&[0, 1, 2, 4]), 1.0);
        assert_eq!(
            [found(&[1]), found(&[0, 2]), found(&[3])],
            [36.0, 33.0, 15.0]
        );
        assert_eq!(scale.score(&[4, 5, 10]), 0.0);
    }

    #[test]
    fn fronts_and_volumes_are_those_of_optuna() {
        let golden = include_str!("../../tests/golden/hypervolume.json");
        let golden: Json = serde_json::from_str(golden).expect("JSON");
        for case in golden.as_array().expect("a list") {
            let directions: Vec<Direction> =
                serde_json::from_value(case["directions"].clone()).expect("directions");
            let values: Vec<Vec<f64>> =
                serde_json::from_value(case["values"].clone()).expect("values");
            let front = pareto_front(&values, &directions);
            assert_eq!(serde_json::json!(front), case["front"]);
            let problem = problem(&directions, values);
            let scale = Scale::new(&problem);
            for subset in case["subsets"].as_array().expect("a list") {
                let rows: Vec<usize> =
                    serde_json::from_value(subset["rows"].clone()).expect("rows");
                let expected = subset["score"].as_f64().expect("a number");
                assert!((scale.score(&rows) - expected).abs() < 1e-12, "{subset}");
            }
        }
    }

    #[test]
    fn means_have_the_standard_error_of_a_sample() {
        // Deviations of 2, 1, 0 and 3 from 3: the variance is 14 / 3.
        let [mean, error] = mean_and_error(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!(mean, 3.0);
        assert!((error - (14.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 1.0), 4.0);
    }
}
