use std::collections::BTreeSet;

use firebrick_core::graph::Graph;
use firebrick_core::registry::Registration;
use firebrick_core::testing::check_pass;
use insta::assert_snapshot;
use serde_json::json;

use super::presets::PRESETS;
use super::*;

/// The network of the seed.
const JSC: &str = "
    x = input[16]
    n = batch_norm(x)
    r = relu(n)
    a = linear(r, out=8)
    s = relu(a)
    b = linear(s, out=5, bias=false)
    y = output(b)";

/// A residual block between other things that pass on what is not negative.
const IMAGE: &str = "
    x = input[3, 8, 8]
    c = conv2d(x, out=4, kernel=3, padding=1)
    r = relu(c)
    p = max_pool(r, kernel=2)
    d = dropout(p, p=0.5)
    e = conv2d(d, out=4, kernel=3, padding=1)
    q = add(e, d)
    g = concat(d, p)
    h = conv2d(g, out=4, kernel=1)
    t = add(q, h)
    f = flatten(t)
    l = linear(f, out=2)
    y = output(l)";

fn apply(before: &str, args: &Json) -> Result<Graph, PassError> {
    let graph: Graph = before.parse().unwrap();
    Ok(Quantize.apply(&graph, args)?.0)
}

/// Returns what was noted about each node that has a format, or the message and the hint.
fn formats(before: &str, args: &Json) -> String {
    match apply(before, args) {
        Ok(graph) => {
            let nodes = graph.nodes().iter().filter_map(|node| {
                let text = node.to_string();
                let (_, noted) = text.split_once(" @ ")?;
                Some(format!("{}: {noted}", node.name))
            });
            nodes.collect::<Vec<_>>().join("\n")
        }
        Err(error) => match error.hint() {
            Some(hint) => format!("error: {error}\nhint: {hint}"),
            None => format!("error: {error}"),
        },
    }
}

fn error(args: &Json) -> String {
    let error = apply(JSC, args).unwrap_err();
    error.to_string()
}

#[test]
fn keeps_the_contract_of_passes() {
    let image: Graph = IMAGE.parse().unwrap();
    let jsc: Graph = JSC.parse().unwrap();
    let preset = json!({ "default": { "format": "int4" } });
    let named = json!({ "by": "type", "linear": { "name": "integer", "weight_width": 4 } });
    for graph in [&image, &jsc] {
        for args in [&preset, &named] {
            check_pass(&Quantize, graph, args, &json!({}));
            check_pass(&Quantize, graph, args, &Json::Null);
            check_pass(
                &Quantize,
                graph,
                args,
                &json!({ "default": { "name": "NA" } }),
            );
        }
    }
}

