//! One evaluated point of a study.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::Params;

/// How a trial ended. A study never dies because a trial did: failure is data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// The trial was evaluated.
    Complete {
        /// The scaled objectives, in the order of the study; never NaN.
        values: Vec<f64>,
    },
    /// The trial was stopped before its end because it looked hopeless.
    Pruned {
        /// The last step (epoch) that it finished.
        step: u64,
    },
    /// The point can't be built or breaks a constraint; nothing was trained.
    Infeasible {
        /// What does not fit.
        reason: String,
        /// How far beyond its limits the point is: the sum, over the limits that it breaks, of what
        /// is too much as a part of the limit, or in the unit of the metric where the limit is 0.
        /// Above 0. Absent where nothing tells: the network can't be built, or what is measured is
        /// no finite number.
        ///
        /// # Source
        /// The constraint violation of Deb et al., "A Fast and Elitist Multiobjective Genetic
        /// Algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6(2), 2002, section
        /// VI. Differs: relative, so that limits in bytes and in microseconds add up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        violation: Option<f64>,
    },
    /// The evaluation went wrong.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

/// One finished trial, as strategies are told and files keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The number of the trial, from 0 in the order of asking.
    pub number: u64,
    /// The canonical params.
    pub params: Params,
    /// How it ended.
    pub outcome: Outcome,
    /// Every metric that was measured, objectives or not, unscaled.
    pub metrics: BTreeMap<String, f64>,
    /// Metric reports while it ran: (step, value of the first objective, unscaled).
    #[serde(default)]
    pub intermediate: Vec<(u64, f64)>,
}

impl Trial {
    /// Returns the objective values of a complete trial.
    pub fn values(&self) -> Option<&[f64]> {
        match &self.outcome {
            Outcome::Complete { values } => Some(values),
            Outcome::Pruned { .. } | Outcome::Infeasible { .. } | Outcome::Failed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_without_a_violation_is_read() {
        let old = json!({ "state": "infeasible", "reason": "too large" });
        let outcome = Outcome::Infeasible {
            reason: "too large".to_owned(),
            violation: None,
        };
        assert_eq!(
            serde_json::from_value::<Outcome>(old.clone()).expect("read"),
            outcome
        );
        // And what has none is written as before, for plugins that know of none.
        assert_eq!(serde_json::to_value(&outcome).expect("written"), old);
    }

    #[test]
    fn a_violation_keeps_its_digits() {
        let outcome = Outcome::Infeasible {
            reason: "too large".to_owned(),
            violation: Some(0.1 + 0.2),
        };
        let text = serde_json::to_string(&outcome).expect("written");
        assert_eq!(
            serde_json::from_str::<Outcome>(&text).expect("read"),
            outcome
        );
    }
}
