//! `search`: what it leaves, whatever happens.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::support::{Place, STUDY, shared};

fn search(place: &Place, more: &[&str]) -> super::support::Run {
    let mut args = vec!["search", "--config", "study.toml", "--out", "out"];
    args.extend(more);
    place.run(&args)
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn leaves_the_front_the_log_the_study_and_checkpoints() {
    let place = Place::with_study(STUDY);
    let run = search(&place, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        place.list("out"),
        ["best.json", "checkpoints", "config.toml", "log.json"]
    );
    let best = place.json("out/best.json");
    let log = place.json("out/log.json");
    assert_eq!(log.as_object().unwrap().len(), 4);
    for entry in best.as_object().unwrap().values() {
        let checkpoint = format!("out/checkpoints/trial_{}.safetensors", entry["number"]);
        assert!(place.path(&checkpoint).is_file(), "{checkpoint}");
        assert!(entry["test_metrics"]["accuracy"].is_number());
        assert_eq!(entry["simulated_data"], true);
    }
    assert_eq!(
        place.list("out/checkpoints").len(),
        best.as_object().unwrap().len()
    );
    assert!(
        run.stdout.starts_with("Best trial(s):\n| number |"),
        "{}",
        run.stdout
    );
}

#[test]
fn the_front_has_no_dominated_trial() {
    let place = Place::with_study(STUDY);
    search(&place, &["--strategy", "brute", "--n-trials", "6"]);
    let value = |entry: &Value| {
        let value = |idx: usize| entry["value"][idx].as_f64().unwrap();
        (value(0), value(1))
    };
    let best = place.json("out/best.json");
    let front: Vec<(f64, f64)> = best.as_object().unwrap().values().map(value).collect();
    let log = place.json("out/log.json");
    assert_eq!(log.as_object().unwrap().len(), 6);
    for trial in log.as_object().unwrap().values() {
        let (accuracy, params) = (
            trial["values_0"].as_f64().unwrap(),
            trial["values_1"].as_f64().unwrap(),
        );
        let dominates = |point: &(f64, f64)| {
            accuracy >= point.0 && params <= point.1 && (accuracy, params) != *point
        };
        assert!(
            !front.iter().any(dominates),
            "trial {} dominates the front",
            trial["number"]
        );
    }
}

#[test]
fn a_finite_space_is_never_evaluated_twice() {
    let place = Place::with_study(STUDY);
    for strategy in ["tpe", "random", "brute"] {
        let run = search(&place, &["--strategy", strategy, "--n-trials", "100"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(
            run.stderr.contains("the space is exhausted after 6 trials"),
            "{}",
            run.stderr
        );
        let log = place.json("out/log.json");
        let mut points: Vec<String> = log
            .as_object()
            .unwrap()
            .values()
            .map(|trial| trial["params"].to_string())
            .collect();
        points.sort();
        points.dedup();
        assert_eq!(points.len(), 6);
    }
}

/// Returns what a search found, without times.
fn found(place: &Place) -> Vec<(String, String, String)> {
    let log = place.json("out/log.json");
    let trials = log.as_object().unwrap().values();
    trials
        .map(|trial| {
            let metrics = trial["user_attrs_software_metrics"].to_string();
            (
                trial["number"].to_string(),
                trial["params"].to_string(),
                metrics,
            )
        })
        .collect()
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let place = Place::with_study(STUDY);
    search(&place, &["--n-jobs", "1"]);
    let alone = found(&place);
    search(&place, &["--n-jobs", "3"]);
    assert_eq!(found(&place), alone);
    let run = place.run(&["search", "--config", "out/config.toml", "--out", "again"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("again/log.json");
    assert_eq!(
        log["0"]["user_attrs_software_metrics"].to_string(),
        alone[0].2
    );
}

#[test]
fn networks_whose_loss_is_not_a_number_are_failed_trials() {
    let study = STUDY.replace("batch_size", "optimizer = \"sgd\"\nbatch_size");
    let place = Place::with_study(&study);
    let run = search(&place, &["--learning-rate", "1e30"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("trial 0: failed: "), "{}", run.stderr);
    assert_eq!(place.json("out/best.json"), serde_json::json!({}));
    assert_eq!(place.json("out/log.json")["3"]["state"], "FAIL");
}

#[test]
fn widths_that_can_not_be_built_are_infeasible() {
    let place = Place::with_study(&STUDY.replace("[1, 2, 3]", "[1, 99999999]"));
    let run = search(&place, &["--strategy", "brute", "--n-trials", "4"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    let reasons = log
        .as_object()
        .unwrap()
        .values()
        .filter_map(|trial| trial["reason"].as_str());
    let reasons: Vec<&str> = reasons.collect();
    assert_eq!(reasons.len(), 2);
    assert!(
        reasons
            .iter()
            .all(|reason| reason.starts_with("infeasible: ")),
        "{reasons:?}"
    );
}

#[test]
fn untrained_candidates_are_judged_with_a_warning() {
    let place = Place::with_study(STUDY);
    let run = search(&place, &["--no-train"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("warning: `--no-train`"),
        "{}",
        run.stderr
    );
    let accuracy = &place.json("out/log.json")["0"]["user_attrs_software_metrics"]["accuracy"];
    assert!(accuracy.as_f64().unwrap() < 0.5, "{accuracy}");
}

#[test]
fn the_time_limit_holds_inside_a_trial() {
    let place = Place::with_study(STUDY);
    let start = std::time::Instant::now();
    let run = search(&place, &["--max-epochs", "1000000", "--timeout", "1"]);
    assert!(start.elapsed().as_secs() < 30);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("time is over: no trial was finished"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_time_limit_holds_between_trials_of_one_epoch() {
    let study = STUDY
        .replace("n_rows = 1000", "n_rows = 200000")
        .replace("batch_size = 256", "batch_size = 2");
    let place = Place::with_study(&study);
    let run = search(
        &place,
        &["--max-epochs", "1", "--n-jobs", "1", "--timeout", "0.05"],
    );
    assert!(run.stderr.contains("time is over: "), "{}", run.stderr);
    // All four were asked for at once.
    let lines = run.stderr.lines();
    let n_trials = lines.filter(|line| line.starts_with("trial ")).count();
    assert!(n_trials < 4, "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_keeps_its_trials() {
    let place = Place::with_study(STUDY);
    // The trials after the first take long enough to be interrupted.
    let long = ["--max-epochs", "3000", "--n-trials", "6"];
    let mut args = vec!["search", "--config", "study.toml", "--out", "out"];
    args.extend(long);
    let mut child = place
        .command(&args)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines
        .find(|line| line.as_ref().unwrap().starts_with("trial "))
        .unwrap();
    assert!(first.unwrap().contains("accuracy"));
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{rest:?}");
    assert!(
        rest.iter().any(|line| line.starts_with("interrupted: ")),
        "{rest:?}"
    );
    assert!(!place.json("out/best.json").as_object().unwrap().is_empty());
    let told = 1 + rest
        .iter()
        .filter(|line| line.starts_with("trial "))
        .count();
    assert!(told < 6, "{rest:?}");
    assert_eq!(place.json("out/log.json").as_object().unwrap().len(), told);
}

#[cfg(unix)]
#[test]
fn a_killed_search_loses_what_was_in_flight_alone() {
    let place = Place::with_study(STUDY);
    let args = [
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--n-jobs",
        "1",
    ];
    let mut child = place
        .command(&[&args[..], &["--max-epochs", "3000"]].concat())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("trial 1: ")));
    child.kill().unwrap();
    child.wait().unwrap();
    // Trials 2 and 3 were asked for together with these two.
    assert_eq!(place.json("out/log.json").as_object().unwrap().len(), 2);
    assert!(!place.json("out/best.json").as_object().unwrap().is_empty());
    assert!(place.read("out/config.toml").contains("seed = "));
}

#[test]
fn an_objective_that_never_changes_is_named() {
    let place = Place::with_study(&STUDY.replace("metrics.params", "metrics.average_bitwidth"));
    let run = search(&place, &[]);
    let warning = "warning: objective `average_bitwidth` is 32 for all 6 points of the space";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}

#[test]
fn metrics_can_be_summed() {
    let study = STUDY.replace(
        "setup.n_trials = 4",
        "setup.n_trials = 4\nsetup.sum_scaled_metrics = true\nsetup.direction = \"maximize\"\n\
         metrics.params.scale = 0.001",
    );
    let place = Place::with_study(&study);
    let run = search(&place, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let trial = &place.json("out/log.json")["0"];
    let number = |value: &Value| value.as_f64().unwrap();
    let accuracy = number(&trial["user_attrs_software_metrics"]["accuracy"]);
    let params = number(&trial["user_attrs_hardware_metrics"]["params"]);
    // A metric to be minimised is subtracted from a sum to be maximised.
    assert!((number(&trial["value"]) - (accuracy - 0.001 * params)).abs() < 1e-9);
}

#[test]
fn the_study_of_the_seed_ends_in_its_own_schema() {
    let (Some(study), Some(best)) = (
        shared("seed/jsc-three_by_type_grid.toml"),
        shared("seed/jsc_best.json"),
    ) else {
        return;
    };
    let place = Place::new();
    place.write("study.toml", std::fs::read(study).unwrap());
    let run = search(
        &place,
        &[
            "--accelerator",
            "cpu",
            "--dataset",
            "jets-sim",
            "--max-epochs",
            "1",
        ],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let theirs: Value = serde_json::from_slice(&std::fs::read(best).unwrap()).unwrap();
    let ours = place.json("out/best.json");
    let (theirs, ours) = (&theirs["0"], &ours["0"]);
    assert!(keys(ours).starts_with(&keys(theirs)), "{:?}", keys(ours));
    for table in [
        "software_metrics",
        "hardware_metrics",
        "scaled_metrics",
        "sampled_config",
    ] {
        assert!(
            keys(&ours[table]).starts_with(&keys(&theirs[table])),
            "{table}"
        );
    }
    for node in keys(&theirs["sampled_config"]) {
        if let Some(config) = theirs["sampled_config"][node].get("config") {
            assert_eq!(
                keys(&ours["sampled_config"][node]["config"]),
                keys(config),
                "{node}"
            );
        }
    }
    assert_eq!(place.json("out/log.json").as_object().unwrap().len(), 36);
}

#[test]
fn a_table_of_real_jets_is_searched() {
    let Some(jets) = shared("data/jsc/jsc_openml_600.csv") else {
        return;
    };
    let study = STUDY.replace("name = \"jets-sim\"\nn_rows = 1000", "name = \"jsc\"");
    let place = Place::with_study(&study);
    let run = search(
        &place,
        &["--data", jets.to_str().unwrap(), "--max-epochs", "30"],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let best = place.json("out/best.json");
    assert_eq!(best["0"]["simulated_data"], false);
    let accuracy = best["0"]["software_metrics"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.5, "{accuracy}");
}

/// Runs a search that may write no file beyond some blocks of 512 bytes, as on a full disk.
#[cfg(unix)]
fn search_on_a_full_disk(place: &Place, n_blocks: u32) -> super::support::Run {
    let inner = place.command(&["search", "--config", "study.toml", "--out", "out"]);
    let limit = format!("trap '' XFSZ; ulimit -f {n_blocks}; exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &limit])
        .arg(inner.get_program())
        .args(inner.get_args());
    command.current_dir(place.path("."));
    for (key, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    let output = command.output().unwrap();
    super::support::Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_search_and_leaves_nothing_half_written() {
    // The jets of these tests are in the cache before the disk is full.
    search(&Place::with_study(STUDY), &[]);
    let place = Place::with_study(STUDY);
    let run = search_on_a_full_disk(&place, 1);
    insta::assert_snapshot!(run.refused().split("error: ").nth(1).unwrap(), @r"
    can't write `out/config.toml`
      caused by: File too large (os error 27)

    hint: make room on the disk, or choose another folder
    ");
    assert_eq!(place.list("out"), Vec::<String>::new());

    // Room for the study, not for the first networks.
    let place = Place::with_study(STUDY);
    let run = search_on_a_full_disk(&place, 6);
    let error = run.refused().split("error: ").nth(1).unwrap();
    assert!(error.starts_with("can't write `out/"), "{error}");
    assert!(error.contains("hint: make room on the disk"), "{error}");
    let left = [place.list("out"), place.list("out/checkpoints")].concat();
    assert!(
        !left.iter().any(|name| name.starts_with(".firebrick")),
        "{left:?}"
    );
    assert!(
        place
            .read("out/config.toml")
            .contains("[search.strategy.metrics.params]")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_can_not_be_written_is_refused_before_anything_is_trained() {
    let place = Place::with_study(STUDY);
    let run = place.run(&[
        "search",
        "--config",
        "study.toml",
        "--out",
        "/sys/firebrick",
    ]);
    let error = run.refused();
    assert!(
        error.contains("can't use `/sys/firebrick` for results"),
        "{error}"
    );
    assert!(
        error.contains("hint: choose a folder that you may write"),
        "{error}"
    );
    assert!(!error.contains("trial 0"), "{error}");
}
