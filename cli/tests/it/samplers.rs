//! Strategies by name: MASE's samplers, and who is named where one refuses a study.

use std::fmt::Write;

use super::support::{Place, Run, STUDY};

fn search(place: &Place, more: &[&str]) -> Run {
    let mut args = vec!["search", "--config", "study.toml", "--out", "out"];
    args.extend(more);
    place.run(&args)
}

/// All strategies that come with the program, one of them by its alias.
const STRATEGIES: [&str; 9] = [
    "brute",
    "cma_es",
    "evolution",
    "grid",
    "nsga2",
    "nsga3",
    "qmc",
    "random",
    "tpe",
];

#[test]
fn samplers_of_mase_are_known_in_any_case() {
    for (sampler, strategy) in [
        ("random", "random"),
        ("tpe", "tpe"),
        ("TPE", "tpe"),
        ("nsgaii", "nsgaii"),
        ("NSGAII", "nsgaii"),
        ("nsgaiii", "nsgaiii"),
        ("NSGAiii", "nsgaiii"),
        ("qmc", "qmc"),
        ("QMC", "qmc"),
        ("brute", "brute"),
        ("bruteforce", "bruteforce"),
        ("BruteForce", "bruteforce"),
        ("brute-force", "brute-force"),
        ("Brute-Force", "brute-force"),
    ] {
        let study = STUDY.replace("max_epochs = 2", "max_epochs = 1").replace(
            "name = \"tpe\"",
            &format!("name = \"optuna\"\nsetup.sampler = \"{sampler}\""),
        );
        let place = Place::with_study(&study);
        let run = search(&place, &[]);
        assert_eq!(run.code, Some(0), "{sampler}: {}", run.stderr);
        let with = format!("with `{strategy}`");
        assert!(run.stderr.contains(&with), "{sampler}: {}", run.stderr);
        let log = place.json("out/log.json");
        assert_eq!(log.as_object().unwrap().len(), 4, "{sampler}");
    }
}

#[test]
fn a_sampler_that_is_not_known_is_refused_with_the_nearest() {
    let study = STUDY.replace(
        "name = \"tpe\"",
        "name = \"optuna\"\nsetup.sampler = \"nsgaiv\"",
    );
    let place = Place::with_study(&study);
    insta::assert_snapshot!(search(&place, &[]).refused(), @r"
    error: unknown strategy `nsgaiv` in `study.toml`, line 21

    hint: did you mean `nsga2`? `firebrick list strategies` shows the 9 that are known
    ");
}

/// Returns a study of one layer's width and another one's, for 1, 2 or 4 objectives.
fn study_of(widths: [&str; 2], n_objectives: usize) -> String {
    let metrics: String = ["accuracy", "params", "macs", "loss"][..n_objectives]
        .iter()
        .map(|metric| format!("metrics.{metric} = {{}}\n"))
        .collect();
    let (before, _) = STUDY.split_once("metrics.").unwrap();
    before
        .replace("factor = [1, 2, 3]", &format!("factor = {}", widths[0]))
        .replace("factor = [1, 2]", &format!("factor = {}", widths[1]))
        .replace("max_epochs = 2", "max_epochs = 1")
        + &metrics
}

#[test]
fn every_strategy_takes_a_study_or_refuses_it_before_the_first_trial() {
    let float = "{ low = 0.5, high = 2.0 }";
    let log = "{ low = 1, high = 64, log = true }";
    let mut table = String::new();
    for (name, widths, objectives) in [
        ("continuous", [float, "[1, 2]"], &[1, 2, 4][..]),
        ("log", [log, "[1, 2]"], &[1, 2]),
        ("two points", ["1", "[1, 2]"], &[1, 4]),
    ] {
        for n_objectives in objectives {
            let place = Place::with_study(&study_of(widths, *n_objectives));
            for strategy in STRATEGIES {
                let run = search(&place, &["--strategy", strategy, "--n-trials", "3"]);
                if run.code == Some(0) {
                    continue;
                }
                let refusal = run.refused().replace("\n\n", "\n");
                writeln!(table, "{name}, {n_objectives}: {refusal}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table, @r"
    continuous, 1: error: strategy `brute`: parameter `seq_blocks_2/channel_multiplier/factor` is continuous: trying every point needs a `step` in `--strategy`
    hint: `cma_es`, `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 1: error: strategy `grid`: parameter `seq_blocks_2/channel_multiplier/factor` is continuous: trying every point needs a `step` in `--strategy`
    hint: `cma_es`, `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 2: error: strategy `brute`: parameter `seq_blocks_2/channel_multiplier/factor` is continuous: trying every point needs a `step` in `--strategy`
    hint: `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 2: error: strategy `cma_es`: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them in `--strategy`
    hint: `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 2: error: strategy `grid`: parameter `seq_blocks_2/channel_multiplier/factor` is continuous: trying every point needs a `step` in `--strategy`
    hint: `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 4: error: strategy `brute`: parameter `seq_blocks_2/channel_multiplier/factor` is continuous: trying every point needs a `step` in `--strategy`
    hint: `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 4: error: strategy `cma_es`: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them in `--strategy`
    hint: `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    continuous, 4: error: strategy `grid`: parameter `seq_blocks_2/channel_multiplier/factor` is continuous: trying every point needs a `step` in `--strategy`
    hint: `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    log, 2: error: strategy `cma_es`: the study has 2 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them in `--strategy`
    hint: `brute`, `grid`, `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    two points, 4: error: strategy `cma_es`: the study has 4 objectives, `cma_es` takes one; `sum_scaled_metrics` makes one of them in `--strategy`
    hint: `brute`, `grid`, `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    ");
}

#[test]
fn a_trillion_candidates_are_no_limit() {
    let wide = "{ low = 1, high = 1000000 }";
    let place = Place::with_study(&study_of([wide, wide], 1));
    for strategy in STRATEGIES {
        let run = search(&place, &["--strategy", strategy, "--dry-run"]);
        assert_eq!(run.code, Some(0), "{strategy}: {}", run.stderr);
        let announced = "searching 1000000000000 candidates";
        assert!(run.stderr.contains(announced), "{strategy}: {}", run.stderr);
    }
}

#[test]
fn a_space_with_conditions_is_refused_with_those_that_take_it() {
    let study = STUDY
        .replace("metrics.params.direction = \"minimize\"\n", "")
        .replace(
            "seq_blocks_4.channel_multiplier.factor = [1, 2]",
            "seq_blocks_4.quantize = { name = [\"integer\", \"NA\"], weight_width = [8, 4] }",
        );
    let place = Place::with_study(&study);
    let run = search(&place, &["--strategy", "cma_es"]);
    insta::assert_snapshot!(run.refused(), @r#"
    note: `seq_blocks_0` (batch_norm) computes in float32, as no seed gives a number format: `seed.seq_blocks_0.quantize.format = ["int16"]` does, or fold what follows a layer into it with the pass `fold_batch_norm`
    error: strategy `cma_es`: parameter `seq_blocks_4/quantize/weight_width` exists only under a condition, where there is nothing to learn for the others in `--strategy`

    hint: `brute`, `grid`, `nsga2`, `nsga3`, `qmc`, `random`, `regularized_evolution` and `tpe` take it
    "#);
    assert_eq!(place.list("out"), [] as [&str; 0]);
}
