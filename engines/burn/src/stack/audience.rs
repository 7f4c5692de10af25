//! Who hears of epochs, and what becomes of candidates where memory runs out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use firebrick_core::engine::{Epoch, Observer, TrainOutcome, Verdict, panic_message};

use super::memory::out_of_memory;

/// The observer of a job, what it heard, and what became of each candidate.
pub(crate) struct Audience<'a> {
    observer: &'a dyn Observer,
    /// Epochs of each candidate that the observer knows of.
    n_heard: Vec<usize>,
    outcomes: Vec<Option<TrainOutcome>>,
}

/// Trains candidates, given by their positions, and tells what becomes of them.
pub(crate) type Attempt<'b> = dyn Fn(&[usize], &mut Audience<'_>) -> Result<(), String> + 'b;

impl<'a> Audience<'a> {
    pub(crate) fn new(observer: &'a dyn Observer, n_candidates: usize) -> Self {
        Self {
            observer,
            n_heard: vec![0; n_candidates],
            outcomes: vec![None; n_candidates],
        }
    }

    /// Lets candidates train together, given by their positions; those that came to an end before
    /// are left alone.
    ///
    /// Where memory runs out, halves of those that are left train anew, one after the other. Any
    /// other fault, and memory that is too small for one, fails them.
    pub(crate) fn train(&mut self, positions: &[usize], attempt: &Attempt<'_>) {
        let open = self.open(positions);
        if open.is_empty() {
            return;
        }
        let Err(reason) = guarded(|| attempt(&open, self)) else {
            return;
        };
        let open = self.open(&open);
        match out_of_memory(&reason) {
            Some(_) if open.len() > 1 => {
                for half in open.chunks(open.len().div_ceil(2)) {
                    self.train(half, attempt);
                }
            }
            _ => self.fail(&open, &said(reason)),
        }
    }

    /// Tells the observer of an epoch, the `nth` of a candidate from 0, unless it knows of it.
    ///
    /// # Errors
    /// What the observer said as it panicked.
    pub(crate) fn hear(
        &mut self,
        position: usize,
        nth: usize,
        epoch: &Epoch,
    ) -> Result<Verdict, String> {
        if nth < self.n_heard[position] {
            // It had the candidate go on then.
            return Ok(Verdict::Continue);
        }
        self.n_heard[position] = nth + 1;
        guarded(|| Ok(self.observer.epoch(position, epoch)))
    }

    /// Notes what became of a candidate.
    pub(crate) fn end(&mut self, position: usize, outcome: TrainOutcome) {
        self.outcomes[position] = Some(outcome);
    }

    /// Notes that candidates went wrong.
    pub(crate) fn fail(&mut self, positions: &[usize], reason: &str) {
        for position in positions {
            let reason = reason.to_owned();
            self.end(*position, TrainOutcome::Failed { reason });
        }
    }

    /// Returns what became of each candidate.
    pub(crate) fn into_outcomes(self) -> Vec<TrainOutcome> {
        let outcomes = self.outcomes.into_iter();
        let known = outcomes.map(|outcome| outcome.expect("every candidate is in a stack"));
        known.collect()
    }

    fn open(&self, positions: &[usize]) -> Vec<usize> {
        let positions = positions.iter().copied();
        let open = positions.filter(|position| self.outcomes[*position].is_none());
        open.collect()
    }
}

/// Runs something that may fail or panic.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let outcome = catch_unwind(AssertUnwindSafe(run));
    outcome.unwrap_or_else(|panic| Err(panic_message(&*panic)))
}

