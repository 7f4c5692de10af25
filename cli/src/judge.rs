//! `firebrick test`: a trained network on the test split.

use std::process::ExitCode;

use anyhow::{Context, Result};
use firebrick_core::graph::Graph;
use firebrick_core::pass::Table;
use firebrick_core::weights::Weights;

use crate::args::{Format, RunArgs};
use crate::dry_run;
use crate::environment::Environment;
use crate::failure::failure;
use crate::output::artifacts::metrics_of;
use crate::output::table::{self, number};
use crate::plugins::Plugins;
use crate::prepare::{self, Network};
use crate::study::Verb;

/// Judges a checkpoint on the test split.
pub(crate) fn run(
    args: &RunArgs,
    environment: &Environment,
    plugins: &Plugins,
    format: Format,
) -> Result<ExitCode> {
    let loaded = prepare::study(args, &prepare::run_options(args), Verb::Test)?;
    let Some(path) = loaded.study.load_name.clone() else {
        let hint = "name it with `--load-name FILE`; `firebrick train` and `search` write them";
        return Err(failure("no checkpoint to test", hint));
    };
    let base = prepare::base(
        &loaded,
        &plugins.registry,
        environment,
        Network::OfCheckpoint,
    )?;
    prepare::needs_test_rows(&base.dataset)?;
    let weights: Weights = base.weights.clone().unwrap_or_default();
    let graph: &Graph = &base.graph;
    let study = &loaded.study;
    let engines = prepare::engines(&loaded, &plugins.registry, graph, Some(1));
    if args.dry_run && format == Format::Json {
        let facts = dry_run::facts(study, &base.dataset, graph, &engines);
        return Ok(dry_run::print(facts));
    }
    let engines = engines?;
    prepare::describe(&base.dataset, graph, &study.model.name, &engines);
    if args.dry_run {
        return Ok(dry_run::end());
    }
    let chosen = engines.base();
    let rows = base.dataset.test.rows();
    let judged = chosen
        .engine
        .evaluate(graph, &weights, rows, &chosen.placement)
        .with_context(|| format!("can't test `{path}`"))?;
    let metrics = metrics_of(&judged);
    match format {
        Format::Json => {
            let fields = metrics
                .into_iter()
                .map(|(name, value)| (name, value.into()));
            println!("{:#}", serde_json::Value::Object(fields.collect()));
        }
        Format::Text => {
            let columns = metrics
                .iter()
                .map(|(name, _)| format!("test_{name}"))
                .collect();
            let rows = vec![metrics.iter().map(|(_, value)| number(*value)).collect()];
            print!("{}", table::render(&Table { columns, rows }));
        }
    }
    Ok(ExitCode::SUCCESS)
}
