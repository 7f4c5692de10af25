//! `best.json` and `log.json`, in MASE's schema with new keys at the end.

use std::collections::BTreeMap;

use firebrick_core::engine::Evaluation;
use firebrick_core::pruner::Curve;
use firebrick_core::trial::{Outcome, Trial};
use serde_json::{Map, Value, json};

/// Everything that is known about one trial.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// What strategies are told.
    pub(crate) trial: Trial,
    /// The params as the study file spells them.
    pub(crate) sampled_config: Value,
    /// Metrics of the trained network on the validation split; empty if there is none.
    pub(crate) software: Vec<(String, f64)>,
    /// Metrics of the graph.
    pub(crate) hardware: Vec<(String, f64)>,
    /// Objectives after scaling, by metric.
    pub(crate) scaled: Vec<(String, f64)>,
    /// Its objectives after each epoch, turned so that less is better; empty without a pruner.
    pub(crate) curve: Curve,
    /// When the trial started, in milliseconds since 1970.
    pub(crate) start_ms: u64,
    /// When it ended.
    pub(crate) end_ms: u64,
    /// How long it was trained; its share where an engine trains several as one.
    pub(crate) train_ms: f64,
    /// How long it took, from its params to its end, without waiting.
    pub(crate) total_ms: f64,
    /// The earlier trial with the same params whose evaluation this one reuses.
    pub(crate) same_as: Option<u64>,
    /// The engine that trained it; absent if it could not be trained.
    pub(crate) engine: Option<String>,
    /// How good it is on the test split; known for the front at the end.
    pub(crate) test: Option<Evaluation>,
}

impl Record {
    /// Notes how long a trial took that has just ended.
    pub(crate) fn took(&mut self, total_ms: f64) {
        self.total_ms = total_ms;
        self.start_ms = self.end_ms.saturating_sub(total_ms.round() as u64);
    }
}

/// What is the same for all trials of a study, for the end of every entry.
#[derive(Debug, Clone)]
pub(crate) struct Provenance {
    /// The seed of the study.
    pub(crate) seed: u64,
    /// SHA-256 of `config.toml`.
    pub(crate) config_hash: String,
    /// Whether the data set is simulated.
    pub(crate) simulated: bool,
    /// The data set.
    pub(crate) dataset: String,
    /// Versions of the plugins in use, by name.
    pub(crate) plugins: BTreeMap<String, String>,
}

/// Returns the content of `best.json`: the front, best first.
pub(crate) fn best(front: &[&Record], provenance: &Provenance) -> String {
    let entries = front.iter().enumerate().map(|(idx, record)| {
        let mut entry = Map::new();
        entry.insert("number".into(), record.trial.number.into());
        entry.insert("value".into(), value(record));
        entry.insert("software_metrics".into(), numbers(&record.software));
        entry.insert("hardware_metrics".into(), numbers(&record.hardware));
        entry.insert("scaled_metrics".into(), numbers(&record.scaled));
        entry.insert("sampled_config".into(), record.sampled_config.clone());
        entry.insert("params".into(), json!(record.trial.params));
        if let Some(test) = &record.test {
            entry.insert("test_metrics".into(), numbers(&metrics_of(test)));
        }
        entry.insert("seed".into(), provenance.seed.into());
        entry.insert("config_hash".into(), provenance.config_hash.clone().into());
        entry.insert("dataset".into(), provenance.dataset.clone().into());
        entry.insert("simulated_data".into(), provenance.simulated.into());
        entry.insert("plugin_versions".into(), json!(provenance.plugins));
        entry.insert("engine".into(), json!(record.engine));
        (idx.to_string(), Value::Object(entry))
    });
    pretty(&Value::Object(entries.collect()))
}

/// The content of `log.json`: every trial by number.
///
/// It grows with the study, which would take longer with every trial if the earlier ones were
/// written again.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: BTreeMap<u64, String>,
}

impl Log {
    /// Adds the records that are new since the last call, in whatever order, and returns the whole
    /// text.
    pub(crate) fn with(&mut self, records: &[Record]) -> String {
        for record in records {
            self.entries.entry(record.trial.number).or_insert_with(|| {
                let one = log(std::slice::from_ref(record));
                let inner = one
                    .strip_prefix("{\n")
                    .and_then(|one| one.strip_suffix("\n}\n"));
                inner.unwrap_or_default().to_owned()
            });
        }
        if self.entries.is_empty() {
            return log(&[]);
        }
        let entries: Vec<&str> = self.entries.values().map(String::as_str).collect();
        format!("{{\n{}\n}}\n", entries.join(",\n"))
    }
}

