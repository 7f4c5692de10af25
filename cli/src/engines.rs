//! The engines of a run: which there are, and which of them trains a network.

pub(crate) mod device;

use anyhow::{Result, anyhow};
use firebrick_core::calibration::provisional;
use firebrick_core::dataset::Rows;
use firebrick_core::engine::{Engine, Placement};
use firebrick_core::graph::Graph;
use firebrick_core::registry::{Entry, Factory, Kind, Registry};
use firebrick_core::weights::Weights;

use self::device::Refused;
use crate::failure::{failure, maybe_hinted};
use crate::setup::find;

/// The engine that takes every network, for hints where it is not here.
const GENERAL: &str = "burn";

/// What a run asks of its engine.
pub(crate) struct Wanted<'a> {
    /// The name of an engine, or `auto` for the fastest that can train the network.
    pub(crate) name: &'a str,
    /// The word of a study for a device, or `auto` for what each engine prefers.
    pub(crate) accelerator: &'a str,
    /// How many candidates may train at a time.
    pub(crate) threads: usize,
}

/// The engines that a run can use: those that have the device.
pub(crate) struct Engines {
    /// In the order in which a network is offered to them; never empty.
    usable: Vec<Usable>,
    /// The position of the one that the base network goes to.
    base: usize,
    /// Whether the run named none.
    is_auto: bool,
}

/// An engine, and where it works.
pub(crate) struct Usable {
    /// The name of the engine.
    pub(crate) name: String,
    /// The engine.
    pub(crate) engine: Box<dyn Engine>,
    /// The device and the number of threads.
    pub(crate) placement: Placement,
    /// What the device calls itself.
    device_name: String,
}

impl Engines {
    /// Returns the engines that a run can use, of which one at least can train its base network.
    ///
    /// # Errors
    /// If no engine here has the name, has the device or can train the network; the last names
    /// what each engine says.
    pub(crate) fn for_base(registry: &Registry, wanted: &Wanted<'_>, base: &Graph) -> Result<Self> {
        let is_auto = wanted.name == "auto";
        let entries = match is_auto {
            true => registry.engines(),
            false => vec![find(registry, Kind::Engine, wanted.name)?],
        };
        let (usable, broken) = usable(&entries, wanted)?;
        let mut engines = Self {
            usable,
            base: 0,
            is_auto,
        };
        engines.base = engines.first_for(base).map_err(|mut refusals| {
            refusals.extend(broken);
            match is_auto {
                true => refused_by_all(registry, &refusals),
                false => refused_by_one(registry, wanted, base, &refusals),
            }
        })?;
        Ok(engines)
    }

    /// Returns the position of the first engine that can train a network, whatever the fraction
    /// widths that are still to be chosen come to.
    ///
    /// # Errors
    /// What each engine says, the name of the engine in front.
    pub(crate) fn first_for(&self, graph: &Graph) -> Result<usize, Vec<String>> {
        let graph = &provisional(graph);
        let mut refusals = Vec::new();
        for (idx, usable) in self.usable.iter().enumerate() {
            match usable.engine.supports(graph) {
                Ok(()) => return Ok(idx),
                Err(error) => refusals.push(format!("engine `{}`: {error}", usable.name)),
            }
        }
        Err(refusals)
    }

    /// Returns the position of the first engine that has zero-cost metrics of a network.
    ///
    /// # Errors
    /// What each engine says, the name of the engine in front.
    pub(crate) fn first_that_scores(&self, graph: &Graph) -> Result<usize, Vec<String>> {
        let (weights, rows) = (Weights::default(), Rows::of_numbers(&[], &[]));
        let mut refusals = Vec::new();
        for (idx, usable) in self.usable.iter().enumerate() {
            let engine = &usable.engine;
            match engine.score(graph, &weights, rows, &[], &usable.placement) {
                Ok(_) => return Ok(idx),
                Err(error) => refusals.push(format!("engine `{}`: {error}", usable.name)),
            }
        }
        Err(refusals)
    }

    /// Checks that an engine has zero-cost metrics of a network.
    ///
    /// # Errors
    /// What each engine says, and what helps.
    pub(crate) fn check_scores(&self, registry: &Registry, base: &Graph) -> Result<()> {
        let Err(refusals) = self.first_that_scores(base) else {
            return Ok(());
        };
        let what = format!(
            "no engine in use has zero-cost metrics of this network{}",
            list(&refusals)
        );
        let is_here = registry.find(Kind::Engine, GENERAL).is_ok();
        let hint = match (is_here, self.is_auto) {
            (true, true) => None,
            (true, false) => Some(format!("`--engine {GENERAL}` or `--engine auto`")),
            (false, _) => Some(format!(
                "engine `{GENERAL}` has them: `cargo xtask build` builds it, `cargo xtask \
                 install` installs it"
            )),
        };
        Err(maybe_hinted(anyhow!(what), hint))
    }

