//! A trained base, and candidates that start from it.

use insta::assert_snapshot;
use serde_json::Value;

use super::support::{Place, Run, STUDY};

/// Makes a place with the small study and, in `base.safetensors`, its trained base.
fn with_base() -> Place {
    let place = Place::with_study(STUDY);
    let args = [
        "train",
        "--config",
        "study.toml",
        "--max-epochs",
        "8",
        "--out",
        "base",
    ];
    let run = place.run(&[&args[..], &["--save", "base.safetensors"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = "start from them with `--load-name base.safetensors`";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    place
}

/// Searches all six points, with a line of `[search]`.
fn search(place: &Place, line: &str, more: &[&str]) -> Run {
    let study = STUDY.replace(
        "[search.search_space.seed]",
        &format!("[search]\n{line}\n[search.search_space.seed]"),
    );
    place.write("study.toml", study);
    let args = [
        "search",
        "--config",
        "study.toml",
        "--out",
        "out",
        "--strategy",
        "brute",
    ];
    let run = place.run(&[&args[..], &["--n-trials", "6"], more].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

const LOADED: [&str; 2] = ["--load-name", "base.safetensors"];

/// Returns the metrics on the validation split of all trials, by params.
fn judged(place: &Place) -> Vec<(String, f64, f64)> {
    let log = place.json("out/log.json");
    let of = |trial: &Value, metric: &str| {
        trial["user_attrs_software_metrics"][metric]
            .as_f64()
            .unwrap()
    };
    let trials = log.as_object().unwrap().values();
    let mut judged: Vec<_> = trials
        .map(|trial| {
            (
                trial["params"].to_string(),
                of(trial, "loss"),
                of(trial, "accuracy"),
            )
        })
        .collect();
    judged.sort_by(|one, other| one.0.cmp(&other.0));
    judged
}

#[test]
fn what_was_saved_is_what_was_trained() {
    let place = with_base();
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert!(read("base.safetensors") == read("base/checkpoints/best.safetensors"));
    let args = ["test", "--config", "study.toml", "--format", "json"];
    let run = place.run(&[&args[..], &LOADED].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn wider_candidates_begin_where_the_base_ended() {
    let place = with_base();
    let csv = place.read("base/metrics.csv");
    let epochs = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>());
    let losses = epochs
        .filter(|cells| cells[1].is_empty())
        .map(|cells| cells[7].parse::<f64>());
    // The study keeps the epoch of the least loss.
    let base = losses.map(Result::unwrap).fold(f64::INFINITY, f64::min);
    let run = search(
        &place,
        "inherit = \"net2net\"",
        &[&LOADED[..], &["--no-train"]].concat(),
    );
    assert!(run.stderr.contains("note: `--no-train`"), "{}", run.stderr);
    let wider = judged(&place);
    assert_eq!(wider.len(), 6);
    for (params, loss, _) in &wider {
        assert!(
            (loss - base).abs() < 1e-5,
            "{params}: {loss}, the base {base}"
        );
    }
    search(
        &place,
        "inherit = \"slice\"",
        &[&LOADED[..], &["--no-train"]].concat(),
    );
    let differ = judged(&place)
        .iter()
        .filter(|(_, loss, _)| (loss - base).abs() > 1e-3)
        .count();
    assert_eq!(
        differ, 5,
        "new channels are noise in all but the base itself"
    );
}

#[test]
fn a_trained_base_saves_epochs() {
    let place = with_base();
    let accuracy = |line: &str, more: &[&str]| {
        search(&place, line, &[&["--max-epochs", "1"], more].concat());
        let judged = judged(&place);
        judged.iter().map(|(_, _, accuracy)| accuracy).sum::<f64>() / judged.len() as f64
    };
    let noise = accuracy("", &[]);
    let inherited = accuracy("inherit = \"net2net\"", &LOADED);
    assert!(inherited > noise + 0.1, "{inherited}, from noise {noise}");
}

#[test]
fn a_checkpoint_changes_nothing_where_nothing_is_inherited() {
    let place = with_base();
    search(&place, "", &[]);
    let noise = judged(&place);
    let run = search(&place, "inherit = \"none\"", &LOADED);
    assert_eq!(judged(&place), noise);
    let note = "note: `load_name` in `--load-name` has no effect: `search.inherit` is `none`";
    assert!(run.stderr.contains(note), "{}", run.stderr);
}

#[test]
fn importance_decides_what_narrower_candidates_keep() {
    let place = with_base();
    let narrow = STUDY.replace("[1, 2, 3]", "[0.25, 0.5]");
    let of = |importance: &str| {
        let line = format!("[search]\nimportance = \"{importance}\"\n[search.search_space.seed]");
        place.write(
            "study.toml",
            narrow.replace("[search.search_space.seed]", &line),
        );
        let args = [
            "search",
            "--config",
            "study.toml",
            "--out",
            "out",
            "--no-train",
        ];
        let run = place.run(&[&args[..], &LOADED].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        judged(&place)
    };
    assert_ne!(of("l1"), of("random"));
    assert_eq!(of("l1"), of("l1"));
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let place = with_base();
    let args = [
        "search",
        "--config",
        "study.toml",
        "--load-name",
        "base.safetensors",
    ];
    let said = |more: &[&str]| place.run(&[&args[..], more].concat()).refused().to_owned();
    assert_snapshot!(said(&["--dry-run", "jsc-s"]), @r"
    note: `model.logits` in `study.toml`, line 9 has no effect: it belongs to what `MODEL` replaces
    error: can't use checkpoint `base.safetensors`
      caused by: tensor `module_list_0.weight` is missing

    hint: was it trained with the same model, arguments and data set?
    ");
    place.write(
        "other.toml",
        "model = { name = \"mlp\", widths = [16, 16] }\n",
    );
    let args = ["train", "--config", "other.toml", "jsc-tiny", "jets-sim"];
    let run = place.run(&[&args[..], &LOADED].concat());
    assert_snapshot!(run.refused().split("error: ").last().unwrap(), @r"
    can't use checkpoint `base.safetensors`
      caused by: tensor `seq_blocks_2.weight` has shape [16, 16], the network expects [5, 16]

    hint: was it trained with the same model, arguments and data set?
    ");
}

#[test]
fn a_file_that_can_not_be_saved_is_refused_before_training() {
    let place = Place::with_study(STUDY);
    let said = |file: &str| {
        let args = [
            "train",
            "--config",
            "study.toml",
            "--out",
            "out",
            "--save",
            file,
        ];
        let run = place.run(&args);
        assert_eq!(place.list("out"), Vec::<String>::new());
        run.refused().to_owned()
    };
    assert_snapshot!(said("nowhere/base.safetensors"), @r"
    error: can't save the weights as `nowhere/base.safetensors`: its folder does not exist

    hint: make the folder first
    ");
    assert_snapshot!(said("."), @r"
    error: can't save the weights as `.`: it is a folder

    hint: name a file: `--save base.safetensors`
    ");
}
