//! `firebrick train`: one network, its learning curves and its checkpoint.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use firebrick_core::dataset::Dataset;
use firebrick_core::engine::{
    Candidate, Epoch, Evaluation, Observer, TrainOutcome, Trained, Verdict,
};
use firebrick_core::graph::Graph;
use firebrick_core::inherit::{How, Importance, Inherit, inherit};
use firebrick_core::pass::Table;
use firebrick_core::random::trial_seed;

use crate::args::{Format, TrainArgs};
use crate::checkpoint;
use crate::dry_run;
use crate::environment::Environment;
use crate::interrupt;
use crate::output::files;
use crate::output::plot::{self, Chart, Curve};
use crate::output::progress::Progress;
use crate::output::table::{self, number};
use crate::passes;
use crate::plugins::Plugins;
use crate::prepare::{self, Network};
use crate::study::{Loaded, Verb};
use crate::training::Trainer;

/// What a network that passes changed takes from the checkpoint of the base: all that it can.
pub(crate) const WHOLE: How = How {
    inherit: Inherit::Slice,
    importance: Importance::L1,
};

/// Trains the base network and returns the exit code: 0 done, 1 it went wrong, 130 interrupted.
pub(crate) fn run(
    args: &TrainArgs,
    environment: &Environment,
    plugins: &Plugins,
    format: Format,
) -> Result<ExitCode> {
    let TrainArgs { run: args, save } = args;
    let mut loaded = prepare::study(args, &prepare::run_options(args), Verb::Train)?;
    let registry = &plugins.registry;
    passes::check_names(&loaded, registry)?;
    prepare::aim(&mut loaded, registry)?;
    let study = &loaded.study;
    let base = prepare::base(&loaded, registry, environment, Network::OfModel)?;
    let graph = passes::apply_all(&loaded, registry, &base)?.graph;
    let engines = prepare::engines(&loaded, registry, &graph, Some(1));
    if args.dry_run && format == Format::Json {
        let facts = dry_run::facts(study, &base.dataset, &graph, &engines);
        return Ok(dry_run::print(facts));
    }
    let engines = engines?;
    let describe = || {
        let model = &study.model.name;
        prepare::describe(&base.dataset, &graph, model, &engines);
    };
    if args.dry_run {
        describe();
        return Ok(dry_run::end());
    }
    if let Some(file) = save {
        files::can_be_written(file)?;
    }
    let out = prepare::out_folder(args, study);
    let _folder = files::fresh_folder(&out)?;
    files::write(&out.join(files::CONFIG), study.to_toml())?;
    describe();

    let n_epochs = study.recipe.max_epochs as u64;
    let progress = Progress::start("epoch", n_epochs, 1, environment.is_live);
    let line = progress.clone();
    interrupt::listen(move |message| line.line(message))?;
    let watch = Watch {
        progress: &progress,
        n_epochs,
        out: &out,
        epochs: Mutex::default(),
    };
    // The seed of a search's first trial, so that the base of a study trains alike in both.
    let seed = trial_seed(study.seed, 0);
    let inherited = base.weights.as_ref().map(|weights| {
        let changed = inherit(&base.graph, weights, &graph, WHOLE, seed);
        changed.context("the weights of the checkpoint can't be used")
    });
    let has_formats = |graph: &Graph| {
        let mut nodes = graph.nodes().iter();
        nodes.any(|node| !node.annotations.formats.is_empty())
    };
    let is_quantised = has_formats(&graph);
    let candidate = Candidate {
        weights: inherited.transpose()?,
        graph,
        seed,
    };
    let recipe = prepare::recipe(&loaded, &study.recipe, &base.dataset)?;
    let trainer = Trainer::new(study, &engines, &base.dataset, &recipe);
    if let Some(n_epochs) = trainer.float_epochs(&candidate).filter(|n| *n > 0) {
        progress.line(&format!(
            "number formats count after epoch {n_epochs}; until then it trains in float32"
        ));
    }
    let fitted = trainer
        .train(engines.base_position(), vec![candidate], &watch)
        .context("the engine can't train")?;
    progress.finish();
    if !out.is_dir() {
        files::make_again(&out)?;
        files::write(&out.join(files::CONFIG), study.to_toml())?;
    }
    let Some(fitted) = fitted.into_iter().next() else {
        return Err(anyhow!("the engine returned no result"));
    };
    let trained = match fitted.outcome {
        TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained) => trained,
        TrainOutcome::Failed { reason } => {
            eprintln!("error: training went wrong: {reason}");
            return Ok(ExitCode::from(1));
        }
    };
    write_curves(&out, &subject(&loaded, &base.dataset), &trained.epochs)?;
    let notes = [("epoch", trained.kept_epoch.to_string())];
    let (graph, drawn) = (
        &fitted.candidate.graph,
        prepare::drawn(study, &base.dataset),
    );
    let checkpoint = checkpoint::bytes(graph, &trained.weights, Some(&drawn), notes);
    write_checkpoint(&out, &checkpoint)?;
    if let Some(file) = save {
        files::write(file, &checkpoint)?;
    }
    print(&trained, fitted.judged, format);
    if is_quantised && !has_formats(&fitted.candidate.graph) {
        eprintln!("note: training ended in float32, before number formats were chosen");
    }
    eprintln!("results are in `{}`", out.display());
    if let Some(file) = save {
        let file = file.display();
        eprintln!("the weights are in `{file}`: start from them with `--load-name {file}`");
    }
    Ok(match interrupt::interrupted() {
        true => ExitCode::from(interrupt::EXIT_CODE),
        false => ExitCode::SUCCESS,
    })
}

