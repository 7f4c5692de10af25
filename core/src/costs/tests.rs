use super::*;
use crate::weights::Weights;

fn total(text: &str) -> Cost {
    Costs::of(&text.parse().unwrap()).total
}

#[test]
fn counts_the_network_of_the_seed() {
    // reference: PyTorch counts 661 parameters, and 16*16 + 16*16 + 16*5 multiplications.
    let cost = total(
        "x = input[16]
         a = batch_norm(x)
         b = relu(a)
         c = linear(b, out=16)
         d = relu(c)
         e = linear(d, out=16)
         f = relu(e)
         g = linear(f, out=5)
         h = relu(g)
         y = output(h)",
    );
    assert_eq!((cost.params, cost.buffers, cost.macs), (661, 32, 592));
    assert_eq!(cost.flops, 2 * 592 + 37 + 2 * 16 + (16 + 16 + 16 + 5));
    assert_eq!(cost.weight_bits, 661 * 32);
}

#[test]
fn counts_a_grouped_convolution() {
    let cost = total(
        "x = input[4, 8, 8]\nc = conv2d(x, out=8, kernel=3, padding=1, groups=2)\ny = output(c)",
    );
    assert_eq!(cost.params, 8 * 2 * 9 + 8);
    assert_eq!(cost.macs, 8 * 2 * 9 * 64);
}

#[test]
fn formats_change_bits_and_nothing_else() {
    let float = total("x = input[4]\na = linear(x, out=8)\ny = output(a)");
    let fixed = total(
        "x = input[4]\na = linear(x, out=8) @ weight=integer(4) bias=integer(8) data_in=integer(6)\ny = output(a)",
    );
    assert_eq!(fixed.weight_bits, 32 * 4 + 8 * 8);
    assert_eq!(fixed.activation_bits, 4 * 6 + 8 * 32);
    assert_eq!((fixed.macs, fixed.params), (float.macs, float.params));
}

#[test]
fn frozen_nodes_have_no_trainable_parameters() {
    let cost = total("x = input[4]\na = linear(x, out=8) @ frozen\ny = output(a)");
    assert_eq!((cost.params, cost.trainable_params), (40, 0));
}

/// Bits of every kind: 8 and 6 read, 4 and 3 of a weight, one layer in float32.
const MIXED: &str = "x = input[4]
    n = batch_norm(x) @ weight=integer(5, 3) bias=integer(7, 3) data_in=integer(8, 4)
    a = linear(n, out=8) @ weight=integer(4, 2) bias=integer(8, 4) data_in=integer(6, 2)
    r = relu(a)
    b = linear(r, out=2, bias=false) @ weight=integer(3, 2) data_in=integer(6, 2, unsigned)
    c = linear(b, out=3)
    s = add(c, c)
    y = output(s)";

fn graph(text: &str) -> Graph {
    text.parse().unwrap()
}

#[test]
fn bops_are_macs_times_both_widths() {
    let graph = graph(MIXED);
    let by_layer = [(2, 32 * 4 * 6), (4, 16 * 3 * 6), (5, 6 * 32 * 32)];
    let mut expected = vec![0; graph.nodes().len()];
    for (idx, bops) in by_layer {
        expected[idx] = bops;
    }
    assert_eq!(bops(&graph), expected);
}

#[test]
fn bops_of_baskin_count_additions_too() {
    let found = bops_baskin(&graph(MIXED));
    assert_eq!(found[2], 32.0 * (24.0 + 10.0 + 2.0));
    assert_eq!(found[4], 16.0 * (18.0 + 9.0 + 3.0));
    assert_eq!(found.iter().filter(|bops| **bops > 0.0).count(), 3);
}

#[test]
fn bops_count_a_convolution_at_every_place() {
    let graph = graph(
        "x = input[4, 8, 8]
         c = conv2d(x, out=8, kernel=3, padding=1, groups=2) @ weight=integer(2) data_in=integer(5)
         y = output(c)",
    );
    assert_eq!(bops(&graph)[1], 8 * 2 * 9 * 64 * 10);
    let places = 8.0 * 18.0 * 64.0;
    assert_eq!(
        bops_baskin(&graph)[1],
        places * (10.0 + 7.0 + 18_f64.log2())
    );
}

#[test]
fn ebops_are_products_of_widths_and_additions_of_the_wider() {
    let found = ebops(&graph(MIXED));
    let ebops = |multiplications, additions| Ebops {
        multiplications,
        additions,
    };
    // The scaled value has 5 + 8 bits, wider than the shift.
    assert_eq!(found[1], ebops(4 * 5 * 8, 4 * 13));
    // A sum of 4 products of 10 bits has 12, wider than a bias.
    assert_eq!(found[2], ebops(32 * 4 * 6, 8 * 12));
    assert_eq!(found[4], ebops(16 * 3 * 6, 0));
    assert_eq!(found[5], ebops(6 * 32 * 32, 3 * 32));
    assert_eq!(found[6], ebops(0, 3 * 32));
    assert_eq!(found[3].total() + found[7].total(), 0);
}

