//! The networks for images.

use firebrick_core::Json;
use firebrick_core::costs::Costs;
use firebrick_core::graph::{Graph, Op};
use insta::assert_snapshot;
use serde::Deserialize;
use serde_json::json;

use super::{IMAGE_MODELS, PACKAGE, Registration, build, error, model};

fn image(name: &str, args: &Json) -> Graph {
    build(name, args, &[3, 32, 32], 10).unwrap()
}

/// An entry of the file that `tests/counts.py` wrote: what PyTorch counts.
#[derive(Deserialize)]
struct Count {
    model: String,
    args: Json,
    shape: Vec<usize>,
    classes: usize,
    params: u64,
    buffers: u64,
    macs: u64,
}

fn counts() -> Vec<Count> {
    serde_json::from_str(include_str!("../../tests/counts.json")).unwrap()
}

#[test]
fn costs_what_pytorch_counts() {
    for count in counts() {
        let graph = build(&count.model, &count.args, &count.shape, count.classes).unwrap();
        let cost = Costs::of(&graph).total;
        assert_eq!(
            (cost.params, cost.buffers, cost.macs),
            (count.params, count.buffers, count.macs),
            "{} {} for {:?}",
            count.model,
            count.args,
            count.shape
        );
    }
}

#[test]
fn docs_say_what_pytorch_counts() {
    let items = Registration::of_package(PACKAGE);
    let mut n_said = 0;
    for count in counts() {
        let item = items.iter().find(|item| item.names[0] == count.model);
        let docs = item.unwrap().manifest().docs;
        let is_said = count.model == "vgg7" || count.args.get("width").is_none();
        if is_said && count.shape == [3, 32, 32] {
            let line = |separator: &str| {
                let (params, macs) = (grouped(count.params), grouped(count.macs));
                format!("{params} parameters{separator}{macs} MACs")
            };
            assert!(
                docs.contains(&line(", ")) || docs.contains(&line(" and ")),
                "{}: {}",
                count.model,
                line(", ")
            );
            n_said += 1;
        }
    }
    assert_eq!(n_said, 4 + 1 + 2 + 1);
}

/// Returns a number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn vgg7_is_the_network_of_the_seed() {
    let graph = image("vgg7", &json!({}));
    // reference: MASE's vgg7 counts 14,029,450 parameters and 616,966,144 multiply-accumulates.
    let cost = Costs::of(&graph).total;
    assert_eq!((cost.params, cost.macs), (14_029_450, 616_966_144));
    assert_snapshot!(graph, @r"
    x = input[3, 32, 32]
    feature_layers_0 = conv2d(x, in=3, out=128, kernel=3, padding=1)
    feature_layers_1 = batch_norm(feature_layers_0, features=128, momentum=0.9)
    feature_layers_2 = relu(feature_layers_1)
    feature_layers_3 = conv2d(feature_layers_2, in=128, out=128, kernel=3, padding=1)
    feature_layers_4 = batch_norm(feature_layers_3, features=128, momentum=0.9)
    feature_layers_5 = relu(feature_layers_4)
    feature_layers_6 = max_pool(feature_layers_5, kernel=2)
    feature_layers_7 = conv2d(feature_layers_6, in=128, out=256, kernel=3, padding=1)
    feature_layers_8 = batch_norm(feature_layers_7, features=256, momentum=0.9)
    feature_layers_9 = relu(feature_layers_8)
    feature_layers_10 = conv2d(feature_layers_9, in=256, out=256, kernel=3, padding=1)
    feature_layers_11 = batch_norm(feature_layers_10, features=256, momentum=0.9)
    feature_layers_12 = relu(feature_layers_11)
    feature_layers_13 = max_pool(feature_layers_12, kernel=2)
    feature_layers_14 = conv2d(feature_layers_13, in=256, out=512, kernel=3, padding=1)
    feature_layers_15 = batch_norm(feature_layers_14, features=512, momentum=0.9)
    feature_layers_16 = relu(feature_layers_15)
    feature_layers_17 = conv2d(feature_layers_16, in=512, out=512, kernel=3, padding=1)
    feature_layers_18 = batch_norm(feature_layers_17, features=512, momentum=0.9)
    feature_layers_19 = relu(feature_layers_18)
    feature_layers_20 = max_pool(feature_layers_19, kernel=2)
    view = flatten(feature_layers_20)
    classifier_0 = linear(view, in=8192, out=1024)
    classifier_1 = relu(classifier_0)
    classifier_2 = linear(classifier_1, in=1024, out=1024)
    classifier_3 = relu(classifier_2)
    last_layer = linear(classifier_3, in=1024, out=10)
    output = output(last_layer)
    ");
}