#[test]
fn a_preset_stores_all_that_layers_read_and_learn() {
    // Behind a relu there is no sign; a bias has 8 bits at least, and so has batch norm.
    let found = formats(JSC, &json!({ "default": { "format": "int4" } }));
    assert_snapshot!(found, @r"
    n: bias=integer(8) data_in=integer(4) weight=integer(8)
    a: bias=integer(8) data_in=integer(4, unsigned) weight=integer(4)
    b: data_in=integer(4, unsigned) weight=integer(4)
    ");
}

#[test]
fn numbers_have_no_sign_wherever_they_come_from_relus_alone() {
    let found = formats(
        IMAGE,
        &json!({ "by": "regex_name", ".*[^x]": { "format": "int6" } }),
    );
    assert_snapshot!(found, @r"
    c: bias=integer(8) data_in=integer(6) weight=integer(6)
    r: data_in=integer(6)
    p: data_in=integer(6, unsigned)
    d: data_in=integer(6, unsigned)
    e: bias=integer(8) data_in=integer(6, unsigned) weight=integer(6)
    q: data_in=integer(6)
    g: data_in=integer(6, unsigned)
    h: bias=integer(8) data_in=integer(6, unsigned) weight=integer(6)
    t: data_in=integer(6)
    f: data_in=integer(6)
    l: bias=integer(8) data_in=integer(6) weight=integer(6)
    y: data_in=integer(6)
    ");
}

#[test]
fn mases_fields_say_what_each_operand_is() {
    let config = json!({
        "name": "integer", "bypass": false,
        "data_in_width": 8, "data_in_frac_width": 5,
        "weight_width": 6, "weight_frac_width": null,
        "bias_width": 10, "bias_frac_width": "NA",
    });
    let plain = formats(JSC, &json!({ "a": config }));
    assert_snapshot!(plain, @"a: bias=integer(10) data_in=integer(8, 5) weight=integer(6)");
    for name in ["integer", "fixed"] {
        let mut config = config.clone();
        config["name"] = name.into();
        let nested = json!({ "by": "name", "base_width": 16, "a": { "config": config } });
        assert_eq!(formats(JSC, &nested), plain);
    }
}

#[test]
fn a_bias_of_which_nothing_is_said_is_stored_as_the_weight_is() {
    let found = formats(
        JSC,
        &json!({ "a": { "name": "integer", "weight_width": 6, "weight_frac_width": 4 } }),
    );
    assert_snapshot!(found, @"a: bias=integer(6, 4) weight=integer(6, 4)");
}

#[test]
fn a_name_alone_means_nothing_to_nodes_without_weights() {
    let found = formats(JSC, &json!({ "r": { "name": "integer" } }));
    assert_eq!(found, "");
}

#[test]
fn the_sign_goes_only_where_that_is_said() {
    let found = formats(
        JSC,
        &json!({
            "a": { "name": "integer", "data_in_width": 8 },
            "b": { "name": "integer", "data_in_width": 8, "data_in_signed": false },
        }),
    );
    assert_snapshot!(found, @r"
    a: data_in=integer(8)
    b: data_in=integer(8, unsigned)
    ");
}

#[test]
fn mases_arithmetic_has_half_of_the_width_as_fraction() {
    let config = json!({
        "name": "integer", "arithmetic": "mase", "data_in_width": 9, "weight_width": 4,
        "weight_frac_width": 1,
    });
    let found = formats(JSC, &json!({ "a": config }));
    assert_snapshot!(found, @"a: bias=integer(4, 1) data_in=integer(9, 4) weight=integer(4, 1)");
}

#[test]
fn the_default_is_for_the_types_that_the_spelling_is_for() {
    let named = json!({ "default": { "config": { "name": "integer", "data_in_width": 8 } } });
    assert_snapshot!(formats(IMAGE, &named), @r"
    c: data_in=integer(8)
    r: data_in=integer(8)
    e: data_in=integer(8)
    q: data_in=integer(8)
    h: data_in=integer(8)
    t: data_in=integer(8)
    l: data_in=integer(8)
    ");
    let preset = json!({ "default": { "format": "int8" }, "l": { "format": "NA" } });
    assert_snapshot!(formats(IMAGE, &preset), @r"
    c: bias=integer(8) data_in=integer(8) weight=integer(8)
    e: bias=integer(8) data_in=integer(8, unsigned) weight=integer(8)
    h: bias=integer(8) data_in=integer(8, unsigned) weight=integer(8)
    ");
}

#[test]
fn what_is_left_stays_and_what_is_bypassed_is_float() {
    let before = "x = input[4]
        a = linear(x, out=3) @ weight=integer(3, 1) from=a
        y = output(a)";
    let with = |entry: Json| formats(before, &json!({ "a": entry }));
    assert_snapshot!(with(json!({ "name": "NA", "weight_width": 4 })), @"a: weight=integer(3, 1) from=a");
    assert_snapshot!(with(json!({ "name": "integer", "weight_width": 4, "bypass": true })), @"a: from=a");
    assert_snapshot!(with(json!({ "format": "float32" })), @"a: from=a");
    // Nothing of the formats before is left.
    assert_snapshot!(with(json!({ "name": "integer", "data_in_width": 4 })), @"a: data_in=integer(4) from=a");
}

#[test]
fn every_preset_can_be_carried_by_every_type_of_node() {
    let mut shown = Vec::new();
    for preset in &PRESETS {
        let args = json!({ "by": "regex_name", "[^x].*": { "format": preset.name } });
        for text in [IMAGE, JSC] {
            let graph = apply(text, &args).unwrap();
            let has_format = |node: &&Node| !node.annotations.formats.is_empty();
            let n_stored = graph.nodes().iter().filter(has_format).count();
            let all = graph.nodes().len() - 1;
            assert_eq!(n_stored, if preset.name == "float32" { 0 } else { all });
        }
        let found = formats(JSC, &json!({ "a": { "format": preset.name } }));
        shown.push(format!("{} {found}", preset.name));
    }
    assert_snapshot!(shown.join("\n"), @r"
    float32 
    int2 a: bias=integer(8) data_in=integer(2, unsigned) weight=integer(2)
    int3 a: bias=integer(8) data_in=integer(3, unsigned) weight=integer(3)
    int4 a: bias=integer(8) data_in=integer(4, unsigned) weight=integer(4)
    int5 a: bias=integer(8) data_in=integer(5, unsigned) weight=integer(5)
    int6 a: bias=integer(8) data_in=integer(6, unsigned) weight=integer(6)
    int7 a: bias=integer(8) data_in=integer(7, unsigned) weight=integer(7)
    int8 a: bias=integer(8) data_in=integer(8, unsigned) weight=integer(8)
    int10 a: bias=integer(10) data_in=integer(10, unsigned) weight=integer(10)
    int12 a: bias=integer(12) data_in=integer(12, unsigned) weight=integer(12)
    int16 a: bias=integer(16) data_in=integer(16, unsigned) weight=integer(16)
    lsq2 a: bias=integer(8) data_in=lsq(2, unsigned) weight=lsq(2)
    lsq3 a: bias=integer(8) data_in=lsq(3, unsigned) weight=lsq(3)
    lsq4 a: bias=integer(8) data_in=lsq(4, unsigned) weight=lsq(4)
    lsq6 a: bias=integer(8) data_in=lsq(6, unsigned) weight=lsq(6)
    lsq8 a: bias=integer(8) data_in=lsq(8, unsigned) weight=lsq(8)
    binary a: bias=integer(8) data_in=integer(8, unsigned) weight=binary(1, scale=power_of_two)
    ternary a: bias=integer(8) data_in=integer(8, unsigned) weight=ternary(2, scale=power_of_two)
    fp8_e4m3 a: bias=fp8_e4m3(8) data_in=fp8_e4m3(8) weight=fp8_e4m3(8)
    fp8_e5m2 a: bias=fp8_e5m2(8) data_in=fp8_e5m2(8) weight=fp8_e5m2(8)
    minifloat8_e4m3 a: bias=minifloat_ieee(8, exponent_width=4) data_in=minifloat_ieee(8, exponent_width=4) weight=minifloat_ieee(8, exponent_width=4)
    minifloat6_e3m2 a: bias=minifloat_ieee(8, exponent_width=4) data_in=minifloat_ieee(6, exponent_width=3) weight=minifloat_ieee(6, exponent_width=3)
    minifloat6_e2m3 a: bias=minifloat_ieee(8, exponent_width=4) data_in=minifloat_ieee(6, exponent_width=2) weight=minifloat_ieee(6, exponent_width=2)
    minifloat4_e2m1 a: bias=minifloat_ieee(8, exponent_width=4) data_in=minifloat_ieee(4, exponent_width=2) weight=minifloat_ieee(4, exponent_width=2)
    mxfp8_e4m3 a: bias=mxfp8_e4m3(8) data_in=mxfp8_e4m3(8) weight=mxfp8_e4m3(8)
    mxfp8_e5m2 a: bias=mxfp8_e5m2(8) data_in=mxfp8_e5m2(8) weight=mxfp8_e5m2(8)
    mxfp6_e3m2 a: bias=mxfp8_e4m3(8) data_in=mxfp6_e3m2(6) weight=mxfp6_e3m2(6)
    mxfp6_e2m3 a: bias=mxfp8_e4m3(8) data_in=mxfp6_e2m3(6) weight=mxfp6_e2m3(6)
    mxfp4 a: bias=mxfp8_e4m3(8) data_in=mxfp4_e2m1(4) weight=mxfp4_e2m1(4)
    mxint8 a: bias=mxint8(8) data_in=mxint8(8) weight=mxint8(8)
    msfp12 a: bias=block_fp(8, exponent_width=8, block_size=16) data_in=block_fp(4, exponent_width=8, block_size=16) weight=block_fp(4, exponent_width=8, block_size=16)
    log4 a: bias=integer(8) data_in=log(4) weight=log(4)
    log5 a: bias=integer(8) data_in=log(5) weight=log(5)
    log6 a: bias=integer(8) data_in=log(6) weight=log(6)
    ");
}

#[test]
fn every_preset_is_in_the_docs_and_in_the_schema() {
    let items = Registration::of_package("firebrick-passes");
    let item = items.iter().find(|item| item.names == ["quantize"]);
    let manifest = item.unwrap().manifest();
    let schema = manifest.schema.to_string();
    let names: BTreeSet<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), PRESETS.len());
    for preset in &PRESETS {
        assert!(
            manifest.docs.contains(&format!("`{}`", preset.name)),
            "{}",
            preset.name
        );
        assert!(schema.contains(preset.summary), "{}", preset.summary);
        assert!(preset.summary.ends_with('.'), "{}", preset.summary);
    }
    for name in setting::names() {
        assert!(
            manifest.docs.contains(&format!("`{name}`")),
            "{name} is in the docs"
        );
    }
}

#[test]
fn every_field_of_a_format_is_a_choice_and_only_of_formats_that_have_it() {
    let choices = Quantize.choices();
    let of = |field: &str| choices.iter().find(|choice| choice.field == field).unwrap();
    assert!(of("format").needs.is_empty() && of("name").needs.is_empty());
    let with_fraction = of("weight_frac_width");
    assert_eq!(with_fraction.needs, ["integer", "fixed"]);
    assert!(with_fraction.ordered && !of("name").ordered && !of("weight_signed").ordered);
    assert!(of("data_in_width").ops.contains(&"relu".to_owned()));
    assert!(!of("weight_width").ops.contains(&"relu".to_owned()));
    for name in setting::names() {
        for choice in &choices {
            let Some(rest) = choice.field.strip_prefix("weight_") else {
                continue;
            };
            let meant = setting::ALIASES.iter().find(|(alias, _)| *alias == name);
            let meant = meant.map_or(name, |(_, meant)| meant);
            let has = stored::has_field(meant, rest);
            assert_eq!(
                choice.needs.contains(&name.to_owned()),
                has,
                "{name} {rest}"
            );
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let named = |fields: Json| {
        let mut entry = json!({ "name": "integer", "weight_width": 8 });
        for (field, value) in fields.as_object().unwrap() {
            entry[field] = value.clone();
        }
        error(&json!({ "a": entry }))
    };
    let messages = [
        error(&json!({ "a": "int8" })),
        error(&json!({ "a": { "format": "int9" } })),
        error(&json!({ "a": { "format": "LSQ8" } })),
        error(&json!({ "a": { "format": "integer" } })),
        error(&json!({ "a": { "format": "bfloat" } })),
        error(&json!({ "a": { "name": "int8" } })),
        error(&json!({ "a": { "format": "int8", "weight_width": 4 } })),
        error(&json!({ "a": { "format": "int8", "name": "integer" } })),
        error(&json!({ "a": { "wieght_width": 4 } })),
        error(&json!({ "a": { "weight_width": 4 } })),
        error(&json!({ "a": { "name": "integer" } })),
        error(&json!({ "a": { "name": "integr", "weight_width": 4 } })),
        error(&json!({ "a": { "config": { "name": null }, "name": "integer" } })),
        error(&json!({ "a": { "config": { "config": {} } } })),
        error(&json!({ "a": { "name": "logicnets" } })),
        error(&json!({ "a": { "name": "binary_residual" } })),
        named(json!({ "weight_stochastic": true })),
        named(json!({ "data_in_frac_width": 4 })),
        named(json!({ "weight_width": 4.5 })),
        named(json!({ "weight_width": -1 })),
        named(json!({ "weight_signed": 1 })),
        named(json!({ "weight_bipolar": true })),
        named(json!({ "weight_scale": "median" })),
        named(json!({ "weight_block_size": [2, 16] })),
        named(json!({ "bypass": "yes" })),
        named(json!({ "arithmetic": "ieee" })),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    `a`: expected a table such as {"format": "int8"}, found "int8"
    `a`: `format` is "int9", expected one of int2, int3, int4, int5, int6, int7, int8, int10, int12, int16
    `a`: `format` is "LSQ8", expected one of lsq2, lsq3, lsq4, lsq6, lsq8
    `a`: `format` is "integer", which is no preset: give it as `name`, with fields such as `weight_width`
    `a`: `format` is "bfloat", expected one of float32, int2, int3, int4, int5, int6, int7, int8, int10, int12, int16, lsq2, lsq3, lsq4, lsq6, lsq8, binary, ternary, fp8_e4m3, fp8_e5m2, minifloat8_e4m3, minifloat6_e3m2, minifloat6_e2m3, minifloat4_e2m1, mxfp8_e4m3, mxfp8_e5m2, mxfp6_e3m2, mxfp6_e2m3, mxfp4, mxint8, msfp12, log4, log5, log6
    `a`: `name` is "int8", which is a preset: give it as `format`, which says all
    `a`: `weight_width` has no effect beside `format`, which says all
    `a`: `format` and `name` exclude each other
    `a`: unknown field `wieght_width`, expected `format`, or `name` and fields such as `weight_width` and `data_in_frac_width`, or `bypass`, `arithmetic` or `config`
    `a`: `weight_width` has no effect without `name`
    `a`: `integer` needs `data_in_width` or `weight_width`, without which nothing changes
    `a`: `name` is "integr", which is not known, did you mean `integer`?
    `a`: all fields go either into `config` or beside it
    `a`: unknown field `config`, expected `format`, or `name` and fields such as `weight_width` and `data_in_frac_width`, or `bypass`, `arithmetic` or `config`
    `a`: `name` is "logicnets", but that replaces neurons by tables, which is another network
    `a`: `name` is "binary_residual", but that adds up several binary networks, which is another network
    `a`: `weight_stochastic` is true, but numbers are not stored at random here: the same network always computes the same
    `a`: `integer` needs `data_in_width`
    `a`: `weight_width` is 4.5, expected a whole number from 1
    `a`: `weight_width` is -1, expected a whole number from 1
    `a`: `weight_signed` is 1, expected true or false
    `a`: `integer` has no `weight_bipolar`
    `a`: `weight_scale` is "median", expected `one` or `mean` or `power_of_two`
    `a`: `weight_block_size` is [2,16], but blocks run along the channels alone: expected a number, or a list whose others are 1
    `a`: `bypass` is "yes", expected true or false
    `a`: `arithmetic` is "ieee", expected "mase" or null
    "#);
}

#[test]
fn numbers_that_a_format_can_not_have_are_refused_with_node_operand_and_value() {
    let named = |fields: Json| {
        let mut entry = json!({ "name": "integer", "weight_width": 8, "bias_width": 8 });
        for (field, value) in fields.as_object().unwrap() {
            entry[field] = value.clone();
        }
        error(&json!({ "a": entry }))
    };
    let messages = [
        named(json!({ "weight_width": 0 })),
        named(json!({ "bias_width": 33 })),
        named(json!({ "bias_width": 1 })),
        named(json!({ "weight_frac_width": 200 })),
        named(json!({ "name": "lsq", "weight_width": 25 })),
        error(&json!({ "r": { "name": "integer", "weight_width": 8 } })),
        error(&json!({ "x": { "format": "int8" } })),
        error(&json!({ "by": "type", "relu": { "name": "integer", "weight_width": 8 } })),
        error(&json!({ "aa": { "format": "int8" } })),
    ];
    assert_snapshot!(messages.join("\n"), @r"
    node `a`: can't have `weight` quantised: number format `integer` has `width` 0, expected 2 to 32, of which one bit is the sign
    node `a`: can't have `bias` quantised: number format `integer` has `width` 33, expected 2 to 32, of which one bit is the sign
    node `a`: can't have `bias` quantised: number format `integer` has `width` 1, expected 2 to 32, of which one bit is the sign
    node `a`: can't have `weight` quantised: number format `integer` has `frac_width` 200, expected -120 to 126, so that its numbers are normal in float32
    node `a`: can't have `weight` quantised: number format `lsq` has `width` 25, expected 2 to 24, so that its numbers of steps are exact in float32
    node `r`: relu has no `weight` that could have a number format
    node `x`: input reads and learns nothing that could have a number format
    node `r`: relu has no `weight` that could have a number format
    no node matches `aa`
    ");
}

#[test]
fn fields_of_operands_that_a_node_lacks_mean_nothing_beside_nodes_that_have_them() {
    let found = formats(
        JSC,
        &json!({ "by": "regex_name", "[sb]": {
            "name": "integer", "data_in_width": 4, "weight_width": 8, "bias_width": 8
        } }),
    );
    assert_snapshot!(found, @r"
    s: data_in=integer(4)
    b: data_in=integer(4) weight=integer(8)
    ");
}

#[test]
fn formats_of_one_width_are_for_all_operands() {
    let found = |entry: Json| formats(JSC, &json!({ "a": entry }));
    assert_snapshot!(found(json!({ "name": "mxfp4_e2m1" })), @"a: bias=mxfp4_e2m1(4) data_in=mxfp4_e2m1(4) weight=mxfp4_e2m1(4)");
    // What MASE says of binary and ternary networks.
    assert_snapshot!(found(json!({
        "name": "binary", "data_in_width": 1, "data_in_bipolar": true, "data_in_stochastic": false,
        "weight_width": 1, "weight_bipolar": false, "weight_stochastic": false,
    })), @"a: bias=binary(1, scale=mean, unsigned) data_in=binary(1, scale=one) weight=binary(1, scale=mean, unsigned)");
    assert_snapshot!(found(json!({
        "name": "ternary", "data_in_scaling_factor": false, "weight_width": 2,
        "weight_scaling_factor": true, "weight_mean": true, "weight_median": false,
        "bias_scale": "power_of_two", "arithmetic": "mase",
    })), @"a: bias=ternary(2, scale=power_of_two, mase) data_in=ternary(2, scale=one) weight=ternary(2, scale=mean, mase)");
}

#[test]
fn blocks_and_exponents_are_said_as_mase_says_them() {
    let found = |entry: Json| formats(JSC, &json!({ "a": { "config": entry } }));
    assert_snapshot!(found(json!({
        "name": "msfp", "weight_width": 6, "weight_exponent_width": 8, "weight_exponent_bias": null,
        "weight_block_size": [1, 16], "bias_width": 8, "bias_exponent_width": 8,
        "bias_block_size": [16], "arithmetic": "mase",
    })), @"a: bias=block_fp(8, exponent_width=8, block_size=16, mase) weight=block_fp(6, exponent_width=8, block_size=16, mase)");
    // The whole dimension.
    let whole = json!({ "name": "block_fp", "weight_width": 4, "weight_block_size": [1, -1] });
    assert!(found(whole).contains("block_size=4294967295"));
    assert_snapshot!(found(json!({
        "name": "block_log", "weight_width": 6, "weight_exponent_bias_width": 4,
        "weight_block_size": 8,
    })), @"a: bias=block_log(6, exponent_bias_width=4, block_size=8) weight=block_log(6, exponent_bias_width=4, block_size=8)");
    assert_snapshot!(found(json!({
        "name": "minifloat_denorm", "data_in_width": 8, "data_in_exponent_width": 4,
        "data_in_exponent_bias": 7,
    })), @"a: data_in=minifloat_denorm(8, exponent_width=4, exponent_bias=7)");
}

#[test]
fn what_a_format_has_not_is_refused_whichever_it_is() {
    // Why a number is out of range is the format's to say.
    let found = |entry: Json| {
        let error = error(&json!({ "a": entry }));
        error.split(", expected 1").next().unwrap().to_owned()
    };
    let messages = [
        found(json!({ "name": "binary", "weight_width": 8 })),
        found(json!({ "name": "binary", "weight_scale": "mean", "data_in_scale": "mean" })),
        found(json!({ "name": "ternary", "weight_median": true })),
        found(json!({ "name": "mxint8", "weight_block_size": 0 })),
        found(json!({ "name": "integer", "weight_width": 8, "weight_exponent_width": 4 })),
        found(json!({ "name": "minifloat_ieee", "weight_width": 8, "weight_exponent_width": 9 })),
        found(json!({ "name": "fp8_e4m3", "bias_frac_width": 4 })),
        found(json!({ "name": "block_fp", "weight_width": 4, "weight_block_size": -2 })),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    node `a`: can't have `weight` quantised: number format `binary` has `width` 8
    node `a`: can't have `data_in` quantised: number format `binary` scales by the mean of all numbers, which would make a row depend on those beside it; `scale` = "one" does not
    `a`: `weight_median` is true, but the threshold of `ternary` is from the mean
    node `a`: can't have `weight` quantised: number format `mxint8` has `block_size` 0
    node `a`: can't have `weight` quantised: number format `integer` has no `exponent_width`
    node `a`: can't have `weight` quantised: number format `minifloat_ieee` has `exponent_width` 9
    node `a`: can't have `bias` quantised: number format `fp8_e4m3` has no `frac_width`
    `a`: `weight_block_size` is -2, expected a whole number from 1
    "#);
}
