//! Strategies: what proposes params.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::objective::Direction;
use crate::space::Space;
use crate::trial::Trial;
use crate::value::Params;

/// Proposes the params of trials, and learns from the trials that finished.
///
/// The state of a strategy is a function of the study it was made for, its settings, the trials
/// told, in trial-number order, and its own proposals for earlier numbers that were not told yet;
/// of nothing else. Whatever chance a proposal needs comes from [`crate::random::stream`] under
/// the study's seed and the trial's number. So a study is resumed by telling the stored trials to
/// a new strategy.
///
/// A study may begin with points that its user gives, and so with trials that the strategy is told
/// and was not asked for. It learns from them as from its own, and one that proposes no point twice
/// does not propose these either.
///
/// The caller asks for ascending numbers, tells every trial once, in ascending order, and may ask
/// several times before it tells. A number whose trial was lost is asked for again.
pub trait Strategy: Send {
    /// Returns params for each of the trial numbers, in their order.
    ///
    /// Fewer params than numbers mean that the space is exhausted: there is nothing left that
    /// this strategy would evaluate. Params are canonical (see [`Space::canonical`]).
    ///
    /// # Errors
    /// [`StrategyError`] if the strategy can't go on; the study ends with this message.
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError>;

    /// Learns from finished trials, whatever their outcome.
    ///
    /// # Errors
    /// [`StrategyError`] if the strategy can't go on; the study ends with this message.
    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError>;
}

/// What a strategy knows about the study that it serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Where params come from.
    pub space: Space,
    /// The direction of each objective.
    pub directions: Vec<Direction>,
    /// The seed of the study.
    pub seed: u64,
    /// How many trials the study may spend, if that is known.
    pub n_trials: Option<u64>,
}

impl Study {
    /// Returns the number of points of the space, for a strategy that counts them.
    ///
    /// # Errors
    /// [`StrategyError::Space`] names the first continuous parameter; [`StrategyError::Other`] if
    /// there are more points than 128 bits can count.
    pub fn n_points(&self) -> Result<u128, StrategyError> {
        let mut parameters = self.space.parameters().iter();
        match parameters.find(|parameter| parameter.domain.size().is_none()) {
            Some(continuous) => Err(StrategyError::Space {
                parameter: continuous.name.clone(),
                reason: "is continuous: trying every point needs a `step`".to_owned(),
            }),
            None => self.space.size().ok_or_else(|| {
                StrategyError::Other("the space has more than 2^128 points".to_owned())
            }),
        }
    }
}

/// Why a strategy can't serve a study.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum StrategyError {
    /// The settings do not fit the schema of the strategy.
    #[error("{0}")]
    Settings(String),
    /// The space has a parameter that the strategy can't handle.
    #[error("parameter `{parameter}` {reason}")]
    Space {
        /// The name of the parameter.
        parameter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The study has a number of objectives that the strategy can't handle.
    #[error("the study has {found} objectives, {reason}")]
    Objectives {
        /// How many there are.
        found: usize,
        /// What the strategy needs.
        reason: String,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
