//! What users read when a study file is wrong: every class of error, as one list each.

use super::*;

/// Returns what is wrong with each text, beside the text.
fn refusals(texts: &[&str]) -> String {
    let mut out = String::new();
    for text in texts {
        let error = read_as(text, &Options::default(), Verb::Search).unwrap_err();
        out.push_str(&format!(
            "{text}\n  {}\n",
            shown(&error).replace('\n', "\n  ")
        ));
    }
    out
}

/// The same below `[search.strategy]`.
fn strategy_refusals(texts: &[&str]) -> String {
    let texts: Vec<String> = texts
        .iter()
        .map(|text| format!("[search.strategy]\n{text}"))
        .collect();
    refusals(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The same below `[search.search_space]`.
fn space_refusals(texts: &[&str]) -> String {
    let texts: Vec<String> = texts
        .iter()
        .map(|text| format!("[search.search_space]\n{text}"))
        .collect();
    refusals(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn says_what_is_no_toml() {
    insta::assert_snapshot!(refusals(&[
        "max_epochs =",
        "seed = 1\n[search",
        "seed = 1\nseed = 2",
        "[passes.a]\n[passes.a]",
        "model = \"a",
        "seed = 99999999999999999999",
        "learning_rate = 1e999",
        "learning_rate = nan",
        "project = 2024-02-01",
    ]), @r#"
    max_epochs =
      not TOML: string values must be quoted, expected literal string in `studies/x.toml`, line 1
    seed = 1
    [search
      not TOML: unclosed table, expected `]` in `studies/x.toml`, line 2
    seed = 1
    seed = 2
      not TOML: duplicate key in `studies/x.toml`, line 2
    [passes.a]
    [passes.a]
      not TOML: duplicate key in `studies/x.toml`, line 2
    model = "a
      not TOML: invalid basic string, expected `"` in `studies/x.toml`, line 1
    seed = 99999999999999999999
      99999999999999999999 does not fit 64 bits in `studies/x.toml`, line 1
    learning_rate = 1e999
      1e999 is not a finite number in `studies/x.toml`, line 1
    learning_rate = nan
      nan is not a finite number in `studies/x.toml`, line 1
    project = 2024-02-01
      no key takes a date, found 2024-02-01 in `studies/x.toml`, line 1
    "#);
}

#[test]
fn says_what_is_no_text() {
    let source = Source {
        name: "x.toml",
        bytes: b"model = \"a\"\nproject = \"\xff\"",
    };
    let error = load(Some(source), &Options::default(), Verb::Train).unwrap_err();
    assert_eq!(error.to_string(), "not UTF-8 text in `x.toml`, line 2");
}

#[test]
fn says_what_is_of_the_wrong_type_or_out_of_range() {
    insta::assert_snapshot!(refusals(&[
        "max_epochs = \"five\"",
        "\nmax_epochs = 0",
        "batch_size = -1",
        "batch_size = 1.5",
        "learning_rate = -0.1",
        "learning_rate = \"fast\"",
        "weight_decay = -1",
        "momentum = 1",
        "patience = 0",
        "seed = -1",
        "nesterov = 1",
        "model = 3",
        "model = \"\"",
        "dataset = [\"a\"]",
        "project = \"a/b\"",
        "project = \"..\"",
        "passes = 3",
        "passes.quantize = true",
        "search = 3",
        "[dataset]\nn_rows = 0",
        "[dataset]\nvalidation = 1.0",
        "[dataset]\nvalidation = 0.5\ntest = 0.5",
    ]), @r#"
    max_epochs = "five"
      `max_epochs` must be a whole number of at least 1, is `"five"` in `studies/x.toml`, line 1

    max_epochs = 0
      `max_epochs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    batch_size = -1
      `batch_size` must be a whole number of at least 1, is `-1` in `studies/x.toml`, line 1
    batch_size = 1.5
      `batch_size` must be a whole number of at least 1, is `1.5` in `studies/x.toml`, line 1
    learning_rate = -0.1
      `learning_rate` must be a number above 0, is `-0.1` in `studies/x.toml`, line 1
    learning_rate = "fast"
      `learning_rate` must be a number above 0, is `"fast"` in `studies/x.toml`, line 1
    weight_decay = -1
      `weight_decay` must be a number of at least 0, is `-1` in `studies/x.toml`, line 1
    momentum = 1
      `momentum` must be a number of at least 0 and below 1, is `1` in `studies/x.toml`, line 1
    patience = 0
      `patience` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 1
    seed = -1
      `seed` must be a whole number of at least 0, is `-1` in `studies/x.toml`, line 1
    nesterov = 1
      `nesterov` must be `true` or `false`, is `1` in `studies/x.toml`, line 1
    model = 3
      `model` must be a name or a table, is `3` in `studies/x.toml`, line 1
    model = ""
      `model.name` must be a text that is not empty, is `""` in `studies/x.toml`, line 1
    dataset = ["a"]
      `dataset` must be a name or a table, is a list in `studies/x.toml`, line 1
    project = "a/b"
      `project` must be the name of a folder, without `/`, is `"a/b"` in `studies/x.toml`, line 1
    project = ".."
      `project` must be the name of a folder, without `/`, is `".."` in `studies/x.toml`, line 1
    passes = 3
      `passes` must be a table, is `3` in `studies/x.toml`, line 1
    passes.quantize = true
      `passes.quantize` must be a table, is `true` in `studies/x.toml`, line 1
    search = 3
      `search` must be a table, is `3` in `studies/x.toml`, line 1
    [dataset]
    n_rows = 0
      `dataset.n_rows` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [dataset]
    validation = 1.0
      `dataset.validation` must be a share above 0 and below 1, is `1.0` in `studies/x.toml`, line 2
    [dataset]
    validation = 0.5
    test = 0.5
      validation (0.5) and test (0.5) leave no rows to train on in `studies/x.toml`, line 3
    "#);
}

#[test]
fn says_what_is_unknown_and_what_is_near() {
    insta::assert_snapshot!(refusals(&[
        "max_epoch = 5",
        "colour = \"red\"",
        "optimizer = \"adm\"",
        "optimizer = \"adam\"\ntraining_optimizer = \"sgd\"",
        "accelerator = \"tpu\"",
        "accelerator = 1",
        "task = \"lm\"",
        "task = \"clss\"",
        "lr_scheduler = \"linear\"",
        "keep = \"first\"",
        "load_type = \"zip\"",
        "load_name = \"best.ckpt\"\nload_type = \"pl\"",
        "[dataset]\npath = \"a.csv\"\nlable = \"class\"",
        "[search]\nstrateggy = 1",
    ]), @r#"
    max_epoch = 5
      unknown key `max_epoch` in `studies/x.toml`, line 1
        hint: did you mean `max_epochs`?
    colour = "red"
      unknown key `colour` in `studies/x.toml`, line 1
        hint: known: `model`, `dataset`, `task`, `max_epochs`, `batch_size`, `learning_rate`, `optimizer`, `weight_decay`, `momentum`, `nesterov`, `lr_scheduler`, `lr_step_epochs`, `lr_gamma`, `warmup_epochs`, `label_smoothing`, `gradient_clip_norm`, `augment`, `normalize`, `keep`, `patience`, `accelerator`, `engine`, `project`, `seed`, `log_every_n_steps`, `load_name`, `load_type`, `passes`, `quantization`, `target`, `search`
    optimizer = "adm"
      `optimizer` can't be `adm` in `studies/x.toml`, line 1
        hint: did you mean `adam`?
    optimizer = "adam"
    training_optimizer = "sgd"
      `training_optimizer` is another name of `optimizer`, which is given too in `studies/x.toml`, line 2
    accelerator = "tpu"
      `accelerator` can't be `tpu` in `studies/x.toml`, line 1
        hint: did you mean `cpu`?
    accelerator = 1
      `accelerator` must be one of `auto`, `cpu`, `gpu`, `cuda`, is `1` in `studies/x.toml`, line 1
    task = "lm"
      the task `lm` is not supported in `studies/x.toml`, line 1
        hint: networks of Firebrick classify: `task = "classification"`
    task = "clss"
      `task` can't be `clss` in `studies/x.toml`, line 1
        hint: did you mean `cls`?
    lr_scheduler = "linear"
      `lr_scheduler` can't be `linear` in `studies/x.toml`, line 1
        hint: known: `cosine`, `constant`, `step`, `one_cycle`
    keep = "first"
      `keep` can't be `first` in `studies/x.toml`, line 1
        hint: known: `best`, `last`
    load_type = "zip"
      `load_type` can't be `zip` in `studies/x.toml`, line 1
        hint: known: `safetensors`, `pt`, `pl`, `mz`, `hf`
    load_name = "best.ckpt"
    load_type = "pl"
      a checkpoint of type `pl` can't be read in `studies/x.toml`, line 2
        hint: Firebrick reads `safetensors`, with PyTorch's names of tensors
    [dataset]
    path = "a.csv"
    lable = "class"
      unknown key `dataset.lable` in `studies/x.toml`, line 3
        hint: known: `name`, `path`, `label`, `n_rows`, `standardize`, `validation`, `test`
    [search]
    strateggy = 1
      unknown key `search.strateggy` in `studies/x.toml`, line 2
        hint: did you mean `strategy`?
    "#);
}

#[test]
fn says_what_is_wrong_with_how_networks_are_trained() {
    insta::assert_snapshot!(refusals(&[
        "lr_scheduler = \"one_cycl\"",
        "label_smoothing = 1.0",
        "label_smoothing = true",
        "label_smothing = 0.1",
        "gradient_clip_norm = 0",
        "gradient_clip_norm = \"1\"",
        "gradient_clip_val = 1.0",
        "lr_step_epochs = 0",
        "lr_step_epochs = 1.5",
        "lr_gamma = 0",
        "warmup_epochs = -1",
        "warmup_epoch = 1",
        "\nlr_scheduler = \"step\"",
        "lr_scheduler = \"one_cycle\"\nwarmup_epochs = 0.5",
        "warmup_epochs = 2\n[search.strategy.sw_runner.basic_train]\nlr_scheduler = \"one_cycle\"",
        "lr_scheduler = \"one_cycle\"\n[search.strategy.sw_runner.basic_train]\nwarmup_epochs = 2",
        "lr_scheduler = \"step\"\nlr_step_epochs = 3\n\
         [search.strategy.sw_runner.basic_train]\nlr_step_epochs = \"NA\"",
    ]), @r#"
    lr_scheduler = "one_cycl"
      `lr_scheduler` can't be `one_cycl` in `studies/x.toml`, line 1
        hint: did you mean `one_cycle`?
    label_smoothing = 1.0
      `label_smoothing` must be a number of at least 0 and below 1, is `1.0` in `studies/x.toml`, line 1
    label_smoothing = true
      `label_smoothing` must be a number of at least 0 and below 1, is `true` in `studies/x.toml`, line 1
    label_smothing = 0.1
      unknown key `label_smothing` in `studies/x.toml`, line 1
        hint: did you mean `label_smoothing`?
    gradient_clip_norm = 0
      `gradient_clip_norm` must be a number above 0, is `0` in `studies/x.toml`, line 1
    gradient_clip_norm = "1"
      `gradient_clip_norm` must be a number above 0, is `"1"` in `studies/x.toml`, line 1
    gradient_clip_val = 1.0
      unknown key `gradient_clip_val` in `studies/x.toml`, line 1
        hint: did you mean `gradient_clip_norm`?
    lr_step_epochs = 0
      `lr_step_epochs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 1
    lr_step_epochs = 1.5
      `lr_step_epochs` must be a whole number of at least 1, is `1.5` in `studies/x.toml`, line 1
    lr_gamma = 0
      `lr_gamma` must be a number above 0, is `0` in `studies/x.toml`, line 1
    warmup_epochs = -1
      `warmup_epochs` must be a number of at least 0, is `-1` in `studies/x.toml`, line 1
    warmup_epoch = 1
      unknown key `warmup_epoch` in `studies/x.toml`, line 1
        hint: did you mean `warmup_epochs`?

    lr_scheduler = "step"
      `lr_step_epochs` is needed where `lr_scheduler` is `step` in `studies/x.toml`, line 2
    lr_scheduler = "one_cycle"
    warmup_epochs = 0.5
      `warmup_epochs` must be 0, since a warm-up is part of `one_cycle` in `studies/x.toml`, line 2
    warmup_epochs = 2
    [search.strategy.sw_runner.basic_train]
    lr_scheduler = "one_cycle"
      `search.strategy.sw_runner.basic_train.warmup_epochs` must be 0, since a warm-up is part of `one_cycle` in `studies/x.toml`, line 3
    lr_scheduler = "one_cycle"
    [search.strategy.sw_runner.basic_train]
    warmup_epochs = 2
      `search.strategy.sw_runner.basic_train.warmup_epochs` must be 0, since a warm-up is part of `one_cycle` in `studies/x.toml`, line 3
    lr_scheduler = "step"
    lr_step_epochs = 3
    [search.strategy.sw_runner.basic_train]
    lr_step_epochs = "NA"
      `search.strategy.sw_runner.basic_train.lr_step_epochs` is needed where `lr_scheduler` is `step` in `studies/x.toml`, line 3
    "#);
}

#[test]
fn says_what_is_wrong_with_a_strategy() {
    insta::assert_snapshot!(strategy_refusals(&[
        "nam = \"tpe\"",
        "setup.n_trials = 0",
        "setup.n_trial = 5",
        "setup.n_jobs = 0",
        "setup.n_jobs = \"all\"",
        "setup.timeout = 0",
        "setup.population = 0",
        "eval_mode = 1",
        "sw_runner.basic_eval = {}",
        "sw_runner.basic_evaluation.samples = 3",
        "sw_runner.basic_train.max_epochs = 0",
        "sw_runner.basic_train.learning_rat = 0.1",
        "hw_runner.average_bitwidth = 32",
        "metrics.accuracy = 1.0",
        "metrics.accuracy.scale = 0",
        "metrics.accuracy.direction = \"up\"",
        "metrics.accuracy.weight = 1",
        "metrics.my_metric.scale = 1",
        "setup.sum_scaled_metrics = true",
        "setup = { sum_scaled_metrics = true, direction = \"maximize\" }",
        "setup.sum_scaled_metrics = 1",
        "setup.sum_scaled_metrics = true\nsetup.direction = \"maximize\"\n\
         metrics.params = { scale = -1.0, direction = \"minimize\" }",
    ]), @r#"
    [search.strategy]
    nam = "tpe"
      unknown key `search.strategy.nam` in `studies/x.toml`, line 2
        hint: did you mean `name`?
    [search.strategy]
    setup.n_trials = 0
      `search.strategy.setup.n_trials` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    setup.n_trial = 5
      unknown key `search.strategy.setup.n_trial` in `studies/x.toml`, line 2
        hint: did you mean `n_trials`?
    [search.strategy]
    setup.n_jobs = 0
      `search.strategy.setup.n_jobs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    setup.n_jobs = "all"
      `search.strategy.setup.n_jobs` must be a whole number of at least 1, or `"auto"`, is `"all"` in `studies/x.toml`, line 2
    [search.strategy]
    setup.timeout = 0
      `search.strategy.setup.timeout` must be a number of seconds above 0, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    setup.population = 0
      `search.strategy.setup.population` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    eval_mode = 1
      `search.strategy.eval_mode` must be `true` or `false`, is `1` in `studies/x.toml`, line 2
    [search.strategy]
    sw_runner.basic_eval = {}
      unknown key `search.strategy.sw_runner.basic_eval` in `studies/x.toml`, line 2
        hint: did you mean `basic_evaluation`?
    [search.strategy]
    sw_runner.basic_evaluation.samples = 3
      unknown key `search.strategy.sw_runner.basic_evaluation.samples` in `studies/x.toml`, line 2
        hint: known: `data_loader`, `dataloader`, `num_samples`
    [search.strategy]
    sw_runner.basic_train.max_epochs = 0
      `search.strategy.sw_runner.basic_train.max_epochs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    sw_runner.basic_train.learning_rat = 0.1
      unknown key `search.strategy.sw_runner.basic_train.learning_rat` in `studies/x.toml`, line 2
        hint: did you mean `learning_rate`?
    [search.strategy]
    hw_runner.average_bitwidth = 32
      `search.strategy.hw_runner.average_bitwidth` must be a table, is `32` in `studies/x.toml`, line 2
    [search.strategy]
    metrics.accuracy = 1.0
      `search.strategy.metrics.accuracy` must be a table, is `1.0` in `studies/x.toml`, line 2
    [search.strategy]
    metrics.accuracy.scale = 0
      `search.strategy.metrics.accuracy.scale` must be a number other than 0, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    metrics.accuracy.direction = "up"
      `search.strategy.metrics.accuracy.direction` can't be `up` in `studies/x.toml`, line 2
        hint: known: `maximize`, `minimize`
    [search.strategy]
    metrics.accuracy.weight = 1
      unknown key `search.strategy.metrics.accuracy.weight` in `studies/x.toml`, line 2
        hint: known: `scale`, `direction`
    [search.strategy]
    metrics.my_metric.scale = 1
      `search.strategy.metrics.my_metric` has no direction in `studies/x.toml`, line 2
        hint: add `direction = "minimize"` or `direction = "maximize"`
    [search.strategy]
    setup.sum_scaled_metrics = true
      `search.strategy.setup.sum_scaled_metrics` needs a `direction` in `studies/x.toml`, line 2
        hint: add `direction = "maximize"` beside it
    [search.strategy]
    setup = { sum_scaled_metrics = true, direction = "maximize" }
      `search.strategy.setup.sum_scaled_metrics` has nothing to sum in `studies/x.toml`, line 2
        hint: add `[search.strategy.metrics]`
    [search.strategy]
    setup.sum_scaled_metrics = 1
      `search.strategy.setup.sum_scaled_metrics` must be `true` or `false`, is `1` in `studies/x.toml`, line 2
    [search.strategy]
    setup.sum_scaled_metrics = true
    setup.direction = "maximize"
    metrics.params = { scale = -1.0, direction = "minimize" }
      `search.strategy.metrics.params.scale` must be above 0, since the direction already says that the metric is subtracted, is `-1.0` in `studies/x.toml`, line 4
        hint: leave out its `direction`, which MASE passes over where metrics are summed
    "#);
}

#[test]
fn says_what_is_wrong_with_a_space() {
    insta::assert_snapshot!(space_refusals(&[
        "name = \"graph/hardware/systolic_mapping\"",
        "setup.by = \"nam\"",
        "setup.bye = \"name\"",
        "seed.a = 3",
        "seed.a.config = 3",
        "seed.a.config.channel_multiplier = [1, 2]",
        "seed.a.config.name = []",
        "seed.a.config.name = [\"both\", \"both\"]",
        "seed.a.config.name = [[\"both\"]]",
        "seed.a.config.name = [\"output_olny\"]",
        "seed.a.config.name = [\"narrow\"]",
        "seed.a.config.name = [\"both\", \"integer\"]",
        "seed.a.config.name = [\"both\"]",
        "seed.a.config = { name = [\"both\"], channel_multiplier = [0] }",
        "seed.a.config = { name = [\"both\"], channel_multiplier = [\"2\"] }",
        "seed.a.config = { name = [\"both\"], multiplier = [2] }",
        "seed.a.channel_multiplier.factor = { low = 2, high = 1 }",
        "seed.a.channel_multiplier.factor = { low = 2 }",
        "seed.a.channel_multiplier.factor = { low = 1, high = 2, stop = 1 }",
        "seed.a.channel_multiplier.factor = { low = 0.0, high = 2.0, log = true }",
        "setup.by = \"regex_name\"\nseed.\"seq_(\" = {}",
        "setup.by = \"regex_name\"\nseed.\"a)(b\" = {}",
        "seed.a.config = { name = [\"both\"], channel_multiplier = [2] }\n\
         seed.b.channel_multiplier.factor = [2]",
    ]), @r#"
    [search.search_space]
    name = "graph/hardware/systolic_mapping"
      `search.search_space.name` can't be `graph/hardware/systolic_mapping` in `studies/x.toml`, line 2
        hint: did you mean `graph`?
    [search.search_space]
    setup.by = "nam"
      `search.search_space.setup.by` can't be `nam` in `studies/x.toml`, line 2
        hint: did you mean `name`?
    [search.search_space]
    setup.bye = "name"
      unknown key `search.search_space.setup.bye` in `studies/x.toml`, line 2
        hint: did you mean `by`?
    [search.search_space]
    seed.a = 3
      `search.search_space.seed.a` must be a table, is `3` in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config = 3
      `search.search_space.seed.a.config` must be a table, is `3` in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config.channel_multiplier = [1, 2]
      `search.search_space.seed.a.config` needs a `name` in `studies/x.toml`, line 2
        hint: modes: `output_only`, `both`, `input_only`, or `"NA"` for none
    [search.search_space]
    seed.a.config.name = []
      `search.search_space.seed.a.config.name` has no choices in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config.name = ["both", "both"]
      `search.search_space.seed.a.config.name` has the choice `both` twice in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config.name = [["both"]]
      `search.search_space.seed.a.config.name` must be a list of single values, is a list in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config.name = ["output_olny"]
      `search.search_space.seed.a.config.name` can't be `output_olny` in `studies/x.toml`, line 2
        hint: did you mean `output_only`?
    [search.search_space]
    seed.a.config.name = ["narrow"]
      `search.search_space.seed.a.config.name` can't be `narrow` in `studies/x.toml`, line 2
        hint: modes: `output_only`, `both`, `input_only`
    [search.search_space]
    seed.a.config.name = ["both", "integer"]
      `search.search_space.seed.a.config.name` has both modes of channels and number formats in `studies/x.toml`, line 2
        hint: give each pass its own table: `seed.NODE.PASS.FIELD = [choices]`
    [search.search_space]
    seed.a.config.name = ["both"]
      `search.search_space.seed.a.config` needs a `channel_multiplier` in `studies/x.toml`, line 2
        hint: for example `channel_multiplier = [1, 2, 4]`
    [search.search_space]
    seed.a.config = { name = ["both"], channel_multiplier = [0] }
      `search.search_space.seed.a.config.channel_multiplier` must be a list of numbers above 0, is a list in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config = { name = ["both"], channel_multiplier = ["2"] }
      `search.search_space.seed.a.config.channel_multiplier` must be a list of numbers above 0, is a list in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.config = { name = ["both"], multiplier = [2] }
      unknown key `search.search_space.seed.a.config.multiplier` in `studies/x.toml`, line 2
        hint: known: `name`, `channel_multiplier`
    [search.search_space]
    seed.a.channel_multiplier.factor = { low = 2, high = 1 }
      `search.search_space.seed.a.channel_multiplier.factor` needs low <= high and step >= 1, has 2, 1, 1 in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.channel_multiplier.factor = { low = 2 }
      `search.search_space.seed.a.channel_multiplier.factor` needs a `high` in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.channel_multiplier.factor = { low = 1, high = 2, stop = 1 }
      unknown key `search.search_space.seed.a.channel_multiplier.factor.stop` in `studies/x.toml`, line 2
        hint: did you mean `step`?
    [search.search_space]
    seed.a.channel_multiplier.factor = { low = 0.0, high = 2.0, log = true }
      `search.search_space.seed.a.channel_multiplier.factor` is logarithmic and needs low > 0, has 0 in `studies/x.toml`, line 2
    [search.search_space]
    setup.by = "regex_name"
    seed."seq_(" = {}
      `search.search_space.seed."seq_("` is no regular expression: unclosed group in `studies/x.toml`, line 3
    [search.search_space]
    setup.by = "regex_name"
    seed."a)(b" = {}
      `search.search_space.seed."a)(b"` is no regular expression: unopened group in `studies/x.toml`, line 3
    [search.search_space]
    seed.a.config = { name = ["both"], channel_multiplier = [2] }
    seed.b.channel_multiplier.factor = [2]
      `config` and `channel_multiplier` are two spellings of the pass `channel_multiplier` in `studies/x.toml`, line 3
        hint: use one of them for all nodes
    "#);
}

#[test]
fn blames_the_flag_rather_than_the_file() {
    let refusal = |key: &str, flag: &str, value: Json| {
        let mut options = Options::default();
        options.give(key, flag, Some(value));
        let error = read_as("batch_size = 64", &options, Verb::Train).unwrap_err();
        shown(&error)
    };
    let refusals = [
        refusal("batch_size", "--batch-size", 0.into()),
        refusal("learning_rate", "--learning-rate", f64::NAN.into()),
        refusal("optimizer", "--optimizer", "adm".into()),
        refusal("seed", "--seed", u64::MAX.into()),
        refusal("colour", "--set", 1.into()),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r"
    `batch_size` must be a whole number of at least 1, is `0` in `--batch-size`
    `learning_rate` must be a finite number in `--learning-rate`
    `optimizer` can't be `adm` in `--optimizer`
      hint: did you mean `adam`?
    18446744073709551615 is above 9223372036854775807 in `--seed`
    unknown key `colour` in `--set`
      hint: known: `model`, `dataset`, `task`, `max_epochs`, `batch_size`, `learning_rate`, `optimizer`, `weight_decay`, `momentum`, `nesterov`, `lr_scheduler`, `lr_step_epochs`, `lr_gamma`, `warmup_epochs`, `label_smoothing`, `gradient_clip_norm`, `augment`, `normalize`, `keep`, `patience`, `accelerator`, `engine`, `project`, `seed`, `log_every_n_steps`, `load_name`, `load_type`, `passes`, `quantization`, `target`, `search`
    ");
}

#[test]
fn blames_the_line_of_a_name_that_is_looked_up_later() {
    let loaded = search(
        "model = \"vgg7\"
        [dataset]
        name = \"cifar10\"
        [search.strategy]
        name = \"optuna\"
        setup.sampler = \"tpee\"
        hw_runner.latency = {}
        metrics.accuracy.scale = 1
        metrics.laten.direction = \"minimize\"
        [search.search_space]
        seed.a.quantize.width = [1, 2]
        ",
    );
    let blame = |subject, what: &str| loaded.blame(subject, what, None).to_string();
    let errors = [
        blame(Subject::Model, "unknown model `vgg7`"),
        blame(Subject::Dataset, "unknown data set `cifar10`"),
        blame(Subject::Strategy, "unknown strategy `tpee`"),
        blame(Subject::Analysis("latency"), "unknown pass `latency`"),
        blame(Subject::SpacePass("quantize"), "unknown pass `quantize`"),
        blame(Subject::Key("engine"), "no engine was found"),
        shown(&loaded.check_metrics(["latency"], Vec::new).unwrap_err()),
    ];
    insta::assert_snapshot!(errors.join("\n"), @"
    unknown model `vgg7` in `studies/x.toml`, line 1
    unknown data set `cifar10` in `studies/x.toml`, line 3
    unknown strategy `tpee` in `studies/x.toml`, line 6
    unknown pass `latency` in `studies/x.toml`, line 7
    unknown pass `quantize` in `studies/x.toml`, line 11
    no engine was found
    unknown metric `laten` in `studies/x.toml`, line 9
      hint: did you mean `latency`?
    ");
}

#[test]
fn blames_the_strategy_where_a_sampler_has_no_effect() {
    let loaded = search("[search.strategy]\nname = \"tpee\"\nsetup.sampler = \"tpe\"");
    let error = loaded.blame(Subject::Strategy, "unknown strategy `tpee`", None);
    assert_eq!(
        error.to_string(),
        "unknown strategy `tpee` in `studies/x.toml`, line 2"
    );
}

#[test]
fn says_what_no_constraint_can_be() {
    insta::assert_snapshot!(refusals(&[
        "[search.constraints]\nparams_maximum = 1",
        "[search.constraints]\n_max = 1",
        "[search.constraints]\nparams_max = \"1M\"",
        "[search.constraints]\nparams_max = inf",
        "[search.constraints]\nparams_min = nan",
        "[search.constraints]\nparams_min = 2\nparams_max = 1.5",
        "[search]\nconstraints = 3",
    ]), @r#"
    [search.constraints]
    params_maximum = 1
      unknown key `search.constraints.params_maximum` in `studies/x.toml`, line 2
        hint: a constraint is called as a metric with `_max` or `_min`: `params_max`
    [search.constraints]
    _max = 1
      unknown key `search.constraints._max` in `studies/x.toml`, line 2
        hint: a constraint is called as a metric with `_max` or `_min`: `params_max`
    [search.constraints]
    params_max = "1M"
      `search.constraints.params_max` must be a finite number, is `"1M"` in `studies/x.toml`, line 2
    [search.constraints]
    params_max = inf
      inf is not a finite number in `studies/x.toml`, line 2
    [search.constraints]
    params_min = nan
      nan is not a finite number in `studies/x.toml`, line 2
    [search.constraints]
    params_min = 2
    params_max = 1.5
      `search.constraints.params_max` = 1.5000 and `params_min` = 2 leave nothing between them in `studies/x.toml`, line 3
    [search]
    constraints = 3
      `search.constraints` must be a table, is `3` in `studies/x.toml`, line 2
    "#);
}

#[test]
fn says_of_a_constraint_what_would_measure_it() {
    let said = |key: &str| {
        let text = format!("[search.constraints]\n{key} = 1");
        let measurable = || vec![("flops".to_owned(), "macs".to_owned())];
        let error = search(&text).check_metrics(["params"], measurable);
        shown(&error.unwrap_err())
    };
    let keys = ["accuracy_max", "parms_max", "flops_max", "latency_max"];
    insta::assert_snapshot!(keys.map(said).join("\n"), @r"
    `search.constraints.accuracy_max`: `accuracy` is known only after training in `studies/x.toml`, line 2
      hint: known: `params`, `flops`
    `search.constraints.parms_max`: unknown metric `parms` in `studies/x.toml`, line 2
      hint: did you mean `params`?
    `search.constraints.flops_max`: nothing measures `flops` in `studies/x.toml`, line 2
      hint: `[search.strategy.hw_runner.macs]` measures it
    `search.constraints.latency_max`: unknown metric `latency` in `studies/x.toml`, line 2
      hint: known: `params`, `flops`
    ");
}

#[test]
fn says_what_no_pruner_can_be() {
    insta::assert_snapshot!(strategy_refusals(&[
        "pruner = \"median\"",
        "pruner.name = \"medium\"",
        "pruner.name = \"successive\"",
        "pruner.min_epochs = 1",
        "pruner = { name = \"median\", min_epochs = 1 }",
        "pruner = { name = \"median\", interval_epochs = 0 }",
        "pruner = { name = \"asha\", n_startup_trials = 1 }",
        "pruner = { name = \"asha\", reduction_factor = 1 }",
        "pruner = { name = \"asha\", min_epochs = 0 }",
        "pruner = { name = \"none\", min_epochs = 1 }",
        "pruner = { name = \"hyperband\", max_epochs = 9 }",
        "pruner = { name = \"hyperband\", min_epochs = 0 }",
        "pruner = { name = \"hyperband\", reduction_factor = 1 }",
        "pruner = { name = \"hyperband\", reduction_factor = 2.5 }",
        "pruner = { name = \"wilcoxon\", p_threshold = 0 }",
        "pruner = { name = \"wilcoxon\", p_threshold = 1.5 }",
        "pruner = { name = \"wilcoxon\", p_threshold = nan }",
        "pruner = { name = \"wilcoxon\", p_threshold = \"low\" }",
        "pruner = { name = \"wilcoxon\", n_startup_epochs = 1 }",
        "pruner = { name = \"wilcoxon\", n_startup_steps = 2 }",
    ]), @r#"
    [search.strategy]
    pruner = "median"
      `search.strategy.pruner` must be a table, is `"median"` in `studies/x.toml`, line 2
    [search.strategy]
    pruner.name = "medium"
      `search.strategy.pruner.name` can't be `medium` in `studies/x.toml`, line 2
        hint: did you mean `median`?
    [search.strategy]
    pruner.name = "successive"
      `search.strategy.pruner.name` can't be `successive` in `studies/x.toml`, line 2
        hint: known: `none`, `median`, `asha`, `hyperband`, `wilcoxon`
    [search.strategy]
    pruner.min_epochs = 1
      `search.strategy.pruner.name` is missing in `studies/x.toml`, line 2
        hint: known: `none`, `median`, `asha`, `hyperband`, `wilcoxon`
    [search.strategy]
    pruner = { name = "median", min_epochs = 1 }
      unknown key `search.strategy.pruner.min_epochs` in `studies/x.toml`, line 2
        hint: known: `name`, `n_startup_trials`, `n_warmup_epochs`, `interval_epochs`
    [search.strategy]
    pruner = { name = "median", interval_epochs = 0 }
      `search.strategy.pruner.interval_epochs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "asha", n_startup_trials = 1 }
      unknown key `search.strategy.pruner.n_startup_trials` in `studies/x.toml`, line 2
        hint: known: `name`, `min_epochs`, `reduction_factor`
    [search.strategy]
    pruner = { name = "asha", reduction_factor = 1 }
      `search.strategy.pruner.reduction_factor` must be a whole number of at least 2, is `1` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "asha", min_epochs = 0 }
      `search.strategy.pruner.min_epochs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "none", min_epochs = 1 }
      unknown key `search.strategy.pruner.min_epochs` in `studies/x.toml`, line 2
        hint: known: `name`
    [search.strategy]
    pruner = { name = "hyperband", max_epochs = 9 }
      unknown key `search.strategy.pruner.max_epochs` in `studies/x.toml`, line 2
        hint: did you mean `min_epochs`?
    [search.strategy]
    pruner = { name = "hyperband", min_epochs = 0 }
      `search.strategy.pruner.min_epochs` must be a whole number of at least 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "hyperband", reduction_factor = 1 }
      `search.strategy.pruner.reduction_factor` must be a whole number of at least 2, is `1` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "hyperband", reduction_factor = 2.5 }
      `search.strategy.pruner.reduction_factor` must be a whole number of at least 2, is `2.5` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "wilcoxon", p_threshold = 0 }
      `search.strategy.pruner.p_threshold` must be a number above 0 and at most 1, is `0` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "wilcoxon", p_threshold = 1.5 }
      `search.strategy.pruner.p_threshold` must be a number above 0 and at most 1, is `1.5` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "wilcoxon", p_threshold = nan }
      nan is not a finite number in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "wilcoxon", p_threshold = "low" }
      `search.strategy.pruner.p_threshold` must be a number above 0 and at most 1, is `"low"` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "wilcoxon", n_startup_epochs = 1 }
      `search.strategy.pruner.n_startup_epochs` must be a whole number of at least 2, is `1` in `studies/x.toml`, line 2
    [search.strategy]
    pruner = { name = "wilcoxon", n_startup_steps = 2 }
      unknown key `search.strategy.pruner.n_startup_steps` in `studies/x.toml`, line 2
        hint: did you mean `n_startup_epochs`?
    "#);
}

#[test]
fn says_what_can_not_be_inherited_and_what_does_not_change_pictures() {
    insta::assert_snapshot!(refusals(&[
        "[search]\ninherit = \"slices\"",
        "[search]\ninherit = true",
        "[search]\nimportance = \"l3\"",
        "augment = \"standart\"",
        "augment = true",
        "augment = { crop = -1 }",
        "augment = { flip = 1 }",
        "augment = { cutout = 1.5 }",
        "augment = { rotate = 5 }",
        "normalize = \"imagenet\"",
        "normalize = true\ndataset.standardize = true",
    ]), @r#"
    [search]
    inherit = "slices"
      `search.inherit` can't be `slices` in `studies/x.toml`, line 2
        hint: did you mean `slice`?
    [search]
    inherit = true
      `search.inherit` must be one of `none`, `slice`, `net2net`, is `true` in `studies/x.toml`, line 2
    [search]
    importance = "l3"
      `search.importance` can't be `l3` in `studies/x.toml`, line 2
        hint: known: `l1`, `l2`, `batch_norm`, `random`
    augment = "standart"
      `augment` can't be `standart` in `studies/x.toml`, line 1
        hint: did you mean `standard`?
    augment = true
      `augment` must be `"none"`, `"standard"` or a table such as `{ crop = 4, flip = true }`, is `true` in `studies/x.toml`, line 1
    augment = { crop = -1 }
      `augment.crop` must be a whole number of at least 0, is `-1` in `studies/x.toml`, line 1
    augment = { flip = 1 }
      `augment.flip` must be `true` or `false`, is `1` in `studies/x.toml`, line 1
    augment = { cutout = 1.5 }
      `augment.cutout` must be a whole number of at least 0, is `1.5` in `studies/x.toml`, line 1
    augment = { rotate = 5 }
      unknown key `augment.rotate` in `studies/x.toml`, line 1
        hint: known: `crop`, `flip`, `cutout`
    normalize = "imagenet"
      `normalize` must be `true` or `false`, is `"imagenet"` in `studies/x.toml`, line 1
    normalize = true
    dataset.standardize = true
      `normalize` is another name of `dataset.standardize`, which is given too in `studies/x.toml`, line 1
    "#);
}

#[test]
fn says_where_a_key_belongs() {
    insta::assert_snapshot!(refusals(&[
        "inherit = \"slice\"",
        "n_trials = 3",
        "[search.pruner]\nname = \"median\"",
        "[search.strategy.constraints]\nparams_max = 1",
    ]), @r#"
    inherit = "slice"
      unknown key `inherit` in `studies/x.toml`, line 1
        hint: `inherit` belongs to `[search]`
    n_trials = 3
      unknown key `n_trials` in `studies/x.toml`, line 1
        hint: `n_trials` belongs to `[search.strategy.setup]`
    [search.pruner]
    name = "median"
      unknown key `search.pruner` in `studies/x.toml`, line 1
        hint: `pruner` belongs to `[search.strategy]`
    [search.strategy.constraints]
    params_max = 1
      unknown key `search.strategy.constraints` in `studies/x.toml`, line 1
        hint: `constraints` belongs to `[search]`
    "#);
}

#[test]
fn says_what_no_formats_ties_or_records_can_be() {
    insta::assert_snapshot!(space_refusals(&[
        "formats = []",
        "formats = [\"int8\", \"int8\"]",
        "formats = { low = 1, high = 2 }",
        "formats = [{ name = \"integer\" }]",
        "formats = [\"int8\"]\nseed.default.quantize.format = [\"int4\"]",
        "formats = [\"int8\"]\nseed.a.config = { name = [\"integer\"], weight_width = [4] }",
        "tie = \"a\"",
        "tie = [[\"a\", \"b\"], \"c\"]",
        "tie = [\"a\", 2]",
        "tei = [\"a\", \"b\"]",
        "seed.a.quantize = { format = \"int8\", name = \"integer\" }",
        "seed.a.quantize.data_in = [{ width = 8 }, 4]",
        "seed.a.quantize.data_in = [{ width = 8 }, {}]",
        "seed.a.quantize.data_in = [{ width = [8, 4] }]",
        "seed.a.quantize.data_in = [{ width = 8 }, { width = 8 }]",
        "seed.a.quantize = { data_in = [{ width = 8 }], data_in_width = 4 }",
        "seed.a.quantize.data_in = { width = 8, high = 4 }",
    ]), @r#"
    [search.search_space]
    formats = []
      `search.search_space.formats` has no choices in `studies/x.toml`, line 2
    [search.search_space]
    formats = ["int8", "int8"]
      `search.search_space.formats` has the choice `int8` twice in `studies/x.toml`, line 2
    [search.search_space]
    formats = { low = 1, high = 2 }
      `search.search_space.formats` must be a list of formats such as `["int8", "int4"]`, is a table in `studies/x.toml`, line 2
    [search.search_space]
    formats = [{ name = "integer" }]
      `search.search_space.formats` must be a list of formats such as `["int8", "int4"]`, is a list in `studies/x.toml`, line 2
    [search.search_space]
    formats = ["int8"]
    seed.default.quantize.format = ["int4"]
      `search.search_space.formats` and `search.search_space.seed.default.quantize` both give a number format to what no key takes in `studies/x.toml`, line 2
        hint: leave out one of the two
    [search.search_space]
    formats = ["int8"]
    seed.a.config = { name = ["integer"], weight_width = [4] }
      `quantize` and `config` are two spellings of the pass `quantize` in `studies/x.toml`, line 3
        hint: use one of them for all nodes
    [search.search_space]
    tie = "a"
      `search.search_space.tie` must be a list of nodes, or a list of such lists, is `"a"` in `studies/x.toml`, line 2
    [search.search_space]
    tie = [["a", "b"], "c"]
      `search.search_space.tie` must be a list of nodes, or a list of such lists, is `"c"` in `studies/x.toml`, line 2
    [search.search_space]
    tie = ["a", 2]
      `search.search_space.tie` must be a list of nodes, or a list of such lists, is `2` in `studies/x.toml`, line 2
    [search.search_space]
    tei = ["a", "b"]
      unknown key `search.search_space.tei` in `studies/x.toml`, line 2
        hint: known: `name`, `setup`, `formats`, `tie`, `seed`
    [search.search_space]
    seed.a.quantize = { format = "int8", name = "integer" }
      `name` and `format` in `search.search_space.seed.a.quantize` exclude each other in `studies/x.toml`, line 2
        hint: a preset is a name with all widths: leave out one of the two
    [search.search_space]
    seed.a.quantize.data_in = [{ width = 8 }, 4]
      `search.search_space.seed.a.quantize.data_in` must be a list of tables, as another entry is one, is `4` in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.quantize.data_in = [{ width = 8 }, {}]
      `search.search_space.seed.a.quantize.data_in` has a table without fields in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.quantize.data_in = [{ width = [8, 4] }]
      `search.search_space.seed.a.quantize.data_in.width` must be a single value, is a list in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.quantize.data_in = [{ width = 8 }, { width = 8 }]
      `search.search_space.seed.a.quantize.data_in` has the choice `width 8` twice in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.quantize = { data_in = [{ width = 8 }], data_in_width = 4 }
      `data_in` and `data_in_width` in `search.search_space.seed.a.quantize` both say `data_in_width` in `studies/x.toml`, line 2
    [search.search_space]
    seed.a.quantize.data_in = { width = 8, high = 4 }
      `search.search_space.seed.a.quantize.data_in` needs a `low` in `studies/x.toml`, line 2
    "#);
    insta::assert_snapshot!(refusals(&["formats = [\"int8\"]", "[search]\ntie = []"]), @r#"
    formats = ["int8"]
      unknown key `formats` in `studies/x.toml`, line 1
        hint: `formats` belongs to `[search.search_space]`
    [search]
    tie = []
      unknown key `search.tie` in `studies/x.toml`, line 2
        hint: `tie` belongs to `[search.search_space]`
    "#);
}
