//! What every run needs before it does anything: study, plugins, data, network, engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use firebrick_core::calibration::in_float;
use firebrick_core::dataset::{Dataset, Features};
use firebrick_core::graph::Graph;
use firebrick_core::images::Augment;
use firebrick_core::recipe::Recipe;
use firebrick_core::registry::{Kind, Registry};
use firebrick_core::weights::Weights;
use firebrick_datasets::{Fractions, LoadError, Request};

use crate::args::{RunArgs, SearchArgs};
use crate::checkpoint::{self, Checkpoint, Drawn};
use crate::engines::{Engines, Wanted, device};
use crate::environment::Environment;
use crate::failure::{failure, maybe_hinted};
use crate::output::artifacts::Provenance;
use crate::setup;
use crate::study::{self, Loaded, Options, Source, Study, StudyError, Subject, Verb};

/// Reads the study of a run and says what in it has no effect.
pub(crate) fn study(args: &RunArgs, options: &Options, verb: Verb) -> Result<Loaded> {
    let read = args.config.as_ref().map(|path| {
        let bytes = fs::read(path).with_context(|| format!("can't read `{}`", path.display()));
        bytes.map(|bytes| (path.display().to_string(), bytes))
    });
    let file = read.transpose()?;
    let source = file.as_ref().map(|(name, bytes)| Source { name, bytes });
    let loaded = study::load(source, options, verb).map_err(blamed)?;
    for notice in &loaded.notices {
        eprintln!("note: {notice}");
    }
    for (flag, reason) in idle_flags(args, verb) {
        eprintln!("note: `{flag}` has no effect: {reason}");
    }
    Ok(loaded)
}

/// Returns the flags that were given and change nothing, with the reason.
fn idle_flags(args: &RunArgs, verb: Verb) -> Vec<(&'static str, &'static str)> {
    let untrained = "nothing is trained";
    let unwritten = "nothing is written";
    let training = [
        (args.max_epochs.is_some(), "--max-epochs", untrained),
        (args.batch_size.is_some(), "--batch-size", untrained),
        (args.learning_rate.is_some(), "--learning-rate", untrained),
        (args.optimizer.is_some(), "--optimizer", untrained),
        (args.weight_decay.is_some(), "--weight-decay", untrained),
        (args.project.is_some(), "--project", unwritten),
        (args.out.is_some(), "--out", unwritten),
    ];
    let engine = [
        (args.accelerator.is_some(), "--accelerator", untrained),
        (args.engine.is_some(), "--engine", untrained),
        (args.dry_run, "--dry-run", untrained),
    ];
    let idle = match verb {
        Verb::Search | Verb::Train => Vec::new(),
        Verb::Test => training.to_vec(),
        Verb::Transform => [&training[..], &engine].concat(),
    };
    let given = idle.into_iter().filter(|(is_given, ..)| *is_given);
    given.map(|(_, flag, reason)| (flag, reason)).collect()
}

/// Returns what the command line says about a run.
pub(crate) fn run_options(args: &RunArgs) -> Options {
    let mut options = Options::default();
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    options.give("model", "MODEL", args.model.clone());
    options.give("dataset", "DATASET", args.positional_dataset.clone());
    options.give("dataset", "--dataset", args.dataset.clone());
    options.give("dataset.path", "--data", text(&args.data));
    options.give("dataset.label", "--label", args.label.clone());
    options.give("max_epochs", "--max-epochs", args.max_epochs);
    options.give("batch_size", "--batch-size", args.batch_size);
    options.give("learning_rate", "--learning-rate", args.learning_rate);
    options.give("optimizer", "--optimizer", args.optimizer.clone());
    options.give("weight_decay", "--weight-decay", args.weight_decay);
    options.give("accelerator", "--accelerator", args.accelerator.clone());
    options.give("engine", "--engine", args.engine.clone());
    options.give("project", "--project", args.project.clone());
    options.give("seed", "--seed", args.seed);
    options.give("load_name", "--load-name", text(&args.load_name));
    options
}

