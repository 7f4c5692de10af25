//! The points that a search begins with, in every spelling.

use super::formats::passes;
use super::space::JSC;
use super::*;

/// Widths of two layers, formats with fields of their own, records, and layers that are tied.
const STUDY: &str = "seed = 5
[search.search_space]
tie = [[\"seq_blocks_1\", \"seq_blocks_3\"]]
[search.search_space.seed]
seq_blocks_2.channel_multiplier.factor = [0.5, 1, 2]
seq_blocks_4.channel_multiplier.factor = { low = 1, high = 8 }
seq_blocks_2.quantize.format = \"int8\"
seq_blocks_4.quantize = { name = [\"integer\", \"log\", \"NA\"], weight_width = [8, 4], weight_frac_width = [3, 2], bias_width = 8, weight_exponent_bias = [1, 2] }
seq_blocks_6.quantize = { name = \"integer\", data_in = [{ width = 16, frac_width = 8 }, { width = 8, frac_width = 6 }, { width = 8, frac_width = 4 }] }
seq_blocks_1.quantize = { name = \"integer\", data_in_width = [8, 4] }
seq_blocks_3.quantize = { name = \"integer\", data_in_width = [8, 4] }
[search.strategy]
";

/// The seed's spelling.
const MASE: &str = "seed = 5
[search.search_space.seed.default.config]
name = [\"NA\"]
[search.search_space.seed.seq_blocks_2.config]
name = [\"output_only\"]
channel_multiplier = [1, 2, 4]
[search.search_space.seed.seq_blocks_4.config]
name = [\"both\"]
channel_multiplier = [1, 2, 4]
[search.strategy]
";

fn enqueued_in(study: &str, points: &str) -> Result<(SearchSpace, Enqueued), StudyError> {
    let loaded = read_as(
        &format!("{study}{points}"),
        &Options::default(),
        Verb::Search,
    )?;
    let space = loaded.search_space(&JSC.parse().unwrap(), 16, &passes())?;
    let enqueued = loaded.enqueued(&space)?;
    Ok((space, enqueued))
}

/// Returns the points one a line, and what is said of them.
fn points(study: &str, text: &str) -> String {
    let (_, enqueued) =
        enqueued_in(study, text).unwrap_or_else(|error| panic!("{}", shown(&error)));
    let points = enqueued.points.iter().map(|params| {
        let values = params.iter();
        let values: Vec<String> = values
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        values.join(" ")
    });
    let notes = enqueued.notes.iter().map(|note| format!("note: {note}"));
    points.chain(notes).collect::<Vec<_>>().join("\n")
}

/// Returns what is wrong with each text.
fn refusals(study: &str, texts: &[&str]) -> String {
    let refusals = texts.iter().map(|text| match enqueued_in(study, text) {
        Err(error) => format!("{text}\n  {}", shown(&error)),
        Ok((_, enqueued)) => panic!("`{text}` is taken: {enqueued:?}"),
    });
    refusals.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_point_is_spelled_as_the_space_or_by_parameter() {
    let nested = "[[search.strategy.enqueue]]
        seq_blocks_2.channel_multiplier.factor = 2
        seq_blocks_4.channel_multiplier.factor = 3
        seq_blocks_4.quantize.name = \"NA\"
        seq_blocks_1.quantize.data_in_width = 4
        seq_blocks_6.quantize.data_in = { frac_width = 6, width = 8 }";
    let flat = "enqueue = [{ \"seq_blocks_2/channel_multiplier/factor\" = 2.0, \
        \"seq_blocks_4/channel_multiplier/factor\" = 3, \"seq_blocks_4/quantize/name\" = \"NA\", \
        \"seq_blocks_1/quantize/data_in_width\" = 4, \
        \"seq_blocks_6/quantize/data_in\" = \"width 8 frac_width 6\" }]";
    let point = points(STUDY, nested);
    insta::assert_snapshot!(point, @"seq_blocks_1/quantize/data_in_width=4 seq_blocks_2/channel_multiplier/factor=2 seq_blocks_4/channel_multiplier/factor=3 seq_blocks_4/quantize/name=NA seq_blocks_6/quantize/data_in=width 8 frac_width 6");
    assert_eq!(points(STUDY, flat), point);
}

#[test]
fn a_point_that_was_sampled_is_read_back_from_its_sampled_config() {
    for study in [STUDY, MASE] {
        let (space, enqueued) = enqueued_in(
            study,
            "[[search.strategy.enqueue]]\nseq_blocks_4.quantize.name = \"log\"",
        )
        .or_else(|_| {
            enqueued_in(
                study,
                "[[search.strategy.enqueue]]\nseq_blocks_4.config.channel_multiplier = 4",
            )
        })
        .unwrap();
        let params = &enqueued.points[0];
        let config = space.sampled_config(params, "cpu");
        let text = format!("enqueue = [{}]", toml_of(&config));
        let (_, again) = enqueued_in(study, &text).unwrap_or_else(|error| {
            panic!("{text}\n{}", shown(&error));
        });
        assert_eq!(again.points, enqueued.points, "{text}");
        // `params` of `best.json` too.
        let text = format!("enqueue = [{}]", toml_of(&serde_json::json!(params)));
        assert_eq!(enqueued_in(study, &text).unwrap().1.points, enqueued.points);
    }
}

/// Returns JSON as a user writes it in TOML.
fn toml_of(json: &Json) -> String {
    match json {
        Json::Null => "\"NA\"".to_owned(),
        Json::Object(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(key, value)| format!("\"{key}\" = {}", toml_of(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        value => value.to_string(),
    }
}

#[test]
fn what_a_point_leaves_open_depends_on_the_seed_and_its_number() {
    let open = "enqueue = [{ \"seq_blocks_2/channel_multiplier/factor\" = 1 }, \
                { \"seq_blocks_2/channel_multiplier/factor\" = 1 }]";
    let (space, enqueued) = enqueued_in(STUDY, open).unwrap();
    let [first, second] = enqueued.points.as_slice() else {
        panic!("{enqueued:?}");
    };
    // The same table twice is two points where there is something to draw.
    assert_ne!(first, second);
    for params in [first, second] {
        assert_eq!(space.space.canonical(params).as_ref(), Ok(params));
    }
    assert_eq!(enqueued_in(STUDY, open).unwrap().1.points, enqueued.points);
    let other_seed = STUDY.replace("seed = 5", "seed = 6");
    assert_ne!(
        enqueued_in(&other_seed, open).unwrap().1.points,
        enqueued.points
    );
    // What another point says changes nothing.
    let after = |name: &str| {
        let text = format!(
            "enqueue = [{{ seq_blocks_4.quantize.name = \"{name}\" }}, {{ seq_blocks_2.channel_multiplier.factor = 1 }}]"
        );
        enqueued_in(STUDY, &text).unwrap().1.points[1].clone()
    };
    assert_eq!(after("log"), after("NA"));
    assert_eq!(&after("log"), second);
}

#[test]
fn a_field_that_is_given_says_which_format_it_is_of() {
    // Drawn 8 times, the name would be another one at least once.
    let text = "[[search.strategy.enqueue]]\nseq_blocks_4.quantize.weight_exponent_bias = 1\n";
    let (_, enqueued) = enqueued_in(STUDY, &text.repeat(8)).unwrap();
    for params in &enqueued.points {
        let name = params.get("seq_blocks_4/quantize/name");
        assert_eq!(name.map(ToString::to_string).as_deref(), Some("log"));
    }
    // So does one that is always the same, which is none of the parameters.
    let text = text.replace("weight_exponent_bias = 1", "bias_width = 8");
    let (_, enqueued) = enqueued_in(STUDY, &text.repeat(8)).unwrap();
    for params in &enqueued.points {
        assert_ne!(
            params
                .get("seq_blocks_4/quantize/name")
                .map(ToString::to_string)
                .as_deref(),
            Some("NA")
        );
    }
}

#[test]
fn a_point_that_comes_again_is_tried_once() {
    let point = |factor: &str| {
        format!(
            "[[search.strategy.enqueue]]\nseq_blocks_2.config.channel_multiplier = {factor}\nseq_blocks_4.config.channel_multiplier = 1\n"
        )
    };
    let text = [point("1"), point("2"), point("1.0"), point("4")].concat();
    insta::assert_snapshot!(points(MASE, &text), @r"
    seq_blocks_2/channel_multiplier/channel_multiplier=1 seq_blocks_4/channel_multiplier/channel_multiplier=1
    seq_blocks_2/channel_multiplier/channel_multiplier=2 seq_blocks_4/channel_multiplier/channel_multiplier=1
    seq_blocks_2/channel_multiplier/channel_multiplier=4 seq_blocks_4/channel_multiplier/channel_multiplier=1
    note: `search.strategy.enqueue[2]` is the same point as `search.strategy.enqueue[0]`: it is tried once
    ");
}

#[test]
fn more_points_than_trials_are_said() {
    let text = "setup.n_trials = 2\nenqueue = [{ seq_blocks_2.config.channel_multiplier = 1 }, \
                { seq_blocks_2.config.channel_multiplier = 2 }, \
                { seq_blocks_2.config.channel_multiplier = 4 }]";
    insta::assert_snapshot!(points(MASE, text), @r"
    seq_blocks_2/channel_multiplier/channel_multiplier=1 seq_blocks_4/channel_multiplier/channel_multiplier=2
    seq_blocks_2/channel_multiplier/channel_multiplier=2 seq_blocks_4/channel_multiplier/channel_multiplier=2
    note: `search.strategy.enqueue` has 3 points, but the study has 2 trials: the others are not tried
    ");
}

#[test]
fn says_what_is_no_point() {
    insta::assert_snapshot!(refusals(STUDY, &[
        "enqueue = 3",
        "enqueue = { seq_blocks_2.channel_multiplier.factor = 2 }",
        "[search.strategy.enqueue]\nseq_blocks_2.channel_multiplier.factor = 2",
        "enqueue = [3]",
        "enqueue = [{}]",
        "enqueue = [{ by = \"name\" }]",
        "enqueue = [{ seq_blocks_2 = 2 }]",
        "enqueue = [{ \"seq_blocks_2/factor\" = 2 }]",
        "enqueue = [{ seq_blocks_2.factor = 2 }]",
        "[[search.strategy.enqueue]]\nseq_blocks_2.channel_multiplier.factor = [1, 2]",
        "enqueue = [{ \"seq_blocks_6/quantize/data_in\" = {} }]",
    ]), @r#"
    enqueue = 3
      `search.strategy.enqueue` must be a list of tables, each a point, is `3` in `studies/x.toml`, line 13
      hint: write one `[[search.strategy.enqueue]]` a point
    enqueue = { seq_blocks_2.channel_multiplier.factor = 2 }
      `search.strategy.enqueue` must be a list of tables, each a point, is a table in `studies/x.toml`, line 13
      hint: write one `[[search.strategy.enqueue]]` a point
    [search.strategy.enqueue]
    seq_blocks_2.channel_multiplier.factor = 2
      `search.strategy.enqueue` must be a list of tables, each a point, is a table in `studies/x.toml`, line 13
      hint: write one `[[search.strategy.enqueue]]` a point
    enqueue = [3]
      `search.strategy.enqueue[0]` must be a table, is `3` in `studies/x.toml`, line 13
      hint: write one `[[search.strategy.enqueue]]` a point
    enqueue = [{}]
      `search.strategy.enqueue[0]` says nothing of its point in `studies/x.toml`, line 13
      hint: give it the value of one parameter at least, or leave it out
    enqueue = [{ by = "name" }]
      `search.strategy.enqueue[0]` says nothing of its point in `studies/x.toml`, line 13
      hint: give it the value of one parameter at least, or leave it out
    enqueue = [{ seq_blocks_2 = 2 }]
      `search.strategy.enqueue[0].seq_blocks_2` must be a table of the passes of a node, is `2` in `studies/x.toml`, line 13
      hint: a parameter is `"node/pass/field" = value`, or `node.pass.field = value`
    enqueue = [{ "seq_blocks_2/factor" = 2 }]
      `search.strategy.enqueue[0]."seq_blocks_2/factor"` is no name of a parameter in `studies/x.toml`, line 13
      hint: it is `node/pass/field`, as in `params` of `best.json`
    enqueue = [{ seq_blocks_2.factor = 2 }]
      `search.strategy.enqueue[0].seq_blocks_2.factor` must be a table of the fields of a pass, is `2` in `studies/x.toml`, line 13
    [[search.strategy.enqueue]]
    seq_blocks_2.channel_multiplier.factor = [1, 2]
      `search.strategy.enqueue[0].seq_blocks_2.channel_multiplier.factor` must be a single value, is a list in `studies/x.toml`, line 14
      hint: a point has one value a parameter, not a choice
    enqueue = [{ "seq_blocks_6/quantize/data_in" = {} }]
      `search.strategy.enqueue[0]."seq_blocks_6/quantize/data_in"` has a table without fields in `studies/x.toml`, line 13
    "#);
}

#[test]
fn says_what_is_not_in_the_space() {
    insta::assert_snapshot!(refusals(STUDY, &[
        "[[search.strategy.enqueue]]\nseq_blocks_2.channel_multiplier.factor = 1\n\
         [[search.strategy.enqueue]]\nseq_block_2.channel_multiplier.factor = 2",
        "enqueue = [{ \"seq_blocks_2/channel_multiplier/facto\" = 2 }]",
        "enqueue = [{ \"seq_blocks_2/channel_multiplier/factor\" = 3 }]",
        "enqueue = [{ \"seq_blocks_2/channel_multiplier/factor\" = \"2\" }]",
        "[[search.strategy.enqueue]]\nseq_blocks_4.channel_multiplier.factor = 9",
        "enqueue = [{ seq_blocks_4.channel_multiplier.factor = 1.5 }]",
        "enqueue = [{ seq_blocks_2.quantize.format = \"int4\" }]",
        "enqueue = [{ seq_blocks_6.quantize.data_in = { width = 16, frac_width = 6 } }]",
        "enqueue = [{ seq_blocks_6.quantize.data_in_width = 16, seq_blocks_6.quantize.data_in_frac_width = 6 }]",
        "enqueue = [{ seq_blocks_4.quantize = { name = \"integer\", weight_exponent_bias = 1 } }]",
        "enqueue = [{ seq_blocks_4.quantize = { name = \"NA\", bias_width = 8 } }]",
        "enqueue = [{ seq_blocks_4.quantize = { weight_frac_width = 2, weight_exponent_bias = 1 } }]",
        "enqueue = [{ seq_blocks_1.quantize.data_in_width = 8, seq_blocks_3.quantize.data_in_width = 4 }]",
        "enqueue = [{ something = { config.name = \"NA\" } }]",
    ]), @r#"
    [[search.strategy.enqueue]]
    seq_blocks_2.channel_multiplier.factor = 1
    [[search.strategy.enqueue]]
    seq_block_2.channel_multiplier.factor = 2
      `search.strategy.enqueue[1].seq_block_2.channel_multiplier.factor` is not in the space in `studies/x.toml`, line 16
      hint: did you mean `seq_blocks_2/channel_multiplier/factor`?
    enqueue = [{ "seq_blocks_2/channel_multiplier/facto" = 2 }]
      `search.strategy.enqueue[0].seq_blocks_2.channel_multiplier.facto` is not in the space in `studies/x.toml`, line 13
      hint: did you mean `seq_blocks_2/channel_multiplier/factor`?
    enqueue = [{ "seq_blocks_2/channel_multiplier/factor" = 3 }]
      `search.strategy.enqueue[0].seq_blocks_2.channel_multiplier.factor` can't be `3` in `studies/x.toml`, line 13
      hint: it can be `0.5`, `1`, `2`
    enqueue = [{ "seq_blocks_2/channel_multiplier/factor" = "2" }]
      `search.strategy.enqueue[0].seq_blocks_2.channel_multiplier.factor` can't be `"2"` in `studies/x.toml`, line 13
      hint: it can be `0.5`, `1`, `2`
    [[search.strategy.enqueue]]
    seq_blocks_4.channel_multiplier.factor = 9
      `search.strategy.enqueue[0].seq_blocks_4.channel_multiplier.factor` can't be `9` in `studies/x.toml`, line 14
      hint: it can be a whole number from 1 to 8
    enqueue = [{ seq_blocks_4.channel_multiplier.factor = 1.5 }]
      `search.strategy.enqueue[0].seq_blocks_4.channel_multiplier.factor` can't be `1.5` in `studies/x.toml`, line 13
      hint: it can be a whole number from 1 to 8
    enqueue = [{ seq_blocks_2.quantize.format = "int4" }]
      `search.strategy.enqueue[0].seq_blocks_2.quantize.format` can't be `"int4"` in `studies/x.toml`, line 13
      hint: the study leaves it at `"int8"`
    enqueue = [{ seq_blocks_6.quantize.data_in = { width = 16, frac_width = 6 } }]
      `search.strategy.enqueue[0].seq_blocks_6.quantize.data_in` can't be `{ width = 16, frac_width = 6 }` in `studies/x.toml`, line 13
      hint: it can be `{ width = 16, frac_width = 8 }`, `{ width = 8, frac_width = 6 }`, `{ width = 8, frac_width = 4 }`
    enqueue = [{ seq_blocks_6.quantize.data_in_width = 16, seq_blocks_6.quantize.data_in_frac_width = 6 }]
      `search.strategy.enqueue[0].seq_blocks_6.quantize.data_in_frac_width` can't be `6` in `studies/x.toml`, line 13
      hint: it can be `{ width = 16, frac_width = 8 }`, `{ width = 8, frac_width = 6 }`, `{ width = 8, frac_width = 4 }`
    enqueue = [{ seq_blocks_4.quantize = { name = "integer", weight_exponent_bias = 1 } }]
      `search.strategy.enqueue[0].seq_blocks_4.quantize.weight_exponent_bias` exists only where `seq_blocks_4/quantize/name` is `"log"` in `studies/x.toml`, line 13
      hint: leave one of them out: what a point does not give is drawn
    enqueue = [{ seq_blocks_4.quantize = { name = "NA", bias_width = 8 } }]
      `search.strategy.enqueue[0].seq_blocks_4.quantize.bias_width` exists only where `seq_blocks_4/quantize/name` is `"integer"`, `"log"` in `studies/x.toml`, line 13
      hint: leave one of them out: what a point does not give is drawn
    enqueue = [{ seq_blocks_4.quantize = { weight_frac_width = 2, weight_exponent_bias = 1 } }]
      `search.strategy.enqueue[0].seq_blocks_4.quantize.weight_exponent_bias` exists only where `seq_blocks_4/quantize/name` is `"log"` in `studies/x.toml`, line 13
      hint: leave one of them out: what a point does not give is drawn
    enqueue = [{ seq_blocks_1.quantize.data_in_width = 8, seq_blocks_3.quantize.data_in_width = 4 }]
      `search.strategy.enqueue[0]` gives `seq_blocks_1/quantize/data_in_width` two values, `8` and `4` in `studies/x.toml`, line 13
      hint: layers that are tied share a parameter: give it once
    enqueue = [{ something = { config.name = "NA" } }]
      `search.strategy.enqueue[0].something.config.name` is not in the space in `studies/x.toml`, line 13
      hint: known: `seq_blocks_1/quantize/data_in_width`, `seq_blocks_2/channel_multiplier/factor`, `seq_blocks_3/quantize/data_in_width`, `seq_blocks_4/channel_multiplier/factor`, `seq_blocks_4/quantize/name`, `seq_blocks_4/quantize/weight_width`, `seq_blocks_4/quantize/weight_frac_width`, `seq_blocks_4/quantize/weight_exponent_bias`, `seq_blocks_6/quantize/data_in`
    "#);
    insta::assert_snapshot!(refusals(MASE, &[
        "enqueue = [{ seq_blocks_2.config.name = \"both\" }]",
        "enqueue = [{ seq_blocks_6.config.name = \"input_only\" }]",
        "enqueue = [{ seq_blocks_2.channel_multiplier.factor = 2 }]",
    ]), @r#"
    enqueue = [{ seq_blocks_2.config.name = "both" }]
      `search.strategy.enqueue[0].seq_blocks_2.config.name` can't be `"both"` in `studies/x.toml`, line 11
      hint: the study leaves it at `"output_only"`
    enqueue = [{ seq_blocks_6.config.name = "input_only" }]
      `search.strategy.enqueue[0].seq_blocks_6.config.name` can't be `"input_only"` in `studies/x.toml`, line 11
      hint: the study leaves it at `"NA"`
    enqueue = [{ seq_blocks_2.channel_multiplier.factor = 2 }]
      `search.strategy.enqueue[0].seq_blocks_2.channel_multiplier.factor` is not in the space in `studies/x.toml`, line 11
      hint: did you mean `seq_blocks_2/channel_multiplier/channel_multiplier`?
    "#);
}

#[test]
fn the_default_of_mase_says_nothing_of_a_point() {
    let text = "[[search.strategy.enqueue]]\ndefault.config.name = \"integer\"\n\
                seq_blocks_2.config.channel_multiplier = 2";
    insta::assert_snapshot!(notices(&search(&format!("{MASE}{text}"))), @"`search.strategy.enqueue[0].default` in `studies/x.toml`, line 12 has no effect: a point has the values of each node by itself");
}
