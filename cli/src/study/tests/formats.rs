//! Number formats in a space: beside widths, with conditions, for several nodes at once.

use firebrick_core::graph::Graph;
use firebrick_core::pass::{Choice, Info, Pass, PassError, Role};

use super::space::{Fake, JSC, args, printed};
use super::*;

/// A pass with fields of the pass `quantize`, which knows three presets.
struct Quantize;

const LAYERS: [&str; 3] = ["linear", "conv2d", "batch_norm"];
const NAMED: [&str; 5] = ["linear", "conv2d", "batch_norm", "relu", "add"];

impl Pass for Quantize {
    fn role(&self) -> Role {
        Role::Transform
    }

    fn choices(&self) -> Vec<Choice> {
        let choice = |field: &str, ordered, needs: &[&str], ops: &[&str]| Choice {
            field: field.to_owned(),
            ordered,
            per_group: false,
            needs: needs.iter().map(|name| (*name).to_owned()).collect(),
            ops: ops.iter().map(|op| (*op).to_owned()).collect(),
            summary: String::new(),
        };
        let mut choices = vec![
            choice("format", false, &[], &LAYERS),
            choice("name", false, &[], &NAMED),
            choice("bypass", false, &[], &NAMED),
        ];
        for (operand, ops) in [
            ("data_in", &NAMED[..]),
            ("weight", &LAYERS),
            ("bias", &LAYERS),
        ] {
            let field = |field: &str| format!("{operand}_{field}");
            choices.push(choice(&field("width"), true, &["integer", "log"], ops));
            choices.push(choice(&field("frac_width"), true, &["integer"], ops));
            choices.push(choice(&field("exponent_bias"), true, &["log"], ops));
        }
        choices
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        for (node, fields) in args.as_object().into_iter().flatten() {
            if let Some(format) = fields.get("format").and_then(Json::as_str)
                && !["int8", "int4", "ternary"].contains(&format)
            {
                let reason = format!("`{node}`: `format` is \"{format}\", which is not known");
                return Err(PassError::Args(reason));
            }
            if fields.get("weight_width") == Some(&0.into()) {
                return Err(PassError::NotApplicable {
                    node: node.clone(),
                    reason: "can't have `weight` quantised: `width` is 0".to_owned(),
                });
            }
        }
        Ok((graph.clone(), Info::default()))
    }
}

pub(super) fn passes() -> BTreeMap<String, Box<dyn Pass>> {
    BTreeMap::from([
        ("quantize".to_owned(), Box::new(Quantize) as Box<dyn Pass>),
        (
            "channel_multiplier".to_owned(),
            Box::new(Fake {
                refuses: &["seq_blocks_6"],
            }),
        ),
    ])
}

fn space_for(graph: &str, text: &str) -> Result<SearchSpace, StudyError> {
    let loaded = search(&format!("[search.search_space]\n{text}"));
    loaded.search_space(&graph.parse().unwrap(), 16, &passes())
}

pub(super) fn space_of(text: &str) -> Result<SearchSpace, StudyError> {
    space_for(JSC, text)
}

/// Returns the parameters of a space, and what is worth saying of it.
fn shown_space(text: &str) -> String {
    let space = space_of(text).unwrap_or_else(|error| panic!("{}", shown(&error)));
    let notes = match space.notices.is_empty() {
        true => "nothing".to_owned(),
        false => space.notices.join("\nnote: "),
    };
    format!("{}\n(note: {notes})", printed(&space.space))
}

fn refusals(texts: &[&str]) -> String {
    let refusals = texts.iter().map(|text| {
        let error = shown(&space_of(text).unwrap_err());
        format!("{text}\n  {}", error.replace('\n', "\n  "))
    });
    refusals.collect::<Vec<_>>().join("\n")
}

