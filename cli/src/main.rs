//! The program `firebrick`.
// The search loop reads it.
#[allow(dead_code, unused_imports, reason = "called by the search loop")]
mod study;

fn main() {}
