//! Points that the user gives.

use std::collections::{BTreeMap, BTreeSet};

use firebrick_core::register_strategy;
use firebrick_core::space::{Condition, Domain, Parameter, Space};
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::trial::Trial;
use firebrick_core::value::{Params, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::Order;
use crate::seen::canonical;
use crate::turns::{Points, Turns};

/// Evaluates a grid of values, or a list of points, that the settings give.
///
/// With `values`, every combination of the given values is evaluated once, in an order that the
/// seed decides; a parameter that is not named keeps all its values. With `points`, these are
/// evaluated in their order; a parameter that a point does not name has its first value, and a
/// point that comes twice is evaluated once. With neither, the grid is the whole space. A parameter
/// that exists only under a condition counts where it exists. The study ends after the last point.
///
/// # Source
/// Grid search. Differs from Optuna's `GridSampler`: conditions are kept, lists of points are
/// taken, and trials that run in parallel never get the same point.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GridSettings {
    /// The values of some parameters, by name: `{ "seq_blocks_2/channel_multiplier/factor" = [1, 2]
    /// }`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<firebrick_core::Json>>")]
    pub values: BTreeMap<String, Vec<Value>>,
    /// Points, each a table of values by name.
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, firebrick_core::Json>>")]
    pub points: Vec<Params>,
}

register_strategy!("grid"; GridSettings => Grid::new);

/// The strategy `grid`; see [`GridSettings`].
pub struct Grid {
    space: Space,
    turns: Turns,
}

impl Grid {
    /// Makes the strategy for a study.
    ///
    /// # Errors
    /// [`StrategyError::Settings`] if values or points are not of the space, or both are given;
    /// otherwise as [`Study::n_points`] for what the values leave of the space.
    pub fn new(study: &Study, settings: GridSettings) -> Result<Self, StrategyError> {
        let GridSettings { values, points } = settings;
        let space = study.space.clone();
        let points = if points.is_empty() {
            let grid = narrowed(&space, &values)?;
            let grid = Study {
                space: grid,
                ..study.clone()
            };
            let order = Order::new(grid.n_points()?, study.seed);
            Points::Shuffled(grid.space, order)
        } else {
            if !values.is_empty() {
                let reason = "`values` and `points` are both given, expected one of them";
                return Err(StrategyError::Settings(reason.to_owned()));
            }
            Points::Listed(listed(&space, &points)?)
        };
        let turns = Turns::new(points);
        Ok(Self { space, turns })
    }
}

impl Strategy for Grid {
    fn ask(&mut self, numbers: &[u64]) -> Result<Vec<Params>, StrategyError> {
        Ok(self.turns.ask(numbers))
    }

    fn tell(&mut self, trials: &[Trial]) -> Result<(), StrategyError> {
        for trial in trials {
            let params = canonical(&self.space, trial)?;
            self.turns.tell(trial.number, params);
        }
        Ok(())
    }
}

/// Returns the canonical points of a list, without those that come again.
fn listed(space: &Space, points: &[Params]) -> Result<Vec<Params>, StrategyError> {
    let mut seen = BTreeSet::new();
    let mut canonical = Vec::with_capacity(points.len());
    for (idx, point) in points.iter().enumerate() {
        let params = space
            .canonical(point)
            .map_err(|error| StrategyError::Settings(format!("`points[{idx}]`: {error}")))?;
        if seen.insert(params.clone()) {
            canonical.push(params);
        }
    }
    Ok(canonical)
}

