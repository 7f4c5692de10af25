//! From names to things: network, data, engine and device of a run.

use firebrick_core::Json;
use firebrick_core::engine::{Engine, Placement};
use firebrick_core::graph::Graph;
use firebrick_core::model::Model;
use firebrick_core::pass::Pass;
use firebrick_core::registry::{Entry, Factory, Kind, MadeStrategy, Registry};
use firebrick_core::strategy::Study;

use anyhow::{Result, anyhow};

use crate::failure::{failure, hinted};

/// Returns the item of a name, with a hint where there is none.
pub(crate) fn find<'a>(registry: &'a Registry, kind: Kind, name: &str) -> Result<&'a Entry> {
    if registry.entries().is_empty() {
        let hint = "build and install them with `cargo xtask install`, or name their folder with \
                    `--plugin-dir DIR`";
        return Err(failure(
            format!("unknown {kind} `{name}`: no plugin was found"),
            hint,
        ));
    }
    registry.find(kind, name).map_err(|error| {
        let hint = error.hint();
        hinted(error, hint)
    })
}

/// Returns a model by name.
pub(crate) fn model(registry: &Registry, name: &str) -> Result<Box<dyn Model>> {
    match &find(registry, Kind::Model, name)?.factory {
        Factory::Model(make) => make().map_err(|error| anyhow!("model `{name}`: {error}")),
        _ => Err(anyhow!("`{name}` is no model")),
    }
}

/// Returns a pass by name.
pub(crate) fn pass(registry: &Registry, name: &str) -> Result<Box<dyn Pass>> {
    match &find(registry, Kind::Pass, name)?.factory {
        Factory::Pass(make) => make().map_err(|error| anyhow!("pass `{name}`: {error}")),
        _ => Err(anyhow!("`{name}` is no pass")),
    }
}

/// Returns a strategy by name for a study, or why it can't serve it.
pub(crate) fn strategy(
    registry: &Registry,
    name: &str,
    study: &Study,
    settings: &Json,
) -> Result<MadeStrategy> {
    match &find(registry, Kind::Strategy, name)?.factory {
        Factory::Strategy(make) => Ok(make(study, settings)),
        _ => Err(anyhow!("`{name}` is no strategy")),
    }
}

/// An engine that can do the job, and where it does it.
pub(crate) struct Chosen {
    /// The name of the engine.
    pub(crate) name: String,
    /// The engine.
    pub(crate) engine: Box<dyn Engine>,
    /// The device and the number of threads.
    pub(crate) placement: Placement,
}

/// Returns the engine of a name, or with `auto` the first that can train the graph on the device.
pub(crate) fn engine(
    registry: &Registry,
    name: &str,
    accelerator: &str,
    threads: usize,
    graph: &Graph,
) -> Result<Chosen> {
    let kind = match accelerator {
        "auto" => None,
        // The seed says `gpu` and `cuda` for one thing.
        "gpu" | "cuda" => Some("cuda"),
        other => Some(other),
    };
    let names: Vec<String> = match name {
        "auto" => {
            let engines = registry
                .entries()
                .iter()
                .filter(|e| e.manifest.kind == Kind::Engine);
            engines
                .map(|entry| format!("{}/{}", entry.plugin, entry.manifest.name))
                .collect()
        }
        name => vec![name.to_owned()],
    };
    let mut refusals = Vec::new();
    let mut devices = Vec::new();
    for name in names {
        let engine = make_engine(registry, &name)?;
        let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let available = engine.devices();
        let device = available
            .iter()
            .find(|device| kind.is_none_or(|kind| kind == device.kind));
        let Some(device) = device else {
            devices.extend(available.iter().map(|device| device.kind.clone()));
            continue;
        };
        match engine.supports(graph) {
            Ok(()) => {
                let placement = Placement {
                    device: device.kind.clone(),
                    threads,
                };
                return Ok(Chosen {
                    name: short,
                    engine,
                    placement,
                });
            }
            Err(error) => refusals.push(format!("engine `{short}`: {error}")),
        }
    }
    if let Some(refusal) = refusals.first() {
        return Err(anyhow!("no engine can train this network: {refusal}"));
    }
    if registry
        .entries()
        .iter()
        .all(|entry| entry.manifest.kind != Kind::Engine)
    {
        let hint =
            "install one with `cargo xtask install`, or name its folder with `--plugin-dir DIR`";
        return Err(failure("no engine was found among the plugins", hint));
    }
    devices.sort();
    devices.dedup();
    let hint = format!(
        "use `--accelerator {}`",
        devices.first().map_or("cpu", String::as_str)
    );
    Err(failure(
        format!("no engine here has a device for accelerator `{accelerator}`"),
        hint,
    ))
}

fn make_engine(registry: &Registry, name: &str) -> Result<Box<dyn Engine>> {
    match &find(registry, Kind::Engine, name)?.factory {
        Factory::Engine(make) => make().map_err(|error| anyhow!("engine `{name}`: {error}")),
        _ => Err(anyhow!("`{name}` is no engine")),
    }
}
