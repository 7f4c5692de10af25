//! `firebrick train`: one network, its learning curves and its checkpoint.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use firebrick_core::dataset::Dataset;
use firebrick_core::engine::{
    Candidate, Epoch, Observer, TrainJob, TrainOutcome, Trained, Verdict,
};
use firebrick_core::pass::Table;
use firebrick_core::random::trial_seed;

use crate::args::{Format, TrainArgs};
use crate::dry_run;
use crate::environment::Environment;
use crate::failure::failure;
use crate::interrupt;
use crate::output::files;
use crate::output::plot::{self, Chart, Curve};
use crate::output::progress::Progress;
use crate::output::table::{self, number};
use crate::plugins::Plugins;
use crate::prepare;
use crate::study::{Loaded, Verb};

/// Trains the base network and returns the exit code: 0 done, 1 it went wrong, 130 interrupted.
pub(crate) fn run(
    args: &TrainArgs,
    environment: &Environment,
    plugins: &Plugins,
    format: Format,
) -> Result<ExitCode> {
    let TrainArgs { run: args, save } = args;
    let loaded = prepare::study(args, &prepare::run_options(args), Verb::Train)?;
    let study = &loaded.study;
    let base = prepare::base(&loaded, &plugins.registry, environment)?;
    let engines = prepare::engines(&loaded, &plugins.registry, &base.graph, Some(1));
    if args.dry_run && format == Format::Json {
        let facts = dry_run::facts(study, &base.dataset, &base.graph, &engines);
        return Ok(dry_run::print(facts));
    }
    let engines = engines?;
    let describe = || {
        let model = &study.model.name;
        prepare::describe(&base.dataset, &base.graph, model, &engines);
    };
    if args.dry_run {
        describe();
        return Ok(dry_run::end());
    }
    if let Some(file) = save {
        can_be_written(file)?;
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
    let candidates = [Candidate {
        graph: base.graph.clone(),
        seed,
        weights: base.weights.clone(),
    }];
    let chosen = engines.base();
    let recipe = prepare::recipe(&loaded, &study.recipe, &base.dataset)?;
    let job = TrainJob {
        candidates: &candidates,
        train: base.dataset.train.rows(),
        validation: base.dataset.validation.rows(),
        recipe: &recipe,
        placement: &chosen.placement,
    };
    let outcomes = chosen
        .engine
        .train(&job, &watch)
        .context("the engine can't train")?;
    progress.finish();
    if !out.is_dir() {
        files::make_again(&out)?;
        files::write(&out.join(files::CONFIG), study.to_toml())?;
    }
    let trained = match outcomes.into_iter().next() {
        Some(TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained)) => trained,
        Some(TrainOutcome::Failed { reason }) => {
            eprintln!("error: training went wrong: {reason}");
            return Ok(ExitCode::from(1));
        }
        None => return Err(anyhow!("the engine returned no result")),
    };
    write_curves(&out, &subject(&loaded, &base.dataset), &trained.epochs)?;
    let checkpoint = checkpoint(&candidates[0], &trained);
    write_checkpoint(&out, &checkpoint)?;
    if let Some(file) = save {
        files::write(file, &checkpoint)?;
    }
    print(&trained, format);
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

/// Returns the kept weights as a file, with what they are.
fn checkpoint(candidate: &Candidate, trained: &Trained) -> Vec<u8> {
    let notes = BTreeMap::from([
        ("graph".to_owned(), candidate.graph.to_string()),
        ("epoch".to_owned(), trained.kept_epoch.to_string()),
    ]);
    trained.weights.to_safetensors(&notes)
}

fn write_checkpoint(out: &Path, checkpoint: &[u8]) -> Result<()> {
    let folder = out.join("checkpoints");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("can't make `{}`", folder.display()))?;
    files::write(&folder.join("best.safetensors"), checkpoint)
}

/// Checks before hours of training that there is a folder for a file.
fn can_be_written(file: &Path) -> Result<()> {
    let refuse = |why: &str, hint: &str| {
        let what = format!("can't save the weights as `{}`: {why}", file.display());
        Err(failure(what, hint))
    };
    if file.is_dir() {
        return refuse("it is a folder", "name a file: `--save base.safetensors`");
    }
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_none_or(Path::is_dir) {
        true => Ok(()),
        false => refuse("its folder does not exist", "make the folder first"),
    }
}

/// Prints the epoch whose weights were kept.
fn print(trained: &Trained, format: Format) {
    let kept = trained
        .epochs
        .iter()
        .find(|epoch| epoch.epoch == trained.kept_epoch);
    let Some(kept) = kept else { return };
    let cells = [
        ("kept_epoch", kept.epoch as f64),
        ("train_loss", kept.train_loss),
        ("train_accuracy", kept.train_accuracy),
        ("validation_loss", kept.validation.loss),
        ("validation_accuracy", kept.validation.accuracy),
        ("validation_macro_accuracy", kept.validation.macro_accuracy),
    ];
    match format {
        Format::Json => {
            let fields = cells
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).into()));
            println!("{:#}", serde_json::Value::Object(fields.collect()));
        }
        Format::Text => {
            let columns = cells.iter().map(|(name, _)| (*name).to_owned()).collect();
            let rows = vec![cells.iter().map(|(_, value)| number(*value)).collect()];
            print!("{}", table::render(&Table { columns, rows }));
        }
    }
}
