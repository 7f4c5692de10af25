//! What a search shows on the terminal while it runs.

use std::collections::BTreeMap;
use std::sync::Mutex;

use firebrick_core::engine::{Epoch, Verdict};

use super::results;
use super::study_loop::Progressed;
use crate::output::progress::Progress;
use crate::output::table::number;

/// What is shown while the search runs.
pub(super) struct Live<'a> {
    progress: &'a Progress,
    n_epochs: u64,
    shown: Mutex<Shown>,
}

/// What the live line says.
#[derive(Default)]
struct Shown {
    /// The best trial so far; empty before the first.
    best: String,
    /// How many trials are finished.
    n_done: u64,
    /// The epoch of each trial under way.
    epochs: BTreeMap<u64, u64>,
    /// Whether it was said that a candidate went to another engine than the base network.
    detour: bool,
}

impl<'a> Live<'a> {
    /// Shows trials of so many epochs each.
    pub(super) fn new(progress: &'a Progress, n_epochs: u64) -> Self {
        Self {
            progress,
            n_epochs,
            shown: Mutex::default(),
        }
    }

    /// Shows an epoch of a trial; nothing of it stops the trial.
    pub(super) fn epoch(&self, trial: u64, epoch: &Epoch) -> Verdict {
        let Ok(mut shown) = self.shown.lock() else {
            return Verdict::Continue;
        };
        shown.epochs.insert(trial, epoch.epoch as u64);
        self.progress.steps(
            shown.n_done,
            shown
                .epochs
                .values()
                .fold(0, |sum, n| sum.saturating_add(*n)),
        );
        let (at, of) = (epoch.epoch, self.n_epochs);
        let accuracy = number(epoch.validation.accuracy);
        let now = format!("trial {trial}: epoch {at}/{of}, accuracy {accuracy}");
        self.progress.say(match shown.best.is_empty() {
            true => now,
            false => format!("{} · {now}", shown.best),
        });
        Verdict::Continue
    }

    /// Says once that a candidate went to another engine than the base network.
    pub(super) fn say_detour(&self, detour: Option<&String>) {
        let Ok(mut shown) = self.shown.lock() else {
            return;
        };
        if let Some(detour) = detour.filter(|_| !shown.detour) {
            self.progress.line(&format!("note: {detour}"));
            shown.detour = true;
        }
    }

    /// Prints the last trials, `n_new` of them, and shows the best of all so far.
    pub(super) fn finished(&self, progressed: &Progressed, n_new: usize, total: u64) {
        let records = &progressed.records;
        for record in &records[records.len() - n_new..] {
            self.progress.line(&results::line(record));
        }
        let Ok(mut shown) = self.shown.lock() else {
            return;
        };
        shown.n_done = records.len() as u64;
        for record in &records[records.len() - n_new..] {
            shown.epochs.remove(&record.trial.number);
        }
        if let Some(best) = progressed.front().first() {
            let scaled = best.scaled.first();
            let value = scaled.map(|(name, value)| format!("{name} {}", number(*value)));
            let value = value.unwrap_or_default();
            shown.best = format!("best {value} (trial {})", best.trial.number);
            self.progress.say(shown.best.clone());
        }
        self.progress.at(shown.n_done, Some(total));
    }
}
