//! `--dry-run`: says everything, does nothing.

use serde_json::Value;

use super::support::{Place, Run, STUDY};

fn json(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_search_is_said_and_not_done() {
    let place = Place::with_study(STUDY);
    let run = place.run(&["search", "--config", "study.toml", "--dry-run"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    let said = run.stderr.replace(" 1 at a time", " N at a time");
    let said = said.replace(" 2 at a time", " N at a time");
    insta::assert_snapshot!(said, @r"
    jsc-three-linear: 661 parameters, 592 MACs · jets-sim (simulated): 600 training, 200 validation, 200 test rows
    engine mlp on cpu, N at a time (auto: the fastest of mlp, burn that can train this network)
    searching 6 candidates with `tpe`, up to 4 trials, 4 asked at a time · accuracy (maximize), params (minimize)
    dry run: nothing was trained, no results were written
    ");
    assert_eq!(place.list("."), ["study.toml"]);
}

#[test]
fn a_search_is_told_as_json() {
    let place = Place::with_study(STUDY);
    let args = ["search", "--config", "study.toml", "--dry-run"];
    let run = place.run(&[&args[..], &["--format", "json"]].concat());
    insta::assert_snapshot!(run.stdout, @r#"
    {
      "engine": "mlp",
      "device": "cpu",
      "engine_asked": "auto",
      "accelerator": "auto",
      "model": "jsc-three-linear",
      "params": 661,
      "macs": 592,
      "dataset": "jets-sim",
      "simulated_data": true,
      "rows": {
        "train": 600,
        "validation": 200,
        "test": 200
      },
      "n_points": 6,
      "n_trials": 4,
      "n_enqueued": 0,
      "strategy": "tpe",
      "objectives": "accuracy (maximize), params (minimize)",
      "refused": null
    }
    "#);
    assert_eq!(place.list("."), ["study.toml"]);
}

#[test]
fn training_and_testing_are_said_and_not_done() {
    let place = Place::with_study(STUDY);
    let train = ["train", "--config", "study.toml", "--dry-run"];
    let run = place.run(&train);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert!(run.stderr.contains("\nengine mlp on cpu"), "{}", run.stderr);
    let told = json(&place.run(&[&train[..], &["--format", "json"]].concat()));
    assert_eq!((&told["params"], &told["macs"]), (&661.into(), &592.into()));
    assert_eq!(place.list("."), ["study.toml"]);

    let checkpoint = "out/checkpoints/best.safetensors";
    let test = ["test", "--config", "study.toml", "--load-name", checkpoint];
    let dry = [&test[..], &["--dry-run", "--format", "json"]].concat();
    let error = place.run(&dry);
    assert!(error.refused().contains(checkpoint), "{}", error.stderr);
    place.run(&["train", "--config", "study.toml", "--out", "out"]);
    assert_eq!(json(&place.run(&dry))["engine"], "mlp");
}

#[test]
fn mistakes_are_found() {
    let place = Place::with_study(&STUDY.replace("seq_blocks_2", "seq_blocks_9"));
    for format in ["text", "json"] {
        let args = ["search", "--config", "study.toml", "--dry-run", "--format"];
        let run = place.run(&[&args[..], &[format]].concat());
        let error = run.refused();
        assert!(error.contains("no node matches `seq_blocks_9`"), "{error}");
    }
}
