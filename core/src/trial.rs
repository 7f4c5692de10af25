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
