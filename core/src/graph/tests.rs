use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

const JSC: &str = "\
x = input[16]
seq_blocks_0 = batch_norm(x, features=16)
seq_blocks_1 = relu(seq_blocks_0)
seq_blocks_2 = linear(seq_blocks_1, in=16, out=5) @ bias=integer(8) weight=integer(8, 4) frozen
output = output(seq_blocks_2)
";

fn parse(text: &str) -> Graph {
    text.parse().unwrap()
}

fn error(text: &str) -> String {
    text.parse::<Graph>().unwrap_err().to_string()
}

#[test]
fn prints_what_it_parsed() {
    assert_eq!(parse(JSC).to_string(), JSC);
}

#[test]
fn fills_in_what_the_producer_says() {
    let graph = parse(
        "x = input[3, 8, 8]\nc = conv2d(x, out=4, kernel=3)\nb = batch_norm(c)\ny = output(b)",
    );
    assert_snapshot!(graph, @r"
    x = input[3, 8, 8]
    c = conv2d(x, in=3, out=4, kernel=3)
    b = batch_norm(c, features=4)
    y = output(b)
    ");
}

#[test]
fn follows_shapes_through_windows_branches_and_flatten() {
    let graph = parse(
        "x = input[3, 9, 8]
         a = conv2d(x, out=4, kernel=3x1, stride=2, padding=1x0)
         b = conv2d(x, out=4, kernel=3x1, stride=2, padding=1x0, groups=1, bias=false)
         s = add(a, b)
         c = concat(s, a)
         p = max_pool(c, kernel=2)
         f = flatten(p)
         y = output(f)",
    );
    let shapes: Vec<&[usize]> = (0..graph.nodes().len())
        .map(|idx| graph.shape(idx))
        .collect();
    assert_eq!(shapes[1], [4, 5, 4]);
    assert_eq!(shapes[4], [8, 5, 4]);
    assert_eq!(shapes[5], [8, 2, 2]);
    assert_eq!(graph.output_shape(), [32]);
}

#[test]
fn names_the_node_both_shapes_and_the_producer() {
    assert_snapshot!(
        error("x = input[16]\na = linear(x, out=8)\nb = linear(a, in=16, out=5)\ny = output(b)"),
        @"node `b` (linear) expects [16], but `a` makes [8]"
    );
    assert_snapshot!(
        error("x = input[16]\na = linear(x, out=8)\nb = linear(x, out=9)\ns = add(a, b)\ny = output(s)"),
        @"node `s` (add) expects [8] as `a` makes, but `b` makes [9]"
    );
    assert_snapshot!(
        error("x = input[3, 2, 2]\na = conv2d(x, out=8, kernel=3)\ny = output(a)"),
        @"node `a` (conv2d) expects at least 3 of height, but `x` makes [3, 2, 2]"
    );
    assert_snapshot!(
        error("x = input[3, 4, 4]\na = conv2d(x, out=8, kernel=3, groups=2)\ny = output(a)"),
        @"node `a` (conv2d): 3 input and 8 output channels do not divide into 2 groups"
    );
}

#[test]
fn refuses_what_is_not_a_network() {
    assert_snapshot!(error(""), @"the first node must be the input");
    assert_snapshot!(error("x = input[4]"), @"the last node must be the output");
    assert_snapshot!(
        error("x = input[4]\na = relu(x)\ny = output(x)"),
        @"node `a` is read by no other node"
    );
    assert_snapshot!(
        error("x = input[4]\ny = output(z)"),
        @"node `y` reads `z`, which no earlier node makes"
    );
    assert_snapshot!(
        error("x = input[4]\nx = relu(x)\ny = output(x)"),
        @"node `x`: two nodes have this name"
    );
    assert_snapshot!(
        error("x = input[4]\na = dropout(x, p=1)\ny = output(a)"),
        @"node `a` (dropout): p must be at least 0 and below 1"
    );
    assert_snapshot!(
        error("x = input[4]\na = linear(x, out=99999999999999)\ny = output(a)"),
        @"node `a` (linear): a result of shape [99999999999999] is too large"
    );
    assert_snapshot!(
        error("x = input[65536]\na = linear(x, out=65536)\ny = output(a)"),
        @"node `a` (linear): a weight of shape [65536, 65536] is too large"
    );
    assert_snapshot!(
        error("x = input[9999999999, 9999999999, 1]\na = flatten(x)\ny = output(a)"),
        @"node `x` (input): a result of shape [9999999999, 9999999999, 1] is too large"
    );
    assert_snapshot!(
        error("x = input[4]\na = linear(x, width=3)\ny = output(a)"),
        @"line 2: `out` is missing"
    );
    assert_snapshot!(
        error("x = input[4]\na = linear(x, out=3, out=4)\ny = output(a)"),
        @"line 2: `out` comes twice"
    );
    assert_snapshot!(
        error("x = input[4]\na = linear(x, out=3) @ frozen_=true\ny = output(a)"),
        @"line 2: annotation `frozen_=true` can't be read"
    );
}

#[test]
fn a_graph_from_json_is_checked() {
    let graph = parse(JSC);
    let json = serde_json::to_string(&graph).unwrap();
    assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
    for (sound, broken, complaint) in [
        (
            "\"out_features\":5",
            "\"out_features\":0",
            "out must be at least 1",
        ),
        ("\"bias\":{", "\"the bias\":{", "must be words"),
        ("\"integer\"", "\"integer)\"", "must be words"),
    ] {
        let broken = json.replace(sound, broken);
        assert_ne!(broken, json, "{sound}");
        let error = serde_json::from_str::<Graph>(&broken).unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
}

/// Appends one random op that fits the last shape.
fn any_node() -> impl Strategy<Value = (u8, usize, usize, bool)> {
    (0..10_u8, 1..9_usize, 1..4_usize, any::<bool>())
}

fn build(image: bool, choices: &[(u8, usize, usize, bool)]) -> Graph {
    let mut nodes = vec![Node::new(
        "x",
        Op::Input {
            shape: if image { vec![3, 9, 7] } else { vec![6] },
        },
        &[],
    )];
    for (idx, (kind, width, kernel, flag)) in choices.iter().copied().enumerate() {
        let last = nodes.last().unwrap().name.clone();
        let shape = shape::infer_open(&nodes);
        let op = match kind {
            0 if shape.len() == 1 => Op::Linear {
                in_features: shape[0],
                out_features: width,
                bias: flag,
            },
            1 if shape.len() == 3 => Op::Conv2d {
                in_channels: shape[0],
                out_channels: width,
                kernel: [kernel, kernel],
                stride: [1 + usize::from(flag), 1],
                padding: [kernel, kernel / 2],
                groups: 1,
                bias: flag,
            },
            2 => Op::BatchNorm {
                features: shape[0],
                momentum: 0.9,
                eps: 1e-3,
            },
            3 => Op::Dropout { p: 0.25 },
            4 if shape.len() == 3 => Op::Flatten,
            5 if shape.len() == 3 => Op::GlobalAvgPool,
            _ => Op::Relu,
        };
        let mut node = Node::new(format!("n{idx}"), op, &[&last]);
        if kind == 8 {
            node = Node::new(format!("n{idx}"), Op::Add, &[&last, &last]);
        } else if kind == 9 {
            node = Node::new(format!("n{idx}"), Op::Concat, &[&last, &last]);
        }
        if flag {
            let format = NumberFormat {
                frac_width: (kind != 0).then_some(-(width as i32)),
                exponent_width: (kind == 2).then_some(4),
                exponent_bias: (kind == 3).then_some(-7),
                exponent_bias_width: (kind == 4).then_some(3),
                block_size: (kind == 5).then_some(16),
                scale: (kind == 6).then_some(Scale::PowerOfTwo),
                signed: kind != 7,
                mase: kind == 8,
                ..NumberFormat::new("integer", 8)
            };
            node.annotations.formats.insert("weight".into(), format);
            node.annotations.sparsity = Some(0.5);
            node.annotations.weights_from = Some("base".into());
            node.annotations.folds = vec!["n0".into(), "n1".into()];
        }
        nodes.push(node);
    }
    let last = nodes.last().unwrap().name.clone();
    nodes.push(Node::new("y", Op::Output, &[&last]));
    Graph::new(nodes).unwrap()
}

proptest! {
    #[test]
    fn parsing_a_printed_graph_gives_it_back(
        image in any::<bool>(),
        choices in prop::collection::vec(any_node(), 0..12),
    ) {
        let graph = build(image, &choices);
        prop_assert_eq!(&parse(&graph.to_string()), &graph);
        let json = serde_json::to_string(&graph).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Graph>(&json).unwrap(), &graph);
    }
}
