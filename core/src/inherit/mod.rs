//! First weights of a candidate from those of a trained base.
//!
//! The groups of [`crate::channels`] say which channels of the base a candidate has fewer or more
//! of. `matching` finds the base's node of each of the candidate's and how wide each group became,
//! `choose` decides which channels of the base the candidate's stand for, `transfer` moves the
//! numbers. `fold` is for candidates whose layers have taken in batch normalisations of the base.

mod choose;
mod fold;
mod matching;
mod transfer;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::graph::Graph;
use crate::weights::{Weights, WeightsError};

/// What a candidate takes over from a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inherit {
    /// Nothing: weights start from noise.
    None,
    /// Channels that the base has; what is wider starts from noise.
    Slice,
    /// As `slice`, but what is wider repeats channels of the base, so that the candidate computes
    /// what the base does.
    Net2net,
}

/// Which channels of the base a narrower candidate keeps: those of the greatest importance.
///
/// That of a channel is summed over all layers that make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// The sum of the absolute weights that make it.
    ///
    /// # Source
    /// Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017,
    /// <https://arxiv.org/abs/1608.08710>.
    L1,
    /// The root of the sum of the squared weights that make it.
    L2,
    /// The absolute scale of the batch norms that it goes through; channels without batch norm are
    /// compared by `l1`.
    ///
    /// # Source
    /// Liu et al., "Learning Efficient Convolutional Networks through Network Slimming", ICCV 2017,
    /// <https://arxiv.org/abs/1708.06519>.
    BatchNorm,
    /// A draw under the seed, to compare with.
    Random,
}

/// How weights are inherited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// What is taken over.
    pub inherit: Inherit,
    /// What is kept where the candidate is narrower.
    #[serde(default = "Importance::unsaid")]
    pub importance: Importance,
}

/// Why weights can't be inherited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InheritError {
    /// The weights are not those of the base.
    #[error("the weights of the base do not fit it: {0}")]
    Base(#[from] WeightsError),
    /// A node names a source that the base does not have.
    #[error("node `{node}` has its weights from `{source_node}`, which the base does not have")]
    UnknownSource {
        /// The node of the candidate.
        node: String,
        /// The name that it gives.
        source_node: String,
    },
    /// A node has taken in what can't be found beside its source.
    #[error("node `{node}` has taken in `{fold}`, {reason}")]
    Fold {
        /// The node of the candidate.
        node: String,
        /// The batch normalisation that it names.
        fold: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Inherit {
    /// All there are, in the order of what they take over.
    pub const ALL: [Self; 3] = [Self::None, Self::Slice, Self::Net2net];

    /// Returns the word for it, as in study files.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Slice => "slice",
            Self::Net2net => "net2net",
        }
    }
}

impl Importance {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::L1, Self::L2, Self::BatchNorm, Self::Random];

    /// Returns what counts where nothing is said.
    pub fn unsaid() -> Self {
        Self::L1
    }

    /// Returns the word for it, as in study files.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::BatchNorm => "batch_norm",
            Self::Random => "random",
        }
    }
}

/// Returns the first weights of a candidate.
///
/// A node's source is the base's node of the name in `weights_from`, or else of its own name. Where
/// a group of channels is narrower than in the base, the most important channels stay, in their
/// order (of two equal ones the first); all that makes or reads them is sliced alike: rows and
/// columns of weights, batch norms with their running statistics, depthwise convolutions, the
/// columns of a linear layer behind a flatten or a concatenation. A convolution in groups keeps as
/// many channels of each of its groups. Where a group is wider, the new channels start from
/// [`Weights::init`] of the candidate (`slice`), or repeat channels of the base (`net2net`).
///
/// A node that has no source, or one of another type, kernel or number of groups, or one whose
/// sizes the base's groups do not explain, starts from [`Weights::init`] of the candidate, and so
/// does a tensor that the source does not have.
///
/// A layer that notes `folds` inherits from its source and from these batch normalisations of the
/// base, and is folded in float64: under running statistics it computes what they compute one after
/// the other. What the source notes itself, it has taken in already.
///
/// A learned step is inherited where the operand has the format of the base; elsewhere, and where a
/// layer was folded anew, it is left for [`crate::calibration`] to choose.
///
/// With `net2net`, a candidate that is nowhere narrower computes what the base computes, in
/// training too but for dropout: a repeated channel goes through the same batch norm, and the
/// weights of who reads it are split among the copies.
///
/// # Errors
/// [`InheritError`] if the weights do not fit the base, or a node names a source that is not there
/// or batch normalisations that do not stand beside it.
///
/// # Source
/// Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016,
/// section 2.2 (Net2WiderNet), <https://arxiv.org/abs/1511.05641>. Differs: there the copies of a
/// channel get equal shares of the weights that read it, and noise or dropout has to part them;
/// here each row draws its own shares, so that copies get different gradients from the first step.
pub fn inherit(
    base: &Graph,
    base_weights: &Weights,
    candidate: &Graph,
    how: How,
    seed: u64,
) -> Result<Weights, InheritError> {
    base_weights.check(base)?;
    if how.inherit == Inherit::None {
        return Ok(Weights::init(candidate, seed));
    }
    match fold::Unfolded::of(base, candidate)? {
        None => plain(base, base_weights, candidate, how, seed),
        Some(unfolded) => {
            let weights = plain(base, base_weights, &unfolded.graph, how, seed)?;
            Ok(unfolded.fold(candidate, &weights))
        }
    }
}

/// Returns the first weights of a candidate, whatever its layers have taken in.
fn plain(
    base: &Graph,
    base_weights: &Weights,
    candidate: &Graph,
    how: How,
    seed: u64,
) -> Result<Weights, InheritError> {
    let mut weights = Weights::init(candidate, seed);
    let matching = matching::Matching::of(base, candidate)?;
    let sources = choose::sources(base, base_weights, &matching, how, seed);
    transfer::transfer(
        base_weights,
        candidate,
        &matching,
        &sources,
        seed,
        &mut weights,
    );
    transfer::transfer_steps(base, base_weights, candidate, &matching, &mut weights);
    Ok(weights)
}

#[cfg(test)]
mod tests;
