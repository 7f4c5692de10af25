//! What a plugin logs arrives in the program's log.

use std::fmt::Debug;
use std::sync::Mutex;

use firebrick_core::Json;
use firebrick_core::registry::{Factory, Kind};
use firebrick_host::load_all;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::built::{Folder, fixture};
use crate::items::{entry, study};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps what comes from plugins, for the one test of this process that asks for it.
struct Capture;

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "plugin"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

#[test]
fn a_plugin_logs_into_the_program() {
    tracing::subscriber::set_global_default(Capture).unwrap();
    let folder = Folder::new();
    folder.copy(&fixture("rival"), "librival.so");
    let loaded = load_all(&[folder.path()]);
    let Factory::Strategy(make) = &entry(&loaded, Kind::Strategy, "stuck").factory else {
        panic!("it is a strategy");
    };
    make(&study(1), &Json::Null).unwrap().ask(&[7]).unwrap();
    let expected =
        "INFO message=stuck at a/b/c=1, d/e/f=1 asked=1 plugin=\"rival\" module=\"rival\"";
    let lines = LINES.lock().unwrap();
    assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
}
