//! Printing that outlives its reader.
//!
//! `print!` of the standard library panics where a reader has left (`firebrick list | head -1`) or
//! a disk is full. The macros here have the same names, so that no other file can forget: what
//! stdout refuses is told once, at the end, and a search goes on without anyone who watches it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;

/// What stdout refused first, if anything.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

macro_rules! print {
    ($($args:tt)*) => { $crate::console::to_stdout(format_args!($($args)*)) };
}

macro_rules! println {
    () => { $crate::console::to_stdout(format_args!("\n")) };
    ($($args:tt)*) => {
        $crate::console::to_stdout(format_args!("{}\n", format_args!($($args)*)))
    };
}

macro_rules! eprintln {
    () => { $crate::console::to_stderr(format_args!("\n")) };
    ($($args:tt)*) => {
        $crate::console::to_stderr(format_args!("{}\n", format_args!($($args)*)))
    };
}

pub(crate) fn to_stdout(text: fmt::Arguments<'_>) {
    keep(io::stdout().write_fmt(text));
}

pub(crate) fn to_stderr(text: fmt::Arguments<'_>) {
    // Where stderr is gone, there is nobody left to tell.
    let _ = io::stderr().write_fmt(text);
}

/// Ends the printing of data.
///
/// # Errors
/// What stdout refused. A reader that left, as `head` does, has all that it wanted.
pub(crate) fn finish() -> io::Result<()> {
    keep(io::stdout().flush());
    match REFUSED.lock().ok().and_then(|mut refused| refused.take()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn keep(written: io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        return;
    }
    if let Ok(mut refused) = REFUSED.lock() {
        refused.get_or_insert(error);
    }
}
