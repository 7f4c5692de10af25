//! What a file comes to: every value decided, and what has no effect.

use std::collections::BTreeMap;

use firebrick_core::objective::Direction;
use firebrick_core::recipe::{LrScheduler, Optimizer};
use serde_json::json;

use super::*;

#[test]
fn the_jsc_file_of_the_seed() {
    let Some(text) = seed_file("jsc-three_by_type_grid.toml") else {
        return;
    };
    let loaded = search(&text);
    insta::assert_snapshot!(loaded.study.to_toml(), @r#"
    accelerator = "cuda"
    task = "classification"
    engine = "auto"
    project = "jsc-threeLinear"
    seed = 42
    load_name = "NA"
    max_epochs = 5
    batch_size = 512
    learning_rate = 0.01
    lr_scheduler = "cosine"
    lr_step_epochs = "NA"
    lr_gamma = 0.1
    warmup_epochs = 0.0
    optimizer = "adam"
    weight_decay = 0.0
    momentum = 0.9
    nesterov = true
    label_smoothing = 0.0
    gradient_clip_norm = "NA"
    augment = { crop = 0, flip = false, cutout = 0 }
    keep = "best"
    patience = "NA"
    log_every_n_steps = 5

    [model]
    name = "jsc-d"

    [dataset]
    name = "jsc"
    path = "NA"
    label = "NA"
    n_rows = "NA"
    standardize = true
    validation = 0.2
    test = 0.2

    [quantization]
    mode = "qat"
    float_epochs = "NA"

    [quantization.calibration]
    method = "mse"
    samples = 1024

    [search]
    inherit = "net2net"
    importance = "l1"

    [search.search_space]
    name = "graph/quantize/mixed_precision_ptq"

    [search.search_space.setup]
    by = "name"

    [search.search_space.seed.default.config]
    name = ["NA"]

    [search.search_space.seed.seq_blocks_2.config]
    name = ["output_only"]
    channel_multiplier = [1, 2, 4, 6, 8, 10]

    [search.search_space.seed.seq_blocks_4.config]
    name = ["both"]
    channel_multiplier = [1, 2, 4, 6, 8, 10]

    [search.search_space.seed.seq_blocks_6.config]
    name = ["input_only"]

    [search.strategy]
    name = "tpe"

    [search.strategy.settings]

    [search.strategy.sw_runner.basic_train]
    max_epochs = 5
    batch_size = 512
    learning_rate = 0.01
    lr_scheduler = "cosine"
    lr_step_epochs = "NA"
    lr_gamma = 0.1
    warmup_epochs = 0.0
    optimizer = "adam"
    weight_decay = 0.0
    momentum = 0.9
    nesterov = true
    label_smoothing = 0.0
    gradient_clip_norm = "NA"
    augment = { crop = 0, flip = false, cutout = 0 }
    keep = "best"
    patience = "NA"

    [search.strategy.hw_runner.average_bitwidth]
    compare_to = 32

    [search.strategy.setup]
    n_trials = 40
    n_jobs = 1
    timeout = 20000.0
    population = 4
    sum_scaled_metrics = false

    [search.strategy.metrics.accuracy]
    scale = 1.0
    direction = "maximize"

    [search.strategy.metrics.average_bitwidth]
    scale = 0.2
    direction = "minimize"
    "#);
    insta::assert_snapshot!(notices(&loaded), @"
    `log_every_n_steps` in `studies/x.toml`, line 12 has no effect: only `firebrick train` keeps the losses of batches
    `load_type` in `studies/x.toml`, line 14 has no effect: no `load_name` is given, weights start fresh
    `passes.quantize` in `studies/x.toml`, line 16 has no effect: only `firebrick transform` and `train` apply passes one by one
    `search.strategy.eval_mode` in `studies/x.toml`, line 47 has no effect: candidates are always judged with running statistics and without dropout
    `search.strategy.sw_runner.basic_evaluation.data_loader` in `studies/x.toml`, line 50 has no effect: candidates are judged on the validation split
    `search.strategy.sw_runner.basic_evaluation.num_samples` in `studies/x.toml`, line 51 has no effect: candidates are judged on the whole validation split
    ");
}

#[test]
fn the_vgg7_file_of_the_seed() {
    let Some(text) = seed_file("vgg7_by_type.toml") else {
        return;
    };
    let loaded = search(&text);
    insta::assert_snapshot!(loaded.study.to_toml(), @r#"
    accelerator = "gpu"
    task = "classification"
    engine = "auto"
    project = "vgg7-brute"
    seed = 42
    load_name = "NA"
    max_epochs = 10
    batch_size = 128
    learning_rate = 0.1
    lr_scheduler = "cosine"
    lr_step_epochs = "NA"
    lr_gamma = 0.1
    warmup_epochs = 0.0
    optimizer = "adam"
    weight_decay = 0.0
    momentum = 0.9
    nesterov = true
    label_smoothing = 0.0
    gradient_clip_norm = "NA"
    augment = { crop = 0, flip = false, cutout = 0 }
    keep = "best"
    patience = "NA"
    log_every_n_steps = 5

    [model]
    name = "vgg7"

    [dataset]
    name = "cifar10"
    path = "NA"
    label = "NA"
    n_rows = "NA"
    standardize = true
    validation = 0.1
    test = 0.2

    [quantization]
    mode = "qat"
    float_epochs = "NA"

    [quantization.calibration]
    method = "mse"
    samples = 1024

    [search]
    inherit = "net2net"
    importance = "l1"

    [search.search_space]
    name = "graph/quantize/mixed_precision_ptq"

    [search.search_space.setup]
    by = "name"

    [search.search_space.seed.default.config]
    name = ["NA"]

    [search.search_space.seed.feature_layers_0.config]
    name = ["output_only"]
    channel_multiplier = [1, 2]

    [search.search_space.seed.feature_layers_3.config]
    name = ["both"]
    channel_multiplier = [1, 2, 4, 8]

    [search.search_space.seed.feature_layers_7.config]
    name = ["both"]
    channel_multiplier = [1, 2, 4, 8]

    [search.search_space.seed.feature_layers_10.config]
    name = ["both"]
    channel_multiplier = [1, 2, 4, 8]

    [search.search_space.seed.feature_layers_14.config]
    name = ["both"]
    channel_multiplier = [1, 2, 4, 8]

    [search.search_space.seed.feature_layers_17.config]
    name = ["input_only"]

    [search.strategy]
    name = "brute"

    [search.strategy.settings]

    [search.strategy.sw_runner.basic_train]
    max_epochs = 10
    batch_size = 128
    learning_rate = 0.1
    lr_scheduler = "cosine"
    lr_step_epochs = "NA"
    lr_gamma = 0.1
    warmup_epochs = 0.0
    optimizer = "adam"
    weight_decay = 0.0
    momentum = 0.9
    nesterov = true
    label_smoothing = 0.0
    gradient_clip_norm = "NA"
    augment = { crop = 0, flip = false, cutout = 0 }
    keep = "best"
    patience = "NA"

    [search.strategy.hw_runner.average_bitwidth]
    compare_to = 32

    [search.strategy.setup]
    n_trials = 100
    n_jobs = 1
    timeout = 20000.0
    population = 4
    sum_scaled_metrics = false

    [search.strategy.metrics.accuracy]
    scale = 1.0
    direction = "maximize"

    [search.strategy.metrics.average_bitwidth]
    scale = 0.2
    direction = "minimize"
    "#);
    // What the machine lacks is said with its line.
    let error = loaded.blame(Subject::Model, "unknown model `vgg7`", None);
    insta::assert_snapshot!(error, @"unknown model `vgg7` in `studies/x.toml`, line 2");
    let error = loaded.blame(Subject::Dataset, "unknown data set `cifar10`", None);
    insta::assert_snapshot!(error, @"unknown data set `cifar10` in `studies/x.toml`, line 3");
}

#[test]
fn an_empty_file_has_the_defaults() {
    let loaded = read_as("", &Options::default(), Verb::Train).unwrap();
    insta::assert_snapshot!(loaded.study.to_toml(), @r#"
    accelerator = "auto"
    task = "classification"
    engine = "auto"
    project = "jsc-three-linear_jets-sim"
    seed = 0
    load_name = "NA"
    max_epochs = 10
    batch_size = 128
    learning_rate = 0.001
    lr_scheduler = "cosine"
    lr_step_epochs = "NA"
    lr_gamma = 0.1
    warmup_epochs = 0.0
    optimizer = "adam"
    weight_decay = 0.0
    momentum = 0.9
    nesterov = true
    label_smoothing = 0.0
    gradient_clip_norm = "NA"
    augment = { crop = 0, flip = false, cutout = 0 }
    keep = "best"
    patience = "NA"
    log_every_n_steps = 50

    [model]
    name = "jsc-three-linear"

    [dataset]
    name = "jets-sim"
    path = "NA"
    label = "NA"
    n_rows = "NA"
    standardize = true
    validation = 0.2
    test = 0.2

    [quantization]
    mode = "qat"
    float_epochs = "NA"

    [quantization.calibration]
    method = "mse"
    samples = 1024
    "#);
    assert!(loaded.notices.is_empty());
    let without = load(None, &Options::default(), Verb::Train).unwrap();
    assert_eq!(without.study, loaded.study);
}

#[test]
fn a_search_without_metrics_weighs_accuracy_against_parameters() {
    let mut loaded = search("[search]");
    let goal = &loaded.study.search.as_ref().unwrap().goal;
    assert_eq!(
        goal.directions(),
        [Direction::Maximize, Direction::Minimize]
    );
    loaded.add_analyses(|name| name == "params");
    let analyses = &loaded.study.search.unwrap().analyses;
    assert_eq!(analyses[0].name, "params");
    assert_eq!(analyses.len(), 1);
}

#[test]
fn na_is_as_good_as_absent_or_null() {
    let loaded = search(
        "project = \"NA\"\nload_name = \"NA\"\npatience = \"NA\"
        [model]
        name = \"mlp\"
        widths = [\"NA\", 2]
        [search.strategy.settings]
        gamma = \"NA\"
        ",
    );
    assert_eq!(loaded.study.project, "mlp_jets-sim");
    assert_eq!(loaded.study.load_name, None);
    assert_eq!(loaded.study.model.args, json!({"widths": [null, 2]}));
    assert_eq!(
        loaded.study.search.unwrap().settings,
        json!({"gamma": null})
    );
}

#[test]
fn a_file_of_ones_own_is_named_by_its_path() {
    let loaded = search("[dataset]\npath = \"data/wine.csv\"\nlabel = \"class\"");
    assert_eq!(loaded.study.dataset.name, "wine");
    assert_eq!(loaded.study.dataset.path.as_deref(), Some("data/wine.csv"));
    assert_eq!(loaded.study.project, "jsc-three-linear_wine");
}

#[test]
fn a_plugin_in_a_name_makes_no_folder() {
    let loaded = search("model = \"mine/net\"");
    assert_eq!(loaded.study.project, "mine-net_jets-sim");
}

#[test]
fn passes_keep_the_order_of_the_file_and_lose_config() {
    let text = "
        [passes.widen]
        by = \"name\"
        seq_blocks_2.config.factor = 2
        seq_blocks_4.factor = 4
        [passes.average_bitwidth]
        compare_to = 32
        [passes.quantize]
        default.config = { name = \"integer\", widths = [\"NA\"] }
        ";
    let loaded = read_as(text, &Options::default(), Verb::Transform).unwrap();
    let passes: Vec<(&str, &Json)> = loaded
        .study
        .passes
        .iter()
        .map(|step| (step.name.as_str(), &step.args))
        .collect();
    let widen = json!({"by": "name", "seq_blocks_2": {"factor": 2}, "seq_blocks_4": {"factor": 4}});
    let quantize = json!({"default": {"name": "integer", "widths": [null]}});
    let expected = [
        ("widen", &widen),
        ("average_bitwidth", &json!({"compare_to": 32})),
        ("quantize", &quantize),
    ];
    assert_eq!(passes, expected);
}

#[test]
fn a_quantize_of_nothing_is_said_and_left_out() {
    let text = "[passes.quantize]\nby = \"type\"\ndefault.config.name = \"NA\"";
    let loaded = read_as(text, &Options::default(), Verb::Transform).unwrap();
    assert!(loaded.study.passes.is_empty());
    insta::assert_snapshot!(notices(&loaded), @"`passes.quantize` in `studies/x.toml`, line 1 has no effect: it gives no node a format");
}

#[test]
fn a_quantize_that_is_wrong_is_left_to_the_pass() {
    for entry in [
        "default = \"int8\"",
        "seq_blocks_2 = 8",
        "seq_blocks_2 = { config = { name = \"NA\" }, name = \"NA\" }",
    ] {
        let text = format!("[passes.quantize]\n{entry}");
        let loaded = read_as(&text, &Options::default(), Verb::Transform).unwrap();
        assert_eq!(loaded.study.passes.len(), 1, "{entry}");
    }
}

#[test]
fn keys_without_effect_are_said() {
    let loaded = search(
        "num_workers = 4
        log_every_n_steps = 5
        [passes.widen]
        [search.strategy]
        name = \"tpe\"
        setup = { sampler = \"random\", direction = \"maximize\", pkl_ckpt = \"a\", save_every_n_trials = 10 }
        sw_runner.basic_evaluation.dataloader = \"val_dataloader\"
        sw_runner.basic_train = { num_samples = 5, num_warmup_steps = 1, log_every_n_steps = 2 }
        [search.search_space]
        setup.model_parallel = true
        seed.a.config = { name = [\"input_only\", \"NA\"], channel_multiplier = [2] }
        seed.b.config = { name = [\"NA\"], data_in_width = [8] }
        ",
    );
    insta::assert_snapshot!(notices(&loaded), @"
    `num_workers` in `studies/x.toml`, line 1 has no effect: it is a setting of MASE that Firebrick does not have
    `log_every_n_steps` in `studies/x.toml`, line 2 has no effect: only `firebrick train` keeps the losses of batches
    `passes.widen` in `studies/x.toml`, line 3 has no effect: only `firebrick transform` and `train` apply passes one by one
    `search.strategy.setup.sampler` in `studies/x.toml`, line 6 has no effect: the strategy is `tpe`; a sampler is one of `optuna`
    `search.strategy.setup.direction` in `studies/x.toml`, line 6 has no effect: `sum_scaled_metrics` is off: every metric has its own direction
    `search.strategy.setup.pkl_ckpt` in `studies/x.toml`, line 6 has no effect: no search starts from a pickle
    `search.strategy.setup.save_every_n_trials` in `studies/x.toml`, line 6 has no effect: results are written after every batch of trials
    `search.strategy.sw_runner.basic_evaluation.dataloader` in `studies/x.toml`, line 7 has no effect: candidates are judged on the validation split
    `search.strategy.sw_runner.basic_train.log_every_n_steps` in `studies/x.toml`, line 8 has no effect: only `firebrick train` keeps the losses of batches
    `search.strategy.sw_runner.basic_train.num_samples` in `studies/x.toml`, line 8 has no effect: a candidate is trained on the whole training split
    `search.strategy.sw_runner.basic_train.num_warmup_steps` in `studies/x.toml`, line 8 has no effect: `warmup_epochs` says how long the rate climbs
    `search.search_space.setup.model_parallel` in `studies/x.toml`, line 10 has no effect: a network trains on one device
    `search.search_space.seed.a.config.channel_multiplier` in `studies/x.toml`, line 11 has no effect: `input_only` or `NA` takes none
    `search.search_space.seed.b.config.data_in_width` in `studies/x.toml`, line 12 has no effect: `NA` takes none
    ");
}

#[test]
fn basic_train_is_the_recipe_of_the_search_alone() {
    let loaded = search(
        "max_epochs = 20
        patience = 3
        [search.strategy.sw_runner.basic_train]
        max_epochs = 5
        optimizer = \"sgd\"
        patience = \"NA\"
        ",
    );
    let recipe = &loaded.study.search.as_ref().unwrap().recipe;
    assert_eq!(loaded.study.recipe.max_epochs, 20);
    assert_eq!(loaded.study.recipe.patience, Some(3));
    assert_eq!((recipe.max_epochs, recipe.patience), (5, None));
    assert_eq!(recipe.optimizer, Optimizer::Sgd);
    assert_eq!(recipe.batch_size, loaded.study.recipe.batch_size);
}

#[test]
fn a_search_takes_the_rest_of_its_schedule_from_the_study() {
    let loaded = search(
        "lr_scheduler = \"step\"
        lr_step_epochs = 4
        warmup_epochs = 1
        gradient_clip_norm = 2
        label_smoothing = 0.1
        [search.strategy.sw_runner.basic_train]
        lr_gamma = 0.5
        gradient_clip_norm = \"NA\"
        ",
    );
    let (study, search) = (&loaded.study.recipe, &loaded.study.search);
    let recipe = &search.as_ref().unwrap().recipe;
    assert_eq!(recipe.lr_scheduler, LrScheduler::Step);
    assert_eq!((recipe.lr_step_epochs, recipe.lr_gamma), (Some(4), 0.5));
    assert_eq!((study.lr_step_epochs, study.lr_gamma), (Some(4), 0.1));
    assert_eq!((study.warmup_epochs, recipe.warmup_epochs), (1.0, 1.0));
    assert_eq!((study.label_smoothing, recipe.label_smoothing), (0.1, 0.1));
    let clips = (study.gradient_clip_norm, recipe.gradient_clip_norm);
    assert_eq!(clips, (Some(2.0), None));
    assert!(loaded.notices.is_empty(), "every key has an effect");
}

#[test]
fn keys_of_a_schedule_without_steps_are_said() {
    let keys = "lr_step_epochs = 2\nlr_gamma = 0.5\n";
    let train = format!("[search.strategy.sw_runner.basic_train]\n{keys}");
    insta::assert_snapshot!(notices(&search(&format!("{keys}{train}"))), @r#"
    `lr_step_epochs` in `studies/x.toml`, line 1 has no effect: only `lr_scheduler = "step"` takes it
    `lr_gamma` in `studies/x.toml`, line 2 has no effect: only `lr_scheduler = "step"` takes it
    `search.strategy.sw_runner.basic_train.lr_step_epochs` in `studies/x.toml`, line 4 has no effect: only `lr_scheduler = "step"` takes it
    `search.strategy.sw_runner.basic_train.lr_gamma` in `studies/x.toml`, line 5 has no effect: only `lr_scheduler = "step"` takes it
    "#);
    // The search takes those of the study.
    let train = "[search.strategy.sw_runner.basic_train]\nlr_scheduler = \"step\"";
    assert!(search(&format!("{keys}{train}")).notices.is_empty());
    // A study that was written as it was resolved says nothing.
    let written = search("").study.to_toml();
    assert!(search(&written).notices.is_empty());
}

#[test]
fn optuna_is_its_sampler() {
    let strategy = |text: &str| {
        let loaded = search(&format!("[search.strategy]\n{text}"));
        loaded.study.search.unwrap().strategy
    };
    assert_eq!(
        strategy("name = \"optuna\"\nsetup.sampler = \"TPE\""),
        "tpe"
    );
    assert_eq!(strategy("name = \"optuna\""), "tpe");
    assert_eq!(strategy("setup.sampler = \"brute\""), "brute");
    assert_eq!(strategy("name = \"mine/halving\""), "mine/halving");
}

#[test]
fn one_job_a_core_has_two_spellings() {
    let n_jobs = |value: &str| {
        let loaded = search(&format!("[search.strategy.setup]\nn_jobs = {value}"));
        loaded.study.search.unwrap().n_jobs
    };
    assert_eq!(n_jobs("3"), Some(3));
    assert_eq!(n_jobs("\"auto\""), None);
    assert_eq!(n_jobs("-1"), None);
}

#[test]
fn values_come_by_metric_name_and_scaled() {
    let loaded = search(
        "[search.strategy.metrics]
        params = { scale = 0.5, direction = \"minimize\" }
        accuracy = { scale = 2.0, direction = \"maximize\" }
        ",
    );
    let goal = loaded.study.search.unwrap().goal;
    let metrics = BTreeMap::from([
        ("accuracy".to_owned(), 0.7),
        ("params".to_owned(), 100.0),
        ("loss".to_owned(), 1.0),
    ]);
    assert_eq!(goal.values(&metrics), Ok(vec![1.4, 50.0]));
    let scaled = BTreeMap::from([("accuracy".to_owned(), 1.4), ("params".to_owned(), 50.0)]);
    assert_eq!(goal.scaled_metrics(&metrics), scaled);
    assert_eq!(
        goal.values(&BTreeMap::from([("accuracy".to_owned(), 0.7)])),
        Err("params".to_owned())
    );
}

#[test]
fn a_sum_subtracts_what_goes_the_other_way() {
    let sum = |params: &str| {
        let loaded = search(&format!(
            "[search.strategy]
            setup = {{ sum_scaled_metrics = true, direction = \"maximize\" }}
            metrics.accuracy.scale = 1.0
            metrics.params = {params}"
        ));
        let goal = loaded.study.search.unwrap().goal;
        assert_eq!(goal.directions(), [Direction::Maximize]);
        let metrics = [("accuracy".to_owned(), 0.75), ("params".to_owned(), 8.0)];
        goal.values(&BTreeMap::from(metrics)).unwrap()
    };
    assert_eq!(sum("{ scale = 0.5, direction = \"minimize\" }"), [-3.25]);
    // Without a direction of its own a metric counts as MASE counts it.
    assert_eq!(sum("{ scale = 0.5 }"), [4.75]);
    assert_eq!(sum("{ scale = -0.5 }"), [-3.25]);
}

#[test]
fn says_which_pruner_stops_nothing() {
    let noted = |strategy: &str| {
        let text = format!("max_epochs = 4\n[search.strategy]\n{strategy}");
        notices(&search(&text))
    };
    let texts = [
        "pruner = { name = \"median\", n_warmup_epochs = 3 }",
        "pruner = { name = \"asha\", min_epochs = 4 }",
        "pruner = { name = \"hyperband\", min_epochs = 5 }",
        "pruner.name = \"wilcoxon\"\nmetrics.accuracy.direction = \"maximize\"",
        "pruner = { name = \"wilcoxon\", n_startup_epochs = 4 }",
        "pruner = { name = \"wilcoxon\", p_threshold = 0.2 }",
        "pruner.name = \"median\"\nsetup.n_trials = 5",
        "pruner.name = \"median\"\nsetup.n_trials = 8",
        "pruner.name = \"asha\"\nsetup = { n_trials = 12, population = 12 }",
    ];
    insta::assert_snapshot!(texts.map(noted).join("\n"), @r"
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `max_epochs` is 4, the first look is after epoch 4
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `max_epochs` is 4, the first look is after epoch 4
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `max_epochs` is 4, the first look is after epoch 5
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `max_epochs` is 4, the first look is after epoch 4
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `max_epochs` is 4, the first look is after epoch 4
    `search.strategy.pruner.p_threshold` in `studies/x.toml`, line 3 has no effect: there are several objectives, so no test is made
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `n_startup_trials` is 5, the last trial begins when 4 have ended
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `n_startup_trials` is 5, the last trial begins when 4 have ended
    `search.strategy.pruner` in `studies/x.toml`, line 3 has no effect: `n_trials` is 12, and 12 are asked for at a time (`population`), so that none begins after another ended
    ");
    let works = [
        "pruner = { name = \"median\", n_warmup_epochs = 2 }",
        "pruner = { name = \"asha\", min_epochs = 3 }",
        "pruner.name = \"median\"\nsetup.n_trials = 9",
        "pruner.name = \"median\"\nsetup = { n_trials = 6, population = 5 }",
        "pruner.name = \"asha\"\nsetup = { n_trials = 13, population = 12 }",
        "pruner = { name = \"hyperband\", min_epochs = 3 }",
        "pruner = { name = \"wilcoxon\", p_threshold = 0.2 }\nmetrics.accuracy.direction = \"maximize\"",
        "pruner = { name = \"wilcoxon\", p_threshold = 0.1 }",
        "pruner.name = \"none\"",
    ];
    assert_eq!(works.map(noted), [""; 9]);
}

#[test]
fn says_where_nothing_is_inherited() {
    let noted = |text: &str| notices(&search(text));
    let texts = [
        "[search]\ninherit = \"slice\"\nimportance = \"l2\"",
        "load_name = \"base.safetensors\"\nsearch.inherit = \"none\"",
    ];
    insta::assert_snapshot!(texts.map(noted).join("\n"), @r"
    `search.inherit` in `studies/x.toml`, line 2 has no effect: the study names no checkpoint (`load_name`) to start from
    `search.importance` in `studies/x.toml`, line 3 has no effect: the study names no checkpoint (`load_name`) to start from
    `load_name` in `studies/x.toml`, line 1 has no effect: `search.inherit` is `none`: candidates start from noise
    ");
    let works = [
        "search.importance = \"l1\"",
        "load_name = \"base.safetensors\"\nsearch.inherit = \"slice\"",
        "load_name = \"base.safetensors\"",
    ];
    assert_eq!(works.map(noted), [""; 3]);
    let text = "load_name = \"base.safetensors\"\nsearch.inherit = \"none\"";
    let loaded = read_as(text, &Options::default(), Verb::Train).unwrap();
    assert_eq!(notices(&loaded), "", "a training starts from it");
}
