//! Candidates spread over threads.

use std::any::Any;
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{TrainJob, TrainOutcome};
use crate::costs::Costs;

/// Trains each candidate of a job, by its position, on as many threads as the placement says.
///
/// Threads take the largest candidate that nobody has when they are done with one, so that no
/// large one is left for the end. No candidate sees another, so the result does not depend on who
/// takes which. A candidate that panics is a [`TrainOutcome::Failed`].
pub fn train_population(
    job: &TrainJob<'_>,
    train: impl Fn(usize) -> TrainOutcome + Sync,
) -> Vec<TrainOutcome> {
    let mut order: Vec<usize> = (0..job.candidates.len()).collect();
    order.sort_by_cached_key(|position| {
        Reverse(Costs::of(&job.candidates[*position].graph).total.macs)
    });
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(&position) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = catch_unwind(AssertUnwindSafe(|| train(position)));
            done.push((
                position,
                outcome.unwrap_or_else(|panic| TrainOutcome::Failed {
                    reason: panic_message(&*panic),
                }),
            ));
        }
        done
    };
    let n_threads = job.placement.threads.min(job.candidates.len());
    let mut outcomes: Vec<(usize, TrainOutcome)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("panics of candidates are caught"));
        joined.flatten().collect()
    });
    outcomes.sort_by_key(|(position, _)| *position);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Returns what a panic said, of an engine or of an observer.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("no reason given"))
}
