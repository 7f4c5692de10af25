//! The second layer: every value of a study, its own or the default.

use firebrick_core::Json;
use firebrick_core::hint::did_you_mean;
use firebrick_core::inherit::Inherit;
use firebrick_core::recipe::Recipe;

use super::error::{Notice, StudyError};
use super::file::{Raw, Table};
use super::passes::{self, PassStep};
use super::quantization::{self, Quantization, QuantizationMode};
use super::recipe::{falls_in_steps, note_idle_steps, read_recipe};
use super::search::{self, Search};
use super::section::{Section, home, misfit};
use super::target::{self, Target};
use super::{Verb, defaults};

/// A study with every value decided: what `config.toml` says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Study {
    /// The base network.
    pub(crate) model: ModelSpec,
    /// What it learns.
    pub(crate) dataset: DatasetSpec,
    /// How it is trained.
    pub(crate) recipe: Recipe,
    /// The device.
    pub(crate) accelerator: Accelerator,
    /// The name of an engine, or `auto`.
    pub(crate) engine: String,
    /// The name of the study, fit to name a folder.
    pub(crate) project: String,
    /// The seed of everything that is drawn, at most `i64::MAX` since TOML has no more.
    pub(crate) seed: u64,
    /// The checkpoint (safetensors) to start from.
    pub(crate) load_name: Option<String>,
    /// What `transform` applies, in order.
    pub(crate) passes: Vec<PassStep>,
    /// How networks with number formats are trained.
    pub(crate) quantization: Quantization,
    /// The chip that analyses are about.
    pub(crate) target: Target,
    /// What `search` searches.
    pub(crate) search: Option<Search>,
}

/// A base network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelSpec {
    /// The name of the model.
    pub(crate) name: String,
    /// Its arguments: an object.
    pub(crate) args: Json,
}

/// A data set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DatasetSpec {
    /// The name; that of the file without its ending where only `path` is given.
    pub(crate) name: String,
    /// The file or folder that it is read from; absent means wherever the data set looks by itself.
    pub(crate) path: Option<String>,
    /// The column that holds the class, in a table of one's own.
    pub(crate) label: Option<String>,
    /// How many rows; absent means as many as the data set has or makes by itself.
    pub(crate) n_rows: Option<usize>,
    /// Whether features are standardised by the training split.
    pub(crate) standardize: bool,
    /// The share of the training rows that candidates are judged on, above 0 and below 1.
    pub(crate) validation: f64,
    /// The share of all rows that is kept for the end, in `0.0..1.0`, where the data set has no
    /// test split of its own.
    pub(crate) test: f64,
}

/// The device that a study asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// The first that the engine has.
    Auto,
    /// The processor.
    Cpu,
    /// Any graphics card.
    Gpu,
    /// A graphics card by NVIDIA.
    Cuda,
}

impl Accelerator {
    /// Returns the word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Cuda => "cuda",
        }
    }
}

/// Keys that MASE's command line and files know beside ours.
const MASE_ONLY: [&str; 19] = [
    "to_debug",
    "log_level",
    "report_to",
    "quant_config",
    "trainer_precision",
    "max_steps",
    "accumulate_grad_batches",
    "num_workers",
    "num_devices",
    "num_nodes",
    "strategy",
    "is_to_auto_requeue",
    "github_ci",
    "disable_dataset_cache",
    "num_targets",
    "transform",
    "is_pretrained",
    "max_token_len",
    "project_dir",
];

