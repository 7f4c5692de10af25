//! What users, files and plugins do wrong, and what they are told.

use insta::assert_snapshot;

use super::support::{Place, STUDY, shared};

/// Runs a search with a study file that is refused, and returns what is said.
fn refused_study(study: &str) -> String {
    let place = Place::with_study(study);
    let run = place.run(&["search", "--config", "study.toml"]);
    assert_eq!(
        place.list("firebrick_output"),
        Vec::<String>::new(),
        "nothing is written"
    );
    run.refused().to_owned()
}

/// Changes one line of the small study.
fn changed(from: &str, to: &str) -> String {
    assert!(STUDY.contains(from), "the study has no `{from}`");
    refused_study(&STUDY.replace(from, to))
}

/// Runs the program in an empty folder with arguments that are refused.
fn refused(args: &[&str]) -> String {
    let place = Place::new();
    let message = place.run(args).refused().to_owned();
    assert_eq!(
        place.list("firebrick_output"),
        Vec::<String>::new(),
        "nothing is written"
    );
    message
}

#[test]
fn a_study_file_with_a_syntax_error() {
    assert_snapshot!(changed("batch_size = 256", "batch_size = = 256"), @"error: not TOML: extra `=`, expected nothing in `study.toml`, line 2");
}

#[test]
fn a_key_that_is_not_known() {
    assert_snapshot!(changed("max_epochs", "max_epoch"), @r"
    error: unknown key `max_epoch` in `study.toml`, line 3

    hint: did you mean `max_epochs`?
    ");
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(changed("batch_size = 256", "batch_size = \"many\""), @r#"error: `batch_size` must be a whole number of at least 1, is `"many"` in `study.toml`, line 2"#);
}

#[test]
fn a_value_out_of_range() {
    assert_snapshot!(changed("learning_rate = 0.01", "learning_rate = -1"), @"error: `learning_rate` must be a number above 0, is `-1` in `study.toml`, line 4");
    assert_snapshot!(changed("n_trials = 4", "n_trials = 0"), @"error: `search.strategy.setup.n_trials` must be a whole number of at least 1, is `0` in `study.toml`, line 21");
}

#[test]
fn a_model_that_is_not_known() {
    assert_snapshot!(changed("jsc-three-linear", "jsc-three-liner"), @r"
    error: unknown model `jsc-three-liner` in `study.toml`, line 8

    hint: did you mean `jsc-three-linear`? `firebrick list models` shows the 10 that are known
    ");
}

#[test]
fn an_argument_that_the_model_does_not_have() {
    assert_snapshot!(changed("logits", "logit"), @"error: model `jsc-three-linear`: unknown field `logit`, expected `logits` in `study.toml`, line 8");
}

#[test]
fn a_strategy_that_is_not_known() {
    assert_snapshot!(changed("name = \"tpe\"", "name = \"tpee\""), @r"
    error: unknown strategy `tpee` in `study.toml`, line 20

    hint: did you mean `tpe`? `firebrick list strategies` shows the 9 that are known
    ");
}

#[test]
fn a_setting_that_the_strategy_does_not_have() {
    let settings = "settings.n_startup = 3\nmetrics.accuracy";
    assert_snapshot!(changed("metrics.accuracy", settings), @"error: strategy `tpe`: unknown field `n_startup`, expected one of `n_startup_trials`, `n_ei_candidates`, `multivariate` in `study.toml`, line 22");
}

#[test]
fn a_metric_that_nothing_measures() {
    assert_snapshot!(changed("metrics.accuracy", "metrics.acuracy"), @r"
    error: unknown metric `acuracy` in `study.toml`, line 22

    hint: did you mean `accuracy`?
    ");
}

#[test]
fn a_node_that_the_network_does_not_have() {
    assert_snapshot!(changed("seq_blocks_4.", "seq_block_4."), @r"
    error: no node matches `seq_block_4` in `study.toml`, line 17

    hint: did you mean `seq_blocks_4`?
    ");
}

#[test]
fn a_node_that_can_not_be_widened() {
    assert_snapshot!(changed("seq_blocks_4.", "seq_blocks_3."), @r"
    error: `channel_multiplier.factor` does not apply to `seq_blocks_3` (relu) in `study.toml`, line 17

    hint: it applies to nodes of type `linear`, `conv2d`
    ");
}

#[test]
fn a_pass_that_is_not_known() {
    assert_snapshot!(changed("seq_blocks_4.channel_multiplier", "seq_blocks_4.channels"), @r"
    error: unknown pass `channels` in `study.toml`, line 17

    hint: `firebrick list passes` shows the 13 that are known
    ");
}

#[test]
fn a_field_that_the_pass_does_not_have() {
    assert_snapshot!(changed("seq_blocks_4.channel_multiplier.factor", "seq_blocks_4.channel_multiplier.factors"), @r"
    error: pass `channel_multiplier` has no field `factors` in `study.toml`, line 17

    hint: did you mean `factor`?
    ");
}

#[test]
fn an_empty_space() {
    let fixed = STUDY.replace("[1, 2, 3]", "[1]").replace("[1, 2]", "[1]");
    assert_snapshot!(refused_study(&fixed), @"error: nothing to search: no field has more than one choice in `study.toml`, line 15");
    assert_snapshot!(changed("factor = [1, 2, 3]", "factor = []"), @"error: `search.search_space.seed.seq_blocks_2.channel_multiplier.factor` has no choices in `study.toml`, line 16");
}

#[test]
fn a_study_that_is_not_there() {
    assert_snapshot!(refused(&["search", "--config", "nowhere.toml"]), @r"
    error: can't read `nowhere.toml`
      caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn a_study_without_a_search() {
    assert_snapshot!(refused_study("model = \"jsc-d\"\n"), @r"
    error: nothing to search: the study has no `[search]`

    hint: add `[search.search_space]` to the study file, or leave out `--config` for the default study
    ");
}

#[test]
fn a_study_that_is_not_text() {
    let place = Place::new();
    place.write("study.toml", [0xff, 0xfe, 0x00]);
    assert_snapshot!(place.run(&["search", "--config", "study.toml"]).refused(), @"error: not UTF-8 text in `study.toml`, line 1");
}

#[test]
fn a_flag_that_is_not_known() {
    assert_snapshot!(refused(&["search", "--trials", "3"]), @r"
    error: unexpected argument '--trials' found

      tip: a similar argument exists: '--n-trials'

    Usage: firebrick search --n-trials <N> [MODEL] [DATASET]

    For more information, try '--help'.
    ");
}

#[test]
fn a_flag_out_of_range() {
    assert_snapshot!(refused(&["train", "jsc-d", "jets-sim", "--batch-size", "0"]), @"error: `batch_size` must be a whole number of at least 1, is `0` in `--batch-size`");
    assert_snapshot!(refused(&["search", "--n-trials", "0"]), @"error: `search.strategy.setup.n_trials` must be a whole number of at least 1, is `0` in `--n-trials`");
}

#[test]
fn a_device_that_is_not_here() {
    let place = Place::with_study(STUDY);
    let run = place.run(&["search", "--config", "study.toml", "--accelerator", "tpu"]);
    assert_snapshot!(run.refused(), @r"
    error: `accelerator` can't be `tpu` in `--accelerator`

    hint: did you mean `cpu`?
    ");
}

#[test]
fn an_engine_that_is_not_known() {
    let refused = refused(&["train", "jsc-d", "jets-sim", "--engine", "bern"]);
    // The engine of GPUs is a third, where somebody built it.
    assert_snapshot!(refused.replace("the 3 that", "the 2 that"), @r"
    error: unknown engine `bern` in `--engine`

    hint: did you mean `burn`? `firebrick list engines` shows the 2 that are known
    ");
}

#[test]
fn a_data_set_that_is_not_known() {
    assert_snapshot!(refused(&["train", "jsc-d", "jets"]), @r"
    error: unknown dataset `jets`

    hint: did you mean `jets-sim`? `firebrick data list` shows the known ones, `--data FILE` takes a file of your own
    ");
    assert_snapshot!(refused(&["train", "jsc-d", "jsc", "--data", "nowhere.csv"]), @"error: cannot read `nowhere.csv`: No such file or directory (os error 2)");
}

#[test]
fn a_table_with_a_cell_that_is_no_number() {
    let place = Place::new();
    place.write("mine.csv", "a,b,kind\n1,2,x\n3,oops,y\n");
    let args = [
        "train", "mlp", "mine", "--data", "mine.csv", "--label", "kind",
    ];
    assert_snapshot!(place.run(&args).refused(), @"error: `mine.csv`, line 3, column `b`: `oops` is not a number");
}

#[test]
fn a_table_with_one_class() {
    let place = Place::new();
    place.write("mine.csv", "a,b,kind\n1,2,x\n3,4,x\n5,6,x\n");
    let args = [
        "train", "mlp", "mine", "--data", "mine.csv", "--label", "kind",
    ];
    assert_snapshot!(place.run(&args).refused(), @r"
    error: `mine.csv` has only one class, `x`

    hint: classification needs two classes; is it the right `label`?
    ");
}

#[test]
fn a_table_without_the_label() {
    let place = Place::new();
    place.write("mine.csv", "a,b,kind\n1,2,x\n3,4,y\n");
    let args = [
        "train", "mlp", "mine", "--data", "mine.csv", "--label", "class",
    ];
    assert_snapshot!(place.run(&args).refused(), @r"
    error: `mine.csv` has no column `class`

    hint: it has `a`, `b`, `kind`
    ");
}

#[test]
fn a_checkpoint_that_is_something_else() {
    let place = Place::new();
    place.write("best.safetensors", "PK something else");
    let args = [
        "test",
        "jsc-d",
        "jets-sim",
        "--load-name",
        "best.safetensors",
    ];
    assert_snapshot!(place.run(&args).refused(), @r"
    error: can't use checkpoint `best.safetensors`
      caused by: not a safetensors file: header too large

    hint: checkpoints are safetensors files, as `firebrick train` writes them
    ");
    let args = [
        "test",
        "jsc-d",
        "jets-sim",
        "--load-name",
        "nowhere.safetensors",
    ];
    assert_snapshot!(place.run(&args).refused(), @r"
    error: can't use checkpoint `nowhere.safetensors`
      caused by: No such file or directory (os error 2)
    ");
    assert_snapshot!(place.run(&["test", "jsc-d", "jets-sim"]).refused(), @r"
    error: no checkpoint to test

    hint: name it with `--load-name FILE`; `firebrick train` and `search` write them
    ");
}

#[test]
fn a_checkpoint_of_another_network() {
    let place = Place::with_study(STUDY);
    let run = place.run(&[
        "train",
        "--config",
        "study.toml",
        "jsc-tiny",
        "--out",
        "tiny",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let checkpoint = "tiny/checkpoints/best.safetensors";
    let run = place.run(&["train", "jsc-d", "jets-sim", "--load-name", checkpoint]);
    assert_snapshot!(run.refused(), @r"
    error: can't use checkpoint `tiny/checkpoints/best.safetensors`
      caused by: tensor `seq_blocks_2.weight` has shape [5, 16], the network expects [16, 16]

    hint: was it trained with the same model, arguments and data set?
    ");
}

#[test]
fn results_that_can_not_be_written() {
    let place = Place::with_study(STUDY);
    place.write("taken", "a file");
    let run = place.run(&["search", "--config", "study.toml", "--out", "taken"]);
    assert_snapshot!(run.refused(), @r"
    error: can't use `taken` for results
      caused by: it is a file

    hint: choose another folder with `--out DIR`
    ");
    let run = place.run(&["search", "--config", "study.toml", "--out", "."]);
    assert_snapshot!(run.refused(), @r"
    error: can't use `.` for results
      caused by: it is not empty and holds no results of Firebrick

    hint: choose another folder with `--out DIR`
    ");
}

#[test]
fn nothing_to_transform() {
    assert_snapshot!(refused(&["transform", "jsc-d", "jets-sim"]), @r"
    error: nothing to transform: the study has no `[passes]`

    hint: add a table `[passes.NAME]` to the study file; `firebrick list passes` shows the names
    ");
}

#[test]
fn widths_that_do_not_fit() {
    let place = Place::with_study(
        "model = \"jsc-d\"\n[passes.channel_multiplier]\nseq_blocks_2.name = \"output_only\"\n\
         seq_blocks_2.channel_multiplier = 2\n",
    );
    assert_snapshot!(place.run(&["transform", "--config", "study.toml"]).refused(), @r"
    error: pass `channel_multiplier` can't be applied in `study.toml`, line 2
      caused by: node `seq_blocks_4`: its input, from `seq_blocks_2`, is now 32 wide, but without a mode it reads 16 (`both` and `input_only` follow)
    ");
}

#[test]
fn a_network_for_images_and_rows_of_features() {
    let Some(path) = shared("seed/vgg7_by_type.toml") else {
        return;
    };
    let place = Place::new();
    place.write("vgg7.toml", std::fs::read(path).unwrap());
    let args = ["search", "--config", "vgg7.toml", "--accelerator", "cpu"];
    let run = place.run(&[&args[..], &["--dataset", "jets-sim"]].concat());
    let error = run.refused().split("error: ").nth(1).unwrap().to_owned();
    assert_snapshot!(error, @"model `vgg7`: input of shape [16] does not fit: this network takes images, such as [3, 32, 32] in `vgg7.toml`, line 2");
}

#[test]
fn no_plugins_at_all() {
    let place = Place::with_study(STUDY);
    let mut command = place.command(&["search", "--config", "study.toml"]);
    let output = command.env("FIREBRICK_PLUGIN_PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap().trim_end(), @r"
    error: unknown strategy `tpe`: no plugin was found

    hint: build and install them with `cargo xtask install`, or name their folder with `--plugin-dir DIR`
    ");
}
