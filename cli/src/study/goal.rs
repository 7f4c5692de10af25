//! What a search wants: its metrics, alone or as one sum.

use std::collections::BTreeMap;
use std::fmt;

use firebrick_core::objective::{Direction, Objective};

use super::defaults;
use super::error::{Notice, StudyError};
use super::section::{Section, misfit};

/// What a search wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    /// The metrics, by name as MASE orders them: the order of `value` in `best.json`.
    pub(crate) objectives: Vec<Objective>,
    /// The direction of the sum, where all of them count as one (`sum_scaled_metrics`); then it is
    /// that of each, and what is to be subtracted has a scale below 0.
    pub(crate) sum: Option<Direction>,
}

/// Metrics that every trial has: those of the validation split.
pub(crate) const SOFTWARE_METRICS: [&str; 3] = ["accuracy", "loss", "macro_accuracy"];

const DIRECTIONS: [(&str, Direction); 2] = [
    ("maximize", Direction::Maximize),
    ("minimize", Direction::Minimize),
];

impl Goal {
    /// Returns the direction of each value that [`Goal::values`] returns.
    pub(crate) fn directions(&self) -> Vec<Direction> {
        match self.sum {
            Some(direction) => vec![direction],
            None => self
                .objectives
                .iter()
                .map(|objective| objective.direction)
                .collect(),
        }
    }

    /// Returns the objective values of a trial: scaled metrics, or their sum.
    ///
    /// # Errors
    /// The name of the first metric that is missing.
    pub(crate) fn values(&self, metrics: &BTreeMap<String, f64>) -> Result<Vec<f64>, String> {
        let mut values = Vec::with_capacity(self.objectives.len());
        for objective in &self.objectives {
            let metric = metrics.get(&objective.metric).ok_or(&objective.metric)?;
            values.push(objective.scale * metric);
        }
        match self.sum {
            Some(_) => Ok(vec![values.iter().sum()]),
            None => Ok(values),
        }
    }

    /// Returns the scaled metrics of a trial by name, as `best.json` has them; a missing metric is
    /// left out.
    pub(crate) fn scaled_metrics(&self, metrics: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        let scaled = self.objectives.iter().filter_map(|objective| {
            let metric = metrics.get(&objective.metric)?;
            Some((objective.metric.clone(), objective.scale * metric))
        });
        scaled.collect()
    }
}

/// Writes what is wanted as people say it: ``accuracy (maximize), params (minimize)``, or
/// ``minimize the sum of loss, -0.5 accuracy``.
impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |direction: Direction| {
            let known = DIRECTIONS.iter().find(|(_, known)| *known == direction);
            known.map_or("", |(word, _)| word)
        };
        let objective = |objective: &Objective| {
            let Objective {
                metric,
                direction,
                scale,
            } = objective;
            let factor = match *scale {
                1.0 => String::new(),
                scale => format!("{scale:?} "),
            };
            match self.sum {
                None => format!("{metric} ({})", word(*direction)),
                Some(_) => format!("{factor}{metric}"),
            }
        };
        let objectives: Vec<String> = self.objectives.iter().map(objective).collect();
        if let Some(sum) = self.sum {
            write!(formatter, "{} the sum of ", word(sum))?;
        }
        formatter.write_str(&objectives.join(", "))
    }
}

