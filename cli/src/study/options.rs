//! What the command line says: it always wins, even where it says what the default says.

use firebrick_core::Json;

use super::error::{Notice, Origin, StudyError};
use super::file::{Item, Raw, Table};
use super::section::misfit;

/// Values given on the command line, and only those.
///
/// # Example
/// `options.give("max_epochs", "--max-epochs", args.max_epochs)`
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    entries: Vec<Given>,
}

#[derive(Debug, Clone, PartialEq)]
struct Given {
    key: String,
    flag: String,
    value: Json,
}

impl Options {
    /// Notes that a flag gives a key, if it does. The key is spelled as in the file, with its
    /// tables (`search.strategy.setup.n_trials`); `model` and `dataset` are the names of these.
    pub(crate) fn give(&mut self, key: &str, flag: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            let (key, flag, value) = (key.to_owned(), flag.to_owned(), value.into());
            self.entries.push(Given { key, flag, value });
        }
    }
}

/// Keys of the recipe that the search may have for itself, in `sw_runner.basic_train`.
const RECIPE: [&str; 17] = [
    "max_epochs",
    "batch_size",
    "learning_rate",
    "optimizer",
    "weight_decay",
    "momentum",
    "nesterov",
    "lr_scheduler",
    "lr_step_epochs",
    "lr_gamma",
    "warmup_epochs",
    "label_smoothing",
    "gradient_clip_norm",
    "augment",
    "keep",
    "patience",
    "log_every_n_steps",
];

/// Brings the spellings of a file to one: `model = "a"` becomes `[model] name = "a"`, and so on.
///
/// # Errors
/// [`StudyError`] if a key is given in both of its spellings, or in none of them.
pub(super) fn normalise(file: &mut Table) -> Result<(), StudyError> {
    for key in ["model", "dataset"] {
        match file.get_mut(key) {
            None => {}
            Some(item) if matches!(item.raw, Raw::Table(_)) => {}
            Some(item) if matches!(item.raw, Raw::Text(_) | Raw::Null) => {
                let mut table = Table::default();
                table.set("name", item.clone());
                item.raw = Raw::Table(table);
            }
            Some(item) => return Err(misfit(key, item, "a name or a table")),
        }
    }
    if let Some(item) = file.remove("training_optimizer") {
        if file.get("optimizer").is_some() {
            let what = "`training_optimizer` is another name of `optimizer`, which is given too";
            return Err(StudyError::at(&item.origin, what));
        }
        file.set("optimizer", item);
    }
    if let Some(item) = file.remove("normalize") {
        if !matches!(item.raw, Raw::Bool(_) | Raw::Null) {
            return Err(misfit("normalize", &item, "`true` or `false`"));
        }
        if descend(file, &["dataset"]).is_some_and(|dataset| dataset.get("standardize").is_some()) {
            let what = "`normalize` is another name of `dataset.standardize`, which is given too";
            return Err(StudyError::at(&item.origin, what));
        }
        place(file, "dataset.standardize", item)?;
    }
    Ok(())
}

/// Puts what the command line says over what a normalised file says.
///
/// What the file says about a model, dataset or strategy that the command line replaces is
/// dropped, with a notice.
///
/// # Errors
/// [`StudyError`] if a value does not fit TOML, or a key lies below something that is no table.
pub(super) fn merge(file: &mut Table, options: &Options) -> Result<Vec<Notice>, StudyError> {
    let mut notices = Vec::new();
    for given in &options.entries {
        let origin = Origin::Flag(given.flag.clone());
        if given.value.is_null() {
            // JSON has no other way to say so.
            let what = format!("`{}` must be a finite number", given.key);
            return Err(StudyError::at(&origin, what));
        }
        let item = Item {
            raw: Raw::from_json(&given.value, &origin)?,
            origin,
        };
        let key = match given.key.as_str() {
            "model" => {
                forget(file, &["model"], &["name"], &item, &mut notices);
                "model.name"
            }
            "dataset" => {
                let kept = ["name", "n_rows", "standardize", "validation", "test"];
                forget(file, &["dataset"], &kept, &item, &mut notices);
                "dataset.name"
            }
            "search.strategy.name" => {
                forget_strategy(file, &item, &mut notices);
                "search.strategy.name"
            }
            key => key,
        };
        if RECIPE.contains(&key) {
            let runner = ["search", "strategy", "sw_runner", "basic_train"];
            if let Some(table) = descend(file, &runner) {
                table.remove(key);
            }
        }
        place(file, key, item)?;
    }
    Ok(notices)
}

/// Drops the keys of a table that are about another name than the one given.
fn forget(file: &mut Table, path: &[&str], kept: &[&str], given: &Item, notices: &mut Vec<Notice>) {
    let Some(table) = descend(file, path) else {
        return;
    };
    let same = table.get("name").is_some_and(|name| name.raw == given.raw);
    if same {
        return;
    }
    let Origin::Flag(flag) = &given.origin else {
        return;
    };
    table.0.retain(|entry| {
        let keep = kept.contains(&entry.key.as_str()) || is_flag(&entry.item);
        if !keep {
            let key = format!("{}.{}", path.join("."), entry.key);
            let reason = format!("it belongs to what `{flag}` replaces");
            notices.push(Notice::new(key, &entry.item.origin, reason));
        }
        keep
    });
}

/// Drops the sampler and the settings of a strategy that is replaced by another one.
fn forget_strategy(file: &mut Table, given: &Item, notices: &mut Vec<Notice>) {
    let Some(strategy) = file
        .table("search")
        .and_then(|search| search.table("strategy"))
    else {
        return;
    };
    let sampler = strategy
        .table("setup")
        .and_then(|setup| setup.get("sampler"));
    let named = strategy
        .get("name")
        .filter(|name| name.raw != Raw::Text("optuna".to_owned()));
    if named.or(sampler).is_some_and(|name| name.raw == given.raw) {
        // The same strategy: its settings stay, and `setup.sampler` has said all it had to say.
        if let Some(setup) = descend(file, &["search", "strategy", "setup"]) {
            setup.remove("sampler");
        }
        return;
    }
    for (path, key) in [
        (&["search", "strategy", "setup"][..], "sampler"),
        (&["search", "strategy"][..], "settings"),
    ] {
        let removed = descend(file, path).and_then(|table| table.remove(key));
        if let (Some(item), Origin::Flag(flag)) = (removed, &given.origin) {
            let reason = format!("it belongs to what `{flag}` replaces");
            notices.push(Notice::new(
                format!("{}.{key}", path.join(".")),
                &item.origin,
                reason,
            ));
        }
    }
}

fn is_flag(item: &Item) -> bool {
    matches!(item.origin, Origin::Flag(_))
}

fn descend<'a>(table: &'a mut Table, path: &[&str]) -> Option<&'a mut Table> {
    path.iter()
        .try_fold(table, |table, key| match &mut table.get_mut(key)?.raw {
            Raw::Table(table) => Some(table),
            _ => None,
        })
}

fn place(table: &mut Table, key: &str, item: Item) -> Result<(), StudyError> {
    let Some((first, rest)) = key.split_once('.') else {
        table.set(key, item);
        return Ok(());
    };
    if table.get(first).is_none() {
        let raw = Raw::Table(Table::default());
        table.set(
            first,
            Item {
                origin: item.origin.clone(),
                raw,
            },
        );
    }
    match table.get_mut(first).map(|item| &mut item.raw) {
        Some(Raw::Table(table)) => place(table, rest, item),
        _ => Err(StudyError::at(
            &item.origin,
            format!("`{first}` is no table"),
        )),
    }
}
