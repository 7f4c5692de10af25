//! `firebrick transform`: the passes of a study file, one after the other.

mod groups;
mod verify;

use std::process::ExitCode;

use anyhow::{Context, Result};
use firebrick_core::Json;
use firebrick_core::calibration::{Calibration, has_open, in_float};
use firebrick_core::costs::Costs;
use firebrick_core::graph::{Graph, Op};
use firebrick_core::inherit::inherit;
use firebrick_core::pass::{Info, Table};
use firebrick_core::random::trial_seed;
use firebrick_core::registry::Registry;
use firebrick_core::weights::Weights;
use serde_json::json;

use crate::args::{Format, TransformArgs};
use crate::checkpoint;
use crate::engines::Usable;
use crate::environment::Environment;
use crate::failure::failure;
use crate::output::files;
use crate::output::table::{self, number};
use crate::passes::{self, Passed};
use crate::plugins::Plugins;
use crate::prepare::{self, Base, Network};
use crate::rows::picked;
use crate::study::{Loaded, Verb};
use crate::train::WHOLE;
use verify::Verified;

/// Applies the passes and prints the network before and after, with costs.
pub(crate) fn run(
    args: &TransformArgs,
    environment: &Environment,
    plugins: &Plugins,
    format: Format,
) -> Result<ExitCode> {
    let options = prepare::run_options(&args.run);
    let mut loaded = prepare::study(&args.run, &options, Verb::Transform)?;
    let registry = &plugins.registry;
    passes::check_names(&loaded, registry)?;
    prepare::aim(&mut loaded, registry)?;
    let base = || prepare::base(&loaded, registry, environment, Network::OfCheckpoint);
    if args.groups {
        if !loaded.study.passes.is_empty() {
            eprintln!("note: `[passes]` has no effect: `--groups` shows the network as it is");
        }
        groups::print(&base()?.graph, format);
        return Ok(ExitCode::SUCCESS);
    }
    if loaded.study.passes.is_empty() && !args.verify {
        let hint = "add a table `[passes.NAME]` to the study file; `firebrick list passes` shows \
                    the names";
        return Err(failure(
            "nothing to transform: the study has no `[passes]`",
            hint,
        ));
    }
    if loaded.study.load_name.is_none() {
        for (flag, is_given) in [("--verify", args.verify), ("--save", args.save.is_some())] {
            if is_given {
                let hint = "name a checkpoint with `--load-name FILE`; `firebrick train --save \
                            FILE` writes one";
                return Err(failure(format!("`{flag}` needs weights"), hint));
            }
        }
    }
    if let Some(file) = &args.save {
        files::can_be_written(file)?;
    }
    let base = base()?;
    let Passed {
        mut graph,
        measured,
    } = passes::apply_all(&loaded, registry, &base)?;
    let mut verified = None;
    if args.verify || args.save.is_some() {
        let (chosen, weights) = with_weights(&loaded, registry, &base, &graph)?;
        graph = chosen;
        if args.verify {
            verified = Some(Verified::of(&base.graph, &graph, &weights)?);
        }
        if let Some(file) = &args.save {
            files::write(
                file,
                checkpoint::bytes(&graph, &weights, base.drawn.as_ref(), []),
            )?;
            eprintln!("the network is in `{}`", file.display());
        }
    }
    match format {
        Format::Json => print_json(&base.graph, &graph, &measured, verified.as_ref()),
        Format::Text => print_text(&base.graph, &graph, &measured, verified.as_ref()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a changed network with the weights of the base, its open formats chosen from them and
/// from training rows.
fn with_weights(
    loaded: &Loaded,
    registry: &Registry,
    base: &Base,
    graph: &Graph,
) -> Result<(Graph, Weights)> {
    let study = &loaded.study;
    let weights = base.weights.as_ref().context("there are no weights")?;
    let seed = trial_seed(study.seed, 0);
    let weights = inherit(&base.graph, weights, graph, WHOLE, seed)
        .context("the weights of the checkpoint can't be used")?;
    if !has_open(graph) {
        return Ok((graph.clone(), weights));
    }
    let engines = prepare::engines(loaded, registry, &in_float(graph), Some(1))?;
    let Usable {
        engine, placement, ..
    } = engines.base();
    let width = base.dataset.input_shape.iter().product();
    let n_rows = study.quantization.samples;
    let rows = picked(&base.dataset.train, width, study.seed, n_rows);
    let calibration = Calibration {
        engine: engine.as_ref(),
        placement,
        rows: rows.features.borrow(),
        method: study.quantization.method,
        learns_steps: false,
    };
    let chosen = calibration.choose(graph, &weights);
    chosen.context("number formats can't be chosen")
}

fn print_text(
    before: &Graph,
    after: &Graph,
    measured: &[(String, Info)],
    verified: Option<&Verified>,
) {
    println!("before");
    print!("{}", table::render(&layers(before)));
    if before == after {
        println!("\nno pass changed the network");
    } else {
        println!("\nafter");
        print!("{}", table::render(&layers(after)));
        println!("\ncosts");
        print!("{}", table::render(&comparison(before, after)));
    }
    for (name, info) in measured {
        println!("\n{name}");
        if let Some(rows) = &info.table {
            print!("{}", table::render(rows));
        }
        for (metric, value) in &info.metrics {
            println!("{metric}: {}", number(*value));
        }
    }
    if let Some(verified) = verified {
        println!("\nstored weights");
        print!("{}", table::render(&verified.values()));
        println!("\nnodes");
        print!("{}", table::render(&verified.histogram()));
    }
}

fn print_json(
    before: &Graph,
    after: &Graph,
    measured: &[(String, Info)],
    verified: Option<&Verified>,
) {
    let one = |graph: &Graph| json!({ "graph": graph, "costs": Costs::of(graph).total });
    let analyses = measured
        .iter()
        .map(|(name, info)| (name.clone(), json!(info)));
    let mut all = json!({
        "before": one(before),
        "after": one(after),
        "analyses": Json::Object(analyses.collect()),
    });
    if let Some(verified) = verified {
        all["verified"] = verified.to_json();
    }
    println!("{all:#}");
}

/// Returns a table of layers; the last row is the sum.
fn layers(graph: &Graph) -> Table {
    let columns = ["node", "type", "in", "out", "params", "macs"]
        .map(str::to_owned)
        .to_vec();
    let costs = Costs::of(graph);
    let nodes = graph.nodes().iter().enumerate();
    let mut rows: Vec<Vec<String>> = nodes
        .filter(|(_, node)| !matches!(node.op, Op::Input { .. } | Op::Output))
        .map(|(idx, node)| {
            let inputs: Vec<String> = graph.input_shapes(idx).into_iter().map(sizes).collect();
            let cost = &costs.nodes[idx].cost;
            vec![
                node.name.clone(),
                node.op.name().to_owned(),
                inputs.join(" "),
                sizes(graph.shape(idx)),
                cost.params.to_string(),
                cost.macs.to_string(),
            ]
        })
        .collect();
    let total = costs.total;
    let last = [
        "total",
        "",
        "",
        "",
        &total.params.to_string(),
        &total.macs.to_string(),
    ];
    rows.push(last.map(str::to_owned).to_vec());
    Table { columns, rows }
}

fn sizes(shape: &[usize]) -> String {
    shape
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("x")
}

fn comparison(before: &Graph, after: &Graph) -> Table {
    let columns = ["cost", "before", "after", "ratio"]
        .map(str::to_owned)
        .to_vec();
    let (before, after) = (Costs::of(before).total, Costs::of(after).total);
    let row = |name: &str, before: u64, after: u64| {
        let ratio = format!("{:.3}", after as f64 / before as f64);
        vec![
            name.to_owned(),
            before.to_string(),
            after.to_string(),
            ratio,
        ]
    };
    let rows = vec![
        row("params", before.params, after.params),
        row("macs", before.macs, after.macs),
        row("flops", before.flops, after.flops),
        row("weight_bits", before.weight_bits, after.weight_bits),
        row(
            "activation_bits",
            before.activation_bits,
            after.activation_bits,
        ),
    ];
    Table { columns, rows }
}
