//! Points made from others: crossover and mutation that know about conditions.

use firebrick_core::random::Stream;
use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::value::{Params, Value};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::line::Line;

/// Returns a child that has each value from either parent with equal chance, then mutated.
///
/// Each of the parameters that the first parent has is mutated with a chance of one in their
/// number. A parameter that exists under the child's own choices has the value of the parent that
/// has one, and is drawn if neither has.
pub(crate) fn cross(space: &Space, parents: [&Params; 2], rng: &mut Stream) -> Params {
    let n_mutable = mutable(space, parents[0]).count().max(1);
    let mut child = Params::new();
    for parameter in space.parameters() {
        if !space.is_active(parameter, &child) {
            continue;
        }
        let first = usize::from(rng.random_bool(0.5));
        let inherited = parents[first]
            .get(&parameter.name)
            .or_else(|| parents[1 - first].get(&parameter.name));
        let value = match inherited {
            None => parameter.domain.sample(rng),
            Some(value) if rng.random_ratio(1, n_mutable as u32) => {
                mutated(&parameter.domain, value, rng)
            }
            Some(value) => value.clone(),
        };
        child.insert(&parameter.name, value);
    }
    child
}

/// Returns a copy of a point in which one parameter has another value; what depends on it is drawn
/// where the point has no value for it.
///
/// A point of a space that has no other point comes back as it is.
pub(crate) fn mutate_one(space: &Space, point: &Params, rng: &mut Stream) -> Params {
    let mutable: Vec<&Parameter> = mutable(space, point).collect();
    if mutable.is_empty() {
        return point.clone();
    }
    let changed = mutable[rng.random_range(0..mutable.len())];
    let mut child = Params::new();
    for parameter in space.parameters() {
        if !space.is_active(parameter, &child) {
            continue;
        }
        let value = match point.get(&parameter.name) {
            None => parameter.domain.sample(rng),
            Some(value) if parameter.name == changed.name => mutated(&parameter.domain, value, rng),
            Some(value) => value.clone(),
        };
        child.insert(&parameter.name, value);
    }
    child
}

/// Returns the parameters that a point has and that could have another value.
fn mutable<'a>(space: &'a Space, point: &'a Params) -> impl Iterator<Item = &'a Parameter> {
    let parameters = space.parameters().iter();
    parameters.filter(|parameter| {
        parameter.domain.size() != Some(1) && point.get(&parameter.name).is_some()
    })
}

/// Returns another value of a domain that has more than one.
///
/// Among values in an order half of the mutations are short: a step drawn from a normal
/// distribution as wide as a tenth of the line, and at least one value further. The others, and
/// all among values without an order, go anywhere.
fn mutated(domain: &Domain, value: &Value, rng: &mut Stream) -> Value {
    let is_ordered = !matches!(domain, Domain::Categorical { .. });
    let is_short = is_ordered && rng.random_bool(0.5);
    let line = Line::new(domain);
    let Some(n) = line.n_values() else {
        if !is_short {
            return domain.sample(rng);
        }
        return line.value(reflected(line.place(value) + step(rng)));
    };
    let last = n - 1;
    let idx = domain.index(value).unwrap_or_default();
    if !is_short || last == 0 {
        // Any index but its own, each with the same chance.
        let other = rng.random_range(0..last.max(1));
        return domain.value((other + u64::from(other >= idx)).min(last));
    }
    let step = step(rng);
    let near = line.index(reflected(line.place(value) + step));
    if near != idx {
        return domain.value(near);
    }
    let up = if step > 0.0 { idx < last } else { idx == 0 };
    domain.value(if up { idx + 1 } else { idx - 1 })
}

fn step(rng: &mut Stream) -> f64 {
    let standard: f64 = rng.sample(StandardNormal);
    0.1 * standard
}

