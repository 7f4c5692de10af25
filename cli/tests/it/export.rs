//! Networks for other tools: what is written beside a checkpoint, and what is refused.

use std::collections::BTreeMap;

use firebrick_core::dataset::{Dataset, Features, Split};
use firebrick_core::graph::Graph;
use firebrick_core::scaling::Scaling;
use firebrick_core::weights::Weights;
use firebrick_datasets::{Fractions, Request, load};
use firebrick_export::IntegerNetwork;
use insta::assert_snapshot;

use super::support::{Place, Run};

const FIXED: &str = "x = input[4]
a = linear(x, out=4) @ data_in=integer(8, 4) weight=integer(6, 5) bias=integer(6, 5)
r = relu(a)
b = linear(r, out=2) @ data_in=integer(6, 3, unsigned) weight=ternary(2, scale=power_of_two) bias=integer(6, 5)
y = output(b)";

const FLOAT: &str = "x = input[1, 8, 8]
a = conv2d(x, out=4, kernel=3, padding=1)
n = batch_norm(a)
r = relu(n)
p = max_pool(r, kernel=2)
f = flatten(p)
b = linear(f, out=2)
y = output(b)";

/// Makes a place with the checkpoint of a network, `best.safetensors`.
fn place(text: &str) -> Place {
    place_with(text, |_| {})
}

fn place_with(text: &str, change: impl FnOnce(&mut Weights)) -> Place {
    let graph: Graph = text.parse().unwrap();
    let mut weights = Weights::init(&graph, 1);
    change(&mut weights);
    let notes = BTreeMap::from([("graph".to_owned(), graph.to_string())]);
    let place = Place::new();
    place.write("best.safetensors", weights.to_safetensors(&notes));
    place
}

fn files(place: &Place) -> Vec<String> {
    let names = place.list("").into_iter();
    names.filter(|name| name != "home").collect()
}

/// Returns what a refusal says, once it left nothing behind.
fn refused(place: &Place, args: &[&str]) -> String {
    let before = files(place);
    let run = place.run(&[&["export"], args].concat());
    assert_eq!(files(place), before, "nothing is written");
    run.refused().to_owned()
}

