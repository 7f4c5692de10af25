//! Networks and data sets of pictures.

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{Place, Run};

/// A search over the widths of all convolutions.
const WIDTHS: &str = r#"
batch_size = 32
max_epochs = 1
model = "vgg-tiny"
dataset = { name = "shapes10", n_rows = 150 }
augment = "standard"

[search.search_space]
setup.by = "type"
seed.conv2d.channel_multiplier.factor = [0.25, 0.5]

[search.strategy]
name = "random"
setup.n_trials = 2
metrics.accuracy.direction = "maximize"
metrics.macs.direction = "minimize"
"#;

/// A network without convolutions, for both engines.
const FLAT: &str = r#"
batch_size = 64
max_epochs = 1
log_every_n_steps = 1
augment = { crop = 4, flip = true, cutout = 8 }
model = { name = "mlp", widths = [16], batch_norm = true }
dataset = { name = "shapes10", n_rows = 400 }
"#;

fn widths(model: &str, more: &[&str]) -> (Place, Run) {
    let place = Place::with_study(WIDTHS);
    let args = [
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        model,
        "shapes10",
    ];
    let run = place.run(&[&args[..], more].concat());
    (place, run)
}

/// Searches the widths of a model, and returns what is said of tied layers.
fn searched(model: &str) -> String {
    let place = Place::with_study(&WIDTHS.replace("vgg-tiny", model));
    let run = place.run(&["search", "--config", "study.toml", "--out", "out"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let log = place.json("out/log.json");
    let trials: Vec<&Value> = log.as_object().unwrap().values().collect();
    assert_eq!(trials.len(), 2);
    let base = "MACs · shapes10 (simulated)";
    let (macs, _) = run.stderr.split_once(base).unwrap();
    let macs: u64 = macs.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    for trial in trials {
        assert_eq!(trial["state"], "COMPLETE", "{trial}");
        let own = trial["user_attrs_hardware_metrics"]["macs"]
            .as_u64()
            .unwrap();
        assert!(2 * own < macs, "{own} of {macs} MACs");
    }
    let notes = run.stderr.lines().filter(|line| line.contains("are tied"));
    notes.collect::<Vec<_>>().join("\n")
}

#[test]
fn chains_of_convolutions_are_searched() {
    assert_snapshot!(searched("vgg-tiny"), @"");
}

#[test]
fn residual_networks_are_searched() {
    assert_snapshot!(searched("resnet-tiny"), @"note: layers whose channels are tied share one parameter: `stage_0_block_0_conv_1` follows `conv_0`; `stage_1_block_0_projection` follows `stage_1_block_0_conv_1`; `stage_2_block_0_projection` follows `stage_2_block_0_conv_1`");
}

#[test]
fn depthwise_networks_are_searched() {
    assert_snapshot!(searched("mobile-tiny"), @"note: layers whose channels are tied share one parameter: `block_0_depthwise` follows `conv_0`; `block_1_depthwise` follows `block_0_pointwise`; `block_2_depthwise` follows `block_1_pointwise`; `block_3_depthwise` follows `block_2_pointwise`");
}

#[test]
fn the_number_of_jobs_changes_no_picture() {
    let found = |n_jobs: &str| {
        let (place, run) = widths("vgg-tiny", &["--n-jobs", n_jobs]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let log = place.json("out/log.json");
        let trials = log.as_object().unwrap().values();
        trials
            .map(|trial| trial["user_attrs_software_metrics"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("1"), found("2"));
}

/// Returns the losses of batches and the validation loss of the flat network.
fn losses(study: &str, engine: &str) -> Vec<f64> {
    let place = Place::with_study(study);
    let args = [
        "train",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--engine",
        engine,
    ];
    let run = place.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let csv = place.read("out/metrics.csv");
    let cells = csv.lines().skip(1).flat_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        [cells[3].parse(), cells[7].parse()]
    });
    cells.filter_map(Result::ok).collect()
}

#[test]
fn both_engines_see_the_same_changed_pictures() {
    let [mlp, burn] = ["mlp", "burn"].map(|engine| losses(FLAT, engine));
    assert_eq!((mlp.len(), burn.len()), (6, 6));
    for (step, (mlp, burn)) in mlp.iter().zip(&burn).enumerate() {
        assert!((mlp - burn).abs() < 1e-5, "step {step}: {mlp}, {burn}");
    }
    let plain = losses(
        &FLAT.replace("crop = 4, flip = true, cutout = 8", ""),
        "mlp",
    );
    assert!((mlp[0] - plain[0]).abs() > 1e-3, "pictures are changed");
}

#[test]
fn changes_that_leave_nothing_of_a_picture_are_refused() {
    let said = |augment: &str| {
        let place = Place::with_study(&FLAT.replace("crop = 4, flip = true, cutout = 8", augment));
        let run = place.run(&["train", "--config", "study.toml", "--out", "out"]);
        let said = run.refused();
        said[said.find("error: ").unwrap()..].to_owned()
    };
    assert_snapshot!(said("crop = 32"), @r"
    error: `augment.crop` is 32: nothing would be left of pictures 32 wide in `study.toml`, line 5

    hint: usual for small pictures: `crop = 4`, `cutout = 8`
    ");
    assert_snapshot!(said("cutout = 100"), @r"
    error: `augment.cutout` is 100: nothing would be left of pictures 32 wide in `study.toml`, line 5

    hint: usual for small pictures: `crop = 4`, `cutout = 8`
    ");
}

#[test]
fn rows_of_numbers_are_not_changed() {
    let place = Place::with_study(FLAT);
    let args = [
        "train",
        "--config",
        "study.toml",
        "--out",
        "out",
        "jsc-tiny",
        "jets-sim",
    ];
    let run = place.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let note = "note: `augment` has no effect: `jets-sim` has rows of numbers, not pictures";
    assert!(run.stderr.contains(note), "{}", run.stderr);
}

#[test]
fn networks_for_pictures_refuse_rows_of_numbers() {
    let run = Place::new().run(&["train", "vgg-tiny", "jets-sim"]);
    assert_snapshot!(run.refused(), @"error: model `vgg-tiny`: input of shape [16] does not fit: this network takes images, such as [3, 32, 32]");
}
