//! From names to things: models, passes and strategies of a run.

use firebrick_core::Json;
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
