mod images;

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::costs::Costs;
use firebrick_core::graph::Graph;
use firebrick_core::model::{Model, ModelError};
use firebrick_core::registry::{Make, Registration};
use firebrick_core::testing::check_model;
use insta::assert_snapshot;
use serde_json::json;

const PACKAGE: &str = "firebrick-models";

/// The models that take images only.
const IMAGE_MODELS: [&str; 4] = ["mobile-tiny", "resnet-tiny", "vgg-tiny", "vgg7"];

fn model(name: &str) -> Box<dyn Model> {
    let items = Registration::of_package(PACKAGE);
    let item = items.iter().find(|item| item.names.contains(&name));
    match item.expect("registered").make {
        Make::Model(make) => make(),
        _ => panic!("{name} is not a model"),
    }
}

fn build(name: &str, args: &Json, shape: &[usize], n_classes: usize) -> Result<Graph, ModelError> {
    model(name).build(args, shape, n_classes)
}

fn jets(name: &str, args: &Json) -> Graph {
    build(name, args, &[16], 5).unwrap()
}

fn error(name: &str, args: &Json, shape: &[usize], n_classes: usize) -> String {
    build(name, args, shape, n_classes).unwrap_err().to_string()
}

#[test]
fn every_model_keeps_the_contract() {
    for item in Registration::of_package(PACKAGE) {
        let name = item.names[0];
        let shapes: [&[usize]; 3] = if IMAGE_MODELS.contains(&name) {
            [&[3, 32, 32], &[1, 28, 28], &[2, 17, 11]]
        } else {
            [&[16], &[1], &[784]]
        };
        for (shape, n_classes) in shapes.into_iter().zip([10, 1, 5]) {
            check_model(model(name).as_ref(), &Json::Null, shape, n_classes);
        }
    }
    for name in ["jsc-three-linear", "jsc-tiny", "jsc-toy", "jsc-s"] {
        check_model(model(name).as_ref(), &json!({ "logits": true }), &[16], 5);
    }
    for name in ["toy", "mlp"] {
        check_model(model(name).as_ref(), &json!({}), &[3, 32, 32], 10);
    }
    let all = json!({ "widths": [7, 3], "batch_norm": true, "dropout": 0.5, "bias": false });
    check_model(model("mlp").as_ref(), &all, &[16], 5);
    check_model(model("mlp").as_ref(), &json!({ "widths": [] }), &[16], 5);
    for name in IMAGE_MODELS {
        let quarter = json!({ "width": 0.25 });
        check_model(model(name).as_ref(), &quarter, &[3, 32, 32], 10);
    }
    let deep = json!({ "depth": 2, "width": 1.5 });
    check_model(model("resnet-tiny").as_ref(), &deep, &[1, 1, 1], 2);
    check_model(model("mobile-tiny").as_ref(), &json!({}), &[1, 1, 5], 2);
}

#[test]
fn every_model_says_what_it_is() {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for item in Registration::of_package(PACKAGE) {
        let manifest = item.manifest();
        let summary = manifest.summary().to_owned();
        assert!(summary.ends_with('.') && summary.len() < 120, "{summary}");
        assert!(manifest.docs.contains("# Source"), "{}", manifest.name);
        assert_eq!(manifest.schema["additionalProperties"], false);
        for name in item.names {
            assert_eq!(
                names.insert(name, item.names[0]),
                None,
                "two are called {name}"
            );
        }
    }
    let names: Vec<&str> = names.keys().copied().collect();
    assert_eq!(
        names,
        [
            "jsc-d",
            "jsc-s",
            "jsc-three-linear",
            "jsc-tiny",
            "jsc-toy",
            "mlp",
            "mobile-tiny",
            "resnet-tiny",
            "toy",
            "vgg-tiny",
            "vgg7"
        ]
    );
}