/// Reads `[search.strategy.metrics]`, and what `[search.strategy.setup]` says about their sum.
pub(super) fn read<'a>(
    metrics: &Section<'a>,
    setup: &mut Section<'a>,
    notices: &mut Vec<Notice>,
) -> Result<Goal, StudyError> {
    let is_sum = setup.switch("sum_scaled_metrics")?.unwrap_or(false);
    let direction = setup.word("direction", &DIRECTIONS)?;
    let sum = match (is_sum, direction) {
        (true, Some(direction)) => Some(direction),
        (true, None) => {
            let what = format!(
                "`{}` needs a `direction`",
                setup.path_of("sum_scaled_metrics")
            );
            let origin = setup
                .item("sum_scaled_metrics")
                .map(|item| item.origin.clone());
            let hint = "add `direction = \"maximize\"` beside it".to_owned();
            return Err(StudyError {
                origin,
                ..StudyError::absent(what).hinted(hint)
            });
        }
        (false, _) => None,
    };
    if !is_sum && let Some(item) = setup.item("direction") {
        let reason = "`sum_scaled_metrics` is off: every metric has its own direction";
        notices.push(Notice::new(
            setup.path_of("direction"),
            &item.origin,
            reason,
        ));
    }
    let mut objectives = Vec::new();
    for entry in metrics.rest() {
        let table = Section::of(metrics.path_of(&entry.key), &entry.item)?;
        objectives.push(read_objective(table, &entry.key, sum, notices)?);
    }
    if objectives.is_empty() && sum.is_some() {
        let what = format!(
            "`{}` has nothing to sum",
            setup.path_of("sum_scaled_metrics")
        );
        let origin = setup
            .item("sum_scaled_metrics")
            .map(|item| item.origin.clone());
        let hint = "add `[search.strategy.metrics]`".to_owned();
        return Err(StudyError {
            origin,
            ..StudyError::absent(what).hinted(hint)
        });
    }
    if objectives.is_empty() {
        objectives.extend(defaults::METRICS.map(|(metric, direction)| Objective {
            metric: metric.to_owned(),
            direction,
            scale: 1.0,
        }));
    }
    objectives.sort_by(|a, b| a.metric.cmp(&b.metric));
    Ok(Goal { objectives, sum })
}

fn read_objective(
    mut table: Section<'_>,
    metric: &str,
    sum: Option<Direction>,
    notices: &mut Vec<Notice>,
) -> Result<Objective, StudyError> {
    let finite = |scale: f64| scale.is_finite() && scale != 0.0;
    let scale = table
        .number("scale", "a number other than 0", finite)?
        .unwrap_or(1.0);
    let given = table.word("direction", &DIRECTIONS)?;
    if let (Some(given), Some(sum)) = (given, sum)
        && given != sum
    {
        return read_subtracted(table, metric, scale, sum, notices);
    }
    let direction = given.or(sum).or_else(|| defaults::direction(metric));
    let Some(direction) = direction else {
        let what = format!("`{}` has no direction", table.path());
        let hint = "add `direction = \"minimize\"` or `direction = \"maximize\"`".to_owned();
        let origin = table.origin().cloned();
        return Err(StudyError {
            origin,
            ..StudyError::absent(what).hinted(hint)
        });
    };
    // A direction that is given beside a scale above 0 is what is meant.
    if let Some(usual) = defaults::direction(metric)
        && (given.is_none() || scale < 0.0)
        && (usual == direction) != (scale > 0.0)
        && let Some(origin) = table.origin()
    {
        let more = match usual {
            Direction::Maximize => "less",
            Direction::Minimize => "more",
        };
        let what = match sum {
            Some(sum) => format!("the sum is to be {}", participle(sum)),
            None => format!(
                "what is to be {} is the metric times its scale",
                participle(direction)
            ),
        };
        let effect = format!(
            "with the scale {scale:?}, {more} of it counts as better, since {what}; \
             `scale = {:?}` turns it round",
            -scale
        );
        notices.push(Notice::of_effect(table.path(), origin, effect));
    }
    table.finish()?;
    Ok(Objective {
        metric: metric.to_owned(),
        direction,
        scale,
    })
}

/// Ends reading a metric that goes the other way than the sum that it is of.
fn read_subtracted(
    mut table: Section<'_>,
    metric: &str,
    scale: f64,
    sum: Direction,
    notices: &mut Vec<Notice>,
) -> Result<Objective, StudyError> {
    if scale < 0.0
        && let Some(item) = table.item("scale")
    {
        // Either says by itself that the metric is subtracted; both could mean either.
        let expected = "above 0, since the direction already says that the metric is subtracted";
        let hint = "leave out its `direction`, which MASE passes over where metrics are summed";
        let error = misfit(&table.path_of("scale"), item, expected);
        return Err(error.hinted(hint.to_owned()));
    }
    let scale = -scale;
    if let Some(item) = table.item("direction") {
        let sum = participle(sum);
        let effect = format!(
            "the sum is to be {sum}, so `{metric}` counts with the scale {scale:?}; MASE would \
             add it"
        );
        let key = table.path_of("direction");
        notices.push(Notice::of_effect(key, &item.origin, effect));
    }
    table.finish()?;
    Ok(Objective {
        metric: metric.to_owned(),
        direction: sum,
        scale,
    })
}

fn participle(direction: Direction) -> &'static str {
    match direction {
        Direction::Maximize => "maximized",
        Direction::Minimize => "minimized",
    }
}
