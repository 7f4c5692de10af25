use firebrick_core::graph::Graph;
use firebrick_core::scaling::Scaling;
use firebrick_core::testing::{Statistics, forward, random_graph};
use firebrick_core::weights::Weights;
use insta::assert_snapshot;
use prost::Message;

use crate::operand::Network;
use crate::proto::{GraphProto, ModelProto};
use crate::testing::convolutions::{self, of_convolutions};
use crate::testing::{fixed_point_graph, network, rows, weights};
use crate::{ExportError, Exported, Format, IntegerNetwork, check, export, reference};

const SMALL: &str = "x = input[2]
n = batch_norm(x) @ data_in=integer(8, 4) weight=integer(8, 5) bias=integer(8, 5)
a = linear(n, out=2) @ data_in=integer(6, 3) weight=ternary(2, scale=power_of_two) bias=integer(8, 6)
r = relu(a)
b = linear(r, out=1, bias=false) @ data_in=integer(4, 2, unsigned) weight=binary(1, scale=one)
y = output(b)";

fn exported(text: &str, format: Format) -> Exported {
    let (graph, weights) = network(text);
    export(&graph, &weights, None, format, "small.onnx").unwrap()
}

/// Returns the refusal of a network, and its hint.
fn refused(text: &str, format: Format) -> String {
    let (graph, weights) = network(text);
    let error = export(&graph, &weights, None, format, "small.onnx").unwrap_err();
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

fn graph_of(exported: &Exported) -> GraphProto {
    let model = ModelProto::decode(exported.file.as_slice()).unwrap();
    model.graph.unwrap()
}

/// Returns the operations of a file, one a line.
fn operations(exported: &Exported) -> String {
    let nodes = graph_of(exported).node.into_iter();
    let lines = nodes.map(|node| {
        let inputs = node.input.join(", ");
        format!("{} = {}({inputs})", node.output.join(", "), node.op_type)
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn every_format_stands_as_an_operation() {
    assert_snapshot!(operations(&exported(SMALL, Format::Qonnx)), @r"
    n_data_in_stored = Quant(x, n_data_in_stored_scale, n_data_in_stored_zero, n_data_in_stored_bits)
    n_weight_stored = Quant(n_weight, n_weight_stored_scale, n_weight_stored_zero, n_weight_stored_bits)
    n_bias_stored = Quant(n_bias, n_bias_stored_scale, n_bias_stored_zero, n_bias_stored_bits)
    n = BatchNormalization(n_data_in_stored, n_weight_stored, n_bias_stored, n_running_mean, n_running_var)
    a_data_in_stored = Quant(n, a_data_in_stored_scale, a_data_in_stored_zero, a_data_in_stored_bits)
    a_weight_stored = Quant(a_weight, a_weight_stored_scale, a_weight_stored_zero, a_weight_stored_bits)
    a_product = MatMul(a_data_in_stored, a_weight_stored)
    a_bias_stored = Quant(a_bias, a_bias_stored_scale, a_bias_stored_zero, a_bias_stored_bits)
    a = Add(a_product, a_bias_stored)
    r = Relu(a)
    b_data_in_stored = Quant(r, b_data_in_stored_scale, b_data_in_stored_zero, b_data_in_stored_bits)
    b_weight_stored = BipolarQuant(b_weight, b_weight_stored_scale)
    b = MatMul(b_data_in_stored, b_weight_stored)
    ");
}

#[test]
fn constants_lie_on_the_grid_of_their_format() {
    let graph = graph_of(&exported(SMALL, Format::Qonnx));
    let constants = graph.initializer.iter().map(|tensor| {
        let numbers = tensor.raw_data.chunks_exact(4);
        let numbers = numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let numbers: Vec<f32> = numbers.collect();
        format!("{}{:?} = {numbers:?}", tensor.name, tensor.dims)
    });
    assert_snapshot!(constants.collect::<Vec<String>>().join("\n"), @r"
    n_data_in_stored_scale[] = [0.0625]
    n_data_in_stored_zero[] = [0.0]
    n_data_in_stored_bits[] = [8.0]
    n_weight[2] = [1.625, 1.125]
    n_weight_stored_scale[] = [0.03125]
    n_weight_stored_zero[] = [0.0]
    n_weight_stored_bits[] = [8.0]
    n_bias[2] = [0.5625, 0.25]
    n_bias_stored_scale[] = [0.03125]
    n_bias_stored_zero[] = [0.0]
    n_bias_stored_bits[] = [8.0]
    n_running_mean[2] = [0.0, 0.0]
    n_running_var[2] = [1.0, 1.0]
    a_data_in_stored_scale[] = [0.125]
    a_data_in_stored_zero[] = [0.0]
    a_data_in_stored_bits[] = [6.0]
    a_weight[2, 2] = [-0.25, -0.25, -0.25, -0.25]
    a_weight_stored_scale[] = [0.25]
    a_weight_stored_zero[] = [0.0]
    a_weight_stored_bits[] = [2.0]
    a_bias[2] = [0.265625, -0.03125]
    a_bias_stored_scale[] = [0.015625]
    a_bias_stored_zero[] = [0.0]
    a_bias_stored_bits[] = [8.0]
    b_data_in_stored_scale[] = [0.25]
    b_data_in_stored_zero[] = [0.0]
    b_data_in_stored_bits[] = [4.0]
    b_weight[2, 1] = [1.0, -1.0]
    b_weight_stored_scale[] = [1.0]
    ");
}

#[test]
fn random_fixed_point_networks_are_exact_as_qonnx() {
    let mut n_exact = 0;
    for seed in 0..150 {
        let graph = fixed_point_graph(seed);
        let weights = weights(&graph, seed);
        let exported = match export(&graph, &weights, None, Format::Qonnx, "network.onnx") {
            Ok(exported) => exported,
            Err(error) => panic!("{error} in\n{graph}"),
        };
        let is_whole = IntegerNetwork::of(&graph, &weights).is_ok();
        let checked = exported.checked.unwrap();
        assert_eq!(checked.is_exact, is_whole, "in\n{graph}");
        assert!(checked.n_rows >= 2);
        n_exact += usize::from(checked.is_exact);
    }
    assert!(n_exact > 50, "{n_exact}");
}

#[test]
fn random_networks_in_float32_are_the_same_as_onnx() {
    for seed in 0..150 {
        let graph = random_graph(seed, 3);
        let weights = weights(&graph, seed);
        let exported = export(&graph, &weights, None, Format::Onnx, "network.onnx").unwrap();
        assert!(!exported.checked.unwrap().is_exact);
        assert!(operations(&exported).find("Quant").is_none());
    }
}

#[test]
fn the_reference_is_that_of_core() {
    let text = "x = input[2, 6, 6]
        a = conv2d(x, out=4, kernel=3, padding=1, stride=2, groups=2) @ data_in=fp8_e4m3(8) weight=lsq(4) bias=integer(8, 4)
        n = batch_norm(a) @ data_in=block_fp(6, exponent_width=5, block_size=2) weight=log(4) bias=integer(6, 4)
        p = avg_pool(n, kernel=3)
        f = flatten(p)
        y = output(f)";
    for graph in (0..50)
        .map(|seed| random_graph(seed, 3))
        .chain([network(text).0])
    {
        let weights = weights(&graph, 2);
        let rows = rows(&graph, 3);
        let found = reference(&graph, &weights, &rows).unwrap();
        let numbers: Vec<f64> = rows.iter().map(|x| f64::from(*x)).collect();
        let expected = forward(&graph, &weights, &numbers, Statistics::Running);
        for (found, expected) in found.iter().zip(&expected) {
            // The scale of a batch normalisation is a float32 here.
            let off = (found - expected).abs() / expected.abs().max(1.0);
            assert!(off < 1e-5, "{found}, not {expected} in\n{graph}");
        }
    }
}

#[test]
fn formats_that_are_no_fixed_point_are_quant_and_float_quant() {
    let exported = exported(
        "x = input[4]
         a = linear(x, out=4) @ data_in=lsq(6) weight=lsq(4) bias=fp8_e5m2(8)
         b = linear(a, out=4) @ data_in=fp8_e4m3(8) weight=minifloat_ieee(6, exponent_width=3) bias=minifloat_denorm(7, exponent_width=3)
         c = linear(b, out=2) @ data_in=minifloat_denorm(6, exponent_width=2) weight=ternary(2, scale=mean) bias=binary(1, unsigned, scale=mean)
         y = output(c)",
        Format::Qonnx,
    );
    let is_exact = exported.checked.unwrap().is_exact;
    assert!(!is_exact && exported.hls4ml_config.is_none());
    assert_snapshot!(exported.notes.join("\n"), @"no `hls4ml_config.yml`, since hls4ml would not compute the same: node `a` (linear): `data_in` is lsq(6), which is no fixed point");
    let graph = graph_of(&exported);
    let n_floats = graph
        .node
        .iter()
        .filter(|node| node.op_type == "FloatQuant");
    assert_eq!(n_floats.count(), 5);
}

#[test]
fn a_relu_that_is_read_in_two_formats_stands_twice() {
    let exported = exported(
        "x = input[2]
         a = linear(x, out=2) @ data_in=integer(6, 3) weight=integer(4, 3) bias=integer(4, 3)
         r = relu(a)
         b = linear(r, out=2) @ data_in=integer(6, 3) weight=integer(4, 3) bias=integer(4, 3)
         c = linear(r, out=2) @ data_in=integer(6, 3) weight=integer(4, 3) bias=integer(4, 3)
         d = linear(r, out=2) @ data_in=integer(4, 1) weight=integer(4, 3) bias=integer(4, 3)
         y0 = concat(b, c, d)
         y = output(y0)",
        Format::Qonnx,
    );
    let graph = graph_of(&exported);
    let count = |op: &str| graph.node.iter().filter(|node| node.op_type == op).count();
    // One each for x and r in one format and r in the other, and those of four weights and biases.
    assert_eq!((count("Relu"), count("Quant")), (2, 3 + 8));
    assert!(exported.hls4ml_config.is_some());
}

#[test]
fn names_of_nodes_are_kept_and_helpers_step_aside() {
    let text = "x = input[2]
        a = linear(x, out=2) @ data_in=integer(6, 3) weight=integer(4, 3) bias=integer(4, 3)
        a_product = relu(a)
        a_weight = relu(a_product)
        y = output(a_weight)";
    let exported = exported(text, Format::Qonnx);
    let graph = graph_of(&exported);
    let mut names: Vec<String> = graph
        .node
        .iter()
        .map(|node| node.output[0].clone())
        .collect();
    names.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
    for name in ["a", "a_product", "a_weight", "a_product_1", "a_weight_1"] {
        assert_eq!(
            names.iter().filter(|found| *found == name).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn a_file_that_computes_something_else_is_found_out() {
    let (graph, weights) = network(SMALL);
    let network = Network::new(&graph, &weights).unwrap();
    let integers = IntegerNetwork::of(&graph, &weights).unwrap();
    let file = exported(SMALL, Format::Qonnx).file;
    let check = |file: &[u8]| check::check("QONNX", file, &network, Some(&integers));
    assert!(check(&file).is_ok());
    let mut model = ModelProto::decode(file.as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut constants = graph.initializer.iter_mut();
    let scale = constants.find(|tensor| tensor.name == "a_data_in_stored_scale");
    scale.unwrap().raw_data = 0.25_f32.to_le_bytes().to_vec();
    let error = check(&model.encode_to_vec()).unwrap_err();
    assert!(matches!(error, ExportError::Differs { .. }), "{error}");
    let error = check(&file[..file.len() / 2]).unwrap_err();
    assert!(matches!(error, ExportError::Unreadable { .. }), "{error}");
}

#[test]
fn what_hls4ml_does_not_compute_alike_gets_no_configuration() {
    let notes = |text: &str| {
        let exported = exported(text, Format::Qonnx);
        assert!(exported.hls4ml_config.is_none());
        assert!(exported.checked.unwrap().is_exact);
        exported.notes.join("\n")
    };
    assert_snapshot!(notes("x = input[1, 4, 4]\na = global_avg_pool(x) @ data_in=integer(4, 2)\ny = output(a)"), @"no `hls4ml_config.yml`, since hls4ml would not compute the same: node `a` (global_avg_pool): hls4ml 1.3 does not read means");
    assert_snapshot!(notes("x = input[1, 4, 4]\na = max_pool(x, kernel=3, padding=1) @ data_in=integer(4, 2)\nf = flatten(a)\ny = output(f)"), @"no `hls4ml_config.yml`, since hls4ml would not compute the same: node `a` (max_pool): hls4ml 1.3 computes something else where pools have padding");
    assert_snapshot!(notes("x = input[2]\na = linear(x, out=4) @ data_in=integer(4, 20) weight=integer(4, 20) bias=integer(4, 2)\ny = output(a)"), @r"
    numbers can need 41 bits: qonnx computes in float32, which holds 25, so that it may be off in the last
    no `hls4ml_config.yml`, since hls4ml would not compute the same: node `a` (linear): its result can have more than 32 bits before or behind the binary point, which is what the configuration gives to numbers without a format
    ");
    assert_snapshot!(notes("x = input[2]\na = relu(x) @ data_in=integer(2, 3)\nb = linear(a, out=4) @ data_in=integer(4, 0) weight=integer(4, 2) bias=integer(4, 2)\ny = output(b)"), @"no `hls4ml_config.yml`, since hls4ml would not compute the same: node `b` (linear): hls4ml's numbers can't be rounded by as many places as they have bits");
    assert_snapshot!(notes("x = input[1, 4, 4]\na = relu(x) @ data_in=integer(2, 3)\ny = output(a)"), @"no `hls4ml_config.yml`, since hls4ml would not compute the same: node `y` (output): qonnx 1.0 can't turn a picture that is the output to channels last");
    assert_snapshot!(notes("x = input[4, 4, 4]\na = conv2d(x, out=4, kernel=3, groups=2) @ data_in=integer(4, 2) weight=integer(4, 2) bias=integer(4, 2)\nf = flatten(a)\ny = output(f)"), @"no `hls4ml_config.yml`, since hls4ml would not compute the same: node `a` (conv2d): hls4ml 1.3 reads one group or as many as channels");
    assert_snapshot!(notes("x = input[4]\na = linear(x, out=4) @ data_in=integer(4, 2) weight=integer(4, 2) bias=integer(4, 2)\nb = linear(x, out=4) @ data_in=integer(5, 2) weight=integer(4, 2) bias=integer(4, 2)\nc = add(a, b)\ny = output(c)"), @r"
    no `hls4ml_config.yml`, since hls4ml would not compute the same: node `x` (input): hls4ml 1.3 reads a result in one format only
    no `hls4ml_config.yml`, since hls4ml would not compute the same: node `c` (add): hls4ml 1.3 can't add results that are not stored: give its `data_in` a format
    ");
}

#[test]
fn a_batch_norm_that_changes_nothing_is_not_for_hls4ml() {
    let text = "x = input[4]
        a = batch_norm(x) @ data_in=integer(8, 4) weight=integer(8, 6) bias=integer(8, 6)
        b = linear(a, out=2) @ data_in=integer(6, 4) weight=integer(4, 2) bias=integer(4, 2)
        y = output(b)";
    let graph: Graph = text.parse().unwrap();
    // First weights: a scale of 1 but for `eps`, and no shift.
    let mut weights = Weights::init(&graph, 1);
    let is_taken = |weights: &Weights| {
        let exported = export(&graph, weights, None, Format::Qonnx, "small.onnx").unwrap();
        exported.hls4ml_config.is_some()
    };
    assert!(!is_taken(&weights));
    weights.0.get_mut("a.bias").unwrap().data[2] = 0.5;
    assert!(is_taken(&weights));
}

#[test]
fn signs_go_to_hls4ml_as_they_come_from_layers() {
    let config = |second: &str| {
        let text = format!(
            "x = input[4]\na = {second} @ data_in=binary(1) weight=integer(4, 2) bias=integer(4, 2)
             b = linear(a, out=4) @ data_in=binary(1) weight=integer(4, 2) bias=integer(4, 2)
             y = output(b)"
        );
        exported(&text, Format::Qonnx).hls4ml_config
    };
    assert!(config("linear(x, out=4)").is_some());
    assert_eq!(config("batch_norm(x)"), None);
}

#[test]
fn signs_that_are_added_are_numbers_of_two_bits() {
    let exported = exported(
        "x = input[4]
         n = batch_norm(x) @ data_in=binary(1) weight=binary(1) bias=binary(1)
         a = linear(n, out=4) @ data_in=integer(4, 2) weight=binary(1) bias=binary(1)
         y = output(a)",
        Format::Qonnx,
    );
    let nodes = graph_of(&exported).node;
    let bipolar = nodes.iter().filter(|node| node.op_type == "BipolarQuant");
    let names: Vec<&str> = bipolar.map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["n_data_in_stored", "a_weight_stored"]);
}

#[test]
fn says_where_float32_ends() {
    let text = "x = input[4]\na = linear(x, out=4) @ data_in=integer(16, 2) weight=integer(16, 15) bias=integer(4, 2)\ny = output(a)";
    assert_snapshot!(exported(text, Format::Qonnx).notes.join("\n"), @"numbers can need 32 bits: qonnx computes in float32, which holds 25, so that it may be off in the last");
}

#[test]
fn the_configuration_names_the_file_and_its_layers() {
    let config = exported(SMALL, Format::Qonnx).hls4ml_config.unwrap();
    assert_snapshot!(config, @r#"
    OnnxModel: "small.onnx"
    OutputDir: "small_hls4ml"
    ProjectName: "small"
    Backend: Vitis
    Part: xcvu13p-flga2577-2-e
    ClockPeriod: 5
    IOType: io_parallel
    HLSConfig:
      Model:
        Precision: fixed<64,32>
        ReuseFactor: 1
        Strategy: Latency
      LayerName:
        n_data_in_stored: {Precision: {result: auto}}
        n_weight_stored: {Precision: {result: auto}}
        n_bias_stored: {Precision: {result: auto}}
        n: {Precision: {result: auto}}
        a_data_in_stored: {Precision: {result: auto}}
        a_weight_stored: {Precision: {result: auto}}
        a_product: {Precision: {result: auto, accum: auto}}
        a_bias_stored: {Precision: {result: auto}}
        a: {Precision: {result: auto}}
        r: {Precision: {result: auto}}
        b_data_in_stored: {Precision: {result: auto}}
        b_weight_stored: {Precision: {result: auto}}
        b: {Precision: {result: auto, accum: auto}}
    "#);
    let text = "x = input[1, 4, 4]\na = max_pool(x, kernel=2) @ data_in=integer(4, 2)\nf = flatten(a)\ny = output(f)";
    let config = exported(text, Format::Qonnx).hls4ml_config.unwrap();
    assert!(config.contains("ConvertToChannelsLastAndClean") && !config.contains("LayerName"));
}

#[test]
fn projects_have_names_that_cpp_takes() {
    let names = ["best.qonnx.onnx", "trial-12.onnx", "12.onnx", ".onnx"];
    let names = names.map(crate::project_name);
    assert_eq!(names, ["best", "trial_12", "network_12", "network_"]);
}

#[test]
fn qonnx_refuses_what_it_has_no_operation_for() {
    let with = |format: &str| {
        let text = format!(
            "x = input[4]\na = linear(x, out=4, bias=false) @ data_in=integer(4, 2) weight={format}\ny = output(a)"
        );
        refused(&text, Format::Qonnx)
    };
    assert_snapshot!(with("block_fp(4, exponent_width=4, block_size=2)"), @r"
    node `a` (linear) can't be exported: `weight` is block_fp(4, exponent_width=4, block_size=2), which QONNX has no operation for
    hint: QONNX has `integer`, `lsq`, `ternary`, `binary`, `fp8_e4m3`, `fp8_e5m2`, `minifloat_ieee` and `minifloat_denorm`; `--format json` has all formats
    ");
    for format in [
        "log(4)",
        "mxfp4_e2m1(4)",
        "block_minifloat(6, exponent_width=3, exponent_bias_width=4, block_size=4)",
    ] {
        assert!(
            with(format).contains(", which QONNX has no operation for"),
            "{format}"
        );
    }
    let mase = "x = input[4]\na = relu(x) @ data_in=minifloat_ieee(6, exponent_width=3, mase)\ny = output(a)";
    assert!(refused(mase, Format::Qonnx).contains("`data_in` is minifloat_ieee(6"));
}

#[test]
fn qonnx_refuses_float32() {
    let of = |text: &str| refused(text, Format::Qonnx);
    assert_snapshot!(of("x = input[2]\na = linear(x, out=1)\ny = output(a)"), @r#"
    node `a` (linear) can't be exported: `weight` is float32
    hint: give it a format with the pass `quantize`, for example `name = "integer"` and a width
    "#);
    assert_snapshot!(of("x = input[2]\na = batch_norm(x) @ data_in=integer(4, 2)\ny = output(a)"), @r"
    node `a` (batch_norm) can't be exported: `weight` is float32
    hint: give its `weight` and `bias` formats with the pass `quantize`, or take it into the layer before it with the pass `fold_batch_norm`
    ");
    assert_snapshot!(of("x = input[2]\na = relu(x)\ny = output(a)"), @r"
    node `a` (relu) can't be exported: `data_in` is float32
    hint: give the nodes that compute with the network's input a format for `data_in`, with the pass `quantize`
    ");
    assert_snapshot!(of("x = input[2]\na = linear(x, out=1) @ weight=lsq(4) bias=lsq(4)\ny = output(a)"), @r"
    node `a` (linear) can't be exported: `data_in` is float32
    hint: give the nodes that compute with the network's input a format for `data_in`, with the pass `quantize`
    ");
}

#[test]
fn onnx_refuses_formats() {
    assert_snapshot!(refused(SMALL, Format::Onnx), @r"
    node `n` (batch_norm) can't be exported: `bias` is integer(8, 5), and plain ONNX has float32 only
    hint: write QONNX, which has number formats: `--format qonnx`
    ");
}

#[test]
fn a_fraction_width_that_was_not_chosen_is_refused() {
    assert_snapshot!(refused("x = input[2]\na = relu(x) @ data_in=integer(4)\ny = output(a)", Format::Qonnx), @r"
    node `a` can't have `data_in` quantised: number format `integer` needs `frac_width`
    hint: it is chosen when the network is trained: export what `firebrick train` wrote
    ");
}

#[test]
fn json_says_all_there_is() {
    let file = exported(SMALL, Format::Json).file;
    let mut file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(file["cost"]["macs"], 6);
    assert_eq!(file["nodes"][2]["cost"]["macs"], 4);
    file.as_object_mut().unwrap().remove("cost");
    for node in file["nodes"].as_array_mut().unwrap() {
        node.as_object_mut().unwrap().remove("cost");
    }
    assert_snapshot!(format!("{:#}", file["nodes"][2]), @r#"
    {
      "name": "a",
      "op": {
        "type": "linear",
        "in_features": 2,
        "out_features": 2,
        "bias": true
      },
      "inputs": [
        "n"
      ],
      "shape": [
        2
      ],
      "formats": {
        "bias": {
          "name": "integer",
          "width": 8,
          "frac_width": 6
        },
        "data_in": {
          "name": "integer",
          "width": 6,
          "frac_width": 3
        },
        "weight": {
          "name": "ternary",
          "width": 2,
          "scale": "power_of_two"
        }
      },
      "data_in": {
        "width": 6,
        "frac_width": 3,
        "signed": true,
        "narrow": false,
        "bipolar": false
      },
      "tensors": {
        "bias": {
          "shape": [
            2
          ],
          "grid": {
            "width": 8,
            "frac_width": 6,
            "signed": true,
            "narrow": false,
            "bipolar": false
          },
          "integers": [
            17,
            -2
          ]
        },
        "weight": {
          "shape": [
            2,
            2
          ],
          "grid": {
            "width": 2,
            "frac_width": 2,
            "signed": true,
            "narrow": true,
            "bipolar": false
          },
          "integers": [
            -1,
            -1,
            -1,
            -1
          ]
        }
      },
      "result": {
        "frac_width": 6,
        "bits": 9
      }
    }
    "#);
    assert_snapshot!(file, @r#"{"schema":"firebrick-network-1","input_shape":[2],"output_shape":[1],"is_fixed_point":true,"nodes":[{"name":"x","op":{"type":"input","shape":[2]},"inputs":[],"shape":[2]},{"name":"n","op":{"type":"batch_norm","features":2,"momentum":0.1,"eps":0.00001},"inputs":["x"],"shape":[2],"formats":{"bias":{"name":"integer","width":8,"frac_width":5},"data_in":{"name":"integer","width":8,"frac_width":4},"weight":{"name":"integer","width":8,"frac_width":5}},"data_in":{"width":8,"frac_width":4,"signed":true,"narrow":false,"bipolar":false},"tensors":{"bias":{"shape":[2],"grid":{"width":8,"frac_width":5,"signed":true,"narrow":false,"bipolar":false},"integers":[18,8]},"weight":{"shape":[2],"grid":{"width":8,"frac_width":5,"signed":true,"narrow":false,"bipolar":false},"integers":[52,36]}},"result":{"frac_width":9,"bits":14}},{"name":"a","op":{"type":"linear","in_features":2,"out_features":2,"bias":true},"inputs":["n"],"shape":[2],"formats":{"bias":{"name":"integer","width":8,"frac_width":6},"data_in":{"name":"integer","width":6,"frac_width":3},"weight":{"name":"ternary","width":2,"scale":"power_of_two"}},"data_in":{"width":6,"frac_width":3,"signed":true,"narrow":false,"bipolar":false},"tensors":{"bias":{"shape":[2],"grid":{"width":8,"frac_width":6,"signed":true,"narrow":false,"bipolar":false},"integers":[17,-2]},"weight":{"shape":[2,2],"grid":{"width":2,"frac_width":2,"signed":true,"narrow":true,"bipolar":false},"integers":[-1,-1,-1,-1]}},"result":{"frac_width":6,"bits":9}},{"name":"r","op":{"type":"relu"},"inputs":["a"],"shape":[2],"result":{"frac_width":6,"bits":9}},{"name":"b","op":{"type":"linear","in_features":2,"out_features":1,"bias":false},"inputs":["r"],"shape":[1],"formats":{"data_in":{"name":"integer","width":4,"frac_width":2,"signed":false},"weight":{"name":"binary","width":1,"scale":"one"}},"data_in":{"width":4,"frac_width":2,"signed":false,"narrow":false,"bipolar":false},"tensors":{"weight":{"shape":[1,2],"grid":{"width":1,"frac_width":0,"signed":true,"narrow":true,"bipolar":true},"integers":[1,-1]}},"result":{"frac_width":2,"bits":5}},{"name":"y","op":{"type":"output"},"inputs":["b"],"shape":[1],"result":{"frac_width":2,"bits":5}}]}"#);
    let block = "x = input[4]\na = linear(x, out=2, bias=false) @ data_in=log(4) weight=block_fp(4, exponent_width=4, block_size=2)\ny = output(a)";
    let file: serde_json::Value =
        serde_json::from_slice(&exported(block, Format::Json).file).unwrap();
    assert_eq!(file["is_fixed_point"], false);
    assert_eq!(
        file["nodes"][1]["tensors"]["weight"]["numbers"]
            .as_array()
            .unwrap()
            .len(),
        8
    );
    assert!(file["nodes"][1]["tensors"]["weight"]["integers"].is_null());
}

#[test]
fn files_say_what_rows_are_scaled_by() {
    let (graph, weights) = network(SMALL);
    let scaling = Scaling {
        mean: vec![0.1, -2.5],
        std: vec![1.0 / 3.0, 4.0],
    };
    let scaled = |format| export(&graph, &weights, Some(&scaling), format, "a.onnx").unwrap();
    let plain = |format| export(&graph, &weights, None, format, "a.onnx").unwrap();
    let note = |exported: &Exported| {
        exported
            .notes
            .iter()
            .any(|note| note.contains(Scaling::FORMULA))
    };
    for format in [Format::Qonnx, Format::Json, Format::Safetensors] {
        assert!(note(&scaled(format)) && !note(&plain(format)), "{format:?}");
    }

    let json: serde_json::Value = serde_json::from_slice(&scaled(Format::Json).file).unwrap();
    let expected = serde_json::json!({
        "mean": [0.1, -2.5],
        "std": [1.0 / 3.0, 4.0],
        "formula": "x = (raw - mean) / std",
    });
    assert_eq!(json["input"], expected);
    let json: serde_json::Value = serde_json::from_slice(&plain(Format::Json).file).unwrap();
    assert!(json.get("input").is_none());

    let metadata = |exported: &Exported| {
        let model = ModelProto::decode(exported.file.as_slice()).unwrap();
        let entries = model.metadata_props.into_iter();
        entries
            .map(|entry| [entry.key, entry.value])
            .collect::<Vec<_>>()
    };
    let qonnx = scaled(Format::Qonnx);
    let expected = [
        ["firebrick.input_mean", "[0.1,-2.5]"],
        ["firebrick.input_std", "[0.3333333333333333,4.0]"],
    ];
    assert_eq!(metadata(&qonnx), expected);
    let config = qonnx.hls4ml_config.unwrap();
    let (comment, rest) = config.split_once("OnnxModel").unwrap();
    assert!(
        comment.contains("# input_std = [0.3333333333333333,4.0]\n"),
        "{comment}"
    );
    assert!(
        comment.lines().all(|line| line.starts_with('#')),
        "{comment}"
    );
    let qonnx = plain(Format::Qonnx);
    assert_eq!(metadata(&qonnx), [[""; 2]; 0]);
    assert_eq!(qonnx.hls4ml_config.unwrap(), format!("OnnxModel{rest}"));

    let notes = Weights::notes(&scaled(Format::Safetensors).file).unwrap();
    assert_eq!(Scaling::of_notes(&notes, &[2]), Ok(Some(scaling.clone())));
}

#[test]
fn json_has_the_steps_that_were_learned() {
    let text = "x = input[2]\na = linear(x, out=1, bias=false) @ data_in=lsq(4) weight=lsq(3)\ny = output(a)";
    let (graph, weights) = network(text);
    let file = export(&graph, &weights, None, Format::Json, "a.json")
        .unwrap()
        .file;
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    for step in ["data_in_step", "weight_step"] {
        let numbers: Vec<f32> =
            serde_json::from_value(file["nodes"][1]["tensors"][step]["numbers"].clone()).unwrap();
        assert_eq!(numbers, weights.get(&format!("a.{step}")).unwrap().data);
    }
}

#[test]
fn refuses_what_finite_weights_come_to_beyond_numbers() {
    let text = "x = input[1]\nn = batch_norm(x) @ weight=integer(8, 5)\ny = output(n)";
    let (graph, mut weights) = network(text);
    // Scale and shift are infinite then.
    let numbers = [
        ("weight", f32::MAX),
        ("running_var", 0.0),
        ("running_mean", -1.0),
    ];
    for (name, number) in numbers {
        weights.0.get_mut(&format!("n.{name}")).unwrap().data = vec![number];
    }
    for format in [Format::Json, Format::Safetensors] {
        let error = export(&graph, &weights, None, format, "a").unwrap_err();
        let error = error.to_string();
        let node = error.starts_with("node `n` (batch_norm) can't be exported: ");
        let end = error.ends_with(" has a number that is stored as inf");
        assert!(node && end, "{error}");
    }
}

#[test]
fn safetensors_hold_what_is_stored() {
    let file = exported(SMALL, Format::Safetensors).file;
    let stored = Weights::from_safetensors(&file).unwrap();
    let keys: Vec<&str> = stored.0.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["a.bias", "a.weight", "b.weight", "n.scale", "n.shift"]
    );
    let on_grid = |key: &str, step: f32| {
        let numbers = &stored.get(key).unwrap().data;
        assert!(
            numbers.iter().all(|x| (x / step).fract() == 0.0),
            "{key}: {numbers:?}"
        );
    };
    on_grid("a.bias", 2.0_f32.powi(-6));
    on_grid("n.scale", 2.0_f32.powi(-5));
    on_grid("b.weight", 1.0);
    let notes = Weights::notes(&file).unwrap();
    assert!(
        notes["graph"].contains("weight=binary(1, scale=one)"),
        "{}",
        notes["graph"]
    );
}

#[test]
fn networks_of_convolutions_are_exact_as_qonnx() {
    let is_exact = |size| {
        let exported = exported(&of_convolutions(size), Format::Qonnx);
        exported.checked.unwrap().is_exact
    };
    assert!(is_exact(convolutions::SMALL));
    if slow() {
        assert!(is_exact(convolutions::LARGE));
    }
}

/// Returns whether tests may take long.
fn slow() -> bool {
    std::env::var_os("FIREBRICK_SLOW_TESTS").is_some()
}
