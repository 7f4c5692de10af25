//! `[search]`: what may change, who proposes, what is wanted, and how much it may cost.

use firebrick_core::Json;
use firebrick_core::engine::ZeroCost;
use firebrick_core::inherit::{How, Importance, Inherit};
use firebrick_core::pruner::Pruner;
use firebrick_core::recipe::Recipe;

use super::constraint::{self, Constraint};
use super::defaults;
use super::enqueue::{self, Point};
use super::error::{Notice, StudyError};
use super::file::Raw;
use super::goal::{self, Goal};
use super::measured::Measured;
use super::passes::{self, PassStep};
use super::pruner;
use super::recipe::{falls_in_steps, note_idle_steps, read_recipe};
use super::section::{Section, misfit};
use super::seed::{self, SpaceSpec};
use super::zero_cost;

/// A search with every value decided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    /// What may change.
    pub(crate) space: SpaceSpec,
    /// The name of the strategy.
    pub(crate) strategy: String,
    /// Its settings: an object.
    pub(crate) settings: Json,
    /// The points that come before its own, as far as they are given.
    pub(crate) enqueue: Vec<Point>,
    /// What is wanted.
    pub(crate) goal: Goal,
    /// The analyses that measure every candidate (`hw_runner`), in order.
    pub(crate) analyses: Vec<PassStep>,
    /// What the program measures of every candidate.
    pub(crate) measured: Measured,
    /// What candidates must not exceed.
    pub(crate) constraints: Vec<Constraint>,
    /// What one batch says of every candidate before it is trained: what is asked for, or is an
    /// objective or constraint.
    pub(crate) zero_cost: Vec<ZeroCost>,
    /// What ends trials that are not worth the rest of their epochs.
    pub(crate) pruner: Option<Pruner>,
    /// What candidates take over from the checkpoint that the study names.
    pub(crate) inherit: How,
    /// How candidates are trained.
    pub(crate) recipe: Recipe,
    /// How many candidates may be tried.
    pub(crate) n_trials: u64,
    /// How many candidates train at a time; absent means one a core.
    pub(crate) n_jobs: Option<usize>,
    /// After how many seconds the search ends.
    pub(crate) timeout_s: Option<f64>,
    /// How many candidates the strategy is asked for at a time.
    pub(crate) population: usize,
}

/// Keys of MASE's `basic_train` that say nothing here.
const TRAIN_ONLY_IN_MASE: [(&str, &str); 3] = [
    (
        "num_samples",
        "a candidate is trained on the whole training split",
    ),
    (
        "num_warmup_steps",
        "`warmup_epochs` says how long the rate climbs",
    ),
    ("gradient_accumulation_steps", "every batch makes a step"),
];

/// Reads `[search]`.
pub(super) fn read(
    mut section: Section<'_>,
    recipe: &Recipe,
    has_checkpoint: bool,
    notices: &mut Vec<Notice>,
) -> Result<Search, StudyError> {
    let space = seed::read(section.section("search_space")?, notices)?;
    let mut table = section.section("strategy")?;
    let constraints = constraint::read(&section.section("constraints")?)?;
    let inherit = How {
        inherit: section
            .word("inherit", &Inherit::ALL.map(|how| (how.name(), how)))?
            .unwrap_or(defaults::INHERIT),
        importance: section
            .word(
                "importance",
                &Importance::ALL.map(|kind| (kind.name(), kind)),
            )?
            .unwrap_or(Importance::unsaid()),
    };
    for (key, is_news) in [
        ("inherit", inherit.inherit != defaults::INHERIT),
        ("importance", inherit.importance != Importance::unsaid()),
    ] {
        // The default is no news: every study that was written as it was resolved has it.
        if let Some(item) = section.item(key).filter(|_| is_news && !has_checkpoint) {
            let reason = "the study names no checkpoint (`load_name`) to start from";
            notices.push(Notice::new(section.path_of(key), &item.origin, reason));
        }
    }
    let zero_cost = zero_cost::read(&mut section)?;
    section.finish()?;
    let mut setup = table.section("setup")?;
    let strategy = read_strategy(&mut table, &mut setup, notices)?;
    let settings = table.section("settings")?;
    let settings = settings
        .rest()
        .map(|entry| (entry.key.clone(), entry.item.raw.to_json()));
    let settings = Json::Object(settings.collect());
    let enqueue = match table.item("enqueue") {
        Some(item) => enqueue::read(item, notices)?,
        None => Vec::new(),
    };
    let goal = goal::read(&table.section("metrics")?, &mut setup, notices)?;
    let zero_cost = zero_cost::wanted(&zero_cost, &goal, &constraints);
    let runner = table.section("hw_runner")?;
    let mut analyses = passes::read(&runner)?;
    let measured = Measured::take(&runner, &mut analyses, &goal, &constraints)?;
    let pruner = pruner::read(table.section("pruner")?)?;
    let pruner_table = table.section("pruner")?;
    let recipe = read_sw_runner(table.section("sw_runner")?, recipe, notices)?;
    if let Some(item) = table.item("eval_mode") {
        table.switch("eval_mode")?;
        let reason = "candidates are always judged with running statistics and without dropout";
        notices.push(Notice::new(
            table.path_of("eval_mode"),
            &item.origin,
            reason,
        ));
    }
    table.finish()?;
    let n_trials = setup.whole("n_trials", 1)?.unwrap_or(defaults::N_TRIALS);
    let n_jobs = read_n_jobs(&mut setup)?;
    let positive = |seconds: f64| seconds > 0.0;
    let timeout_s = setup.number("timeout", "a number of seconds above 0", positive)?;
    let population = setup.size("population", 1)?.unwrap_or(defaults::POPULATION);
    let work = pruner::Work {
        max_epochs: recipe.max_epochs,
        n_enqueued: enqueue.len() as u64,
        n_trials,
        population: population as u64,
        n_objectives: goal.directions().len(),
    };
    pruner::note_idle(pruner_table, pruner.as_ref(), work, notices);
    for (key, reason) in [
        ("pkl_ckpt", "no search starts from a pickle"),
        (
            "save_every_n_trials",
            "results are written after every batch of trials",
        ),
    ] {
        if let Some(item) = setup.item(key) {
            notices.push(Notice::new(setup.path_of(key), &item.origin, reason));
        }
    }
    setup.finish()?;
    Ok(Search {
        space,
        strategy,
        settings,
        enqueue,
        goal,
        analyses,
        measured,
        constraints,
        zero_cost,
        pruner,
        inherit,
        recipe,
        n_trials,
        n_jobs,
        timeout_s,
        population,
    })
}

