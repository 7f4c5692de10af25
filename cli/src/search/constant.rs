//! Objectives that can't guide a search because they never change.

use super::builder::Builder;
use super::sample::{POINTS_MAX, points};
use crate::output::table::number;
use crate::study::{Goal, SearchSpace};

/// Warns of every hardware objective that is the same for all points of a space.
///
/// In a large space, 64 points drawn from it are looked at, and the warning says so.
pub(super) fn warn(search_space: &SearchSpace, builder: &Builder, goal: &Goal) {
    let space = &search_space.space;
    let Some(size) = space.size() else { return };
    let measured: Vec<Vec<(String, f64)>> = points(space)
        .filter_map(|params| Some(builder.build(&search_space.pass_args(&params)).ok()?.1))
        .collect();
    if measured.len() < 2 {
        return;
    }
    for objective in &goal.objectives {
        let values = measured.iter().filter_map(|metrics| {
            metrics
                .iter()
                .find(|(name, _)| *name == objective.metric)
                .map(|(_, value)| *value)
        });
        let values: Vec<f64> = values.collect();
        let Some(first) = values.first() else {
            continue;
        };
        if values.iter().all(|value| value == first) {
            let how_many = match size > POINTS_MAX {
                true => format!("{} points drawn from the space", measured.len()),
                false => format!("all {} points of the space", measured.len()),
            };
            eprintln!(
                "warning: objective `{}` is {} for {how_many}: it can't guide the search",
                objective.metric,
                number(*first),
            );
        }
    }
}
