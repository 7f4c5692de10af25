//! Zero-cost metrics of candidates, before they are trained.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use firebrick_core::dataset::{Dataset, Features, Split};
use firebrick_core::engine::{Candidate, ZeroCost};
use firebrick_core::random::epoch_order;
use firebrick_core::weights::Weights;

use crate::engines::{Engines, Usable};

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
        let order = epoch_order(seed, 0, dataset.train.len());
        let order = &order[..order.len().min(ROWS)];
        Self {
            metrics: metrics.to_vec(),
            batch: picked(&dataset.train, dataset.input_shape.iter().product(), order),
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

    fn score(&self, engines: &Engines, candidate: &Candidate) -> Scores {
        let graph = &candidate.graph;
        let engine = engines.first_that_scores(graph);
        let engine = engine.map_err(|refusals| refusals.join("; "))?;
        let Usable {
            engine, placement, ..
        } = engines.get(engine);
        let first;
        let weights = match &candidate.weights {
            Some(weights) => weights,
            None => {
                first = Weights::init(graph, candidate.seed);
                &first
            }
        };
        let scores = engine.score(graph, weights, self.batch.rows(), &self.metrics, placement);
        let scores = scores.map_err(|error| error.to_string())?;
        let names = self.metrics.iter().map(ToString::to_string);
        Ok(names.zip(scores).collect())
    }
}

/// Copies rows of a split, in an order.
fn picked(split: &Split, width: usize, order: &[u32]) -> Split {
    fn rows<T: Copy>(values: &[T], width: usize, order: &[u32]) -> Vec<T> {
        let row = |row: &u32| &values[*row as usize * width..][..width];
        order.iter().flat_map(row).copied().collect()
    }
    let features = match &split.features {
        Features::Numbers(numbers) => Features::Numbers(rows(numbers, width, order)),
        Features::Pixels { bytes, normalize } => Features::Pixels {
            bytes: rows(bytes, width, order),
            normalize: normalize.clone(),
        },
    };
    Split {
        features,
        labels: rows(&split.labels, 1, order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_picked_with_their_labels() {
        let split = Split {
            features: Features::Numbers(vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5]),
            labels: vec![7, 8, 9],
        };
        let picked = picked(&split, 2, &[2, 0]);
        assert_eq!(picked.features.numbers(), [2.0, 2.5, 0.0, 0.5]);
        assert_eq!(picked.labels, [9, 7]);
    }
}