#[test]
fn width_and_format_of_a_layer_are_searched_together() {
    let space = space_of(
        "seed.seq_blocks_2.channel_multiplier.factor = [1, 2]
        seed.seq_blocks_2.quantize.format = [\"int8\", \"int4\", \"NA\"]
        seed.seq_blocks_0.quantize.format = [\"int8\"]",
    )
    .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_2/quantize/format {"kind":"categorical","choices":["int8","int4",null]}
    "#);
    assert_eq!(space.space.size(), Some(6));
    assert_eq!(space.notices, [""; 0]);
    let all: Vec<String> = [0, 5]
        .map(|idx| args(&space, &space.space.point(idx).unwrap()))
        .to_vec();
    insta::assert_snapshot!(all.join("\n"), @r#"
    channel_multiplier {"seq_blocks_2":{"factor":1},"by":"name"}
    quantize {"seq_blocks_0":{"format":"int8"},"seq_blocks_2":{"format":"int8"},"by":"name"}
    channel_multiplier {"seq_blocks_2":{"factor":2},"by":"name"}
    quantize {"seq_blocks_0":{"format":"int8"},"by":"name"}
    "#);
    let config = space.sampled_config(&space.space.point(3).unwrap(), "cpu");
    insta::assert_snapshot!(config, @r#"{"seq_blocks_0":{"quantize":{"format":"int8"}},"seq_blocks_2":{"channel_multiplier":{"factor":2},"quantize":{"format":"int8"}},"by":"name","accelerator":"cpu"}"#);
}

#[test]
fn formats_are_for_layers_that_no_seed_gives_one() {
    insta::assert_snapshot!(shown_space(
        "formats = [\"int8\", \"int4\"]
        seed.seq_blocks_2.channel_multiplier.factor = [1, 2]
        seed.seq_blocks_6.quantize.format = [\"int8\", \"ternary\"]"
    ), @r#"
    seq_blocks_2/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_2/quantize/format {"kind":"categorical","choices":["int8","int4"]}
    seq_blocks_4/quantize/format {"kind":"categorical","choices":["int8","int4"]}
    seq_blocks_6/quantize/format {"kind":"categorical","choices":["int8","ternary"]}
    (note: `seq_blocks_0` (batch_norm) computes in float32, as no seed gives a number format: `seed.seq_blocks_0.quantize.format = ["int16"]` does, or fold what follows a layer into it with the pass `fold_batch_norm`)
    "#);
    insta::assert_snapshot!(shown_space(
        "formats = [\"int8\", \"NA\"]
        setup.by = \"type\"
        seed.linear.channel_multiplier.factor = [1, 2]
        seed.batch_norm.quantize.format = [\"int8\"]"
    ), @r#"
    seq_blocks_2/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_2/quantize/format {"kind":"categorical","choices":["int8",null]}
    seq_blocks_4/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_4/quantize/format {"kind":"categorical","choices":["int8",null]}
    seq_blocks_6/quantize/format {"kind":"categorical","choices":["int8",null]}
    (note: nothing)
    "#);
    let only = space_of("formats = [\"int8\", \"int4\"]").unwrap();
    assert_eq!(only.space.size(), Some(8));
    insta::assert_snapshot!(only.sampled_config(&only.space.point(1).unwrap(), "cpu"), @r#"{"seq_blocks_2":{"quantize":{"format":"int8"}},"seq_blocks_4":{"quantize":{"format":"int8"}},"seq_blocks_6":{"quantize":{"format":"int4"}},"by":"name","accelerator":"cpu"}"#);
    let none_left = "formats = [\"int8\", \"int4\"]
        setup.by = \"type\"
        seed.linear.quantize.format = [\"int8\", \"ternary\"]
        seed.batch_norm.quantize.format = \"int8\"";
    insta::assert_snapshot!(space_of(none_left).unwrap().notices.join("\nnote: "), @"`search.search_space.formats` in `studies/x.toml`, line 2 has no effect: no linear layer or convolution is without a `quantize` of its own");
}

#[test]
fn a_format_has_its_own_fields() {
    insta::assert_snapshot!(shown_space(
        "setup.by = \"regex_name\"
        seed.'seq_blocks_[26]'.quantize = { name = [\"integer\", \"log\", \"NA\"], \
            weight_width = [8, 4], weight_frac_width = [2, 3], data_in_width = 8, \
            data_in_exponent_bias = [1, 2] }
        seed.seq_blocks_0.quantize = { name = \"log\", weight_width = 8 }"
    ), @r#"
    seq_blocks_2/quantize/name {"kind":"categorical","choices":["integer","log",null]}
    seq_blocks_2/quantize/weight_width {"kind":"ordinal","choices":[4,8]} if seq_blocks_2/quantize/name is integer or log
    seq_blocks_2/quantize/weight_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_2/quantize/name is integer
    seq_blocks_2/quantize/data_in_exponent_bias {"kind":"ordinal","choices":[1,2]} if seq_blocks_2/quantize/name is log
    seq_blocks_6/quantize/name {"kind":"categorical","choices":["integer","log",null]}
    seq_blocks_6/quantize/weight_width {"kind":"ordinal","choices":[4,8]} if seq_blocks_6/quantize/name is integer or log
    seq_blocks_6/quantize/weight_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_6/quantize/name is integer
    seq_blocks_6/quantize/data_in_exponent_bias {"kind":"ordinal","choices":[1,2]} if seq_blocks_6/quantize/name is log
    (note: nothing)
    "#);
    insta::assert_snapshot!(shown_space(
        "seed.seq_blocks_0.quantize.format = [\"int8\", \"int4\"]
        seed.seq_blocks_2.quantize = { name = [\"integer\", \"NA\"], weight_width = [8, 4], \
            weight_exponent_bias = 3 }
        seed.seq_blocks_4.quantize = { name = [\"NA\"], weight_width = [8, 4] }"
    ), @r#"
    seq_blocks_0/quantize/format {"kind":"categorical","choices":["int8","int4"]}
    seq_blocks_2/quantize/name {"kind":"categorical","choices":["integer",null]}
    seq_blocks_2/quantize/weight_width {"kind":"ordinal","choices":[4,8]} if seq_blocks_2/quantize/name is integer
    (note: `search.search_space.seed.seq_blocks_2.quantize.weight_exponent_bias` in `studies/x.toml`, line 3 has no effect: `integer` or `NA` has no `weight_exponent_bias`
    note: `search.search_space.seed.seq_blocks_4.quantize.weight_width` in `studies/x.toml`, line 4 has no effect: `NA` has no `weight_width`)
    "#);
}

#[test]
fn fields_go_together_in_records() {
    let pairs = "[{ width = 16, frac_width = 8 }, { width = 8, frac_width = 6 }, \
                 { width = 8, frac_width = 4 }, { width = 4, frac_width = \"NA\" }]";
    let space = space_of(&format!(
        "setup.by = \"type\"
        tie = [\"linear\"]
        seed.linear.quantize = {{ name = \"integer\", data_in = {pairs}, weight = {pairs}, \
            bias = {{ width = 8, frac_width = 4 }} }}
        seed.batch_norm.quantize.format = \"int8\""
    ))
    .unwrap();
    assert_eq!(space.space.size(), Some(16));
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/quantize/data_in {"kind":"ordinal","choices":["width 16 frac_width 8","width 8 frac_width 6","width 8 frac_width 4","width 4 frac_width NA"]}
    seq_blocks_2/quantize/weight {"kind":"ordinal","choices":["width 16 frac_width 8","width 8 frac_width 6","width 8 frac_width 4","width 4 frac_width NA"]}
    "#);
    let at = |idx| args(&space, &space.space.point(idx).unwrap());
    insta::assert_snapshot!([at(0), at(7)].join("\n"), @r#"
    quantize {"seq_blocks_0":{"format":"int8"},"seq_blocks_2":{"name":"integer","data_in_width":16,"data_in_frac_width":8,"weight_width":16,"weight_frac_width":8,"bias_width":8,"bias_frac_width":4},"seq_blocks_4":{"name":"integer","data_in_width":16,"data_in_frac_width":8,"weight_width":16,"weight_frac_width":8,"bias_width":8,"bias_frac_width":4},"seq_blocks_6":{"name":"integer","data_in_width":16,"data_in_frac_width":8,"weight_width":16,"weight_frac_width":8,"bias_width":8,"bias_frac_width":4},"by":"name"}
    quantize {"seq_blocks_0":{"format":"int8"},"seq_blocks_2":{"name":"integer","data_in_width":8,"data_in_frac_width":6,"weight_width":4,"bias_width":8,"bias_frac_width":4},"seq_blocks_4":{"name":"integer","data_in_width":8,"data_in_frac_width":6,"weight_width":4,"bias_width":8,"bias_frac_width":4},"seq_blocks_6":{"name":"integer","data_in_width":8,"data_in_frac_width":6,"weight_width":4,"bias_width":8,"bias_frac_width":4},"by":"name"}
    "#);
}

#[test]
fn tied_nodes_share_what_they_have_in_common() {
    insta::assert_snapshot!(shown_space(
        "formats = [\"int8\", \"int4\"]
        tie = [\"seq_blocks_4\", \"seq_blocks_2\", \"seq_blocks_6\"]
        seed.seq_blocks_0.quantize.format = \"int8\"
        seed.seq_blocks_2.channel_multiplier.factor = [1, 2]
        seed.seq_blocks_4.channel_multiplier.factor = [2, 1]"
    ), @r#"
    seq_blocks_2/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_2/quantize/format {"kind":"categorical","choices":["int8","int4"]}
    (note: nothing)
    "#);
    let space = space_of(
        "setup.by = \"type\"
        tie = [[\"seq_blocks_2\", \"seq_blocks_4\"], [\"seq_blocks_1\", \"seq_blocks_3\"]]
        seed.linear.channel_multiplier.factor = [1, 2]
        seed.linear.quantize = { name = [\"integer\", \"log\"], weight_width = [8, 4], \
            weight_frac_width = [2, 3] }
        seed.relu.quantize = { name = \"integer\", data_in_width = [8, 4] }",
    )
    .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_1/quantize/data_in_width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_2/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_2/quantize/name {"kind":"categorical","choices":["integer","log"]}
    seq_blocks_2/quantize/weight_width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_2/quantize/weight_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_2/quantize/name is integer
    seq_blocks_5/quantize/data_in_width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_6/quantize/name {"kind":"categorical","choices":["integer","log"]}
    seq_blocks_6/quantize/weight_width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_6/quantize/weight_frac_width {"kind":"ordinal","choices":[2,3]} if seq_blocks_6/quantize/name is integer
    seq_blocks_7/quantize/data_in_width {"kind":"ordinal","choices":[4,8]}
    "#);
    let last = space.space.point(space.space.size().unwrap() - 1).unwrap();
    insta::assert_snapshot!(args(&space, &last), @r#"
    channel_multiplier {"seq_blocks_2":{"factor":2},"seq_blocks_4":{"factor":2},"by":"name"}
    quantize {"seq_blocks_1":{"name":"integer","data_in_width":8},"seq_blocks_2":{"name":"log","weight_width":8},"seq_blocks_3":{"name":"integer","data_in_width":8},"seq_blocks_4":{"name":"log","weight_width":8},"seq_blocks_5":{"name":"integer","data_in_width":8},"seq_blocks_6":{"name":"log","weight_width":8},"seq_blocks_7":{"name":"integer","data_in_width":8},"by":"name"}
    "#);
    let idle =
        space_of("tie = [\"seq_blocks_2\", \"seq_blocks_0\"]\nformats = [\"int8\", \"int4\"]");
    insta::assert_snapshot!(idle.unwrap().notices.join("\nnote: "), @r#"
    `search.search_space.tie` in `studies/x.toml`, line 2 has no effect: `seq_blocks_0`, `seq_blocks_2` have no field together
    note: `seq_blocks_0` (batch_norm) computes in float32, as no seed gives a number format: `seed.seq_blocks_0.quantize.format = ["int16"]` does, or fold what follows a layer into it with the pass `fold_batch_norm`
    "#);
}

#[test]
fn nodes_are_tied_beside_channels_that_are() {
    let residual = "x = input[16]
        a = linear(x, out=8)
        r = relu(a)
        b = linear(r, out=8)
        s = add(b, r)
        c = linear(s, out=6)
        d = linear(c, out=6)
        e = linear(d, out=5)
        output = output(e)";
    let space = |text: &str| {
        let space = space_for(residual, text).unwrap();
        (printed(&space.space), space)
    };
    // `b` follows `a`, so whoever is tied to `b` is tied to `a`.
    let factors = "seed.a.channel_multiplier.factor = [1, 2]
        seed.b.channel_multiplier.factor = [1, 2]
        seed.c.channel_multiplier.factor = [1, 2]
        seed.d.channel_multiplier.factor = [1, 2]";
    let (printed, first) = space(&format!("tie = [\"b\", \"c\"]\n{factors}"));
    insta::assert_snapshot!(printed, @r#"
    a/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    d/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}
    "#);
    let last = first.space.point(3).unwrap();
    insta::assert_snapshot!(args(&first, &last), @r#"channel_multiplier {"a":{"factor":2},"c":{"factor":2},"d":{"factor":2},"by":"name"}"#);
    let (printed, _) = space(&format!(
        "tie = [[\"b\", \"c\"], [\"a\", \"d\"]]\n{factors}"
    ));
    insta::assert_snapshot!(printed, @r#"a/channel_multiplier/factor {"kind":"ordinal","choices":[1,2]}"#);
}

#[test]
fn says_what_no_format_in_a_space_can_be() {
    insta::assert_snapshot!(refusals(&[
        "formats = [\"int8\", \"int9\"]",
        "formats = [8]\nseed.linear.quantize.format = \"int8\"",
        "seed.seq_blocks_2.quantize.format = [\"int8\", \"int9\"]",
        "seed.seq_blocks_2.quantize.fromat = [\"int8\"]",
        "seed.seq_blocks_1.quantize.format = [\"int8\", \"int4\"]",
        "seed.seq_blocks_2.quantize = { name = \"integer\", weight_width = [0] }",
        "setup.by = \"type\"\nseed.linear.quantize = { name = \"integer\", weight_width = [8, 0] }",
        "seed.seq_blocks_2.quantize = { name = \"integer\", data_in = [{ widht = 8 }] }",
        "seed.seq_blocks_2.config = { name = [\"integer\"], wieght_width = [8, 4] }",
    ]), @r#"
    formats = ["int8", "int9"]
      pass `quantize`: `seq_blocks_2`: `format` is "int9", which is not known in `studies/x.toml`, line 2
    formats = [8]
    seed.linear.quantize.format = "int8"
      no node matches `linear` in `studies/x.toml`, line 3
        hint: it is a type of node: set `search.search_space.setup.by = "type"`
    seed.seq_blocks_2.quantize.format = ["int8", "int9"]
      pass `quantize`: `seq_blocks_2`: `format` is "int9", which is not known in `studies/x.toml`, line 2
    seed.seq_blocks_2.quantize.fromat = ["int8"]
      pass `quantize` has no field `fromat` in `studies/x.toml`, line 2
        hint: did you mean `format`?
    seed.seq_blocks_1.quantize.format = ["int8", "int4"]
      `quantize.format` does not apply to `seq_blocks_1` (relu) in `studies/x.toml`, line 2
        hint: it applies to nodes of type `linear`, `conv2d`, `batch_norm`
    seed.seq_blocks_2.quantize = { name = "integer", weight_width = [0] }
      node `seq_blocks_2`: can't have `weight` quantised: `width` is 0 in `studies/x.toml`, line 2
    setup.by = "type"
    seed.linear.quantize = { name = "integer", weight_width = [8, 0] }
      node `seq_blocks_2`: can't have `weight` quantised: `width` is 0 in `studies/x.toml`, line 3
    seed.seq_blocks_2.quantize = { name = "integer", data_in = [{ widht = 8 }] }
      pass `quantize` has no field `data_in_widht` in `studies/x.toml`, line 2
        hint: did you mean `data_in_width`?
    seed.seq_blocks_2.config = { name = ["integer"], wieght_width = [8, 4] }
      pass `quantize` has no field `wieght_width` in `studies/x.toml`, line 2
        hint: did you mean `weight_width`?
    "#);
}

#[test]
fn says_what_can_not_be_tied() {
    insta::assert_snapshot!(refusals(&[
        "tie = [\"seq_blocks_2\", \"seq_block_4\"]\nformats = [\"int8\", \"int4\"]",
        "tie = [\"seq_blocks_2\", \"linear\"]\nformats = [\"int8\", \"int4\"]",
        "setup.by = \"type\"\ntie = [\"linaer\"]\nformats = [\"int8\", \"int4\"]",
        "tie = [\"seq_blocks_2\", \"seq_blocks_2\"]\nformats = [\"int8\", \"int4\"]",
        "tie = [[\"seq_blocks_2\", \"seq_blocks_4\"], []]\nformats = [\"int8\", \"int4\"]",
        "tie = [[\"seq_blocks_2\", \"seq_blocks_4\"], [\"seq_blocks_6\", \"seq_blocks_4\"]]\n\
         formats = [\"int8\", \"int4\"]",
        "tie = [\"seq_blocks_2\", \"seq_blocks_4\"]\n\
         seed.seq_blocks_2.channel_multiplier.factor = [1, 2]\n\
         seed.seq_blocks_4.channel_multiplier.factor = [1, 3]",
        "tie = [\"seq_blocks_2\", \"seq_blocks_4\"]\nformats = [\"int8\", \"int4\"]\n\
         seed.seq_blocks_4.quantize.format = \"int8\"",
    ]), @r#"
    tie = ["seq_blocks_2", "seq_block_4"]
    formats = ["int8", "int4"]
      no node matches `seq_block_4` in `search.search_space.tie` in `studies/x.toml`, line 2
        hint: did you mean `seq_blocks_4`?
    tie = ["seq_blocks_2", "linear"]
    formats = ["int8", "int4"]
      no node matches `linear` in `search.search_space.tie` in `studies/x.toml`, line 2
        hint: `jsc-three-linear` has `output`, `seq_blocks_0`, `seq_blocks_1`, `seq_blocks_2`, `seq_blocks_3`, `seq_blocks_4`, `seq_blocks_5`, `seq_blocks_6`, `seq_blocks_7`, `x`
    setup.by = "type"
    tie = ["linaer"]
    formats = ["int8", "int4"]
      no node matches `linaer` in `search.search_space.tie` in `studies/x.toml`, line 3
        hint: did you mean `linear`?
    tie = ["seq_blocks_2", "seq_blocks_2"]
    formats = ["int8", "int4"]
      `search.search_space.tie` ties `seq_blocks_2` alone in `studies/x.toml`, line 2
        hint: a group has two nodes or more: `tie = ["a", "b"]`
    tie = [["seq_blocks_2", "seq_blocks_4"], []]
    formats = ["int8", "int4"]
      `search.search_space.tie` has a group without nodes in `studies/x.toml`, line 2
        hint: a group has two nodes or more: `tie = ["a", "b"]`
    tie = [["seq_blocks_2", "seq_blocks_4"], ["seq_blocks_6", "seq_blocks_4"]]
    formats = ["int8", "int4"]
      `seq_blocks_4` is in two groups of `search.search_space.tie` in `studies/x.toml`, line 2
        hint: make them one group
    tie = ["seq_blocks_2", "seq_blocks_4"]
    seed.seq_blocks_2.channel_multiplier.factor = [1, 2]
    seed.seq_blocks_4.channel_multiplier.factor = [1, 3]
      `search.search_space.tie` ties `seq_blocks_2` (line 3) and `seq_blocks_4`, but `channel_multiplier.factor` has other choices for them in `studies/x.toml`, line 4
        hint: give both the same, or leave one out of `tie`
    tie = ["seq_blocks_2", "seq_blocks_4"]
    formats = ["int8", "int4"]
    seed.seq_blocks_4.quantize.format = "int8"
      `search.search_space.tie` ties `seq_blocks_2` (line 3) and `seq_blocks_4`, but `quantize.format` has other choices for them in `studies/x.toml`, line 4
        hint: give both the same, or leave one out of `tie`
    "#);
}

#[test]
fn says_where_no_layer_has_a_format() {
    let noted = |text: &str, passes: &[&str]| {
        let loaded = search(text);
        let passes = passes.iter().map(|name| {
            let pass = Box::new(Fake { refuses: &[] }) as Box<dyn Pass>;
            ((*name).to_owned(), pass)
        });
        let space = loaded.search_space(&JSC.parse().unwrap(), 16, &passes.collect());
        space.unwrap().notices.join("\nnote: ")
    };
    let text = "[quantization]
        mode = \"ptq\"
        [search.search_space]
        seed.seq_blocks_2.channel_multiplier.factor = [1, 2]";
    insta::assert_snapshot!(noted(text, &["channel_multiplier"]), @"`quantization` in `studies/x.toml`, line 1 has no effect: no layer has a number format");
    // Another pass may give formats, and the default is no news.
    assert_eq!(
        noted(&text.replace("channel_multiplier", "mine"), &["mine"]),
        ""
    );
    assert_eq!(
        noted(&text.replace("ptq", "qat"), &["channel_multiplier"]),
        ""
    );
}