#[test]
fn has_as_many_parameters_as_mase_counts() {
    let params = |graph: &Graph| Costs::of(graph).total.params;
    assert_eq!(params(&jets("jsc-three-linear", &json!({}))), 661);
    assert_eq!(params(&jets("jsc-tiny", &json!({}))), 117);
    assert_eq!(params(&jets("jsc-toy", &json!({}))), 327);
    assert_eq!(params(&jets("jsc-s", &json!({}))), 5_615);
    assert_eq!(
        params(&build("toy", &json!({}), &[3, 32, 32], 10).unwrap()),
        24_746
    );
    assert_eq!(
        params(&build("toy", &json!({}), &[1, 2, 2], 2).unwrap()),
        130
    );
    // reference: 16*64+64 + 64*32+32 + 32*32+32 + 32*5+5, the network of hls4ml.
    assert_eq!(params(&jets("mlp", &json!({}))), 4_389);
}

#[test]
fn multiplies_as_often_as_its_docs_say() {
    let macs = |name| Costs::of(&jets(name, &json!({}))).total.macs;
    assert_eq!(macs("jsc-three-linear"), 592);
    assert_eq!(macs("jsc-tiny"), 80);
    assert_eq!(macs("jsc-toy"), 232);
    assert_eq!(macs("jsc-s"), 5_280);
    assert_eq!(macs("mlp"), 4_256);
}

#[test]
fn logits_leave_out_the_last_relu_and_nothing_else() {
    for name in ["jsc-three-linear", "jsc-tiny", "jsc-toy", "jsc-s"] {
        let clamped = jets(name, &json!({}));
        let logits = jets(name, &json!({ "logits": true }));
        let n_kept = clamped.nodes().len() - 2;
        assert_eq!(clamped.nodes()[n_kept].op.name(), "relu");
        assert_eq!(logits.nodes()[..n_kept], clamped.nodes()[..n_kept]);
        assert_eq!(logits.nodes().len(), n_kept + 1);
    }
}

