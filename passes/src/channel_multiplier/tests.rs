use firebrick_core::channels::Lead;
use firebrick_core::costs::Costs;
use firebrick_core::graph::{Graph, Op};
use firebrick_core::testing::check_pass;
use insta::assert_snapshot;
use serde_json::json;

use super::*;

mod properties;

/// The network of the seed, its weights from a checkpoint.
const JSC: &str = include_str!("jsc.txt");

/// Convolutions with everything between them that keeps channels, then a classifier.
const IMAGE: &str = "
    x = input[3, 8, 8]
    c0 = conv2d(x, out=4, kernel=3, padding=1) @ from=c0
    b0 = batch_norm(c0, momentum=0.9, eps=0.001) @ from=b0
    r0 = relu(b0)
    d0 = dropout(r0, p=0.5)
    p0 = max_pool(d0, kernel=2)
    c1 = conv2d(p0, out=6, kernel=3, stride=2, bias=false) @ weight=integer(8, 4) sparsity=0.5 from=c1
    f = flatten(c1)
    l = linear(f, out=10) @ frozen from=l
    y = output(l)";

fn apply(before: &str, args: &Json) -> Result<Graph, PassError> {
    let graph: Graph = before.parse().unwrap();
    Ok(ChannelMultiplier.apply(&graph, args)?.0)
}

/// Returns the text form of the result, or the message and the hint.
fn after(before: &str, args: &Json) -> String {
    match apply(before, args) {
        Ok(graph) => graph.to_string(),
        Err(error) => match error.hint() {
            Some(hint) => format!("error: {error}\nhint: {hint}"),
            None => format!("error: {error}"),
        },
    }
}

/// Returns the widths of the layers as `in-out`.
fn widths(graph: &Graph) -> String {
    let layers = graph.nodes().iter().filter_map(|node| match node.op {
        Op::Linear {
            in_features: inputs,
            out_features: outputs,
            ..
        }
        | Op::Conv2d {
            in_channels: inputs,
            out_channels: outputs,
            ..
        } => Some(format!("{inputs}-{outputs}")),
        _ => None,
    });
    layers.collect::<Vec<_>>().join(" ")
}

/// Returns a chain of linear layers 16 wide, `l0` and so on, the last to 5 classes.
fn chain(n_layers: usize) -> String {
    let mut text = "x = input[16]\nr0 = relu(x)\n".to_owned();
    for idx in 0..n_layers {
        let (outputs, next) = (if idx + 1 == n_layers { 5 } else { 16 }, idx + 1);
        text += &format!("l{idx} = linear(r{idx}, out={outputs})\nr{next} = relu(l{idx})\n");
    }
    text + &format!("y = output(r{n_layers})")
}

