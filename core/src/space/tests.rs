use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::random::{Purpose, stream};

fn choices(values: &[i64]) -> Vec<Value> {
    values.iter().copied().map(Value::Int).collect()
}

fn ordinal(name: &str, values: &[i64]) -> Parameter {
    let domain = Domain::Ordinal {
        choices: choices(values),
    };
    Parameter {
        name: name.to_owned(),
        domain,
        condition: None,
    }
}

fn when(parameter: Parameter, on: &str, values: &[i64]) -> Parameter {
    let condition = Condition {
        parameter: on.to_owned(),
        values: choices(values),
    };
    Parameter {
        condition: Some(condition),
        ..parameter
    }
}

fn conditional() -> Space {
    Space::new(vec![
        ordinal("a", &[1, 2, 3]),
        when(ordinal("b", &[1, 2, 3, 4]), "a", &[2, 3]),
        when(ordinal("c", &[7, 8]), "b", &[4]),
        ordinal("d", &[0, 1]),
    ])
    .unwrap()
}

#[test]
fn counts_the_points_of_the_seed() {
    let space = Space::new(vec![
        ordinal(
            "seq_blocks_2/channel_multiplier/channel_multiplier",
            &[1, 2, 4, 6, 8, 10],
        ),
        ordinal(
            "seq_blocks_4/channel_multiplier/channel_multiplier",
            &[1, 2, 4, 6, 8, 10],
        ),
    ]);
    assert_eq!(space.unwrap().size(), Some(36));
}

#[test]
fn counts_conditional_points() {
    // a=1: 1 way; a=2 and a=3: b in 1..=3 (3 ways) or b=4 with 2 ways of c; times 2 ways of d.
    assert_eq!(conditional().size(), Some((1 + 2 * (3 + 2)) * 2));
}

#[test]
fn a_wide_parameter_with_conditions_is_counted_at_once() {
    let wide = Parameter {
        name: "n".to_owned(),
        domain: Domain::Int {
            low: 0,
            high: 1 << 60,
            step: 1,
            log: false,
        },
        condition: None,
    };
    let space = Space::new(vec![wide, when(ordinal("a", &[1, 2, 3]), "n", &[5, 7])]).unwrap();
    assert_eq!(space.size(), Some((1 << 60) + 1 + 2 * 2));
    let point = |index: u128| space.point(index).unwrap().to_string();
    let points = [0, 4, 5, 7, 8, 9, 11, 12].map(point);
    let expected = [
        "n=0", "n=4", "a=1, n=5", "a=3, n=5", "n=6", "a=1, n=7", "a=3, n=7", "n=8",
    ];
    assert_eq!(points, expected);
    assert_eq!(point((1 << 60) + 4), "n=1152921504606846976");
}

#[test]
fn a_continuous_space_has_no_size() {
    let domain = Domain::Float {
        low: 0.0,
        high: 1.0,
        step: None,
        log: false,
    };
    let parameter = Parameter {
        name: "x".into(),
        domain,
        condition: None,
    };
    let space = Space::new(vec![parameter]).unwrap();
    assert_eq!(space.size(), None);
    assert_eq!(space.point(0), None);
}

#[test]
fn every_index_is_another_canonical_point() {
    let space = conditional();
    let points: BTreeSet<Params> = (0..22).map(|idx| space.point(idx).unwrap()).collect();
    assert_eq!(points.len(), 22);
    for point in &points {
        assert_eq!(&space.canonical(point).unwrap(), point);
    }
    assert_eq!(space.point(22), None);
}

#[test]
fn canonical_fills_defaults_and_removes_what_does_not_exist() {
    let space = conditional();
    let params: Params = [("a", 1_i64), ("b", 4), ("c", 8)].into_iter().collect();
    assert_eq!(space.canonical(&params).unwrap().to_string(), "a=1, d=0");
    let params: Params = [("a", 2_i64)].into_iter().collect();
    assert_eq!(
        space.canonical(&params).unwrap().to_string(),
        "a=2, b=1, d=0"
    );
}

#[test]
fn names_what_does_not_belong() {
    let space = conditional();
    let error = |name: &str, value: Value| {
        let params: Params = [(name, value)].into_iter().collect();
        space.canonical(&params).unwrap_err().to_string()
    };
    assert_eq!(error("a", 9.into()), "parameter `a` can't be `9`");
    // A number and a text that looks like one are told apart.
    assert_eq!(error("a", 9.0.into()), "parameter `a` can't be `9.0`");
    assert_eq!(error("a", "1".into()), "parameter `a` can't be `\"1\"`");
    assert_eq!(
        error("z", 1.into()),
        "there is no parameter `z` in the space"
    );
}

#[test]
fn a_number_is_spelled_as_its_choice() {
    let choices = [1.into(), 2.5.into(), "3".into(), Value::Bool(true)].to_vec();
    let domain = Domain::Categorical { choices };
    assert_eq!(domain.canonical(&1.0.into()), Some(1.into()));
    assert_eq!(domain.canonical(&2.5.into()), Some(2.5.into()));
    for stranger in [3.into(), "1".into(), f64::NAN.into(), Value::Null] {
        assert_eq!(domain.canonical(&stranger), None, "{stranger}");
    }
    // What is there as it is said is taken as it is said.
    let choices = [1.into(), 1.0.into()].to_vec();
    let both = Domain::Ordinal { choices };
    assert_eq!(both.canonical(&1.0.into()), Some(1.0.into()));
}

