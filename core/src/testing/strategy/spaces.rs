//! The spaces that strategies are checked on.

use crate::space::{Condition, Domain, Parameter, Space};
use crate::value::Value;

/// Returns spaces with every kind of parameter, by name.
pub(super) fn spaces() -> Vec<(&'static str, Space)> {
    let categorical = || {
        let choices = ["none", "integer", "minifloat"].map(Value::from).to_vec();
        Domain::Categorical { choices }
    };
    let ordinal = || Domain::Ordinal {
        choices: [1, 2, 4, 8].map(Value::Int).to_vec(),
    };
    let int = |high, log| Domain::Int {
        low: 1,
        high,
        step: 1,
        log,
    };
    let float = |step, log| Domain::Float {
        low: 0.5,
        high: 2.0,
        step,
        log,
    };
    let wide: Vec<(String, Domain)> = (0..12)
        .map(|n| (format!("p{n}"), int(100, false)))
        .collect();
    let wide = wide
        .iter()
        .map(|(name, domain)| parameter(name, domain.clone()));
    let integer = |parameter: Parameter| {
        let condition = Condition {
            parameter: "format".to_owned(),
            values: vec!["integer".into()],
        };
        Parameter {
            condition: Some(condition),
            ..parameter
        }
    };
    let all = [
        (
            "categorical",
            vec![parameter("a", categorical()), parameter("b", categorical())],
        ),
        (
            "ordinal",
            vec![parameter("a", ordinal()), parameter("b", ordinal())],
        ),
        (
            "int",
            vec![parameter("a", int(3, false)), parameter("b", int(6, true))],
        ),
        (
            "conditional",
            vec![
                parameter("format", categorical()),
                integer(parameter("format/width", ordinal())),
                integer(parameter("format/fraction", int(3, false))),
                parameter("multiplier", ordinal()),
            ],
        ),
        (
            "float",
            vec![
                parameter("a", float(None, false)),
                parameter("b", float(None, true)),
            ],
        ),
        (
            "mixed",
            vec![
                parameter("a", float(Some(0.25), false)),
                parameter("b", int(1000, true)),
                parameter("c", categorical()),
                parameter("d", float(None, true)),
            ],
        ),
        ("one-point", vec![parameter("a", int(1, false))]),
        ("wide", wide.collect()),
    ];
    all.into_iter()
        .map(|(name, parameters)| {
            (
                name,
                Space::new(parameters).expect("the space is well-formed"),
            )
        })
        .collect()
}

fn parameter(name: &str, domain: Domain) -> Parameter {
    let name = name.to_owned();
    Parameter {
        name,
        domain,
        condition: None,
    }
}
