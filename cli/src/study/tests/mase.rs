//! Files in MASE's spelling run as they are.

use super::formats::space_of;
use super::space::{args, printed};
use super::*;

/// A search as MASE's examples spell it, with a key for a type beside `by = "name"`.
const TINY: &str = "model = \"jsc-tiny\"
dataset = \"jsc\"
task = \"cls\"
max_epochs = 5
batch_size = 512
learning_rate = 1e-2
accelerator = \"cpu\"

[passes.quantize]
by = \"type\"
[passes.quantize.default.config]
name = \"NA\"
[passes.quantize.linear.config]
name = \"integer\"
\"data_in_width\" = 8
\"data_in_frac_width\" = 4

[transform]
style = \"graph\"

[search.search_space]
name = \"graph/quantize/mixed_precision_ptq\"
[search.search_space.setup]
by = \"name\"
[search.search_space.seed.default.config]
name = [\"NA\"]
[search.search_space.seed.linear.config]
name = [\"integer\"]
data_in_width = [4, 8]
[search.search_space.seed.seq_blocks_2.config]
name = [\"integer\"]
data_in_width = [4, 8]
data_in_frac_width = [\"NA\"]
weight_width = [2, 4, 8]
weight_frac_width = [\"NA\"]
bias_width = [2, 4, 8]
bias_frac_width = [\"NA\"]

[search.strategy]
name = \"optuna\"
setup = { n_jobs = 1, n_trials = 20, timeout = 20000, sampler = \"tpe\", sum_scaled_metrics = false }
metrics.accuracy = { scale = 1.0, direction = \"maximize\" }
metrics.average_bitwidth = { scale = 0.2, direction = \"minimize\" }
";

#[test]
fn an_example_of_mase_runs() {
    let loaded = search(TINY);
    insta::assert_snapshot!(notices(&loaded), @r"
    `passes.quantize` in `studies/x.toml`, line 9 has no effect: only `firebrick transform` and `train` apply passes one by one
    `transform` in `studies/x.toml`, line 18 has no effect: it is a setting of MASE that Firebrick does not have
    ");
    let space = space_with_spare();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/quantize/data_in_width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_2/quantize/weight_width {"kind":"ordinal","choices":[2,4,8]}
    seq_blocks_2/quantize/bias_width {"kind":"ordinal","choices":[2,4,8]}
    "#);
    assert_eq!(space.space.size(), Some(18));
    insta::assert_snapshot!(space.notices.join("\nnote: "), @"`search.search_space.seed.linear.config` in `studies/x.toml`, line 7 has no effect: it is a type of node, and `search.search_space.setup.by` is `name`");
    let params = space.space.point(7).unwrap();
    insta::assert_snapshot!(args(&space, &params), @r#"quantize {"seq_blocks_2":{"name":"integer","data_in_width":4,"weight_width":8,"bias_width":4},"by":"name"}"#);
    insta::assert_snapshot!(space.sampled_config(&params, "cpu"), @r#"{"seq_blocks_1":{"config":{"name":null}},"seq_blocks_2":{"config":{"name":"integer","data_in_width":4,"data_in_frac_width":null,"weight_width":8,"weight_frac_width":null,"bias_width":4,"bias_frac_width":null}},"seq_blocks_3":{"config":{"name":null}},"seq_blocks_4":{"config":{"name":null}},"seq_blocks_5":{"config":{"name":null}},"seq_blocks_6":{"config":{"name":null}},"seq_blocks_7":{"config":{"name":null}},"by":"name","accelerator":"cpu"}"#);
}

#[test]
fn post_training_quantisation_is_what_it_is_called() {
    let mode = |text: &str| search(text).study.quantization.mode;
    assert_eq!(mode(TINY), QuantizationMode::Ptq);
    let told = format!("quantization.mode = \"qat\"\n{TINY}");
    assert_eq!(mode(&told), QuantizationMode::Qat);
    let channels = "[search.search_space]\nseed.a.config = { name = [\"both\"], \
                    channel_multiplier = [1, 2] }";
    assert_eq!(mode(channels), QuantizationMode::Qat);
}

fn space_with_spare() -> SearchSpace {
    let (_, space) = TINY.split_once("[search.search_space]\n").unwrap();
    let (space, _) = space.split_once("[search.strategy]").unwrap();
    space_of(space).unwrap()
}

#[test]
fn relus_and_layers_have_the_fields_of_what_they_have() {
    let space = space_of(
        "name = \"graph/quantize/mixed_precision_ptq\"
        setup.by = \"type\"
        seed.default.config = { name = [\"NA\"] }
        seed.linear.config = { name = [\"integer\", \"binary\"], bypass = [false], \
            data_in_width = [4, 8], data_in_frac_width = [2, 3], weight_width = [8], \
            weight_bipolar = [1], weight_stochastic = [0], binary_training = [1] }
        seed.relu.config = { name = [\"integer\"], data_in_width = [4, 8], weight_width = [2, 4] }
        seed.conv2d.config = { name = [\"integer\"], weight_width = [2] }
        tie = [\"relu\"]",
    )
    .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_1/quantize/data_in_width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_2/quantize/name {"kind":"categorical","choices":["integer","binary"]}
    seq_blocks_2/quantize/data_in_width {"kind":"ordinal","choices":[4,8]} if seq_blocks_2/quantize/name is integer
    seq_blocks_2/quantize/data_in_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_2/quantize/name is integer
    seq_blocks_4/quantize/name {"kind":"categorical","choices":["integer","binary"]}
    seq_blocks_4/quantize/data_in_width {"kind":"ordinal","choices":[4,8]} if seq_blocks_4/quantize/name is integer
    seq_blocks_4/quantize/data_in_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_4/quantize/name is integer
    seq_blocks_6/quantize/name {"kind":"categorical","choices":["integer","binary"]}
    seq_blocks_6/quantize/data_in_width {"kind":"ordinal","choices":[4,8]} if seq_blocks_6/quantize/name is integer
    seq_blocks_6/quantize/data_in_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_6/quantize/name is integer
    "#);
    insta::assert_snapshot!(space.notices.join("\nnote: "), @r"
    `search.search_space.seed.relu.config.weight_width` in `studies/x.toml`, line 6 has no effect: it is for nodes of type `linear`, `conv2d`, `batch_norm`
    note: `search.search_space.seed.conv2d.config` in `studies/x.toml`, line 7 has no effect: the network has no node of this type
    ");
    let last = space.space.point(space.space.size().unwrap() - 1).unwrap();
    insta::assert_snapshot!(args(&space, &last), @r#"quantize {"seq_blocks_1":{"name":"integer","data_in_width":8},"seq_blocks_2":{"name":"binary","bypass":false,"weight_bipolar":true,"weight_stochastic":false},"seq_blocks_3":{"name":"integer","data_in_width":8},"seq_blocks_4":{"name":"binary","bypass":false,"weight_bipolar":true,"weight_stochastic":false},"seq_blocks_5":{"name":"integer","data_in_width":8},"seq_blocks_6":{"name":"binary","bypass":false,"weight_bipolar":true,"weight_stochastic":false},"seq_blocks_7":{"name":"integer","data_in_width":8},"by":"name"}"#);
}

#[test]
fn the_size_of_a_block_is_a_list() {
    let space = space_of(
        "seed.seq_blocks_2.config = { name = [\"block_fp\"], weight_block_size = [[1, 16], [1, 8]] }",
    );
    // The fake pass has no blocks, but the list was read.
    insta::assert_snapshot!(shown(&space.unwrap_err()), @r"
    pass `quantize` has no field `weight_block_size` in `studies/x.toml`, line 2
      hint: known: `format`, `name`, `bypass`, `data_in_width`, `data_in_frac_width`, `data_in_exponent_bias`, `weight_width`, `weight_frac_width`, `weight_exponent_bias`, `bias_width`, `bias_frac_width`, `bias_exponent_bias`
    ");
    let loaded = search(
        "[search.search_space]\nseed.a.config = { name = [\"block_fp\"], \
                         weight_block_size = [[1, 16], [1, 8]] }",
    );
    let toml = loaded.study.to_toml();
    assert!(toml.contains("weight_block_size = [16, 8]"), "{toml}");
}

#[test]
fn fields_go_together_in_the_spelling_of_mase_too() {
    let pairs = "[{ width = 16, frac_width = 8 }, { width = 8, frac_width = 6 }, \
                 { width = 8, frac_width = 4 }, { width = 4, frac_width = 2 }]";
    let space = space_of(&format!(
        "name = \"graph/quantize/mixed_precision_ptq\"
        setup.by = \"regex_name\"
        seed.default.config.name = [\"NA\"]
        seed.'.*_2'.config = {{ name = [\"integer\"], data_in = {pairs}, weight = {pairs}, \
            bias_width = [8], bias_frac_width = [4] }}"
    ))
    .unwrap();
    assert_eq!(space.space.size(), Some(16));
    let config = space.sampled_config(&space.space.point(7).unwrap(), "cpu");
    insta::assert_snapshot!(config["seq_blocks_2"], @r#"{"config":{"name":"integer","data_in_width":8,"data_in_frac_width":6,"weight_width":4,"weight_frac_width":2,"bias_width":8,"bias_frac_width":4}}"#);
}