/// Returns what is said of a fault: of memory that ran out, how much was asked for; of a kernel that
/// does not compile, all but its source, hundreds of lines.
pub(crate) fn said(reason: String) -> String {
    match out_of_memory(&reason) {
        None => match reason.split_once("[Source]") {
            Some((said, _)) => said.trim_end().to_owned(),
            None => reason,
        },
        Some(0) => "the device has no memory left for it".to_owned(),
        Some(bytes) => {
            format!("the device has no memory left for it: {bytes} bytes were asked for")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Mutex;

    use super::*;
    use firebrick_core::engine::Evaluation;

    struct Notes(Mutex<Vec<(usize, usize)>>);

    impl Observer for Notes {
        fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
            self.0.lock().unwrap().push((candidate, epoch.epoch));
            Verdict::Continue
        }
    }

    fn epoch(epoch: usize) -> Epoch {
        Epoch {
            epoch,
            learning_rate: 0.1,
            train_loss: 1.0,
            train_accuracy: 0.5,
            validation: Evaluation {
                loss: 1.0,
                accuracy: 0.5,
                macro_accuracy: 0.5,
            },
            steps: Vec::new(),
        }
    }

    fn failed(reason: &str) -> TrainOutcome {
        TrainOutcome::Failed {
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn says_what_the_compiler_says_without_the_source() {
        let reason = "it did not compile\n  line 3: no\n[Source]  \nint a;\n";
        let short = said(reason.to_owned());
        assert_eq!(short, "it did not compile\n  line 3: no");
        assert_eq!(said(short.clone()), short);
    }

    #[test]
    fn memory_that_runs_out_halves_a_stack_and_no_epoch_is_heard_twice() {
        let notes = Notes(Mutex::default());
        let mut audience = Audience::new(&notes, 6);
        let attempts = RefCell::new(Vec::new());
        audience.train(&[0, 1, 2, 3, 5], &|positions, audience| {
            attempts.borrow_mut().push(positions.to_vec());
            for nth in 0..3 {
                for position in positions {
                    audience.hear(*position, nth, &epoch(nth + 1))?;
                }
                if nth == 0 && positions.contains(&1) {
                    audience.fail(&[1], "its loss is no number");
                }
                // Together they have memory for one epoch, in pairs for all.
                assert!(
                    positions.len() <= 2,
                    "out of device memory allocating 640 bytes"
                );
            }
            audience.fail(positions, "it came to its end");
            Ok(())
        });
        let expected = [vec![0, 1, 2, 3, 5], vec![0, 2], vec![3, 5]];
        assert_eq!(attempts.into_inner(), expected);
        let mut heard = notes.0.lock().unwrap().clone();
        heard.sort_unstable();
        let of_all = [0, 2, 3, 5]
            .into_iter()
            .flat_map(|one| (1..=3).map(move |nth| (one, nth)));
        let mut expected: Vec<(usize, usize)> = of_all.chain([(1, 1)]).collect();
        expected.sort_unstable();
        assert_eq!(heard, expected);
        audience.fail(&[4], "it was not asked for");
        let outcomes = audience.into_outcomes();
        assert_eq!(outcomes[0], failed("it came to its end"));
        assert_eq!(outcomes[1], failed("its loss is no number"));
    }

    #[test]
    fn one_that_does_not_fit_fails_with_what_was_asked_for() {
        let notes = Notes(Mutex::default());
        let mut audience = Audience::new(&notes, 3);
        audience.train(&[0, 1, 2], &|positions, audience| {
            assert_ne!(positions, [1], "out of device memory allocating 640 bytes");
            assert_eq!(
                positions.len(),
                1,
                "out of device memory allocating 1920 bytes"
            );
            audience.fail(positions, "it came to its end");
            Ok(())
        });
        let outcomes = audience.into_outcomes();
        let expected = "the device has no memory left for it: 640 bytes were asked for";
        assert_eq!(outcomes[1], failed(expected));
        assert_eq!(outcomes[2], failed("it came to its end"));
    }

    #[test]
    fn another_fault_fails_all_that_are_left() {
        let notes = Notes(Mutex::default());
        let mut audience = Audience::new(&notes, 2);
        audience.train(&[0, 1], &|_, audience| {
            audience.fail(&[0], "its loss is no number");
            Err("node `norm` is wrong".to_owned())
        });
        let outcomes = audience.into_outcomes();
        let expected = [
            failed("its loss is no number"),
            failed("node `norm` is wrong"),
        ];
        assert_eq!(outcomes, expected);
    }
}
