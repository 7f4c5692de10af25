//! Study files: TOML and command line in, a study with every value decided out.
//!
//! Two layers. `file` reads TOML into items that know their line, and `options` puts what the
//! command line says over them; `resolve` then checks every key and fills in the defaults. What a
//! name stands for (a model, a pass, a node) is looked up later, by whoever has the plugins and
//! the network; [`Loaded::blame`] gives such an error its line, and [`Loaded::search_space`]
//! makes the space of a network.

mod choices;
mod constraint;
mod defaults;
mod enqueue;
mod error;
mod file;
mod goal;
mod measured;
mod options;
mod passes;
mod plan;
mod pruner;
mod quantization;
mod recipe;
mod resolve;
mod search;
mod section;
mod seed;
mod space;
mod target;
mod tied;
mod write;
mod zero_cost;

pub(crate) use constraint::{Broken, Constraint};
pub(crate) use enqueue::Enqueued;
pub(crate) use error::{Notice, StudyError};
pub(crate) use goal::{Goal, SOFTWARE_METRICS};
use measured::MEASURED;
pub(crate) use measured::{LATENCY, LATENCY_SPREAD, LatencyArgs, TRAINED_EBOPS};
pub(crate) use options::Options;
pub(crate) use passes::PassStep;
pub(crate) use quantization::{Quantization, QuantizationMode};
pub(crate) use resolve::Study;
pub(crate) use search::Search;
pub(crate) use space::SearchSpace;

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::engine::ZeroCost;
use firebrick_core::hint::did_you_mean;

use error::Origin;
use file::{Item, Raw, Table};

/// The metric that zero-cost metrics are shown beside, since they hardly beat it.
pub(crate) const BASELINE: &str = "params";

/// What a study is read for: some keys have an effect for some verbs only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Propose, train and judge candidates.
    Search,
    /// Train the base network.
    Train,
    /// Judge a checkpoint.
    Test,
    /// Apply passes to the base network.
    Transform,
}

/// The bytes of a study file with the name that messages call it by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The path as the user gave it.
    pub(crate) name: &'a str,
    /// The contents.
    pub(crate) bytes: &'a [u8],
}

/// A study that was read, with where its values come from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The study.
    pub(crate) study: Study,
    /// What was given and has no effect, in the order of the file.
    pub(crate) notices: Vec<Notice>,
    file: Option<String>,
    places: BTreeMap<String, Origin>,
}

