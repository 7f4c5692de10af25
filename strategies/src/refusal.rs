//! What a strategy says of a space that it can't handle.

use firebrick_core::strategy::StrategyError;

/// The strategies that take any space.
pub(crate) const TAKE_ANY_SPACE: &str =
    "`nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe`";

/// Returns the refusal of a parameter, with the strategies that would take it.
pub(crate) fn refusal(parameter: &str, reason: &str) -> StrategyError {
    StrategyError::Space {
        parameter: parameter.to_owned(),
        reason: format!("{reason}; for any space there are {TAKE_ANY_SPACE}"),
    }
}

/// Adds to the refusal of a space which strategies would take it.
pub(crate) fn with_remedy(error: StrategyError) -> StrategyError {
    match error {
        StrategyError::Space { parameter, reason } => refusal(&parameter, &reason),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::Json;
    use firebrick_core::registry::Registration;
    use firebrick_core::space::{Condition, Domain, Parameter, Space};
    use firebrick_core::value::Value;

    use super::*;
    use crate::tests::{make, ordinal, parameter, study};

    #[test]
    fn the_strategies_named_are_those_that_take_any_space() {
        let float = Domain::Float {
            low: 0.0,
            high: 1.0,
            step: None,
            log: false,
        };
        let choices = ["a", "b"].map(Value::from).to_vec();
        let condition = Condition {
            parameter: "b".to_owned(),
            values: vec![Value::Int(1)],
        };
        let space = Space::new(vec![
            parameter("a", Domain::Categorical { choices }),
            ordinal("b", &[1, 2]),
            Parameter {
                condition: Some(condition),
                ..parameter("c", float)
            },
        ]);
        let study = study(space.expect("well-formed"), 1, 0);
        let items = Registration::of_package(env!("CARGO_PKG_NAME"));
        let names = items.iter().map(|item| item.names[0]);
        let able: Vec<String> = names
            .filter(|name| make(name, &Json::Null, &study).is_ok())
            .map(|name| format!("`{name}`"))
            .collect();
        let (last, others) = able.split_last().expect("not empty");
        assert_eq!(TAKE_ANY_SPACE, format!("{} and {last}", others.join(", ")));
    }
}
