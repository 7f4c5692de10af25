//! Networks in float32 that several candidates are stored from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firebrick_core::engine::{Candidate, EngineError, Observer, TrainOutcome, Trained, Verdict};

use super::part::Part;
use super::{Fitted, Trainer};

/// Numbers of weights that are kept at most, 256 MB: what is lost is trained again, to the same
/// result.
const NUMBERS_MAX: usize = 1 << 26;

/// Trained networks by seed and text form, each trained by one thread while others wait for it.
#[derive(Default)]
pub(super) struct Floats {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: BTreeMap<String, Arc<Entry>>,
    numbers: usize,
}

/// One network; nothing until it was trained.
#[derive(Default)]
struct Entry(Mutex<Option<Trained>>);

impl Floats {
    /// Returns the entry of a network.
    fn entry(&self, key: &str) -> Arc<Entry> {
        let mut entries = lock(&self.entries);
        let entry = entries.by_key.entry(key.to_owned()).or_default();
        Arc::clone(entry)
    }

    /// Counts a network that was trained, and forgets all others where they become too many.
    fn count(&self, key: &str, trained: &Trained) {
        let tensors = trained.weights.0.values();
        let numbers: usize = tensors.map(|tensor| tensor.data.len()).sum();
        let mut entries = lock(&self.entries);
        if entries.numbers + numbers > NUMBERS_MAX {
            entries.by_key.retain(|other, _| other == key);
            entries.numbers = 0;
        }
        entries.numbers += numbers;
    }
}

impl Trainer<'_> {
    /// Trains each network once for all candidates that are to be stored from it.
    pub(super) fn train_shared(
        &self,
        engine: usize,
        parts: Vec<Part>,
        observer: &dyn Observer,
        fitted: &mut [Option<Fitted>],
    ) -> Result<Vec<Part>, EngineError> {
        let mut groups: BTreeMap<String, VecDeque<Part>> = BTreeMap::new();
        for part in parts {
            let Candidate { graph, seed, .. } = &part.candidate;
            let key = format!("{seed}\n{graph}");
            groups.entry(key).or_default().push_back(part);
        }
        let entries: Vec<_> = groups.keys().map(|key| self.floats.entry(key)).collect();
        // Every thread takes them in order, so that none waits for another in a circle.
        let mut known: Vec<_> = entries.iter().map(|entry| entry.lock()).collect();
        let mut first = Vec::new();
        let mut of = Vec::new();
        for (idx, parts) in groups.values_mut().enumerate() {
            if known[idx].is_none() {
                first.extend(parts.pop_front());
                of.push(idx);
            }
        }
        let mut going_on = Vec::new();
        if !first.is_empty() {
            let outcomes = self.run(engine, &first, self.recipe, observer)?;
            let keys: Vec<&String> = groups.keys().collect();
            for ((part, outcome), idx) in first.into_iter().zip(outcomes).zip(of) {
                if let TrainOutcome::Trained(trained) = &outcome {
                    *known[idx] = Some(trained.clone());
                    self.floats.count(keys[idx], trained);
                }
                going_on.extend(part.goes_on(outcome, fitted));
            }
        }
        let mut alone = Vec::new();
        for (parts, known) in groups.into_values().zip(known) {
            for part in parts {
                match &*known {
                    Some(trained) => {
                        let outcome = replay(trained, part.position, observer);
                        going_on.extend(part.goes_on(outcome, fitted));
                    }
                    None => alone.push(part),
                }
            }
        }
        if !alone.is_empty() {
            let outcomes = self.run(engine, &alone, self.recipe, observer)?;
            for (part, outcome) in alone.into_iter().zip(outcomes) {
                going_on.extend(part.goes_on(outcome, fitted));
            }
        }
        Ok(going_on)
    }
}

impl Entry {
    /// Waits until no other thread trains the network.
    fn lock(&self) -> MutexGuard<'_, Option<Trained>> {
        lock(&self.0)
    }
}

/// Tells an observer of the epochs of a network that was trained for another candidate.
fn replay(trained: &Trained, position: usize, observer: &dyn Observer) -> TrainOutcome {
    for (idx, epoch) in trained.epochs.iter().enumerate() {
        if observer.epoch(position, epoch) == Verdict::Stop {
            return TrainOutcome::Stopped(Trained {
                epochs: trained.epochs[..=idx].to_vec(),
                ..trained.clone()
            });
        }
    }
    TrainOutcome::Trained(trained.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
