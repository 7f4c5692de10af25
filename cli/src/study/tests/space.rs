//! The space of a network, and what its points are to passes and to `best.json`.

use firebrick_core::graph::Graph;
use firebrick_core::pass::{Choice, Info, Pass, PassError, Role};
use firebrick_core::space::Space;
use firebrick_core::value::{Params, Value};

use super::*;

pub(super) const JSC: &str = "x = input[16]
    seq_blocks_0 = batch_norm(x)
    seq_blocks_1 = relu(seq_blocks_0)
    seq_blocks_2 = linear(seq_blocks_1, out=16)
    seq_blocks_3 = relu(seq_blocks_2)
    seq_blocks_4 = linear(seq_blocks_3, out=16)
    seq_blocks_5 = relu(seq_blocks_4)
    seq_blocks_6 = linear(seq_blocks_5, out=5)
    seq_blocks_7 = relu(seq_blocks_6)
    output = output(seq_blocks_7)";

/// A pass with the fields of the channel multiplier, which refuses some nodes.
pub(super) struct Fake {
    pub(super) refuses: &'static [&'static str],
}

impl Pass for Fake {
    fn role(&self) -> Role {
        Role::Transform
    }

    fn choices(&self) -> Vec<Choice> {
        let choice = |field: &str, ordered, ops: &[&str]| Choice {
            field: field.to_owned(),
            ordered,
            per_group: field == "factor",
            needs: Vec::new(),
            ops: ops.iter().map(|op| (*op).to_owned()).collect(),
            summary: String::new(),
        };
        vec![
            choice("factor", true, &["linear"]),
            choice("name", false, &["linear", "relu"]),
            choice("width", true, &["linear", "relu"]),
        ]
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        for node in self.refuses {
            if args.get(node).is_some() {
                return Err(PassError::NotApplicable {
                    node: (*node).to_owned(),
                    reason: "it makes the network's output".to_owned(),
                });
            }
        }
        if args.to_string().contains("-1") {
            return Err(PassError::Args(
                "`width` is -1, expected 1 or more".to_owned(),
            ));
        }
        Ok((graph.clone(), Info::default()))
    }
}

fn passes(refuses: &'static [&'static str]) -> BTreeMap<String, Box<dyn Pass>> {
    ["channel_multiplier", "widen", "quantize"]
        .map(|name| (name.to_owned(), Box::new(Fake { refuses }) as Box<dyn Pass>))
        .into()
}

/// Returns the space of the jet network for a text below `[search.search_space]`.
fn space_of(text: &str) -> Result<SearchSpace, StudyError> {
    let loaded = search(&format!("[search.search_space]\n{text}"));
    loaded.search_space(&JSC.parse().unwrap(), 16, &passes(&["seq_blocks_6"]))
}