/// What an error is about, for [`Loaded::blame`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// The name of the model.
    Model,
    /// The name of the data set.
    Dataset,
    /// The name of the strategy.
    Strategy,
    /// A pass that a seed of the space names.
    SpacePass(&'a str),
    /// A pass of `hw_runner`.
    Analysis(&'a str),
    /// A metric of the goal.
    Metric(&'a str),
    /// Any other key with its tables: `engine`, `dataset.path`, `passes.prune`.
    Key(&'a str),
}

/// Reads a study for a verb: defaults below the file, the file below the command line.
///
/// Without a file, a search is the built-in study, and anything else has the defaults.
///
/// # Errors
/// [`StudyError`] for the first thing that is wrong.
pub(crate) fn load(
    source: Option<Source<'_>>,
    options: &Options,
    verb: Verb,
) -> Result<Loaded, StudyError> {
    let built_in = Source {
        name: defaults::STUDY_NAME,
        bytes: defaults::STUDY.as_bytes(),
    };
    let source = source.or((verb == Verb::Search).then_some(built_in));
    let file = source.map(|source| source.name.to_owned());
    let loaded = read(source.map(|source| source.bytes), options, verb);
    let mut loaded = loaded.map_err(|error| match &file {
        Some(file) => error.in_file(file),
        None => error,
    })?;
    for notice in &mut loaded.notices {
        notice.file.clone_from(&file);
    }
    loaded.notices.sort_by_key(Notice::line);
    Ok(Loaded { file, ..loaded })
}

fn read(bytes: Option<&[u8]>, options: &Options, verb: Verb) -> Result<Loaded, StudyError> {
    let mut table = match bytes {
        Some(bytes) => file::parse(bytes)?,
        None => Table::default(),
    };
    options::normalise(&mut table)?;
    let mut notices = options::merge(&mut table, options)?;
    let study = resolve::resolve(&table, verb, &mut notices)?;
    let mut places = BTreeMap::new();
    note_places("", &table, &mut places);
    Ok(Loaded {
        study,
        notices,
        file: None,
        places,
    })
}

impl Loaded {
    /// Returns an error about something that the study names, at its line or flag.
    pub(crate) fn blame(
        &self,
        subject: Subject<'_>,
        what: impl Into<String>,
        hint: Option<String>,
    ) -> StudyError {
        let origin = self.origin(subject).cloned();
        let file = self.file.clone().filter(|_| origin.is_some());
        StudyError {
            what: what.into(),
            file,
            origin,
            hint,
        }
    }

    /// Returns the names of the passes that the space is about, in the order in which they are
    /// applied: that of the file.
    pub(crate) fn space_passes(&self) -> Vec<&str> {
        let seeds = self
            .study
            .search
            .iter()
            .flat_map(|search| &search.space.seeds);
        let mut passes = Vec::new();
        for pass in seeds
            .flat_map(|seed| &seed.groups)
            .filter_map(|group| group.pass.as_deref())
        {
            if !passes.contains(&pass) {
                passes.push(pass);
            }
        }
        let formats = self
            .study
            .search
            .as_ref()
            .and_then(|search| search.space.formats.as_ref());
        if formats.is_some() && !passes.contains(&seed::QUANTIZE) {
            passes.push(seed::QUANTIZE);
        }
        passes
    }

    /// Adds an analysis for every metric that is called as a pass and has no `hw_runner`, and for
    /// the number of parameters where zero-cost metrics are to be compared with it.
    pub(crate) fn add_analyses(&mut self, is_pass: impl Fn(&str) -> bool) {
        let Some(search) = &mut self.study.search else {
            return;
        };
        let wanted = search
            .goal
            .objectives
            .iter()
            .map(|objective| &objective.metric);
        let limited = search
            .constraints
            .iter()
            .map(|constraint| &constraint.metric);
        let baseline = (!search.zero_cost.is_empty()).then(|| BASELINE.to_owned());
        for metric in wanted.chain(limited).chain(&baseline) {
            let is_known = SOFTWARE_METRICS.contains(&metric.as_str())
                || ZeroCost::named(metric).is_some()
                || MEASURED.contains(&metric.as_str())
                || search.analyses.iter().any(|step| step.name == *metric);
            if !is_known && is_pass(metric) {
                let args = Json::Object(serde_json::Map::new());
                search.analyses.push(PassStep {
                    name: metric.clone(),
                    args,
                });
            }
        }
    }

    /// Checks that every metric of the goal is one of the training, a zero-cost metric or one that
    /// was measured by the analyses on the base network, and that every constraint is on one of the
    /// latter two.
    ///
    /// `measurable` returns all metrics that analyses could measure, each with its analysis; it is
    /// asked only where one is missing.
    ///
    /// # Errors
    /// [`StudyError`] names the first metric that nothing measures, and what would help.
    pub(crate) fn check_metrics<'a>(
        &self,
        measured: impl IntoIterator<Item = &'a str>,
        measurable: impl FnOnce() -> Vec<(String, String)>,
    ) -> Result<(), StudyError> {
        let Some(search) = &self.study.search else {
            return Ok(());
        };
        let scored = search.zero_cost.iter().map(|metric| metric.name());
        let measured: Vec<&str> = measured
            .into_iter()
            .chain(scored)
            .chain(search.measured.before_training().iter().copied())
            .collect();
        let limited = search.constraints.iter().find(|constraint| {
            let metric = constraint.metric.as_str();
            !measured.contains(&metric)
        });
        if let Some(constraint) = limited {
            let metric = constraint.metric.as_str();
            let key = format!("search.constraints.{}", constraint.key());
            let measurable = measurable();
            let hint = missing(metric, &measured, &measurable);
            let mut trained = SOFTWARE_METRICS
                .into_iter()
                .chain(search.measured.after_training().iter().copied());
            let what = if trained.any(|name| name == metric) {
                format!("`{key}`: `{metric}` is known only after training")
            } else if measurable.iter().any(|(name, _)| name == metric) {
                format!("`{key}`: nothing measures `{metric}`")
            } else {
                format!("`{key}`: unknown metric `{metric}`")
            };
            return Err(self.blame(Subject::Key(&key), what, Some(hint)));
        }
        let known: Vec<&str> = SOFTWARE_METRICS
            .into_iter()
            .chain(measured)
            .chain(search.measured.after_training().iter().copied())
            .collect();
        let metrics = search
            .goal
            .objectives
            .iter()
            .map(|objective| objective.metric.as_str());
        match metrics.into_iter().find(|metric| !known.contains(metric)) {
            None => Ok(()),
            Some(metric) => {
                let hint = missing(metric, &known, &measurable());
                let what = format!("unknown metric `{metric}`");
                Err(self.blame(Subject::Metric(metric), what, Some(hint)))
            }
        }
    }

    fn is_built_in(&self) -> bool {
        self.file.as_deref() == Some(defaults::STUDY_NAME)
    }

    fn origin(&self, subject: Subject<'_>) -> Option<&Origin> {
        let place = |key: &str| self.places.get(key);
        let strategy = "search.strategy";
        match subject {
            Subject::Model => place("model.name"),
            Subject::Dataset => place("dataset.name").or_else(|| place("dataset.path")),
            Subject::Strategy => {
                let sampler = place("search.strategy.setup.sampler");
                let named = place("search.strategy.name");
                // A sampler counts only where `optuna` is named, or nothing.
                match self
                    .study
                    .search
                    .as_ref()
                    .map(|search| search.strategy.as_str())
                {
                    Some(_) if self.is_sampled() => sampler.or(named),
                    _ => named,
                }
            }
            Subject::SpacePass(pass) => self.space_pass_origin(pass),
            Subject::Analysis(pass) => {
                place(&section::join(&format!("{strategy}.hw_runner"), pass))
                    .or_else(|| self.origin(Subject::Metric(pass)))
            }
            Subject::Metric(name) => place(&section::join(&format!("{strategy}.metrics"), name)),
            Subject::Key(key) => place(key),
        }
    }

    fn space_pass_origin(&self, pass: &str) -> Option<&Origin> {
        let search = self.study.search.as_ref()?;
        let in_seeds = search.space.seeds.iter().find_map(|seed| {
            let group = seed
                .groups
                .iter()
                .find(|group| group.pass.as_deref() == Some(pass))?;
            let path = section::join("search.search_space.seed", &seed.key);
            self.places.get(&section::join(&path, &group.table))
        });
        let is_format = pass == seed::QUANTIZE;
        in_seeds.or_else(|| {
            let formats = self.places.get("search.search_space.formats");
            formats.filter(|_| is_format)
        })
    }

    fn is_sampled(&self) -> bool {
        // The notice about a sampler without effect is the only trace of its being ignored.
        let key = "search.strategy.setup.sampler";
        self.places.contains_key(key) && self.notices.iter().all(|notice| notice.key != key)
    }
}

/// Returns what helps where a metric is missing: the analysis that measures it, the nearest name,
/// or all there are.
fn missing(metric: &str, known: &[&str], measurable: &[(String, String)]) -> String {
    if let Some((_, analysis)) = measurable.iter().find(|(name, _)| name == metric) {
        let table = section::join("search.strategy.hw_runner", analysis);
        return format!("`[{table}]` measures it");
    }
    let mut names: Vec<&str> = known.to_vec();
    for (name, _) in measurable {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let scores = ZeroCost::ALL.map(ZeroCost::name);
    did_you_mean(metric, names.iter().copied().chain(scores))
        .unwrap_or_else(|| format!("known: `{}`", names.join("`, `")))
}

/// Notes where each key stands, and each table of a list: `enqueue[0]`.
fn note_places(path: &str, table: &Table, places: &mut BTreeMap<String, Origin>) {
    for entry in &table.0 {
        let path = section::join(path, &entry.key);
        note_item(path, &entry.item, places);
    }
}

fn note_item(path: String, item: &Item, places: &mut BTreeMap<String, Origin>) {
    match &item.raw {
        Raw::Table(table) => note_places(&path, table, places),
        Raw::List(items) => {
            for (idx, item) in items.iter().enumerate() {
                note_item(format!("{path}[{idx}]"), item, places);
            }
        }
        _ => {}
    }
    places.insert(path, item.origin.clone());
}

#[cfg(test)]
mod tests;
