mod fixed_point;
mod golden;
mod laws;
mod refusals;

use super::*;
use crate::graph::Graph;

fn of(name: &str, width: u32, frac_width: Option<i32>) -> Result<Quantizer, String> {
    let format = NumberFormat {
        frac_width,
        ..NumberFormat::new(name, width)
    };
    Quantizer::of(&format, None).map_err(|error| error.to_string())
}

#[test]
fn finds_fixed_point_under_the_name_of_mase() {
    let found = of("integer", 8, Some(4)).unwrap();
    assert_eq!(found, Quantizer::FixedPoint(FixedPoint::new(8, 4).unwrap()));
    let (x, layout) = ([0.33, 9.0], Layout::of_tensor(&[2]));
    let (mut stored, mut gradient) = ([0.0; 2], [3.0; 2]);
    found.quantize(&x, layout, &mut stored);
    found.mask(&x, layout, &mut gradient);
    assert_eq!((stored, gradient), ([0.3125, 7.9375], [3.0, 0.0]));
}

#[test]
fn arithmetic_differs_from_that_of_mase_only_where_it_is_asked_for() {
    let stored = |name: &str, width, exponent_width, x: f32| {
        [false, true].map(|mase| {
            let format = NumberFormat {
                exponent_width,
                mase,
                ..NumberFormat::new(name, width)
            };
            let mut y = [7.0];
            let quantizer = Quantizer::of(&format, None).unwrap();
            quantizer.quantize(&[x], Layout::of_tensor(&[1]), &mut y);
            y[0]
        })
    };
    // Three bits of mantissa, which is full below 2.
    assert_eq!(stored("minifloat_ieee", 8, Some(4), 1.999), [2.0, 1.875]);
    assert_eq!(stored("minifloat_ieee", 8, Some(4), -1.8), [-1.75; 2]);
    assert_eq!(stored("minifloat_denorm", 8, Some(4), 1.0), [1.0, 0.875]);
    assert_eq!(stored("minifloat_denorm", 8, Some(4), 1.1), [1.0; 2]);
    // The bias is 7: powers from 2^-6 on, and 2^-7 where there is no zero.
    assert_eq!(stored("log", 5, None, 0.0), [0.0, 2_f32.powi(-7)]);
    assert_eq!(stored("log", 5, None, 1e-9), [0.0, 2_f32.powi(-7)]);
    assert_eq!(stored("log", 5, None, 0.011), [0.0, 2_f32.powi(-7)]);
    assert_eq!(stored("log", 5, None, 0.0111), [2_f32.powi(-6); 2]);
    assert_eq!(stored("block_fp", 4, None, 1.0), [1.0, 0.875]);
    assert_eq!(stored("block_fp", 4, None, 1.5), [1.5; 2]);
    // Large numbers have a large bias there, and with it a small range.
    assert_eq!(stored("block_minifloat", 8, Some(4), 300.0), [288.0, 240.0]);
    assert_eq!(stored("block_log", 4, None, 0.0), [0.0, 2_f32.powi(-7)]);
    assert_eq!(stored("ternary", 2, None, 0.25), [0.25; 2]);
}

#[test]
fn names_what_is_not_known_and_what_is() {
    assert_eq!(
        of("intger", 8, Some(4)).unwrap_err(),
        "number format `intger` is not known, known: integer, lsq, binary, ternary, \
         minifloat_ieee, minifloat_denorm, fp8_e4m3, fp8_e5m2, log, block_fp, block_minifloat, \
         block_log, mxfp8_e4m3, mxfp8_e5m2, mxfp6_e3m2, mxfp6_e2m3, mxfp4_e2m1, mxint8"
    );
    let name = "intger".to_owned();
    assert_eq!(
        FormatError::Unknown { name }.hint().as_deref(),
        Some("did you mean `integer`?")
    );
    assert_eq!(
        of("integer", 8, None).unwrap_err(),
        "number format `integer` needs `frac_width`"
    );
}

#[test]
fn nodes_have_the_operands_that_they_compute_with() {
    let text = "x = input[4]
        a = batch_norm(x)
        b = linear(a, out=3, bias=false)
        c = linear(b, out=3)
        d = relu(c)
        y = output(d)";
    let graph: Graph = text.parse().unwrap();
    let found: Vec<String> = graph
        .nodes()
        .iter()
        .map(|node| operands(node).join(" "))
        .collect();
    assert_eq!(
        found,
        [
            "",
            "data_in weight bias",
            "data_in weight",
            "data_in weight bias",
            "data_in",
            "data_in"
        ]
    );
}