#[test]
fn refuses_spaces_that_are_not_well_formed() {
    let error = |parameters| Space::new(parameters).unwrap_err().to_string();
    assert_eq!(
        error(vec![ordinal("a", &[])]),
        "parameter `a`: has no choices"
    );
    assert_eq!(
        error(vec![ordinal("a", &[1, 1])]),
        "parameter `a`: has the choice `1` twice"
    );
    assert_eq!(
        error(vec![ordinal("a", &[1]), ordinal("a", &[1])]),
        "parameter `a`: comes twice"
    );
    assert_eq!(
        error(vec![when(ordinal("a", &[1]), "b", &[1])]),
        "parameter `a`: depends on `b`, which is not earlier"
    );
    assert_eq!(
        error(vec![
            ordinal("b", &[1]),
            when(ordinal("a", &[1]), "b", &[2])
        ]),
        "parameter `a`: depends on `b` being `2`, which it can't be"
    );
}

#[test]
fn steps_reach_the_end_of_a_float_range() {
    let domain = Domain::Float {
        low: 0.1,
        high: 0.7,
        step: Some(0.1),
        log: false,
    };
    assert_eq!(domain.size(), Some(7));
    assert!(domain.contains(&Value::Float(0.3)));
    assert!(!domain.contains(&Value::Float(0.35)));
}

#[test]
fn a_condition_means_the_value_of_the_grid() {
    let grid = Parameter {
        name: "rate".to_owned(),
        domain: Domain::Float {
            low: 0.0,
            high: 0.5,
            step: Some(0.1),
            log: false,
        },
        condition: None,
    };
    let condition = Condition {
        parameter: "rate".to_owned(),
        values: vec![Value::Float(0.3)],
    };
    let child = Parameter {
        condition: Some(condition),
        ..ordinal("a", &[1, 2])
    };
    let space = Space::new(vec![grid, child]).unwrap();
    assert_eq!(space.size(), Some(5 + 2));
    let params: Params = [("rate", 0.3)].into_iter().collect();
    assert_eq!(space.canonical(&params).unwrap().len(), 2);
}

#[test]
fn no_value_of_a_grid_is_above_its_end() {
    let domain = Domain::Float {
        low: 0.0,
        high: 0.3,
        step: Some(0.1),
        log: false,
    };
    assert_eq!(domain.value(3), Value::Float(0.3));
    assert_eq!(domain.index(&Value::Float(0.3)), Some(3));
}

fn any_domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        prop::collection::btree_set(-5..5_i64, 1..5).prop_map(|set| Domain::Categorical {
            choices: set.into_iter().map(Value::Int).collect()
        }),
        (-3..3_i64, 0..9_i64, 1..4_u64).prop_map(|(low, range, step)| Domain::Int {
            low,
            high: low + range,
            step,
            log: false
        }),
        (1..4_i64).prop_map(|n| Domain::Float {
            low: 0.0,
            high: n as f64 * 0.25,
            step: Some(0.25),
            log: false
        }),
    ]
}

proptest! {
    #[test]
    fn indices_and_values_of_a_domain_are_inverse(domain in any_domain()) {
        for idx in 0..domain.size().unwrap() {
            prop_assert_eq!(domain.index(&domain.value(idx)), Some(idx));
        }
    }

    #[test]
    fn samples_are_canonical(domains in prop::collection::vec(any_domain(), 1..5), seed: u64) {
        let mut parameters = Vec::new();
        for (idx, domain) in domains.into_iter().enumerate() {
            let condition = (idx % 2 == 1).then(|| {
                let on: &Parameter = &parameters[idx - 1];
                Condition { parameter: on.name.clone(), values: vec![on.domain.value(0)] }
            });
            parameters.push(Parameter { name: format!("p{idx}"), domain, condition });
        }
        let space = Space::new(parameters).unwrap();
        let sampled = space.sample(&mut stream(seed, Purpose::Propose, 0));
        prop_assert_eq!(&space.canonical(&sampled).unwrap(), &sampled);
        let size = space.size().unwrap();
        prop_assert!((0..size).any(|idx| space.point(idx).as_ref() == Some(&sampled)));
    }
}

#[test]
fn fine_grids_know_their_values() {
    for (low, step) in [(0.0, 1e-14), (-1.0, 1e-14), (0.1, 3e-13), (1e6, 1e-8)] {
        let domain = Domain::Float {
            low,
            high: low + 0.9,
            step: Some(step),
            log: false,
        };
        assert_eq!(domain.check(), Ok(()));
        let size = domain.size().expect("finite");
        for idx in [0, 1, size / 3, size / 2, size - 1] {
            assert_eq!(domain.index(&domain.value(idx)), Some(idx), "{low} {step}");
        }
        assert_eq!(domain.index(&Value::Float(low - step)), None);
    }
}
