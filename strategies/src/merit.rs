//! How good a trial is, for strategies that only ask which of two is better.

use std::cmp::Ordering;

use firebrick_core::objective::Direction;
use firebrick_core::strategy::StrategyError;
use firebrick_core::trial::{Outcome, Trial};

/// What a trial that did not fail says about how good its point is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Merit {
    /// The objectives, less being better.
    Complete(Vec<f64>),
    /// The last step, and the first objective there, less being better.
    Pruned { step: u64, cost: f64 },
    /// It can't be built or breaks a constraint.
    Infeasible,
}

impl Merit {
    /// Returns the merit of a trial; `None` if it failed or an objective is NaN.
    ///
    /// # Errors
    /// [`StrategyError::Other`] if it has another number of objectives than the study.
    pub(crate) fn of(
        trial: &Trial,
        directions: &[Direction],
    ) -> Result<Option<Self>, StrategyError> {
        Ok(match &trial.outcome {
            Outcome::Complete { values } if values.len() != directions.len() => {
                let (number, found, expected) = (trial.number, values.len(), directions.len());
                return Err(StrategyError::Other(format!(
                    "trial {number} has {found} values for {expected} objectives"
                )));
            }
            Outcome::Complete { values } => {
                let costs = values.iter().zip(directions).map(|(v, d)| d.as_cost(*v));
                let costs: Vec<f64> = costs.collect();
                (!costs.iter().any(|cost| cost.is_nan())).then_some(Self::Complete(costs))
            }
            Outcome::Pruned { step } => {
                let reports = trial.intermediate.iter().filter(|(at, _)| at <= step);
                let last = reports.max_by_key(|(at, _)| *at).map(|(_, value)| *value);
                let cost = last.zip(directions.first()).map(|(v, d)| d.as_cost(v));
                // No report, or one that is NaN, is the worst there is.
                let cost = cost.filter(|cost| !cost.is_nan()).unwrap_or(f64::INFINITY);
                Some(Self::Pruned { step: *step, cost })
            }
            Outcome::Infeasible { .. } => Some(Self::Infeasible),
            Outcome::Failed { .. } => None,
        })
    }

    /// Returns the objectives of a complete trial.
    pub(crate) fn costs(&self) -> Option<&[f64]> {
        match self {
            Self::Complete(costs) => Some(costs),
            Self::Pruned { .. } | Self::Infeasible => None,
        }
    }

    /// Compares what trials are before their objectives count: complete ones come first, then
    /// pruned ones, the later pruned the better, and among those the better report; infeasible ones
    /// come last.
    fn compare_kinds(&self, other: &Self) -> Ordering {
        let kind = |merit: &Self| match merit {
            Self::Complete(_) => 0,
            Self::Pruned { .. } => 1,
            Self::Infeasible => 2,
        };
        match (self, other) {
            (
                Self::Pruned { step, cost },
                Self::Pruned {
                    step: other_step,
                    cost: other_cost,
                },
            ) => other_step.cmp(step).then(cost.total_cmp(other_cost)),
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

/// Returns trials, by index, front by front: no trial of a front dominates another of the same,
/// and each is dominated by one of the front before, or is of a worse kind.
///
/// # Source
/// Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Transactions on
/// Evolutionary Computation 6(2), 2002, sections III.A and VI.A: feasible dominates infeasible.
pub(crate) fn fronts(merits: &[&Merit]) -> Vec<Vec<usize>> {
    let mut rest: Vec<usize> = (0..merits.len()).collect();
    // In this order nothing is dominated by what comes after it.
    rest.sort_by(|a, b| compare(merits[*a], merits[*b]));
    let mut fronts = Vec::new();
    while !rest.is_empty() {
        let mut front: Vec<usize> = Vec::new();
        let mut behind = Vec::new();
        for idx in rest {
            let is_behind = front
                .iter()
                .any(|other| dominates(merits[*other], merits[idx]));
            if is_behind { &mut behind } else { &mut front }.push(idx);
        }
        front.sort_unstable();
        fronts.push(front);
        rest = behind;
    }
    fronts
}

/// Returns whether a trial is better than another whatever the objectives are worth.
pub(crate) fn dominates(merit: &Merit, other: &Merit) -> bool {
    match (merit.costs(), other.costs()) {
        (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| a <= b) && a != b,
        _ => merit.compare_kinds(other).is_lt(),
    }
}

/// Compares trials by kind, then by the objectives, the first one first.
pub(crate) fn compare(merit: &Merit, other: &Merit) -> Ordering {
    let kinds = merit.compare_kinds(other);
    let costs = merit.costs().unwrap_or_default();
    let others = other.costs().unwrap_or_default();
    let orders = costs.iter().zip(others).map(|(a, b)| a.total_cmp(b));
    orders.fold(kinds, Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(costs: [f64; 2]) -> Merit {
        Merit::Complete(costs.to_vec())
    }

    #[test]
    fn fronts_are_those_found_by_hand() {
        // (1, 4), (2, 2) and (4, 1) are the front; (2, 3) is behind (2, 2) and in front of (3, 3).
        let points = [[4.0, 1.0], [2.0, 3.0], [3.0, 3.0], [1.0, 4.0], [2.0, 2.0]];
        let merits: Vec<Merit> = points.into_iter().map(complete).collect();
        let merits: Vec<&Merit> = merits.iter().collect();
        assert_eq!(fronts(&merits), [vec![0, 3, 4], vec![1], vec![2]]);
    }

    #[test]
    fn equal_trials_are_on_one_front() {
        let merits = [complete([1.0, 1.0]), complete([1.0, 1.0])];
        assert_eq!(fronts(&[&merits[0], &merits[1]]), [[0, 1]]);
    }

    #[test]
    fn feasible_trials_dominate_infeasible_ones_and_complete_ones_pruned_ones() {
        let pruned = |step, cost| Merit::Pruned { step, cost };
        let merits = [
            Merit::Infeasible,
            pruned(3, 1.0),
            pruned(3, 1.0),
            pruned(4, 2.0),
            pruned(4, 1.0),
            complete([f64::INFINITY, 1e300]),
            Merit::Infeasible,
        ];
        let merits: Vec<&Merit> = merits.iter().collect();
        let expected = [vec![5], vec![4], vec![3], vec![1, 2], vec![0, 6]];
        assert_eq!(fronts(&merits), expected);
    }
}
