//! Zero-cost metrics of candidates, before they are trained.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use firebrick_core::calibration::in_float;
use firebrick_core::dataset::{Dataset, Split};
use firebrick_core::engine::{Candidate, ZeroCost};
use firebrick_core::weights::Weights;

use crate::engines::{Engines, Usable};
use crate::rows::picked;

/// How many rows the batch has, if there are as many.
const ROWS: usize = 64;

/// What is asked of every candidate, on one batch that is the same for all.
pub(crate) struct Scoring {
    metrics: Vec<ZeroCost>,
    batch: Split,
}

/// The metrics of a candidate, or why it has none.
pub(super) type Scores = Result<Vec<(String, f64)>, String>;

impl Scoring {
    /// Takes the first 64 rows of the training split in the order of the first epoch under the seed
    /// of the study, pictures as they are judged.
    pub(super) fn new(metrics: &[ZeroCost], dataset: &Dataset, seed: u64) -> Self {
        let width = dataset.input_shape.iter().product();
        Self {
            metrics: metrics.to_vec(),
            batch: picked(&dataset.train, width, seed, ROWS),
        }
    }

    /// Scores candidates, as many at a time as train at a time; each by the first engine that can.
    pub(super) fn score_all(&self, engines: &Engines, candidates: &[&Candidate]) -> Vec<Scores> {
        let n_threads = engines.base().placement.threads.min(candidates.len());
        let next = AtomicUsize::new(0);
        let scores: Vec<Mutex<Scores>> = candidates
            .iter()
            .map(|_| Mutex::new(Ok(Vec::new())))
            .collect();
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| {
                    loop {
                        let idx = next.fetch_add(1, Ordering::Relaxed);
                        let Some(candidate) = candidates.get(idx) else {
                            break;
                        };
                        let score = self.score(engines, candidate);
                        *scores[idx].lock().unwrap_or_else(PoisonError::into_inner) = score;
                    }
                });
            }
        });
        let scores = scores.into_iter();
        scores
            .map(|score| score.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// Scores a candidate in float32: before it is trained, formats say nothing of it.
    fn score(&self, engines: &Engines, candidate: &Candidate) -> Scores {
        let graph = &in_float(&candidate.graph);
        let engine = engines.first_that_scores(graph);
        let engine = engine.map_err(|refusals| refusals.join("; "))?;
        let Usable {
            engine, placement, ..
        } = engines.get(engine);
        let weights = match &candidate.weights {
            Some(weights) => weights.for_graph(graph),
            None => Weights::init(graph, candidate.seed),
        };
        let scores = engine.score(graph, &weights, self.batch.rows(), &self.metrics, placement);
        let scores = scores.map_err(|error| error.to_string())?;
        let names = self.metrics.iter().map(ToString::to_string);
        Ok(names.zip(scores).collect())
    }
}
