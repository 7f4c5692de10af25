//! One live line on a terminal, plain lines elsewhere; all on stderr.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far something is.
pub(crate) struct Progress {
    bar: ProgressBar,
    is_live: bool,
}

impl Progress {
    /// Starts a line for `total` steps of something, or an open end.
    pub(crate) fn start(what: &'static str, total: Option<u64>, is_live: bool) -> Self {
        let target = if is_live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{prefix} {pos}/{len} [{bar:24}] {msg} · ETA {eta}",
            None => "{prefix} {pos} {spinner} {msg} · {elapsed}",
        };
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(what);
        if is_live {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self { bar, is_live }
    }

    /// Starts a line for bytes, of which the number may be known.
    pub(crate) fn bytes(what: &'static str, is_live: bool) -> Self {
        let progress = Self::start(what, None, is_live);
        let template = "{prefix} {bytes}/{total_bytes} [{bar:24}] {bytes_per_sec} · ETA {eta}";
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        progress.bar.set_style(style.progress_chars("=> "));
        progress
    }

    /// Says what is known now, on the live line only.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// Sets how far it is.
    pub(crate) fn at(&self, position: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(position);
    }

    /// Prints a line that stays; above the live line, if there is one.
    pub(crate) fn line(&self, text: &str) {
        if self.is_live {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }

    /// Takes the live line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
