//! Directions, and which trials are close to them.

use firebrick_core::random::Stream;
use rand::RngExt;

/// Weight of the objectives that an extreme point is not about.
const SLIGHT: f64 = 1e-6;

/// Returns as many evenly spread directions as there may be: points whose coordinates are
/// multiples of a fraction and sum to 1.
///
/// There are at least as many as objectives: the axes.
pub(super) fn reference_points(n_objectives: usize, n_max: usize) -> Vec<Vec<f64>> {
    let mut n_divisions = 1;
    while n_objectives > 1 && n_points(n_objectives, n_divisions + 1) <= n_max {
        n_divisions += 1;
    }
    let mut points = Vec::new();
    let mut counts = vec![0; n_objectives];
    spread(n_divisions, 0, &mut counts, &mut |counts| {
        let share = |count: &usize| *count as f64 / n_divisions as f64;
        points.push(counts.iter().map(share).collect());
    });
    points
}

/// Returns `(n_objectives + n_divisions - 1)` over `n_divisions`.
fn n_points(n_objectives: usize, n_divisions: usize) -> usize {
    // Each product is a binomial coefficient times its divisor.
    (1..=n_divisions).fold(1_usize, |n, k| n.saturating_mul(n_objectives + k - 1) / k)
}

/// Visits every way to share `left` among the counts from `first` on.
fn spread(left: usize, first: usize, counts: &mut [usize], visit: &mut impl FnMut(&[usize])) {
    if first + 1 >= counts.len() {
        if let Some(last) = counts.last_mut() {
            *last = left;
        }
        return visit(counts);
    }
    for count in 0..=left {
        counts[first] = count;
        spread(left - count, first + 1, counts, visit);
    }
}

/// Returns the direction that each trial is closest to, and its distance from it.
pub(super) fn associate(costs: &[&[f64]], points: &[Vec<f64>]) -> Vec<(usize, f64)> {
    let places = normalised(costs);
    let nearest = |place: &Vec<f64>| {
        let distances = points.iter().map(|point| distance(place, point));
        let all = distances.enumerate();
        all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
    };
    places.iter().map(nearest).collect()
}

/// Returns the square of the distance of a place from the line through 0 and a point.
fn distance(place: &[f64], point: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let along = dot(place, point) / dot(point, point);
    let off = place.iter().zip(point).map(|(x, p)| x - along * p);
    off.map(|off| off * off).sum()
}

/// Returns costs with the best of each objective at 0 and the plane through the extreme points
/// at 1.
fn normalised(costs: &[&[f64]]) -> Vec<Vec<f64>> {
    let n_objectives = costs.first().map_or(0, |costs| costs.len());
    let mut places = vec![Vec::with_capacity(n_objectives); costs.len()];
    for objective in 0..n_objectives {
        // A quarter, so that differences and sums of them are finite.
        let column = || {
            costs
                .iter()
                .map(|c| c[objective].clamp(f64::MIN / 4.0, f64::MAX / 4.0))
        };
        let (least, most) = column().fold((f64::MAX, f64::MIN), |(least, most), cost| {
            (cost.min(least), cost.max(most))
        });
        let width = if most > least { most - least } else { 1.0 };
        for (place, cost) in places.iter_mut().zip(column()) {
            place.push((cost - least) / width);
        }
    }
    let extremes: Vec<&[f64]> = (0..n_objectives)
        .map(|axis| extreme(&places, axis))
        .collect();
    // Without a plane, or with one that cuts an axis below 0 or next to it, the worst of each
    // objective takes its place, as it does already.
    let Some(inverse) = solve_for_ones(&extremes) else {
        return places;
    };
    let is_usable = |inverse: &f64| inverse.is_finite() && *inverse > 0.0 && *inverse < 1e6;
    if inverse.iter().all(is_usable) {
        for place in &mut places {
            for (x, inverse) in place.iter_mut().zip(&inverse) {
                *x *= inverse;
            }
        }
    }
    places
}

/// Returns the place that is closest to an axis.
fn extreme(places: &[Vec<f64>], axis: usize) -> &[f64] {
    let largest = |place: &[f64]| {
        let weighed = place.iter().enumerate().map(
            |(objective, x)| {
                if objective == axis { *x } else { x / SLIGHT }
            },
        );
        weighed.fold(0.0, f64::max)
    };
    let nearest = places
        .iter()
        .min_by(|a, b| largest(a).total_cmp(&largest(b)));
    nearest.map_or(&[], Vec::as_slice)
}

/// Returns the vector whose product with each of the rows is 1, by elimination; `None` if the rows
/// do not fix it.
fn solve_for_ones(rows: &[&[f64]]) -> Option<Vec<f64>> {
    let n = rows.len();
    let mut rows: Vec<Vec<f64>> = rows.iter().map(|row| [row, &[1.0][..]].concat()).collect();
    for column in 0..n {
        let size = |row: &usize| rows[*row][column].abs();
        let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        if size(&pivot) < 1e-12 {
            return None;
        }
        rows.swap(column, pivot);
        let (above, below) = rows.split_at_mut(column + 1);
        for row in below {
            let factor = row[column] / above[column][column];
            for (x, pivot) in row.iter_mut().zip(&above[column]) {
                *x -= factor * pivot;
            }
        }
    }
    let mut solution = vec![0.0; n];
    for idx in (0..n).rev() {
        let known: f64 = (idx + 1..n)
            .map(|other| rows[idx][other] * solution[other])
            .sum();
        solution[idx] = (rows[idx][n] - known) / rows[idx][idx];
    }
    Some(solution)
}

