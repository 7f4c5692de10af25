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

/// Returns the arguments that an analysis can't do without.
fn args(name: &str) -> Json {
    match name {
        "roofline_latency" | "roofline" => {
            json!({ "macs_per_cycle": 64, "clock_mhz": 200, "memory_bytes_per_s": 1e9 })
        }
        _ => json!({}),
    }
}

/// Returns the table, a line a row.
fn rows(name: &str, text: &str, args: &Json) -> String {
    let table = measure(name, text, args).unwrap().table.unwrap();
    let lines = std::iter::once(&table.columns).chain(&table.rows);
    let lines: Vec<String> = lines.map(|cells| cells.join(" | ")).collect();
    lines.join("\n")
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
            let args = args(item.names[0]);
            check_pass(pass.as_ref(), &graph, &args, &args);
            n_analyses += 1;
        }
    }
    assert_eq!(n_analyses, 10);
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
    bops
    channel_multiplier
    conv_bn_fusion
    ebops
    energy
    finn_luts
    fold_batch_norm
    macs
    params
    quantize
    redefine_linear_transform_pass
    redefine_vgg_pass
    roofline
    roofline_latency
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
    bias_bits = 224
    kernel_bits = 336
    peak_activation_bits = 512
    size_bits = 1640
    weight_bits = 816
    ");
    assert_snapshot!(rows("size_bits", MIXED, &json!({})), @r"
    node | type | weight_bits | kernel_bits | bias_bits | activation_bits
    x | input | 0 | 0 | 0 | 128
    n | batch_norm | 256 | 0 | 0 | 24
    a | linear | 192 | 128 | 64 | 256
    r | relu | 0 | 0 | 0 | 256
    b | linear | 80 | 16 | 64 | 64
    c | linear | 288 | 192 | 96 | 96
    total |  | 816 | 336 | 224 | 824
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
    assert_snapshot!(rows("summary", MIXED, &json!({})), @r"
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
    let chip = |name: &str, value: &Json| {
        let mut args = args("roofline_latency");
        args[name] = value.clone();
        error("roofline_latency", &args)
    };
    let messages = [
        error("average_bitwidth", &json!({ "compare": 32 })),
        error("average_bitwidth", &json!({ "compare_to": 0 })),
        error("average_bitwidth", &json!({ "compare_to": "32" })),
        error("params", &json!({ "by": "name" })),
        error("summary", &json!({ "depth": 2 })),
        error("average_bitwidth", &json!({ "reference_params": 0 })),
        error("finn_luts", &json!({ "pe": 0 })),
        error("finn_luts", &json!({ "calibration": -1 })),
        error("ebops", &json!({ "weights": "x" })),
        error("roofline_latency", &json!({ "clock_mhz": 200 })),
        chip("clock_mhz", &json!(0)),
        chip("macs_per_cycle_8_bit", &json!(-4)),
        chip("on_chip_bytes", &json!(-1)),
    ];
    assert_snapshot!(messages.join("\n"), @r#"
    unknown field `compare`, expected `compare_to` or `reference_params`
    `compare_to` is 0, expected a number above 0
    `compare_to`: invalid type: string "32", expected f64
    unknown field `by`, there are no fields
    unknown field `depth`, there are no fields
    `reference_params`: invalid value: integer `0`, expected a nonzero u64
    `pe`: invalid value: integer `0`, expected a nonzero u64
    `calibration` is -1, expected a number above 0
    unknown field `weights`, there are no fields
    missing field `macs_per_cycle`
    `clock_mhz` is 0, expected a number above 0
    `macs_per_cycle_8_bit` is -4, expected a number above 0
    `on_chip_bytes` is -1, expected 0 or more
    "#);
}

/// The network of the seed between formats, as a preset writes them.
fn jsc(width: usize, format: &str) -> String {
    let graph: Graph = format!(
        "x = input[16]
         n = batch_norm(x)
         r = relu(n)
         a = linear(r, out={width})
         s = relu(a)
         b = linear(s, out=5)
         y = output(b)"
    )
    .parse()
    .unwrap();
    let args = json!({ "default": { "format": format } });
    pass("quantize").apply(&graph, &args).unwrap().0.to_string()
}

#[test]
fn bit_operations_are_those_of_both_widths() {
    assert_snapshot!(metrics("bops", &jsc(8, "int4"), &json!({})), @r"
    bops = 2688
    bops_baskin = 4664
    ");
    assert_snapshot!(rows("bops", &jsc(8, "int4"), &json!({})), @r"
    node | type | bops | bops_baskin
    a | linear | 2048 | 3584
    b | linear | 640 | 1080
    total |  | 2688 | 4664
    ");
}

#[test]
fn effective_bit_operations_are_told_by_node() {
    assert_snapshot!(rows("ebops", &jsc(8, "int4"), &json!({})), @r"
    node | type | multiplications | additions | ebops
    n | batch_norm | 512 | 192 | 704
    a | linear | 2048 | 96 | 2144
    b | linear | 640 | 55 | 695
    total |  | 3200 | 343 | 3543
    ");
}

#[test]
fn every_cost_sees_width_and_format() {
    let costs = [
        ("bops", "bops"),
        ("bops", "bops_baskin"),
        ("ebops", "ebops"),
        ("size_bits", "size_bits"),
        ("size_bits", "kernel_bits"),
        ("size_bits", "weight_bits"),
        ("size_bits", "activation_bits"),
        ("finn_luts", "finn_luts"),
        ("energy", "energy_pj"),
        ("roofline_latency", "roofline_latency_us"),
    ];
    for (name, metric) in costs {
        let cost = |width, format: &str| {
            measure(name, &jsc(width, format), &args(name))
                .unwrap()
                .metrics[metric]
        };
        let base = cost(8, "int8");
        assert!(cost(6, "int8") < base, "{metric} sees width");
        assert!(cost(8, "int4") < base, "{metric} sees the format");
        assert!(
            base < cost(8, "float32") || metric == "finn_luts",
            "{metric} sees that there is one"
        );
    }
}

#[test]
fn size_density_sees_width_and_average_bitwidth_does_not() {
    let metrics = |width| {
        let args = json!({ "reference_params": 1000 });
        measure("average_bitwidth", &jsc(width, "int4"), &args)
            .unwrap()
            .metrics
    };
    let (wide, narrow) = (metrics(8), metrics(4));
    assert_eq!(wide["average_bitwidth"], narrow["average_bitwidth"]);
    // 32 of batch norm and 13 biases in 8 bits, 168 weights in 4.
    assert_eq!(wide["size_density"], 32_000.0 / (45.0 * 8.0 + 168.0 * 4.0));
    assert_eq!(narrow["size_density"], 32_000.0 / (41.0 * 8.0 + 84.0 * 4.0));
    let own = measure("average_bitwidth", &jsc(8, "float32"), &json!({})).unwrap();
    assert_eq!(own.metrics["size_density"], 1.0);
    let nothing = "x = input[4]\nr = relu(x)\ny = output(r)";
    let nothing = measure("average_bitwidth", nothing, &json!({})).unwrap();
    assert_eq!(nothing.metrics["size_density"], 1.0);
}

#[test]
fn finn_takes_what_is_asked_for() {
    let text = jsc(8, "int4");
    let luts = |args: Json| measure("finn_luts", &text, &args).unwrap().metrics;
    let all = luts(json!({}));
    assert_eq!(all["finn_cycles"], 1.0);
    let half = luts(json!({ "calibration": 0.5 }));
    assert_eq!(half["finn_luts"], all["finn_luts"] / 2.0);
    let folded = luts(json!({ "pe": 1, "simd": 1 }));
    assert_eq!(folded["finn_cycles"], 128.0);
    assert!(folded["finn_luts"] < all["finn_luts"]);
    assert_snapshot!(rows("finn_luts", &text, &json!({ "pe": 4 })), @r"
    node | type | finn_luts | finn_cycles
    a | linear | 5110 | 2
    b | linear | 1853 | 2
    total |  | 6963 | 2
    ");
}

#[test]
fn energy_is_told_by_node() {
    assert_snapshot!(rows("energy", &jsc(8, "int8"), &json!({})), @r"
    node | type | energy_compute_pj | energy_memory_pj | energy_pj
    x | input | 0 | 20 | 20
    n | batch_norm | 4.053 | 40 | 44.053
    a | linear | 34.44 | 200 | 234.44
    b | linear | 10.794 | 91.25 | 102.044
    total |  | 49.287 | 351.25 | 400.537
    ");
}

#[test]
fn a_roofline_says_what_bounds_each_node() {
    let mut chip = args("roofline");
    chip["macs_per_cycle"] = 1.into();
    chip["clock_mhz"] = 1000.into();
    chip["memory_bytes_per_s"] = 1e9.into();
    assert_snapshot!(rows("roofline", &jsc(8, "int8"), &chip), @r"
    node | type | roofline_compute_us | roofline_memory_us | roofline_latency_us | bound
    x | input | 0 | 0.016 | 0.016 | memory
    n | batch_norm | 0.016 | 0.032 | 0.032 | memory
    r | relu | 0.008 | 0 | 0.008 | compute
    a | linear | 0.128 | 0.16 | 0.16 | memory
    s | relu | 0.004 | 0 | 0.004 | compute
    b | linear | 0.04 | 0.073 | 0.073 | memory
    total |  | 0.196 | 0.281 | 0.293 |
    ");
}
