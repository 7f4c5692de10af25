//! Points that stand for a space in checks before a search.

use firebrick_core::random::{Purpose, stream};
use firebrick_core::space::Space;
use firebrick_core::value::Params;

/// How many points are looked at in a space that is larger.
pub(super) const POINTS_MAX: u128 = 64;

/// Returns all points of a space; of one with more than [`POINTS_MAX`], that many drawn from it.
pub(super) fn points(space: &Space) -> impl Iterator<Item = Params> {
    let size = space.size();
    let is_small = size.is_some_and(|size| size <= POINTS_MAX);
    let n_points = size.unwrap_or(POINTS_MAX).min(POINTS_MAX);
    (0..n_points).filter_map(move |idx| match is_small {
        true => space.point(idx),
        false => {
            let counter = u64::try_from(idx).unwrap_or_default();
            Some(space.sample(&mut stream(0, Purpose::Strategy, counter)))
        }
    })
}
