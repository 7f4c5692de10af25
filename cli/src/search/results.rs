//! What a search leaves: files, and the table of the best trials.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use firebrick_core::engine::ZeroCost;
use firebrick_core::pass::Table;
use firebrick_core::trial::Outcome;

use super::evaluate::Evaluator;
use super::study_loop::Progressed;
use crate::args::Format;
use crate::checkpoint::{self, Drawn};
use crate::output::artifacts::{self, Provenance, Record};
use crate::output::files;
use crate::output::table::{self, number};
use crate::study::{BASELINE, SearchSpace};

/// The folder of a search.
pub(super) struct Results<'a> {
    pub(super) out: &'a Path,
    pub(super) provenance: &'a Provenance,
    /// What candidates are trained on.
    pub(super) drawn: Drawn,
    /// The study as it was resolved.
    pub(super) config: String,
    /// What is on disk by now.
    pub(super) written: RefCell<Written>,
}

/// What a search has written, so that every batch writes what is new only.
#[derive(Default)]
pub(super) struct Written {
    log: artifacts::Log,
    /// The trials whose checkpoints are there.
    checkpoints: BTreeSet<u64>,
}

impl Results<'_> {
    /// Writes the study as it was resolved.
    pub(super) fn start(&self) -> Result<()> {
        files::write(&self.out.join(files::CONFIG), &self.config)?;
        let checkpoints = self.out.join("checkpoints");
        std::fs::create_dir_all(&checkpoints)
            .with_context(|| format!("can't make `{}`", checkpoints.display()))
    }

    /// Writes everything that is known: all trials, the front and its checkpoints.
    pub(super) fn write(&self, progressed: &Progressed) -> Result<()> {
        let front = progressed.front();
        if !self.out.is_dir() {
            // What took hours is not lost with a folder.
            files::make_again(self.out)?;
            self.written.borrow_mut().checkpoints.clear();
            self.start()?;
        }
        self.write_checkpoints(progressed)?;
        files::write(
            &self.out.join("log.json"),
            self.written.borrow_mut().log.with(&progressed.records),
        )?;
        files::write(
            &self.out.join("best.json"),
            artifacts::best(&front, self.provenance),
        )
    }

    fn write_checkpoints(&self, progressed: &Progressed) -> Result<()> {
        let folder = self.out.join("checkpoints");
        let kept = &mut self.written.borrow_mut().checkpoints;
        for (number, (graph, weights)) in &progressed.networks {
            if !kept.contains(number) {
                let path = folder.join(file_of(*number));
                let notes = [("trial", number.to_string())];
                let bytes = checkpoint::bytes(graph, weights, Some(&self.drawn), notes);
                files::write(&path, bytes)?;
                kept.insert(*number);
            }
        }
        let left: Vec<u64> = kept
            .iter()
            .filter(|number| !progressed.networks.contains_key(number))
            .copied()
            .collect();
        for number in left {
            let path = folder.join(file_of(number));
            if path.exists() {
                std::fs::remove_file(&path)
                    .with_context(|| format!("can't remove `{}`", path.display()))?;
            }
            kept.remove(&number);
        }
        Ok(())
    }

    /// Judges the networks of the front on the test split, which nothing else has seen.
    pub(super) fn judge_front(
        &self,
        progressed: &mut Progressed,
        evaluator: &Evaluator<'_>,
    ) -> Result<()> {
        let rows = evaluator.trainer.dataset.test.rows();
        if rows.is_empty() {
            return Ok(());
        }
        for record in &mut progressed.records {
            let Some((graph, weights)) = progressed.networks.get(&record.trial.number) else {
                continue;
            };
            let judged = evaluator.judge_trained(graph, weights, rows);
            record.test = Some(judged.with_context(|| {
                format!(
                    "can't judge trial {} on the test split",
                    record.trial.number
                )
            })?);
        }
        Ok(())
    }

    /// Prints the table of the best trials, and where the files are.
    pub(super) fn print(&self, progressed: &Progressed, space: &SearchSpace, format: Format) {
        let front = progressed.front();
        match format {
            Format::Json => print!("{}", artifacts::best(&front, self.provenance)),
            Format::Text if progressed.records.is_empty() => {}
            Format::Text if front.is_empty() => {
                eprintln!(
                    "no trial is usable; `{}` says why",
                    self.out.join("log.json").display()
                );
            }
            Format::Text => {
                println!("Best trial(s):");
                print!("{}", table::render(&front_table(&front, space)));
            }
        }
        eprintln!("results are in `{}`", self.out.display());
    }
}

