//! Studies of width and number format, and the files in `studies/`.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{Place, Run};

/// Width and number format of the jet network, on few rows.
const JOINT: &str = r#"
batch_size = 128
max_epochs = 3
learning_rate = 0.01
model = { name = "jsc-three-linear", logits = true }
dataset = { name = "jets-sim", n_rows = 1000 }

[search.search_space]
formats = ["int8", "int4", "ternary"]
tie = ["seq_blocks_2", "seq_blocks_4"]
seed.seq_blocks_0.quantize.format = "int8"
seed.seq_blocks_2.channel_multiplier.factor = [0.5, 1]
seed.seq_blocks_4.channel_multiplier.factor = [0.5, 1]

[search.strategy]
name = "brute"
setup.n_trials = 20
metrics.accuracy.direction = "maximize"
metrics.size_bits.direction = "minimize"
"#;

/// A search of post-training quantisation as MASE's examples spell it.
const MASE: &str = r#"
model = "jsc-tiny"
dataset = "jsc"
task = "cls"
max_epochs = 2
batch_size = 512
learning_rate = 1e-2
accelerator = "cuda"

[passes.quantize]
by = "type"
[passes.quantize.linear.config]
name = "integer"
data_in_width = 8
data_in_frac_width = 4

[search.search_space]
name = "graph/quantize/mixed_precision_ptq"
[search.search_space.setup]
by = "name"
[search.search_space.seed.default.config]
name = ["NA"]
[search.search_space.seed.linear.config]
name = ["integer"]
data_in_width = [4, 8]
[search.search_space.seed.seq_blocks_2.config]
name = ["integer"]
bypass = [false]
data_in_width = [4, 8]
data_in_frac_width = ["NA"]
weight_width = [2, 4, 8]
weight_frac_width = ["NA"]
bias_width = [8]
bias_frac_width = ["NA"]

[search.strategy]
name = "optuna"
eval_mode = true
[search.strategy.sw_runner.basic_evaluation]
data_loader = "val_dataloader"
num_samples = 512
[search.strategy.hw_runner.average_bitwidth]
compare_to = 32
[search.strategy.setup]
n_jobs = 1
n_trials = 20
timeout = 20000
sampler = "tpe"
sum_scaled_metrics = false
[search.strategy.metrics]
accuracy.scale = 1.0
accuracy.direction = "maximize"
average_bitwidth.scale = 0.2
average_bitwidth.direction = "minimize"
"#;

fn search(place: &Place, more: &[&str]) -> Run {
    let args = ["search", "--config", "study.toml", "--out", "out"];
    place.run(&[&args[..], more].concat())
}

/// Returns the trials of a search, all of which are complete.
fn trials(place: &Place, run: &Run) -> Vec<Value> {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    let trials: Vec<Value> = log.as_object().unwrap().values().cloned().collect();
    for trial in &trials {
        assert_eq!(trial["state"], "COMPLETE", "{trial}");
    }
    trials
}

fn notes(run: &Run) -> String {
    let notes = run.stderr.lines().filter(|line| line.starts_with("note"));
    notes.collect::<Vec<_>>().join("\n")
}

#[test]
fn width_and_format_change_what_a_candidate_costs() {
    let place = Place::with_study(JOINT);
    let run = search(&place, &[]);
    let trials = trials(&place, &run);
    // A width and a format of the hidden layers, and a format of the last one.
    assert_eq!(trials.len(), 2 * 3 * 3);
    assert_eq!(notes(&run), "");
    let size = |factor: f64, hidden: &str, last: &str| {
        let of_trial = |trial: &&Value| {
            let params = &trial["params"];
            params["seq_blocks_2/channel_multiplier/factor"].as_f64() == Some(factor)
                && params["seq_blocks_2/quantize/format"] == hidden
                && params["seq_blocks_6/quantize/format"] == last
        };
        let trial = trials.iter().find(of_trial).unwrap();
        let metrics = &trial["user_attrs_hardware_metrics"];
        metrics["weight_bits"].as_f64().unwrap()
    };
    assert!(size(0.5, "int4", "int4") < size(1.0, "int4", "int4"));
    assert!(size(1.0, "int4", "int4") < size(1.0, "int8", "int4"));
    assert!(size(1.0, "int4", "ternary") < size(1.0, "int4", "int8"));
    let best = place.json("out/best.json");
    let config = &best["0"]["sampled_config"];
    assert!(
        config["seq_blocks_4"]["quantize"]["format"].is_string(),
        "{config}"
    );
    assert_eq!(config["seq_blocks_2"], config["seq_blocks_4"]);
    assert_eq!(config["seq_blocks_0"]["quantize"]["format"], "int8");
}

