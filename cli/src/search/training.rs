//! Candidates through engines: one a thread on a processor, together elsewhere.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use firebrick_core::costs::Costs;
use firebrick_core::engine::{
    Candidate, EngineError, Epoch, Evaluation, Observer, TrainOutcome, Verdict,
};
use firebrick_core::weights::Weights;

use super::evaluate::{Evaluator, Watched};
use crate::training::Fitted;

/// A candidate that can be trained.
pub(super) struct Job {
    pub(super) candidate: Candidate,
    /// The position of its engine.
    pub(super) engine: usize,
    /// Its place among those of the population that can be trained.
    pub(super) position: usize,
}

/// What an engine said about one candidate.
pub(super) struct Judged {
    pub(super) result: Result<(Evaluation, Weights), String>,
    pub(super) epochs: Vec<Epoch>,
    pub(super) ended: Watched,
    /// The objectives after each epoch, less is better; empty without a pruner.
    pub(super) points: Vec<Vec<f64>>,
    /// Its training, or its share of one that it had with others.
    pub(super) train_ms: f64,
}

/// Looks at a candidate, by position, after an epoch; the points are those of its earlier ones.
pub(super) type Watch<'a> = dyn Fn(usize, &mut Vec<Vec<f64>>, &Epoch) -> Watched + Sync + 'a;

/// Says whether nobody wants the candidates that were not begun.
pub(super) type ShouldStop<'a> = dyn Fn() -> bool + Sync + 'a;

/// Takes over a candidate that was trained and judged.
pub(super) type OnJudged<'a> = dyn FnMut(Job, Judged) -> Result<()> + 'a;

/// Trains candidates and hands each over as soon as it is judged.
///
/// On a processor, as many threads as the placement says each take the next candidate that nobody
/// has, so that a run that is killed loses only what was in flight. On another device an engine
/// gets all of its candidates at once, since it may train them as one computation.
///
/// # Errors
/// The first thing that an engine or `on_judged` can't do; candidates that were not begun are
/// left then, and those under way end with their epoch.
pub(super) fn train_all(
    evaluator: &Evaluator<'_>,
    jobs: Vec<Job>,
    watch: &Watch<'_>,
    should_stop: &ShouldStop<'_>,
    on_judged: &mut OnJudged<'_>,
) -> Result<()> {
    let device = |job: &Job| {
        evaluator
            .trainer
            .engines
            .get(job.engine)
            .placement
            .device
            .as_str()
    };
    let (mut alone, together): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| device(job) == "cpu");
    let threads = alone
        .iter()
        .map(|job| evaluator.trainer.engines.get(job.engine).placement.threads);
    let n_threads = threads.max().unwrap_or(0).min(alone.len());
    if n_threads > 1 {
        // So that no large one is left for the end; one thread keeps the order of asking.
        alone.sort_by_cached_key(|job| Reverse(Costs::of(&job.candidate.graph).total.macs));
    }
    let queue = Mutex::new(VecDeque::from(alone));
    let mut groups: BTreeMap<usize, Vec<Job>> = BTreeMap::new();
    for job in together {
        groups.entry(job.engine).or_default().push(job);
    }

    let gives_up = AtomicBool::new(false);
    let watch = |position: usize, points: &mut Vec<Vec<f64>>, epoch: &Epoch| match gives_up
        .load(Ordering::Relaxed)
    {
        true => Watched::Cut,
        false => watch(position, points, epoch),
    };
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            let sender = sender.clone();
            let next = || {
                // Candidates of one epoch, or of none, never hear that the caller wants to stop.
                let goes_on = !gives_up.load(Ordering::Relaxed) && !should_stop();
                let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.pop_front().filter(|_| goes_on)
            };
            scope.spawn(move || {
                while let Some(job) = next() {
                    send(&sender, || judge(evaluator, vec![job], &watch));
                }
            });
        }
        for group in groups.into_values() {
            let sender = sender.clone();
            let watch = &watch;
            scope.spawn(move || send(&sender, || judge(evaluator, group, watch)));
        }
        drop(sender);
        let mut end = Ok(());
        for message in receiver {
            let judged = message.unwrap_or_else(|panic| {
                gives_up.store(true, Ordering::Relaxed);
                resume_unwind(panic)
            });
            if end.is_err() {
                continue;
            }
            end = judged.context("the engine can't go on").and_then(|judged| {
                judged.into_iter().try_for_each(|(job, judged)| {
                    // Nobody wants the rest where one was cut off.
                    gives_up.fetch_or(judged.ended == Watched::Cut, Ordering::Relaxed);
                    on_judged(job, judged)
                })
            });
            gives_up.fetch_or(end.is_err(), Ordering::Relaxed);
        }
        end
    })
}

