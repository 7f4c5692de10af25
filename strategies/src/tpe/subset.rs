//! The few points of a front that together dominate most.

use firebrick_core::front::hypervolume;
use firebrick_core::objective::Direction;

/// Returns the indices of `n` of the points, which do not dominate each other, chosen greedily for
/// the volume that they dominate together: at least 1 - 1/e of the best possible.
///
/// Costs are less the better. The reference is 10 % of its size beyond the worst of each
/// objective. Infinite costs count as the worst, or best, of the finite ones.
///
/// # Source
/// Guerreiro, Fonseca and Paquete, "Greedy Hypervolume Subset Selection in Low Dimensions",
/// Evolutionary Computation 24(3), 2016; the reference is Optuna 5's. With three objectives and
/// more a point is measured again only when its last gain, which can only have shrunk, is the
/// largest (Minoux 1978).
pub(super) fn greedy_subset(costs: &[&[f64]], n: usize) -> Vec<usize> {
    let (scaled, reference) = scaled(costs);
    match reference.len() {
        2 => greedy_2d(&scaled, &reference, n),
        _ => greedy_lazy(&scaled, &reference, n),
    }
}

/// Returns the costs divided by the largest size of each objective, so that huge ones do not
/// overflow, and the reference point.
fn scaled(costs: &[&[f64]]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n_objectives = costs.first().map_or(0, |costs| costs.len());
    let mut scaled = vec![Vec::with_capacity(n_objectives); costs.len()];
    let mut reference = Vec::with_capacity(n_objectives);
    for objective in 0..n_objectives {
        let column = || costs.iter().map(|costs| costs[objective]);
        let finite = || column().filter(|cost| cost.is_finite());
        let (least, most) = finite()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), cost| {
                (cost.min(least), cost.max(most))
            });
        let size = least.abs().max(most.abs());
        let size = if size > 0.0 && size.is_finite() {
            size
        } else {
            1.0
        };
        let (least, most) = if least > most {
            (0.0, 0.0)
        } else {
            (least, most)
        };
        for (point, cost) in scaled.iter_mut().zip(column()) {
            point.push(cost.clamp(least, most) / size);
        }
        let worst = most / size;
        let beyond = (1.1 * worst).max(0.9 * worst);
        reference.push(if beyond == 0.0 { 1e-12 } else { beyond });
    }
    (scaled, reference)
}

/// Chooses among points of two objectives: a point gains the rectangle between its neighbours
/// among those chosen.
fn greedy_2d(points: &[Vec<f64>], reference: &[f64], n: usize) -> Vec<usize> {
    // The corner that each point's rectangle has opposite to the point.
    let mut corners: Vec<[f64; 2]> = vec![[reference[0], reference[1]]; points.len()];
    let mut chosen: Vec<usize> = Vec::with_capacity(n);
    while chosen.len() < n.min(points.len()) {
        let gain = |idx: usize| {
            let (point, corner) = (&points[idx], &corners[idx]);
            (corner[0] - point[0]).max(0.0) * (corner[1] - point[1]).max(0.0)
        };
        let left = (0..points.len()).filter(|idx| !chosen.contains(idx));
        // The first of equals, so that the answer does not depend on how ties are met.
        let best = left.rev().max_by(|a, b| gain(*a).total_cmp(&gain(*b)));
        let Some(best) = best else { break };
        chosen.push(best);
        let new = &points[best];
        for (point, corner) in points.iter().zip(&mut corners) {
            // On a front, what is further left is higher up.
            if point[0] < new[0] {
                corner[0] = corner[0].min(new[0]);
            } else {
                corner[1] = corner[1].min(new[1]);
            }
        }
    }
    chosen
}

