//! Candidates that no engine here can train.

use super::builder::Builder;
use super::sample::points;
use crate::engines::Engines;
use crate::study::SearchSpace;

/// Returns what the engines say of the first candidate that none of them can train, among all
/// points of a small space and 64 drawn from a larger one.
pub(super) fn first(space: &SearchSpace, builder: &Builder, engines: &Engines) -> Option<String> {
    points(&space.space).find_map(|params| {
        let (graph, _) = builder.build(&space.pass_args(&params)).ok()?;
        let refusals = engines.first_for(&graph).err()?;
        Some(refusals.join("; "))
    })
}
