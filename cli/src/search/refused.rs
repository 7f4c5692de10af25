//! Candidates that no engine here can train, and scores that none has.

use firebrick_core::registry::Registry;

use super::builder::Builder;
use super::sample::points;
use crate::engines::Engines;
use crate::study::{Search, SearchSpace};

/// Returns what the engines say of the first candidate that none of them can train, among all
/// points of a small space and 64 drawn from a larger one.
pub(super) fn first(space: &SearchSpace, builder: &Builder, engines: &Engines) -> Option<String> {
    points(&space.space).find_map(|params| {
        let (graph, _) = builder.build(&space.pass_args(&params)).ok()?;
        let refusals = engines.first_for(&graph).err()?;
        Some(refusals.join("; "))
    })
}

/// Returns what no engine here can do of a search, if there is something.
pub(super) fn any(
    space: &SearchSpace,
    builder: &Builder,
    engines: &Engines,
    search: &Search,
    registry: &Registry,
) -> Option<String> {
    let scored = match search.zero_cost.is_empty() {
        true => Ok(()),
        false => engines.check_scores(registry, &builder.base),
    };
    match scored {
        Err(error) => Some(format!("{error:#}")),
        Ok(()) => first(space, builder, engines),
    }
}
