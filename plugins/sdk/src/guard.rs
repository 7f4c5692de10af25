//! No panic leaves a plugin.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::Once;

use crate::fault::Fault;

thread_local! {
    /// How many guards are active on this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Where the last panic under a guard happened.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a call of the plugin, a panic in it being a fault.
pub(crate) fn guard<T>(call: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    DEPTH.set(DEPTH.get() + 1);
    // What a panic leaves half-done is the item's own state; strategies, the only items with any,
    // are behind a mutex that is poisoned then.
    let result = catch_unwind(AssertUnwindSafe(call));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or_else(|payload| {
        let location = LOCATION.take().unwrap_or_else(|| "an unknown line".into());
        Err(Fault::Panic {
            message: message(payload),
            location,
        })
    })
}

/// Has panics under a guard noted rather than printed, and others logged, once a plugin.
///
/// A shared library has its own copy of std and so its own hook; the program's is untouched.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(note)));
}

fn note(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    let location = location.unwrap_or_else(|| "an unknown line".into());
    if DEPTH.get() > 0 {
        LOCATION.set(Some(location));
    } else {
        // A thread of the plugin's own: nobody may ever ask how it ended.
        let message = info.payload_as_str().unwrap_or("something that is no text");
        tracing::error!("a thread panicked at {location}: {message}");
    }
}

fn message(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(message) => return *message,
        Err(payload) => payload,
    };
    match payload.downcast::<&'static str>() {
        Ok(message) => (*message).to_owned(),
        Err(payload) => {
            // Dropping a payload runs code of the plugin, which could panic again.
            std::mem::forget(payload);
            "something that is no text".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_fault() {
        let fault = guard::<()>(|| panic!("boom {}", 1)).unwrap_err();
        assert!(fault.to_string().ends_with(": boom 1"), "{fault}");
    }

    #[test]
    fn an_answer_passes() {
        assert_eq!(guard(|| Ok(3)), Ok(3));
    }
}