#[test]
fn effective_bits_are_those_between_the_outermost_that_are_set() {
    let text = "x = input[4]
        a = linear(x, out=2) @ weight=integer(8, 4) bias=integer(8, 4) data_in=integer(6, 2)
        y = output(a)";
    let graph = graph(text);
    let mut weights = Weights::init(&graph, 0);
    let mut set = |key: &str, data: &[f32]| {
        weights.0.get_mut(key).unwrap().data = data.to_vec();
    };
    // In steps of 1/16: 72 = 0b1001000 has 4, -3 has 2, 0 none, 64 one; 1 one, 127 seven, and what
    // is stored as 0 none, as is the one that is stored as 2 one.
    let steps = [72.0, -3.0, 0.0, 64.0, 1.0, 127.0, 0.4, 1.6];
    set("a.weight", &steps.map(|steps: f32| steps / 16.0));
    set("a.bias", &[0.0, 0.5]);
    let found = ebops_of_weights(&graph, &weights).unwrap();
    let declared = ebops(&graph);
    assert_eq!(found[1].multiplications, (4 + 2 + 1 + 1 + 7 + 1) * 6);
    // One bias is not zero; 4 products of 14 bits come to 16.
    assert_eq!(found[1].additions, 16);
    assert_eq!(declared[1].multiplications, 8 * 8 * 6);
    assert_eq!(declared[1].additions, 2 * 16);
}

#[test]
fn effective_bits_do_not_depend_on_a_learned_step() {
    let text = "x = input[3]
        a = linear(x, out=1, bias=false) @ weight=lsq(4) data_in=integer(6, 2)
        y = output(a)";
    let graph = graph(text);
    let mut weights = Weights::init(&graph, 0);
    let step = 0.037;
    weights.0.get_mut("a.weight_step").unwrap().data = vec![step];
    weights.0.get_mut("a.weight").unwrap().data = vec![7.0 * step, -6.0 * step, 0.0];
    let found = ebops_of_weights(&graph, &weights).unwrap();
    assert_eq!(found[1].multiplications, (3 + 2) * 6);
}

#[test]
fn effective_bits_need_formats_that_are_chosen() {
    let graph = graph("x = input[2]\na = linear(x, out=1) @ weight=integer(4)\ny = output(a)");
    let error = ebops_of_weights(&graph, &Weights::init(&graph, 0)).unwrap_err();
    assert!(error.to_string().contains("`frac_width`"), "{error}");
}

#[test]
fn constants_in_float32_count_as_declared_where_they_are_not_zero() {
    let graph = graph("x = input[4]\na = linear(x, out=3)\nb = batch_norm(a)\ny = output(b)");
    let mut weights = Weights::init(&graph, 3);
    weights.0.get_mut("b.bias").unwrap().data = vec![1.0; 3];
    assert_eq!(ebops_of_weights(&graph, &weights).unwrap(), ebops(&graph));
}

#[test]
fn activations_are_as_wide_as_those_who_read_them_through_relus() {
    let graph = graph(
        "x = input[3]
         a = linear(x, out=4) @ data_in=integer(6)
         r = relu(a)
         d = dropout(r, p=0.5)
         b = linear(d, out=2) @ data_in=integer(4)
         c = linear(d, out=2) @ data_in=integer(5)
         s = add(b, c) @ data_in=integer(7)
         y = output(s)",
    );
    let bits: Vec<u64> = Costs::of(&graph)
        .nodes
        .iter()
        .map(|node| node.cost.activation_bits)
        .collect();
    assert_eq!(bits, [18, 20, 20, 0, 14, 14, 2 * 32, 0]);
    // While `c` is computed, what it reads, its result and that of `b`; later 14 + 14 + 64.
    assert_eq!(peak_activation_bits(&graph), 92);
}

#[test]
fn results_are_held_until_nobody_reads_them() {
    // x and a; then a, b and x, since the sum reads x; then b, x and s.
    let chain = graph(
        "x = input[4]\na = linear(x, out=10)\nb = linear(a, out=4)\ns = add(b, x)\ny = output(s)",
    );
    assert_eq!(peak_activation_bits(&chain), (10 + 4 + 4) * 32);
    let flat = graph("x = input[2, 3, 3]\nf = flatten(x)\na = linear(f, out=5)\ny = output(a)");
    assert_eq!(peak_activation_bits(&flat), (18 + 5) * 32);
}