/// Returns a space in which the named parameters have only the given values.
fn narrowed(space: &Space, values: &BTreeMap<String, Vec<Value>>) -> Result<Space, StrategyError> {
    let misfit =
        |name: &str, reason: &str| StrategyError::Settings(format!("`values.{name}`: {reason}"));
    if let Some(name) = values.keys().find(|name| space.parameter(name).is_none()) {
        return Err(misfit(name, "there is no such parameter in the space"));
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    for parameter in space.parameters() {
        let mut parameter = parameter.clone();
        if let Some(given) = values.get(&parameter.name) {
            let spelled = given.iter().map(|value| {
                parameter.domain.canonical(value).ok_or_else(|| {
                    misfit(
                        &parameter.name,
                        &format!("the parameter can't be `{value}`"),
                    )
                })
            });
            let choices = spelled.collect::<Result<Vec<Value>, _>>()?;
            parameter.domain = Domain::Categorical { choices };
        }
        if let Some(condition) = parameter.condition.take() {
            let Some(condition) = within(condition, &parameters) else {
                continue;
            };
            parameter.condition = Some(condition);
        }
        // Alone, so that the error is about its values and not about its condition.
        let alone = Parameter {
            condition: None,
            ..parameter.clone()
        };
        Space::new(vec![alone])
            .map_err(|error| StrategyError::Settings(format!("`values`: {error}")))?;
        parameters.push(parameter);
    }
    Space::new(parameters).map_err(|error| StrategyError::Settings(format!("`values`: {error}")))
}

/// Returns what is left of a condition on narrowed parameters; `None` if it never holds.
fn within(condition: Condition, parameters: &[Parameter]) -> Option<Condition> {
    let on = parameters
        .iter()
        .find(|parameter| parameter.name == condition.parameter)?;
    let mut values = condition.values;
    values.retain(|value| on.domain.contains(value));
    (!values.is_empty()).then_some(Condition {
        values,
        ..condition
    })
}

#[cfg(test)]
mod tests {
    use firebrick_core::testing::{check_strategy, check_strategy_without_repeats};
    use serde_json::json;

    use super::*;
    use crate::tests::{complete, make, ordinal, parameter, study};

    fn space() -> Space {
        let float = Domain::Float {
            low: 0.0,
            high: 1.0,
            step: None,
            log: false,
        };
        let condition = Condition {
            parameter: "a".to_owned(),
            values: vec![Value::Int(2), Value::Int(3)],
        };
        Space::new(vec![
            ordinal("a", &[1, 2, 3]),
            Parameter {
                condition: Some(condition),
                ..ordinal("b", &[7, 8])
            },
            parameter("rate", float),
        ])
        .expect("well-formed")
    }

    fn grid(settings: &serde_json::Value) -> Result<Box<dyn Strategy>, StrategyError> {
        make("grid", settings, &study(space(), 1, 0))
    }

    fn texts(strategy: &mut dyn Strategy) -> Vec<String> {
        let points = strategy.ask(&(0..100).collect::<Vec<u64>>()).expect("asks");
        points.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_whole_space_keeps_the_contract() {
        check_strategy_without_repeats(|study| make("grid", &json!({}), study));
    }

    #[test]
    fn a_list_of_points_keeps_the_contract() {
        check_strategy(|study| {
            let draw = |n| {
                let purpose = firebrick_core::random::Purpose::Dataset;
                study
                    .space
                    .sample(&mut firebrick_core::random::stream(1, purpose, n))
            };
            let points = (0..20).map(draw).collect();
            let values = BTreeMap::new();
            let grid = Grid::new(study, GridSettings { values, points })?;
            Ok(Box::new(grid))
        });
    }

    #[test]
    fn values_span_every_combination_that_exists() {
        let mut grid =
            grid(&json!({ "values": { "a": [1, 3], "rate": [0.5, 0, 1] } })).expect("made");
        let mut found = texts(grid.as_mut());
        found.sort();
        let mut expected = Vec::new();
        for head in ["a=1", "a=3, b=7", "a=3, b=8"] {
            for rate in ["0", "0.5", "1"] {
                expected.push(format!("{head}, rate={rate}"));
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_parameter_whose_condition_never_holds_is_left_out() {
        let mut grid = grid(&json!({ "values": { "a": [1], "rate": [0.5] } })).expect("made");
        assert_eq!(texts(grid.as_mut()), ["a=1, rate=0.5"]);
    }

    #[test]
    fn points_come_in_their_order_and_once() {
        let points = json!([
            { "a": 2, "b": 8, "rate": 0.25 },
            { "a": 1, "rate": 0.5 },
            { "a": 1, "b": 8, "rate": 0.5 },
            { "rate": 1 },
        ]);
        let mut grid = grid(&json!({ "points": points })).expect("made");
        let expected = ["a=2, b=8, rate=0.25", "a=1, rate=0.5", "a=1, rate=1"];
        assert_eq!(texts(grid.as_mut()), expected);
    }

    #[test]
    fn a_foreign_trial_costs_no_point_of_the_grid() {
        let mut grid = grid(&json!({ "values": { "a": [1], "rate": [0.5, 1.0] } })).expect("made");
        let first = grid.ask(&[0]).expect("asks").remove(0);
        // Not of the grid at all.
        let foreign: Params = [("a", Value::Int(1)), ("rate", Value::Float(0.125))]
            .into_iter()
            .collect();
        grid.tell(&[complete(0, foreign, vec![0.0])])
            .expect("tells");
        assert_eq!(grid.ask(&[1, 2]).expect("asks")[1], first);
    }

    #[test]
    fn what_is_not_of_the_space_is_refused_by_name() {
        let message =
            |settings: serde_json::Value| grid(&settings).err().expect("refused").to_string();
        assert_eq!(
            message(json!({ "values": { "c": [1] } })),
            "`values.c`: there is no such parameter in the space"
        );
        assert_eq!(
            message(json!({ "values": { "a": [1, 9] } })),
            "`values.a`: the parameter can't be `9`"
        );
        assert_eq!(
            message(json!({ "values": { "a": [] } })),
            "`values`: parameter `a`: has no choices"
        );
        assert_eq!(
            message(json!({ "values": { "a": [1, 1] } })),
            "`values`: parameter `a`: has the choice `1` twice"
        );
        assert_eq!(
            message(json!({ "points": [{}, { "rate": 2.0 }] })),
            "`points[1]`: parameter `rate` can't be `2.0`"
        );
        assert_eq!(
            message(json!({ "points": [{}], "values": { "a": [1] } })),
            "`values` and `points` are both given, expected one of them"
        );
    }

    #[test]
    fn a_continuous_parameter_without_values_is_refused_by_name() {
        let message = grid(&json!({ "values": { "a": [1] } }))
            .err()
            .expect("refused")
            .to_string();
        assert!(
            message.starts_with("parameter `rate` is continuous: trying every point needs"),
            "{message}"
        );
    }
}