/// Returns parameters one a line.
pub(super) fn printed(space: &Space) -> String {
    let lines = space.parameters().iter().map(|parameter| {
        let domain = serde_json::to_string(&parameter.domain).unwrap();
        match &parameter.condition {
            None => format!("{} {domain}", parameter.name),
            Some(on) => {
                let values: Vec<String> = on.values.iter().map(ToString::to_string).collect();
                format!(
                    "{} {domain} if {} is {}",
                    parameter.name,
                    on.parameter,
                    values.join(" or ")
                )
            }
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn point(values: &[(&str, i64)]) -> Params {
    let values = values.iter();
    values
        .map(|(name, value)| (*name, Value::Int(*value)))
        .collect()
}

#[test]
fn the_built_in_study_has_36_points() {
    let loaded = load(None, &Options::default(), Verb::Search).unwrap();
    let space = loaded
        .search_space(&JSC.parse().unwrap(), 16, &passes(&[]))
        .unwrap();
    assert_eq!(space.space.size(), Some(36));
    assert!(loaded.notices.is_empty());
}

#[test]
fn a_point_of_the_seed_is_its_sampled_config() {
    let (Some(text), Some(best)) = (
        seed_file("jsc-three_by_type_grid.toml"),
        seed_file("jsc_best.json"),
    ) else {
        return;
    };
    let space = search(&text)
        .search_space(&JSC.parse().unwrap(), 16, &passes(&[]))
        .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/channel_multiplier/channel_multiplier {"kind":"ordinal","choices":[1,2,4,6,8,10]}
    seq_blocks_4/channel_multiplier/channel_multiplier {"kind":"ordinal","choices":[1,2,4,6,8,10]}
    "#);
    let params = point(&[
        ("seq_blocks_2/channel_multiplier/channel_multiplier", 6),
        ("seq_blocks_4/channel_multiplier/channel_multiplier", 6),
    ]);
    let best: Json = serde_json::from_str(&best).unwrap();
    // As text, since the order counts.
    assert_eq!(
        space.sampled_config(&params, "cuda").to_string(),
        best["0"]["sampled_config"].to_string()
    );
    insta::assert_snapshot!(args(&space, &params), @r#"channel_multiplier {"seq_blocks_2":{"name":"output_only","channel_multiplier":6},"seq_blocks_4":{"name":"both","channel_multiplier":6},"seq_blocks_6":{"name":"input_only"},"by":"name","base_width":16}"#);
}

#[test]
fn the_vgg7_file_lists_the_nodes_of_its_best_trial() {
    let (Some(text), Some(best)) = (seed_file("vgg7_by_type.toml"), seed_file("vgg7_best.json"))
    else {
        return;
    };
    let mut graph = "x = input[3, 32, 32]\n".to_owned();
    let mut last = "x".to_owned();
    let mut push = |name: &str, op: &str| {
        let (head, tail) = op.split_once('(').unwrap();
        let comma = if tail == ")" { "" } else { ", " };
        graph.push_str(&format!("{name} = {head}({last}{comma}{tail}\n"));
        last = name.to_owned();
    };
    for (block, (first, width)) in [(0, 128), (7, 256), (14, 512)].into_iter().enumerate() {
        for idx in [first, first + 3] {
            let name = |offset: usize| format!("feature_layers_{}", idx + offset);
            push(
                &name(0),
                &format!("conv2d(out={width}, kernel=3, padding=1)"),
            );
            push(&name(1), "batch_norm()");
            push(&name(2), "relu()");
        }
        push(
            &format!("feature_layers_{}", 7 * block + 6),
            "max_pool(kernel=2)",
        );
    }
    push("view", "flatten()");
    push("classifier_0", "linear(out=1024)");
    push("classifier_1", "relu()");
    push("classifier_2", "linear(out=1024)");
    push("classifier_3", "relu()");
    push("last_layer", "linear(out=10)");
    push("output", "output()");
    let graph: Graph = graph.parse().unwrap();
    let space = search(&text)
        .search_space(&graph, 128, &passes(&[]))
        .unwrap();
    assert_eq!(space.space.size(), Some(512));
    let params = point(&[
        ("feature_layers_0/channel_multiplier/channel_multiplier", 2),
        ("feature_layers_3/channel_multiplier/channel_multiplier", 2),
        ("feature_layers_7/channel_multiplier/channel_multiplier", 2),
        ("feature_layers_10/channel_multiplier/channel_multiplier", 4),
        ("feature_layers_14/channel_multiplier/channel_multiplier", 4),
    ]);
    let best: Json = serde_json::from_str(&best).unwrap();
    let best = best.as_object().unwrap().values().next().unwrap();
    assert_eq!(
        space.sampled_config(&params, "cuda").to_string(),
        best["sampled_config"].to_string()
    );
}

/// Returns what each pass is applied with, one a line.
pub(super) fn args(space: &SearchSpace, params: &Params) -> String {
    let steps = space.pass_args(params);
    let lines: Vec<String> = steps
        .iter()
        .map(|(pass, args)| format!("{pass} {args}"))
        .collect();
    lines.join("\n")
}

#[test]
fn passes_are_searched_together_in_the_native_spelling() {
    let space = space_of(
        "seed.seq_blocks_2.widen.factor = [4, 1, 2]
        seed.seq_blocks_2.quantize.width = [\"NA\", 8]
        seed.seq_blocks_4.quantize = { name = \"integer\", width = 4 }
        seed.seq_blocks_5.quantize = { name = [\"integer\", \"NA\"], width = { low = 2, high = 8, step = 2 } }",
    )
    .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/widen/factor {"kind":"ordinal","choices":[1,2,4]}
    seq_blocks_2/quantize/width {"kind":"ordinal","choices":[null,8]}
    seq_blocks_5/quantize/name {"kind":"categorical","choices":["integer",null]}
    seq_blocks_5/quantize/width {"kind":"int","low":2,"high":8,"step":2,"log":false} if seq_blocks_5/quantize/name is integer
    "#);
    let first = space.space.point(0).unwrap();
    insta::assert_snapshot!(args(&space, &first), @r#"
    widen {"seq_blocks_2":{"factor":1},"by":"name"}
    quantize {"seq_blocks_4":{"name":"integer","width":4},"seq_blocks_5":{"name":"integer","width":2},"by":"name"}
    "#);
    insta::assert_snapshot!(space.sampled_config(&first, "cpu"), @r#"{"seq_blocks_2":{"widen":{"factor":1},"quantize":{"width":null}},"seq_blocks_4":{"quantize":{"name":"integer","width":4}},"seq_blocks_5":{"quantize":{"name":"integer","width":2}},"by":"name","accelerator":"cpu"}"#);
    let last = space.space.point(space.space.size().unwrap() - 1).unwrap();
    insta::assert_snapshot!(args(&space, &last), @r#"
    widen {"seq_blocks_2":{"factor":4},"by":"name"}
    quantize {"seq_blocks_2":{"width":8},"seq_blocks_4":{"name":"integer","width":4},"by":"name"}
    "#);
}

#[test]
fn a_mode_that_takes_no_multiplier_has_none() {
    let text = "seed.seq_blocks_4.config = \
                { name = [\"both\", \"input_only\", \"NA\"], channel_multiplier = [1, 2] }";
    let space = space_of(text).unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_4/channel_multiplier/name {"kind":"categorical","choices":["both","input_only",null]}
    seq_blocks_4/channel_multiplier/channel_multiplier {"kind":"ordinal","choices":[1,2]} if seq_blocks_4/channel_multiplier/name is both
    "#);
    assert_eq!(space.space.size(), Some(4));
    let all: Vec<String> = (0..4)
        .map(|idx| args(&space, &space.space.point(idx).unwrap()))
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    channel_multiplier {"seq_blocks_4":{"name":"both","channel_multiplier":1},"by":"name","base_width":16}
    channel_multiplier {"seq_blocks_4":{"name":"both","channel_multiplier":2},"by":"name","base_width":16}
    channel_multiplier {"seq_blocks_4":{"name":"input_only"},"by":"name","base_width":16}
    "#);
}

#[test]
fn a_single_multiplier_exists_only_where_its_mode_does() {
    let text = "seed.seq_blocks_4.config = { name = [\"NA\", \"both\"], channel_multiplier = [2] }";
    let space = space_of(text).unwrap();
    let config = |idx| {
        let params = space.space.point(idx).unwrap();
        space.sampled_config(&params, "cpu")["seq_blocks_4"]["config"].to_string()
    };
    assert_eq!(config(0), r#"{"name":null}"#);
    assert_eq!(config(1), r#"{"name":"both","channel_multiplier":2}"#);
}

#[test]
fn every_node_of_a_type_has_its_own_parameter_but_for_those_that_a_pass_refuses() {
    let space = space_of("setup.by = \"type\"\nseed.linear.widen.factor = [1, 2]").unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/widen/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_4/widen/factor {"kind":"ordinal","choices":[1,2]}
    "#);
    let config = space.sampled_config(&space.space.point(1).unwrap(), "cpu");
    insta::assert_snapshot!(config, @r#"{"seq_blocks_2":{"widen":{"factor":1}},"seq_blocks_4":{"widen":{"factor":2}},"by":"type","accelerator":"cpu"}"#);
}

#[test]
fn a_default_takes_what_no_key_does() {
    let space = space_of(
        "seed.default.widen.factor = [1, 2]
        seed.seq_blocks_2.quantize.width = [4, 8]",
    )
    .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/quantize/width {"kind":"ordinal","choices":[4,8]}
    seq_blocks_4/widen/factor {"kind":"ordinal","choices":[1,2]}
    "#);
}

#[test]
fn a_pattern_takes_whole_names() {
    let space = space_of(
        "setup.by = \"regex_name\"
        seed.'seq_blocks_[24]'.widen.factor = [1, 2]
        seed.'.*_5'.quantize.width = [1, 2]",
    )
    .unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    seq_blocks_2/widen/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_4/widen/factor {"kind":"ordinal","choices":[1,2]}
    seq_blocks_5/quantize/width {"kind":"ordinal","choices":[1,2]}
    "#);
    let error =
        space_of("setup.by = \"regex_name\"\nseed.'seq'.widen.factor = [1, 2]").unwrap_err();
    assert!(
        error.to_string().starts_with("no node matches `seq`"),
        "{error}"
    );
}

#[test]
fn says_what_does_not_fit_the_network() {
    let refusals = [
        "seed.seq_block_2.widen.factor = [1, 2]",
        "seed.conv_1.widen.factor = [1, 2]",
        "seed.linear.widen.factor = [1, 2]",
        "setup.by = \"type\"\nseed.conv2d.widen.factor = [1, 2]",
        "setup.by = \"type\"\nseed.seq_blocks_2.widen.factor = [1, 2]",
        "seed.seq_blocks_0.config = { name = [\"both\"], channel_multiplier = [1, 2] }",
        "seed.seq_blocks_1.widen.factor = [1, 2]",
        "seed.seq_blocks_1.widen = { factor = [1, 2], width = [1, 2] }",
        "seed.seq_blocks_2.widen.factr = [1, 2]",
        "seed.seq_blocks_2.prune.ratio = [1, 2]",
        "seed.seq_blocks_2.widen.width = [1, -1]",
        "seed.seq_blocks_6.widen.factor = [1, 2]",
        "setup.by = \"regex_name\"\nseed.'seq.*'.widen.factor = 2\nseed.'.*2'.widen.factor = 2",
        "seed.seq_blocks_2.widen.factor = [2]",
        "seed = {}",
        "setup.by = \"name\"",
    ]
    .map(|text| {
        format!(
            "{text}\n  {}",
            shown(&space_of(text).unwrap_err()).replace('\n', "\n  ")
        )
    });
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    seed.seq_block_2.widen.factor = [1, 2]
      no node matches `seq_block_2` in `studies/x.toml`, line 2
        hint: did you mean `seq_blocks_2`?
    seed.conv_1.widen.factor = [1, 2]
      no node matches `conv_1` in `studies/x.toml`, line 2
        hint: `jsc-three-linear` has `output`, `seq_blocks_0`, `seq_blocks_1`, `seq_blocks_2`, `seq_blocks_3`, `seq_blocks_4`, `seq_blocks_5`, `seq_blocks_6`, `seq_blocks_7`, `x`
    seed.linear.widen.factor = [1, 2]
      no node matches `linear` in `studies/x.toml`, line 2
        hint: it is a type of node: set `search.search_space.setup.by = "type"`
    setup.by = "type"
    seed.conv2d.widen.factor = [1, 2]
      no node matches `conv2d` in `studies/x.toml`, line 3
        hint: `jsc-three-linear` has `batch_norm`, `input`, `linear`, `output`, `relu`
    setup.by = "type"
    seed.seq_blocks_2.widen.factor = [1, 2]
      no node matches `seq_blocks_2` in `studies/x.toml`, line 3
        hint: it is the name of a node: set `search.search_space.setup.by = "name"`
    seed.seq_blocks_0.config = { name = ["both"], channel_multiplier = [1, 2] }
      `config.name` does not apply to `seq_blocks_0` (batch_norm) in `studies/x.toml`, line 2
        hint: it applies to nodes of type `linear`, `conv2d`, `relu`, `add`
    seed.seq_blocks_1.widen.factor = [1, 2]
      `widen.factor` does not apply to `seq_blocks_1` (relu) in `studies/x.toml`, line 2
        hint: it applies to nodes of type `linear`
    seed.seq_blocks_1.widen = { factor = [1, 2], width = [1, 2] }
      `widen.factor` does not apply to `seq_blocks_1` (relu) in `studies/x.toml`, line 2
        hint: it applies to nodes of type `linear`
    seed.seq_blocks_2.widen.factr = [1, 2]
      pass `widen` has no field `factr` in `studies/x.toml`, line 2
        hint: did you mean `factor`?
    seed.seq_blocks_2.prune.ratio = [1, 2]
      pass `prune` has no field `ratio` in `studies/x.toml`, line 2
        hint: `prune` has nothing to choose
    seed.seq_blocks_2.widen.width = [1, -1]
      pass `widen`: `width` is -1, expected 1 or more in `studies/x.toml`, line 2
    seed.seq_blocks_6.widen.factor = [1, 2]
      node `seq_blocks_6`: it makes the network's output in `studies/x.toml`, line 2
    setup.by = "regex_name"
    seed.'seq.*'.widen.factor = 2
    seed.'.*2'.widen.factor = 2
      both `seq.*` and `.*2` match node `seq_blocks_2` in `studies/x.toml`, line 4
    seed.seq_blocks_2.widen.factor = [2]
      nothing to search: no field has more than one choice in `studies/x.toml`, line 2
    seed = {}
      nothing to search: there is no `[search.search_space.seed]` in `studies/x.toml`, line 1
    setup.by = "name"
      nothing to search: there is no `[search.search_space.seed]` in `studies/x.toml`, line 1
    "#);
}

const RESIDUAL: &str = "x = input[16]
    a = linear(x, out=8)
    r = relu(a)
    b = linear(r, out=8)
    s = add(b, r)
    c = linear(s, out=6)
    d = linear(c, out=16)
    t = add(d, x)
    e = linear(t, out=5)
    output = output(e)";

fn space_of_residual(text: &str) -> Result<SearchSpace, StudyError> {
    let loaded = search(&format!("[search.search_space]\n{text}"));
    loaded.search_space(&RESIDUAL.parse().unwrap(), 16, &passes(&["d", "e"]))
}

#[test]
fn tied_layers_have_one_parameter() {
    let space =
        space_of_residual("setup.by = \"type\"\nseed.linear.widen.factor = [1, 2]").unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    a/widen/factor {"kind":"ordinal","choices":[1,2]}
    c/widen/factor {"kind":"ordinal","choices":[1,2]}
    "#);
    insta::assert_snapshot!(space.notices.join("\nnote: "), @"layers whose channels are tied share one parameter: `b` follows `a`");
    let last = space.space.point(3).unwrap();
    insta::assert_snapshot!(args(&space, &last), @r#"widen {"a":{"factor":2},"c":{"factor":2},"by":"name"}"#);
    // The first that a key takes leads, in front of what the default takes.
    let named = "seed.default.widen.factor = [1, 2]\nseed.b.widen.factor = [1, 3]";
    let space = space_of_residual(named).unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    b/widen/factor {"kind":"ordinal","choices":[1,3]}
    c/widen/factor {"kind":"ordinal","choices":[1,2]}
    "#);
    // The other fields of a follower stay.
    let other = "seed.a.widen.factor = [1, 2]\nseed.b.widen = { factor = [2, 1], width = [3, 4] }";
    let space = space_of_residual(other).unwrap();
    insta::assert_snapshot!(printed(&space.space), @r#"
    a/widen/factor {"kind":"ordinal","choices":[1,2]}
    b/widen/width {"kind":"ordinal","choices":[3,4]}
    "#);
    let alone = space_of_residual("seed.b.widen.factor = [1, 2]").unwrap();
    assert_eq!(alone.notices, [""; 0]);
    insta::assert_snapshot!(printed(&alone.space), @r#"b/widen/factor {"kind":"ordinal","choices":[1,2]}"#);
}

#[test]
fn tied_layers_with_other_choices_are_refused() {
    let text = "seed.a.widen.factor = [1, 2]\nseed.b.widen.factor = [1, 3]";
    insta::assert_snapshot!(shown(&space_of_residual(text).unwrap_err()), @r"
    the channels of `a` (line 2) and `b` are tied, but `widen.factor` has other choices for them in `studies/x.toml`, line 3
      hint: give both the same, or leave one out: it follows; `firebrick transform --groups` shows what is tied
    ");
}

#[test]
fn the_built_in_study_says_that_it_is_about_another_network() {
    let mut options = Options::default();
    options.give("model", "MODEL", Some("toy"));
    let loaded = load(None, &options, Verb::Search).unwrap();
    let graph = "x = input[4]\na = linear(x, out=2)\ny = output(a)"
        .parse()
        .unwrap();
    let error = loaded.search_space(&graph, 1, &passes(&[])).unwrap_err();
    insta::assert_snapshot!(shown(&error), @"
    no node matches `seq_blocks_2` in `the built-in study`, line 16
      hint: the built-in study is about `jsc-three-linear`; give yours with `--config FILE`
    ");
}
