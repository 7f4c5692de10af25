use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::graph::Graph;
use firebrick_core::pass::{Info, Pass, PassError, Role};
use firebrick_core::registry::{Make, Registration};
use firebrick_core::testing::check_pass;
use insta::assert_snapshot;
use serde_json::json;

const PACKAGE: &str = "firebrick-passes";

/// A network whose first layer is quantised, and its second half of it.
const MIXED: &str = "
    x = input[4]
    n = batch_norm(x)
    a = linear(n, out=8) @ weight=integer(4, 2) bias=integer(8) data_in=integer(6)
    r = relu(a)
    b = linear(r, out=2) @ weight=binary(1) frozen
    c = linear(b, out=3)
    y = output(c)";

fn pass(name: &str) -> Box<dyn Pass> {
    let items = Registration::of_package(PACKAGE);
    let item = items.iter().find(|item| item.names.contains(&name));
    match item.expect("registered").make {
        Make::Pass(make) => make(),
        _ => panic!("{name} is not a pass"),
    }
}

fn measure(name: &str, text: &str, args: &Json) -> Result<Info, PassError> {
    let graph: Graph = text.parse().unwrap();
    Ok(pass(name).apply(&graph, args)?.1)
}

/// Returns the metrics, one a line.
fn metrics(name: &str, text: &str, args: &Json) -> String {
    let info = measure(name, text, args).unwrap();
    let lines = info.metrics.iter();
    lines
        .map(|(name, value)| format!("{name} = {value}\n"))
        .collect()
}

fn error(name: &str, args: &Json) -> String {
    measure(name, MIXED, args).unwrap_err().to_string()
}

#[test]
fn every_analysis_keeps_the_contract() {
    let graph: Graph = MIXED.parse().unwrap();
    let mut n_analyses = 0;
    for item in Registration::of_package(PACKAGE) {
        let pass = pass(item.names[0]);
        if pass.role() == Role::Analysis {
            check_pass(pass.as_ref(), &graph, &json!({}), &Json::Null);
            n_analyses += 1;
        }
    }
    assert_eq!(n_analyses, 5);
}

