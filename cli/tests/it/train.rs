//! `train` and `test`.

use super::support::{Place, STUDY};

#[test]
fn rows_that_a_network_was_trained_on_do_not_judge_it_unsaid() {
    let place = Place::new();
    let rows = (0..200).map(|row| format!("{row},{},{}\n", row * row % 17, row % 2));
    let table: String = std::iter::once("a,b,class\n".to_owned())
        .chain(rows)
        .collect();
    place.write("rows.csv", table);
    let data = ["mlp", "own", "--data", "rows.csv"];
    let train = [
        "train",
        "--seed",
        "1",
        "--max-epochs",
        "1",
        "--save",
        "a.safetensors",
    ];
    let trained = place.run(&[&train[..1], &data, &train[1..]].concat());
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    let warning = "warning: `a.safetensors` was trained with `seed` 1, and here it is 2: rows that \
                   it was trained on may be among those that judge it";
    for (seed, is_apart) in [("1", false), ("2", true)] {
        let test = ["--seed", seed, "--load-name", "a.safetensors"];
        let tested = place.run(&[&["test"], &data[..], &test].concat());
        assert_eq!(tested.code, Some(0), "{}", tested.stderr);
        assert_eq!(
            tested.stderr.contains(warning),
            is_apart,
            "{}",
            tested.stderr
        );
    }
}

#[test]
fn a_trained_network_is_kept_with_its_curves() {
    let place = Place::with_study(STUDY);
    let run = place.run(&[
        "train",
        "--config",
        "study.toml",
        "--max-epochs",
        "3",
        "--out",
        "out",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let files = [
        "accuracy.svg",
        "checkpoints",
        "config.toml",
        "loss.svg",
        "metrics.csv",
    ];
    assert_eq!(place.list("out"), files);
    let csv = place.read("out/metrics.csv");
    let epochs = csv
        .lines()
        .skip(1)
        .filter(|line| line.split(',').nth(1) == Some(""));
    assert_eq!(epochs.count(), 3);
    // Three dots for training, three for validation.
    assert_eq!(place.read("out/accuracy.svg").matches("<circle").count(), 6);
    assert!(
        place
            .read("out/loss.svg")
            .contains("on jets-sim (simulated)")
    );
    assert!(run.stdout.starts_with("| kept_epoch"), "{}", run.stdout);
}

#[test]
fn the_test_split_judges_what_train_left() {
    let place = Place::with_study(STUDY);
    place.run(&[
        "train",
        "--config",
        "study.toml",
        "--max-epochs",
        "20",
        "--out",
        "out",
    ]);
    let checkpoint = "out/checkpoints/best.safetensors";
    let args = [
        "test",
        "--config",
        "study.toml",
        "--load-name",
        checkpoint,
        "--format",
        "json",
    ];
    let run = place.run(&args);
    let judged: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let accuracy = judged["accuracy"].as_f64().unwrap();
    // Five classes: chance is 0.2.
    assert!((0.4..1.0).contains(&accuracy), "{accuracy}");
}

#[test]
fn a_file_of_the_resolved_study_trains_the_same_weights() {
    let place = Place::with_study(STUDY);
    place.run(&["train", "--config", "study.toml", "--out", "first"]);
    let run = place.run(&["train", "--config", "first/config.toml", "--out", "second"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let weights = |name: &str| std::fs::read(place.path(name)).unwrap();
    let (first, second) = (
        "first/checkpoints/best.safetensors",
        "second/checkpoints/best.safetensors",
    );
    assert!(weights(first) == weights(second), "the weights differ");
}

#[test]
fn earlier_results_are_kept_under_another_name() {
    let place = Place::with_study(STUDY);
    place.run(&["train", "--config", "study.toml", "--out", "out"]);
    let run = place.run(&["train", "--config", "study.toml", "--out", "out"]);
    assert!(
        run.stderr.contains("earlier results are kept in `out-1`"),
        "{}",
        run.stderr
    );
    assert_eq!(place.list("out"), place.list("out-1"));
}
