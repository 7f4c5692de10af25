//! A resolved study as TOML: `config.toml`, from which the same study can be run again.

use std::fmt::Write;

use firebrick_core::Json;
use firebrick_core::images::Augment;
use firebrick_core::objective::Direction;
use firebrick_core::recipe::Recipe;
use firebrick_core::space::Domain;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::choices::{Choices, Record};
use super::enqueue::Point;
use super::recipe::{KEEPS, LR_SCHEDULERS, OPTIMIZERS};
use super::resolve::Study;
use super::search::Search;
use super::seed::{CONFIG, Group, SpaceSpec};

impl Study {
    /// Returns the study as a file, every value explicit.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = Text::default();
        out.line("accelerator", &self.accelerator.word().into());
        out.line("task", &"classification".into());
        out.line("engine", &self.engine.as_str().into());
        out.line("project", &self.project.as_str().into());
        out.line("seed", &self.seed.into());
        out.line("load_name", &self.load_name.clone().into());
        out.recipe(&self.recipe);
        out.line("log_every_n_steps", &self.recipe.log_every_n_steps.into());
        out.table(&["model"]);
        out.line("name", &self.model.name.as_str().into());
        out.fields(&self.model.args);
        let dataset = &self.dataset;
        out.table(&["dataset"]);
        out.line("name", &dataset.name.as_str().into());
        out.line("path", &dataset.path.clone().into());
        out.line("label", &dataset.label.clone().into());
        out.line("n_rows", &dataset.n_rows.into());
        out.line("standardize", &dataset.standardize.into());
        out.line("validation", &dataset.validation.into());
        out.line("test", &dataset.test.into());
        for step in &self.passes {
            out.table(&["passes", &step.name]);
            out.fields(&step.args);
        }
        let quantization = &self.quantization;
        out.table(&["quantization"]);
        out.line("mode", &quantization.mode.word().into());
        out.line("float_epochs", &quantization.float_epochs.into());
        out.table(&["quantization", "calibration"]);
        let (method, percentile) = quantization.method_word();
        out.line("method", &method.into());
        if let Some(percentile) = percentile {
            out.line("percentile", &percentile.into());
        }
        out.line("samples", &quantization.samples.into());
        if !self.target.0.is_empty() {
            out.table(&["target"]);
            out.fields(&json!(self.target.0));
        }
        if let Some(search) = &self.search {
            out.search(search);
        }
        out.0
    }

    /// Returns the hash of the study: SHA-256 of [`Study::to_toml`], in hexadecimal.
    pub(crate) fn hash(&self) -> String {
        let digest = Sha256::digest(self.to_toml().as_bytes());
        digest.iter().fold(String::new(), |mut hash, byte| {
            let _ = write!(hash, "{byte:02x}");
            hash
        })
    }
}

/// Returns a key as TOML wants it: quoted unless it is letters, digits, `-` and `_`.
pub(super) fn key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !key.is_empty() && key.bytes().all(is_bare) {
        true => key.to_owned(),
        false => quoted(key),
    }
}

