//! Number formats in training: chosen after epochs in float32 or after all of them, and stored.

use std::fs;
#[cfg(unix)]
use std::io::{BufRead, BufReader};
#[cfg(unix)]
use std::process::Stdio;

use serde_json::Value;

use super::support::Place;

/// A study that trains one network with formats.
fn study(top: &str) -> String {
    format!(
        "
model = {{ name = \"jsc-three-linear\", logits = true }}
batch_size = 256
max_epochs = 4
learning_rate = 0.01
dataset = {{ name = \"jets-sim\", n_rows = 4000 }}
{top}
[passes.quantize]
by = \"type\"
linear.format = \"int4\"
batch_norm.format = \"int8\"
"
    )
}

const TRAIN: [&str; 5] = ["train", "--config", "study.toml", "--out", "out"];
const CHECKPOINT: &str = "out/checkpoints/best.safetensors";

fn trained(top: &str) -> (Place, Value, String) {
    let place = Place::with_study(&study(top));
    let run = place.run(&[&TRAIN, &["--format", "json"][..]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let result = serde_json::from_str(&run.stdout).unwrap();
    (place, result, run.stderr)
}

/// Returns the network that a checkpoint's notes hold, as text.
fn network(place: &Place) -> String {
    let bytes = fs::read(place.path(CHECKPOINT)).unwrap();
    let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + size]).unwrap();
    let notes = header["__metadata__"]["firebrick"].as_str().unwrap();
    let notes: Value = serde_json::from_str(notes).unwrap();
    notes["graph"].as_str().unwrap().to_owned()
}

fn accuracy(result: &Value) -> f64 {
    result["validation_accuracy"].as_f64().unwrap()
}

#[test]
fn formats_are_chosen_after_the_epochs_in_float32() {
    let (place, result, _) = trained("quantization.float_epochs = 2");
    let metrics = fs::read_to_string(place.path("out/metrics.csv")).unwrap();
    let epochs: Vec<&str> = metrics
        .lines()
        .skip(1)
        .filter(|line| line.split(',').nth(1) == Some(""))
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(epochs, ["1", "2", "3", "4"]);
    assert!(result["kept_epoch"].as_u64().unwrap() > 2, "{result}");
    assert!(accuracy(&result) > 0.5, "{result}");
    let network = network(&place);
    // Every fraction width is there.
    assert!(network.contains("weight=integer(4, "), "{network}");
    assert!(!network.contains("integer(4)") && !network.contains("integer(8)"));
}

#[cfg(unix)]
#[test]
fn training_that_is_interrupted_before_formats_are_chosen_says_so() {
    let text =
        study("quantization.float_epochs = 99999").replace("epochs = 4\n", "epochs = 100000\n");
    let place = Place::with_study(&text);
    let mut child = place
        .command(&TRAIN)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.find(|line| line.as_ref().unwrap().starts_with("epoch "));
    assert!(first.is_some());
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let note = "note: training ended in float32, before number formats were chosen";
    assert!(rest.iter().any(|line| line == note), "{rest:?}");
    assert!(!network(&place).contains("integer"));
}

#[test]
fn after_training_in_float32_formats_count_once() {
    let (_, result, stderr) = trained("quantization.mode = \"ptq\"");
    let line = stderr
        .lines()
        .find(|line| line.starts_with("before its formats counted:"))
        .unwrap();
    let float: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(
        accuracy(&result) > 0.4 && accuracy(&result) < float + 0.05,
        "{line} {result}"
    );
}

#[test]
fn what_was_trained_is_what_is_tested_and_verified() {
    let (place, _, _) = trained("");
    let stored = ["--load-name", CHECKPOINT, "--format", "json"];
    let test = place.run(&[&["test", "--config", "study.toml"], &stored[..]].concat());
    assert_eq!(test.code, Some(0), "{}", test.stderr);
    let tested: Value = serde_json::from_str(&test.stdout).unwrap();
    assert!(tested["accuracy"].as_f64().unwrap() > 0.5, "{tested}");

    let plain = study("").replace("[passes.quantize]", "[passes.summary]\n[unused]");
    let plain = &plain[..plain.find("[passes").unwrap()];
    fs::write(place.path("plain.toml"), plain).unwrap();
    let verify = ["transform", "--config", "plain.toml", "--verify"];
    let verified = place.run(&[&verify, &stored[..]].concat());
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    let verified: Value = serde_json::from_str(&verified.stdout).unwrap();
    let operands = verified["verified"]["stored"].as_array().unwrap();
    // Weight and bias of three layers, scale and shift of the norm.
    assert_eq!(operands.len(), 8, "{operands:?}");
    for operand in operands {
        let (distinct, possible) = (
            operand["distinct_values"].as_u64().unwrap(),
            operand["possible_values"].as_u64().unwrap(),
        );
        assert!(distinct <= possible, "{operand}");
        assert!(
            distinct > 1 || operand["numbers"].as_u64() == Some(1),
            "{operand}"
        );
    }
}

#[test]
fn a_float_network_is_quantised_from_its_checkpoint() {
    let place = Place::with_study(&study(""));
    let plain = study("");
    let plain = &plain[..plain.find("[passes").unwrap()];
    fs::write(place.path("plain.toml"), plain).unwrap();
    let train = [
        "train",
        "--config",
        "plain.toml",
        "--out",
        "out",
        "--save",
        "base.safetensors",
    ];
    assert_eq!(place.run(&train).code, Some(0));
    let run = place.run(&[
        "transform",
        "--config",
        "study.toml",
        "--load-name",
        "base.safetensors",
        "--verify",
        "--save",
        "quantized.safetensors",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("distinct values"), "{}", run.stdout);
    let accuracy = |checkpoint: &str| {
        let run = place.run(&[
            "test",
            "--config",
            "plain.toml",
            "--load-name",
            checkpoint,
            "--format",
            "json",
        ]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let tested: Value = serde_json::from_str(&run.stdout).unwrap();
        tested["accuracy"].as_f64().unwrap()
    };
    let (float, quantized) = (
        accuracy("base.safetensors"),
        accuracy("quantized.safetensors"),
    );
    assert!(
        quantized > 0.4 && quantized <= float + 0.03,
        "{float} {quantized}"
    );
}

#[test]
fn weights_are_needed_to_verify_them() {
    let place = Place::with_study(&study(""));
    let run = place.run(&["transform", "--config", "study.toml", "--verify"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("`--verify` needs weights"),
        "{}",
        run.stderr
    );
}

/// A search over formats and widths.
const SEARCH: &str = "
model = { name = \"jsc-three-linear\", logits = true }
batch_size = 256
max_epochs = 2
learning_rate = 0.01
dataset = { name = \"jets-sim\", n_rows = 2000 }
[search.search_space.seed]
seq_blocks_2.channel_multiplier.factor = [0.5, 1]
seq_blocks_2.quantize.format = [\"int3\", \"int8\"]
seq_blocks_4.quantize.format = [\"int4\", \"ternary\"]
seq_blocks_6.quantize.format = [\"int6\"]
seq_blocks_0.quantize.format = [\"int8\"]
[search.strategy]
name = \"brute\"
setup.n_trials = 8
[search.strategy.hw_runner]
trained_ebops = {}
bops = {}
[search.strategy.metrics]
accuracy.direction = \"maximize\"
ebops.direction = \"minimize\"
";

/// Returns a place in which a study was searched.
fn searched(study: &str, n_jobs: &str) -> Place {
    let place = Place::with_study(study);
    let out = ["search", "--config", "study.toml", "--out", "out"];
    let run = place.run(&[&out[..], &["--n-jobs", n_jobs]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    place
}

#[test]
fn a_search_over_width_and_format_has_costs_that_see_both() {
    let results = |n_jobs: &str| {
        let place = searched(SEARCH, n_jobs);
        place.json("out/log.json")
    };
    let log = results("2");
    let trials: Vec<&Value> = log.as_object().unwrap().values().collect();
    assert_eq!(trials.len(), 8);
    let mut seen = Vec::new();
    for trial in &trials {
        assert_eq!(trial["state"], "COMPLETE", "{trial}");
        let hardware = &trial["user_attrs_hardware_metrics"];
        let metric = |name: &str| hardware[name].as_f64().unwrap();
        // Trained constants have at most the bits that they are declared with.
        assert!(metric("trained_ebops") > 0.0 && metric("trained_ebops") <= metric("ebops"));
        assert!(metric("bops") > 0.0);
        seen.push(metric("ebops") as u64);
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() >= 7, "widths and formats both count: {seen:?}");
    let values = |log: &Value| -> Vec<Value> {
        let trials = log.as_object().unwrap().values();
        trials.map(|trial| trial["values_0"].clone()).collect()
    };
    assert_eq!(
        values(&log),
        values(&results("1")),
        "whatever the number of jobs"
    );
}

#[test]
fn latency_is_measured_where_it_is_asked_for() {
    let study = SEARCH
        .replace(
            "trained_ebops = {}",
            "measured_latency = { batch_size = 16, n_runs = 5 }",
        )
        .replace("setup.n_trials = 8", "setup.n_trials = 2");
    let place = Place::with_study(&study);
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    for trial in log.as_object().unwrap().values() {
        let hardware = &trial["user_attrs_hardware_metrics"];
        assert!(hardware["measured_latency"].as_f64().unwrap() > 0.0);
        assert!(hardware["measured_latency_spread"].as_f64().unwrap() >= 0.0);
    }
}

const ANALYSES: &str = "average_bitwidth = {}\nsize_bits = {}\nbops = {}\nebops = {}\n\
                        finn_luts = {}\nenergy = {}\nroofline_latency = {}\n";
const COSTS: [&str; 16] = [
    "average_bitwidth",
    "memory_density",
    "size_density",
    "weight_bits",
    "bias_bits",
    "activation_bits",
    "peak_activation_bits",
    "size_bits",
    "bops",
    "bops_baskin",
    "ebops",
    "finn_luts",
    "finn_cycles",
    "energy_pj",
    "roofline_latency_us",
    "measured_latency",
];

#[test]
fn every_cost_can_be_an_objective_and_be_limited() {
    let objectives: String = COSTS
        .iter()
        .map(|cost| format!("{cost}.direction = \"minimize\"\n"))
        .collect();
    let limits: String = COSTS
        .iter()
        .map(|cost| format!("{cost}_max = 1e300\n"))
        .collect();
    let study = SEARCH
        .replace(
            "[search.strategy]\n",
            &format!("[search.constraints]\n{limits}[search.strategy]\n"),
        )
        .replace("trained_ebops = {}\nbops = {}\n", ANALYSES)
        .replace(
            "setup.n_trials = 8",
            "setup.n_trials = 2\nsetup.sum_scaled_metrics = false",
        )
        .replace("ebops.direction = \"minimize\"\n", &objectives);
    let target = "[target]\nmacs_per_cycle = 100\nclock_mhz = 200\nmemory_bytes_per_s = 1e9\n";
    let place = Place::with_study(&format!("{study}{target}"));
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    for trial in log.as_object().unwrap().values() {
        assert_eq!(trial["state"], "COMPLETE", "{trial}");
        for cost in COSTS {
            let value = trial["user_attrs_hardware_metrics"][cost].as_f64();
            assert!(value.is_some_and(|value| value > 0.0), "{cost}: {value:?}");
        }
    }
    let limited = study.replace("energy_pj_max = 1e300", "energy_pj_max = 0.5");
    let place = Place::with_study(&format!("{limited}{target}"));
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(
        run.code,
        Some(1),
        "no candidate is within the limit: {}",
        run.stderr
    );
    let log = place.json("out/log.json");
    for trial in log.as_object().unwrap().values() {
        assert!(trial.to_string().contains("energy_pj"), "{trial}");
    }
}

#[test]
fn latency_is_of_no_more_rows_than_there_are() {
    let study = SEARCH.replace(
        "trained_ebops = {}",
        "measured_latency = { batch_size = 1000000 }",
    );
    let place = Place::with_study(&study);
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(2));
    let expected = "`search.strategy.hw_runner.measured_latency.batch_size` is 1000000, but there \
                    are";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn what_can_not_be_measured_before_training_can_not_limit_it() {
    let study = SEARCH.replace(
        "[search.strategy]\n",
        "[search.constraints]\ntrained_ebops_max = 100\n[search.strategy]\n",
    );
    let place = Place::with_study(&study);
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("`trained_ebops` is known only after training"),
        "{}",
        run.stderr
    );
}

#[test]
fn candidates_that_are_stored_from_one_network_train_it_once() {
    let study = format!("quantization.mode = \"ptq\"\n{SEARCH}");
    let accuracies = |n_jobs: &str| {
        let place = searched(&study, n_jobs);
        let log = place.json("out/log.json");
        let trials = log.as_object().unwrap().values();
        let accuracies: Vec<f64> = trials
            .map(|trial| trial["values_0"].as_f64().unwrap())
            .collect();
        let mut networks = Vec::new();
        for file in place.list("out/checkpoints") {
            let bytes = fs::read(place.path(&format!("out/checkpoints/{file}"))).unwrap();
            let weights = firebrick_core::weights::Weights::from_safetensors(&bytes).unwrap();
            let first = weights.get("seq_blocks_2.weight").unwrap().data.clone();
            if !networks.contains(&first) {
                networks.push(first);
            }
        }
        assert!(networks.len() <= 2, "one network for each of two widths");
        accuracies
    };
    let found = accuracies("1");
    assert_eq!(found.len(), 8);
    assert_eq!(found, accuracies("2"));
}