#[test]
fn a_resolved_study_searches_the_same() {
    let place = Place::with_study(JOINT);
    search(&place, &["--n-trials", "4"]);
    let log = |place: &Place| {
        let log = place.json("out/log.json");
        let trials = log.as_object().unwrap().values();
        let params = trials.map(|trial| (trial["params"].clone(), trial["values_0"].clone()));
        params.collect::<Vec<_>>()
    };
    let again = Place::with_study(&place.read("out/config.toml"));
    let run = search(&again, &["--n-trials", "4"]);
    assert_eq!(notes(&run), "");
    assert_eq!(log(&again), log(&place));
}

#[test]
fn a_file_of_mase_runs_as_it_is() {
    let place = Place::with_study(MASE);
    let lacks = ["--accelerator", "cpu", "--dataset", "jets-sim"];
    let run = search(&place, &lacks);
    assert_eq!(trials(&place, &run).len(), 6);
    assert!(
        run.stderr.contains("the space is exhausted"),
        "{}",
        run.stderr
    );
    let spare = notes(&run);
    let spare = spare.lines().find(|line| line.contains("seed.linear"));
    assert_snapshot!(spare.unwrap(), @"note: `search.search_space.seed.linear.config` in `study.toml`, line 23 has no effect: it is a type of node, and `search.search_space.setup.by` is `name`");
    let best = place.json("out/best.json");
    let mut config = best["0"]["sampled_config"].clone();
    for width in ["data_in_width", "weight_width"] {
        let field = &mut config["seq_blocks_2"]["config"][width];
        assert!(field.is_number(), "{field}");
        *field = "a width".into();
    }
    assert_snapshot!(config, @r#"{"seq_blocks_1":{"config":{"name":null}},"seq_blocks_2":{"config":{"name":"integer","bypass":false,"data_in_width":"a width","data_in_frac_width":null,"weight_width":"a width","weight_frac_width":null,"bias_width":8,"bias_frac_width":null}},"seq_blocks_3":{"config":{"name":null}},"by":"name","accelerator":"cpu"}"#);
    assert!(place.read("out/config.toml").contains("mode = \"ptq\""));
}

#[test]
fn says_what_stays_in_float32() {
    let place =
        Place::with_study(&JOINT.replace("seed.seq_blocks_0.quantize.format = \"int8\"", ""));
    let run = place.run(&["search", "--config", "study.toml", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_snapshot!(notes(&run), @r#"note: `seq_blocks_0` (batch_norm) computes in float32, as no seed gives a number format: `seed.seq_blocks_0.quantize.format = ["int16"]` does, or fold what follows a layer into it with the pass `fold_batch_norm`"#);
    let place = Place::with_study(&JOINT.replace(
        "seed.seq_blocks_0.quantize.format = \"int8\"",
        "seed.seq_blocks_0.quantize = { name = \"log\", data_in = [{ width = 8, frac_width = 4 }] }",
    ));
    let run = place.run(&["search", "--config", "study.toml", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_snapshot!(notes(&run), @"note: `search.search_space.seed.seq_blocks_0.quantize.data_in` in `study.toml`, line 11 has no effect: `log` has no `data_in_frac_width`");
}

#[test]
fn says_what_is_wrong_with_formats() {
    let refused = |from: &str, to: &str| {
        assert!(JOINT.contains(from), "{from}");
        let place = Place::with_study(&JOINT.replace(from, to));
        let run = search(&place, &[]);
        assert_eq!(place.list("out"), [""; 0]);
        format!("{to}\n{}\n", run.refused())
    };
    let refusals = [
        refused("\"int4\", \"ternary\"", "\"int44\", \"ternary\""),
        refused("seq_blocks_0.quantize", "seq_blocks_1.quantize"),
        refused("seq_blocks_0.quantize", "default.quantize"),
        refused(
            "seq_blocks_0.quantize.format = \"int8\"",
            "seq_blocks_6.quantize.weight_width = 8",
        ),
        refused(
            "seq_blocks_0.quantize.format = \"int8\"",
            "seq_blocks_6.quantize = { name = \"integer\", weight_width = 33 }",
        ),
        refused("\"seq_blocks_4\"]", "\"seq_blocks_5\", \"seq_blocks_22\"]"),
        refused(
            "seq_blocks_4.channel_multiplier.factor = [0.5, 1]",
            "seq_blocks_4.channel_multiplier.factor = [2, 1]",
        ),
    ];
    assert_snapshot!(refusals.join("\n"), @r#"
    "int44", "ternary"
    error: pass `quantize`: `seq_blocks_2`: `format` is "int44", expected one of int2, int3, int4, int5, int6, int7, int8, int10, int12, int16 in `study.toml`, line 9

    seq_blocks_1.quantize
    error: `quantize.format` does not apply to `seq_blocks_1` (relu) in `study.toml`, line 11

    hint: it applies to nodes of type `linear`, `conv2d`, `batch_norm`

    default.quantize
    error: `search.search_space.formats` and `search.search_space.seed.default.quantize` both give a number format to what no key takes in `study.toml`, line 9

    hint: leave out one of the two

    seq_blocks_6.quantize.weight_width = 8
    error: pass `quantize`: `seq_blocks_6`: `weight_width` has no effect without `name` in `study.toml`, line 11

    seq_blocks_6.quantize = { name = "integer", weight_width = 33 }
    error: node `seq_blocks_6`: can't have `weight` quantised: number format `integer` has `width` 33, expected 2 to 32, of which one bit is the sign in `study.toml`, line 11

    "seq_blocks_5", "seq_blocks_22"]
    error: no node matches `seq_blocks_22` in `search.search_space.tie` in `study.toml`, line 10

    hint: did you mean `seq_blocks_2`?

    seq_blocks_4.channel_multiplier.factor = [2, 1]
    error: `search.search_space.tie` ties `seq_blocks_2` (line 12) and `seq_blocks_4`, but `channel_multiplier.factor` has other choices for them in `study.toml`, line 13

    hint: give both the same, or leave one out of `tie`
    "#);
}

/// What a chip has, and an analysis that is about it.
const TARGET: &str = r#"
[target]
macs_per_cycle = 64
clock_mhz = 200.0
memory_bytes_per_s = 1e9
[search.strategy.hw_runner]
roofline_latency = {}
[search.strategy.metrics.roofline_latency_us]
"#;

#[test]
fn says_what_measures_a_latency() {
    let constraint = "[search.constraints]\nroofline_latency_us_max = 1.0\n";
    let place = Place::with_study(&format!("{JOINT}{constraint}"));
    let run = search(&place, &[]);
    let hint = "hint: `[search.strategy.hw_runner.roofline_latency]` measures it";
    assert!(run.refused().ends_with(hint), "{}", run.stderr);
}

#[test]
fn a_described_chip_has_a_latency() {
    let latency = |text: String| {
        let place = Place::with_study(&text);
        let run = search(&place, &["--n-trials", "1"]);
        assert_eq!(notes(&run), "");
        let trials = trials(&place, &run);
        let metrics = &trials[0]["user_attrs_hardware_metrics"];
        metrics["roofline_latency_us"].as_f64().unwrap()
    };
    let slow = latency(format!("{JOINT}{TARGET}"));
    let target = TARGET.replace("memory_bytes_per_s = 1e9", "memory_bytes_per_s = 2e9");
    let fast = latency(format!("{JOINT}{}", target.replace("200.0", "400")));
    assert!((slow - 2.0 * fast).abs() < 1e-9, "{slow} {fast}");
    // What an analysis is given counts before what the target says.
    let own = "roofline_latency = { clock_mhz = 400, memory_bytes_per_s = 2e9 }";
    let own = TARGET.replace("roofline_latency = {}", own);
    assert!((latency(format!("{JOINT}{own}")) - fast).abs() < 1e-9);
}

#[test]
fn says_what_a_target_lacks() {
    let said = |from: &str, to: &str| {
        assert!(TARGET.contains(from), "{from}");
        let place = Place::with_study(&format!("{JOINT}{}", TARGET.replace(from, to)));
        let run = place.run(&["search", "--config", "study.toml", "--dry-run"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        format!("{to}\n{}\n", run.stderr.trim_end())
    };
    let texts = [
        said("clock_mhz = 200.0", "# No clock."),
        said("clock_mhz", "clok_mhz"),
        said("clock_mhz = 200.0", "clock_mhz = -1"),
    ];
    assert_snapshot!(texts.join("\n"), @r"
    # No clock.
    error: `search.strategy.hw_runner.roofline_latency` needs `clock_mhz`, which `[target]` does not say in `study.toml`, line 26

    hint: for example `target.clock_mhz = 100`

    clok_mhz
    error: no pass takes `target.clok_mhz` in `study.toml`, line 23

    hint: did you mean `clock_mhz`?

    clock_mhz = -1
    error: pass `roofline_latency` can't measure the network: `clock_mhz` is -1, expected a number above 0 in `study.toml`, line 26
    ");
}

/// Returns a file of `studies/`.
fn study(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../studies");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Runs a file of `studies/`, some lines of it replaced, and returns its trials.
fn shortened(name: &str, changes: &[(&str, &str)], more: &[&str]) -> Vec<Value> {
    let mut text = study(name);
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no `{from}`");
        text = text.replace(from, to);
    }
    let place = Place::with_study(&text);
    let run = search(&place, &[&["--max-epochs", "1"], more].concat());
    trials(&place, &run)
}

/// The files of `studies/` that the tests below run.
const STUDIES: [&str; 5] = [
    "jsc_joint.toml",
    "jsc_lab3_grid.toml",
    "jsc_width.toml",
    "shapes_width.toml",
    "vgg7_joint.toml",
];

#[test]
fn every_study_is_run_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../studies");
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, STUDIES);
}

#[test]
fn the_studies_of_the_jet_network_run() {
    assert_eq!(
        shortened("jsc_width.toml", &[], &["--n-trials", "2"]).len(),
        2
    );
    let joint = shortened("jsc_joint.toml", &[], &["--n-trials", "4"]);
    let ebops = |trial: &Value| trial["values_1"].as_f64().unwrap();
    assert!(joint.iter().any(|trial| ebops(trial) != ebops(&joint[0])));
}

#[test]
fn the_grid_of_the_lab_has_16_points() {
    let grid = shortened("jsc_lab3_grid.toml", &[], &[]);
    assert_eq!(grid.len(), 16);
    let mut points: Vec<String> = grid
        .iter()
        .map(|trial| trial["params"].to_string())
        .collect();
    points.sort();
    points.dedup();
    assert_eq!(points.len(), 16);
    let config =
        |trial: &Value| trial["user_attrs_sampled_config"]["seq_blocks_2"]["quantize"].clone();
    let is_first = |trial: &&Value| {
        let config = config(trial);
        config["data_in_width"] == 16 && config["weight_frac_width"] == 2
    };
    assert_snapshot!(config(grid.iter().find(is_first).unwrap()), @r#"{"name":"integer","data_in_width":16,"data_in_frac_width":8,"weight_width":4,"weight_frac_width":2,"bias_width":8,"bias_frac_width":4}"#);
}

#[test]
fn the_grid_of_the_lab_stores_one_trained_network() {
    let place = Place::with_study(&study("jsc_lab3_grid.toml"));
    let train = [
        "train",
        "--config",
        "study.toml",
        "--max-epochs",
        "3",
        "--out",
        "base",
    ];
    assert_eq!(place.run(&train).code, Some(0));
    let base = "base/checkpoints/best.safetensors";
    let run = search(&place, &["--no-train", "--load-name", base]);
    let trials = trials(&place, &run);
    let accuracies = |data_in: &str| {
        let is_one = |trial: &&Value| trial["params"]["seq_blocks_2/quantize/data_in"] == data_in;
        let of = |trial: &Value| trial["values_0"].as_f64().unwrap();
        let mut all: Vec<f64> = trials.iter().filter(is_one).map(of).collect();
        all.sort_by(f64::total_cmp);
        assert_eq!(all.len(), 4);
        all
    };
    // Nothing was trained, so that weights of 16 and 8 bits are nearly the same network, and
    // numbers cut off at 2 cost more than coarse ones.
    let (fine, cut) = (
        accuracies("width 16 frac_width 8"),
        accuracies("width 8 frac_width 6"),
    );
    assert!(fine[3] - fine[1] < 0.02, "{fine:?}");
    assert!(cut[3] < fine[1], "{cut:?} {fine:?}");
}

#[test]
fn the_study_of_vgg7_runs() {
    let small = [
        ("\"cifar10\"", "\"shapes10\"\nn_rows = 100"),
        ("width = 0.25", "width = 0.125"),
    ];
    let joint = shortened("vgg7_joint.toml", &small, &["--n-trials", "2"]);
    let params = joint[0]["params"].as_object().unwrap();
    assert_eq!(params.len(), 8, "{params:?}");
    let size = |trial: &Value| trial["values_1"].as_f64().unwrap();
    assert!(size(&joint[0]) != size(&joint[1]));
}

#[test]
fn the_study_of_shapes_begins_with_its_points() {
    let small = [("\"shapes10\"", "{ name = \"shapes10\", n_rows = 100 }")];
    let trials = shortened("shapes_width.toml", &small, &["--n-trials", "3"]);
    let factor = |trial: usize, node: &str| {
        trials[trial]["params"][format!("{node}/channel_multiplier/factor")].as_f64()
    };
    assert_eq!(factor(0, "feature_layers_0"), Some(0.5));
    let second = ["feature_layers_0", "feature_layers_4"].map(|node| factor(1, node));
    assert_eq!(second, [Some(1.0), Some(0.5)]);
}
