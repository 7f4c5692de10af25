//! A point of which a part is given, and the rest drawn.

use std::collections::BTreeMap;

use firebrick_core::random::Stream;
use firebrick_core::space::{Domain, Space};
use firebrick_core::value::{Params, Value};

/// What some parameters must be, by name: one of these values.
pub(super) type Wanted = BTreeMap<String, Vec<Value>>;

/// A parameter that is given, and does not exist with what another one is given or can be.
#[derive(Debug, PartialEq)]
pub(super) struct Absent {
    pub(super) parameter: String,
    /// The parameter that it depends on.
    pub(super) on: String,
    /// For which values of that it exists.
    pub(super) values: Vec<Value>,
}

/// Adds what must be so that every wanted parameter exists.
///
/// # Errors
/// [`Absent`] names the first that can't.
pub(super) fn imply(space: &Space, mut wanted: Wanted) -> Result<Wanted, Absent> {
    // What a parameter depends on comes before it, so one way back finds all.
    for parameter in space.parameters().iter().rev() {
        let Some(condition) = &parameter.condition else {
            continue;
        };
        if !wanted.contains_key(&parameter.name) {
            continue;
        }
        let values = wanted.entry(condition.parameter.clone());
        let values = values.or_insert_with(|| condition.values.clone());
        values.retain(|value| condition.values.contains(value));
        if values.is_empty() {
            return Err(Absent {
                parameter: parameter.name.clone(),
                on: condition.parameter.clone(),
                values: condition.values.clone(),
            });
        }
    }
    Ok(wanted)
}

/// Returns a point that has one of the wanted values wherever some are wanted; everything else is
/// drawn.
pub(super) fn draw(space: &Space, wanted: &Wanted, rng: &mut Stream) -> Params {
    let mut params = Params::new();
    for parameter in space.parameters() {
        // Drawn in any case, so that what is given of one parameter changes no other.
        let drawn = parameter.domain.sample(rng);
        if !space.is_active(parameter, &params) {
            continue;
        }
        let value = match wanted.get(&parameter.name).map(Vec::as_slice) {
            None => drawn,
            Some([value]) => value.clone(),
            Some(values) => Domain::Categorical {
                choices: values.to_vec(),
            }
            .sample(rng),
        };
        params.insert(&parameter.name, value);
    }
    params
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};
    use firebrick_core::space::{Condition, Parameter};

    use super::*;

    /// `width` exists for integers and floats, `exponent` for floats, `free` always.
    fn space() -> Space {
        let parameter = |name: &str, choices: Vec<Value>, on: &[&str]| Parameter {
            name: name.to_owned(),
            domain: Domain::Categorical { choices },
            condition: (!on.is_empty()).then(|| Condition {
                parameter: "name".to_owned(),
                values: on.iter().map(|name| Value::from(*name)).collect(),
            }),
        };
        let numbers = || (0..100).map(Value::Int).collect::<Vec<_>>();
        let names = ["none", "integer", "float"].map(Value::from).to_vec();
        Space::new(vec![
            parameter("name", names, &[]),
            parameter("width", numbers(), &["integer", "float"]),
            parameter("exponent", numbers(), &["float"]),
            parameter("free", numbers(), &[]),
        ])
        .unwrap()
    }

    fn wanted(values: &[(&str, Value)]) -> Wanted {
        let values = values.iter();
        values
            .map(|(name, value)| ((*name).to_owned(), vec![value.clone()]))
            .collect()
    }

    fn drawn(values: &[(&str, Value)], number: u64) -> Params {
        let space = space();
        let wanted = imply(&space, wanted(values)).unwrap();
        let params = draw(&space, &wanted, &mut stream(1, Purpose::Propose, number));
        assert_eq!(space.canonical(&params), Ok(params.clone()));
        params
    }

    #[test]
    fn what_is_given_is_kept_and_the_rest_is_drawn() {
        let free = |number| {
            drawn(&[("name", "none".into())], number)
                .get("free")
                .cloned()
        };
        assert_eq!(free(0), free(0));
        assert_ne!(free(0), free(1));
    }

    #[test]
    fn a_value_that_is_given_does_not_change_what_is_drawn_elsewhere() {
        let width = Value::Int(7);
        let integer = || ("name", Value::from("integer"));
        let some = drawn(&[integer(), ("width", width.clone())], 3);
        assert_eq!(some.get("width"), Some(&width));
        assert_eq!(some.get("free"), drawn(&[integer()], 3).get("free"));
    }

    #[test]
    fn what_a_given_parameter_depends_on_is_drawn_so_that_it_exists() {
        let names: Vec<String> = (0..50)
            .map(|number| drawn(&[("width", Value::Int(1))], number))
            .filter_map(|params| Some(params.get("name")?.to_string()))
            .collect();
        assert_eq!(names.len(), 50);
        assert!(!names.contains(&"none".to_owned()));
        assert!(names.contains(&"integer".to_owned()) && names.contains(&"float".to_owned()));
        let both = [("width", Value::Int(1)), ("exponent", Value::Int(2))];
        assert_eq!(drawn(&both, 0).get("name"), Some(&Value::from("float")));
    }

    #[test]
    fn a_parameter_that_can_not_exist_is_named_with_what_it_depends_on() {
        let given = [("name", "integer".into()), ("exponent", Value::Int(2))];
        let absent = Absent {
            parameter: "exponent".to_owned(),
            on: "name".to_owned(),
            values: vec!["float".into()],
        };
        assert_eq!(imply(&space(), wanted(&given)), Err(absent));
    }
}