/// Shows and keeps every epoch as it ends.
struct Watch<'a> {
    progress: &'a Progress,
    n_epochs: u64,
    out: &'a Path,
    epochs: Mutex<Vec<Epoch>>,
}

impl Observer for Watch<'_> {
    fn epoch(&self, _candidate: usize, epoch: &Epoch) -> Verdict {
        let line = format!(
            "epoch {}: training loss {}, accuracy {} · validation loss {}, accuracy {}",
            epoch.epoch,
            number(epoch.train_loss),
            number(epoch.train_accuracy),
            number(epoch.validation.loss),
            number(epoch.validation.accuracy),
        );
        self.progress.line(&line);
        self.progress.at(epoch.epoch as u64, Some(self.n_epochs));
        let Ok(mut epochs) = self.epochs.lock() else {
            return Verdict::Stop;
        };
        epochs.push(epoch.clone());
        // Kept at every epoch, so that a killed run has its curves; a disk that is full now is
        // reported by the files written at the end.
        let _ = files::write(&self.out.join("metrics.csv"), metrics_csv(&epochs));
        match interrupt::interrupted() {
            true => Verdict::Stop,
            false => Verdict::Continue,
        }
    }
}

/// Returns one row a logged batch and one an epoch, under MASE's names.
fn metrics_csv(epochs: &[Epoch]) -> String {
    let mut csv = "epoch,step,learning_rate,train_loss_step,train_acc_step,train_loss_epoch,\
                   train_acc_epoch,val_loss_epoch,val_acc_epoch,val_macro_acc_epoch\n"
        .to_owned();
    for epoch in epochs {
        let (at, rate) = (epoch.epoch, epoch.learning_rate);
        for step in &epoch.steps {
            let _ = writeln!(
                csv,
                "{at},{},{rate},{},{},,,,,",
                step.step, step.loss, step.accuracy
            );
        }
        let judged = &epoch.validation;
        let _ = writeln!(
            csv,
            "{at},,{rate},,,{},{},{},{},{}",
            epoch.train_loss,
            epoch.train_accuracy,
            judged.loss,
            judged.accuracy,
            judged.macro_accuracy,
        );
    }
    csv
}

/// Returns what the pictures are about.
fn subject(loaded: &Loaded, dataset: &Dataset) -> String {
    let simulated = if dataset.simulated {
        " (simulated)"
    } else {
        ""
    };
    format!("{} on {}{simulated}", loaded.study.model.name, dataset.name)
}

fn write_curves(out: &Path, subject: &str, epochs: &[Epoch]) -> Result<()> {
    files::write(&out.join("metrics.csv"), metrics_csv(epochs))?;
    let curve = |label, value: fn(&Epoch) -> f64| Curve {
        label,
        points: epochs
            .iter()
            .map(|epoch| (epoch.epoch as f64, value(epoch)))
            .collect(),
    };
    let accuracy = Chart {
        title: &format!("Accuracy of {subject}"),
        x: "epoch",
        y: "share of rows that are right",
        curves: vec![
            curve("training", |epoch| epoch.train_accuracy),
            curve("validation", |epoch| epoch.validation.accuracy),
        ],
    };
    let loss = Chart {
        title: &format!("Loss of {subject}"),
        x: "epoch",
        y: "cross-entropy (nats)",
        curves: vec![
            curve("training", |epoch| epoch.train_loss),
            curve("validation", |epoch| epoch.validation.loss),
        ],
    };
    plot::write(&out.join("accuracy.svg"), &accuracy)?;
    plot::write(&out.join("loss.svg"), &loss)
}

fn write_checkpoint(out: &Path, checkpoint: &[u8]) -> Result<()> {
    let folder = out.join("checkpoints");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("can't make `{}`", folder.display()))?;
    files::write(&folder.join("best.safetensors"), checkpoint)
}

/// Prints what the kept epoch came to; formats that counted from then on change how it is judged.
fn print(trained: &Trained, judged: Option<Evaluation>, format: Format) {
    let kept = trained
        .epochs
        .iter()
        .find(|epoch| epoch.epoch == trained.kept_epoch);
    let Some(kept) = kept else { return };
    if judged.is_some() {
        let validation = &kept.validation;
        eprintln!(
            "before its formats counted: validation loss {}, accuracy {}",
            number(validation.loss),
            number(validation.accuracy),
        );
    }
    let validation = judged.unwrap_or(kept.validation);
    let cells = [
        ("train_loss", kept.train_loss),
        ("train_accuracy", kept.train_accuracy),
        ("validation_loss", validation.loss),
        ("validation_accuracy", validation.accuracy),
        ("validation_macro_accuracy", validation.macro_accuracy),
    ];
    match format {
        Format::Json => {
            let mut fields = serde_json::Map::new();
            fields.insert("kept_epoch".to_owned(), kept.epoch.into());
            for (name, value) in cells {
                fields.insert(name.to_owned(), value.into());
            }
            println!("{:#}", serde_json::Value::Object(fields));
        }
        Format::Text => {
            let names = cells.iter().map(|(name, _)| *name);
            let columns = std::iter::once("kept_epoch").chain(names);
            let values = cells.iter().map(|(_, value)| number(*value));
            let row = std::iter::once(kept.epoch.to_string()).chain(values);
            let table = Table {
                columns: columns.map(str::to_owned).collect(),
                rows: vec![row.collect()],
            };
            print!("{}", table::render(&table));
        }
    }
}
