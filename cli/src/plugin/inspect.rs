//! `firebrick plugin inspect`: what a plugin, or one of its items, offers.

use anyhow::Result;
use firebrick_core::Json;
use firebrick_core::hint::did_you_mean;
use firebrick_core::pass::Table;
use firebrick_core::registry::Manifest;
use firebrick_host::{Loaded, PluginInfo};
use serde_json::json;

use crate::args::Format;
use crate::failure::failure;
use crate::output::table;

/// Prints the plugins and items of a name: a plugin's, an item's or `plugin/item`.
pub(super) fn run(loaded: &Loaded, name: &str, format: Format) -> Result<()> {
    let items: Vec<(&PluginInfo, &Manifest)> = loaded
        .plugins
        .iter()
        .flat_map(|plugin| plugin.items.iter().map(move |item| (plugin, item)))
        .filter(|(plugin, item)| plugin.name == name || has_name(plugin, item, name))
        .collect();
    let plugins: Vec<&PluginInfo> = loaded
        .plugins
        .iter()
        .filter(|plugin| plugin.name == name)
        .collect();
    if items.is_empty() && plugins.is_empty() {
        return Err(unknown(loaded, name));
    }
    if format == Format::Json {
        let items: Vec<Json> = items
            .iter()
            .map(|(plugin, item)| json!({"plugin": plugin.name, "item": item}))
            .collect();
        let all = json!({"plugins": plugins, "items": items});
        println!("{all:#}");
        return Ok(());
    }
    for plugin in plugins {
        println!("plugin {} {}", plugin.name, plugin.version);
        println!("  file       {}", plugin.file.display());
        println!("  interface  {}", plugin.interface);
        println!("  built with {}\n", plugin.rustc);
    }
    for (idx, (plugin, item)) in items.iter().enumerate() {
        if idx > 0 {
            println!();
        }
        print_item(plugin, item);
    }
    Ok(())
}

fn has_name(plugin: &PluginInfo, item: &Manifest, name: &str) -> bool {
    let bare = match name.split_once('/') {
        Some((of, bare)) if of == plugin.name => bare,
        Some(_) => return false,
        None => name,
    };
    item.name == bare || item.aliases.iter().any(|alias| alias == bare)
}

fn unknown(loaded: &Loaded, name: &str) -> anyhow::Error {
    let items = loaded
        .registry
        .entries()
        .iter()
        .map(|entry| entry.manifest.name.as_str());
    let known = loaded
        .plugins
        .iter()
        .map(|plugin| plugin.name.as_str())
        .chain(items);
    let list = "`firebrick plugin list` and `firebrick list` show what there is";
    let hint = did_you_mean(name, known).map_or(list.to_owned(), |near| format!("{near} {list}"));
    failure(format!("there is no plugin or item `{name}`"), hint)
}

fn print_item(plugin: &PluginInfo, item: &Manifest) {
    println!(
        "{} {} (of {} {})",
        item.kind, item.name, plugin.name, plugin.version
    );
    if !item.aliases.is_empty() {
        println!("also called {}", item.aliases.join(", "));
    }
    if !item.docs.is_empty() {
        println!("\n{}", item.docs.trim_end());
    }
    let arguments = arguments(&item.schema);
    if !arguments.rows.is_empty() {
        print!("\n{}", table::render(&arguments));
    }
}

/// Returns the arguments that a schema has, with their types, defaults and descriptions.
fn arguments(schema: &Json) -> Table {
    let columns = ["argument", "type", "default", "meaning"]
        .map(str::to_owned)
        .to_vec();
    let properties = schema.get("properties").and_then(Json::as_object);
    let required = schema.get("required").and_then(Json::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
    let rows = properties.into_iter().flatten().map(|(name, argument)| {
        let default = match argument.get("default") {
            Some(default) => default.to_string(),
            None if is_required(name) => "required".to_owned(),
            None => String::new(),
        };
        let meaning = argument
            .get("description")
            .and_then(Json::as_str)
            .unwrap_or_default();
        vec![
            name.clone(),
            type_of(argument),
            default,
            meaning.replace('\n', " "),
        ]
    });
    Table {
        columns,
        rows: rows.collect(),
    }
}

/// Returns the type of an argument as its schema says: `integer`, `number or null`, ...
fn type_of(argument: &Json) -> String {
    match argument.get("type") {
        Some(Json::String(name)) => name.clone(),
        Some(Json::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
            names.join(" or ")
        }
        _ => match argument.get("enum").and_then(Json::as_array) {
            Some(values) => {
                let values: Vec<String> = values.iter().map(Json::to_string).collect();
                values.join(" or ")
            }
            None => "any".to_owned(),
        },
    }
}
