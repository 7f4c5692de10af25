//! The keys of a recipe: how networks are trained.

use firebrick_core::images::Augment;
use firebrick_core::recipe::{Keep, LrScheduler, Optimizer, Recipe};

use super::defaults;
use super::error::{Notice, StudyError};
use super::file::Raw;
use super::section::{Section, misfit};

pub(super) const OPTIMIZERS: [(&str, Optimizer); 3] = [
    ("adam", Optimizer::Adam),
    ("adamw", Optimizer::AdamW),
    ("sgd", Optimizer::Sgd),
];
pub(super) const LR_SCHEDULERS: [(&str, LrScheduler); 4] = [
    ("cosine", LrScheduler::Cosine),
    ("constant", LrScheduler::Constant),
    ("step", LrScheduler::Step),
    ("one_cycle", LrScheduler::OneCycle),
];
const AUGMENTS: [(&str, Augment); 2] = [("none", Augment::NONE), ("standard", Augment::STANDARD)];
pub(super) const KEEPS: [(&str, Keep); 2] = [("best", Keep::Best), ("last", Keep::Last)];

/// Reads the keys of a recipe that a table has over another recipe.
pub(super) fn read_recipe(table: &mut Section<'_>, base: &Recipe) -> Result<Recipe, StudyError> {
    let positive = |number: f64| number > 0.0 && number.is_finite();
    let not_negative = |number: f64| number >= 0.0 && number.is_finite();
    let below_one = |number: f64| (0.0..1.0).contains(&number);
    let given = |table: &Section<'_>, key| !table.is_na(key);
    let every = given(table, "log_every_n_steps");
    let patience = given(table, "patience");
    let clip = given(table, "gradient_clip_norm");
    let steps = given(table, "lr_step_epochs");
    let recipe = Recipe {
        max_epochs: table.size("max_epochs", 1)?.unwrap_or(base.max_epochs),
        batch_size: table.size("batch_size", 1)?.unwrap_or(base.batch_size),
        learning_rate: table
            .number("learning_rate", "a number above 0", positive)?
            .unwrap_or(base.learning_rate),
        lr_scheduler: table
            .word("lr_scheduler", &LR_SCHEDULERS)?
            .unwrap_or(base.lr_scheduler),
        lr_step_epochs: table
            .size("lr_step_epochs", 1)?
            .or(base.lr_step_epochs.filter(|_| steps)),
        lr_gamma: table
            .number("lr_gamma", "a number above 0", positive)?
            .unwrap_or(base.lr_gamma),
        warmup_epochs: table
            .number("warmup_epochs", "a number of at least 0", not_negative)?
            .unwrap_or(base.warmup_epochs),
        optimizer: table
            .word("optimizer", &OPTIMIZERS)?
            .unwrap_or(base.optimizer),
        weight_decay: table
            .number("weight_decay", "a number of at least 0", not_negative)?
            .unwrap_or(base.weight_decay),
        momentum: table
            .number("momentum", "a number of at least 0 and below 1", below_one)?
            .unwrap_or(base.momentum),
        nesterov: table.switch("nesterov")?.unwrap_or(base.nesterov),
        label_smoothing: table
            .number(
                "label_smoothing",
                "a number of at least 0 and below 1",
                below_one,
            )?
            .unwrap_or(base.label_smoothing),
        gradient_clip_norm: table
            .number("gradient_clip_norm", "a number above 0", positive)?
            .or(base.gradient_clip_norm.filter(|_| clip)),
        keep: table.word("keep", &KEEPS)?.unwrap_or(base.keep),
        patience: table
            .size("patience", 1)?
            .or(base.patience.filter(|_| patience)),
        log_every_n_steps: table
            .size("log_every_n_steps", 1)?
            .or(base.log_every_n_steps.filter(|_| every)),
        part: None,
        augment: read_augment(table)?.unwrap_or(base.augment),
    };
    match recipe.check() {
        Ok(()) => Ok(recipe),
        Err((key, reason)) => Err(unfit_recipe(table, key, &reason)),
    }
}

/// Reads what changes pictures: a word, or what each change is.
fn read_augment(table: &mut Section<'_>) -> Result<Option<Augment>, StudyError> {
    let Some(item) = table.item("augment") else {
        return Ok(None);
    };
    match &item.raw {
        Raw::Table(_) => {
            let mut changes = table.section("augment")?;
            let augment = Augment {
                crop: changes.size("crop", 0)?.unwrap_or(0),
                flip: changes.switch("flip")?.unwrap_or(false),
                cutout: changes.size("cutout", 0)?.unwrap_or(0),
            };
            changes.finish()?;
            Ok(Some(augment))
        }
        Raw::Text(_) => table.word("augment", &AUGMENTS),
        _ => {
            let words = "`\"none\"`, `\"standard\"` or a table such as `{ crop = 4, flip = true }`";
            Err(misfit(&table.path_of("augment"), item, words))
        }
    }
}

/// Returns the error about a key that does not go with the others, which may be in another table.
fn unfit_recipe(table: &mut Section<'_>, key: &'static str, reason: &str) -> StudyError {
    let item = table.item(key).or(table.item("lr_scheduler"));
    let error = StudyError::absent(format!("`{}` {reason}", table.path_of(key)));
    StudyError {
        origin: item.map(|item| &item.origin).or(table.origin()).cloned(),
        ..error
    }
}

/// Returns whether a recipe lowers the rate every so many epochs.
pub(super) fn falls_in_steps(recipe: &Recipe) -> bool {
    recipe.lr_scheduler == LrScheduler::Step
}

/// Notes the keys of a table that say how steps fall, where none do.
pub(super) fn note_idle_steps(table: &mut Section<'_>, recipe: &Recipe, notices: &mut Vec<Notice>) {
    for (key, is_news) in [
        ("lr_step_epochs", true),
        // The default is no news: every study that was written as it was resolved has it.
        ("lr_gamma", recipe.lr_gamma != defaults::RECIPE.lr_gamma),
    ] {
        if let (Some(item), true) = (table.item(key), is_news) {
            let reason = "only `lr_scheduler = \"step\"` takes it";
            notices.push(Notice::new(table.path_of(key), &item.origin, reason));
        }
    }
}