fn greedy_lazy(points: &[Vec<f64>], reference: &[f64], n: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::with_capacity(n);
    // Upper bounds of the gains; infinite where nothing was measured yet.
    let mut bounds = vec![f64::INFINITY; points.len()];
    while chosen.len() < n.min(points.len()) {
        let mut measured = vec![false; points.len()];
        let best = loop {
            let left = (0..points.len()).filter(|idx| !chosen.contains(idx));
            let Some(top) = left.rev().max_by(|a, b| bounds[*a].total_cmp(&bounds[*b])) else {
                return chosen;
            };
            if measured[top] {
                break top;
            }
            let others = chosen.iter().map(|idx| points[*idx].as_slice());
            bounds[top] = gain(&points[top], others, reference);
            measured[top] = true;
        };
        chosen.push(best);
    }
    chosen
}

/// Returns the volume that a point dominates and none of some others does.
///
/// # Source
/// While, Bradstreet and Barone, "A Fast Way of Calculating Exact Hypervolumes", IEEE Transactions
/// on Evolutionary Computation 16(1), 2012: what the others take of the point's box is the volume
/// of the others moved into the box, of which few are left once those dominated are out.
fn gain<'a>(point: &[f64], others: impl Iterator<Item = &'a [f64]>, reference: &[f64]) -> f64 {
    let mut inside: Vec<Vec<f64>> = Vec::new();
    for other in others {
        let moved = other.iter().zip(point).map(|(other, at)| other.max(*at));
        let moved: Vec<f64> = moved.collect();
        let is_below = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a <= b);
        if inside.iter().any(|kept| is_below(kept, &moved)) {
            continue;
        }
        inside.retain(|kept| !is_below(&moved, kept));
        inside.push(moved);
    }
    let sides = reference.iter().zip(point);
    let whole: f64 = sides.map(|(limit, at)| (limit - at).max(0.0)).product();
    let directions = vec![Direction::Minimize; reference.len()];
    whole - hypervolume(&inside, reference, &directions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_largest_rectangle_first_then_what_adds_most() {
        // The reference is (1.1, 1.1) * 4 = (4.4, 4.4). Alone: (1, 4) gains 3.4 * 0.4, (2, 2)
        // gains 2.4 * 2.4, (3, 1.5) gains 1.4 * 2.9, (4, 1) gains 0.4 * 3.4. After (2, 2):
        // (1, 4) adds 1 * 0.4, (3, 1.5) adds 1.4 * 0.5, (4, 1) adds 0.4 * 1.
        let points: [&[f64]; 4] = [&[1.0, 4.0], &[2.0, 2.0], &[3.0, 1.5], &[4.0, 1.0]];
        assert_eq!(greedy_subset(&points, 2), [1, 2]);
        assert_eq!(greedy_subset(&points, 9).len(), 4);
    }

    #[test]
    fn infinite_and_huge_costs_do_no_harm() {
        let inf = f64::INFINITY;
        let points: [&[f64]; 3] = [&[-inf, inf], &[1e308, 1.0], &[-1e308, 2.0]];
        let mut chosen = greedy_subset(&points, 3);
        chosen.sort_unstable();
        assert_eq!(chosen, [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn a_gain_is_what_the_volume_grows_by(
            points in prop::collection::vec(prop::collection::vec(0.0..1.0_f64, 3), 1..8),
        ) {
            let reference = [0.9; 3];
            let volume = |points: &[Vec<f64>]| {
                hypervolume(points, &reference, &[Direction::Minimize; 3])
            };
            let (new, others) = points.split_first().expect("one at least");
            let grown = volume(&points) - volume(others);
            let ours = gain(new, others.iter().map(Vec::as_slice), &reference);
            prop_assert!((ours - grown).abs() < 1e-12, "{} and {}", ours, grown);
        }

        #[test]
        fn two_objectives_choose_what_any_number_would(
            steps in prop::collection::vec((0.01..1.0_f64, 0.01..1.0_f64), 2..12),
            n in 1..6_usize,
        ) {
            let mut points: Vec<Vec<f64>> = Vec::new();
            let (mut x, mut y) = (0.0, 20.0);
            for (right, down) in steps {
                (x, y) = (x + right, y - down);
                points.push(vec![x, y]);
            }
            let reference = [x * 1.1, 22.0];
            prop_assert_eq!(
                greedy_2d(&points, &reference, n),
                greedy_lazy(&points, &reference, n)
            );
        }
    }
}