fn exported(place: &Place, args: &[&str]) -> Run {
    let run = place.run(&[&["export", "best.safetensors"], args].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

#[test]
fn qonnx_and_its_configuration_come_to_lie_beside_the_checkpoint() {
    let place = place(FIXED);
    let run = exported(&place, &[]);
    assert_snapshot!(run.stdout, @r"
    best.qonnx.onnx
    hls4ml_config.yml
    ");
    assert_snapshot!(run.stderr, @"checked on 100 rows: the file computes what the network does in whole numbers, to the bit");
    let expected = ["best.qonnx.onnx", "best.safetensors", "hls4ml_config.yml"];
    assert_eq!(files(&place), expected);
    let config = place.read("hls4ml_config.yml");
    assert!(
        config.contains("OnnxModel: \"best.qonnx.onnx\""),
        "{config}"
    );
    let file = std::fs::read(place.path("best.qonnx.onnx")).unwrap();
    exported(&place, &["--format", "qonnx"]);
    let again = std::fs::read(place.path("best.qonnx.onnx")).unwrap();
    assert_eq!(file, again, "the same checkpoint gives the same file");
}

#[test]
fn plain_onnx_goes_to_the_file_that_was_asked_for() {
    let place = place(FLOAT);
    std::fs::create_dir(place.path("other")).unwrap();
    let run = exported(
        &place,
        &["--format", "onnx", "--output", "other/network.onnx"],
    );
    assert_eq!(run.stdout, "other/network.onnx\n");
    assert_snapshot!(run.stderr, @"checked on 100 rows: the file computes what the network does, within the rounding of float32");
    assert_eq!(place.list("other"), ["network.onnx"]);
}

#[test]
fn json_and_stored_weights_do_not_touch_the_checkpoint() {
    let place = place(FIXED);
    let before = std::fs::read(place.path("best.safetensors")).unwrap();
    assert_eq!(
        exported(&place, &["--format", "json"]).stdout,
        "best.json\n"
    );
    assert_eq!(place.json("best.json")["is_fixed_point"], true);
    let run = exported(&place, &["--format", "safetensors"]);
    assert_eq!(run.stdout, "best.stored.safetensors\n");
    assert_eq!(
        std::fs::read(place.path("best.safetensors")).unwrap(),
        before
    );
    // What is stored already is stored as it is.
    let stored = std::fs::read(place.path("best.stored.safetensors")).unwrap();
    assert_ne!(stored, before);
}

#[test]
fn a_network_in_float32_is_no_qonnx() {
    assert_snapshot!(refused(&place(FLOAT), &["best.safetensors"]), @r#"
    error: can't write `best.safetensors` as qonnx
      caused by: node `a` (conv2d) can't be exported: `weight` is float32

    hint: give it a format with the pass `quantize`, for example `name = "integer"` and a width
    "#);
}

#[test]
fn a_network_with_formats_is_no_plain_onnx() {
    assert_snapshot!(refused(&place(FIXED), &["best.safetensors", "--format", "onnx"]), @r"
    error: can't write `best.safetensors` as onnx
      caused by: node `a` (linear) can't be exported: `bias` is integer(6, 5), and plain ONNX has float32 only

    hint: write QONNX, which has number formats: `--format qonnx`
    ");
}

#[test]
fn a_format_that_qonnx_can_not_say() {
    let text = FIXED.replace(
        "weight=integer(6, 5)",
        "weight=block_fp(6, exponent_width=4, block_size=2)",
    );
    assert_snapshot!(refused(&place(&text), &["best.safetensors"]), @r"
    error: can't write `best.safetensors` as qonnx
      caused by: node `a` (linear) can't be exported: `weight` is block_fp(6, exponent_width=4, block_size=2), which QONNX has no operation for

    hint: QONNX has `integer`, `lsq`, `ternary`, `binary`, `fp8_e4m3`, `fp8_e5m2`, `minifloat_ieee` and `minifloat_denorm`; `--format json` has all formats
    ");
}

#[test]
fn weights_that_are_no_numbers() {
    for value in [f32::NAN, f32::NEG_INFINITY] {
        let place = place_with(FIXED, |weights| {
            weights.0.get_mut("b.bias").unwrap().data[1] = value;
        });
        for format in ["qonnx", "onnx", "safetensors", "json"] {
            let message = refused(&place, &["best.safetensors", "--format", format]);
            let said = format!("tensor `b.bias` holds {value} at position 1");
            assert!(message.contains(&said), "{message}");
        }
    }
}

#[test]
fn files_that_are_no_checkpoints() {
    let place = place(FIXED);
    place.write("notes.txt", "width 8 was best");
    assert_snapshot!(refused(&place, &["notes.txt"]), @r"
    error: can't use checkpoint `notes.txt`
      caused by: not a safetensors file: header too large

    hint: checkpoints are safetensors files, as `firebrick train` writes them
    ");
    assert_snapshot!(refused(&place, &["missing.safetensors"]), @r"
    error: can't use checkpoint `missing.safetensors`
      caused by: No such file or directory (os error 2)
    ");
    let graph: Graph = FIXED.parse().unwrap();
    let weights = Weights::init(&graph, 1).to_safetensors(&BTreeMap::new());
    place.write("other.safetensors", weights);
    assert_snapshot!(refused(&place, &["other.safetensors"]), @r"
    error: checkpoint `other.safetensors` does not say which network its weights are of

    hint: export a checkpoint that `firebrick train` or `firebrick search` wrote
    ");
}

#[test]
fn places_where_no_file_can_be() {
    let place = place(FIXED);
    std::fs::create_dir(place.path("folder")).unwrap();
    assert_snapshot!(refused(&place, &["best.safetensors", "--output", "folder"]), @r"
    error: can't write `folder`: it is a folder

    hint: name a file: `--output network.onnx`
    ");
    assert_snapshot!(refused(&place, &["best.safetensors", "--output", "missing/a.onnx"]), @r"
    error: can't write `missing/a.onnx`: its folder does not exist

    hint: make the folder first
    ");
}

#[test]
fn a_checkpoint_is_not_overwritten_by_its_export() {
    let place = place(FIXED);
    let before = std::fs::read(place.path("best.safetensors")).unwrap();
    let itself = ["--format", "safetensors", "--output", "./best.safetensors"];
    let args = [&["best.safetensors"], &itself[..]].concat();
    assert_snapshot!(refused(&place, &args), @r"
    error: `best.safetensors` would be overwritten: it is the checkpoint itself

    hint: name another file: `--output network.onnx`
    ");
    assert_eq!(
        std::fs::read(place.path("best.safetensors")).unwrap(),
        before
    );
}

#[test]
fn formats_of_tables_are_none_of_files() {
    let place = place(FIXED);
    let run = place.run(&["export", "best.safetensors", "--format", "text"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("[possible values: qonnx, onnx, safetensors, json]"),
        "{}",
        run.stderr
    );
    assert_snapshot!(refused_before(&place), @r"
    error: networks are not exported as `text`

    hint: say `--format qonnx`, `onnx`, `safetensors` or `json` behind `export`
    ");
    let run = place.run(&["list", "strategies", "--format", "qonnx"]);
    assert_eq!(run.code, Some(2));
}

/// A flag before the verb is the one of tables, which `export` takes for its own.
fn refused_before(place: &Place) -> String {
    let run = place.run(&["--format", "text", "export", "best.safetensors"]);
    run.refused().to_owned()
}

/// A network all of whose layers are fixed point.
const STUDY: &str = r#"
model = { name = "jsc-three-linear", logits = true }
batch_size = 256
max_epochs = 4
learning_rate = 0.01
seed = 3
dataset = { name = "jets-sim", n_rows = 4000, validation = 0.2, test = 0.25 }
[passes.quantize]
by = "type"
linear.format = "int6"
batch_norm.format = "int8"
"#;

#[test]
fn engines_judge_as_whole_numbers_do() {
    let place = Place::with_study(STUDY);
    let study = ["--config", "study.toml", "--out", "out"];
    let run = place.run(&[&["train", "--engine", "mlp"], &study[..]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let checkpoint = "out/checkpoints/best.safetensors";
    let run = place.run(&["export", checkpoint]);
    assert!(
        run.stderr.contains("in whole numbers, to the bit"),
        "{}",
        run.stderr
    );
    let bytes = std::fs::read(place.path(checkpoint)).unwrap();
    let graph: Graph = Weights::notes(&bytes).unwrap()["graph"].parse().unwrap();
    let weights = Weights::from_safetensors(&bytes).unwrap();
    let network = IntegerNetwork::of(&graph, &weights).unwrap();
    let expected = accuracy(&network, &test_split(), graph.output_shape()[0]);
    assert!(expected > 0.3, "{expected}: it has learned something");
    for engine in ["mlp", "burn"] {
        let load = [
            "--load-name",
            checkpoint,
            "--engine",
            engine,
            "--format",
            "json",
        ];
        let run = place.run(&[&["test"], &study[..2], &load].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let judged: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let found = judged["accuracy"].as_f64().unwrap();
        assert!(
            (found - expected).abs() < 1e-12,
            "{engine}: {found}, not {expected}"
        );
    }
}

#[test]
fn what_rows_are_scaled_by_goes_from_training_to_every_file() {
    let search = "[search.search_space]\nsetup.by = \"type\"
seed.linear.channel_multiplier.factor = [1, 2]
[search.strategy]\nname = \"random\"\nsetup.n_trials = 1\n";
    let study = STUDY.replace("max_epochs = 4", "max_epochs = 1");
    let place = Place::with_study(&format!("{study}{search}"));
    let done = |args: &[&str]| {
        let run = place.run(args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    let config = ["--config", "study.toml", "--engine", "mlp"];
    done(
        &[
            &["train", "--out", "a", "--save", "best.safetensors"],
            &config[..],
        ]
        .concat(),
    );
    done(&[&["search", "--out", "b"], &config[..]].concat());
    let changed = ["transform", "--load-name", "best.safetensors"];
    let save = ["--save", "changed.safetensors", "--seed", "4"];
    done(&[&changed[..], &save, &config].concat());

    let scaling = dataset().scaling.unwrap();
    let files = [
        "best.safetensors",
        "b/checkpoints/trial_0.safetensors",
        "changed.safetensors",
    ];
    for file in files {
        let notes = Weights::notes(&std::fs::read(place.path(file)).unwrap()).unwrap();
        let found = Scaling::of_notes(&notes, &[16]).unwrap();
        assert_eq!(found.as_ref(), Some(&scaling), "{file}");
    }

    let run = exported(&place, &["--format", "json"]);
    let input = &place.json("best.json")["input"];
    assert_eq!(input["mean"], serde_json::json!(scaling.mean));
    assert_eq!(input["std"], serde_json::json!(scaling.std));
    assert_snapshot!(run.stderr, @"note: rows have to be scaled before they are given to the network: `x = (raw - mean) / std` of the numbers that the data set has, of pictures bytes, with mean and std from the file's `input`");
    exported(&place, &["--format", "qonnx"]);
    let file = std::fs::read(place.path("best.qonnx.onnx")).unwrap();
    let has = |text: &str| {
        let mut windows = file.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    };
    for (note, list) in scaling.notes() {
        assert!(has(&format!("firebrick.{note}")) && has(&list), "{note}");
        assert!(place.read("hls4ml_config.yml").contains(&list), "{note}");
    }

    // Features that are left as they are need nothing.
    let raw = study.replace("n_rows = 4000", "n_rows = 4000, standardize = false");
    place.write("study.toml", raw);
    done(
        &[
            &["train", "--out", "c", "--save", "best.safetensors"],
            &config[..],
        ]
        .concat(),
    );
    let run = exported(&place, &["--format", "json"]);
    assert_eq!(run.stderr, "");
    assert!(place.json("best.json").get("input").is_none());
}

#[test]
fn scalings_that_do_not_fit_are_no_checkpoint() {
    let graph: Graph = FIXED.parse().unwrap();
    let notes = [
        ("graph", graph.to_string()),
        ("input_mean", "[0, 0, 0]".to_owned()),
        ("input_std", "[1, 1, 1, 1]".to_owned()),
    ];
    let notes = notes.map(|(key, value)| (key.to_owned(), value)).into();
    let place = Place::new();
    place.write(
        "best.safetensors",
        Weights::init(&graph, 1).to_safetensors(&notes),
    );
    assert_snapshot!(refused(&place, &["best.safetensors"]), @r"
    error: can't use checkpoint `best.safetensors`
      caused by: its note `input_mean` is no list of 4 finite numbers

    hint: the file was changed after it was written
    ");
}

/// Returns the rows that the study above is judged on.
fn test_split() -> Split {
    dataset().test
}

fn dataset() -> Dataset {
    let request = Request {
        name: "jets-sim".to_owned(),
        path: None,
        label: None,
        seed: 3,
        data_dirs: Vec::new(),
        cache_dir: None,
        n_rows: Some(4000),
        standardize: true,
        splits: Fractions::new(0.2, 0.25).unwrap(),
    };
    load(&request).unwrap()
}

/// Returns the share of rows whose largest output, of equals the first, is their class.
fn accuracy(network: &IntegerNetwork, split: &Split, n_classes: usize) -> f64 {
    let Features::Numbers(rows) = &split.features else {
        panic!("jets are numbers");
    };
    let outputs = network.forward(rows);
    let right = outputs
        .chunks(n_classes)
        .zip(&split.labels)
        .filter(|(outputs, label)| {
            let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let class = outputs.iter().position(|output| *output == largest);
            class == Some(**label as usize)
        });
    right.count() as f64 / split.len() as f64
}

#[test]
fn several_networks_keep_their_configurations_apart() {
    let place = place(FIXED);
    let bytes = std::fs::read(place.path("best.safetensors")).unwrap();
    place.write("other.safetensors", bytes);
    exported(&place, &["other.safetensors"]);
    let config = |name: &str| place.read(name).lines().next().unwrap().to_owned();
    let names = [
        "best.qonnx.onnx",
        "best.safetensors",
        "hls4ml_config.yml",
        "other.qonnx.hls4ml_config.yml",
        "other.qonnx.onnx",
        "other.safetensors",
    ];
    assert_eq!(files(&place), names);
    let configs = ["hls4ml_config.yml", "other.qonnx.hls4ml_config.yml"];
    let found = configs.map(config);
    assert!(
        found[0].contains("best") && found[1].contains("other"),
        "{found:?}"
    );
    // Written again, each finds its own.
    exported(&place, &["other.safetensors"]);
    assert_eq!(configs.map(config), found);
    assert_snapshot!(
        refused(&place, &["best.safetensors", "other.safetensors", "--output", "one.onnx"]),
        @r"
        error: `--output one.onnx` is one file for 2 checkpoints

        hint: leave it out: each is written beside its own
        "
    );
}
