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

/// A parameter that exists where `a` is 2.
fn below_a(parameter: Parameter) -> Parameter {
    let condition = Condition {
        parameter: "a".to_owned(),
        values: vec![Value::Int(2)],
    };
    Parameter {
        condition: Some(condition),
        ..parameter
    }
}

/// Says which strategies take a space, for one, two and four objectives, and how the others refuse
/// it.
fn who_takes(parameters: Vec<Parameter>) -> String {
    let space = Space::new(parameters).expect("well-formed");
    let items = Registration::of_package(env!("CARGO_PKG_NAME"));
    let mut takers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in items.iter().map(|item| item.names[0]) {
        let answers = [1, 2, 4].map(|n_objectives| {
            let study = study(space.clone(), n_objectives, 0);
            match make(name, &Json::Null, &study) {
                Err(error) => error.to_string(),
                Ok(mut strategy) => {
                    let size = space.size().unwrap_or(u128::MAX).min(30) as u64;
                    for number in 0..size {
                        let params = strategy.ask(&[number]).expect("asks").pop();
                        let params = params.expect("not exhausted yet");
                        assert_eq!(space.canonical(&params), Ok(params.clone()), "{name}");
                        let values =
                            (0..n_objectives).map(|n| (number * (n as u64 + 1) % 7) as f64);
                        let trial = complete(number, params, values.collect());
                        strategy.tell(&[trial]).expect("tells");
                    }
                    "takes it".to_owned()
                }
            }
        });
        let answer = match answers {
            [one, two, four] if one == two && two == four => one,
            [one, two, four] => format!("1: {one} / 2: {two} / 4: {four}"),
        };
        takers.entry(answer).or_default().push(name);
    }
    let lines = takers
        .iter()
        .map(|(answer, names)| format!("{}: {answer}", names.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_strategy_takes_a_space_or_refuses_it_by_name() {
    let float = |log| Domain::Float {
        low: 0.01,
        high: 1.0,
        step: None,
        log,
    };
    let ten: Vec<i64> = (0..10).collect();
    let log_int = Domain::Int {
        low: 1,
        high: 1000,
        step: 1,
        log: true,
    };
    let choices = ["x", "y", "z"].map(Value::from).to_vec();
    let a = || ordinal("a", &[1, 2, 3]);
    insta::assert_snapshot!(who_takes(vec![a(), parameter("rate", float(false))]), @r"
    cma_es: 1: takes it / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid: parameter `rate` is continuous: trying every point needs a `step`
    nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    insta::assert_snapshot!(who_takes(vec![a(), below_a(ordinal("b", &[1, 2]))]), @r"
    cma_es: 1: parameter `b` exists only under a condition, where there is nothing to learn for the others / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    insta::assert_snapshot!(who_takes(vec![a(), below_a(parameter("b", float(true)))]), @r"
    cma_es: 1: parameter `b` exists only under a condition, where there is nothing to learn for the others / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid: parameter `b` is continuous: trying every point needs a `step`
    nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    insta::assert_snapshot!(who_takes(vec![parameter("n", log_int)]), @r"
    cma_es: 1: takes it / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    insta::assert_snapshot!(who_takes(vec![parameter("c", Domain::Categorical { choices })]), @r"
    cma_es: 1: parameter `c` has choices without an order / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    insta::assert_snapshot!(who_takes(vec![ordinal("only", &[7])]), @r"
    cma_es: 1: takes it / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    let names: Vec<String> = (0..12).map(|n| format!("p{n}")).collect();
    let trillion = names.iter().map(|name| ordinal(name, &ten));
    insta::assert_snapshot!(who_takes(trillion.collect()), @r"
    cma_es: 1: takes it / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    brute grid nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    ");
    let names: Vec<String> = (0..130).map(|n| format!("p{n}")).collect();
    let uncountable = names.iter().map(|name| ordinal(name, &[0, 1]));
    insta::assert_snapshot!(who_takes(uncountable.collect()), @r"
    cma_es: 1: takes it / 2: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them / 4: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them
    nsga2 nsga3 qmc random regularized_evolution tpe: takes it
    brute grid: the space has more than 2^128 points
    ");
}

/// Tells a strategy the best point of all, which is someone else's, and returns how many of its next
/// 99 proposals are at most four steps away from it, those in all parameters together.
fn n_near_the_best(name: &str) -> usize {
    let choices: Vec<i64> = (0..12).collect();
    let names = ["a", "b", "c", "d"];
    let space = Space::new(names.map(|name| ordinal(name, &choices)).to_vec());
    let study = Study {
        n_trials: Some(100),
        ..study(space.expect("well-formed"), 1, 3)
    };
    let mut strategy = make(name, &Json::Null, &study).expect("made");
    let best: Params = names.map(|name| (name, 9_i64)).into_iter().collect();
    let far = |params: &Params| -> f64 {
        let values = params.iter().filter_map(|(_, value)| value.as_f64());
        values.map(|value| (value - 9.0).abs()).sum()
    };
    strategy
        .tell(&[complete(0, best, vec![0.0])])
        .expect("tells");
    let mut n_near = 0;
    for number in 1..100 {
        let params = strategy.ask(&[number]).expect("asks").remove(0);
        let distance = far(&params);
        n_near += usize::from(distance <= 4.0);
        // Nothing but that point is any good, and what is nearer is no better.
        let value = 100.0 + (number % 10) as f64;
        strategy
            .tell(&[complete(number, params, vec![value])])
            .expect("tells");
    }
    n_near
}

#[test]
fn strategies_that_learn_go_on_from_a_point_of_someone_else() {
    // By chance 14 in 1,000 are as near: of 99, more than 10 once in millions of times.
    assert!(n_near_the_best("random") <= 10);
    for name in ["tpe", "nsga2", "nsga3"] {
        let n_near = n_near_the_best(name);
        assert!(n_near > 10, "{name}: {n_near}");
    }
}

#[test]
fn evolution_breeds_from_a_point_of_someone_else_as_long_as_it_lives() {
    let settings = json!({ "population_size": 4, "sample_size": 4 });
    let mut strategy = make("evolution", &settings, &study(vgg7(), 1, 0)).expect("made");
    let parent = vgg7().point(77).expect("there is one");
    strategy
        .tell(&[complete(0, parent.clone(), vec![0.0])])
        .expect("tells");
    for number in 1..4 {
        let params = strategy.ask(&[number]).expect("asks").remove(0);
        strategy
            .tell(&[complete(number, params, vec![9.0])])
            .expect("tells");
    }
    for child in strategy.ask(&[4, 5, 6]).expect("asks") {
        let differs = |(name, value): &(&str, &Value)| parent.get(name) != Some(*value);
        assert_eq!(child.iter().filter(differs).count(), 1);
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
