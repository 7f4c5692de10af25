//! What surroundings do to a run: readers that leave, folders that go, time that ends.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use super::support::{Place, STUDY};

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = Place::with_study(STUDY);
    let search = ["search", "--config", "study.toml"];
    for args in [&["list"][..], &["list", "--format", "json"], &search] {
        let mut command = place.command(args);
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
    // Nobody watched, and everything is there.
    let log = place.json("firebrick_output/small/log.json");
    assert_eq!(log.as_object().unwrap().len(), 4);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_told_once() {
    let place = Place::new();
    let mut command = place.command(&["list"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let output = command.stdout(full.unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: can't write to stdout
      caused by: No space left on device (os error 28)
    ");
}

#[test]
fn trials_that_had_finished_are_kept_when_the_time_ends() {
    // Of the four of the only batch, three take a moment and one takes minutes.
    let study = STUDY
        .replace("factor = [1, 2, 3]", "factor = [1, 128]")
        .replace("factor = [1, 2]", "factor = [1, 128]")
        .replace("max_epochs = 2", "max_epochs = 50")
        .replace("name = \"tpe\"", "name = \"brute\"");
    let place = Place::with_study(&study);
    let run = place.run(&[
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--n-jobs",
        "1",
        "--timeout",
        "3",
    ]);
    assert!(run.stderr.contains("time is over: "), "{}", run.stderr);
    let n_kept = place.json("out/log.json").as_object().unwrap().len();
    assert!((1..4).contains(&n_kept), "{n_kept} of 4: {}", run.stderr);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_folder_that_goes_while_a_search_runs_is_made_again() {
    let place = Place::with_study(STUDY);
    let args = [
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--timeout",
        "2",
    ];
    let mut command = place.command(&[&args[..], &["--max-epochs", "100000"]].concat());
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !place.path("out/checkpoints").is_dir() {
        assert!(start.elapsed() < Duration::from_secs(60), "no folder yet");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::remove_dir_all(place.path("out")).unwrap();
    let stderr = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(
        stderr.contains("warning: `out` was gone and is made again"),
        "{stderr}"
    );
    assert_eq!(
        place.list("out"),
        ["best.json", "checkpoints", "config.toml", "log.json"]
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_takes_no_results() {
    let place = Place::with_study(STUDY);
    std::os::unix::fs::symlink("nowhere", place.path("link")).unwrap();
    let run = place.run(&["search", "--config", "study.toml", "--out", "link"]);
    assert_snapshot!(run.refused(), @r"
    error: can't use `link` for results
      caused by: it is a link to nothing

    hint: choose another folder with `--out DIR`
    ");
}

#[test]
fn a_plugin_folder_that_is_not_there() {
    let run = Place::new().run(&["list", "--plugin-dir", "nowhere"]);
    assert_snapshot!(run.refused(), @"error: there is no folder `nowhere` in `--plugin-dir`");
}

#[test]
fn a_pass_that_can_not_be_applied_is_found_in_the_file() {
    let place =
        Place::with_study("model = \"jsc-d\"\n[passes.channel_multiplier]\nseq.factor = 2\n");
    let run = place.run(&["transform", "--config", "study.toml"]);
    assert_snapshot!(run.refused(), @r"
    error: pass `channel_multiplier` can't be applied in `study.toml`, line 2
      caused by: no node matches `seq`

    hint: did you mean `seq_blocks_0`?
    ");
}

#[test]
fn a_number_of_rows_that_can_not_be_taken_is_found_in_the_file() {
    let place = Place::with_study(&STUDY.replace("n_rows = 1000", "n_rows = 3"));
    let run = place.run(&["search", "--config", "study.toml"]);
    assert_snapshot!(run.refused(), @"error: cannot take 3 rows of dataset `jets-sim`, only 15 to 10000000 in `study.toml`, line 13");
}

#[test]
fn what_is_known_of_absent_data_is_json_too() {
    let run = Place::new().run(&["data", "describe", "jsc", "--format", "json"]);
    let described: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(described["name"], "jsc");
    assert_eq!(run.code, Some(0));
}

#[test]
fn a_data_file_that_was_named_must_be_there() {
    let run = Place::new().run(&["data", "describe", "jsc", "--data", "absent.csv"]);
    assert_snapshot!(run.refused(), @"error: cannot read `absent.csv`: No such file or directory (os error 2)");
}

#[test]
fn a_resolved_study_says_nothing_about_its_defaults() {
    let place = Place::with_study(STUDY);
    place.run(&["search", "--config", "study.toml", "--out", "first"]);
    let run = place.run(&["search", "--config", "first/config.toml", "--out", "second"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stderr.contains("note: "), "{}", run.stderr);
    assert_eq!(
        place.read("first/best.json"),
        place.read("second/best.json")
    );
}

#[test]
fn a_label_with_a_class_for_every_row_is_named_as_a_reason() {
    let place = Place::new();
    let rows: Vec<String> = (0..50).map(|row| format!("{row},{row}\n")).collect();
    place.write("table.csv", format!("feature,label\n{}", rows.concat()));
    let run = place.run(&["train", "mlp", "--data", "table.csv"]);
    assert_snapshot!(run.refused(), @r"
    error: dataset `table` has too few rows for a validation split: 50

    hint: every class is split by itself, after rows that repeat are dropped; has the label a class for nearly every row?
    ");
}

#[test]
fn a_flag_that_changes_nothing_says_so() {
    let place = Place::with_study("model = \"jsc-d\"\n[passes.params]\n");
    let args = [
        "transform",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--engine",
        "burn",
    ];
    let run = place.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_snapshot!(run.stderr, @r"
    note: `--out` has no effect: nothing is written
    note: `--engine` has no effect: nothing is trained
    ");
}

#[test]
fn a_sum_of_metrics_is_announced_as_one() {
    let study = STUDY.replace(
        "metrics.params.direction",
        "metrics.params.scale = 1e-4\nmetrics.params.direction",
    ) + "setup.sum_scaled_metrics = true\nsetup.direction = \"maximize\"\n";
    let run = Place::with_study(&study).run(&["search", "--config", "study.toml"]);
    let line = run
        .stderr
        .lines()
        .find(|line| line.starts_with("searching"));
    assert_snapshot!(line.unwrap_or(&run.stderr), @"searching 6 candidates with `tpe`, up to 4 trials, 4 asked at a time · maximize the sum of accuracy, -0.0001 params");
}

/// Runs a search on a terminal, if `script` can make one, and returns what it showed.
#[cfg(target_os = "linux")]
fn on_a_terminal(place: &Place, args: &[&str]) -> Option<String> {
    let inner = place.command(args);
    let words = [inner.get_program()].into_iter().chain(inner.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.display())).collect();
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &line.join(" "), "/dev/null"]);
    command.current_dir(place.path(".")).stdin(Stdio::null());
    for (key, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    let output = command.env("TERM", "xterm").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn the_live_line_knows_no_end_before_it_moves() {
    let place = Place::with_study(STUDY);
    let args = ["search", "--config", "study.toml", "--max-epochs", "4000"];
    let Some(shown) = on_a_terminal(&place, &args) else {
        return;
    };
    assert!(shown.contains("trial 0/4"), "{shown}");
    assert!(
        !shown.contains("trial 0/4 [                        ] ETA 0"),
        "{shown}"
    );
    assert!(
        shown.contains("=> "),
        "the bar moves in the first batch: {shown}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_network_that_no_memory_holds_is_infeasible() {
    // 81 layers of 2^30 weights each: every one is a layer, all together are two terabytes.
    let study = format!(
        "[model]\nname = \"mlp\"\nwidths = {:?}\n[dataset]\nname = \"jets-sim\"\nn_rows = 1000\n\
         [search.search_space]\nsetup.by = \"regex_name\"\n\
         seed.\"seq_blocks_([2-9]|\\\\d{{2}}|1[0-5]\\\\d)\".channel_multiplier.factor = [4095, 4096]\n\
         [search.strategy]\nname = \"random\"\nsetup.n_trials = 1\n",
        [8; 81]
    );
    let run = Place::with_study(&study).run(&["search", "--config", "study.toml"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let is_refused = |line: &str| line.contains("infeasible: training takes ");
    assert!(run.stderr.lines().any(is_refused), "{}", run.stderr);
}

#[test]
fn an_argument_that_an_analysis_does_not_have_is_found_in_the_file() {
    let place = Place::with_study(&format!("{STUDY}hw_runner.params.x = 1\n"));
    let run = place.run(&["search", "--config", "study.toml"]);
    assert_snapshot!(run.refused(), @"error: pass `params` can't measure the network: unknown field `x`, there are no fields in `study.toml`, line 24");
}