/// Reads who proposes: `name = "optuna"` leaves that to `setup.sampler`, as in MASE.
fn read_strategy<'a>(
    table: &mut Section<'a>,
    setup: &mut Section<'a>,
    notices: &mut Vec<Notice>,
) -> Result<String, StudyError> {
    let name = table.text("name")?;
    let sampler = setup.text("sampler")?;
    match (name, sampler) {
        (Some(name), sampler) if name != "optuna" => {
            if let (Some(_), Some(item)) = (sampler, setup.item("sampler")) {
                let reason = format!("the strategy is `{name}`; a sampler is one of `optuna`");
                notices.push(Notice::new(setup.path_of("sampler"), &item.origin, reason));
            }
            Ok(name)
        }
        // Optuna's samplers are known in any case of letters.
        (_, Some(sampler)) => Ok(sampler.to_lowercase()),
        (_, None) => Ok(defaults::STRATEGY.to_owned()),
    }
}

/// Reads how candidates are trained, and that all of them are judged alike.
fn read_sw_runner(
    mut table: Section<'_>,
    recipe: &Recipe,
    notices: &mut Vec<Notice>,
) -> Result<Recipe, StudyError> {
    let mut evaluation = table.section("basic_evaluation")?;
    for (key, reason) in [
        (
            "data_loader",
            "candidates are judged on the validation split",
        ),
        (
            "dataloader",
            "candidates are judged on the validation split",
        ),
        (
            "num_samples",
            "candidates are judged on the whole validation split",
        ),
    ] {
        if let Some(item) = evaluation.item(key) {
            notices.push(Notice::new(evaluation.path_of(key), &item.origin, reason));
        }
    }
    evaluation.finish()?;
    let mut train = table.section("basic_train")?;
    table.finish()?;
    // The losses of batches are kept for the figures of one training, not of many.
    let base = Recipe {
        log_every_n_steps: None,
        ..recipe.clone()
    };
    let recipe = Recipe {
        log_every_n_steps: None,
        ..read_recipe(&mut train, &base)?
    };
    if !falls_in_steps(&recipe) {
        note_idle_steps(&mut train, &recipe, notices);
    }
    if let Some(item) = train.item("log_every_n_steps") {
        let reason = "only `firebrick train` keeps the losses of batches";
        notices.push(Notice::new(
            train.path_of("log_every_n_steps"),
            &item.origin,
            reason,
        ));
    }
    for (key, reason) in TRAIN_ONLY_IN_MASE {
        if let Some(item) = train.item(key) {
            notices.push(Notice::new(train.path_of(key), &item.origin, reason));
        }
    }
    train.finish()?;
    Ok(recipe)
}

/// Reads `n_jobs`: a number, `"auto"`, or Optuna's -1, which both mean one job a core.
fn read_n_jobs(setup: &mut Section<'_>) -> Result<Option<usize>, StudyError> {
    let Some(item) = setup.item("n_jobs") else {
        return Ok(None);
    };
    match &item.raw {
        Raw::Text(text) if text == "auto" => Ok(None),
        Raw::Int(-1) => Ok(None),
        Raw::Int(_) => setup.size("n_jobs", 1),
        _ => {
            let expected = "a whole number of at least 1, or `\"auto\"`";
            Err(misfit(&setup.path_of("n_jobs"), item, expected))
        }
    }
}
