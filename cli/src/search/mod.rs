//! `firebrick search`: propose, train and judge candidates, and keep the best.

mod able;
mod builder;
mod constant;
mod correlation;
mod ending;
mod evaluate;
mod latency;
mod live;
mod refused;
mod results;
mod sample;
mod scoring;
mod study_loop;
mod training;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use firebrick_core::Json;
use firebrick_core::graph::Graph;
use firebrick_core::pass::Pass;
use firebrick_core::registry::{Kind, Registry};
use firebrick_core::strategy::{Strategy, StrategyError, Study as StrategyStudy};
use firebrick_core::value::Params;
use serde_json::Map;

use crate::args::{Format, SearchArgs};
use crate::dry_run;
use crate::environment::Environment;
use crate::failure::failure;
use crate::interrupt::{self, Deadline};
use crate::output::files;
use crate::output::progress::Progress;
use crate::plugins::Plugins;
use crate::prepare::{self, Network};
use crate::setup;
use crate::study::{Enqueued, Loaded, Search, SearchSpace, Subject, Verb};
use crate::training::Trainer;
use builder::{Analysis, Builder};
use evaluate::Evaluator;
use latency::Latency;
use live::Live;
use results::Results;
use scoring::Scoring;
use study_loop::{Budget, Hooks, Progressed, Spelling};