/// Returns the widths after the seed's modes, one a layer: `O2`, `B4`, `I`, or `-` for null.
fn seed_widths(modes: &str) -> String {
    let mut args = json!({ "base_width": 16, "default": { "config": { "name": null } } });
    let modes: Vec<&str> = modes.split(' ').collect();
    for (idx, mode) in modes.iter().enumerate() {
        let config = match mode.split_at(1) {
            ("O", m) => json!({ "name": "output_only", "channel_multiplier": number(m) }),
            ("B", m) => json!({ "name": "both", "channel_multiplier": number(m) }),
            ("I", _) => json!({ "name": "input_only" }),
            _ => continue,
        };
        args[format!("l{idx}")] = json!({ "config": config });
    }
    match apply(&chain(modes.len()), &args) {
        Ok(graph) => widths(&graph),
        Err(error) => error.to_string(),
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

/// Returns what the lab's search of the three-linear network asks for.
fn seed_args(first: usize, second: usize) -> Json {
    json!({
        "by": "name",
        "base_width": 16,
        "default": { "config": { "name": "NA" } },
        "seq_blocks_1": { "config": { "name": null } },
        "seq_blocks_2": { "config": { "name": "output_only", "channel_multiplier": first } },
        "seq_blocks_4": { "config": { "name": "both", "channel_multiplier": second } },
        "seq_blocks_6": { "config": { "name": "input_only" } },
    })
}

#[test]
fn keeps_the_contract_of_passes() {
    let jsc: Graph = JSC.parse().unwrap();
    let ones = json!({ "seq_blocks_2": { "factor": 1 }, "seq_blocks_4": { "factor": 1.0 } });
    let native = json!({ "seq_blocks_2": { "factor": 2 }, "seq_blocks_4": { "factor": 0.5 } });
    check_pass(&ChannelMultiplier, &jsc, &native, &ones);
    check_pass(&ChannelMultiplier, &jsc, &native, &Json::Null);
    check_pass(&ChannelMultiplier, &jsc, &seed_args(2, 4), &seed_args(1, 1));
    let image: Graph = IMAGE.parse().unwrap();
    let double = json!({ "by": "type", "conv2d": { "factor": 2 } });
    let identity = json!({ "default": { "factor": 1 } });
    check_pass(&ChannelMultiplier, &image, &double, &identity);
}

#[test]
fn gives_the_example_of_the_seed() {
    let graph = apply(JSC, &seed_args(2, 4)).unwrap();
    assert_snapshot!(graph, @r"
    x = input[16]
    seq_blocks_0 = batch_norm(x, features=16) @ from=seq_blocks_0
    seq_blocks_1 = relu(seq_blocks_0)
    seq_blocks_2 = linear(seq_blocks_1, in=16, out=32)
    seq_blocks_3 = relu(seq_blocks_2)
    seq_blocks_4 = linear(seq_blocks_3, in=32, out=64)
    seq_blocks_5 = relu(seq_blocks_4)
    seq_blocks_6 = linear(seq_blocks_5, in=64, out=5)
    seq_blocks_7 = relu(seq_blocks_6)
    output = output(seq_blocks_7)
    ");
}

#[test]
fn counts_what_mase_counts() {
    // reference: 32 of batch norm and 16a+a + ab+b + 5b+5 for widths a and b, as PyTorch counts.
    let cases = [
        (1, 1, 661, 592),
        (2, 4, 3_013, 2_880),
        (6, 6, 11_461, 11_232),
        (10, 10, 29_317, 28_960),
    ];
    for (first, second, params, macs) in cases {
        let total = Costs::of(&apply(JSC, &seed_args(first, second)).unwrap()).total;
        assert_eq!(
            (total.params, total.macs),
            (params, macs),
            "{first}, {second}"
        );
    }
}

#[test]
fn every_point_of_the_seeds_space_fits() {
    for first in [1, 2, 4, 6, 8, 10] {
        for second in [1, 2, 4, 6, 8, 10] {
            let graph = apply(JSC, &seed_args(first, second)).unwrap();
            let (a, b) = (16 * first, 16 * second);
            assert_eq!(widths(&graph), format!("16-{a} {a}-{b} {b}-5"));
        }
    }
}

#[test]
fn modes_read_what_the_producer_makes() {
    // The lab's registers got the first and the fifth of these right, the others for special
    // multipliers at best.
    assert_snapshot!(seed_widths("O2 B4 I"), @"16-32 32-64 64-5");
    assert_snapshot!(seed_widths("O2 I"), @"16-32 32-5");
    assert_snapshot!(seed_widths("O2 B4 B6 I"), @"16-32 32-64 64-96 96-5");
    assert_snapshot!(seed_widths("O2 B4 B6 B8 I"), @"16-32 32-64 64-96 96-128 128-5");
    assert_snapshot!(seed_widths("O2 B4 I O6 B8 I"), @"16-32 32-64 64-16 16-96 96-128 128-5");
    assert_snapshot!(seed_widths("- B4 I"), @"16-16 16-64 64-5");
    assert_snapshot!(seed_widths("- I"), @"16-16 16-5");
    assert_snapshot!(seed_widths("O2 I B4 I"), @"16-32 32-16 16-64 64-5");
    assert_snapshot!(seed_widths("B2 B4 I"), @"16-32 32-64 64-5");
    assert_snapshot!(seed_widths("I I -"), @"16-16 16-16 16-5");
}

#[test]
fn layers_without_a_mode_refuse_another_input() {
    assert_snapshot!(seed_widths("O2 - I"), @"node `l1`: its input, from `l0`, is now 32 wide, but without a mode it reads 16 (`both` and `input_only` follow)");
    assert_snapshot!(seed_widths("O2 O4 I"), @"node `l1`: its input, from `l0`, is now 32 wide, but with `output_only` it reads 16 (`both` and `input_only` follow)");
    assert_snapshot!(seed_widths("O2 B4 -"), @"node `l2`: its input, from `l1`, is now 64 wide, but without a mode it reads 16 (`both` and `input_only` follow)");
    // A multiplier that gives the width back is as good as none.
    assert_snapshot!(seed_widths("O1 - I"), @"16-16 16-16 16-5");
}

#[test]
fn a_multiplier_without_base_width_is_relative_to_the_layer() {
    let before = "x = input[4]\na = linear(x, out=10)\nb = linear(a, out=3)\ny = output(b)";
    let args = |base_width: Json| {
        json!({
            "base_width": base_width,
            "a": { "name": "output_only", "channel_multiplier": 2 },
            "b": { "name": "input_only", "channel_multiplier": null },
        })
    };
    assert_eq!(
        widths(&apply(before, &args(Json::Null)).unwrap()),
        "4-20 20-3"
    );
    assert_eq!(
        widths(&apply(before, &args(json!(16))).unwrap()),
        "4-32 32-3"
    );
}

#[test]
fn a_factor_is_followed_by_everything_that_reads_the_layer() {
    let args = json!({ "c0": { "factor": 2 }, "c1": { "factor": 0.5 } });
    assert_snapshot!(after(IMAGE, &args), @r"
    x = input[3, 8, 8]
    c0 = conv2d(x, in=3, out=8, kernel=3, padding=1)
    b0 = batch_norm(c0, features=8, momentum=0.9, eps=0.001)
    r0 = relu(b0)
    d0 = dropout(r0, p=0.5)
    p0 = max_pool(d0, kernel=2)
    c1 = conv2d(p0, in=8, out=3, kernel=3, stride=2, bias=false) @ weight=integer(8, 4)
    f = flatten(c1)
    l = linear(f, in=3, out=10)
    y = output(l)
    ");
}

#[test]
fn nodes_whose_sizes_stay_keep_their_notes() {
    let args = json!({ "c1": { "factor": 2 } });
    let (before, after): (Graph, Graph) = (IMAGE.parse().unwrap(), apply(IMAGE, &args).unwrap());
    for (old, new) in before.nodes().iter().zip(after.nodes()) {
        let changed = ["c1", "l"].contains(&old.name.as_str());
        assert_eq!(old != new, changed, "{}", old.name);
        assert_eq!(old.annotations.formats, new.annotations.formats);
        assert!(!changed || new.annotations.weights_from.is_none());
    }
}

#[test]
fn rounds_half_up_and_keeps_at_least_one_channel() {
    let outputs = |factor: f64| {
        let before = "x = input[4]\na = linear(x, out=5)\nb = linear(a, out=3)\ny = output(b)";
        widths(&apply(before, &json!({ "a": { "factor": factor } })).unwrap())
    };
    assert_eq!(outputs(0.5), "4-3 3-3");
    assert_eq!(outputs(0.49), "4-2 2-3");
    assert_eq!(outputs(0.001), "4-1 1-3");
    assert_eq!(outputs(1.05), "4-5 5-3");
}

#[test]
fn layers_whose_results_are_added_change_together() {
    let before = "
        x = input[2, 4, 4]
        a = conv2d(x, out=4, kernel=3, padding=1)
        b = conv2d(x, out=4, kernel=1)
        s = add(a, b)
        t = concat(s, x)
        c = conv2d(t, out=3, kernel=1)
        g = global_avg_pool(c)
        y = output(g)";
    let wide = "2-12 2-12 14-3";
    for args in [
        json!({ "a": { "factor": 3 } }),
        json!({ "b": { "factor": 3 } }),
        json!({ "a": { "factor": 3 }, "b": { "factor": 3 } }),
        json!({ "a": { "factor": 3 }, "b": { "factor": null } }),
        json!({ "b": { "factor": 3 }, "default": { "factor": 2 } }),
        json!({ "default": { "factor": 3 } }),
        json!({ "by": "type", "conv2d": { "factor": 3 } }),
    ] {
        assert_eq!(widths(&apply(before, &args).unwrap()), wide, "{args}");
    }
    let two = json!({ "a": { "factor": 3 }, "b": { "factor": 0.5 } });
    assert_snapshot!(after(before, &two), @"error: node `b`: its factor is 0.5, that of `a` is 3, but `s` adds their results");
    assert_snapshot!(after(before, &json!({ "c": { "factor": 3 } })), @"error: node `c`: it makes the network's output, which stays 3 wide");
    let residual =
        "x = input[4]\na = linear(x, out=4)\ns = add(x, a)\nb = linear(s, out=2)\ny = output(b)";
    assert_snapshot!(after(residual, &json!({ "a": { "factor": 2 } })), @"error: node `a`: its channels are tied to those of the network's input, which stays 4 wide");
    let by_type = json!({ "by": "type", "linear": { "factor": 2 } });
    assert_snapshot!(after(residual, &by_type), @"error: node `a`: its channels are tied to those of the network's input, which stays 4 wide");
}

#[test]
fn a_layer_in_two_groups_is_the_sum_of_both() {
    let before = "
        x = input[4]
        a = linear(x, out=3)
        b = linear(x, out=5)
        ab = concat(a, b)
        l = linear(x, out=8)
        s = add(ab, l)
        k = linear(s, out=5)
        y = output(k)";
    let of = |args: Json| widths(&apply(before, &args).unwrap());
    assert_eq!(of(json!({ "a": { "factor": 2 } })), "4-6 4-5 4-11 11-5");
    assert_eq!(of(json!({ "l": { "factor": 2 } })), "4-6 4-10 4-16 16-5");
    let both = json!({ "a": { "factor": 2 }, "b": { "factor": 0.6 } });
    assert_eq!(of(both), "4-6 4-3 4-9 9-5");
    let against = json!({ "a": { "factor": 2 }, "l": { "factor": 3 } });
    assert_snapshot!(after(before, &against), @"error: node `l`: its factor is 3, that of `a` is 2, but `s` adds their results");
}

/// A network with a depthwise convolution, and one in groups.
const GROUPED: &str = "
    x = input[4, 4, 4]
    a = conv2d(x, out=8, kernel=1)
    d = conv2d(a, out=16, kernel=3, stride=2, padding=1, groups=8, bias=false)
    n = batch_norm(d, momentum=0.9)
    b = conv2d(n, out=6, kernel=1)
    g = conv2d(b, out=9, kernel=3, padding=1, groups=3)
    f = flatten(g)
    l = linear(f, out=2)
    y = output(l)";

#[test]
fn convolutions_in_groups_stay_well_formed() {
    let args = json!({ "a": { "factor": 0.5 }, "b": { "factor": 1.5 } });
    assert_snapshot!(after(GROUPED, &args), @r"
    x = input[4, 4, 4]
    a = conv2d(x, in=4, out=4, kernel=1)
    d = conv2d(a, in=4, out=8, kernel=3, stride=2, padding=1, groups=4, bias=false)
    n = batch_norm(d, features=8, momentum=0.9)
    b = conv2d(n, in=8, out=9, kernel=1)
    g = conv2d(b, in=9, out=9, kernel=3, padding=1, groups=3)
    f = flatten(g)
    l = linear(f, in=36, out=2)
    y = output(l)
    ");
    let of = |args: Json| widths(&apply(GROUPED, &args).unwrap());
    // A depthwise convolution is one of its group, down to a single channel.
    assert_eq!(
        of(json!({ "d": { "factor": 2 } })),
        "4-16 16-32 32-6 6-9 36-2"
    );
    assert_eq!(
        of(json!({ "d": { "factor": 0.01 } })),
        "4-1 1-2 2-6 6-9 36-2"
    );
    // 0.7 * 6 = 4.2 lies between 3 and 6, 0.5 * 9 = 4.5 too, whose halves go up.
    assert_eq!(
        of(json!({ "b": { "factor": 0.7 } })),
        "4-8 8-16 16-3 3-9 36-2"
    );
    assert_eq!(
        of(json!({ "g": { "factor": 0.5 } })),
        "4-8 8-16 16-6 6-6 24-2"
    );
    assert_eq!(
        of(json!({ "g": { "factor": 0.01 } })),
        "4-8 8-16 16-6 6-3 12-2"
    );
    let against = json!({ "a": { "factor": 2 }, "d": { "factor": 3 } });
    assert_snapshot!(after(GROUPED, &against), @"error: node `d`: its factor is 3, that of `a` is 2, but `d` is depthwise, so it is as wide as its input");
    let blocks = "
        x = input[4, 4, 4]
        a = conv2d(x, out=4, kernel=1)
        b = conv2d(x, out=4, kernel=1)
        c = concat(a, b)
        g = conv2d(c, out=2, kernel=1, groups=2)
        p = global_avg_pool(g)
        l = linear(p, out=2)
        y = output(l)";
    let against = json!({ "a": { "factor": 2 }, "b": { "factor": 3 } });
    assert_snapshot!(after(blocks, &against), @"error: node `b`: its factor is 3, that of `a` is 2, but `g` reads them as 2 groups of one size");
}

#[test]
fn under_modes_depthwise_convolutions_follow() {
    let of = |args: Json| match apply(GROUPED, &args) {
        Ok(graph) => widths(&graph),
        Err(error) => error.to_string(),
    };
    let first = json!({ "name": "output_only", "channel_multiplier": 2 });
    let reads = json!({ "name": "input_only" });
    let doubled = "4-16 16-32 32-6 6-9 36-2";
    assert_eq!(of(json!({ "a": first, "b": reads })), doubled);
    assert_eq!(of(json!({ "a": first, "d": reads, "b": reads })), doubled);
    let right = json!({ "name": "both", "channel_multiplier": 2 });
    assert_eq!(of(json!({ "a": first, "d": right, "b": reads })), doubled);
    let by_type = json!({ "by": "type", "conv2d": right, "linear": reads });
    assert_eq!(of(by_type), "4-16 16-32 32-12 12-18 72-2");
    let wrong = json!({ "a": first, "d": { "name": "both", "channel_multiplier": 3 }, "b": reads });
    assert_snapshot!(of(wrong), @"node `d`: it is depthwise: of 16 channels it makes 32, not 48 (`input_only` follows)");
    assert_snapshot!(of(json!({ "a": first })), @"node `b`: its input, from `a`, is now 32 wide, but without a mode it reads 16 (`both` and `input_only` follow)");
    let uneven =
        json!({ "base_width": 1, "b": { "name": "both", "channel_multiplier": 4 }, "g": reads });
    assert_snapshot!(of(uneven), @"node `g` (conv2d): 4 input and 9 output channels do not divide into 3 groups");
}

/// Returns VGG7 of the seed.
fn vgg7() -> String {
    let mut text = "x = input[3, 32, 32]\n".to_owned();
    let mut last = "x".to_owned();
    let mut push = |name: String, op: &str, attributes: &str| {
        text += &format!("{name} = {op}({last}{attributes})\n");
        last = name;
    };
    for (first, width) in [(0, 128), (7, 256), (14, 512)] {
        let node = |offset: usize| format!("feature_layers_{}", first + offset);
        for offset in [0, 3] {
            push(
                node(offset),
                "conv2d",
                &format!(", out={width}, kernel=3, padding=1"),
            );
            push(node(offset + 1), "batch_norm", ", momentum=0.9");
            push(node(offset + 2), "relu", "");
        }
        push(node(6), "max_pool", ", kernel=2");
    }
    push("flatten".to_owned(), "flatten", "");
    for (name, width) in [("classifier_0", 1024), ("classifier_2", 1024)] {
        push(name.to_owned(), "linear", &format!(", out={width}"));
        push(name.replace('0', "1").replace('2', "3"), "relu", "");
    }
    push("last_layer".to_owned(), "linear", ", out=10");
    push("output".to_owned(), "output", "");
    text
}

/// Returns what the lab's search of VGG7 asks for, given the multipliers of the first five.
fn vgg7_args(multipliers: [usize; 5]) -> Json {
    let layers = [0, 3, 7, 10, 14].into_iter().zip(multipliers);
    let mut args =
        json!({ "by": "name", "base_width": 128, "default": { "config": { "name": "NA" } } });
    for (layer, multiplier) in layers {
        let mode = if layer == 0 { "output_only" } else { "both" };
        args[format!("feature_layers_{layer}")] =
            json!({ "config": { "name": mode, "channel_multiplier": multiplier } });
    }
    args["feature_layers_17"] = json!({ "config": { "name": "input_only" } });
    args
}

#[test]
fn gives_the_widths_of_the_seeds_best_vgg7() {
    let base: Graph = vgg7().parse().unwrap();
    let total = Costs::of(&base).total;
    assert_eq!((total.params, total.macs), (14_029_450, 616_966_144));
    // reference: units of 128 make (1, 1, 2, 2, 4) the identity.
    check_pass(
        &ChannelMultiplier,
        &base,
        &vgg7_args([2, 2, 2, 4, 4]),
        &vgg7_args([1, 1, 2, 2, 4]),
    );
    let best = apply(&vgg7(), &vgg7_args([2, 2, 2, 4, 4])).unwrap();
    assert_snapshot!(widths(&best), @"3-256 256-256 256-256 256-512 512-512 512-512 8192-1024 1024-1024 1024-10");
    let total = Costs::of(&best).total;
    assert_eq!((total.params, total.macs), (16_541_194, 1_375_479_808));
    let smallest = apply(&vgg7(), &vgg7_args([1, 1, 1, 1, 1])).unwrap();
    let total = Costs::of(&smallest).total;
    assert_eq!((total.params, total.macs), (10_636_042, 286_664_704));
    let largest = apply(&vgg7(), &vgg7_args([2, 8, 8, 8, 8])).unwrap();
    let total = Costs::of(&largest).total;
    assert_eq!((total.params, total.macs), (44_860_426, 8_170_252_288));
    // Nothing but the sizes differs.
    for (old, new) in base.nodes().iter().zip(best.nodes()) {
        let plain = |node: &Node| {
            let text = node.to_string();
            let words = text.split(", ").filter(|word| {
                !["in=", "out=", "features="]
                    .iter()
                    .any(|size| word.starts_with(size))
            });
            words.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            plain(old).trim_end_matches(')'),
            plain(new).trim_end_matches(')')
        );
    }
}

#[test]
fn the_output_keeps_its_width() {
    assert_snapshot!(after(JSC, &json!({ "seq_blocks_6": { "factor": 2 } })), @"error: node `seq_blocks_6`: it makes the network's output, which stays 5 wide");
    let both = json!({ "seq_blocks_6": { "name": "both", "channel_multiplier": 2 } });
    assert_snapshot!(after(JSC, &both), @"error: node `seq_blocks_6`: it makes the network's output, which stays 5 wide");
    let pattern = json!({ "by": "regex_name", ".*_6": { "factor": 2 } });
    assert_snapshot!(after(JSC, &pattern), @"error: node `seq_blocks_6`: it makes the network's output, which stays 5 wide");
    let image = "x = input[3, 4, 4]\nc = conv2d(x, out=2, kernel=3)\nf = flatten(c)\nr = relu(f)\ny = output(r)";
    assert_snapshot!(after(image, &json!({ "c": { "factor": 2 } })), @"error: node `c`: it makes the network's output, which stays 2 wide");
}

#[test]
fn a_type_a_pattern_and_the_default_pass_the_output_over() {
    let doubled = "16-32 32-32 32-5";
    let entries = [
        json!({ "default": { "factor": 2 } }),
        json!({ "by": "type", "linear": { "factor": 2 } }),
        json!({ "by": "regex_name", "seq_blocks_.": { "factor": 2 } }),
        json!({ "by": "type", "linear": { "name": "both", "channel_multiplier": 2 } }),
        json!({ "default": { "config": { "name": "both", "channel_multiplier": 2 } } }),
    ];
    for args in entries {
        assert_eq!(widths(&apply(JSC, &args).unwrap()), doubled, "{args}");
    }
    let one = json!({ "by": "regex_name", ".*_[24]": { "factor": 2 }, "default": { "factor": 1 } });
    assert_eq!(widths(&apply(JSC, &one).unwrap()), doubled);
    let but_one = json!({ "default": { "factor": 2 }, "seq_blocks_2": { "factor": 3 } });
    assert_eq!(widths(&apply(JSC, &but_one).unwrap()), "16-48 48-32 32-5");
}

#[test]
fn a_pattern_matches_whole_names() {
    let part = json!({ "by": "regex_name", "blocks_2": { "factor": 2 } });
    assert_snapshot!(after(JSC, &part), @r"
    error: no node matches `blocks_2`
    hint: did you mean `seq_blocks_2`?
    ");
}

#[test]
fn keys_that_match_nothing_name_what_there_is() {
    assert_snapshot!(after(JSC, &json!({ "seq_block_2": { "factor": 2 } })), @r"
    error: no node matches `seq_block_2`
    hint: did you mean `seq_blocks_2`?
    ");
    assert_snapshot!(after(JSC, &json!({ "linear": { "factor": 2 } })), @r"
    error: no node matches `linear`
    hint: known: x, seq_blocks_0, seq_blocks_1, seq_blocks_2, seq_blocks_3, seq_blocks_4, seq_blocks_5, seq_blocks_6, seq_blocks_7, output
    ");
    let by_type = json!({ "by": "type", "conv2d": { "factor": 2 } });
    assert_snapshot!(after(JSC, &by_type), @r"
    error: no node matches `conv2d`
    hint: known: batch_norm, input, linear, output, relu
    ");
    let twice = json!({ "by": "regex_name", ".*_2": { "factor": 2 }, "seq.*": { "factor": 2 } });
    assert_snapshot!(after(JSC, &twice), @"error: both `.*_2` and `seq.*` match node `seq_blocks_2`");
    let broken = json!({ "by": "regex_name", "seq_(": { "factor": 2 } });
    assert_snapshot!(after(JSC, &broken), @"error: `seq_(` is no regular expression: unclosed group");
    let brackets = json!({ "by": "regex_name", "x)|(y": { "factor": 2 } });
    assert_snapshot!(after(JSC, &brackets), @"error: `x)|(y` is no regular expression: unopened group");
}

#[test]
fn nodes_without_channels_are_refused() {
    assert_snapshot!(after(JSC, &json!({ "seq_blocks_3": { "factor": 2 } })), @"error: node `seq_blocks_3`: relu has no channels of its own");
    let mode = json!({ "seq_blocks_3": { "config": { "name": "input_only" } } });
    assert_snapshot!(after(JSC, &mode), @"error: node `seq_blocks_3`: relu has no channels of its own");
    let by_type = json!({ "by": "type", "batch_norm": { "factor": 2 } });
    assert_snapshot!(after(JSC, &by_type), @"error: node `seq_blocks_0`: batch_norm has no channels of its own");
}

#[test]
fn entries_that_make_no_sense_name_key_and_field() {
    let entry = |entry: Json| after(JSC, &json!({ "seq_blocks_2": entry }));
    let messages = [
        entry(json!({ "facto": 2 })),
        entry(json!({ "factor": 0 })),
        entry(json!({ "factor": "2" })),
        entry(json!({ "factor": 1e300 })),
        entry(json!({ "factor": 2, "channel_multiplier": 2 })),
        entry(json!({ "channel_multiplier": 2 })),
        entry(json!({ "name": "integer" })),
        entry(json!({ "name": "both" })),
        entry(json!({ "name": "both", "channel_multiplier": -1 })),
        entry(json!({ "name": "input_only", "channel_multiplier": 2 })),
        entry(json!({ "config": { "name": null }, "factor": 2 })),
        entry(json!({ "config": [1] })),
        entry(json!(2)),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    error: `seq_blocks_2`: unknown field `facto`, expected `factor`, or `name` and `channel_multiplier`, or `config`
    error: `seq_blocks_2`: `factor` is 0, expected a number above 0
    error: `seq_blocks_2`: `factor` is "2", expected a number above 0
    error: node `seq_blocks_2`: 1e300 times 16 channels are too many
    error: `seq_blocks_2`: `factor` and the lab's `name` and `channel_multiplier` exclude each other
    error: `seq_blocks_2`: `channel_multiplier` has no effect without `name`
    error: `seq_blocks_2`: `name` is "integer", expected `output_only`, `both`, `input_only` or null
    error: `seq_blocks_2`: `both` needs a `channel_multiplier`
    error: `seq_blocks_2`: `channel_multiplier` is -1, expected a number above 0
    error: `seq_blocks_2`: `input_only` keeps the outputs, so it takes no `channel_multiplier`
    error: `seq_blocks_2`: all fields go either into `config` or beside it
    error: `seq_blocks_2`: expected a table such as {"factor": 2}, found [1]
    error: `seq_blocks_2`: expected a table such as {"factor": 2}, found 2
    "#);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let messages = [
        after(JSC, &json!({ "by": "names" })),
        after(JSC, &json!({ "base_width": 0 })),
        after(JSC, &json!({ "default": { "facto": 2 } })),
        after(JSC, &json!([])),
        after(
            JSC,
            &json!({ "seq_blocks_2": { "factor": 2 }, "seq_blocks_4": { "name": "input_only" } }),
        ),
        after(JSC, &json!({ "seq_blocks_2": { "factor": 1e9 } })),
    ];
    assert_snapshot!(messages.join("\n"), @r"
    error: `by`: unknown variant `names`, expected one of `name`, `type`, `regex_name`
    error: `base_width`: invalid value: integer `0`, expected a nonzero usize
    error: `default`: unknown field `facto`, expected `factor`, or `name` and `channel_multiplier`, or `config`
    error: expected a table, found []
    error: `factor` and the modes (`name`) exclude each other in one call
    error: node `seq_blocks_2` (linear): a result of shape [16000000000] is too large
    ");
}

#[test]
fn costs_are_those_of_the_multiplied_network() {
    let factors = json!({ "seq_blocks_2": { "factor": 2 }, "seq_blocks_4": { "factor": 4 } });
    for args in [seed_args(2, 4), factors] {
        let changed = apply(JSC, &args).unwrap();
        assert_eq!(Costs::of(&changed).total.params, 3_013);
    }
}

#[test]
fn a_layer_that_changes_keeps_what_it_has_taken_in() {
    let before = "x = input[4]
        a = linear(x, out=4) @ frozen from=z folds=n
        b = linear(a, out=2)
        y = output(b)";
    let graph = apply(before, &json!({ "a": { "factor": 2 } })).unwrap();
    let a = graph.node("a").unwrap();
    assert_eq!(a.to_string(), "a = linear(x, in=4, out=8) @ folds=n");
}