/// Returns a place, thrown back where it is off the line.
fn reflected(place: f64) -> f64 {
    let place = if place < 0.0 { -place } else { place };
    let place = if place > 1.0 { 2.0 - place } else { place };
    place.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use firebrick_core::random::{Purpose, stream};
    use firebrick_core::space::Condition;

    use super::*;
    use crate::tests::{ordinal, parameter};

    fn space() -> Space {
        let choices = ["none", "integer"].map(Value::from).to_vec();
        let float = Domain::Float {
            low: 0.5,
            high: 2.0,
            step: None,
            log: true,
        };
        let condition = Condition {
            parameter: "format".to_owned(),
            values: vec!["integer".into()],
        };
        Space::new(vec![
            parameter("format", Domain::Categorical { choices }),
            Parameter {
                condition: Some(condition),
                ..ordinal("width", &[2, 4, 8, 16])
            },
            ordinal("factor", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            parameter("rate", float),
            ordinal("constant", &[1]),
        ])
        .expect("well-formed")
    }

    #[test]
    fn children_are_canonical_points_of_the_space() {
        let space = space();
        let mut rng = stream(0, Purpose::Propose, 0);
        for _ in 0..500 {
            let parents = [space.sample(&mut rng), space.sample(&mut rng)];
            let crossed = cross(&space, [&parents[0], &parents[1]], &mut rng);
            let mutated = mutate_one(&space, &parents[0], &mut rng);
            for child in [crossed, mutated] {
                assert_eq!(space.canonical(&child).as_ref(), Ok(&child));
            }
        }
    }

    #[test]
    fn one_mutation_changes_one_parameter_and_what_depends_on_it() {
        let space = space();
        let mut rng = stream(0, Purpose::Propose, 0);
        for _ in 0..500 {
            let parent = space.sample(&mut rng);
            let child = mutate_one(&space, &parent, &mut rng);
            let names = ["format", "width", "factor", "rate", "constant"];
            let changed: Vec<&str> = names
                .into_iter()
                .filter(|name| child.get(name) != parent.get(name))
                .collect();
            let expected = match changed[0] {
                "format" => changed.len() == 2 && changed[1] == "width",
                _ => changed.len() == 1,
            };
            assert!(expected, "{changed:?}");
        }
    }

    #[test]
    fn equal_parents_have_children_that_differ_in_one_place_on_average() {
        let space = Space::new(
            (0..10)
                .map(|n| ordinal(&format!("p{n}"), &[1, 2, 3]))
                .collect(),
        );
        let space = space.expect("well-formed");
        let mut rng = stream(3, Purpose::Propose, 0);
        let parent = space.sample(&mut rng);
        let differences = (0..1000).map(|_| {
            let child = cross(&space, [&parent, &parent], &mut rng);
            let differs = |(name, value)| parent.get(name) != Some(value);
            child.iter().filter(|pair| differs(*pair)).count()
        });
        // 1000 expected, standard deviation 30.
        let n_differences: usize = differences.sum();
        assert!((850..1150).contains(&n_differences), "{n_differences}");
    }

    #[test]
    fn a_mutation_reaches_every_other_value_and_never_stays() {
        let domain = &ordinal("a", &[1, 2, 3, 4, 5, 6]).domain;
        let mut rng = stream(0, Purpose::Propose, 0);
        let drawn = (0..500).map(|_| mutated(domain, &Value::Int(3), &mut rng));
        let found: BTreeSet<Value> = drawn.collect();
        assert_eq!(found, [1, 2, 4, 5, 6].map(Value::Int).into());
        // More than half of them stay near.
        let near = (0..500).filter(|_| {
            let value = mutated(domain, &Value::Int(3), &mut rng);
            value == Value::Int(2) || value == Value::Int(4)
        });
        assert!(near.count() > 250);
    }

    #[test]
    fn the_only_point_of_a_space_stays_as_it_is() {
        let space = Space::new(vec![ordinal("a", &[1])]).expect("well-formed");
        let mut rng = stream(0, Purpose::Propose, 0);
        let point = space.sample(&mut rng);
        assert_eq!(mutate_one(&space, &point, &mut rng), point);
        assert_eq!(cross(&space, [&point, &point], &mut rng), point);
    }
}