/// Runs a search and returns the exit code: 0 done, 1 no usable trial, 130 interrupted.
pub(crate) fn run(
    args: &SearchArgs,
    environment: &Environment,
    plugins: &Plugins,
    format: Format,
) -> Result<ExitCode> {
    let registry = &plugins.registry;
    let mut loaded = prepare::study(&args.run, &prepare::search_options(args), Verb::Search)?;
    loaded.add_analyses(|name| registry.find(Kind::Pass, name).is_ok());
    prepare::aim(&mut loaded, registry)?;
    let Some(search) = loaded.study.search.clone() else {
        let hint = "add `[search.search_space]` to the study file, or leave out `--config` for the \
                    default study";
        return Err(failure(
            "nothing to search: the study has no `[search]`",
            hint,
        ));
    };
    let subject = Subject::Strategy;
    prepare::known(&loaded, registry, Kind::Strategy, &search.strategy, subject)?;
    let transforms = transforms(&loaded, registry)?;
    let analyses = analyses(&loaded, &search, registry)?;
    let base = prepare::base(&loaded, registry, environment, Network::OfModel)?;
    let space = loaded
        .search_space(&base.graph, base.base_width, &transforms)
        .map_err(prepare::blamed)?;
    for notice in &space.notices {
        eprintln!("note: {notice}");
    }
    let builder = Builder {
        base: base.graph,
        transforms,
        analyses,
        constraints: search.constraints.clone(),
    };
    for Analysis { name, pass, args } in &builder.analyses {
        pass.apply(&builder.base, args).map_err(|error| {
            let what = format!("pass `{name}` can't measure the network: {error}");
            let hint = error.hint();
            prepare::blamed(loaded.blame(Subject::Analysis(name), what, hint))
        })?;
    }
    let (_, base_metrics) = builder
        .build(&[])
        .map_err(|reason| anyhow::anyhow!("can't measure the base: {reason}"))?;
    let measured = base_metrics.iter().map(|(name, _)| name.as_str());
    let measurable = || measurable(registry, &builder.base);
    loaded
        .check_metrics(measured, measurable)
        .map_err(prepare::blamed)?;
    let enqueued = loaded.enqueued(&space).map_err(prepare::blamed)?;
    for note in &enqueued.notes {
        eprintln!("note: {note}");
    }
    let strategy_study = StrategyStudy {
        space: space.space.clone(),
        directions: search.goal.directions(),
        seed: loaded.study.seed,
        n_trials: Some(search.n_trials),
    };
    let mut strategy = strategy(&loaded, registry, &search, &strategy_study)?;
    constant::warn(&space, &builder, &search.goal);
    let engines = prepare::engines(&loaded, registry, &builder.base, search.n_jobs);
    if args.run.dry_run && format == Format::Json {
        let mut facts = dry_run::facts(&loaded.study, &base.dataset, &builder.base, &engines);
        add_facts(&mut facts, &search, &space, &enqueued);
        let refused = engines
            .as_ref()
            .ok()
            .and_then(|engines| refused::any(&space, &builder, engines, &search, registry));
        facts.insert("refused".into(), refused.into());
        return Ok(dry_run::print(facts));
    }
    let engines = engines?;
    if !search.zero_cost.is_empty() {
        engines.check_scores(registry, &builder.base)?;
    }
    let describe = || {
        let model = &loaded.study.model.name;
        prepare::describe(&base.dataset, &builder.base, model, &engines);
        announce(&search, &space, &enqueued);
        if let Some(reason) = refused::first(&space, &builder, &engines) {
            eprintln!("warning: no engine here can train some of the candidates: {reason}");
        }
    };
    if args.run.dry_run {
        describe();
        return Ok(dry_run::end());
    }
    let accelerator = engines.base().placement.device.clone();
    let spelling = Spelled {
        space: &space,
        accelerator: &accelerator,
    };
    let out = prepare::out_folder(&args.run, &loaded.study);
    let _folder = files::fresh_folder(&out)?;
    let provenance = prepare::provenance(&loaded.study, &base.dataset, plugins.versions());
    let results = Results {
        out: &out,
        provenance: &provenance,
        drawn: prepare::drawn(&loaded.study, &base.dataset),
        config: loaded.study.to_toml(),
        written: RefCell::default(),
    };
    results.start()?;
    describe();
    match (args.no_train, &base.weights) {
        (false, _) => {}
        (true, None) => eprintln!(
            "warning: `--no-train` judges candidates as they start; their order says little"
        ),
        (true, Some(_)) => {
            eprintln!("note: `--no-train` judges candidates with what they have of the checkpoint");
        }
    }

    let recipe = prepare::recipe(&loaded, &search.recipe, &base.dataset)?;
    let scoring = (!search.zero_cost.is_empty())
        .then(|| Scoring::new(&search.zero_cost, &base.dataset, loaded.study.seed));
    let trainer = Trainer::new(&loaded.study, &engines, &base.dataset, &recipe);
    let evaluator = Evaluator {
        scoring: scoring.as_ref(),
        latency: match search.measured.latency {
            Some(args) => Some(Latency::of(&loaded, args, &base.dataset)?),
            None => None,
        },
        trained_ebops: search.measured.trained_ebops,
        builder: &builder,
        goal: &search.goal,
        trainer: &trainer,
        detour: OnceLock::new(),
        seed: loaded.study.seed,
        weights: base
            .weights
            .as_ref()
            .map(|weights| (weights, search.inherit)),
        pruner: search.pruner.as_ref(),
        train: !args.no_train,
        memory: environment.memory,
    };
    let total = total_trials(&search, &space);
    let n_epochs = search.recipe.max_epochs as u64;
    let progress = Progress::start("trial", total, n_epochs, environment.is_live);
    let line = progress.clone();
    interrupt::listen(move |message| line.line(message))?;
    let live = Live::new(&progress, n_epochs);
    let deadline = Deadline::after(search.timeout_s.and_then(to_duration));
    let mut progressed = Progressed::default();
    let budget = Budget {
        enqueued: &enqueued.points,
        n_trials: search.n_trials,
        population: search.population as u64,
    };
    let end = study_loop::run(
        &space.space,
        &spelling,
        strategy.as_mut(),
        &evaluator,
        budget,
        &mut progressed,
        &mut Hooks {
            should_stop: &|| interrupt::interrupted() || deadline.is_over(),
            on_epoch: &|number, epoch| live.epoch(number, epoch),
            on_finished: &mut |progressed, n_new| {
                // Kept first: a trial whose line was printed is not lost.
                results.write(progressed)?;
                live.say_detour(evaluator.detour.get());
                live.finished(progressed, n_new, total);
                Ok(())
            },
        },
    );
    progress.finish();
    let end = end.inspect_err(|_| {
        if results.write(&progressed).is_ok() {
            eprintln!("{}", ending::kept(progressed.records.len()));
        }
    })?;
    ending::say(end, &progressed, space.space.size());
    for line in correlation::lines(&progressed.records, &search.zero_cost) {
        eprintln!("{line}");
    }
    results.judge_front(&mut progressed, &evaluator)?;
    results.write(&progressed)?;
    results.print(&progressed, &space, format);
    Ok(ending::exit_code(&progressed))
}

/// The space of the study with the device that results name.
struct Spelled<'a> {
    space: &'a SearchSpace,
    accelerator: &'a str,
}

impl Spelling for Spelled<'_> {
    fn pass_args(&self, params: &Params) -> Vec<(String, Json)> {
        self.space.pass_args(params)
    }

    fn sampled_config(&self, params: &Params) -> Json {
        self.space.sampled_config(params, self.accelerator)
    }
}

