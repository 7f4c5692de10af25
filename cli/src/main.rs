//! The program `firebrick`.
fn main() {}
