//! Which engine trains what, and why.

use std::fs;

use serde_json::Value;

use super::built::built;
use super::support::{Place, Run, STUDY, plugin_folder, shared};

/// A search whose candidates are chains, or not.
const WAYS: &str = r#"
model = "jsc-three-linear"
batch_size = 256
max_epochs = 1

[dataset]
name = "jets-sim"
n_rows = 1000

[search.search_space.seed.seq_blocks_2.shortcut]
on = [false, true]

[search.search_space.seed.seq_blocks_4.channel_multiplier]
factor = [1, 2]

[search.strategy]
name = "brute"
setup.n_trials = 4
metrics.accuracy.direction = "maximize"
metrics.params.direction = "minimize"
"#;

/// Makes a place with a study and, in the folder `plugins`, the model `residual` and the pass
/// `shortcut`: networks that are no chains.
fn with_branches(study: &str) -> Place {
    let place = Place::with_study(study);
    let library = "libbranches.so";
    let file = built("cli/tests/fixtures/branches", &["build"], library);
    fs::create_dir(place.path("plugins")).unwrap();
    fs::copy(file, place.path("plugins").join(library)).unwrap();
    place
}

/// Runs the program with what is in the folder `plugins`.
fn run(place: &Place, args: &[&str]) -> Run {
    place.run(&[&["--plugin-dir", "plugins"], args].concat())
}

/// Takes an engine away: what else is staged is in the folder `plugins`, and found there alone.
pub(crate) fn run_without(place: &Place, engine: &str, args: &[&str]) -> Run {
    for entry in fs::read_dir(plugin_folder()).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap();
        if !name.to_string_lossy().contains(&format!("engine_{engine}")) {
            let folder = place.path("plugins");
            fs::create_dir_all(&folder).unwrap();
            let to = folder.join(name);
            // A second name for the file, where both are on one disk: the engines are large.
            if !to.exists() && fs::hard_link(&file, &to).is_err() {
                fs::copy(&file, to).unwrap();
            }
        }
    }
    let mut command = place.command(args);
    command.env("FIREBRICK_PLUGIN_PATH", place.path("plugins"));
    let output = command.output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Returns the line that names the engine, without the number of cores.