/// Returns what the command line says about a search.
pub(crate) fn search_options(args: &SearchArgs) -> Options {
    let mut options = run_options(&args.run);
    options.give("search.strategy.name", "--strategy", args.strategy.clone());
    options.give(
        "search.strategy.setup.n_trials",
        "--n-trials",
        args.n_trials,
    );
    options.give("search.strategy.setup.n_jobs", "--n-jobs", args.n_jobs);
    options.give("search.strategy.setup.timeout", "--timeout", args.timeout);
    options
}

/// Returns an error of a study with its hint.
pub(crate) fn blamed(error: StudyError) -> anyhow::Error {
    let hint = error.hint.clone();
    maybe_hinted(error, hint)
}

/// Gives passes and analyses what they take of `[target]`.
pub(crate) fn aim(loaded: &mut Loaded, registry: &Registry) -> Result<()> {
    let passes = || {
        let entries = registry.entries().iter();
        entries.filter(|entry| entry.manifest.kind == Kind::Pass)
    };
    let schema = |name: &str| {
        let found = registry.find(Kind::Pass, name).ok();
        found.map(|entry| &entry.manifest.schema)
    };
    let all = passes().map(|entry| &entry.manifest.schema);
    for notice in loaded.aim(schema, all).map_err(blamed)? {
        eprintln!("note: {notice}");
    }
    Ok(())
}

/// Checks that a name of the study stands for an item, and blames its line where it does not.
pub(crate) fn known(
    loaded: &Loaded,
    registry: &Registry,
    kind: Kind,
    name: &str,
    subject: Subject<'_>,
) -> Result<()> {
    if registry.entries().is_empty() {
        return setup::find(registry, kind, name).map(|_| ());
    }
    registry.find(kind, name).map(|_| ()).map_err(|error| {
        let hint = match (kind, name) {
            (Kind::Engine, "cuda") => device::GET_IT.to_owned(),
            _ => error.hint(),
        };
        blamed(loaded.blame(subject, error.to_string(), Some(hint)))
    })
}

/// The base network of a run with the data that it learns.
pub(crate) struct Base {
    /// The data.
    pub(crate) dataset: Dataset,
    /// The network.
    pub(crate) graph: Graph,
    /// What the seed's multipliers count in.
    pub(crate) base_width: usize,
    /// The weights that the study starts from, if it names some.
    pub(crate) weights: Option<Weights>,
    /// What those weights were trained on, where it is known.
    pub(crate) drawn: Option<Drawn>,
}

/// Which network a run is about where it starts from a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// That of the study's model, which the checkpoint has to fit.
    OfModel,
    /// That of the checkpoint, where it holds one: a candidate of a search, say.
    OfCheckpoint,
}

/// Loads the data and builds the base network of a study.
pub(crate) fn base(
    loaded: &Loaded,
    registry: &Registry,
    environment: &Environment,
    network: Network,
) -> Result<Base> {
    let study = &loaded.study;
    known(
        loaded,
        registry,
        Kind::Model,
        &study.model.name,
        Subject::Model,
    )?;
    let model = setup::model(registry, &study.model.name)?;
    let dataset = dataset(loaded, environment)?;
    let n_classes = dataset.class_names.len();
    let graph = model
        .build(&study.model.args, &dataset.input_shape, n_classes)
        .map_err(|error| {
            let what = format!("model `{}`: {error}", study.model.name);
            blamed(loaded.blame(Subject::Model, what, None))
        })?;
    let base_width = model.base_width();
    let Some(path) = &study.load_name else {
        return Ok(Base {
            dataset,
            graph,
            base_width,
            weights: None,
            drawn: None,
        });
    };
    let checkpoint = checkpoint::read(path)?;
    let drawn = checkpoint.drawn.clone();
    let (graph, weights) = loaded_network(path, checkpoint, graph, network)?;
    // Pictures have a test split of their own, and simulated jets of another seed are others.
    let depends_on_seed = match dataset.train.features {
        Features::Pixels { .. } => network == Network::OfModel,
        Features::Numbers(_) => !dataset.simulated,
    };
    let apart = drawn.as_ref().filter(|_| depends_on_seed);
    if let Some(warning) = apart.and_then(|drawn| split_apart(drawn, study)) {
        eprintln!("warning: `{path}` {warning}");
    }
    Ok(Base {
        dataset,
        graph,
        base_width,
        weights: Some(weights),
        drawn,
    })
}

