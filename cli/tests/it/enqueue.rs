//! `enqueue`: searches that begin with given points.

use serde_json::Value;

use super::support::{Place, Run, STUDY};

/// 18 candidates, of which the first trials are given.
fn study(points: &str) -> String {
    let study = STUDY
        .replace("factor = [1, 2, 3]", "factor = [1, 2, 3, 4, 5, 6]")
        .replace("factor = [1, 2]", "factor = [1, 2, 3]")
        .replace("max_epochs = 2", "max_epochs = 1")
        .replace("n_trials = 4", "n_trials = 20");
    format!("{study}{points}")
}

const POINTS: &str = "
[[search.strategy.enqueue]]
seq_blocks_2.channel_multiplier.factor = 5
seq_blocks_4.channel_multiplier.factor = 2
[[search.strategy.enqueue]]
\"seq_blocks_2/channel_multiplier/factor\" = 6
[[search.strategy.enqueue]]
seq_blocks_4.channel_multiplier.factor = 1
";

fn search(place: &Place, more: &[&str]) -> Run {
    let mut args = vec!["search", "--config", "study.toml", "--out", "out"];
    args.extend(more);
    place.run(&args)
}

/// Returns the points of all trials, in their order: the factors of the two layers.
fn points(place: &Place, out: &str) -> Vec<(i64, i64)> {
    let log = place.json(&format!("{out}/log.json"));
    let n_trials = log.as_object().unwrap().len();
    let factor = |params: &Value, node: usize| {
        let name = format!("seq_blocks_{node}/channel_multiplier/factor");
        params[name].as_i64().unwrap()
    };
    (0..n_trials)
        .map(|number| &log[number.to_string()]["params"])
        .map(|params| (factor(params, 2), factor(params, 4)))
        .collect()
}

/// Returns a log without times.
fn timeless(place: &Place, out: &str) -> Value {
    let mut log = place.json(&format!("{out}/log.json"));
    for trial in log.as_object_mut().unwrap().values_mut() {
        let trial = trial.as_object_mut().unwrap();
        trial.retain(|key, _| !key.contains("datetime") && !key.contains("duration"));
    }
    log
}

#[test]
fn the_first_trials_are_the_given_points_and_no_strategy_repeats_them() {
    for strategy in [
        "brute",
        "grid",
        "random",
        "qmc",
        "tpe",
        "nsga2",
        "nsga3",
        "evolution",
    ] {
        let place = Place::with_study(&study(POINTS));
        let run = search(&place, &["--strategy", strategy]);
        assert_eq!(run.code, Some(0), "{strategy}: {}", run.stderr);
        let mut points = points(&place, "out");
        assert_eq!(points[0], (5, 2), "{strategy}");
        assert_eq!(points[1].0, 6, "{strategy}");
        assert_eq!(points[2].1, 1, "{strategy}");
        assert!(
            run.stderr
                .contains("the space is exhausted after 18 trials"),
            "{strategy}: {}",
            run.stderr
        );
        points.sort_unstable();
        points.dedup();
        assert_eq!(points.len(), 18, "{strategy}");
    }
}

#[test]
fn a_strategy_for_one_objective_goes_on_from_them_too() {
    let study = study(POINTS).replace("metrics.params.direction = \"minimize\"\n", "");
    let place = Place::with_study(&study);
    let run = search(&place, &["--strategy", "cma_es"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut points = points(&place, "out");
    assert_eq!(points[0], (5, 2));
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), 18);
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let place = Place::with_study(&study(POINTS));
    for jobs in ["1", "2", "5"] {
        let run = search(&place, &["--n-trials", "12", "--n-jobs", jobs]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        std::fs::rename(place.path("out"), place.path(jobs)).unwrap();
    }
    let alone = timeless(&place, "1");
    assert_eq!(alone.as_object().unwrap().len(), 12);
    assert_eq!(timeless(&place, "2"), alone);
    assert_eq!(timeless(&place, "5"), alone);
}

#[test]
fn the_resolved_study_gives_the_same_search() {
    let place = Place::with_study(&study(POINTS));
    search(&place, &["--n-trials", "10"]);
    let run = place.run(&["search", "--config", "out/config.toml", "--out", "again"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(timeless(&place, "again"), timeless(&place, "out"));
}

#[test]
fn the_best_of_an_earlier_search_begins_the_next_one() {
    let place = Place::with_study(&study(""));
    search(&place, &["--n-trials", "8"]);
    let best = place.json("out/best.json");
    // As a user copies it: `=` for `:`.
    let spelled = |field: &str| {
        let json = best["0"][field].to_string();
        json.replace("\":", "\" = ")
    };
    for field in ["params", "sampled_config"] {
        let points = format!("enqueue = [{}]\n", spelled(field));
        let place = Place::with_study(
            &study("").replace("name = \"tpe\"\n", &format!("name = \"tpe\"\n{points}")),
        );
        let run = search(&place, &["--n-trials", "1"]);
        assert_eq!(run.code, Some(0), "{points}{}", run.stderr);
        assert_eq!(
            place.json("out/log.json")["0"]["params"],
            best["0"]["params"]
        );
    }
}

#[test]
fn what_is_left_out_is_said_before_the_first_trial() {
    let again = "[[search.strategy.enqueue]]
        \"seq_blocks_2/channel_multiplier/factor\" = 5
        \"seq_blocks_4/channel_multiplier/factor\" = 2.0";
    let place = Place::with_study(&study(&format!("{POINTS}{again}")));
    let run = search(&place, &["--n-trials", "2", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said: Vec<&str> = run
        .stderr
        .lines()
        .filter(|line| line.contains("enqueue") || line.contains("of them given"))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    note: `search.strategy.enqueue[3]` is the same point as `search.strategy.enqueue[0]`: it is tried once
    note: `search.strategy.enqueue` has 3 points, but the study has 2 trials: the others are not tried
    searching 18 candidates with `tpe`, up to 2 trials, the first 2 of them given, 4 asked at a time · accuracy (maximize), params (minimize)
    ");
    let run = search(&place, &["--dry-run", "--format", "json"]);
    let facts: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(facts["n_enqueued"], 3);
}

#[test]
fn what_is_not_in_the_space_is_refused_before_the_first_trial() {
    let point = "[[search.strategy.enqueue]]\nseq_blocks_2.channel_multiplier.factor = 7\n";
    let place = Place::with_study(&study(point));
    let run = search(&place, &[]);
    insta::assert_snapshot!(run.refused(), @r"
    error: `search.strategy.enqueue[0].seq_blocks_2.channel_multiplier.factor` can't be `7` in `study.toml`, line 25

    hint: it can be `1`, `2`, `3`, `4`, `5`, `6`
    ");
    assert_eq!(place.list("."), ["study.toml"]);
    let point = "[[search.strategy.enqueue]]\nseq_blocks_22.channel_multiplier.factor = 2\n";
    let place = Place::with_study(&study(point));
    insta::assert_snapshot!(search(&place, &[]).refused(), @r"
    error: `search.strategy.enqueue[0].seq_blocks_22.channel_multiplier.factor` is not in the space in `study.toml`, line 25

    hint: did you mean `seq_blocks_2/channel_multiplier/factor`?
    ");
}