fn engine_line(run: &Run) -> String {
    let line = run.stderr.lines().find(|line| line.starts_with("engine "));
    let line = line.unwrap_or_else(|| panic!("no engine: {}", run.stderr));
    let words = line.split(' ').map(|word| match word.parse::<usize>() {
        Ok(_) => "N",
        Err(_) => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_default_study_goes_to_the_fastest() {
    let run = Place::new().run(&["search", "--dry-run"]);
    insta::assert_snapshot!(engine_line(&run), @"engine mlp on cpu, N at a time (auto: the fastest of mlp, burn that can train this network)");
}

#[test]
fn the_study_of_the_seed_goes_to_the_fastest() {
    let Some(study) = shared("seed/jsc-three_by_type_grid.toml") else {
        return;
    };
    let study = study.to_string_lossy();
    let device = ["--accelerator", "cpu", "--dataset", "jets-sim"];
    let args = [&["search", "--dry-run", "--config", &study], &device[..]].concat();
    let run = Place::new().run(&args);
    insta::assert_snapshot!(engine_line(&run), @"engine mlp on cpu, N at a time (auto: the fastest of mlp, burn that can train this network)");
}

#[test]
fn an_engine_that_is_named_decides() {
    let named = |args: &[&str]| {
        let place = Place::with_study(&format!("engine = \"burn\"\n{STUDY}"));
        let args = [&["search", "--config", "study.toml", "--dry-run"], args].concat();
        engine_line(&place.run(&args))
    };
    assert_eq!(named(&[]), "engine burn on cpu, N at a time");
    assert_eq!(
        named(&["--engine", "mlp"]),
        "engine mlp on cpu, N at a time"
    );
    let auto = named(&["--engine", "auto"]);
    assert!(auto.starts_with("engine mlp on cpu, N at a time (auto: "));
}

#[test]
fn trials_say_which_engine_trained_them() {
    let place = Place::with_study(STUDY);
    let args = ["search", "--config", "study.toml", "--out", "out"];
    place.run(&[&args[..], &["--engine", "burn", "--max-epochs", "1"]].concat());
    assert_eq!(place.json("out/log.json")["0"]["engine"], "burn");
    assert_eq!(place.json("out/best.json")["0"]["engine"], "burn");
}

#[test]
fn a_network_that_is_no_chain_goes_to_the_engine_that_takes_it() {
    let place = with_branches("");
    let args = ["train", "residual", "jets-sim", "--max-epochs", "1"];
    let run = run(&place, &args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    insta::assert_snapshot!(engine_line(&run), @"engine burn on cpu, N at a time (auto: the fastest of mlp, burn that can train this network)");
}

#[test]
fn each_candidate_goes_to_the_first_engine_that_takes_it() {
    let place = with_branches(WAYS);
    let args = ["search", "--config", "study.toml", "--n-jobs", "4"];
    let both = run(&place, &[&args[..], &["--out", "both"]].concat());
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    let log = place.json("both/log.json");
    let trials: Vec<&Value> = log.as_object().unwrap().values().collect();
    let engines = trials.iter().map(|trial| {
        let has_shortcut = trial["params"]["seq_blocks_2/shortcut/on"] == true;
        match (trial["engine"].as_str(), has_shortcut) {
            (Some("mlp"), false) | (Some("burn"), true) => trial["state"].as_str().unwrap(),
            other => panic!("{other:?} of {trial}"),
        }
    });
    assert!(engines.clone().all(|state| state == "COMPLETE"));
    assert_eq!(engines.count(), 4);
    let notes: Vec<&str> = both
        .stderr
        .lines()
        .filter(|line| line.starts_with("note: trial"))
        .collect();
    insta::assert_snapshot!(notes.join("\n"), @"note: trial 0, and others like it, go to engine burn instead of mlp");

    // Each in its place: burn alone finds the same.
    let burn = run(
        &place,
        &[&args[..], &["--out", "burn", "--engine", "burn"]].concat(),
    );
    assert_eq!(burn.code, Some(0), "{}", burn.stderr);
    let alone = place.json("burn/log.json");
    for trial in trials {
        let other = &alone[trial["number"].to_string()];
        assert_eq!(other["params"], trial["params"]);
        let loss = |trial: &Value| {
            trial["user_attrs_software_metrics"]["loss"]
                .as_f64()
                .unwrap()
        };
        assert!((loss(other) - loss(trial)).abs() < 1e-4, "{trial}\n{other}");
    }
}

#[test]
fn no_engine_is_an_error_with_what_each_says() {
    let place = with_branches("");
    let args = ["train", "residual", "jets-sim"];
    let run = run_without(&place, "burn", &args);
    insta::assert_snapshot!(run.refused(), @r"
    error: no engine here can train this network
      engine `mlp`: node `sum` (add) is not for this engine, which runs chains of linear, batch_norm, relu and dropout
    
    hint: engine `burn` trains any network: `cargo xtask build` builds it, `cargo xtask install` installs it
    ");
    let dry_run = [&args[..], &["--dry-run"]].concat();
    run_without(&place, "burn", &dry_run).refused();
    let told = run_without(
        &place,
        "burn",
        &[&dry_run[..], &["--format", "json"]].concat(),
    );
    let told = json(&told);
    assert_eq!(
        (&told["engine"], &told["device"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(told["engine_asked"], "auto");
    assert!(told["reason"].as_str().unwrap().contains("`mlp`"));
}

#[test]
fn an_engine_that_is_named_and_can_not_names_one_that_can() {
    let place = with_branches("");
    let run = run(
        &place,
        &["train", "residual", "jets-sim", "--engine", "mlp"],
    );
    insta::assert_snapshot!(run.refused(), @r"
    error: can't train this network: engine `mlp`: node `sum` (add) is not for this engine, which runs chains of linear, batch_norm, relu and dropout
    
    hint: `--engine burn` can
    ");
}

#[test]
fn candidates_that_no_engine_takes_are_told_before_and_infeasible() {
    let place = with_branches(WAYS);
    let args = ["search", "--config", "study.toml", "--out", "out"];
    let dry = [&args[..], &["--dry-run", "--format", "json"]].concat();
    let refused = &json(&run_without(&place, "burn", &dry))["refused"];
    let run = run_without(&place, "burn", &args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = run.stderr.lines();
    let told: Vec<&str> = lines.filter(|line| line.contains("`mlp`: ")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    warning: no engine here can train some of the candidates: engine `mlp`: node `seq_blocks_2_sum` (add) is not for this engine, which runs chains of linear, batch_norm, relu and dropout
    trial 0: infeasible: engine `mlp`: node `seq_blocks_2_sum` (add) is not for this engine, which runs chains of linear, batch_norm, relu and dropout
    trial 1: infeasible: engine `mlp`: node `seq_blocks_2_sum` (add) is not for this engine, which runs chains of linear, batch_norm, relu and dropout
    ");
    assert!(told[0].ends_with(refused.as_str().unwrap()), "{refused}");
}