fn file_of(number: u64) -> String {
    format!("trial_{number}.safetensors")
}

/// Returns the line that says how a trial ended.
pub(super) fn line(record: &Record) -> String {
    let number = record.trial.number;
    match &record.trial.outcome {
        Outcome::Complete { .. } => {
            let measured = record.software.iter().chain(&record.hardware);
            let objectives: Vec<String> = measured
                .filter(|(name, _)| is_asked_for(record, name))
                .map(|(name, value)| format!("{name} {}", table::number(*value)))
                .collect();
            let took = match record.same_as {
                Some(other) => format!("as trial {other}"),
                None => format!("{:.2} s", record.total_ms / 1e3),
            };
            let params = record.trial.params.iter();
            let params: Vec<String> = params
                .map(|(name, value)| format!("{}={value}", short(name)))
                .collect();
            format!(
                "trial {number}: {} · {took} · {}",
                objectives.join(", "),
                params.join(", ")
            )
        }
        Outcome::Pruned { step } => {
            format!(
                "trial {number}: {}",
                artifacts::stopped(&record.trial, *step)
            )
        }
        Outcome::Infeasible { reason, .. } => format!("trial {number}: infeasible: {reason}"),
        Outcome::Failed { reason } => format!("trial {number}: failed: {reason}"),
    }
}

/// Returns whether a metric is an objective or a zero-cost metric, or the one beside which the
/// latter are shown.
fn is_asked_for(record: &Record, name: &str) -> bool {
    let is_score = |name: &str| ZeroCost::named(name).is_some();
    let has_scores = || record.hardware.iter().any(|(other, _)| is_score(other));
    record.scaled.iter().any(|(other, _)| other == name)
        || is_score(name)
        || (name == BASELINE && has_scores())
}

/// Hardware metrics that the table shows beside the objectives; the files have all of them.
const ANALYSES: [&str; 4] = ["params", "macs", "average_bitwidth", "size_bits"];

fn front_table(front: &[&Record], space: &SearchSpace) -> Table {
    let parameters: Vec<&str> = space
        .space
        .parameters()
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let Some(first) = front.first() else {
        return Table::default();
    };
    let mut columns = vec!["number".to_owned()];
    columns.extend(parameters.iter().map(|name| short(name)));
    let shown = |name: &str| is_asked_for(first, name) || ANALYSES.contains(&name);
    let metrics = |record: &Record| -> Vec<(String, f64)> {
        let hardware = record.hardware.iter().filter(|(name, _)| shown(name));
        record.software.iter().chain(hardware).cloned().collect()
    };
    columns.extend(metrics(first).into_iter().map(|(name, _)| name));
    let has_test = first.test.is_some();
    columns.extend(has_test.then(|| "test_accuracy".to_owned()));
    let rows = front.iter().map(|record| {
        let mut row = vec![record.trial.number.to_string()];
        row.extend(parameters.iter().map(|name| {
            record
                .trial
                .params
                .get(name)
                .map(ToString::to_string)
                .unwrap_or_default()
        }));
        row.extend(metrics(record).into_iter().map(|(_, value)| number(value)));
        row.extend(record.test.as_ref().map(|test| number(test.accuracy)));
        row
    });
    Table {
        rows: rows.collect(),
        columns,
    }
}

/// Returns `node/field` of `node/pass/field`: a pass is told by its field.
fn short(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [node, _, field] => format!("{node}/{field}"),
        _ => name.to_owned(),
    }
}