#[test]
fn vgg7_has_the_names_of_the_best_trial_of_the_seed() {
    // What its best.json lists: every convolution, relu and linear layer, in this order.
    let listed = [
        "feature_layers_0",
        "feature_layers_2",
        "feature_layers_3",
        "feature_layers_5",
        "feature_layers_7",
        "feature_layers_9",
        "feature_layers_10",
        "feature_layers_12",
        "feature_layers_14",
        "feature_layers_16",
        "feature_layers_17",
        "feature_layers_19",
        "classifier_0",
        "classifier_1",
        "classifier_2",
        "classifier_3",
        "last_layer",
    ];
    let graph = image("vgg7", &json!({}));
    let is_listed = |op: &Op| matches!(op.name(), "conv2d" | "relu" | "linear");
    let nodes = graph.nodes().iter().filter(|node| is_listed(&node.op));
    let names: Vec<&str> = nodes.map(|node| node.name.as_str()).collect();
    assert_eq!(names, listed);
    assert_eq!(model("vgg7").base_width(), 128);
}

#[test]
fn vgg_tiny_is_a_small_vgg() {
    assert_snapshot!(image("vgg-tiny", &json!({})), @r"
    x = input[3, 32, 32]
    feature_layers_0 = conv2d(x, in=3, out=16, kernel=3, padding=1)
    feature_layers_1 = batch_norm(feature_layers_0, features=16)
    feature_layers_2 = relu(feature_layers_1)
    feature_layers_3 = max_pool(feature_layers_2, kernel=2)
    feature_layers_4 = conv2d(feature_layers_3, in=16, out=32, kernel=3, padding=1)
    feature_layers_5 = batch_norm(feature_layers_4, features=32)
    feature_layers_6 = relu(feature_layers_5)
    feature_layers_7 = max_pool(feature_layers_6, kernel=2)
    feature_layers_8 = conv2d(feature_layers_7, in=32, out=64, kernel=3, padding=1)
    feature_layers_9 = batch_norm(feature_layers_8, features=64)
    feature_layers_10 = relu(feature_layers_9)
    feature_layers_11 = max_pool(feature_layers_10, kernel=2)
    view = flatten(feature_layers_11)
    classifier_0 = linear(view, in=1024, out=32)
    classifier_1 = relu(classifier_0)
    last_layer = linear(classifier_1, in=32, out=10)
    output = output(last_layer)
    ");
}

#[test]
fn resnet_tiny_is_a_resnet_8() {
    assert_snapshot!(image("resnet-tiny", &json!({})), @r"
    x = input[3, 32, 32]
    conv_0 = conv2d(x, in=3, out=16, kernel=3, padding=1, bias=false)
    batch_norm_0 = batch_norm(conv_0, features=16)
    relu_0 = relu(batch_norm_0)
    stage_0_block_0_conv_0 = conv2d(relu_0, in=16, out=16, kernel=3, padding=1, bias=false)
    stage_0_block_0_batch_norm_0 = batch_norm(stage_0_block_0_conv_0, features=16)
    stage_0_block_0_relu_0 = relu(stage_0_block_0_batch_norm_0)
    stage_0_block_0_conv_1 = conv2d(stage_0_block_0_relu_0, in=16, out=16, kernel=3, padding=1, bias=false)
    stage_0_block_0_batch_norm_1 = batch_norm(stage_0_block_0_conv_1, features=16)
    stage_0_block_0_add = add(stage_0_block_0_batch_norm_1, relu_0)
    stage_0_block_0_relu_1 = relu(stage_0_block_0_add)
    stage_1_block_0_conv_0 = conv2d(stage_0_block_0_relu_1, in=16, out=32, kernel=3, stride=2, padding=1, bias=false)
    stage_1_block_0_batch_norm_0 = batch_norm(stage_1_block_0_conv_0, features=32)
    stage_1_block_0_relu_0 = relu(stage_1_block_0_batch_norm_0)
    stage_1_block_0_conv_1 = conv2d(stage_1_block_0_relu_0, in=32, out=32, kernel=3, padding=1, bias=false)
    stage_1_block_0_batch_norm_1 = batch_norm(stage_1_block_0_conv_1, features=32)
    stage_1_block_0_projection = conv2d(stage_0_block_0_relu_1, in=16, out=32, kernel=1, stride=2, bias=false)
    stage_1_block_0_projection_batch_norm = batch_norm(stage_1_block_0_projection, features=32)
    stage_1_block_0_add = add(stage_1_block_0_batch_norm_1, stage_1_block_0_projection_batch_norm)
    stage_1_block_0_relu_1 = relu(stage_1_block_0_add)
    stage_2_block_0_conv_0 = conv2d(stage_1_block_0_relu_1, in=32, out=64, kernel=3, stride=2, padding=1, bias=false)
    stage_2_block_0_batch_norm_0 = batch_norm(stage_2_block_0_conv_0, features=64)
    stage_2_block_0_relu_0 = relu(stage_2_block_0_batch_norm_0)
    stage_2_block_0_conv_1 = conv2d(stage_2_block_0_relu_0, in=64, out=64, kernel=3, padding=1, bias=false)
    stage_2_block_0_batch_norm_1 = batch_norm(stage_2_block_0_conv_1, features=64)
    stage_2_block_0_projection = conv2d(stage_1_block_0_relu_1, in=32, out=64, kernel=1, stride=2, bias=false)
    stage_2_block_0_projection_batch_norm = batch_norm(stage_2_block_0_projection, features=64)
    stage_2_block_0_add = add(stage_2_block_0_batch_norm_1, stage_2_block_0_projection_batch_norm)
    stage_2_block_0_relu_1 = relu(stage_2_block_0_add)
    global_avg_pool = global_avg_pool(stage_2_block_0_relu_1)
    last_layer = linear(global_avg_pool, in=64, out=10)
    output = output(last_layer)
    ");
}

#[test]
fn deeper_stages_project_in_their_first_block_only() {
    let graph = image("resnet-tiny", &json!({ "depth": 3 }));
    let names = graph.nodes().iter().map(|node| node.name.as_str());
    let projected: Vec<&str> = names
        .filter_map(|name| name.strip_suffix("_projection"))
        .collect();
    assert_eq!(projected, ["stage_1_block_0", "stage_2_block_0"]);

    // The paper counts its layers without projections: ResNet-20.
    let ops = graph.nodes().iter().map(|node| node.op.name());
    let n_layers = ops.filter(|op| matches!(*op, "conv2d" | "linear")).count();
    assert_eq!(n_layers - projected.len(), 20);
}

#[test]
fn mobile_tiny_is_a_small_mobilenet() {
    assert_snapshot!(image("mobile-tiny", &json!({})), @r"
    x = input[3, 32, 32]
    conv_0 = conv2d(x, in=3, out=16, kernel=3, padding=1, bias=false)
    batch_norm_0 = batch_norm(conv_0, features=16)
    relu_0 = relu(batch_norm_0)
    block_0_depthwise = conv2d(relu_0, in=16, out=16, kernel=3, padding=1, groups=16, bias=false)
    block_0_batch_norm_0 = batch_norm(block_0_depthwise, features=16)
    block_0_relu_0 = relu(block_0_batch_norm_0)
    block_0_pointwise = conv2d(block_0_relu_0, in=16, out=32, kernel=1, bias=false)
    block_0_batch_norm_1 = batch_norm(block_0_pointwise, features=32)
    block_0_relu_1 = relu(block_0_batch_norm_1)
    block_1_depthwise = conv2d(block_0_relu_1, in=32, out=32, kernel=3, stride=2, padding=1, groups=32, bias=false)
    block_1_batch_norm_0 = batch_norm(block_1_depthwise, features=32)
    block_1_relu_0 = relu(block_1_batch_norm_0)
    block_1_pointwise = conv2d(block_1_relu_0, in=32, out=64, kernel=1, bias=false)
    block_1_batch_norm_1 = batch_norm(block_1_pointwise, features=64)
    block_1_relu_1 = relu(block_1_batch_norm_1)
    block_2_depthwise = conv2d(block_1_relu_1, in=64, out=64, kernel=3, padding=1, groups=64, bias=false)
    block_2_batch_norm_0 = batch_norm(block_2_depthwise, features=64)
    block_2_relu_0 = relu(block_2_batch_norm_0)
    block_2_pointwise = conv2d(block_2_relu_0, in=64, out=64, kernel=1, bias=false)
    block_2_batch_norm_1 = batch_norm(block_2_pointwise, features=64)
    block_2_relu_1 = relu(block_2_batch_norm_1)
    block_3_depthwise = conv2d(block_2_relu_1, in=64, out=64, kernel=3, stride=2, padding=1, groups=64, bias=false)
    block_3_batch_norm_0 = batch_norm(block_3_depthwise, features=64)
    block_3_relu_0 = relu(block_3_batch_norm_0)
    block_3_pointwise = conv2d(block_3_relu_0, in=64, out=128, kernel=1, bias=false)
    block_3_batch_norm_1 = batch_norm(block_3_pointwise, features=128)
    block_3_relu_1 = relu(block_3_batch_norm_1)
    global_avg_pool = global_avg_pool(block_3_relu_1)
    last_layer = linear(global_avg_pool, in=128, out=10)
    output = output(last_layer)
    ");
}

#[test]
fn width_scales_every_layer_but_the_classes() {
    for name in IMAGE_MODELS {
        let full = image(name, &json!({}));
        let half = image(name, &json!({ "width": 0.5 }));
        for (idx, node) in half.nodes().iter().enumerate() {
            assert_eq!(node.name, full.nodes()[idx].name);
            let mut expected = full.shape(idx).to_vec();
            if !["x", "last_layer", "output"].contains(&node.name.as_str()) {
                expected[0] /= 2;
            }
            assert_eq!(half.shape(idx), expected, "{name}: {}", node.name);
        }
        assert_eq!(image(name, &json!({ "width": 1 })), full);
    }
}

#[test]
fn images_of_other_sizes_fit() {
    let pooled = |name: &str, node: &str, shape: &[usize]| {
        let graph = build(name, &json!({}), shape, 10).unwrap();
        graph.shape(graph.index(node).unwrap()).to_vec()
    };
    for (shape, left) in [
        ([3, 32, 32], [4, 4]),
        ([1, 28, 28], [3, 3]),
        ([3, 8, 15], [1, 1]),
    ] {
        let [height, width] = left;
        assert_eq!(
            pooled("vgg7", "feature_layers_20", &shape),
            [512, height, width]
        );
        assert_eq!(
            pooled("vgg-tiny", "feature_layers_11", &shape),
            [64, height, width]
        );
    }
    for (shape, left) in [
        ([3, 32, 32], [8, 8]),
        ([1, 1, 1], [1, 1]),
        ([1, 9, 6], [3, 2]),
    ] {
        let [height, width] = left;
        assert_eq!(
            pooled("resnet-tiny", "stage_2_block_0_relu_1", &shape),
            [64, height, width]
        );
        assert_eq!(
            pooled("mobile-tiny", "block_3_relu_1", &shape),
            [128, height, width]
        );
    }
}

#[test]
fn refuses_what_is_no_image_and_what_pools_to_zero() {
    for name in IMAGE_MODELS {
        let message = error(name, &json!({}), &[16], 5);
        assert_eq!(
            message,
            "input of shape [16] does not fit: this network takes images, such as [3, 32, 32]"
        );
    }
    let messages = [
        error("vgg7", &json!({}), &[3, 0, 32], 10),
        error("vgg7", &json!({}), &[3, 7, 32], 10),
        error("vgg7", &json!({}), &[3, 32, 1], 10),
        error("vgg-tiny", &json!({}), &[1, 4, 4], 10),
        error("vgg7", &json!({}), &[3, usize::MAX, usize::MAX], 10),
        error("resnet-tiny", &json!({}), &[3, usize::MAX, 1], 10),
    ];
    assert_snapshot!(messages.join("\n"), @r"
    input of shape [3, 0, 32] does not fit: this network takes images, such as [3, 32, 32]
    input of shape [3, 7, 32] does not fit: a height of 7 is pooled to zero by pool 3 of 3, each of which halves it; expected at least 8
    input of shape [3, 32, 1] does not fit: a width of 1 is pooled to zero by pool 1 of 3, each of which halves it; expected at least 8
    input of shape [1, 4, 4] does not fit: a height of 4 is pooled to zero by pool 3 of 3, each of which halves it; expected at least 8
    node `x` (input): a result of shape [3, 18446744073709551615, 18446744073709551615] is too large
    node `x` (input): a result of shape [3, 18446744073709551615, 1] is too large
    ");
}

#[test]
fn refuses_widths_and_depths_that_make_no_network() {
    let messages = [
        error("vgg7", &json!({ "width": 0.3 }), &[3, 32, 32], 10),
        error("vgg7", &json!({ "width": 0.001 }), &[3, 32, 32], 10),
        error("vgg7", &json!({ "width": 0 }), &[3, 32, 32], 10),
        error("vgg-tiny", &json!({ "width": -1 }), &[3, 32, 32], 10),
        error("vgg7", &json!({ "width": "1/4" }), &[3, 32, 32], 10),
        error("vgg7", &json!({ "width": 1e300 }), &[3, 32, 32], 10),
        error("mobile-tiny", &json!({ "width": 1e6 }), &[3, 32, 32], 10),
        error("resnet-tiny", &json!({ "width": 0.1 }), &[3, 32, 32], 10),
        error("resnet-tiny", &json!({ "depth": 0 }), &[3, 32, 32], 10),
        error("resnet-tiny", &json!({ "depth": 201 }), &[3, 32, 32], 10),
        error("vgg7", &json!({ "depth": 1 }), &[3, 32, 32], 10),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    `width`: 0.3 times 128 channels is 38.4, expected a whole number of at least 1
    `width`: 0.001 times 128 channels is 0.128, expected a whole number of at least 1
    `width`: expected a number above 0, found 0
    `width`: expected a number above 0, found -1
    `width`: invalid type: string "1/4", expected f64
    node `feature_layers_0` (conv2d): a result of shape [18446744073709551615, 32, 32] is too large
    node `conv_0` (conv2d): a result of shape [16000000, 32, 32] is too large
    `width`: 0.1 times 16 channels is 1.6, expected a whole number of at least 1
    `depth` is 0, expected 1 to 200
    `depth` is 201, expected 1 to 200
    unknown field `depth`, expected `width`
    "#);
}

#[test]
fn schemas_say_what_is_taken() {
    for name in IMAGE_MODELS {
        let items = Registration::of_package(PACKAGE);
        let item = items.iter().find(|item| item.names[0] == name).unwrap();
        let schema = item.manifest().schema;
        let width = &schema["properties"]["width"];
        assert_eq!(width["default"], 1.0, "{name}");
        assert_eq!(width["type"], "number", "{name}");
        assert_eq!(schema.get("required"), None, "{name}");
    }
}