/// Returns `n` of the trials from index `first` on: one after the other from the niche that has
/// the fewest, those before `first` and those taken together.
///
/// An empty niche gets the trial that is closest to its direction, any other one a trial at
/// random. `near` is what [`associate`] returns.
pub(super) fn niches(
    near: &[(usize, f64)],
    first: usize,
    n: usize,
    n_points: usize,
    rng: &mut Stream,
) -> Vec<usize> {
    let mut counts = vec![0_usize; n_points];
    for (point, _) in &near[..first] {
        counts[*point] += 1;
    }
    let mut left: Vec<usize> = (first..near.len()).collect();
    let mut taken = Vec::with_capacity(n);
    while taken.len() < n && !left.is_empty() {
        let fewest = left
            .iter()
            .map(|idx| counts[near[*idx].0])
            .min()
            .unwrap_or(0);
        let mut points: Vec<usize> = left.iter().map(|idx| near[*idx].0).collect();
        points.retain(|point| counts[*point] == fewest);
        points.sort_unstable();
        points.dedup();
        let point = points[rng.random_range(0..points.len())];
        let members: Vec<usize> = (0..left.len())
            .filter(|at| near[left[*at]].0 == point)
            .collect();
        let at = if fewest == 0 {
            let distance = |at: &usize| near[left[*at]].1;
            let closest = members
                .iter()
                .min_by(|a, b| distance(a).total_cmp(&distance(b)));
            *closest.unwrap_or(&members[0])
        } else {
            members[rng.random_range(0..members.len())]
        };
        taken.push(left.remove(at));
        counts[point] += 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::*;

    #[test]
    fn directions_are_as_many_as_the_formula_says() {
        // Three objectives in 4 parts: 15 points, in 5 parts: 21. Table I of the paper has 91 for
        // 12 parts, and 210 for five objectives in 6.
        assert_eq!(reference_points(3, 20).len(), 15);
        assert_eq!(reference_points(3, 91).len(), 91);
        assert_eq!(reference_points(5, 210).len(), 210);
        assert_eq!(reference_points(2, 2), [[0.0, 1.0], [1.0, 0.0]]);
        assert_eq!(reference_points(1, 10), [[1.0]]);
        assert_eq!(reference_points(20, 8).len(), 20);
        for point in reference_points(4, 100) {
            assert!((point.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_trial_belongs_to_the_nearest_direction() {
        let points = reference_points(2, 3);
        let costs: [&[f64]; 4] = [&[0.0, 80.0], &[1.0, 41.0], &[2.0, 0.0], &[1.9, 10.0]];
        let near = associate(&costs, &points);
        let directions: Vec<&Vec<f64>> = near.iter().map(|(idx, _)| &points[*idx]).collect();
        assert_eq!(
            directions,
            [&[0.0, 1.0], &[0.5, 0.5], &[1.0, 0.0], &[1.0, 0.0]]
        );
        assert!(near[0].1 < 1e-12 && near[3].1 > 1e-3);
    }

    #[test]
    fn a_plane_is_found_through_extreme_points() {
        // x/2 + y/4 + z/5 = 1.
        let rows: [&[f64]; 3] = [&[2.0, 0.0, 0.0], &[1.0, 2.0, 0.0], &[0.0, 2.0, 2.5]];
        let inverse = solve_for_ones(&rows).expect("regular");
        for (found, expected) in inverse.iter().zip([0.5, 0.25, 0.2]) {
            assert!((found - expected).abs() < 1e-12, "{inverse:?}");
        }
        assert_eq!(solve_for_ones(&[&[1.0, 1.0], &[2.0, 2.0]]), None);
    }

    #[test]
    fn huge_and_infinite_costs_have_places() {
        let inf = f64::INFINITY;
        let costs: [&[f64]; 3] = [&[-inf, 1e300, 1.0], &[1e300, -1e300, 1.0], &[inf, inf, 1.0]];
        let places = normalised(&costs);
        assert!(places.iter().flatten().all(|x| x.is_finite()), "{places:?}");
    }

    #[test]
    fn the_emptiest_niche_comes_first() {
        // Direction 0 has a trial already; of those left, 2 is closest to direction 1.
        let near = [(0, 0.0), (0, 0.1), (1, 0.2), (1, 0.3)];
        let mut rng = stream(0, Purpose::Strategy, 0);
        assert_eq!(niches(&near, 1, 1, 2, &mut rng), [2]);
        let mut all = niches(&near, 1, 9, 2, &mut rng);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    }
}
