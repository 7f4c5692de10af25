//! Ctrl-C and time limits: when to stop.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static LISTENING: OnceLock<()> = OnceLock::new();

/// The exit code of a run that was interrupted, as shells count Ctrl-C.
pub(crate) const EXIT_CODE: u8 = 130;

/// Listens for Ctrl-C and termination: the first asks to stop at the next epoch's end, the second
/// ends the program at once. What to do is told by `say`, which knows whether there is a live line.
///
/// # Errors
/// If the operating system refuses the handler.
pub(crate) fn listen(say: impl Fn(&str) + Send + 'static) -> Result<()> {
    if LISTENING.set(()).is_err() {
        return Ok(());
    }
    ctrlc::set_handler(move || {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            #[expect(clippy::exit, reason = "the user asked a second time")]
            std::process::exit(i32::from(EXIT_CODE));
        }
        say("stopping at the end of the epoch; press Ctrl-C again to stop at once");
    })
    .context("can't listen for Ctrl-C")
}

/// Returns whether the user asked to stop.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// A time limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Starts the clock; absent means no limit.
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// Returns whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}