/// The text of a file as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn table(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|part| key(part)).collect();
        self.0.push_str(&format!("\n[{}]\n", path.join(".")));
    }

    fn line(&mut self, name: &str, value: &Json) {
        self.0
            .push_str(&format!("{} = {}\n", key(name), inline(value)));
    }

    fn fields(&mut self, object: &Json) {
        for (name, value) in object.as_object().into_iter().flatten() {
            self.line(name, value);
        }
    }

    fn recipe(&mut self, recipe: &Recipe) {
        self.line("max_epochs", &recipe.max_epochs.into());
        self.line("batch_size", &recipe.batch_size.into());
        self.line("learning_rate", &recipe.learning_rate.into());
        self.line(
            "lr_scheduler",
            &word(&LR_SCHEDULERS, recipe.lr_scheduler).into(),
        );
        self.line("lr_step_epochs", &recipe.lr_step_epochs.into());
        self.line("lr_gamma", &recipe.lr_gamma.into());
        self.line("warmup_epochs", &recipe.warmup_epochs.into());
        self.line("optimizer", &word(&OPTIMIZERS, recipe.optimizer).into());
        self.line("weight_decay", &recipe.weight_decay.into());
        self.line("momentum", &recipe.momentum.into());
        self.line("nesterov", &recipe.nesterov.into());
        self.line("label_smoothing", &recipe.label_smoothing.into());
        self.line("gradient_clip_norm", &recipe.gradient_clip_norm.into());
        let Augment { crop, flip, cutout } = recipe.augment;
        let augment = json!({ "crop": crop, "flip": flip, "cutout": cutout });
        self.line("augment", &augment);
        self.line("keep", &word(&KEEPS, recipe.keep).into());
        self.line("patience", &recipe.patience.into());
    }

    fn search(&mut self, search: &Search) {
        self.table(&["search"]);
        self.line("inherit", &search.inherit.inherit.name().into());
        self.line("importance", &search.inherit.importance.name().into());
        if !search.zero_cost.is_empty() {
            self.line("zero_cost", &json!(search.zero_cost));
        }
        self.space(&search.space);
        if !search.constraints.is_empty() {
            self.table(&["search", "constraints"]);
        }
        for constraint in &search.constraints {
            self.line(&constraint.key(), &constraint.limit.into());
        }
        self.table(&["search", "strategy"]);
        self.line("name", &search.strategy.as_str().into());
        if !search.enqueue.is_empty() {
            self.line(
                "enqueue",
                &search.enqueue.iter().map(Point::to_json).collect(),
            );
        }
        self.table(&["search", "strategy", "settings"]);
        self.fields(&search.settings);
        self.table(&["search", "strategy", "sw_runner", "basic_train"]);
        self.recipe(&search.recipe);
        for step in &search.analyses {
            self.table(&["search", "strategy", "hw_runner", &step.name]);
            self.fields(&step.args);
        }
        for (name, args) in search.measured.tables() {
            self.table(&["search", "strategy", "hw_runner", name]);
            self.fields(&args);
        }
        if let Some(pruner) = &search.pruner {
            self.table(&["search", "strategy", "pruner"]);
            self.fields(&json!(pruner));
        }
        self.table(&["search", "strategy", "setup"]);
        self.line("n_trials", &search.n_trials.into());
        self.line(
            "n_jobs",
            &search.n_jobs.map_or_else(|| "auto".into(), Json::from),
        );
        self.line("timeout", &search.timeout_s.into());
        self.line("population", &search.population.into());
        self.line("sum_scaled_metrics", &search.goal.sum.is_some().into());
        if let Some(direction) = search.goal.sum {
            self.line("direction", &direction_word(direction).into());
        }
        for objective in &search.goal.objectives {
            self.table(&["search", "strategy", "metrics", &objective.metric]);
            self.line("scale", &objective.scale.into());
            self.line("direction", &direction_word(objective.direction).into());
        }
    }

    fn space(&mut self, space: &SpaceSpec) {
        let in_config = |group: &Group| group.table == CONFIG;
        let is_mase = space
            .seeds
            .iter()
            .flat_map(|seed| &seed.groups)
            .any(in_config);
        self.table(&["search", "search_space"]);
        let name = if is_mase {
            "graph/quantize/mixed_precision_ptq"
        } else {
            "graph"
        };
        self.line("name", &name.into());
        let formats = space.formats.iter().flat_map(|group| &group.fields);
        for field in formats {
            self.line("formats", &choices(&field.choices));
        }
        if !space.ties.is_empty() {
            self.line("tie", &json!(space.ties));
        }
        self.table(&["search", "search_space", "setup"]);
        self.line("by", &space.by.word().into());
        for seed in &space.seeds {
            if seed.groups.is_empty() {
                self.table(&["search", "search_space", "seed", &seed.key]);
            }
            for group in &seed.groups {
                self.table(&["search", "search_space", "seed", &seed.key, &group.table]);
                for field in &group.fields {
                    self.line(&field.name, &choices(&field.choices));
                }
            }
        }
    }
}

fn choices(choices: &Choices) -> Json {
    match choices {
        Choices::List(values) => values.iter().cloned().map(Json::from).collect(),
        Choices::Records(records) => records.iter().map(Record::to_json).collect(),
        Choices::Range(Domain::Int {
            low,
            high,
            step,
            log,
        }) => {
            json!({ "low": low, "high": high, "step": step, "log": log })
        }
        Choices::Range(Domain::Float {
            low,
            high,
            step,
            log,
        }) => {
            json!({ "low": low, "high": high, "step": step, "log": log })
        }
        Choices::Range(Domain::Categorical { choices } | Domain::Ordinal { choices }) => {
            choices.iter().cloned().map(Json::from).collect()
        }
    }
}

fn word<T: PartialEq + Copy>(words: &[(&'static str, T)], meaning: T) -> &'static str {
    let word = words.iter().find(|(_, other)| *other == meaning);
    word.map(|(word, _)| *word)
        .expect("every meaning has a word")
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "minimize",
        Direction::Maximize => "maximize",
    }
}

/// Returns a value on one line; null is `"NA"`, as MASE writes it.
pub(super) fn inline(value: &Json) -> String {
    match value {
        Json::Null => "\"NA\"".to_owned(),
        Json::Bool(switch) => switch.to_string(),
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => format!("{float:?}"),
            _ => number.to_string(),
        },
        Json::String(text) => quoted(text),
        Json::Array(values) => {
            let values: Vec<String> = values.iter().map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Json::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Json::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), inline(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Returns a text in quotes. JSON's escapes are TOML's, but for the one control that JSON leaves.
fn quoted(text: &str) -> String {
    Json::from(text).to_string().replace('\u{7f}', "\\u007f")
}
