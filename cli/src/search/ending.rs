//! How a search ended: in words, and as an exit code.

use std::process::ExitCode;

use firebrick_core::trial::Outcome;

use super::study_loop::{End, Progressed};
use crate::interrupt;

/// Returns how many trials are kept, as a sentence.
pub(super) fn kept(n_trials: usize) -> String {
    match n_trials {
        0 => "no trial was finished".to_owned(),
        1 => "1 finished trial is kept".to_owned(),
        n_trials => format!("{n_trials} finished trials are kept"),
    }
}

/// Says on stderr why a search ended, and what its trials came to.
pub(super) fn say(end: End, progressed: &Progressed, size: Option<u128>) {
    let n_trials = progressed.records.len();
    let lost = lost(progressed);
    match end {
        End::Exhausted => eprintln!("the space is exhausted after {n_trials} trials{lost}"),
        End::Stopped if interrupt::interrupted() => {
            eprintln!("interrupted: {}{lost}", kept(n_trials));
        }
        End::Stopped => eprintln!("time is over: {}{lost}", kept(n_trials)),
        End::Spent => {
            let left = size.map(|size| size.saturating_sub(n_trials as u128));
            let left = left
                .filter(|left| *left > 0)
                .map(|left| format!(", candidates left: {left}"));
            if left.is_some() || !lost.is_empty() {
                let left = left.unwrap_or_default();
                eprintln!("trials done: {n_trials}{lost}{left}");
            }
        }
    }
}

/// Returns how many trials came to nothing, by why, in brackets; empty if there is none.
fn lost(progressed: &Progressed) -> String {
    let count = |is_one: fn(&Outcome) -> bool, word: &str| {
        let outcomes = progressed
            .records
            .iter()
            .map(|record| &record.trial.outcome);
        let n_trials = outcomes.filter(|outcome| is_one(outcome)).count();
        (n_trials > 0).then(|| format!("{n_trials} {word}"))
    };
    let lost = [
        count(
            |outcome| matches!(outcome, Outcome::Pruned { .. }),
            "stopped early",
        ),
        count(
            |outcome| matches!(outcome, Outcome::Infeasible { .. }),
            "infeasible",
        ),
        count(
            |outcome| matches!(outcome, Outcome::Failed { .. }),
            "failed",
        ),
    ];
    let lost: Vec<String> = lost.into_iter().flatten().collect();
    match lost.is_empty() {
        true => String::new(),
        false => format!(" ({})", lost.join(", ")),
    }
}

/// Returns the exit code: 0 done, 1 no usable trial, 130 interrupted.
pub(super) fn exit_code(progressed: &Progressed) -> ExitCode {
    if interrupt::interrupted() {
        return ExitCode::from(interrupt::EXIT_CODE);
    }
    match progressed.front().is_empty() {
        true => ExitCode::from(1),
        false => ExitCode::SUCCESS,
    }
}