type Message = std::thread::Result<Result<Vec<(Job, Judged)>, EngineError>>;

/// Sends what a piece of work comes to, a panic too: nobody waits for one that never ends.
fn send(sender: &Sender<Message>, work: impl FnOnce() -> Result<Vec<(Job, Judged)>, EngineError>) {
    // Nobody listens any more where another piece of work panicked.
    let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
}

/// Trains and judges candidates of one engine in one call.
fn judge(
    evaluator: &Evaluator<'_>,
    jobs: Vec<Job>,
    watch: &Watch<'_>,
) -> Result<Vec<(Job, Judged)>, EngineError> {
    let Some(engine) = jobs.first().map(|job| job.engine) else {
        return Ok(Vec::new());
    };
    let trainer = evaluator.trainer;
    let max_epochs = trainer.recipe.max_epochs;
    let start = Instant::now();
    if !evaluator.train {
        let untrained = jobs.into_iter().map(|job| {
            let start = Instant::now();
            let position = job.position;
            let fitted = trainer.untrained(engine, job.candidate)?;
            let train_ms = start.elapsed().as_secs_f64() * 1e3;
            Ok(Judged::new(
                engine,
                fitted,
                Seen::new(position),
                max_epochs,
                train_ms,
            ))
        });
        return untrained.collect();
    }
    let (positions, candidates): (Vec<usize>, Vec<Candidate>) = jobs
        .into_iter()
        .map(|job| (job.position, job.candidate))
        .unzip();
    let watcher = Watcher {
        watch,
        seen: positions
            .iter()
            .map(|position| Mutex::new(Seen::new(*position)))
            .collect(),
    };
    let n_candidates = candidates.len() as f64;
    let fitted = trainer.train(engine, candidates, &watcher)?;
    let train_ms = start.elapsed().as_secs_f64() * 1e3 / n_candidates;
    let seen = watcher
        .seen
        .into_iter()
        .map(|seen| seen.into_inner().unwrap_or_else(PoisonError::into_inner));
    let judged = fitted
        .into_iter()
        .zip(seen)
        .map(|(fitted, seen)| Judged::new(engine, fitted, seen, max_epochs, train_ms));
    Ok(judged.collect())
}

/// Hears an engine for candidates that are known by their places in a population.
struct Watcher<'a> {
    watch: &'a Watch<'a>,
    seen: Vec<Mutex<Seen>>,
}

/// What was seen of a candidate.
struct Seen {
    position: usize,
    points: Vec<Vec<f64>>,
    ended: Watched,
}

impl Seen {
    fn new(position: usize) -> Self {
        Self {
            position,
            points: Vec::new(),
            ended: Watched::GoesOn,
        }
    }
}

impl Observer for Watcher<'_> {
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
        let Some(seen) = self.seen.get(candidate) else {
            return Verdict::Continue;
        };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen {
            position, points, ..
        } = &mut *seen;
        let watched = (self.watch)(*position, points, epoch);
        seen.ended = watched;
        match watched {
            Watched::GoesOn => Verdict::Continue,
            Watched::Pruned | Watched::Cut => Verdict::Stop,
        }
    }
}

impl Judged {
    /// Returns what an engine, by position, said of a candidate, which has its formats now.
    fn new(
        engine: usize,
        fitted: Fitted,
        seen: Seen,
        max_epochs: usize,
        train_ms: f64,
    ) -> (Job, Self) {
        let Fitted {
            candidate,
            outcome,
            judged,
        } = fitted;
        let Seen {
            position,
            points,
            ended,
        } = seen;
        let job = Job {
            candidate,
            engine,
            position,
        };
        let trained = match outcome {
            TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained) => trained,
            TrainOutcome::Failed { reason } => {
                let judged = Self {
                    result: Err(reason),
                    epochs: Vec::new(),
                    ended,
                    points,
                    train_ms,
                };
                return (job, judged);
            }
        };
        let kept = trained
            .epochs
            .iter()
            .find(|epoch| epoch.epoch == trained.kept_epoch)
            .or(trained.epochs.last());
        let result = match judged.or(kept.map(|epoch| epoch.validation)) {
            Some(evaluation) => Ok((evaluation, trained.weights)),
            None => Err("no epoch was trained".to_owned()),
        };
        // One that was stopped in its last epoch is as good as any other.
        let ended = match trained.epochs.len() < max_epochs {
            true => ended,
            false => Watched::GoesOn,
        };
        let judged = Self {
            result,
            epochs: trained.epochs,
            ended,
            points,
            train_ms,
        };
        (job, judged)
    }
}
