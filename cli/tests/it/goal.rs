//! What is wanted, from the study file to `best.json`: several metrics, or their sum.

use serde_json::Value;

use super::support::{Place, Run, STUDY};

/// A search through all 6 candidates.
fn search(setup: &str, metrics: &str) -> (Place, Run) {
    let study = STUDY
        .replace("name = \"tpe\"", "name = \"brute\"")
        .replace("n_trials = 4", &format!("n_trials = 6\n{setup}"))
        .replace("metrics.accuracy.direction = \"maximize\"\n", "")
        .replace("metrics.params.direction = \"minimize\"\n", metrics);
    let place = Place::with_study(&study);
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    (place, run)
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn trials(place: &Place) -> Vec<Value> {
    let log = place.json("out/log.json");
    (0..log.as_object().unwrap().len())
        .map(|number| log[number.to_string()].clone())
        .collect()
}

/// Returns the points on the front, in the order of `best.json`.
fn front(place: &Place) -> Vec<String> {
    let best = place.json("out/best.json");
    let entries = best.as_object().unwrap().values();
    entries.map(|entry| entry["params"].to_string()).collect()
}

#[test]
fn a_sum_is_one_value_in_the_schema_of_mase() {
    for (direction, is_better) in [
        ("maximize", f64::gt as fn(&f64, &f64) -> bool),
        ("minimize", f64::lt),
    ] {
        let setup = format!("setup.sum_scaled_metrics = true\nsetup.direction = \"{direction}\"\n");
        let (place, _) = search(
            &setup,
            "metrics.accuracy = { scale = 2.0, direction = \"maximize\" }\n\
             metrics.params = { scale = 0.001, direction = \"minimize\" }\n",
        );
        let sign = if direction == "maximize" { 1.0 } else { -1.0 };
        let trials = trials(&place);
        for trial in &trials {
            let accuracy = number(&trial["user_attrs_software_metrics"]["accuracy"]);
            let params = number(&trial["user_attrs_hardware_metrics"]["params"]);
            let value = number(&trial["value"]);
            let expected = sign * (2.0 * accuracy - 0.001 * params);
            assert!((value - expected).abs() < 1e-9, "{value}, {expected}");
            // As in MASE, it is the sum of what `scaled_metrics` lists.
            let scaled = trial["user_attrs_scaled_metrics"].as_object().unwrap();
            let sum: f64 = scaled.values().map(number).sum();
            assert!((value - sum).abs() < 1e-9, "{value}, {sum}");
            assert_eq!(trial.get("values_0"), None);
        }
        let best = place.json("out/best.json");
        let value = number(&best["0"]["value"]);
        let values = trials.iter().map(|trial| number(&trial["value"]));
        assert!(values.into_iter().all(|other| !is_better(&other, &value)));
        assert_eq!(best.as_object().unwrap().len(), 1);
    }
}

#[test]
fn a_metric_that_is_subtracted_is_said_before_the_search() {
    let (_, run) = search(
        "setup.sum_scaled_metrics = true\nsetup.direction = \"maximize\"\n",
        "metrics.accuracy.direction = \"maximize\"\n\
         metrics.params = { scale = 0.001, direction = \"minimize\" }\n",
    );
    let said = |part: &str| run.stderr.lines().find(|line| line.contains(part));
    insta::assert_snapshot!(said("note: ").unwrap(), @"note: `search.strategy.metrics.params.direction` in `study.toml`, line 26: the sum is to be maximized, so `params` counts with the scale -0.001; MASE would add it");
    insta::assert_snapshot!(said("searching").unwrap(), @"searching 6 candidates with `brute`, up to 6 trials, 4 asked at a time · maximize the sum of accuracy, -0.001 params");
}

#[test]
fn a_scale_below_0_turns_a_direction_round_and_leaves_the_front() {
    let (plain, _) = search(
        "",
        "metrics.accuracy.direction = \"maximize\"\nmetrics.params.direction = \"minimize\"\n",
    );
    let (turned, _) = search(
        "",
        "metrics.accuracy = { scale = -2.0, direction = \"minimize\" }\n\
         metrics.params = { scale = -1.0, direction = \"maximize\" }\n",
    );
    assert_eq!(front(&turned), front(&plain));
    for (trial, other) in trials(&turned).iter().zip(trials(&plain)) {
        // MASE's order of values: that of the names.
        let accuracy = number(&other["values_0"]);
        assert!((number(&trial["values_0"]) + 2.0 * accuracy).abs() < 1e-9);
        assert_eq!(number(&trial["values_1"]), -number(&other["values_1"]));
        assert_eq!(
            trial["user_attrs_scaled_metrics"]["params"],
            trial["values_1"]
        );
    }
    let value = &turned.json("out/best.json")["0"]["value"];
    assert_eq!(value.as_array().map(Vec::len), Some(2), "{value}");
}

#[test]
fn one_metric_alone_is_one_value() {
    let sum = "setup.sum_scaled_metrics = true\nsetup.direction = \"minimize\"\n";
    for setup in ["", sum] {
        let (place, _) = search(
            setup,
            "metrics.params = { scale = 0.5, direction = \"minimize\" }\n",
        );
        let best = &place.json("out/best.json")["0"];
        let params = number(&best["hardware_metrics"]["params"]);
        assert_eq!(number(&best["value"]), 0.5 * params);
        let sizes = trials(&place)
            .into_iter()
            .map(|trial| number(&trial["value"]));
        assert_eq!(sizes.fold(f64::INFINITY, f64::min), 0.5 * params);
    }
}