/// A network of FINNAS, with the bits of its input, weights, hidden results and output.
fn finnas(hidden: &[usize], [input, weight, result, output]: [u32; 4]) -> Graph {
    let mut text = "x = input[16]\n".to_owned();
    let mut last = "x".to_owned();
    for (idx, width) in hidden.iter().chain([&5]).enumerate() {
        let read = match idx {
            0 => format!("integer({input}, 4)"),
            _ => format!("integer({result}, 2, unsigned)"),
        };
        text += &format!(
            "a{idx} = linear({last}, out={width}) @ weight=integer({weight}, 4) data_in={read}\n"
        );
        last = format!("a{idx}");
        if idx < hidden.len() {
            text += &format!("r{idx} = relu(a{idx})\n");
            last = format!("r{idx}");
        }
    }
    graph(&format!(
        "{text}y = output({last}) @ data_in=integer({output}, 2)"
    ))
}

/// Returns the rank correlation of two lists without ties.
fn spearman(one: &[f64], other: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let below = |value: &f64| values.iter().filter(|other| *other < value).count() as f64;
        values.iter().map(below).collect()
    };
    let n = one.len() as f64;
    let squares = ranks(one).into_iter().zip(ranks(other));
    let squares: f64 = squares.map(|(one, other)| (one - other).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

#[test]
fn luts_of_finn_rank_as_synthesis_ranks_the_networks_of_finnas() {
    // The five dense networks of FINNAS and their lookup tables after synthesis. The widths are those
    // under which FINN's formula gives the value beside them, to the last digit.
    let rows: [(&[usize], [u32; 4], f64, f64); 5] = [
        (&[32, 24], [8, 8, 4, 7], 182_037.0, 26_667.0),
        (&[16, 24, 12], [8, 8, 4, 7], 134_449.0, 16_640.0),
        (&[32, 32], [8, 4, 4, 7], 138_410.0, 24_637.0),
        (&[16, 16], [8, 8, 4, 4], 77_141.0, 10_360.0),
        (&[24, 8], [8, 8, 3, 4], 74_254.0, 8_235.0),
    ];
    let luts = |graph: &Graph| -> f64 {
        let nodes = finn(graph, Folding::default());
        nodes.iter().map(|node| node.luts).sum()
    };
    let found = rows.map(|(hidden, bits, _, _)| luts(&finnas(hidden, bits)));
    assert_eq!(found, rows.map(|(_, _, formula, _)| formula));
    let synthesised = rows.map(|(_, _, _, synthesised)| synthesised);
    assert_eq!(spearman(&found, &synthesised), 1.0);
    // Multiply-accumulates and bit operations do worse.
    let graphs = rows.map(|(hidden, bits, _, _)| finnas(hidden, bits));
    let macs = graphs
        .each_ref()
        .map(|graph| Costs::of(graph).total.macs as f64);
    assert!(spearman(&macs, &synthesised) < 1.0);
    // The factor that is right on average (of logarithms), and how far off it leaves each.
    let logs = found.iter().zip(&synthesised);
    let logs: Vec<f64> = logs
        .map(|(luts, synthesised)| (synthesised / luts).ln())
        .collect();
    let factor = (logs.iter().sum::<f64>() / 5.0).exp();
    let off = logs.iter().map(|log| (log - factor.ln()).abs().exp());
    let worst = off.fold(1.0, f64::max);
    println!("Spearman 1.0, calibration {factor:.4}, each within a factor of {worst:.3}");
    assert!((factor - 0.1369).abs() < 5e-5, "{factor}");
    assert!((worst - 1.300).abs() < 5e-4, "{worst}");
}

#[test]
fn folded_layers_of_finn_take_fewer_luts_and_more_cycles() {
    let graph = finnas(&[32, 24], [8, 8, 4, 7]);
    let folded = Folding {
        pe: Some(8),
        simd: Some(4),
    };
    let (all, folded) = (finn(&graph, Folding::default()), finn(&graph, folded));
    assert_eq!(all[1].cycles, 1);
    assert_eq!(folded[1].cycles, 4 * 4);
    assert!(folded[1].luts < all[1].luts / 5.0);
    // By hand: 4 inputs of 8 outputs at once, 16 bits, 4 bits of threshold, 16 weights each.
    let acc = 20.0;
    let parts = 4.0 * 5.0 * 16.0 + 16.0 * 7.0 + acc + 15.0 * acc + 15.0 * acc;
    assert_eq!(
        folded[1].luts,
        (300.0 + 1.1 * 8.0 * parts + 8.0 * 4.0 * 8.0_f64).floor()
    );
    // Whatever is asked for, there is no more at once than there is at all.
    let much = Folding {
        pe: Some(1000),
        simd: Some(1000),
    };
    assert_eq!(finn(&graph, much), all);
}

#[test]
fn what_is_read_in_float32_is_not_compared_with_thresholds() {
    let text = "x = input[8]\na = linear(x, out=4) @ weight=integer(4) data_in=integer(4)";
    let luts = |end: &str| finn(&graph(&format!("{text}\n{end}")), Folding::default())[1].luts;
    let plain = luts("y = output(a)");
    assert!(luts("y = output(a) @ data_in=integer(4)") > plain);
    assert_eq!(luts("y = output(a) @ data_in=integer(32)"), plain);
}

#[test]
fn energy_follows_width_and_bits() {
    let text = |width: usize, formats: &str| {
        format!("x = input[16]\na = linear(x, out={width}, bias=false) @ {formats}\ny = output(a)")
    };
    let total = |text: String| {
        let nodes = energy(&graph(&text));
        nodes
            .iter()
            .map(|node| node.compute + node.memory)
            .sum::<f64>()
    };
    let int = |width, bits| {
        total(text(
            width,
            &format!("weight=integer({bits}) data_in=integer({bits})"),
        ))
    };
    assert!(int(8, 4) < int(8, 8) && int(8, 8) < int(8, 16) && int(8, 8) < int(16, 8));
    let float = energy(&graph("x = input[2]\na = linear(x, out=3)\ny = output(a)"));
    // 6 multiply-accumulates and 3 biases in float32; 2 + 9 + 3 numbers of 32 bits in 8 KiB.
    assert!((float[1].compute - (6.0 * 4.6 + 3.0 * 0.9)).abs() < 1e-9);
    assert!((float[1].memory - 14.0 * 32.0 * 10.0 / 64.0).abs() < 1e-9);
    // A pool compares sums of whole numbers as they come; a relu compares nothing.
    let sums = graph(
        "x = input[2, 2, 2]
         c = conv2d(x, out=1, kernel=1, bias=false) @ weight=integer(8) data_in=integer(8)
         r = relu(c)
         p = max_pool(r, kernel=2)
         y = output(p)",
    );
    let sums = energy(&sums);
    assert_eq!(sums[2].compute, 0.0);
    assert!((sums[3].compute - 3.0 * (0.03 + 9.0 / 24.0 * 0.07)).abs() < 1e-12);
    // What no cache holds is a thousand times as far away.
    let large = energy(&graph(
        "x = input[1000]\na = linear(x, out=1000)\ny = output(a)",
    ));
    assert!((large[1].memory - 1_003_000.0 * 32.0 * 1300.0 / 64.0).abs() < 1.0);
}

const CHIP: Target = Target {
    macs_per_cycle: 10.0,
    macs_per_cycle_of: [(4, None), (8, Some(40.0)), (16, None)],
    clock_mhz: 100.0,
    memory_bytes_per_s: 1e9,
    on_chip_bytes: None,
};

fn rounded(values: &[f64]) -> Vec<f64> {
    let values = values.iter();
    values.map(|value| (value * 1e9).round() / 1e9).collect()
}

#[test]
fn a_layer_takes_the_longer_of_computing_and_moving() {
    let text = "x = input[10]\na = linear(x, out=20, bias=false)\ny = output(a)";
    let time = roofline(&graph(text), &CHIP)[1];
    // 200 multiply-accumulates, 10 a cycle, 100 cycles a microsecond; 230 numbers of 4 bytes.
    assert_eq!(rounded(&[time.compute_us, time.memory_us]), [0.2, 0.92]);
    assert_eq!((time.us(), time.bound()), (time.memory_us, Bound::Memory));
    let narrow = text.replace(
        "bias=false)",
        "bias=false) @ weight=integer(8) data_in=integer(6)",
    );
    let time = roofline(&graph(&narrow), &CHIP)[1];
    assert_eq!(rounded(&[time.compute_us]), [0.05]);
    let wide = text.replace(
        "bias=false)",
        "bias=false) @ weight=integer(9) data_in=integer(6)",
    );
    let time = roofline(&graph(&wide), &CHIP)[1];
    assert_eq!(rounded(&[time.compute_us]), [0.2]);
}

#[test]
fn what_fits_on_the_chip_is_not_moved() {
    let graph = graph("x = input[10]\na = linear(x, out=20, bias=false)\ny = output(a)");
    let held = |bytes| {
        let chip = Target {
            on_chip_bytes: Some(bytes),
            ..CHIP
        };
        let times = roofline(&graph, &chip);
        let times: Vec<f64> = times.iter().map(|time| time.memory_us).collect();
        rounded(&times)
    };
    // Weights have 800 bytes, results 40 and 80.
    assert_eq!(held(0.0), [0.04, 0.92, 0.0]);
    assert_eq!(held(120.0), [0.04, 0.8, 0.08]);
    assert_eq!(held(920.0), [0.04, 0.0, 0.08]);
    let chip = Target {
        on_chip_bytes: Some(920.0),
        ..CHIP
    };
    assert_eq!(roofline(&graph, &chip)[1].bound(), Bound::Compute);
}