/// Returns what rows a study draws: which of them are kept for the test depends on its seed, and so
/// does what all are scaled by.
pub(crate) fn drawn(study: &Study, dataset: &Dataset) -> Drawn {
    Drawn {
        dataset: study.dataset.name.clone(),
        seed: study.seed,
        scaling: dataset.scaling.clone(),
    }
}

/// Returns what is wrong about judging a network by the rows of a study, if it was trained on
/// others of the same data set.
fn split_apart(drawn: &Drawn, study: &Study) -> Option<String> {
    let Drawn { dataset, seed, .. } = drawn;
    let is_apart = *dataset == study.dataset.name && *seed != study.seed;
    is_apart.then(|| {
        format!(
            "was trained with `seed` {seed}, and here it is {}: rows that it was trained on may be \
             among those that judge it",
            study.seed
        )
    })
}

/// Returns the network of a run that starts from a checkpoint, with its weights.
fn loaded_network(
    path: &str,
    checkpoint: Checkpoint,
    model: Graph,
    network: Network,
) -> Result<(Graph, Weights)> {
    let Checkpoint { weights, graph, .. } = checkpoint;
    let hint = "was it trained with the same model, arguments and data set?";
    match graph {
        Some(graph) if network == Network::OfCheckpoint => {
            let ends = |graph: &Graph| {
                let [input, output] = [graph.input_shape(), graph.output_shape()];
                (input.to_vec(), output.to_vec())
            };
            let (found, expected) = (ends(&graph), ends(&model));
            if found != expected {
                let what = format!(
                    "checkpoint `{path}` is of a network from {:?} to {:?}, the data set needs one \
                     from {:?} to {:?}",
                    found.0, found.1, expected.0, expected.1
                );
                return Err(failure(what, "name the data set that it was trained on"));
            }
            if in_float(&graph) != in_float(&model) {
                eprintln!("note: the network is that of `{path}`, not that of the model");
            }
            Ok((graph, weights))
        }
        // Formats apart, and what they learn.
        Some(graph) if in_float(&graph) == in_float(&model) => {
            let weights = weights.for_graph(&model);
            checkpoint::check(path, &weights, &model, hint)?;
            Ok((model, weights))
        }
        _ => {
            checkpoint::check(path, &weights, &model, hint)?;
            Ok((model, weights))
        }
    }
}

/// Reads the data of a study.
pub(crate) fn dataset(loaded: &Loaded, environment: &Environment) -> Result<Dataset> {
    let spec = &loaded.study.dataset;
    let blame = |error: LoadError| {
        let hint = error.hint();
        match error {
            LoadError::UnknownDataset { .. } | LoadError::NotFound { .. } => {
                blamed(loaded.blame(Subject::Dataset, error.to_string(), hint))
            }
            LoadError::RowCount { .. } => {
                let subject = Subject::Key("dataset.n_rows");
                blamed(loaded.blame(subject, error.to_string(), hint))
            }
            // Everything else names the file, the line and the column itself.
            _ => maybe_hinted(error, hint),
        }
    };
    let splits = Fractions::new(spec.validation, spec.test).map_err(blame)?;
    let request = Request {
        name: spec.name.clone(),
        path: spec.path.as_ref().map(PathBuf::from),
        label: spec.label.clone(),
        n_rows: spec.n_rows,
        standardize: spec.standardize,
        splits,
        seed: loaded.study.seed,
        data_dirs: environment.data_dirs.clone(),
        cache_dir: environment.cache_dir.clone(),
    };
    firebrick_datasets::load(&request).map_err(blame)
}

