//! A candidate on its way through its training.

use firebrick_core::engine::{Candidate, Epoch, TrainOutcome};
use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;

use super::Fitted;

/// A candidate on its way through its parts.
pub(super) struct Part {
    pub(super) position: usize,
    pub(super) candidate: Candidate,
    /// The network with its formats, while the candidate is in float32.
    pub(super) quantized: Option<Graph>,
    epochs: Vec<Epoch>,
    pub(super) kept_epoch: usize,
}

impl Part {
    pub(super) fn new(position: usize, candidate: Candidate) -> Self {
        Self {
            position,
            candidate,
            quantized: None,
            epochs: Vec::new(),
            kept_epoch: 0,
        }
    }

    pub(super) fn with_first_weights(mut self) -> Self {
        let Candidate {
            graph,
            seed,
            weights,
        } = &mut self.candidate;
        weights.get_or_insert_with(|| Weights::init(graph, *seed));
        self
    }

    /// Returns the candidate with what its first part came to, or notes that it ended there.
    pub(super) fn goes_on(
        mut self,
        outcome: TrainOutcome,
        fitted: &mut [Option<Fitted>],
    ) -> Option<Self> {
        let TrainOutcome::Trained(trained) = outcome else {
            let position = self.position;
            fitted[position] = Some(self.ended(outcome));
            return None;
        };
        self.epochs = trained.epochs;
        self.kept_epoch = trained.kept_epoch;
        self.candidate.weights = Some(trained.weights);
        Some(self)
    }

    /// Adds the epochs of earlier parts to how the last one ended.
    pub(super) fn ended(self, mut outcome: TrainOutcome) -> Fitted {
        if let TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained) = &mut outcome {
            let mut epochs = self.epochs;
            epochs.append(&mut trained.epochs);
            trained.epochs = epochs;
        }
        Fitted {
            candidate: self.candidate,
            outcome,
            judged: None,
        }
    }
}
