//! `[passes]` of a study: one after the other on the base network.

use anyhow::{Result, anyhow};
use firebrick_core::Json;
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Role};
use firebrick_core::registry::{Kind, Registry};

use crate::failure::maybe_hinted;
use crate::prepare::{self, Base};
use crate::setup;
use crate::study::{Loaded, PassStep, Subject};

/// What passes made of a network, and what they measured on the way.
pub(crate) struct Passed {
    /// The network after all of them.
    pub(crate) graph: Graph,
    /// What the analyses among them say, by name.
    pub(crate) measured: Vec<(String, Info)>,
}

/// Checks that the passes of a study are known, before data is read.
pub(crate) fn check_names(loaded: &Loaded, registry: &Registry) -> Result<()> {
    for step in &loaded.study.passes {
        let key = format!("passes.{}", step.name);
        let subject = Subject::Key(&key);
        prepare::known(loaded, registry, Kind::Pass, &step.name, subject)?;
    }
    Ok(())
}

/// Applies the passes of a study to its base network.
pub(crate) fn apply_all(loaded: &Loaded, registry: &Registry, base: &Base) -> Result<Passed> {
    let mut passed = Passed {
        graph: base.graph.clone(),
        measured: Vec::new(),
    };
    for step in &loaded.study.passes {
        let (changed, info, role) =
            apply(registry, step, &passed.graph, base.base_width).map_err(|error| {
                let key = format!("passes.{}", step.name);
                let what = format!("pass `{}` can't be applied", step.name);
                error.context(loaded.blame(Subject::Key(&key), what, None))
            })?;
        passed.graph = changed;
        if role == Role::Analysis || info.table.is_some() {
            passed.measured.push((step.name.clone(), info));
        }
    }
    Ok(passed)
}

fn apply(
    registry: &Registry,
    step: &PassStep,
    graph: &Graph,
    base_width: usize,
) -> Result<(Graph, Info, Role)> {
    let pass = setup::pass(registry, &step.name)?;
    let mut args = step.args.clone();
    // Multipliers in the seed's spelling count in the model's width; `factor` does not look at it.
    if let (Role::Transform, Json::Object(args)) = (pass.role(), &mut args) {
        args.entry("base_width").or_insert(base_width.into());
    }
    let (changed, info) = pass.apply(graph, &args).map_err(|error| {
        let hint = error.hint();
        maybe_hinted(anyhow!(error), hint)
    })?;
    Ok((changed, info, pass.role()))
}
