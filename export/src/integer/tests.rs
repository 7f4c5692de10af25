use firebrick_core::testing::{Statistics, forward};
use insta::assert_snapshot;

use crate::testing::{fixed_point_graph, network, rows, weights};
use crate::{ExportError, IntegerNetwork};

/// Returns the refusal of a network, and its hint.
fn refused(text: &str) -> String {
    let (graph, weights) = network(text);
    let error = IntegerNetwork::of(&graph, &weights).unwrap_err();
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

#[test]
fn computes_what_core_computes_in_float64() {
    let mut n_compared = 0;
    for seed in 0..300 {
        let graph = fixed_point_graph(seed);
        let weights = weights(&graph, seed);
        let rows = rows(&graph, 3);
        let network = match IntegerNetwork::of(&graph, &weights) {
            Ok(network) => network,
            Err(error @ ExportError::Refused { .. }) => {
                let is_mean = error.to_string().contains("is no power of two");
                assert!(is_mean, "{error} in\n{graph}");
                continue;
            }
            Err(error) => panic!("{error} in\n{graph}"),
        };
        let numbers: Vec<f64> = rows.iter().map(|x| f64::from(*x)).collect();
        let expected = forward(&graph, &weights, &numbers, Statistics::Running);
        assert_eq!(network.forward(&rows), expected, "in\n{graph}");
        n_compared += 1;
    }
    assert!(n_compared > 100, "{n_compared} networks");
}

#[test]
fn sums_are_exact_where_float32_is_not() {
    let (graph, mut weights) = network(
        "x = input[2]
         a = linear(x, out=1) @ data_in=integer(16, 0) weight=integer(16, 15) bias=integer(8, 30)
         y = output(a)",
    );
    weights.0.get_mut("a.weight").unwrap().data = vec![0.999_969_5, 2.0_f32.powi(-15)];
    weights.0.get_mut("a.bias").unwrap().data = vec![2.0_f32.powi(-30)];
    let network = IntegerNetwork::of(&graph, &weights).unwrap();
    // 32767 * (2^15 - 1) * 2^-15 + 1 * 2^-15 + 2^-30
    let expected = (32767.0 * 32767.0 + 1.0) / 32768.0 + 2.0_f64.powi(-30);
    assert_eq!(network.forward(&[32767.0, 1.0]), [expected]);
    assert!(network.bits_max() > 40, "{}", network.bits_max());
}

#[test]
fn what_could_come_up_bounds_the_bits() {
    let (graph, mut weights) = network(
        "x = input[3]
         a = linear(x, out=1, bias=false) @ data_in=integer(4, 0) weight=integer(3, 0)
         y = output(a)",
    );
    weights.0.get_mut("a.weight").unwrap().data = vec![3.0, -4.0, 1.0];
    let network = IntegerNetwork::of(&graph, &weights).unwrap();
    // 3 * 7 + 4 * 8 + 7 = 60, and -3 * 8 - 4 * 7 - 8 = -60.
    assert_eq!(network.bits_max(), 7);
    assert_eq!(network.forward(&[7.0, -8.0, 7.0]), [60.0]);
}

#[test]
fn rows_are_stored_in_the_format_of_the_first_node() {
    let (graph, _) = network("x = input[4]\ny = output(x) @ data_in=integer(3, 1)");
    let network = IntegerNetwork::of(&graph, &weights(&graph, 0)).unwrap();
    let stored = network.forward(&[0.75, -9.0, 9.0, 0.24]);
    assert_eq!(stored, [1.0, -2.0, 1.5, 0.0]);
}

#[test]
fn refuses_operands_in_float32() {
    assert_snapshot!(refused("x = input[2]\na = linear(x, out=1) @ weight=integer(4, 2)\ny = output(a)"), @r"
    node `a` (linear) can't be exported: `data_in` is float32
    hint: give the nodes that compute with the network's input a format for `data_in`, with the pass `quantize`
    ");
    assert_snapshot!(refused("x = input[2]\na = linear(x, out=1) @ data_in=integer(4, 2) weight=integer(4, 2)\ny = output(a)"), @r#"
    node `a` (linear) can't be exported: `bias` is float32
    hint: give it a format with the pass `quantize`, for example `name = "integer"` and a width
    "#);
    assert_snapshot!(refused("x = input[2]\na = batch_norm(x) @ data_in=integer(4, 2)\ny = output(a)"), @r"
    node `a` (batch_norm) can't be exported: `weight` is float32
    hint: give its `weight` and `bias` formats with the pass `quantize`, or take it into the layer before it with the pass `fold_batch_norm`
    ");
    assert_snapshot!(refused("x = input[2]\ny = output(x)"), @r"
    node `y` (output) can't be exported: `data_in` is float32
    hint: give the nodes that compute with the network's input a format for `data_in`, with the pass `quantize`
    ");
}

#[test]
fn refuses_formats_without_a_binary_point() {
    let with = |format: &str| {
        refused(&format!(
            "x = input[4]\na = linear(x, out=4, bias=false) @ data_in=integer(4, 2) weight={format}\ny = output(a)"
        ))
    };
    assert_snapshot!(with("lsq(4)"), @r#"
    node `a` (linear) can't be exported: `weight` is lsq(4), which is no fixed point
    hint: give it a fixed-point format: `integer`, or `ternary` or `binary` with `scale` "one" or "power_of_two"
    "#);
    assert_snapshot!(with("block_fp(4, exponent_width=4, block_size=2)"), @r#"
    node `a` (linear) can't be exported: `weight` is block_fp(4, exponent_width=4, block_size=2), which is no fixed point
    hint: give it a fixed-point format: `integer`, or `ternary` or `binary` with `scale` "one" or "power_of_two"
    "#);
    assert_snapshot!(with("ternary(2, scale=mean)"), @r#"
    node `a` (linear) can't be exported: `weight` is ternary(2, scale=mean), which is no fixed point
    hint: give it a fixed-point format: `integer`, or `ternary` or `binary` with `scale` "one" or "power_of_two"
    "#);
    assert_snapshot!(refused("x = input[4]\na = relu(x) @ data_in=fp8_e4m3(8)\ny = output(a)"), @r#"
    node `a` (relu) can't be exported: `data_in` is fp8_e4m3(8), which is no fixed point
    hint: give it a fixed-point format: `integer`, or `ternary` or `binary` with `scale` "one" or "power_of_two"
    "#);
}

#[test]
fn refuses_means_that_are_no_shift() {
    assert_snapshot!(refused("x = input[1, 6, 6]\na = avg_pool(x, kernel=3) @ data_in=integer(4, 2)\ny = output(a)"), @r"
    node `a` (avg_pool) can't be exported: it is a mean over 3x3 values, and 9 is no power of two
    hint: pool over a number of values that is a power of two, or take the maximum
    ");
    assert_snapshot!(refused("x = input[1, 6, 6]\na = global_avg_pool(x) @ data_in=integer(4, 2)\ny = output(a)"), @r"
    node `a` (global_avg_pool) can't be exported: it is a mean over 6x6 values, and 36 is no power of two
    hint: pool over a number of values that is a power of two, or take the maximum
    ");
}

#[test]
fn refuses_numbers_that_could_overflow() {
    assert_snapshot!(refused("x = input[2]\na = linear(x, out=1, bias=false) @ data_in=integer(32, 2) weight=integer(32, 31)\ny = output(a)"), @r"
    node `a` (linear) can't be exported: its result can need 63 bits, more than the 54 with sign of a float64
    hint: give fewer bits to the formats of the nodes before it
    ");
    assert_snapshot!(refused("x = input[2]\na = linear(x, out=1) @ data_in=integer(8, -60) weight=integer(8, 2) bias=integer(8, 60)\ny = output(a)"), @r"
    node `a` (linear) can't be exported: its inputs are 118 binary places apart, more than 62
    hint: give fewer bits to the formats of the nodes before it
    ");
}

#[test]
fn refuses_weights_that_are_no_numbers() {
    let (graph, mut weights) = network("x = input[2]\na = linear(x, out=1)\ny = output(a)");
    weights.0.get_mut("a.weight").unwrap().data[1] = f32::INFINITY;
    let error = IntegerNetwork::of(&graph, &weights).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor `a.weight` holds inf at position 1"
    );
}
