//! Objectives that can't guide a search because they never change.

use firebrick_core::random::{Purpose, stream};
use firebrick_core::space::Space;

use super::evaluate::Builder;
use super::study_loop::Spelling;
use crate::output::table::number;
use crate::study::Goal;

/// How many points are looked at in a space that is larger.
const POINTS_MAX: u128 = 64;

/// Warns of every hardware objective that is the same for all points of a space.
///
/// In a large space, 64 points drawn from it are looked at, and the warning says so.
pub(super) fn warn(space: &Space, spelling: &dyn Spelling, builder: &Builder, goal: &Goal) {
    let Some(size) = space.size() else { return };
    let point = |idx: u128| match size > POINTS_MAX {
        false => space.point(idx),
        true => {
            let counter = u64::try_from(idx).unwrap_or_default();
            Some(space.sample(&mut stream(0, Purpose::Strategy, counter)))
        }
    };
    let points = (0..size.min(POINTS_MAX)).filter_map(point);
    let measured: Vec<Vec<(String, f64)>> = points
        .filter_map(|params| Some(builder.build(&spelling.pass_args(&params)).ok()?.1))
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
