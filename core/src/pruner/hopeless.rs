//! Several objectives: what can't come onto the front any more.

use super::Curve;

/// Returns whether a complete trial dominates what a trial would reach if it gained, from here on,
/// as much in each objective as any complete trial has gained.
pub(super) fn is_hopeless(earlier: &[&Curve], points: &[Vec<f64>]) -> bool {
    let Some(now) = points.last() else {
        return false;
    };
    let complete: Vec<&[Vec<f64>]> = earlier
        .iter()
        .filter(|curve| curve.is_complete && curve.points.len() > points.len())
        .map(|curve| curve.points.as_slice())
        .collect();
    let mut optimistic = now.clone();
    for curve in &complete {
        let (there, end) = (&curve[points.len() - 1], &curve[curve.len() - 1]);
        for (objective, value) in optimistic.iter_mut().enumerate() {
            let reached = now[objective] - (there[objective] - end[objective]).max(0.0);
            *value = value.min(reached);
        }
    }
    complete
        .iter()
        .filter_map(|curve| curve.last())
        .any(|end| dominates(end, &optimistic))
}

/// Returns whether a point is nowhere worse than another and somewhere better; what is NaN in the
/// other is worse than any number.
fn dominates(point: &[f64], other: &[f64]) -> bool {
    let mut pairs = point.iter().zip(other);
    pairs
        .clone()
        .all(|(a, b)| a <= b || (b.is_nan() && !a.is_nan()))
        && pairs.any(|(a, b)| a < b || (b.is_nan() && !a.is_nan()))
}
