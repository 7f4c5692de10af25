use std::collections::{BTreeMap, BTreeSet};

use firebrick_core::Json;
use firebrick_core::objective::Direction;
use firebrick_core::registry::{Make, Registration};
use firebrick_core::space::{Condition, Domain, Parameter, Space};
use firebrick_core::strategy::{Strategy, StrategyError, Study};
use firebrick_core::testing::{check_strategy, check_strategy_without_repeats};
use firebrick_core::trial::{Outcome, Trial};
use firebrick_core::value::{Params, Value};
use serde_json::json;

/// Makes a strategy of this package by name, as the program does.
pub(crate) fn make(
    name: &str,
    settings: &Json,
    study: &Study,
) -> Result<Box<dyn Strategy>, StrategyError> {
    let items = Registration::of_package(env!("CARGO_PKG_NAME"));
    let item = items.iter().find(|item| item.names.contains(&name));
    match item.map(|item| &item.make) {
        Some(Make::Strategy(make)) => make(study, settings),
        _ => panic!("there is no strategy `{name}`"),
    }
}

pub(crate) fn study(space: Space, n_objectives: usize, seed: u64) -> Study {
    Study {
        space,
        directions: vec![Direction::Minimize; n_objectives],
        seed,
        n_trials: None,
    }
}

pub(crate) fn parameter(name: &str, domain: Domain) -> Parameter {
    Parameter {
        name: name.to_owned(),
        domain,
        condition: None,
    }
}

pub(crate) fn ordinal(name: &str, choices: &[i64]) -> Parameter {
    let choices = choices.iter().copied().map(Value::Int).collect();
    parameter(name, Domain::Ordinal { choices })
}

pub(crate) fn complete(number: u64, params: Params, values: Vec<f64>) -> Trial {
    Trial {
        number,
        params,
        outcome: Outcome::Complete { values },
        metrics: BTreeMap::new(),
        intermediate: Vec::new(),
    }
}

/// The seed's JSC search: 36 points.
fn jsc() -> Space {
    let widths = [1, 2, 4, 6, 8, 10];
    Space::new(vec![
        ordinal("seq_blocks_2", &widths),
        ordinal("seq_blocks_4", &widths),
    ])
    .expect("well-formed")
}

/// The seed's VGG7 search: 2 * 4^4 = 512 points.
fn vgg7() -> Space {
    let mut parameters = vec![ordinal("feature_layers_0", &[1, 2])];
    for node in [3, 7, 10, 14] {
        parameters.push(ordinal(&format!("feature_layers_{node}"), &[1, 2, 4, 8]));
    }
    Space::new(parameters).expect("well-formed")
}

/// VGG7 where the other widths exist only if the first is 2: 1 + 4^4 = 257 points.
fn conditional_vgg7() -> Space {
    let mut parameters: Vec<Parameter> = vgg7().parameters().to_vec();
    for parameter in &mut parameters[1..] {
        parameter.condition = Some(Condition {
            parameter: "feature_layers_0".to_owned(),
            values: vec![Value::Int(2)],
        });
    }
    Space::new(parameters).expect("well-formed")
}

/// Asks one trial after the other, and tells each, until there is nothing left or `n` are done.
fn proposals(strategy: &mut dyn Strategy, n: u64) -> Vec<Params> {
    let mut all = Vec::new();
    for number in 0..n {
        let Some(params) = strategy.ask(&[number]).expect("asks").pop() else {
            break;
        };
        all.push(params.clone());
        let value = (number * 7919 % 101) as f64;
        strategy
            .tell(&[complete(number, params, vec![value])])
            .expect("tells");
    }
    all
}

#[track_caller]
fn check_visits_each_point_once(name: &str, space: &Space, size: usize) {
    let mut strategy = make(name, &Json::Null, &study(space.clone(), 1, 0)).expect("made");
    let proposals = proposals(strategy.as_mut(), 1000);
    let distinct: BTreeSet<&Params> = proposals.iter().collect();
    assert_eq!((proposals.len(), distinct.len()), (size, size));
}

