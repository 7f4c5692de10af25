//! What ops do on devices other than the CPU, done on the CPU so that it can be tested there.

use std::cell::Cell;

thread_local! {
    static IS_PLAYED: Cell<bool> = const { Cell::new(false) };
}

/// Runs something on this thread as if its numbers were on another device.
pub(crate) fn play<T>(work: impl FnOnce() -> T) -> T {
    IS_PLAYED.set(true);
    let result = work();
    IS_PLAYED.set(false);
    result
}

/// Returns whether this thread is to take the CPU for another device.
pub(super) fn is_played() -> bool {
    IS_PLAYED.get()
}