/// Decides every value of a study.
///
/// # Errors
/// [`StudyError`] for the first key or value that is unknown, of the wrong type or out of range.
pub(super) fn resolve(
    table: &Table,
    verb: Verb,
    notices: &mut Vec<Notice>,
) -> Result<Study, StudyError> {
    let mut root = Section::root(table);
    let model = read_model(root.section("model")?)?;
    let dataset = read_dataset(root.section("dataset")?)?;
    read_task(&mut root)?;
    let recipe = read_recipe(&mut root, &defaults::RECIPE)?;
    let accelerators = [
        Accelerator::Auto,
        Accelerator::Cpu,
        Accelerator::Gpu,
        Accelerator::Cuda,
    ];
    let accelerators = accelerators.map(|accelerator| (accelerator.word(), accelerator));
    let accelerator = root
        .word("accelerator", &accelerators)?
        .unwrap_or(Accelerator::Auto);
    let engine = root
        .text("engine")?
        .unwrap_or_else(|| defaults::ENGINE.to_owned());
    let project = read_project(&mut root, &model, &dataset)?;
    let seed = root.whole("seed", 0)?.unwrap_or(defaults::SEED);
    let load_name = read_load(&mut root, notices)?;
    let steps = root.section("passes")?;
    let mut passes = passes::read(&steps)?;
    if matches!(verb, Verb::Transform | Verb::Train) {
        passes::drop_empty_quantize(&mut passes, &steps, notices);
    } else {
        notices.extend(steps.rest().map(|entry| {
            let reason = "only `firebrick transform` and `train` apply passes one by one";
            Notice::new(steps.path_of(&entry.key), &entry.item.origin, reason)
        }));
        passes::drop_empty_quantize(&mut passes, &steps, &mut Vec::new());
    }
    // The default is no news: every study that was written as it was resolved has it.
    if verb != Verb::Train
        && recipe.log_every_n_steps != defaults::RECIPE.log_every_n_steps
        && let Some(item) = root.item("log_every_n_steps")
    {
        let reason = "only `firebrick train` keeps the losses of batches";
        notices.push(Notice::new("log_every_n_steps", &item.origin, reason));
    }
    let search = match root.item("search") {
        Some(item) => {
            let section = Section::of("search".to_owned(), item)?;
            Some(search::read(
                section,
                &recipe,
                load_name.is_some(),
                notices,
            )?)
        }
        None => None,
    };
    if verb == Verb::Search
        && let Some(item) = root.item("load_name")
        && let Some(search) = &search
        && search.inherit.inherit == Inherit::None
    {
        let reason = "`search.inherit` is `none`: candidates start from noise";
        notices.push(Notice::new("load_name", &item.origin, reason));
    }
    let mut table = root.section("quantization")?;
    let mode = match &search {
        // What MASE calls a search of post-training quantisation is one.
        Some(search) if search.space.stores_as_mase() => QuantizationMode::Ptq,
        _ => defaults::QUANTIZATION.mode,
    };
    let quantization = quantization::read(&mut table, mode, notices)?;
    let candidates = search.as_ref().map(|search| search.recipe.max_epochs);
    if let Some(n_epochs) = quantization::trained_epochs(verb, recipe.max_epochs, candidates) {
        quantization::check_epochs(&quantization, n_epochs, &mut table)?;
    }
    table.finish()?;
    let target = read_target(&mut root, notices)?;
    let recipes = [Some(&recipe), search.as_ref().map(|search| &search.recipe)];
    if !recipes.into_iter().flatten().any(falls_in_steps) {
        note_idle_steps(&mut root, &recipe, notices);
    }
    for key in MASE_ONLY {
        if let Some(item) = root.item(key) {
            let reason = "it is a setting of MASE that Firebrick does not have";
            notices.push(Notice::new(key, &item.origin, reason));
        }
    }
    finish_root(root)?;
    Ok(Study {
        model,
        dataset,
        recipe,
        accelerator,
        engine,
        project,
        seed,
        load_name,
        passes,
        quantization,
        target,
        search,
    })
}

fn read_model(mut table: Section<'_>) -> Result<ModelSpec, StudyError> {
    let name = table
        .text("name")?
        .unwrap_or_else(|| defaults::MODEL.to_owned());
    let args = table
        .rest()
        .map(|entry| (entry.key.clone(), entry.item.raw.to_json()))
        .collect();
    Ok(ModelSpec {
        name,
        args: Json::Object(args),
    })
}

fn read_dataset(mut table: Section<'_>) -> Result<DatasetSpec, StudyError> {
    let share = |number: f64| number > 0.0 && number < 1.0;
    let expected = "a share above 0 and below 1";
    let name = table.text("name")?;
    let path = table.text("path")?;
    let stem = path.as_deref().and_then(|path| {
        std::path::Path::new(path)
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    });
    let name = name
        .or(stem)
        .unwrap_or_else(|| defaults::DATASET.to_owned());
    let label = table.text("label")?;
    let n_rows = table.size("n_rows", 1)?;
    let standardize = table.switch("standardize")?.unwrap_or(true);
    let validation = table.number("validation", expected, share)?;
    let validation = validation.unwrap_or_else(|| {
        let known = firebrick_datasets::known();
        let own = known.iter().find(|known| known.name == name);
        own.map_or(defaults::VALIDATION_SHARE, |known| known.validation)
    });
    let test = table
        .number("test", expected, share)?
        .unwrap_or(defaults::TEST_SHARE);
    if validation + test >= 1.0
        && let Some(item) = table.item("test").or(table.item("validation"))
    {
        let what = format!("validation ({validation}) and test ({test}) leave no rows to train on");
        return Err(StudyError::at(&item.origin, what));
    }
    table.finish()?;
    Ok(DatasetSpec {
        name,
        path,
        label,
        n_rows,
        standardize,
        validation,
        test,
    })
}

