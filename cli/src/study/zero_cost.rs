//! `[search] zero_cost`: which metrics of untrained candidates are computed.

use firebrick_core::engine::ZeroCost;
use firebrick_core::hint::did_you_mean;

use super::constraint::Constraint;
use super::error::StudyError;
use super::file::Raw;
use super::goal::Goal;
use super::section::{Section, misfit};

/// Reads the metrics that are asked for by name.
pub(super) fn read(section: &mut Section<'_>) -> Result<Vec<ZeroCost>, StudyError> {
    let path = section.path_of("zero_cost");
    let Some(item) = section.item("zero_cost") else {
        return Ok(Vec::new());
    };
    let expected = "a list of names, such as `[\"synflow\"]`";
    let Raw::List(items) = &item.raw else {
        return Err(misfit(&path, item, expected));
    };
    let mut metrics = Vec::new();
    for item in items {
        let Raw::Text(name) = &item.raw else {
            return Err(misfit(&path, item, expected));
        };
        let Some(metric) = ZeroCost::named(name) else {
            let what = format!("`{path}` can't have `{name}`");
            let names = ZeroCost::ALL.map(ZeroCost::name);
            let hint = did_you_mean(name, names)
                .unwrap_or_else(|| format!("known: `{}`", names.join("`, `")));
            return Err(StudyError::at(&item.origin, what).hinted(hint));
        };
        metrics.push(metric);
    }
    Ok(metrics)
}

/// Returns all metrics that are asked for, or that objectives or constraints are about, each once.
pub(super) fn wanted(asked: &[ZeroCost], goal: &Goal, constraints: &[Constraint]) -> Vec<ZeroCost> {
    let is_wanted = |metric: &ZeroCost| {
        let name = metric.name();
        asked.contains(metric)
            || goal.objectives.iter().any(|one| one.metric == name)
            || constraints.iter().any(|one| one.metric == name)
    };
    ZeroCost::ALL.into_iter().filter(is_wanted).collect()
}