fn transforms(loaded: &Loaded, registry: &Registry) -> Result<BTreeMap<String, Box<dyn Pass>>> {
    let mut passes = BTreeMap::new();
    for name in loaded.space_passes() {
        prepare::known(loaded, registry, Kind::Pass, name, Subject::SpacePass(name))?;
        passes.insert(name.to_owned(), setup::pass(registry, name)?);
    }
    Ok(passes)
}

fn strategy(
    loaded: &Loaded,
    registry: &Registry,
    search: &Search,
    study: &StrategyStudy,
) -> Result<Box<dyn Strategy>> {
    let name = &search.strategy;
    let made = setup::strategy(registry, name, study, &search.settings)?;
    made.map_err(|error| {
        let subject = match error {
            StrategyError::Settings(_) => Subject::Key("search.strategy.settings"),
            _ => Subject::Strategy,
        };
        let hint = match error {
            StrategyError::Settings(_) => None,
            _ => Some(able::hint(registry, name, study)),
        };
        let what = format!("strategy `{name}`: {error}");
        prepare::blamed(loaded.blame(subject, what, hint))
    })
}

fn analyses(loaded: &Loaded, search: &Search, registry: &Registry) -> Result<Vec<Analysis>> {
    let analysis = |step: &crate::study::PassStep| {
        let name = step.name.clone();
        prepare::known(
            loaded,
            registry,
            Kind::Pass,
            &name,
            Subject::Analysis(&name),
        )?;
        let pass = setup::pass(registry, &name)?;
        Ok(Analysis {
            name,
            pass,
            args: step.args.clone(),
        })
    };
    search.analyses.iter().map(analysis).collect()
}

/// Returns every metric that an analysis measures, with the analysis. What it has to be told for
/// that is 1, as far as a number will do.
fn measurable(registry: &Registry, base: &Graph) -> Vec<(String, String)> {
    let passes = registry
        .entries()
        .iter()
        .filter(|entry| entry.manifest.kind == Kind::Pass);
    let metrics = passes.flat_map(|entry| {
        let name = &entry.manifest.name;
        let needed = entry.manifest.schema["required"].as_array();
        let needed = needed.into_iter().flatten().filter_map(Json::as_str);
        let args: Map<String, Json> = needed.map(|field| (field.to_owned(), 1.into())).collect();
        let measured = setup::pass(registry, name)
            .ok()
            .and_then(|pass| pass.apply(base, &Json::Object(args)).ok());
        let metrics = measured.map(|(_, info)| info.metrics).unwrap_or_default();
        metrics.into_keys().map(|metric| (metric, name.clone()))
    });
    metrics.collect()
}

fn to_duration(seconds: f64) -> Option<Duration> {
    // A limit that no clock can hold is no limit.
    Duration::try_from_secs_f64(seconds).ok()
}

fn total_trials(search: &Search, space: &SearchSpace) -> u64 {
    let size = space.space.size().and_then(|size| u64::try_from(size).ok());
    size.map_or(search.n_trials, |size| size.min(search.n_trials))
}

/// Adds what a search would do to the facts of a dry run.
fn add_facts(
    facts: &mut Map<String, Json>,
    search: &Search,
    space: &SearchSpace,
    enqueued: &Enqueued,
) {
    // Whole where JSON can hold it; no number stands for a space without end.
    let n_points = space.space.size().map(|size| match u64::try_from(size) {
        Ok(size) => Json::from(size),
        Err(_) => Json::from(size as f64),
    });
    facts.insert("n_points".into(), n_points.unwrap_or_default());
    facts.insert("n_trials".into(), total_trials(search, space).into());
    facts.insert("n_enqueued".into(), enqueued.points.len().into());
    facts.insert("strategy".into(), search.strategy.clone().into());
    facts.insert("objectives".into(), search.goal.to_string().into());
}

fn announce(search: &Search, space: &SearchSpace, enqueued: &Enqueued) {
    let size = space.space.size();
    let size = size.map_or_else(|| "infinitely many".to_owned(), |size| size.to_string());
    let given = match enqueued.points.len() {
        0 => String::new(),
        1 => ", the first of them given".to_owned(),
        n_points => format!(", the first {n_points} of them given"),
    };
    eprintln!(
        "searching {size} candidates with `{}`, up to {} trials{given}, {} asked at a time · {}",
        search.strategy, search.n_trials, search.population, search.goal,
    );
}