#[test]
fn jsc_d_is_the_network_of_the_seed() {
    assert_snapshot!(jets("jsc-d", &json!({})), @r"
    x = input[16]
    seq_blocks_0 = batch_norm(x, features=16)
    seq_blocks_1 = relu(seq_blocks_0)
    seq_blocks_2 = linear(seq_blocks_1, in=16, out=16)
    seq_blocks_3 = relu(seq_blocks_2)
    seq_blocks_4 = linear(seq_blocks_3, in=16, out=16)
    seq_blocks_5 = relu(seq_blocks_4)
    seq_blocks_6 = linear(seq_blocks_5, in=16, out=5)
    seq_blocks_7 = relu(seq_blocks_6)
    output = output(seq_blocks_7)
    ");
}

#[test]
fn jsc_s_is_the_network_of_mase() {
    assert_snapshot!(jets("jsc-s", &json!({})), @r"
    x = input[16]
    module_list_0 = batch_norm(x, features=16)
    module_list_1 = relu(module_list_0)
    module_list_2 = linear(module_list_1, in=16, out=64)
    module_list_3 = batch_norm(module_list_2, features=64)
    module_list_4 = relu(module_list_3)
    module_list_5 = linear(module_list_4, in=64, out=32)
    module_list_6 = relu(module_list_5)
    module_list_7 = linear(module_list_6, in=32, out=32)
    module_list_8 = relu(module_list_7)
    module_list_9 = linear(module_list_8, in=32, out=32)
    module_list_10 = relu(module_list_9)
    module_list_11 = linear(module_list_10, in=32, out=5)
    module_list_12 = batch_norm(module_list_11, features=5)
    module_list_13 = relu(module_list_12)
    output = output(module_list_13)
    ");
}

#[test]
fn the_toy_flattens_an_image() {
    assert_snapshot!(build("toy", &json!({}), &[3, 32, 32], 10).unwrap(), @r"
    x = input[3, 32, 32]
    flatten = flatten(x)
    seq_blocks_0 = linear(flatten, in=3072, out=8)
    seq_blocks_1 = relu(seq_blocks_0)
    seq_blocks_2 = linear(seq_blocks_1, in=8, out=8)
    seq_blocks_3 = relu(seq_blocks_2)
    seq_blocks_4 = linear(seq_blocks_3, in=8, out=10)
    output = output(seq_blocks_4)
    ");
}

#[test]
fn an_mlp_has_what_is_asked_for() {
    let args = json!({ "widths": [8, 4], "batch_norm": true, "dropout": 0.5, "bias": false });
    assert_snapshot!(build("mlp", &args, &[1, 2, 2], 3).unwrap(), @r"
    x = input[1, 2, 2]
    flatten = flatten(x)
    seq_blocks_0 = batch_norm(flatten, features=4)
    seq_blocks_1 = linear(seq_blocks_0, in=4, out=8, bias=false)
    seq_blocks_2 = relu(seq_blocks_1)
    seq_blocks_3 = dropout(seq_blocks_2, p=0.5)
    seq_blocks_4 = linear(seq_blocks_3, in=8, out=4, bias=false)
    seq_blocks_5 = relu(seq_blocks_4)
    seq_blocks_6 = dropout(seq_blocks_5, p=0.5)
    seq_blocks_7 = linear(seq_blocks_6, in=4, out=3, bias=false)
    output = output(seq_blocks_7)
    ");
}

#[test]
fn layers_of_an_mlp_have_the_same_names_for_rows_and_images() {
    let names = |shape: &[usize]| -> Vec<String> {
        let graph = build("mlp", &json!({}), shape, 5).unwrap();
        let nodes = graph.nodes().iter().filter(|node| node.name != "flatten");
        nodes.map(|node| node.name.clone()).collect()
    };
    assert_eq!(names(&[16]), names(&[1, 4, 4]));
}

#[test]
fn follows_the_dataset() {
    for name in [
        "jsc-three-linear",
        "jsc-tiny",
        "jsc-toy",
        "jsc-s",
        "mlp",
        "toy",
    ] {
        let graph = build(name, &json!({}), &[64], 10).unwrap();
        assert_eq!(
            (graph.input_shape(), graph.output_shape()),
            (&[64][..], &[10][..])
        );
    }
}

#[test]
fn refuses_an_input_that_does_not_fit() {
    for name in ["jsc-three-linear", "jsc-tiny", "jsc-toy", "jsc-s"] {
        let refused = build(name, &json!({}), &[3, 32, 32], 10);
        assert!(matches!(refused, Err(ModelError::Input { .. })), "{name}");
    }
    let messages = [
        error("jsc-d", &json!({}), &[3, 32, 32], 10),
        error("toy", &json!({}), &[4, 4], 10),
        error("mlp", &json!({}), &[usize::MAX, 4, 4], 10),
    ];
    assert_snapshot!(messages.join("\n"), @r"
    input of shape [3, 32, 32] does not fit: this network takes one row of features, such as [16]
    input of shape [4, 4] does not fit: this network takes [features] or [channels, height, width]
    node `x` (input): a result of shape [18446744073709551615, 4, 4] is too large
    ");
}

#[test]
fn refuses_arguments_that_make_no_sense() {
    let messages = [
        error("jsc-d", &json!({ "logit": true }), &[16], 5),
        error("jsc-d", &json!({ "logits": "yes" }), &[16], 5),
        error("jsc-d", &json!({}), &[16], 0),
        error("mlp", &json!({ "widths": [8, 0] }), &[16], 5),
        error("mlp", &json!({ "widths": [-8] }), &[16], 5),
        error("mlp", &json!({ "widths": [1 << 29] }), &[16], 5),
        error("mlp", &json!({ "dropout": 1.0 }), &[16], 5),
        error("mlp", &json!({ "dropout": -0.5 }), &[16], 5),
        error("toy", &json!({ "logits": true }), &[16], 5),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    unknown field `logit`, expected `logits`
    `logits`: invalid type: string "yes", expected a boolean
    node `seq_blocks_6` (linear): out must be at least 1
    node `seq_blocks_2` (linear): out must be at least 1
    `widths[0]`: invalid value: integer `-8`, expected usize
    node `seq_blocks_0` (linear): a weight of shape [536870912, 16] is too large
    node `seq_blocks_2` (dropout): p must be at least 0 and below 1
    node `seq_blocks_2` (dropout): p must be at least 0 and below 1
    unknown field `logits`, there are no fields
    "#);
}
