//! `firebrick transform`: the passes of a study file, one after the other.

mod groups;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use firebrick_core::Json;
use firebrick_core::costs::Costs;
use firebrick_core::graph::{Graph, Op};
use firebrick_core::pass::{Info, Role, Table};
use firebrick_core::registry::{Kind, Registry};
use serde_json::json;

use crate::args::{Format, TransformArgs};
use crate::environment::Environment;
use crate::failure::{failure, maybe_hinted};
use crate::output::table::{self, number};
use crate::plugins::Plugins;
use crate::prepare;
use crate::setup;
use crate::study::{PassStep, Subject, Verb};

/// Applies the passes and prints the network before and after, with costs.
pub(crate) fn run(
    args: &TransformArgs,
    environment: &Environment,
    plugins: &Plugins,
    format: Format,
) -> Result<ExitCode> {
    let options = prepare::run_options(&args.run);
    let loaded = prepare::study(&args.run, &options, Verb::Transform)?;
    let registry = &plugins.registry;
    if args.groups {
        if !loaded.study.passes.is_empty() {
            eprintln!("note: `[passes]` has no effect: `--groups` shows the network as it is");
        }
        groups::print(
            &prepare::base(&loaded, registry, environment)?.graph,
            format,
        );
        return Ok(ExitCode::SUCCESS);
    }
    if loaded.study.passes.is_empty() {
        let hint = "add a table `[passes.NAME]` to the study file; `firebrick list passes` shows \
                    the names";
        return Err(failure(
            "nothing to transform: the study has no `[passes]`",
            hint,
        ));
    }
    for step in &loaded.study.passes {
        let key = format!("passes.{}", step.name);
        prepare::known(
            &loaded,
            registry,
            Kind::Pass,
            &step.name,
            Subject::Key(&key),
        )?;
    }
    let base = prepare::base(&loaded, registry, environment)?;
    let mut graph = base.graph.clone();
    let mut measured = Vec::new();
    for step in &loaded.study.passes {
        let (changed, info, role) =
            apply(registry, step, &graph, base.base_width).map_err(|error| {
                let key = format!("passes.{}", step.name);
                let what = format!("pass `{}` can't be applied", step.name);
                error.context(loaded.blame(Subject::Key(&key), what, None))
            })?;
        graph = changed;
        if role == Role::Analysis {
            measured.push((step.name.clone(), info));
        }
    }
    match format {
        Format::Json => print_json(&base.graph, &graph, &measured),
        Format::Text => print_text(&base.graph, &graph, &measured),
    }
    Ok(ExitCode::SUCCESS)
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

fn print_text(before: &Graph, after: &Graph, measured: &[(String, Info)]) {
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
}

fn print_json(before: &Graph, after: &Graph, measured: &[(String, Info)]) {
    let one = |graph: &Graph| json!({ "graph": graph, "costs": Costs::of(graph).total });
    let analyses = measured
        .iter()
        .map(|(name, info)| (name.clone(), json!(info)));
    let all = json!({
        "before": one(before),
        "after": one(after),
        "analyses": Json::Object(analyses.collect()),
    });
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
