//! What there is by name: models, passes, strategies and engines.
//!
//! An item is registered where it is defined ([`register_model!`](crate::register_model) and so
//! on) and collected when its crate is linked; `export_plugin!()` of the SDK hands a plugin's
//! items over, and the host puts them into a [`Registry`].

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Json;
use crate::engine::Engine;
use crate::hint::nearest;
use crate::model::Model;
use crate::pass::Pass;
use crate::strategy::{Strategy, StrategyError, Study};

/// The kinds of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Builds base graphs.
    Model,
    /// Rewrites or analyses graphs.
    Pass,
    /// Proposes params.
    Strategy,
    /// Trains graphs.
    Engine,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Model => "model",
            Self::Pass => "pass",
            Self::Strategy => "strategy",
            Self::Engine => "engine",
        })
    }
}

impl Kind {
    /// Returns the plural, as in `firebrick list strategies`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Pass => "passes",
            Self::Strategy => "strategies",
            Self::Engine => "engines",
        }
    }
}

/// What an item says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Other names that it answers to.
    pub aliases: Vec<String>,
    /// What it does, the first line a sentence: the doc comment of its arguments.
    pub docs: String,
    /// The JSON schema of its arguments or settings.
    pub schema: Json,
    /// How much sooner than others an engine is taken: of those that can train a network on the
    /// device, `auto` takes the one with the highest preference, then the first by name. 0 unless
    /// the engine is registered with another.
    #[serde(default)]
    pub preference: u32,
}

impl Manifest {
    /// Returns the first paragraph of the docs, which is one sentence.
    pub fn summary(&self) -> &str {
        self.docs.split("\n\n").next().unwrap_or_default()
    }
}

/// An item as it is registered in the crate that defines it.
pub struct Registration {
    /// The name and the other names.
    pub names: &'static [&'static str],
    /// The package that registers it.
    pub package: &'static str,
    /// The JSON schema of its arguments, with its docs as description.
    pub schema: fn() -> Json,
    /// How much sooner than others an engine is taken; see [`Manifest::preference`].
    pub preference: u32,
    /// How one is made.
    pub make: Make,
}

/// A strategy, or why there is none for the study and settings.
pub type MadeStrategy = Result<Box<dyn Strategy>, StrategyError>;

/// Makes a strategy for a study and settings.
pub type MakeStrategy = dyn Fn(&Study, &Json) -> MadeStrategy + Send + Sync;

/// How an item is made.
pub enum Make {
    /// A model.
    Model(fn() -> Box<dyn Model>),
    /// A pass.
    Pass(fn() -> Box<dyn Pass>),
    /// A strategy, for a study and settings.
    Strategy(fn(&Study, &Json) -> MadeStrategy),
    /// An engine.
    Engine(fn() -> Box<dyn Engine>),
}

inventory::collect!(Registration);

impl Registration {
    /// Returns all items of a package that are linked, by kind and name.
    pub fn of_package(package: &str) -> Vec<&'static Self> {
        let mut items: Vec<&'static Self> = inventory::iter::<Self>
            .into_iter()
            .filter(|registration| registration.package == package)
            .collect();
        items.sort_by_key(|registration| (registration.kind(), registration.names[0]));
        items
    }

    /// Returns what the item is.
    pub fn kind(&self) -> Kind {
        match self.make {
            Make::Model(_) => Kind::Model,
            Make::Pass(_) => Kind::Pass,
            Make::Strategy(_) => Kind::Strategy,
            Make::Engine(_) => Kind::Engine,
        }
    }

    /// Returns what the item says about itself.
    pub fn manifest(&self) -> Manifest {
        let mut schema = (self.schema)();
        let docs = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"))
            .and_then(|docs| docs.as_str().map(str::to_owned))
            .unwrap_or_default();
        Manifest {
            kind: self.kind(),
            name: self.names[0].to_owned(),
            aliases: self.names[1..]
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            docs,
            schema,
            preference: self.preference,
        }
    }
}

/// Registers a model: names, the type of its arguments and the model.
///
/// The first name is the name, the others are aliases. The doc comment of the arguments' type is
/// what users read.
#[macro_export]
macro_rules! register_model {
    ($($name:literal),+ ; $args:ty => $model:expr) => {
        $crate::register!([$($name),+], $args, Model(|| ::std::boxed::Box::new($model)));
    };
}

