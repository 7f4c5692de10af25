//! What a study wants: metrics, their directions and scales.

use serde::{Deserialize, Serialize};

/// Whether more or less of a number is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is better.
    Minimize,
    /// More is better.
    Maximize,
}

impl Direction {
    /// Returns the value turned so that less is better.
    pub fn as_cost(self, value: f64) -> f64 {
        match self {
            Self::Minimize => value,
            Self::Maximize => -value,
        }
    }
}

/// A metric with the direction in which it is better and the scale under which it is reported.
///
/// The direction applies to the scaled value, as in MASE: a negative scale turns it round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The name of the metric.
    pub metric: String,
    /// Where better lies.
    pub direction: Direction,
    /// The factor between the metric and the value that is told to the strategy.
    pub scale: f64,
}