    /// Returns the engine that the base network goes to.
    pub(crate) fn base(&self) -> &Usable {
        self.get(self.base)
    }

    /// Returns the position of the engine that the base network goes to.
    pub(crate) fn base_position(&self) -> usize {
        self.base
    }

    /// Returns whether a position is that of the base network's engine.
    pub(crate) fn is_base(&self, position: usize) -> bool {
        position == self.base
    }

    /// Returns the engine at a position.
    pub(crate) fn get(&self, position: usize) -> &Usable {
        &self.usable[position]
    }

    /// Says which engine trains the base network, where, and why that one.
    pub(crate) fn summary(&self) -> String {
        let Usable {
            name,
            placement,
            device_name,
            ..
        } = self.base();
        let names: Vec<&str> = self.usable.iter().map(|one| one.name.as_str()).collect();
        let why = match (self.is_auto, names.len()) {
            (false, _) => String::new(),
            (true, 1) => " (auto: no other can be used)".to_owned(),
            (true, _) => format!(
                " (auto: the fastest of {} that can train this network)",
                names.join(", ")
            ),
        };
        let Placement { device, threads } = placement;
        let place = match device.as_str() {
            "cpu" => format!("{device}, {threads} at a time"),
            // How many train at a time there is up to the engine.
            _ => format!("{device}, {device_name}"),
        };
        format!("engine {name} on {place}{why}")
    }
}

/// Returns the engines that have the device, and what those say that can't be made.
fn usable(entries: &[&Entry], wanted: &Wanted<'_>) -> Result<(Vec<Usable>, Vec<String>)> {
    if entries.is_empty() {
        let hint =
            "install one with `cargo xtask install`, or name its folder with `--plugin-dir DIR`";
        return Err(failure("no engine was found among the plugins", hint));
    }
    let kind = device::kind(wanted);
    let is_wanted = |one: &str| kind.is_none_or(|kind| kind == one);
    let mut usable = Vec::new();
    let mut refused = Refused::default();
    for entry in entries {
        let name = entry.manifest.name.clone();
        let engine = match make(entry) {
            Ok(engine) => engine,
            Err(reason) => {
                refused.broken.push(format!("engine `{name}`: {reason}"));
                continue;
            }
        };
        let devices = engine.devices();
        let Some(device) = devices.iter().find(|device| is_wanted(&device.kind)) else {
            let kinds = devices.into_iter().map(|device| device.kind);
            refused.kinds.extend(kinds);
            let absent = engine.absent_devices().into_iter();
            let absent = absent.filter(|absent| is_wanted(&absent.kind));
            let absent = absent.map(|absent| (name.clone(), absent));
            refused.absent.extend(absent);
            continue;
        };
        usable.push(Usable {
            name,
            placement: Placement {
                device: device.kind.clone(),
                threads: wanted.threads,
            },
            device_name: device.name.clone(),
            engine,
        });
    }
    match usable.is_empty() {
        true => Err(refused.into_error(wanted)),
        false => Ok((usable, refused.broken)),
    }
}

fn make(entry: &Entry) -> Result<Box<dyn Engine>, String> {
    match &entry.factory {
        Factory::Engine(make) => make(),
        _ => Err("it is no engine".to_owned()),
    }
}

/// Returns the error of a network that no engine takes.
fn refused_by_all(registry: &Registry, refusals: &[String]) -> anyhow::Error {
    let what = format!("no engine here can train this network{}", list(refusals));
    maybe_hinted(anyhow!(what), general_engine(registry))
}

/// Returns the error of a network that the named engine does not take, with another that does.
fn refused_by_one(
    registry: &Registry,
    wanted: &Wanted<'_>,
    base: &Graph,
    refusals: &[String],
) -> anyhow::Error {
    let auto = Wanted {
        name: "auto",
        ..*wanted
    };
    let hint = match Engines::for_base(registry, &auto, base) {
        Ok(engines) => Some(format!("`--engine {}` can", engines.base().name)),
        Err(_) => general_engine(registry),
    };
    let what = format!("can't train this network: {}", refusals.join("; "));
    maybe_hinted(anyhow!(what), hint)
}

/// Returns how to get the engine that takes every network, unless it is here.
fn general_engine(registry: &Registry) -> Option<String> {
    let is_missing = registry.find(Kind::Engine, GENERAL).is_err();
    is_missing.then(|| {
        format!(
            "engine `{GENERAL}` trains any network: `cargo xtask build` builds it, `cargo xtask \
             install` installs it"
        )
    })
}

/// Returns lines below a message.
fn list(reasons: &[String]) -> String {
    let lines = reasons.iter().map(|reason| format!("\n  {reason}"));
    lines.collect()
}

#[cfg(test)]
mod tests;
