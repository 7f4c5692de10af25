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
    /// It breaks constraints by so much, or can't be built: infinity.
    Infeasible { violation: f64 },
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
            Outcome::Infeasible { violation, .. } => Some(Self::Infeasible {
                violation: violation
                    .filter(|violation| !violation.is_nan())
                    .unwrap_or(f64::INFINITY),
            }),
            Outcome::Failed { .. } => None,
        })
    }

    /// Returns the objectives of a complete trial.
    pub(crate) fn costs(&self) -> Option<&[f64]> {
        match self {
            Self::Complete(costs) => Some(costs),
            Self::Pruned { .. } | Self::Infeasible { .. } => None,
        }
    }

    /// Compares what trials are before their objectives count: complete ones come first, then
    /// pruned ones, the later pruned the better, and among those the better report; infeasible ones
    /// come last, the less they are beyond their limits the better.
    fn compare_kinds(&self, other: &Self) -> Ordering {
        let kind = |merit: &Self| match merit {
            Self::Complete(_) => 0,
            Self::Pruned { .. } => 1,
            Self::Infeasible { .. } => 2,
        };
        match (self, other) {
            (
                Self::Pruned { step, cost },
                Self::Pruned {
                    step: other_step,
                    cost: other_cost,
                },
            ) => other_step.cmp(step).then(cost.total_cmp(other_cost)),
            (
                Self::Infeasible { violation },
                Self::Infeasible {
                    violation: other_violation,
                },
            ) => violation.total_cmp(other_violation),
            _ => kind(self).cmp(&kind(other)),
        }
    }
}

/// Returns trials, by index, front by front: no trial of a front dominates another of the same,
/// and each is dominated by one of the front before, or is of a worse kind.
///
/// # Source
/// Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE Transactions on
/// Evolutionary Computation 6(2), 2002, sections III.A and VI.A: a feasible trial dominates an
/// infeasible one, and of two infeasible ones the one that is less beyond its limits.
pub(crate) fn fronts(merits: &[&Merit]) -> Vec<Vec<usize>> {
    let mut rest: Vec<usize> = (0..merits.len()).collect();
    // In this order nothing is dominated by what comes after it.
    rest.sort_by(|a, b| compare(merits[*a], merits[*b]));
    let n_complete = rest.partition_point(|idx| merits[*idx].costs().is_some());
    // All others have one place each, which equals share.
    let others = rest.split_off(n_complete);
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
    let equals = others.chunk_by(|a, b| merits[*a].compare_kinds(merits[*b]).is_eq());
    fronts.extend(equals.map(<[usize]>::to_vec));
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
mod tests;