/// Registers a pass: names, the type of its arguments and the pass. See [`register_model!`].
#[macro_export]
macro_rules! register_pass {
    ($($name:literal),+ ; $args:ty => $pass:expr) => {
        $crate::register!([$($name),+], $args, Pass(|| ::std::boxed::Box::new($pass)));
    };
}

/// Registers a strategy: names, the type of its settings and a function
/// `fn(&Study, Settings) -> Result<impl Strategy, StrategyError>`. See [`register_model!`].
#[macro_export]
macro_rules! register_strategy {
    ($($name:literal),+ ; $settings:ty => $make:expr) => {
        $crate::register!([$($name),+], $settings, Strategy(|study, settings| {
            let settings: $settings = $crate::registry::parse(settings)
                .map_err($crate::strategy::StrategyError::Settings)?;
            ::std::result::Result::Ok(::std::boxed::Box::new($make(study, settings)?))
        }));
    };
}

/// Registers an engine: names, the type of its settings and the engine. See [`register_model!`].
///
/// An engine that trains what it can faster than others do says so with `, preference = 10` at
/// the end: see [`Manifest::preference`](crate::registry::Manifest::preference).
#[macro_export]
macro_rules! register_engine {
    ($($name:literal),+ ; $settings:ty => $engine:expr) => {
        $crate::register_engine!($($name),+ ; $settings => $engine, preference = 0);
    };
    ($($name:literal),+ ; $settings:ty => $engine:expr, preference = $preference:expr) => {
        $crate::register!(
            [$($name),+], $settings, Engine(|| ::std::boxed::Box::new($engine)), $preference
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! register {
    ([$($name:literal),+], $args:ty, $kind:ident($make:expr)) => {
        $crate::register!([$($name),+], $args, $kind($make), 0);
    };
    ([$($name:literal),+], $args:ty, $kind:ident($make:expr), $preference:expr) => {
        $crate::inventory::submit! {
            $crate::registry::Registration {
                names: &[$($name),+],
                package: env!("CARGO_PKG_NAME"),
                schema: || $crate::schemars::schema_for!($args).to_value(),
                preference: $preference,
                make: $crate::registry::Make::$kind($make),
            }
        }
    };
}

/// Reads arguments or settings; the error names the field that does not fit.
///
/// # Errors
/// serde's message, such as "unknown field `widht`, expected `width`", after the field where the
/// message alone does not name it: "`width`: invalid type: string \"wide\", expected usize".
pub fn parse<T: serde::de::DeserializeOwned>(args: &Json) -> Result<T, String> {
    // Absent arguments are an empty table, so that every field can have its default.
    let args = if args.is_null() {
        Json::Object(serde_json::Map::new())
    } else if args.is_object() {
        args.clone()
    } else {
        // serde would take a list as the fields in their order.
        return Err(format!("expected a table, found {args}"));
    };
    serde_path_to_error::deserialize(args).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        // The path of the arguments themselves is a dot.
        if path == "." || message.contains(&format!("`{path}`")) {
            message
        } else {
            format!("`{path}`: {message}")
        }
    })
}

/// Everything that was loaded, by name.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

/// An item of a plugin.
pub struct Entry {
    /// What it says about itself.
    pub manifest: Manifest,
    /// The name of the plugin that has it.
    pub plugin: String,
    /// How one is made.
    pub factory: Factory,
}

/// How an item of a plugin is made; fails with the plugin's message.
pub enum Factory {
    /// A model.
    Model(Box<dyn Fn() -> Result<Box<dyn Model>, String> + Send + Sync>),
    /// A pass.
    Pass(Box<dyn Fn() -> Result<Box<dyn Pass>, String> + Send + Sync>),
    /// A strategy, for a study and settings.
    Strategy(Box<MakeStrategy>),
    /// An engine.
    Engine(Box<dyn Fn() -> Result<Box<dyn Engine>, String> + Send + Sync>),
}

/// Why a name stands for no item.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LookupError {
    /// Nothing has the name.
    #[error("unknown {kind} `{name}`")]
    Unknown {
        /// The kind that was looked for.
        kind: Kind,
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// Several plugins have the name.
    #[error("{kind} `{name}` is in several plugins: {}", .plugins.join(", "))]
    Ambiguous {
        /// The kind that was looked for.
        kind: Kind,
        /// The name.
        name: String,
        /// The plugins that have it.
        plugins: Vec<String>,
    },
}

impl LookupError {
    /// Returns what a user could do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { kind, name, known } => {
                let list = format!(
                    "`firebrick list {}` shows the {}",
                    kind.plural(),
                    known.len()
                );
                match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`? {list} that are known"),
                    None => format!("{list} that are known"),
                }
            }
            Self::Ambiguous { name, plugins, .. } => {
                format!(
                    "write `{}/{name}`",
                    plugins.first().map_or("plugin", String::as_str)
                )
            }
        }
    }
}

impl Registry {
    /// Adds an item.
    pub fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.entries.sort_by(|a, b| {
            let key = |entry: &Entry| {
                (
                    entry.manifest.kind,
                    entry.manifest.name.clone(),
                    entry.plugin.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
    }

    /// Returns all items, by kind and name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the engines in the order in which `auto` offers them a network: the highest
    /// [`Manifest::preference`] first, then by name.
    pub fn engines(&self) -> Vec<&Entry> {
        let is_engine = |entry: &&Entry| entry.manifest.kind == Kind::Engine;
        let mut engines: Vec<&Entry> = self.entries.iter().filter(is_engine).collect();
        // A stable sort keeps the order of names.
        engines.sort_by_key(|entry| std::cmp::Reverse(entry.manifest.preference));
        engines
    }

    /// Returns the item of a kind and a name: its own, an alias, or `plugin/name`.
    ///
    /// # Errors
    /// [`LookupError`] if nothing or more than one thing has the name.
    pub fn find(&self, kind: Kind, name: &str) -> Result<&Entry, LookupError> {
        let (plugin, bare) = match name.split_once('/') {
            Some((plugin, bare)) => (Some(plugin), bare),
            None => (None, name),
        };
        let found: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.manifest.kind == kind)
            .filter(|entry| plugin.is_none_or(|plugin| plugin == entry.plugin))
            .filter(|entry| {
                entry.manifest.name == bare || entry.manifest.aliases.iter().any(|a| a == bare)
            })
            .collect();
        match found.as_slice() {
            [entry] => Ok(entry),
            [] => Err(LookupError::Unknown {
                kind,
                name: name.to_owned(),
                known: self
                    .entries
                    .iter()
                    .filter(|entry| entry.manifest.kind == kind)
                    .map(|entry| entry.manifest.name.clone())
                    .collect(),
            }),
            several => Err(LookupError::Ambiguous {
                kind,
                name: name.to_owned(),
                plugins: several.iter().map(|entry| entry.plugin.clone()).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Args {
        width: usize,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<i8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Inner {
        switch: bool,
    }

    fn engine(name: &str, preference: u32) -> Entry {
        Entry {
            manifest: Manifest {
                kind: Kind::Engine,
                name: name.to_owned(),
                aliases: Vec::new(),
                docs: String::new(),
                schema: Json::Null,
                preference,
            },
            plugin: "plugin".to_owned(),
            factory: Factory::Engine(Box::new(|| Err("never made".to_owned()))),
        }
    }

    #[test]
    fn engines_come_by_preference_then_by_name() {
        let mut registry = Registry::default();
        for (name, preference) in [("c", 0), ("a", 0), ("d", 10), ("b", 3)] {
            registry.add(engine(name, preference));
        }
        let engines = registry.engines();
        let names: Vec<&str> = engines.iter().map(|e| e.manifest.name.as_str()).collect();
        assert_eq!(names, ["d", "b", "a", "c"]);
    }

    #[test]
    fn a_manifest_without_preference_has_none() {
        let old = r#"{"kind": "engine", "name": "x", "aliases": [], "docs": "", "schema": null}"#;
        let manifest: Manifest = serde_json::from_str(old).unwrap();
        assert_eq!(manifest.preference, 0);
    }

    #[test]
    fn an_error_names_the_field_once() {
        let messages = [
            serde_json::json!({ "width": "wide" }),
            serde_json::json!({ "width": 1, "inner": { "switch": 3 } }),
            serde_json::json!({ "width": 1, "list": [1, 300] }),
            serde_json::json!({ "widht": 1 }),
            serde_json::json!({ "width": 1, "inner": { "swich": true } }),
            Json::Null,
            serde_json::json!([1]),
        ]
        .map(|args| parse::<Args>(&args).unwrap_err());
        insta::assert_snapshot!(messages.join("\n"), @r#"
        `width`: invalid type: string "wide", expected usize
        `inner.switch`: invalid type: integer `3`, expected a boolean
        `list[1]`: invalid value: integer `300`, expected i8
        unknown field `widht`, expected one of `width`, `inner`, `list`
        `inner.swich`: unknown field `swich`, expected `switch`
        missing field `width`
        expected a table, found [1]
        "#);
    }
}
