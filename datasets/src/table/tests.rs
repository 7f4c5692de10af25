//! Files as users have them, written by each test.

mod text;
mod wrong_text;

mod arrays;
mod wrong_arrays;

mod damaged;
