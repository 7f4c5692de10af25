//! Metrics of untrained candidates: as objectives, as constraints, and beside what they order.

use std::fs;

use serde_json::Value;

use super::support::{Place, Run, plugin_folder};

/// A search over six points.
fn study(search: &str, metrics: &str) -> String {
    format!(
        "
model = \"jsc-three-linear\"
batch_size = 256
max_epochs = 2
learning_rate = 0.01
dataset = {{ name = \"jets-sim\", n_rows = 1000 }}
{search}
[search.search_space.seed]
seq_blocks_2.channel_multiplier.factor = [0.25, 1, 3]
seq_blocks_4.channel_multiplier.factor = [0.25, 2]
[search.strategy]
name = \"brute\"
setup.n_trials = 6
setup.population = 3
[search.strategy.metrics]
accuracy.direction = \"maximize\"
{metrics}
"
    )
}

const SEARCH: [&str; 5] = ["search", "--config", "study.toml", "--out", "out"];

fn search(study: &str, more: &[&str]) -> (Place, Run) {
    let place = Place::with_study(study);
    let run = place.run(&[&SEARCH, more].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    (place, run)
}

fn trials(place: &Place) -> Vec<Value> {
    let log = place.json("out/log.json");
    let mut trials: Vec<Value> = log.as_object().unwrap().values().cloned().collect();
    trials.sort_by_key(|trial| trial["number"].as_u64());
    trials
}

fn hardware(trial: &Value, metric: &str) -> f64 {
    let value = &trial["user_attrs_hardware_metrics"][metric];
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{metric}: {trial}"))
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| line.starts_with(start))
        .collect()
}

#[test]
fn an_objective_that_needs_no_training_is_measured_beside_the_parameters() {
    let (place, run) = search(&study("", "synflow = {}"), &[]);
    let trials = trials(&place);
    assert_eq!(trials.len(), 6);
    for trial in &trials {
        assert_eq!(trial["state"], "COMPLETE");
        assert_eq!(trial["values_1"], hardware(trial, "synflow"));
        assert!(hardware(trial, "params") > 0.0);
        // What trains them has no such metric.
        assert_eq!(trial["engine"], "mlp");
    }
    // Layers of more channels carry more.
    let mut by_params: Vec<(f64, f64)> = trials
        .iter()
        .map(|trial| (hardware(trial, "params"), hardware(trial, "synflow")))
        .collect();
    by_params.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(by_params[5].1 > by_params[0].1, "{by_params:?}");
    let header = run.stdout.lines().nth(1).unwrap_or_default();
    assert!(header.contains("synflow"), "{header}");
    assert!(header.contains("params"), "{header}");
    let ends = lines(&run.stderr, "trial ");
    assert_eq!(ends.len(), 6, "{}", run.stderr);
    for end in ends {
        assert!(end.contains("params "), "{end}");
        assert!(end.contains("synflow "), "{end}");
    }
}

#[test]
fn metrics_that_are_asked_for_are_compared_with_the_parameters_at_the_end() {
    let asked = "search.zero_cost = [\"naswot\", \"grad_norm\", \"jacob_cov\"]";
    let (place, run) = search(&study(asked, ""), &[]);
    for trial in trials(&place) {
        assert!(trial["value"].is_number(), "accuracy alone: {trial}");
        for metric in ["naswot", "grad_norm", "jacob_cov", "params"] {
            assert!(hardware(&trial, metric).is_finite());
        }
        assert_eq!(trial["user_attrs_hardware_metrics"]["synflow"], Value::Null);
    }
    let compared = lines(&run.stderr, "rank correlation of ");
    let names: Vec<&str> = compared
        .iter()
        .filter_map(|line| line.split(' ').nth(3))
        .collect();
    assert_eq!(names, ["grad_norm", "jacob_cov", "naswot", "params"]);
    for line in compared {
        let (_, value) = line.split_once(" with accuracy over 6 trials: ").unwrap();
        let value = value.split(' ').next().unwrap_or_default();
        let value: f64 = value.parse().unwrap();
        assert!((-1.0..=1.0).contains(&value), "{line}");
    }
}

#[test]
fn scores_do_not_follow_the_number_of_jobs() {
    let study = study(
        "search.zero_cost = [\"jacob_cov\", \"naswot\"]",
        "synflow = {}",
    );
    let [one, three] = ["1", "3"].map(|n_jobs| {
        let (place, _) = search(&study, &["--n-jobs", n_jobs]);
        let of = |trial: &Value| {
            let metrics = &trial["user_attrs_hardware_metrics"];
            (trial["params"].clone(), metrics.clone())
        };
        trials(&place).iter().map(of).collect::<Vec<_>>()
    });
    assert_eq!(one, three);
}

#[test]
fn what_breaks_a_constraint_is_not_trained() {
    let (place, _) = search(&study("search.zero_cost = [\"synflow\"]", ""), &[]);
    let mut scores: Vec<f64> = trials(&place)
        .iter()
        .map(|trial| hardware(trial, "synflow"))
        .collect();
    scores.sort_by(f64::total_cmp);
    let limit = (scores[2] + scores[3]) / 2.0;

    let limited = study(&format!("search.constraints.synflow_min = {limit:?}"), "");
    let (place, run) = search(&limited, &[]);
    let trials = trials(&place);
    let (dropped, kept): (Vec<&Value>, Vec<&Value>) =
        trials.iter().partition(|trial| trial["state"] == "FAIL");
    assert_eq!((dropped.len(), kept.len()), (3, 3));
    for trial in dropped {
        let reason = trial["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with("infeasible: synflow "), "{trial}");
        assert!(reason.contains(" is below `synflow_min` = "), "{trial}");
        assert!(hardware(trial, "synflow") < limit);
        assert_eq!(trial["engine"], Value::Null, "it was not trained");
    }
    assert!(kept.iter().all(|trial| hardware(trial, "synflow") > limit));
    assert!(run.stderr.contains("over 3 trials"), "{}", run.stderr);
}

#[test]
fn a_search_with_scores_runs_again_from_its_config() {
    let (place, _) = search(
        &study("search.zero_cost = [\"naswot\"]", "synflow = {}"),
        &[],
    );
    let config = place.read("out/config.toml");
    let written = lines(&config, "zero_cost");
    assert_eq!(written, ["zero_cost = [\"synflow\", \"naswot\"]"]);
    place.write("study.toml", &config);
    let first = trials(&place);
    fs::remove_dir_all(place.path("out")).unwrap();
    let again = place.run(&SEARCH);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    for (first, again) in first.iter().zip(trials(&place)) {
        assert_eq!(first["values_1"], again["values_1"]);
    }
}

#[test]
fn a_metric_that_nobody_knows_is_refused_with_the_nearest() {
    let refused = |search: &str, metrics: &str| {
        let place = Place::with_study(&study(search, metrics));
        let run = place.run(&SEARCH);
        run.refused().to_owned()
    };
    insta::assert_snapshot!(refused("search.zero_cost = [\"synflaw\"]", ""), @r"
    error: `search.zero_cost` can't have `synflaw` in `study.toml`, line 7

    hint: did you mean `synflow`?
    ");
    insta::assert_snapshot!(refused("search.zero_cost = \"synflow\"", ""), @r#"error: `search.zero_cost` must be a list of names, such as `["synflow"]`, is `"synflow"` in `study.toml`, line 7"#);
    insta::assert_snapshot!(refused("search.constraints.nazwot_min = 3", ""), @r"
    error: `search.constraints.nazwot_min`: unknown metric `nazwot` in `study.toml`, line 7

    hint: did you mean `naswot`?
    ");
}

#[test]
fn an_engine_without_scores_is_refused_before_anything_is_trained() {
    let place = Place::with_study(&study("", "synflow = {}"));
    let run = place.run(&[&SEARCH[..], &["--engine", "mlp"]].concat());
    insta::assert_snapshot!(run.refused(), @r"
    error: no engine in use has zero-cost metrics of this network
      engine `mlp`: engine has no zero-cost metrics

    hint: `--engine burn` or `--engine auto`
    ");
    assert_eq!(place.list("out"), [""; 0]);
}

/// Who builds engines on demand reads the answer.
#[test]
fn a_dry_run_tells_that_no_engine_here_has_scores() {
    let place = Place::with_study(&study("", "synflow = {}"));
    fs::create_dir(place.path("plugins")).unwrap();
    for entry in fs::read_dir(plugin_folder()).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap();
        if !name.to_string_lossy().contains("engine_burn") {
            fs::copy(&file, place.path("plugins").join(name)).unwrap();
        }
    }
    let dry_run = ["--dry-run", "--format", "json"];
    let mut command = place.command(&[&SEARCH[..], &dry_run].concat());
    command.env("FIREBRICK_PLUGIN_PATH", place.path("plugins"));
    let output = command.output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["engine"], &told["engine_asked"]),
        (&"mlp".into(), &"auto".into())
    );
    let refused = told["refused"].as_str().unwrap();
    assert!(
        refused.contains("engine `mlp`: engine has no zero-cost metrics"),
        "{refused}"
    );

    let told = place.run(&[&SEARCH[..], &dry_run].concat());
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        told["refused"],
        Value::Null,
        "with the engine `burn` it can"
    );
}