/// Returns how a study trains on some data: rows of numbers are not changed as pictures are.
///
/// # Errors
/// If pictures would be cut away or blotted out as a whole.
pub(crate) fn recipe(loaded: &Loaded, recipe: &Recipe, dataset: &Dataset) -> Result<Recipe> {
    let Augment { crop, cutout, .. } = recipe.augment;
    let augment = match dataset.train.features {
        Features::Pixels { .. } => recipe.augment,
        Features::Numbers(_) => Augment::NONE,
    };
    let name = &dataset.name;
    if augment != recipe.augment {
        eprintln!("note: `augment` has no effect: `{name}` has rows of numbers, not pictures");
    }
    let side = dataset.input_shape.iter().skip(1).min().copied();
    for (key, size) in [("augment.crop", crop), ("augment.cutout", cutout)] {
        if augment != Augment::NONE && side.is_some_and(|side| size >= side) {
            let side = side.unwrap_or_default();
            let what = format!("`{key}` is {size}: nothing would be left of pictures {side} wide");
            let hint = "usual for small pictures: `crop = 4`, `cutout = 8`".to_owned();
            return Err(blamed(loaded.blame(Subject::Key(key), what, Some(hint))));
        }
    }
    Ok(Recipe {
        augment,
        ..recipe.clone()
    })
}

/// Returns the engines of a study, on its device.
pub(crate) fn engines(
    loaded: &Loaded,
    registry: &Registry,
    base: &Graph,
    n_jobs: Option<usize>,
) -> Result<Engines> {
    let study = &loaded.study;
    if study.engine != "auto" {
        known(
            loaded,
            registry,
            Kind::Engine,
            &study.engine,
            Subject::Key("engine"),
        )?;
    }
    let wanted = Wanted {
        name: &study.engine,
        accelerator: study.accelerator.word(),
        threads: n_jobs.unwrap_or_else(cores),
    };
    Engines::for_base(registry, &wanted, base)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the folder for the results of a run.
pub(crate) fn out_folder(args: &RunArgs, study: &Study) -> PathBuf {
    let default = || PathBuf::from("firebrick_output").join(&study.project);
    args.out.clone().unwrap_or_else(default)
}

/// Returns what is the same for all results of a run.
pub(crate) fn provenance(
    study: &Study,
    dataset: &Dataset,
    plugins: BTreeMap<String, String>,
) -> Provenance {
    Provenance {
        seed: study.seed,
        config_hash: study.hash(),
        simulated: dataset.simulated,
        dataset: dataset.name.clone(),
        plugins,
    }
}

/// Says on stderr what network and data a run is about, and which engine does the work.
pub(crate) fn describe(dataset: &Dataset, graph: &Graph, model: &str, engines: &Engines) {
    let costs = firebrick_core::costs::Costs::of(graph).total;
    let simulated = if dataset.simulated {
        " (simulated)"
    } else {
        ""
    };
    eprintln!(
        "{model}: {} parameters, {} MACs · {}{simulated}: {} training, {} validation, {} test rows",
        costs.params,
        costs.macs,
        dataset.name,
        dataset.train.len(),
        dataset.validation.len(),
        dataset.test.len(),
    );
    eprintln!("{}", engines.summary());
}

/// Refuses data without a test split where one is needed.
pub(crate) fn needs_test_rows(dataset: &Dataset) -> Result<()> {
    match dataset.test.is_empty() {
        false => Ok(()),
        true => Err(failure(
            format!("data set `{}` has no test rows", dataset.name),
            "set `[dataset] test` to a share above 0",
        )),
    }
}
