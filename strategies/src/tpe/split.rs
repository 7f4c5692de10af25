//! Which trials are good: the split that the two densities are fitted to.

use firebrick_core::objective::Direction;
use firebrick_core::trial::{Outcome, Trial};

use super::subset::greedy_subset;

/// What a finished trial says about how good its point is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// The objectives, less being better.
    Complete(Vec<f64>),
    /// The last step, and the first objective there, less being better, if it was reported.
    Pruned { step: u64, cost: Option<f64> },
    /// It could not be evaluated: it breaks constraints by so much, or could not even be built.
    Infeasible { violation: Option<f64> },
    /// Its evaluation went wrong.
    Failed,
}

impl Standing {
    /// Returns the standing of a trial. An objective that is NaN counts as a failure.
    pub(super) fn of(trial: &Trial, directions: &[Direction]) -> Self {
        match &trial.outcome {
            Outcome::Complete { values } => {
                let costs = values.iter().zip(directions).map(|(v, d)| d.as_cost(*v));
                let costs: Vec<f64> = costs.collect();
                if costs.iter().any(|cost| cost.is_nan()) {
                    return Self::Failed;
                }
                Self::Complete(costs)
            }
            Outcome::Pruned { step } => {
                let reports = trial.intermediate.iter().filter(|(at, _)| at <= step);
                let last = reports.max_by_key(|(at, _)| *at).map(|(_, value)| *value);
                let cost = last.zip(directions.first()).map(|(v, d)| d.as_cost(v));
                // A report that is NaN is the worst there is.
                let cost = cost.map(|cost| if cost.is_nan() { f64::INFINITY } else { cost });
                Self::Pruned { step: *step, cost }
            }
            Outcome::Infeasible { violation, .. } => Self::Infeasible {
                violation: violation.filter(|violation| !violation.is_nan()),
            },
            Outcome::Failed { .. } => Self::Failed,
        }
    }

    /// Returns whether the trial says something about the space rather than about an accident.
    pub(super) fn is_informative(&self) -> bool {
        *self != Self::Failed
    }
}

/// Returns which of the trials are good, in their order: the 10 % that are best, rounded up.
///
/// With one objective there are 25 at most. Complete trials come first, then pruned ones: the later
/// pruned the better, and among those the better value; then those that break constraints, the less
/// the better, which leads a study that found nothing feasible there. Trials that could not be
/// built, and failed ones, are never good, though the former count among those of which 10 % are
/// taken. With several objectives complete trials are taken front by front, and from the front that
/// is too large those that together dominate most.
///
/// # Source
/// One objective: Optuna 5's TPE. Several: Ozaki et al., "Multiobjective Tree-Structured Parzen
/// Estimator", JAIR 73, 2022, as in Optuna 5. Differs: a violation is relative to its limit; a
/// trial without one says only that it is infeasible, so it is never good, even when there are no
/// others.
pub(super) fn good(standings: &[Standing], n_objectives: usize) -> Vec<usize> {
    let n_informative = standings
        .iter()
        .filter(|standing| standing.is_informative())
        .count();
    let tenth = n_informative.div_ceil(10);
    let n_good = if n_objectives == 1 {
        tenth.min(25)
    } else {
        tenth
    };

    let mut complete: Vec<(usize, &[f64])> = Vec::new();
    let mut pruned: Vec<(usize, u64, Option<f64>)> = Vec::new();
    let mut infeasible: Vec<(usize, f64)> = Vec::new();
    for (idx, standing) in standings.iter().enumerate() {
        match standing {
            Standing::Complete(costs) => complete.push((idx, costs)),
            Standing::Pruned { step, cost } => pruned.push((idx, *step, *cost)),
            Standing::Infeasible {
                violation: Some(violation),
            } => infeasible.push((idx, *violation)),
            Standing::Infeasible { violation: None } | Standing::Failed => {}
        }
    }
    let mut good = if n_objectives == 1 {
        let by_cost = |a: &(usize, &[f64]), b: &(usize, &[f64])| {
            a.1[0].total_cmp(&b.1[0]).then(a.0.cmp(&b.0))
        };
        if n_good < complete.len() {
            complete.select_nth_unstable_by(n_good, by_cost);
        }
        complete.iter().map(|(idx, _)| *idx).take(n_good).collect()
    } else {
        best_fronts(&complete, n_good)
    };
    pruned.sort_by(|a, b| {
        let worst = f64::INFINITY;
        let costs = a.2.unwrap_or(worst).total_cmp(&b.2.unwrap_or(worst));
        let reported = b.2.is_some().cmp(&a.2.is_some());
        reported.then(b.1.cmp(&a.1)).then(costs)
    });
    good.extend(
        pruned
            .iter()
            .map(|(idx, _, _)| *idx)
            .take(n_good - good.len()),
    );
    infeasible.sort_by(|a, b| a.1.total_cmp(&b.1));
    let room = n_good - good.len();
    good.extend(infeasible.iter().map(|(idx, _)| *idx).take(room));
    good.sort_unstable();
    good
}

