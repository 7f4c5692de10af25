//! Events of a plugin arrive in the program's log.

use std::fmt::{Debug, Write};

use abi_stable::std_types::RStr;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::abi::HostRef;

/// Sends what the plugin logs with `tracing` to the program, from now on.
///
/// A shared library has its own copy of tracing's globals; nobody else sets them. Called again,
/// it changes nothing.
pub(crate) fn forward(plugin: &'static str, host: HostRef) {
    let max_level = match host.max_level() {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let forwarder = Forwarder {
        plugin,
        host,
        max_level,
    };
    // An error means that the plugin was loaded before, and that its log arrives already.
    let _ = tracing::subscriber::set_global_default(forwarder);
}

/// Returns a level as a number that crosses: 1 error to 5 trace.
fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// Returns a filter as a number that crosses, 0 for none.
pub(crate) fn filter_number(filter: LevelFilter) -> u32 {
    filter.into_level().map_or(0, number)
}

/// Logs a line of a plugin in the program.
pub(crate) fn log(level: u32, plugin: &str, module: &str, message: &str) {
    match level {
        1 => tracing::error!(target: "plugin", plugin, module, "{message}"),
        2 => tracing::warn!(target: "plugin", plugin, module, "{message}"),
        3 => tracing::info!(target: "plugin", plugin, module, "{message}"),
        4 => tracing::debug!(target: "plugin", plugin, module, "{message}"),
        _ => tracing::trace!(target: "plugin", plugin, module, "{message}"),
    }
}

struct Forwarder {
    plugin: &'static str,
    host: HostRef,
    max_level: LevelFilter,
}

impl Subscriber for Forwarder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.max_level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.max_level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let metadata = event.metadata();
        (self.host.log())(
            number(*metadata.level()),
            RStr::from_str(self.plugin),
            RStr::from_str(metadata.target()),
            RStr::from_str(&line.0),
        );
    }

    // Spans stay in the plugin: lines say enough, and a span would have to be kept on both sides.
    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The message of an event, then its fields as `name=value`.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string can't fail.
        let _ = match field.name() {
            "message" => {
                self.0.insert_str(0, &format!("{value:?}"));
                Ok(())
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
