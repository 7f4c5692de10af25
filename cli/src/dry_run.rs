//! `--dry-run`: what a run would do, without doing it.

use std::process::ExitCode;

use anyhow::Result;
use firebrick_core::costs::Costs;
use firebrick_core::dataset::Dataset;
use firebrick_core::graph::Graph;
use serde_json::{Map, Value, json};

use crate::engines::Engines;
use crate::study::Study;

/// Returns what is known of a run before it starts. That no engine here can train the network is
/// a fact among others: `engine` is null and `reason` says why.
pub(crate) fn facts(
    study: &Study,
    dataset: &Dataset,
    graph: &Graph,
    engines: &Result<Engines>,
) -> Map<String, Value> {
    let costs = Costs::of(graph).total;
    let mut facts = Map::new();
    match engines {
        Ok(engines) => {
            facts.insert("engine".into(), engines.base().name.clone().into());
            let device = engines.base().placement.device.clone();
            facts.insert("device".into(), device.into());
        }
        Err(error) => {
            facts.insert("engine".into(), Value::Null);
            facts.insert("reason".into(), format!("{error:#}").into());
            facts.insert("device".into(), Value::Null);
        }
    }
    // Who builds engines on demand has to know which: a study file may name one.
    facts.insert("engine_asked".into(), study.engine.clone().into());
    facts.insert("accelerator".into(), study.accelerator.word().into());
    facts.insert("model".into(), study.model.name.clone().into());
    facts.insert("params".into(), costs.params.into());
    facts.insert("macs".into(), costs.macs.into());
    facts.insert("dataset".into(), dataset.name.clone().into());
    facts.insert("simulated_data".into(), dataset.simulated.into());
    let rows = json!({
        "train": dataset.train.len(),
        "validation": dataset.validation.len(),
        "test": dataset.test.len(),
    });
    facts.insert("rows".into(), rows);
    facts
}

/// Prints facts on stdout.
pub(crate) fn print(facts: Map<String, Value>) -> ExitCode {
    println!("{:#}", Value::Object(facts));
    ExitCode::SUCCESS
}

/// Says that a dry run is over.
pub(crate) fn end() -> ExitCode {
    eprintln!("dry run: nothing was trained, no results were written");
    ExitCode::SUCCESS
}