#[test]
fn every_strategy_keeps_the_contract() {
    let make =
        |name: &'static str, settings: Json| move |study: &Study| make(name, &settings, study);
    check_strategy_without_repeats(make("random", Json::Null));
    check_strategy_without_repeats(make("brute", Json::Null));
    check_strategy_without_repeats(make("tpe", Json::Null));
    check_strategy_without_repeats(make("tpe", json!({ "multivariate": false })));
    check_strategy_without_repeats(make("tpe", json!({ "n_startup_trials": 0 })));
    check_strategy(make("random", json!({ "unseen": false })));
}

#[test]
fn every_strategy_visits_each_point_of_the_seeds_spaces_once() {
    let all = Registration::of_package(env!("CARGO_PKG_NAME"));
    for name in all.iter().map(|item| item.names[0]) {
        check_visits_each_point_once(name, &jsc(), 36);
        if name != "cma_es" {
            check_visits_each_point_once(name, &conditional_vgg7(), 257);
        }
        check_visits_each_point_once(name, &vgg7(), 512);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (name, settings, part) in [
        (
            "random",
            json!({ "n": 1 }),
            "unknown field `n`, expected `unseen`",
        ),
        (
            "brute",
            json!({ "shuffle": true }),
            "unknown field `shuffle`",
        ),
        (
            "tpe",
            json!({ "n_startup": 1 }),
            "expected one of `n_startup_trials`",
        ),
        (
            "tpe",
            json!({ "n_ei_candidates": 0 }),
            "`n_ei_candidates`: invalid value: integer `0`, expected a nonzero",
        ),
        (
            "tpe",
            json!({ "n_ei_candidates": 1_000_000_000_000_u64 }),
            "`n_ei_candidates` is 1000000000000, expected at most 10000",
        ),
    ] {
        let Err(StrategyError::Settings(message)) = make(name, &settings, &study(jsc(), 1, 0))
        else {
            panic!("{name} takes {settings}");
        };
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn every_strategy_says_what_it_does() {
    let items = Registration::of_package(env!("CARGO_PKG_NAME"));
    let names: Vec<&str> = items.iter().map(|item| item.names[0]).collect();
    assert_eq!(
        names,
        [
            "brute",
            "cma_es",
            "grid",
            "nsga2",
            "nsga3",
            "qmc",
            "random",
            "regularized_evolution",
            "tpe"
        ]
    );
    for item in items {
        let manifest = item.manifest();
        assert!(
            manifest.docs.contains("# Source"),
            "{} names no source",
            manifest.name
        );
        assert!(manifest.summary().ends_with('.'), "{}", manifest.summary());
    }
}

#[test]
fn samplers_are_known_by_the_names_that_mase_has_for_them() {
    let names = ["random", "tpe", "nsgaii", "nsgaiii", "qmc"];
    for name in names.iter().chain(&["brute", "bruteforce", "brute-force"]) {
        // It panics on a name that is not there.
        assert!(
            make(name, &json!({}), &study(jsc(), 1, 0)).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn a_trial_of_another_space_is_refused() {
    let all = Registration::of_package(env!("CARGO_PKG_NAME"));
    for name in all.iter().map(|item| item.names[0]) {
        let mut strategy = make(name, &Json::Null, &study(jsc(), 1, 0)).expect("made");
        let params: Params = [("seq_blocks_2", 3)].into_iter().map(int).collect();
        let error = strategy
            .tell(&[complete(5, params, vec![0.0])])
            .expect_err("refused");
        assert_eq!(
            error.to_string(),
            "trial 5 is not of this space: parameter `seq_blocks_2` can't be `3`"
        );
    }
}

fn int((name, value): (&str, i64)) -> (String, Value) {
    (name.to_owned(), Value::Int(value))
}
