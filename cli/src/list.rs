//! `firebrick list`: what there is by name.

use firebrick_core::pass::Table;
use firebrick_core::registry::{Kind, Registry};

use crate::args::{Format, Listed};
use crate::output::table;

/// Prints what there is of one kind, or everything.
pub(crate) fn run(registry: &Registry, what: Option<Listed>, format: Format) {
    let everything = [
        Listed::Models,
        Listed::Passes,
        Listed::Strategies,
        Listed::Engines,
        Listed::Datasets,
    ];
    let chosen = everything
        .into_iter()
        .filter(|listed| what.is_none_or(|what| what == *listed));
    let tables: Vec<(Listed, Table)> = chosen
        .map(|listed| (listed, rows(registry, listed)))
        .collect();
    match format {
        Format::Json => {
            let all = tables
                .iter()
                .map(|(listed, t)| (title(*listed).to_owned(), table::to_json(t)));
            let all = serde_json::Value::Object(all.collect());
            println!("{all:#}");
        }
        Format::Text => {
            for (idx, (listed, rows)) in tables.iter().enumerate() {
                if idx > 0 {
                    println!();
                }
                if what.is_none() {
                    println!("{}", title(*listed));
                }
                print!("{}", table::render(rows));
            }
        }
    }
}

fn title(listed: Listed) -> &'static str {
    match listed {
        Listed::Models => Kind::Model.plural(),
        Listed::Passes => Kind::Pass.plural(),
        Listed::Strategies => Kind::Strategy.plural(),
        Listed::Engines => Kind::Engine.plural(),
        Listed::Datasets => "datasets",
    }
}

fn rows(registry: &Registry, listed: Listed) -> Table {
    let kind = match listed {
        Listed::Models => Kind::Model,
        Listed::Passes => Kind::Pass,
        Listed::Strategies => Kind::Strategy,
        Listed::Engines => Kind::Engine,
        Listed::Datasets => return crate::data::table(),
    };
    let entries = registry
        .entries()
        .iter()
        .filter(|entry| entry.manifest.kind == kind);
    let rows = entries.map(|entry| {
        let manifest = &entry.manifest;
        let summary = manifest.summary().replace('\n', " ");
        vec![
            manifest.name.clone(),
            manifest.aliases.join(", "),
            entry.plugin.clone(),
            summary,
        ]
    });
    let columns = ["name", "aliases", "plugin", "summary"]
        .map(str::to_owned)
        .to_vec();
    Table {
        columns,
        rows: rows.collect(),
    }
}
