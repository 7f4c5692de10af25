//! `[search.strategy.pruner]`: which trials are stopped early.

use firebrick_core::pruner::{Asha, Median, Pruner};

use super::error::StudyError;
use super::section::Section;

/// Reads the pruner; an absent table, or the name `none`, means that no trial is stopped.
pub(super) fn read(mut table: Section<'_>) -> Result<Option<Pruner>, StudyError> {
    let words = [
        ("none", None),
        ("median", Some(Kind::Median)),
        ("asha", Some(Kind::Asha)),
    ];
    let Some(kind) = table.word("name", &words)? else {
        return match table.rest().next() {
            None => Ok(None),
            Some(entry) => {
                let what = format!("`{}` is missing", table.path_of("name"));
                let hint = "known: `none`, `median`, `asha`".to_owned();
                Err(StudyError::at(&entry.item.origin, what).hinted(hint))
            }
        };
    };
    let pruner = match kind {
        None => None,
        Some(Kind::Median) => {
            let unsaid = Median::DEFAULT;
            Some(Pruner::Median(Median {
                n_startup_trials: table
                    .size("n_startup_trials", 0)?
                    .unwrap_or(unsaid.n_startup_trials),
                n_warmup_epochs: table
                    .size("n_warmup_epochs", 0)?
                    .unwrap_or(unsaid.n_warmup_epochs),
                interval_epochs: table
                    .size("interval_epochs", 1)?
                    .unwrap_or(unsaid.interval_epochs),
            }))
        }
        Some(Kind::Asha) => {
            let unsaid = Asha::DEFAULT;
            Some(Pruner::Asha(Asha {
                min_epochs: table.size("min_epochs", 1)?.unwrap_or(unsaid.min_epochs),
                reduction_factor: table
                    .size("reduction_factor", 2)?
                    .unwrap_or(unsaid.reduction_factor),
            }))
        }
    };
    table.finish()?;
    Ok(pruner)
}

/// Returns why a pruner can't stop any trial of a search, if it can't.
pub(super) fn idle(pruner: &Pruner, max_epochs: usize, n_trials: u64) -> Option<String> {
    // A trial that ends with an epoch is not stopped after it.
    let first_look = match pruner {
        Pruner::Median(median) => median.n_warmup_epochs.saturating_add(1),
        Pruner::Asha(asha) => asha.min_epochs,
    };
    if first_look >= max_epochs {
        return Some(format!(
            "`max_epochs` is {max_epochs}, the first look is after epoch {first_look}"
        ));
    }
    match pruner {
        Pruner::Median(median) if median.n_startup_trials as u64 >= n_trials => Some(format!(
            "`n_startup_trials` is {}, there are {n_trials} trials",
            median.n_startup_trials
        )),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Median,
    Asha,
}
