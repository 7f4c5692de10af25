//! Networks in float32 that several candidates are stored from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firebrick_core::engine::Trained;

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
pub(super) struct Entry(Mutex<Option<Trained>>);

impl Floats {
    /// Returns the entry of a network.
    pub(super) fn entry(&self, key: &str) -> Arc<Entry> {
        let mut entries = lock(&self.entries);
        let entry = entries.by_key.entry(key.to_owned()).or_default();
        Arc::clone(entry)
    }

    /// Counts a network that was trained, and forgets all others where they become too many.
    pub(super) fn count(&self, key: &str, trained: &Trained) {
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

impl Entry {
    /// Waits until no other thread trains the network.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Trained>> {
        lock(&self.0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