/// Returns the content of `log.json` for some trials.
fn log(records: &[Record]) -> String {
    let entries = records.iter().map(|record| {
        let mut entry = Map::new();
        entry.insert("number".into(), record.trial.number.into());
        match record.trial.values() {
            Some([value]) => {
                entry.insert("value".into(), number(*value));
            }
            Some(values) => {
                for (idx, value) in values.iter().enumerate() {
                    entry.insert(format!("values_{idx}"), number(*value));
                }
            }
            None => {
                entry.insert("value".into(), Value::Null);
            }
        }
        entry.insert(
            "user_attrs_hardware_metrics".into(),
            numbers(&record.hardware),
        );
        entry.insert(
            "user_attrs_sampled_config".into(),
            record.sampled_config.clone(),
        );
        entry.insert("user_attrs_scaled_metrics".into(), numbers(&record.scaled));
        entry.insert(
            "user_attrs_software_metrics".into(),
            numbers(&record.software),
        );
        let (state, reason) = state(&record.trial);
        entry.insert("state".into(), state.into());
        entry.insert("datetime_start".into(), record.start_ms.into());
        entry.insert("datetime_complete".into(), record.end_ms.into());
        entry.insert("duration".into(), number(record.total_ms));
        entry.insert("train_duration".into(), number(record.train_ms));
        entry.insert("params".into(), json!(record.trial.params));
        if let Some(reason) = reason {
            entry.insert("reason".into(), reason.into());
        }
        if let Some(number) = record.same_as {
            entry.insert("same_as".into(), number.into());
        }
        entry.insert("engine".into(), json!(record.engine));
        if let Outcome::Infeasible { violation, .. } = &record.trial.outcome {
            entry.insert("violation".into(), violation.map_or(Value::Null, number));
        }
        (record.trial.number.to_string(), Value::Object(entry))
    });
    pretty(&Value::Object(entries.collect()))
}

/// Returns the metrics of an evaluation in MASE's order, ours after them.
pub(crate) fn metrics_of(evaluation: &Evaluation) -> Vec<(String, f64)> {
    [
        ("loss", evaluation.loss),
        ("accuracy", evaluation.accuracy),
        ("macro_accuracy", evaluation.macro_accuracy),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Returns MASE's (that is, Optuna's) name of a state, and the reason if there is one.
fn state(trial: &Trial) -> (&'static str, Option<String>) {
    match &trial.outcome {
        Outcome::Complete { .. } => ("COMPLETE", None),
        Outcome::Pruned { step } => ("PRUNED", Some(stopped(trial, *step))),
        Outcome::Infeasible { reason, .. } => ("FAIL", Some(format!("infeasible: {reason}"))),
        Outcome::Failed { reason } => ("FAIL", Some(reason.clone())),
    }
}

/// Returns when a trial was stopped, and how good it was by then.
pub(crate) fn stopped(trial: &Trial, step: u64) -> String {
    let last = trial.intermediate.last();
    let accuracy = last.map(|(_, accuracy)| format!(" at accuracy {accuracy:.4}"));
    format!("stopped after epoch {step}{}", accuracy.unwrap_or_default())
}

fn value(record: &Record) -> Value {
    match record.trial.values() {
        Some([value]) => number(*value),
        Some(values) => values.iter().map(|value| number(*value)).collect(),
        None => Value::Null,
    }
}

fn numbers(metrics: &[(String, f64)]) -> Value {
    metrics
        .iter()
        .map(|(name, value)| (name.clone(), number(*value)))
        .collect::<Map<_, _>>()
        .into()
}

/// Returns a number as MASE writes it: to 10 decimals, whole numbers without a point.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return (value as i64).into();
    }
    let rounded = match value.abs() < 9e15 {
        true => (value * 1e10).round() / 1e10,
        // It has no decimals, and times 1e10 it may be infinite.
        false => value,
    };
    serde_json::Number::from_f64(rounded).map_or(Value::Null, Value::Number)
}

/// Indents by four, as MASE does.
fn pretty(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(value, &mut serializer).expect("a JSON value can be written");
    let mut text = String::from_utf8(bytes).expect("JSON is UTF-8");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Record {
        let outcome = Outcome::Complete { values: vec![0.5] };
        Record {
            trial: Trial {
                number,
                params: firebrick_core::value::Params::default(),
                outcome,
                metrics: BTreeMap::new(),
                intermediate: Vec::new(),
            },
            sampled_config: json!({ "by": "name" }),
            software: vec![("accuracy".to_owned(), 0.5)],
            hardware: Vec::new(),
            scaled: Vec::new(),
            curve: Curve::default(),
            start_ms: 1,
            end_ms: 2,
            train_ms: 0.5,
            total_ms: 1.0,
            same_as: None,
            engine: None,
            test: None,
        }
    }

    #[test]
    fn numbers_have_ten_decimals_and_the_largest_are_kept() {
        let numbers = [0.1 + 0.2, 1e-11, 3.0, 9.5e20, 1.013e303, f64::INFINITY];
        let written = numbers.map(|value| number(value).to_string());
        assert_eq!(
            written,
            ["0.3", "0.0", "3", "9.5e+20", "1.013e+303", "null"]
        );
    }

    #[test]
    fn a_log_that_grows_is_the_log_of_all() {
        let records: Vec<Record> = (0..5).map(record).collect();
        let mut growing = Log::default();
        for n_records in [0, 1, 1, 3, 5] {
            let text = growing.with(&records[..n_records]);
            assert_eq!(text, log(&records[..n_records]), "{n_records} records");
        }
        // Trials of a population end in any order.
        let swapped = [record(6), record(5)];
        growing.with(&swapped[..1]);
        let all: Vec<Record> = (0..7).map(record).collect();
        assert_eq!(growing.with(&swapped), log(&all));
    }
}
