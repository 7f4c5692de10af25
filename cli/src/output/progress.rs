//! One live line on a terminal, plain lines elsewhere; all on stderr.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{FormattedDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Shows how far something is; a clone shows the same.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    /// How many steps a whole has: the line moves, and knows its end, before the first is done.
    n_steps: u64,
    is_live: bool,
}

impl Progress {
    /// Starts a line for `total` wholes of `n_steps` steps each.
    pub(crate) fn start(what: &'static str, total: u64, n_steps: u64, is_live: bool) -> Self {
        let template = "{prefix} [{bar:24}] ETA {left} · {wide_msg}";
        let n_steps = n_steps.max(1);
        let progress = Self::with_template(what, Some(total), n_steps, template, is_live);
        progress.at(0, Some(total));
        progress
    }

    fn with_template(
        what: &'static str,
        total: Option<u64>,
        n_steps: u64,
        template: &str,
        is_live: bool,
    ) -> Self {
        let target = if is_live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(total, target);
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        let style = style.with_key("left", |state: &ProgressState, text: &mut dyn Write| {
            // What has not moved yet would be said to end now.
            let _ = match state.pos() {
                0 => write!(text, "unknown"),
                _ => write!(text, "{}", FormattedDuration(state.eta())),
            };
        });
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(what);
        if is_live {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self {
            bar,
            what,
            n_steps,
            is_live,
        }
    }

    /// Starts a line for bytes, of which the number may be known.
    pub(crate) fn bytes(what: &'static str, is_live: bool) -> Self {
        let template = "{prefix} {bytes}/{total_bytes} [{bar:24}] {bytes_per_sec} · ETA {left}";
        Self::with_template(what, None, 1, template, is_live)
    }

    /// Says what is known now, on the live line only.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// Sets how many wholes are done.
    pub(crate) fn at(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total.saturating_mul(self.n_steps));
            self.bar.set_prefix(format!("{} {done}/{total}", self.what));
        }
        self.steps(done, 0);
    }

    /// Sets how many wholes are done, and how many steps of those that are under way.
    pub(crate) fn steps(&self, done: u64, n_steps: u64) {
        let all = done.saturating_mul(self.n_steps).saturating_add(n_steps);
        self.bar.set_position(all);
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