fn read_task(root: &mut Section<'_>) -> Result<(), StudyError> {
    const OTHER: [&str; 4] = ["translation", "tran", "language_modeling", "lm"];
    let Some(item) = root.item("task") else {
        return Ok(());
    };
    match root.text("task")? {
        Some(task) if OTHER.contains(&task.as_str()) => {
            let what = format!("the task `{task}` is not supported");
            let hint = "networks of Firebrick classify: `task = \"classification\"`".to_owned();
            Err(StudyError::at(&item.origin, what).hinted(hint))
        }
        _ => root
            .word("task", &[("classification", ()), ("cls", ())])
            .map(|_| ()),
    }
}

/// Reads the name of the study; the default says what it is about.
fn read_project(
    root: &mut Section<'_>,
    model: &ModelSpec,
    dataset: &DatasetSpec,
) -> Result<String, StudyError> {
    let Some(item) = root.item("project") else {
        let name = format!("{}_{}", model.name, dataset.name);
        let fits = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
        return Ok(name
            .chars()
            .map(|letter| if fits(letter) { letter } else { '-' })
            .collect());
    };
    let project = root.text("project")?.unwrap_or_default();
    let is_name = !["", ".", ".."].contains(&project.as_str())
        && !project.contains(|letter: char| "/\\".contains(letter) || letter.is_control());
    match is_name {
        true => Ok(project),
        false => Err(misfit("project", item, "the name of a folder, without `/`")),
    }
}

/// Reads what to start from. MASE's own checkpoints are known by name and can't be read.
fn read_load(
    root: &mut Section<'_>,
    notices: &mut Vec<Notice>,
) -> Result<Option<String>, StudyError> {
    let types = ["safetensors", "pt", "pl", "mz", "hf"].map(|word| (word, word));
    let load_type = root.word("load_type", &types)?;
    let load_name = root.text("load_name")?;
    match (load_type, root.item("load_type")) {
        (Some(_), Some(item)) if load_name.is_none() => {
            let reason = "no `load_name` is given, weights start fresh";
            notices.push(Notice::new("load_type", &item.origin, reason));
            Ok(None)
        }
        (Some(load_type), Some(item)) if load_type != "safetensors" => {
            let what = format!("a checkpoint of type `{load_type}` can't be read");
            let hint = "Firebrick reads `safetensors`, with PyTorch's names of tensors".to_owned();
            Err(StudyError::at(&item.origin, what).hinted(hint))
        }
        _ => Ok(load_name),
    }
}

/// Reads `[target]`; a name is what MASE calls its FPGA by.
fn read_target(root: &mut Section<'_>, notices: &mut Vec<Notice>) -> Result<Target, StudyError> {
    match root.item("target") {
        Some(item) if matches!(item.raw, Raw::Text(_)) => {
            let reason = "only a table of numbers describes a chip: `target.clock_mhz = 200`";
            notices.push(Notice::new("target", &item.origin, reason));
            Ok(Target::default())
        }
        _ => target::read(&root.section("target")?),
    }
}

/// Ends reading; a key of MASE that is not ours is no suggestion for a slip.
fn finish_root(root: Section<'_>) -> Result<(), StudyError> {
    let Some(entry) = root.rest().next() else {
        return Ok(());
    };
    let near = did_you_mean(&entry.key, OWN_KEYS);
    let home = home(&entry.key);
    root.finish().map_err(|error| match home.or(near) {
        Some(hint) => error.hinted(hint),
        None => error.hinted(format!("known: `{}`", OWN_KEYS.join("`, `"))),
    })
}

/// The keys of a study file, as they are told.
const OWN_KEYS: [&str; 31] = [
    "model",
    "dataset",
    "task",
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
    "normalize",
    "keep",
    "patience",
    "accelerator",
    "engine",
    "project",
    "seed",
    "log_every_n_steps",
    "load_name",
    "load_type",
    "passes",
    "quantization",
    "target",
    "search",
];