/// Returns the indices of `n_good` trials: whole fronts, then the best subset of the next one.
fn best_fronts(complete: &[(usize, &[f64])], n_good: usize) -> Vec<usize> {
    let mut rest: Vec<(usize, &[f64])> = complete.to_vec();
    // In this order nothing is dominated by what comes after it.
    rest.sort_by(|a, b| compare(a.1, b.1));
    let mut good = Vec::with_capacity(n_good);
    if rest.first().is_some_and(|(_, costs)| costs.len() == 2) {
        for front in fronts_of_two(&rest) {
            take(&mut good, &front, n_good);
        }
        return good;
    }
    while good.len() < n_good && !rest.is_empty() {
        let front;
        (front, rest) = split_front(&rest);
        take(&mut good, &front, n_good);
    }
    good
}

/// Takes a front, or the best subset of it that there is room for.
fn take(good: &mut Vec<usize>, front: &[(usize, &[f64])], n_good: usize) {
    let room = n_good - good.len();
    if front.len() <= room {
        good.extend(front.iter().map(|(idx, _)| *idx));
    } else if room > 0 {
        let costs: Vec<&[f64]> = front.iter().map(|(_, costs)| *costs).collect();
        let chosen = greedy_subset(&costs, room).into_iter();
        good.extend(chosen.map(|of_front| front[of_front].0));
    }
}

/// Splits sorted costs of two objectives into their fronts, the best first.
///
/// # Source
/// The last point of a front has its least second cost, so it alone says whether a later point is
/// dominated by the front; and what a front dominates all fronts before it do. So the front of a
/// point is found by bisection: Jensen, "Reducing the Run-Time Complexity of Multiobjective EAs",
/// IEEE Transactions on Evolutionary Computation 7(5), 2003.
fn fronts_of_two<'a>(sorted: &[(usize, &'a [f64])]) -> Vec<Costs<'a>> {
    let mut fronts: Vec<Costs<'a>> = Vec::new();
    for point in sorted {
        let place = fronts.partition_point(|front| {
            let last = front.last();
            last.is_some_and(|(_, last)| dominates(last, point.1))
        });
        match fronts.get_mut(place) {
            Some(front) => front.push(*point),
            None => fronts.push(vec![*point]),
        }
    }
    fronts
}

type Costs<'a> = Vec<(usize, &'a [f64])>;

/// Splits sorted costs into those that no other dominates and the rest.
fn split_front<'a>(sorted: &[(usize, &'a [f64])]) -> (Costs<'a>, Costs<'a>) {
    let mut front: Costs<'a> = Vec::new();
    let mut rest = Vec::new();
    for point in sorted {
        // Whatever dominates a point comes before it, so it is on the front or dominated by one
        // that is. The latest are the nearest, so they are asked first.
        let dominated = front
            .iter()
            .rev()
            .any(|(_, other)| dominates(other, point.1));
        if dominated { &mut rest } else { &mut front }.push(*point);
    }
    (front, rest)
}

fn dominates(costs: &[f64], others: &[f64]) -> bool {
    costs.iter().zip(others).all(|(a, b)| a <= b) && costs != others
}

fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let orders = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNBUILDABLE: Standing = Standing::Infeasible { violation: None };

    fn check(standings: &[Standing], n_objectives: usize, expected: &[usize]) {
        assert_eq!(good(standings, n_objectives), expected);
    }

    fn complete(costs: &[f64]) -> Vec<Standing> {
        costs
            .iter()
            .map(|cost| Standing::Complete(vec![*cost]))
            .collect()
    }

    #[test]
    fn a_tenth_rounded_up_is_good() {
        let costs: Vec<f64> = (0..11).map(f64::from).rev().collect();
        check(&complete(&costs[..10]), 1, &[9]);
        check(&complete(&costs), 1, &[9, 10]);
    }

    #[test]
    fn one_objective_has_25_good_trials_at_most() {
        let costs: Vec<f64> = (0..400).map(f64::from).collect();
        let expected: Vec<usize> = (0..25).collect();
        check(&complete(&costs), 1, &expected);
    }

    #[test]
    fn pruned_trials_stand_between_complete_and_unbuildable_ones() {
        let pruned = |step, cost| Standing::Pruned { step, cost };
        let mut trials = vec![
            UNBUILDABLE,
            pruned(3, None),
            pruned(3, Some(2.0)),
            pruned(4, Some(9.0)),
            pruned(4, Some(1.0)),
            Standing::Failed,
            Standing::Complete(vec![1e300]),
        ];
        let infeasible = vec![UNBUILDABLE; 45];
        trials.extend(infeasible);
        // 51 informative trials make 6 good ones, and there are 5 that can be.
        check(&trials, 1, &[1, 2, 3, 4, 6]);
        trials.truncate(6 + 20);
        // 25 make 3.
        check(&trials, 1, &[3, 4, 6]);
    }

    #[test]
    fn what_breaks_constraints_comes_after_all_feasible_trials_the_less_the_better() {
        let infeasible = |violation| Standing::Infeasible {
            violation: Some(violation),
        };
        let mut trials = vec![
            infeasible(0.5),
            infeasible(0.25),
            UNBUILDABLE,
            infeasible(2.0),
            infeasible(0.25),
        ];
        trials.extend(vec![infeasible(9.0); 16]);
        for n_objectives in [1, 2] {
            // 21 make 3.
            check(&trials, n_objectives, &[0, 1, 4]);
        }
        let pruned = Standing::Pruned {
            step: 0,
            cost: None,
        };
        trials.extend([Standing::Complete(vec![1e300, 1e300]), pruned]);
        check(&trials, 2, &[1, 21, 22]);
    }

    #[test]
    fn failed_trials_do_not_count_and_are_never_good() {
        check(&[Standing::Failed, UNBUILDABLE], 1, &[]);
        let mut trials = vec![Standing::Failed; 30];
        trials.extend(complete(&[2.0, 1.0]));
        check(&trials, 1, &[31]);
    }

    #[test]
    fn several_objectives_go_front_by_front() {
        // Two fronts by hand: {a, b} dominates {c}, and everything dominates the fillers.
        let mut trials = vec![vec![9.0, 9.0]; 18];
        trials.extend([vec![3.0, 3.0], vec![1.0, 2.0], vec![2.0, 1.0]]);
        let trials: Vec<Standing> = trials.into_iter().map(Standing::Complete).collect();
        // 21 trials make 3.
        check(&trials, 2, &[18, 19, 20]);
        // 19 make 2, and 20 and 21 were left out: the best of the rest is one of the fillers.
        check(&trials[..19], 2, &[0, 18]);
    }

    #[test]
    fn fronts_of_two_objectives_are_those_of_any_number() {
        // A grid of few values, so that costs are often equal.
        let costs: Vec<[f64; 2]> = (0..200_u32)
            .map(|n| [f64::from(n * 37 % 13), f64::from(n * 53 % 11)])
            .collect();
        let mut rest: Vec<(usize, &[f64])> =
            costs.iter().map(|c| c.as_slice()).enumerate().collect();
        rest.sort_by(|a, b| compare(a.1, b.1));
        for ours in fronts_of_two(&rest.clone()) {
            let front;
            (front, rest) = split_front(&rest);
            assert_eq!(ours, front);
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn equal_points_are_on_the_same_front() {
        let costs = [[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]];
        let points: Vec<(usize, &[f64])> = costs.iter().map(|c| c.as_slice()).enumerate().collect();
        let (front, rest) = split_front(&points);
        assert_eq!(front.len(), 2);
        assert_eq!(rest, [(2, [1.0, 2.0].as_slice())]);
    }
}