#[test]
fn every_pass_says_what_it_is() {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for item in Registration::of_package(PACKAGE) {
        let manifest = item.manifest();
        let summary = manifest.summary().to_owned();
        assert!(summary.ends_with('.') && summary.len() < 120, "{summary}");
        assert_eq!(manifest.schema["type"], "object");
        for name in item.names {
            assert_eq!(
                names.insert(name, item.names[0]),
                None,
                "two are called {name}"
            );
        }
    }
    let names: Vec<&str> = names.keys().copied().collect();
    assert_snapshot!(names.join("\n"), @r"
    average_bitwidth
    channel_multiplier
    macs
    params
    quantize
    redefine_linear_transform_pass
    redefine_vgg_pass
    size_bits
    summary
    ");
}

#[test]
fn the_schema_of_channel_multiplier_shows_both_spellings() {
    let items = Registration::of_package(PACKAGE);
    let item = items
        .iter()
        .find(|item| item.names[0] == "channel_multiplier");
    let schema = item.unwrap().manifest().schema.to_string();
    for word in [
        "by",
        "default",
        "base_width",
        "factor",
        "name",
        "channel_multiplier",
        "config",
    ] {
        assert!(
            schema.contains(&format!("\"{word}\":")),
            "{word} is in {schema}"
        );
    }
}

#[test]
fn average_bitwidth_counts_every_weight() {
    // (4*8 weights of 4 bits + 8*2 of 1 bit + 2*3 of 32 bits) / 54 weights
    let average = (32.0 * 4.0 + 16.0 * 1.0 + 6.0 * 32.0) / 54.0;
    let info = measure("average_bitwidth", MIXED, &json!({})).unwrap();
    assert_eq!(info.metrics["average_bitwidth"], average);
    assert_eq!(info.metrics["memory_density"], 32.0 / average);
    let compared = measure("average_bitwidth", MIXED, &json!({ "compare_to": 16 })).unwrap();
    assert_eq!(compared.metrics["memory_density"], 16.0 / average);
}

#[test]
fn average_bitwidth_counts_convolutions_in_groups() {
    let text = "x = input[4, 4, 4]
        c = conv2d(x, out=8, kernel=3, groups=2) @ weight=integer(2)
        g = global_avg_pool(c)
        l = linear(g, out=3) @ weight=integer(8)
        y = output(l)";
    let info = measure("average_bitwidth", text, &json!({})).unwrap();
    let average = (144.0 * 2.0 + 24.0 * 8.0) / 168.0;
    assert_eq!(info.metrics["average_bitwidth"], average);
}

#[test]
fn average_bitwidth_is_32_where_nothing_is_quantised() {
    let plain = "x = input[4]\na = linear(x, out=2)\ny = output(a)";
    let without_layers = "x = input[4]\na = batch_norm(x)\ny = output(a)";
    for text in [plain, without_layers] {
        let info = measure("average_bitwidth", text, &json!({})).unwrap();
        assert_eq!(info.metrics["average_bitwidth"], 32.0);
        assert_eq!(info.metrics["memory_density"], 1.0);
    }
}

#[test]
fn params_leave_running_statistics_out_and_tell_frozen_ones_apart() {
    // 8 of batch norm, 32 + 8, 16 + 2 (frozen), 6 + 3
    assert_snapshot!(metrics("params", MIXED, &json!({})), @r"
    params = 75
    trainable_params = 57
    ");
}

#[test]
fn macs_are_outputs_times_inputs() {
    // macs: 32 + 16 + 6; flops: twice that, 8 of batch norm, 13 biases, 8 of relu
    assert_snapshot!(metrics("macs", MIXED, &json!({})), @r"
    flops = 137
    macs = 54
    ");
}

#[test]
fn size_bits_are_those_of_weights_and_activations() {
    // weights: 8*32 of batch norm, 32*4 + 8*8, 16*1 + 2*32, 9*32
    // activations: x 4*32, n 4*6, a 8*32, r 8*32, b 2*32, c 3*32
    assert_snapshot!(metrics("size_bits", MIXED, &json!({})), @r"
    activation_bits = 824
    size_bits = 1640
    weight_bits = 816
    ");
}

#[test]
fn summary_has_a_row_a_node_and_the_sums() {
    assert_snapshot!(metrics("summary", MIXED, &json!({})), @r"
    activation_bits = 824
    flops = 137
    macs = 54
    params = 75
    trainable_params = 57
    weight_bits = 816
    ");
    let table = measure("summary", MIXED, &json!({}))
        .unwrap()
        .table
        .unwrap();
    let lines = std::iter::once(&table.columns).chain(&table.rows);
    let lines: Vec<String> = lines.map(|cells| cells.join(" | ")).collect();
    assert_snapshot!(lines.join("\n"), @r"
    node | type | reads | makes | params | macs | weight_bits | activation_bits
    x | input |  | [4] | 0 | 0 | 0 | 128
    n | batch_norm | [4] | [4] | 8 | 0 | 256 | 24
    a | linear | [4] | [8] | 40 | 32 | 192 | 256
    r | relu | [8] | [8] | 0 | 0 | 0 | 256
    b | linear | [8] | [2] | 18 | 16 | 80 | 64
    c | linear | [2] | [3] | 9 | 6 | 288 | 96
    y | output | [3] | [3] | 0 | 0 | 0 | 0
    ");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let messages = [
        error("average_bitwidth", &json!({ "compare": 32 })),
        error("average_bitwidth", &json!({ "compare_to": 0 })),
        error("average_bitwidth", &json!({ "compare_to": "32" })),
        error("params", &json!({ "by": "name" })),
        error("summary", &json!({ "depth": 2 })),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    unknown field `compare`, expected `compare_to`
    `compare_to` is 0, expected a number above 0
    `compare_to`: invalid type: string "32", expected f64
    unknown field `by`, there are no fields
    unknown field `depth`, there are no fields
    "#);
}
