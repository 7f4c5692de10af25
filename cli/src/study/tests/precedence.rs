//! Default below file below command line.

use firebrick_core::recipe::LrScheduler;

use super::*;

fn given(options: &[(&str, &str, Json)]) -> Options {
    let mut all = Options::default();
    for (key, flag, value) in options {
        all.give(key, flag, Some(value.clone()));
    }
    all
}

#[test]
fn a_flag_wins_even_if_it_says_the_default() {
    let text = "batch_size = 64\nseed = 7";
    let options = given(&[
        ("batch_size", "--batch-size", 128.into()),
        ("seed", "--seed", 0.into()),
    ]);
    let study = read_as(text, &options, Verb::Train).unwrap().study;
    assert_eq!((study.recipe.batch_size, study.seed), (128, 0));
}

#[test]
fn a_flag_wins_over_the_recipe_of_the_search() {
    let text = "[search.strategy.sw_runner.basic_train]\nmax_epochs = 5\nbatch_size = 32";
    let options = given(&[("max_epochs", "--max-epochs", 2.into())]);
    let search = read_as(text, &options, Verb::Search).unwrap().study.search;
    let recipe = search.unwrap().recipe;
    assert_eq!((recipe.max_epochs, recipe.batch_size), (2, 32));
}

#[test]
fn a_key_of_the_schedule_wins_over_the_recipe_of_the_search() {
    let keys = [
        ("lr_scheduler", "step".into()),
        ("lr_step_epochs", 2.into()),
        ("lr_gamma", 0.5.into()),
        ("warmup_epochs", 1.5.into()),
        ("label_smoothing", 0.2.into()),
        ("gradient_clip_norm", 3.0.into()),
    ];
    let text = "[search.strategy.sw_runner.basic_train]
        lr_scheduler = \"constant\"
        lr_step_epochs = 9
        lr_gamma = 0.9
        warmup_epochs = 9
        label_smoothing = 0.9
        gradient_clip_norm = 9";
    let options = given(&keys.map(|(key, value): (_, Json)| (key, "--set", value)));
    let loaded = read_as(text, &options, Verb::Search).unwrap();
    let recipe = loaded.study.search.unwrap().recipe;
    assert_eq!(recipe.lr_scheduler, LrScheduler::Step);
    assert_eq!((recipe.lr_step_epochs, recipe.lr_gamma), (Some(2), 0.5));
    assert_eq!((recipe.warmup_epochs, recipe.label_smoothing), (1.5, 0.2));
    assert_eq!(recipe.gradient_clip_norm, Some(3.0));
}

#[test]
fn a_flag_wins_over_another_name_of_its_key() {
    let options = given(&[("optimizer", "--optimizer", "adamw".into())]);
    let text = "training_optimizer = \"sgd\"";
    let study = read_as(text, &options, Verb::Train).unwrap().study;
    let expected = firebrick_core::recipe::Optimizer::AdamW;
    assert_eq!(study.recipe.optimizer, expected);
}

#[test]
fn another_dataset_takes_nothing_from_that_of_the_file_but_the_split() {
    let text = "[dataset]\nname = \"wine\"\npath = \"wine.csv\"\nlabel = \"class\"\ntest = 0.3";
    let options = given(&[("dataset", "--dataset", "jets-sim".into())]);
    let loaded = read_as(text, &options, Verb::Train).unwrap();
    let dataset = &loaded.study.dataset;
    assert_eq!(
        (dataset.path.as_ref(), dataset.label.as_ref()),
        (None, None)
    );
    assert_eq!(dataset.test, 0.3);
    insta::assert_snapshot!(notices(&loaded), @"
    `dataset.path` in `studies/x.toml`, line 3 has no effect: it belongs to what `--dataset` replaces
    `dataset.label` in `studies/x.toml`, line 4 has no effect: it belongs to what `--dataset` replaces
    ");
}

#[test]
fn a_flag_can_give_a_dataset_its_file() {
    let options = given(&[
        ("dataset.path", "--data", "jets.csv".into()),
        ("dataset", "--dataset", "jsc".into()),
    ]);
    let loaded = read_as("dataset = \"jets-sim\"", &options, Verb::Train).unwrap();
    let dataset = &loaded.study.dataset;
    assert_eq!(dataset.name, "jsc");
    assert_eq!(dataset.path.as_deref(), Some("jets.csv"));
    assert!(loaded.notices.is_empty());
}

#[test]
fn a_file_replaces_the_data_of_the_built_in_study() {
    let options = given(&[("dataset.path", "--data", "wine.csv".into())]);
    let study = load(None, &options, Verb::Search).unwrap().study;
    assert_eq!(study.dataset.name, "wine");
}

#[test]
fn another_model_takes_no_arguments_from_the_file() {
    let text = "[model]\nname = \"mlp\"\nwidths = [64]";
    let same = given(&[("model", "MODEL", "mlp".into())]);
    let study = read_as(text, &same, Verb::Train).unwrap().study;
    assert_eq!(study.model.args, serde_json::json!({"widths": [64]}));
    let other = given(&[("model", "MODEL", "jsc-tiny".into())]);
    let loaded = read_as(text, &other, Verb::Train).unwrap();
    assert_eq!(loaded.study.model.name, "jsc-tiny");
    assert_eq!(loaded.study.model.args, serde_json::json!({}));
    insta::assert_snapshot!(notices(&loaded), @"`model.widths` in `studies/x.toml`, line 3 has no effect: it belongs to what `MODEL` replaces");
}

#[test]
fn another_strategy_takes_no_settings_from_the_file() {
    let text = "[search.strategy]\nname = \"optuna\"\nsetup.sampler = \"tpe\"\nsettings.gamma = 1";
    let options = given(&[("search.strategy.name", "--strategy", "brute".into())]);
    let loaded = read_as(text, &options, Verb::Search).unwrap();
    let search = loaded.study.search.as_ref().unwrap();
    assert_eq!(search.strategy, "brute");
    assert_eq!(search.settings, serde_json::json!({}));
    insta::assert_snapshot!(notices(&loaded), @"
    `search.strategy.setup.sampler` in `studies/x.toml`, line 3 has no effect: it belongs to what `--strategy` replaces
    `search.strategy.settings` in `studies/x.toml`, line 4 has no effect: it belongs to what `--strategy` replaces
    ");
}

#[test]
fn the_same_strategy_keeps_its_settings() {
    let text = "[search.strategy]\nname = \"optuna\"\nsetup.sampler = \"tpe\"\nsettings.gamma = 1";
    let options = given(&[("search.strategy.name", "--strategy", "tpe".into())]);
    let loaded = read_as(text, &options, Verb::Search).unwrap();
    let search = loaded.study.search.as_ref().unwrap();
    assert_eq!(search.settings, serde_json::json!({"gamma": 1}));
    assert!(loaded.notices.is_empty());
}

#[test]
fn flags_make_no_space() {
    let options = given(&[("search.strategy.setup.n_trials", "--n-trials", 3.into())]);
    let loaded = read_as("seed = 1", &options, Verb::Search).unwrap();
    let graph = "x = input[4]\ny = output(x)".parse().unwrap();
    let error = loaded
        .search_space(&graph, 1, &BTreeMap::new())
        .unwrap_err();
    insta::assert_snapshot!(shown(&error), @"nothing to search: there is no `[search.search_space.seed]`");
}
