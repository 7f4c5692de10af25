//! `[search.constraints]`: what a candidate must not exceed, known before it is trained.

use super::error::StudyError;
use super::file::Raw;
use super::section::{Section, misfit};
use crate::output::table::number;

/// A limit on a hardware metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constraint {
    /// The name of the metric.
    pub(crate) metric: String,
    /// On which side of the limit it must stay.
    pub(crate) side: Side,
    /// The limit, which itself is allowed.
    pub(crate) limit: f64,
}

/// What breaks a constraint, or several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broken {
    /// What is on the wrong side of which limit.
    pub(crate) reason: String,
    /// How much too much it is as a part of the limit, or in the unit of the metric if the limit is
    /// 0; absent if that is no finite number.
    pub(crate) violation: Option<f64>,
}

/// A side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// At most the limit.
    Below,
    /// At least the limit.
    Above,
}

/// The ends of the keys: `params_max`.
const SIDES: [(&str, Side); 2] = [("_max", Side::Below), ("_min", Side::Above)];

impl Constraint {
    /// Returns the key in a study file.
    pub(crate) fn key(&self) -> String {
        let end = SIDES.iter().find(|(_, side)| *side == self.side);
        format!("{}{}", self.metric, end.map_or("", |(end, _)| end))
    }

    /// Returns whether no value keeps within this and another constraint.
    fn excludes(&self, other: &Self) -> bool {
        let (most, least) = match (self.side, other.side) {
            (Side::Below, Side::Above) => (self.limit, other.limit),
            (Side::Above, Side::Below) => (other.limit, self.limit),
            _ => return false,
        };
        self.metric == other.metric && most < least
    }

    /// Returns how a value breaks the constraint, if it does.
    pub(crate) fn broken_by(&self, value: f64) -> Option<Broken> {
        let (excess, word) = match self.side {
            Side::Below => (value - self.limit, "above"),
            Side::Above => (self.limit - value, "below"),
        };
        if excess <= 0.0 {
            return None;
        }
        let scale = match self.limit.abs() {
            0.0 => 1.0,
            size => size,
        };
        let violation = excess / scale;
        let (metric, value, limit) = (&self.metric, number(value), number(self.limit));
        Some(Broken {
            reason: format!("{metric} {value} is {word} `{}` = {limit}", self.key()),
            violation: violation.is_finite().then_some(violation),
        })
    }
}

/// Reads `[search.constraints]`; whether something measures the metrics is checked later.
pub(super) fn read(section: &Section<'_>) -> Result<Vec<Constraint>, StudyError> {
    let mut constraints: Vec<Constraint> = Vec::new();
    for entry in section.rest() {
        let path = section.path_of(&entry.key);
        let named = SIDES.iter().find_map(|(end, side)| {
            let metric = entry.key.strip_suffix(end)?;
            (!metric.is_empty()).then(|| (metric.to_owned(), *side))
        });
        let Some((metric, side)) = named else {
            let what = format!("unknown key `{path}`");
            let hint =
                "a constraint is called as a metric with `_max` or `_min`: `params_max`".to_owned();
            return Err(StudyError::at(&entry.item.origin, what).hinted(hint));
        };
        let limit = match entry.item.raw {
            Raw::Int(limit) => limit as f64,
            Raw::Float(limit) if limit.is_finite() => limit,
            _ => return Err(misfit(&path, &entry.item, "a finite number")),
        };
        let constraint = Constraint {
            metric,
            side,
            limit,
        };
        if let Some(other) = constraints.iter().find(|other| constraint.excludes(other)) {
            let what = format!(
                "`{path}` = {} and `{}` = {} leave nothing between them",
                number(limit),
                other.key(),
                number(other.limit)
            );
            return Err(StudyError::at(&entry.item.origin, what));
        }
        constraints.push(constraint);
    }
    Ok(constraints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(side: Side, limit: f64, value: f64) -> Option<Option<f64>> {
        let constraint = Constraint {
            metric: "macs".to_owned(),
            side,
            limit,
        };
        Some(constraint.broken_by(value)?.violation)
    }

    #[test]
    fn a_violation_is_the_excess_as_a_part_of_the_limit() {
        assert_eq!(violation(Side::Below, 100.0, 150.0), Some(Some(0.5)));
        assert_eq!(violation(Side::Above, 100.0, 75.0), Some(Some(0.25)));
        // -50 is 50 above -100.
        assert_eq!(violation(Side::Below, -100.0, -50.0), Some(Some(0.5)));
        assert_eq!(violation(Side::Below, 100.0, 100.0), None);
        assert_eq!(violation(Side::Above, 100.0, 100.0), None);
    }

    #[test]
    fn a_limit_of_zero_is_broken_by_so_many_units() {
        assert_eq!(violation(Side::Below, 0.0, 3.0), Some(Some(3.0)));
        assert_eq!(violation(Side::Above, 0.0, -2.0), Some(Some(2.0)));
    }

    #[test]
    fn what_is_no_number_breaks_a_limit_by_nobody_knows_how_much() {
        assert_eq!(violation(Side::Below, 100.0, f64::NAN), Some(None));
        assert_eq!(violation(Side::Above, 0.0, f64::NAN), Some(None));
        assert_eq!(violation(Side::Below, 100.0, f64::INFINITY), Some(None));
        assert_eq!(violation(Side::Below, 5e-324, 1e300), Some(None));
    }
}
