//! Trials that are stopped early.

use serde_json::Value;

use super::support::{Place, Run};

/// A search over twelve points, three of them asked for at a time.
fn study(pruner: &str, metrics: &str) -> String {
    format!(
        "
model = \"jsc-three-linear\"
batch_size = 256
max_epochs = 6
learning_rate = 0.01
dataset = {{ name = \"jets-sim\", n_rows = 1000 }}
[search.search_space.seed]
seq_blocks_2.channel_multiplier.factor = [0.25, 1, 2, 3]
seq_blocks_4.channel_multiplier.factor = [0.25, 1, 2]
[search.strategy]
name = \"brute\"
setup.n_trials = 12
setup.population = 3
pruner = {pruner}
[search.strategy.metrics]
{metrics}
"
    )
}

const MEDIAN: &str = "{ name = \"median\", n_startup_trials = 2 }";
const ASHA: &str = "{ name = \"asha\", reduction_factor = 2 }";
const HYPERBAND: &str = "{ name = \"hyperband\", reduction_factor = 2 }";
const WILCOXON: &str = "{ name = \"wilcoxon\" }";
const ALL: [&str; 4] = [MEDIAN, ASHA, HYPERBAND, WILCOXON];
const ACCURACY: &str = "accuracy.direction = \"maximize\"";
const BOTH: &str = "accuracy.direction = \"maximize\"\nparams.direction = \"minimize\"";

fn search(study: &str, more: &[&str]) -> (Place, Run) {
    let place = Place::with_study(study);
    let args = ["search", "--config", "study.toml", "--out", "out"];
    let run = place.run(&[&args[..], more].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    (place, run)
}

fn trials(place: &Place) -> Vec<Value> {
    let log = place.json("out/log.json");
    let mut trials: Vec<Value> = log.as_object().unwrap().values().cloned().collect();
    trials.sort_by_key(|trial| trial["number"].as_u64());
    trials
}

fn is_pruned(trial: &&Value) -> bool {
    trial["state"] == "PRUNED"
}

#[test]
fn a_trial_that_is_stopped_says_when_and_how_good_it_was() {
    let (place, run) = search(&study(MEDIAN, ACCURACY), &[]);
    let trials = trials(&place);
    let pruned: Vec<&Value> = trials.iter().filter(is_pruned).collect();
    assert!(!pruned.is_empty());
    for trial in &pruned {
        let reason = trial["reason"].as_str().unwrap();
        let rest = reason.strip_prefix("stopped after epoch ").unwrap();
        let (epoch, accuracy) = rest.split_once(" at accuracy ").unwrap();
        assert!((1..6).contains(&epoch.parse::<u32>().unwrap()), "{reason}");
        assert!(
            (0.0..1.0).contains(&accuracy.parse::<f64>().unwrap()),
            "{reason}"
        );
        assert_eq!(trial["value"], Value::Null);
        assert_eq!(trial["engine"], "mlp");
        let line = format!("trial {}: {reason}", trial["number"]);
        assert!(run.stderr.contains(&line), "{}", run.stderr);
    }
    let count = format!("trials done: 12 ({} stopped early)", pruned.len());
    assert!(run.stderr.contains(&count), "{}", run.stderr);
}

#[test]
fn the_number_of_jobs_changes_no_decision() {
    let by_both = |pruner| [(pruner, ACCURACY), (pruner, BOTH)];
    for (pruner, metrics) in ALL.into_iter().flat_map(by_both) {
        let decided = |n_jobs: &str| {
            let (place, _) = search(&study(pruner, metrics), &["--n-jobs", n_jobs]);
            let trials = trials(&place);
            assert!(
                trials.iter().any(|trial| is_pruned(&trial)),
                "{pruner} {metrics}"
            );
            let decisions = trials.into_iter().map(|trial| {
                let keys = ["params", "state", "reason", "user_attrs_software_metrics"];
                keys.map(|key| trial[key].clone())
            });
            decisions.collect::<Vec<_>>()
        };
        let alone = decided("1");
        assert_eq!(decided("2"), alone, "{pruner} {metrics}");
        assert_eq!(decided("3"), alone, "{pruner} {metrics}");
    }
}

#[test]
fn a_trial_that_goes_on_is_what_it_would_be_without_pruner() {
    let (place, _) = search(&study("{ name = \"none\" }", ACCURACY), &[]);
    let all = trials(&place);
    assert!(all.iter().all(|trial| trial["state"] == "COMPLETE"));
    for pruner in ALL {
        let (place, _) = search(&study(pruner, ACCURACY), &[]);
        let some = trials(&place);
        for (with, without) in some.iter().zip(&all).filter(|(with, _)| !is_pruned(with)) {
            assert_eq!(with["params"], without["params"]);
            assert_eq!(with["value"], without["value"]);
        }
    }
}

#[test]
fn the_front_holds_no_stopped_and_no_dominated_trial() {
    for pruner in ALL {
        let (place, _) = search(&study(pruner, BOTH), &[]);
        let trials = trials(&place);
        let best = place.json("out/best.json");
        let front = best.as_object().unwrap().values();
        for entry in front {
            let trial = &trials[entry["number"].as_u64().unwrap() as usize];
            assert_eq!(trial["state"], "COMPLETE");
            let [accuracy, params] = [&entry["value"][0], &entry["value"][1]].map(number);
            for other in trials.iter().filter(|trial| trial["state"] == "COMPLETE") {
                let [a, p] = [&other["values_0"], &other["values_1"]].map(number);
                let dominates = a >= accuracy && p <= params && (a, p) != (accuracy, params);
                assert!(!dominates, "{other} dominates {entry}");
            }
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn a_network_that_nothing_beats_at_its_cost_is_never_stopped() {
    for pruner in ALL {
        let (place, _) = search(&study(pruner, BOTH), &[]);
        let trials = trials(&place);
        let params =
            |trial: &&Value| number(&trial["user_attrs_hardware_metrics"]["params"]) as u64;
        let smallest = trials.iter().min_by_key(params).unwrap();
        assert_eq!(smallest["state"], "COMPLETE", "{pruner}");
    }
}

#[test]
fn a_study_that_was_written_back_stops_the_same_trials() {
    for pruner in [
        "{ name = \"hyperband\", min_epochs = 2, reduction_factor = 2 }",
        "{ name = \"wilcoxon\", p_threshold = 0.3, n_startup_epochs = 3 }",
    ] {
        let (place, _) = search(&study(pruner, ACCURACY), &[]);
        let run = place.run(&["search", "--config", "out/config.toml", "--out", "again"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let states = |log: &str| {
            let log = place.json(log);
            let trials = log.as_object().unwrap().values();
            let states = trials.map(|trial| (trial["number"].clone(), trial["reason"].clone()));
            states.collect::<Vec<_>>()
        };
        let first = states("out/log.json");
        assert!(
            first.iter().any(|(_, reason)| !reason.is_null()),
            "{pruner}"
        );
        assert_eq!(states("again/log.json"), first, "{pruner}");
    }
}
