//! `[search.strategy.pruner]`: which trials are stopped early.

use firebrick_core::pruner::{Asha, Hyperband, Median, Pruner, Wilcoxon};

use super::error::{Notice, StudyError};
use super::section::Section;

/// Reads the pruner; an absent table, or the name `none`, means that no trial is stopped.
pub(super) fn read(mut table: Section<'_>) -> Result<Option<Pruner>, StudyError> {
    let pruners = Pruner::ALL.map(|pruner| (pruner.name(), Some(pruner)));
    let words = [&[("none", None)], &pruners[..]].concat();
    let Some(pruner) = table.word("name", &words)? else {
        return match table.rest().next() {
            None => Ok(None),
            Some(entry) => {
                let what = format!("`{}` is missing", table.path_of("name"));
                let names: Vec<String> =
                    words.iter().map(|(name, _)| format!("`{name}`")).collect();
                let hint = format!("known: {}", names.join(", "));
                Err(StudyError::at(&entry.item.origin, what).hinted(hint))
            }
        };
    };
    let pruner = match pruner {
        None => None,
        Some(unsaid) => Some(read_settings(&mut table, unsaid)?),
    };
    table.finish()?;
    Ok(pruner)
}

/// Reads the settings of a pruner over those that it has where none are given.
fn read_settings(table: &mut Section<'_>, unsaid: Pruner) -> Result<Pruner, StudyError> {
    let mut size = |key, least, unsaid: usize| Ok(table.size(key, least)?.unwrap_or(unsaid));
    Ok(match unsaid {
        Pruner::Median(unsaid) => Pruner::Median(Median {
            n_startup_trials: size("n_startup_trials", 0, unsaid.n_startup_trials)?,
            n_warmup_epochs: size("n_warmup_epochs", 0, unsaid.n_warmup_epochs)?,
            interval_epochs: size("interval_epochs", 1, unsaid.interval_epochs)?,
        }),
        Pruner::Asha(unsaid) => Pruner::Asha(Asha {
            min_epochs: size("min_epochs", 1, unsaid.min_epochs)?,
            reduction_factor: size("reduction_factor", 2, unsaid.reduction_factor)?,
        }),
        Pruner::Hyperband(unsaid) => Pruner::Hyperband(Hyperband {
            min_epochs: size("min_epochs", 1, unsaid.min_epochs)?,
            reduction_factor: size("reduction_factor", 2, unsaid.reduction_factor)?,
        }),
        Pruner::Wilcoxon(unsaid) => Pruner::Wilcoxon(Wilcoxon {
            n_startup_epochs: size("n_startup_epochs", 2, unsaid.n_startup_epochs)?,
            p_threshold: table
                .number("p_threshold", "a number above 0 and at most 1", |p| {
                    p > 0.0 && p <= 1.0
                })?
                .unwrap_or(unsaid.p_threshold),
        }),
    })
}

/// What a search gives a pruner to do.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) max_epochs: usize,
    pub(super) n_enqueued: u64,
    pub(super) n_trials: u64,
    pub(super) population: u64,
    pub(super) n_objectives: usize,
}

/// Notes what of a pruner can't stop any trial of a search.
pub(super) fn note_idle(
    mut table: Section<'_>,
    pruner: Option<&Pruner>,
    work: Work,
    notices: &mut Vec<Notice>,
) {
    let (Some(origin), Some(pruner)) = (table.origin(), pruner) else {
        return;
    };
    if let Some(reason) = idle(pruner, work) {
        notices.push(Notice::new(table.path(), origin, reason));
        return;
    }
    // The default is no news: every study that was written as it was resolved has it.
    if let Pruner::Wilcoxon(wilcoxon) = pruner
        && work.n_objectives > 1
        && wilcoxon.p_threshold != Wilcoxon::DEFAULT.p_threshold
        && let Some(item) = table.item("p_threshold")
    {
        let reason = "there are several objectives, so no test is made";
        notices.push(Notice::new(
            table.path_of("p_threshold"),
            &item.origin,
            reason,
        ));
    }
}

/// Returns why a pruner can't stop any trial of a search, if it can't.
fn idle(pruner: &Pruner, work: Work) -> Option<String> {
    let Work {
        max_epochs,
        n_enqueued,
        n_trials,
        population,
        n_objectives,
    } = work;
    // A trial that ends with an epoch is not stopped after it.
    match pruner.first_look(n_objectives) {
        Some(first_look) if first_look < max_epochs => {}
        Some(first_look) => {
            return Some(format!(
                "`max_epochs` is {max_epochs}, the first look is after epoch {first_look}"
            ));
        }
        None => return Some("no trial is ever looked at".to_owned()),
    }
    // Trials of one population are not compared with one another; those that are given come first.
    let n_proposed = n_trials.saturating_sub(n_enqueued);
    let n_before_last = match n_proposed {
        0 => (n_trials - 1) / population * population,
        _ => n_enqueued + (n_proposed - 1) / population * population,
    };
    match pruner {
        _ if n_before_last == 0 => Some(format!(
            "`n_trials` is {n_trials}, and {population} are asked for at a time (`population`), so \
             that none begins after another ended"
        )),
        Pruner::Median(median) if n_before_last < median.n_startup_trials as u64 => Some(format!(
            "`n_startup_trials` is {}, the last trial begins when {n_before_last} have ended",
            median.n_startup_trials
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::pruner::{Asha, Median, Pruner};

    use super::{Work, idle};

    /// Returns the least number of trials with which some may be stopped.
    fn first_of_use(pruner: Pruner, n_enqueued: u64, population: u64) -> Option<u64> {
        (1..100).find(|n_trials| {
            let work = Work {
                max_epochs: 9,
                n_enqueued,
                n_trials: *n_trials,
                population,
                n_objectives: 1,
            };
            idle(&pruner, work).is_none()
        })
    }

    #[test]
    fn points_that_are_given_end_before_others_begin() {
        let asha = Pruner::Asha(Asha::DEFAULT);
        let median = Pruner::Median(Median::DEFAULT);
        for (n_enqueued, by_asha, by_median) in [(0, 5, 9), (1, 2, 6), (4, 5, 9), (6, 5, 7)] {
            assert_eq!(first_of_use(asha, n_enqueued, 4), Some(by_asha));
            assert_eq!(first_of_use(median, n_enqueued, 4), Some(by_median));
        }
    }
}
