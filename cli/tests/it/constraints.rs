//! Limits that make a trial infeasible before it is trained, and brute force beyond them.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{Place, STUDY, shared};

/// The small study with limits.
fn limited(limits: &str) -> Place {
    let goal = "metrics.accuracy.direction = \"maximize\"\n";
    let (study, _) = STUDY.split_once("metrics.accuracy").unwrap();
    Place::with_study(&format!("{study}{goal}[search.constraints]\n{limits}\n"))
}

fn refused(limits: &str) -> String {
    let place = limited(limits);
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(
        place.list("out"),
        Vec::<String>::new(),
        "nothing is written"
    );
    run.refused().to_owned()
}

#[test]
fn what_is_above_a_limit_is_not_trained_and_says_so() {
    let place = limited("params_max = 1200\nmacs_min = 600");
    let args = [
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--strategy",
        "brute",
    ];
    let run = place.run(&[&args[..], &["--n-trials", "6"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    let mut reasons = Vec::new();
    for trial in log.as_object().unwrap().values() {
        let hardware = &trial["user_attrs_hardware_metrics"];
        let [params, macs] = ["params", "macs"].map(|name| hardware[name].as_u64().unwrap());
        let is_trained = params <= 1200 && macs >= 600;
        assert_eq!(trial["state"] == "COMPLETE", is_trained, "{trial}");
        assert_eq!(trial["engine"] == "mlp", is_trained, "{trial}");
        assert_eq!(trial["train_duration"] != 0, is_trained, "{trial}");
        // The part of the limit, to 10 decimals, and at the end of the entry.
        let [above, below] = [params as f64 / 1200.0 - 1.0, 1.0 - macs as f64 / 600.0];
        let violation = above.max(0.0) + below.max(0.0);
        let last = trial.as_object().unwrap().iter().next_back().unwrap();
        match trial.get("violation") {
            None => assert!(is_trained, "{trial}"),
            Some(found) => {
                let found = found.as_f64().unwrap();
                assert!(!is_trained && (found - violation).abs() < 1e-9, "{trial}");
                assert_eq!(last.0, "violation");
            }
        }
        reasons.extend(trial["reason"].as_str().map(str::to_owned));
    }
    reasons.sort();
    assert_snapshot!(reasons.join("\n"), @r"
    infeasible: macs 592 is below `macs_min` = 600
    infeasible: params 1717 is above `params_max` = 1200
    infeasible: params 1797 is above `params_max` = 1200
    infeasible: params 2581 is above `params_max` = 1200
    ");
    let count = "(4 infeasible)";
    assert!(run.stderr.contains(count), "{}", run.stderr);
    // A limit is a column of the table although it is no objective.
    assert!(run.stdout.contains("| params |"), "{}", run.stdout);
}

#[test]
fn limits_that_are_broken_together_add_up() {
    let place = limited("params_max = 1000\nmacs_max = 500");
    let args = ["search", "--config", "study.toml", "--out", "out"];
    let run = place.run(&[&args[..], &["--strategy", "brute", "--n-trials", "6"]].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let log = place.json("out/log.json");
    let trial = log
        .as_object()
        .unwrap()
        .values()
        .max_by_key(|trial| trial["user_attrs_hardware_metrics"]["params"].as_u64());
    let trial = trial.unwrap();
    assert_snapshot!(format!("{} {}", trial["reason"], trial["violation"]), @r#""infeasible: params 2581 is above `params_max` = 1000; macs 2464 is above `macs_max` = 500" 5.509"#);
}

#[test]
fn a_study_that_starts_infeasible_is_led_to_what_keeps_its_limits() {
    // 3 of 576 candidates keep the limit, and nothing but the violation says where they are.
    let widths: Vec<String> = (1..=24).map(|factor| factor.to_string()).collect();
    let widths = widths.join(", ");
    let place = limited("params_max = 1200");
    let study = place.read("study.toml");
    let study = study.replace("factor = [1, 2, 3]", &format!("factor = [{widths}]"));
    let study = study.replace("factor = [1, 2]", &format!("factor = [{widths}]"));
    place.write("study.toml", &study);
    let n_feasible = |strategy: &str| -> usize {
        let of_seed = |seed: &str| {
            let args = ["search", "--config", "study.toml", "--out", "out"];
            let more = ["--strategy", strategy, "--n-trials", "60", "--seed", seed];
            place.run(&[&args[..], &more].concat());
            let log = place.json("out/log.json");
            let states = log.as_object().unwrap().values();
            states.filter(|trial| trial["state"] == "COMPLETE").count()
        };
        ["1", "2", "3", "4"].into_iter().map(of_seed).sum()
    };
    // Four studies find all three of them.
    let [random, tpe] = ["random", "tpe"].map(n_feasible);
    assert_eq!([random, tpe], [3, 12]);
}

#[test]
fn a_limit_that_nothing_keeps_leaves_no_usable_trial() {
    let place = limited("params_max = 1");
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("trials done: 4 (4 infeasible), candidates left: 2")
    );
    assert!(
        run.stderr
            .contains("no trial is usable; `out/log.json` says why")
    );
    assert_eq!(place.json("out/best.json"), serde_json::json!({}));
}

#[test]
fn a_limit_on_what_nothing_measures_is_refused() {
    let refusals = [
        "parms_max = 1000",
        "accuracy_max = 0.5",
        "trainable_params_max = 1000",
        "latency_max = 3",
    ];
    assert_snapshot!(refusals.map(refused).join("\n"), @r"
    error: `search.constraints.parms_max`: unknown metric `parms` in `study.toml`, line 24

    hint: did you mean `params`?
    error: `search.constraints.accuracy_max`: `accuracy` is known only after training in `study.toml`, line 24

    hint: known: `average_bitwidth`, `memory_density`, `size_density`, `bops`, `bops_baskin`, `ebops`, `energy_compute_pj`, `energy_memory_pj`, `energy_pj`, `finn_cycles`, `finn_luts`, `flops`, `macs`, `params`, `trainable_params`, `roofline_compute_us`, `roofline_latency_us`, `roofline_memory_us`, `activation_bits`, `bias_bits`, `kernel_bits`, `peak_activation_bits`, `size_bits`, `weight_bits`
    error: `search.constraints.trainable_params_max`: nothing measures `trainable_params` in `study.toml`, line 24

    hint: `[search.strategy.hw_runner.params]` measures it
    error: `search.constraints.latency_max`: unknown metric `latency` in `study.toml`, line 24

    hint: known: `average_bitwidth`, `memory_density`, `size_density`, `bops`, `bops_baskin`, `ebops`, `energy_compute_pj`, `energy_memory_pj`, `energy_pj`, `finn_cycles`, `finn_luts`, `flops`, `macs`, `params`, `trainable_params`, `roofline_compute_us`, `roofline_latency_us`, `roofline_memory_us`, `activation_bits`, `bias_bits`, `kernel_bits`, `peak_activation_bits`, `size_bits`, `weight_bits`
    ");
}

#[test]
fn brute_force_takes_every_point_of_the_seed_once() {
    let Some(file) = shared("seed/vgg7_by_type.toml") else {
        return;
    };
    // The networks are too large to train here: all of them are measured and refused.
    let study = std::fs::read_to_string(file).unwrap().replace(
        "dataset = \"cifar10\"",
        "dataset = { name = \"shapes10\", n_rows = 100 }",
    );
    let place = Place::with_study(&format!("{study}\n[search.constraints]\nparams_max = 1\n"));
    let numbers_and_points = |more: &[&str]| {
        let args = [
            "search",
            "--config",
            "study.toml",
            "--accelerator",
            "cpu",
            "--out",
            "out",
        ];
        let run = place.run(&[&args[..], more].concat());
        let log = place.json("out/log.json");
        let mut trials: Vec<Value> = log.as_object().unwrap().values().cloned().collect();
        trials.sort_by_key(|trial| trial["number"].as_u64());
        let points: Vec<String> = trials
            .iter()
            .map(|trial| trial["params"].to_string())
            .collect();
        (points, run.stderr)
    };
    let (hundred, said) = numbers_and_points(&[]);
    assert!(
        said.contains("trials done: 100 (100 infeasible), candidates left: 412"),
        "{said}"
    );
    assert_eq!(hundred.iter().collect::<BTreeSet<_>>().len(), 100);
    let (all, said) = numbers_and_points(&["--n-trials", "1000"]);
    assert!(
        said.contains("the space is exhausted after 512 trials"),
        "{said}"
    );
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 512);
    assert_eq!(all[..100], hundred, "the seed decides the order");
}
