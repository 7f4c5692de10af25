//! The Pareto front and its hypervolume.

use crate::objective::Direction;

/// Returns the indices of the points that no other point dominates, in their order.
///
/// A point dominates another if it is nowhere worse and somewhere better. Of equal points all are
/// kept. Points with a NaN are never on the front.
pub fn pareto_front(points: &[Vec<f64>], directions: &[Direction]) -> Vec<usize> {
    let costs: Vec<Option<Vec<f64>>> = points.iter().map(|p| as_costs(p, directions)).collect();
    (0..points.len())
        .filter(|idx| {
            costs[*idx]
                .as_ref()
                .is_some_and(|cost| !costs.iter().flatten().any(|other| dominates(other, cost)))
        })
        .collect()
}

/// Returns the volume that points dominate, up to a reference point that is worse.
///
/// Points that are not better than the reference everywhere add nothing.
///
/// # Source
/// Zitzler and Thiele 1998; computed by slicing along the last objective, exact for any number `d`
/// of objectives, in time `O(n^d)`.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64], directions: &[Direction]) -> f64 {
    let Some(reference) = as_costs(reference, directions) else {
        return f64::NAN;
    };
    let inside: Vec<Vec<f64>> = points
        .iter()
        .filter_map(|point| as_costs(point, directions))
        .filter(|cost| {
            cost.iter()
                .zip(&reference)
                .all(|(cost, limit)| cost < limit)
        })
        .collect();
    volume(&inside, &reference)
}

fn volume(costs: &[Vec<f64>], reference: &[f64]) -> f64 {
    let Some((limit, rest)) = reference.split_last() else {
        return if costs.is_empty() { 0.0 } else { 1.0 };
    };
    if rest.is_empty() {
        let least = costs.iter().map(|cost| cost[0]).fold(*limit, f64::min);
        return limit - least;
    }
    let last = rest.len();
    let mut sorted: Vec<&Vec<f64>> = costs.iter().collect();
    sorted.sort_by(|a, b| a[last].total_cmp(&b[last]));
    let mut slice = Vec::new();
    let mut total = 0.0;
    for (idx, cost) in sorted.iter().enumerate() {
        slice.push(cost[..last].to_vec());
        let depth = sorted.get(idx + 1).map_or(*limit, |next| next[last]) - cost[last];
        if depth > 0.0 {
            total += depth * volume(&slice, rest);
        }
    }
    total
}

fn as_costs(point: &[f64], directions: &[Direction]) -> Option<Vec<f64>> {
    let costs: Vec<f64> = point
        .iter()
        .zip(directions)
        .map(|(value, direction)| direction.as_cost(*value))
        .collect();
    (!costs.iter().any(|cost| cost.is_nan())).then_some(costs)
}

/// Returns whether costs are nowhere above others and somewhere below.
fn dominates(costs: &[f64], others: &[f64]) -> bool {
    costs.iter().zip(others).all(|(cost, other)| cost <= other)
        && costs.iter().zip(others).any(|(cost, other)| cost < other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIN2: [Direction; 2] = [Direction::Minimize, Direction::Minimize];

    #[test]
    fn keeps_what_nothing_dominates() {
        let points = [
            vec![1.0, 5.0],
            vec![2.0, 2.0],
            vec![3.0, 3.0],
            vec![5.0, 1.0],
        ];
        assert_eq!(pareto_front(&points, &MIN2), [0, 1, 3]);
        let directions = [Direction::Maximize, Direction::Minimize];
        assert_eq!(pareto_front(&points, &directions), [3]);
    }

    #[test]
    fn a_point_with_nan_is_never_on_the_front() {
        assert_eq!(
            pareto_front(&[vec![f64::NAN, 0.0], vec![1.0, 1.0]], &MIN2),
            [1]
        );
    }

    #[test]
    fn measures_known_volumes() {
        // Three steps under (4, 4): 1x1 + 1x2 + 1x3 by hand.
        let points = [
            vec![1.0, 3.0],
            vec![2.0, 2.0],
            vec![3.0, 1.0],
            vec![9.0, 0.0],
        ];
        assert_eq!(hypervolume(&points, &[4.0, 4.0], &MIN2), 6.0);
        // Two boxes of 2x2x1 and 1x1x2 with a common 1x1x1, maximised from the origin.
        let directions = [Direction::Maximize; 3];
        let points = [vec![2.0, 2.0, 1.0], vec![1.0, 1.0, 2.0]];
        assert_eq!(hypervolume(&points, &[0.0; 3], &directions), 5.0);
    }

    fn points(n_objectives: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
        let point = prop::collection::vec((0..6_u8).prop_map(f64::from), n_objectives);
        prop::collection::vec(point, 1..12)
    }

    proptest! {
        #[test]
        fn the_front_has_no_dominated_point_and_all_the_volume(points in points(3)) {
            let directions = [Direction::Minimize; 3];
            let front: Vec<Vec<f64>> =
                pareto_front(&points, &directions).iter().map(|idx| points[*idx].clone()).collect();
            prop_assert!(!front.iter().any(|a| front.iter().any(|b| dominates(a, b))));
            let volume = |points: &[Vec<f64>]| hypervolume(points, &[6.0; 3], &directions);
            prop_assert_eq!(volume(&front), volume(&points));
        }

        #[test]
        fn the_volume_counts_the_dominated_cells(points in points(3)) {
            let cells = unit_cells(6).filter(|cell| {
                points.iter().any(|point| point.iter().zip(cell).all(|(p, c)| *p <= f64::from(*c)))
            });
            let expected = cells.count() as f64;
            let directions = [Direction::Minimize; 3];
            prop_assert_eq!(hypervolume(&points, &[6.0; 3], &directions), expected);
        }
    }

    /// The lower corners of the unit cells of a cube.
    fn unit_cells(size: u8) -> impl Iterator<Item = [u8; 3]> {
        (0..size).flat_map(move |a| (0..size).flat_map(move |b| (0..size).map(move |c| [a, b, c])))
    }
}
