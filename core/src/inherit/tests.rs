use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::channels::Channels;
use crate::random::{Purpose, stream};
use crate::testing::{Statistics, forward, random_graph};
use crate::weights::FIRST_STEP;

pub(super) const SLICE: How = How {
    inherit: Inherit::Slice,
    importance: Importance::L1,
};
const NET2NET: How = How {
    inherit: Inherit::Net2net,
    ..SLICE
};

pub(super) fn graph(text: &str) -> Graph {
    text.parse().unwrap()
}

/// Returns weights that a training could have left: nothing is at its start.
pub(super) fn trained(graph: &Graph, seed: u64) -> Weights {
    let mut weights = Weights::init(graph, seed);
    let mut rng = stream(seed, Purpose::Weights, 1);
    for (key, tensor) in &mut weights.0 {
        for value in &mut tensor.data {
            *value += match key.ends_with("running_var") {
                true => rng.random_range(0.0..1.0),
                false => rng.random_range(-0.3..0.3),
            };
        }
    }
    weights
}

/// Returns a network with other units in every group that is free.
fn resized(base: &Graph, units: impl Fn(usize, usize) -> usize) -> Graph {
    let channels = Channels::of(base);
    let groups = channels.groups().iter().enumerate();
    let units: Vec<usize> = groups
        .map(|(idx, group)| match group.fixed {
            Some(_) => group.units,
            None => units(idx, group.units),
        })
        .collect();
    Graph::new(channels.resized(base, &units)).unwrap()
}

/// Returns the largest distance of two networks' outputs, relative above 1.
pub(super) fn distance(
    one: (&Graph, &Weights),
    other: (&Graph, &Weights),
    statistics: Statistics,
) -> f64 {
    let size: usize = one.0.input_shape().iter().product();
    let mut rng = stream(1, Purpose::Dataset, 0);
    let rows: Vec<f64> = (0..6 * size).map(|_| rng.random_range(-2.0..2.0)).collect();
    let [one, other] =
        [one, other].map(|(graph, weights)| forward(graph, weights, &rows, statistics));
    let distances = one
        .iter()
        .zip(&other)
        .map(|(one, other)| (one - other).abs() / one.abs().max(1.0));
    distances.fold(0.0, f64::max)
}

pub(super) fn numbers(weights: &Weights, key: &str) -> Vec<f32> {
    weights.get(key).unwrap().data.clone()
}

/// Sets a tensor.
pub(super) fn set(weights: &mut Weights, key: &str, data: &[f32]) {
    let tensor = weights.0.get_mut(key).unwrap();
    assert_eq!(tensor.data.len(), data.len(), "{key}");
    tensor.data = data.to_vec();
}

const CHAIN: &str = "x = input[1, 1, 2]
    c = conv2d(x, out=3, kernel=1)
    n = batch_norm(c)
    f = flatten(n)
    l = linear(f, out=2)
    y = output(l)";

fn chain_weights() -> Weights {
    let mut weights = Weights::init(&graph(CHAIN), 0);
    set(&mut weights, "c.weight", &[2.0, -1.0, -3.0]);
    set(&mut weights, "c.bias", &[20.0, 10.0, 30.0]);
    set(&mut weights, "n.weight", &[0.1, -0.3, 0.2]);
    set(&mut weights, "n.running_var", &[1.0, 2.0, 3.0]);
    let columns: Vec<f32> = (0..12_u8).map(f32::from).collect();
    set(&mut weights, "l.weight", &columns);
    weights
}

#[test]
fn narrower_layers_keep_the_most_important_channels_in_order() {
    let base = graph(CHAIN);
    let narrow = graph(&CHAIN.replace("out=3", "out=2"));
    let inherited = inherit(&base, &chain_weights(), &narrow, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "c.weight"), [2.0, -3.0]);
    assert_eq!(numbers(&inherited, "c.bias"), [20.0, 30.0]);
    assert_eq!(numbers(&inherited, "n.weight"), [0.1, 0.2]);
    assert_eq!(numbers(&inherited, "n.running_var"), [1.0, 3.0]);
    // Two values a channel behind the flatten.
    let columns = [0.0, 1.0, 4.0, 5.0, 6.0, 7.0, 10.0, 11.0];
    assert_eq!(numbers(&inherited, "l.weight"), columns);
    let by_scale = How {
        importance: Importance::BatchNorm,
        ..SLICE
    };
    let inherited = inherit(&base, &chain_weights(), &narrow, by_scale, 7).unwrap();
    assert_eq!(numbers(&inherited, "c.weight"), [-1.0, -3.0]);
}

#[test]
fn importances_differ_in_what_they_sum() {
    let text = "x = input[2]\na = linear(x, out=2)\nb = linear(a, out=1)\ny = output(b)";
    let mut weights = Weights::init(&graph(text), 0);
    // The sum of the first is larger, the sum of squares of the second.
    set(&mut weights, "a.weight", &[3.0, -3.0, 0.0, 5.0]);
    let kept = |importance| {
        let narrow = graph(&text.replace("out=2", "out=1"));
        let how = How {
            importance,
            ..SLICE
        };
        numbers(
            &inherit(&graph(text), &weights, &narrow, how, 3).unwrap(),
            "a.weight",
        )
    };
    assert_eq!(kept(Importance::L1), [3.0, -3.0]);
    assert_eq!(kept(Importance::L2), [0.0, 5.0]);
    assert_eq!(kept(Importance::BatchNorm), kept(Importance::L1));
    set(&mut weights, "a.weight", &[1.0, 1.0, 0.0, 2.0]);
    let narrow = graph(&text.replace("out=2", "out=1"));
    let tied = inherit(&graph(text), &weights, &narrow, SLICE, 3).unwrap();
    assert_eq!(
        numbers(&tied, "a.weight"),
        [1.0, 1.0],
        "of two equal ones the first"
    );
}

#[test]
fn importance_is_summed_over_all_that_make_a_group() {
    let text = "x = input[1]
        a = linear(x, out=2)
        b = linear(x, out=2)
        s = add(a, b)
        l = linear(s, out=1)
        y = output(l)";
    let mut weights = Weights::init(&graph(text), 0);
    set(&mut weights, "a.weight", &[3.0, 2.0]);
    set(&mut weights, "b.weight", &[1.0, 4.0]);
    let narrow = graph(&text.replace("out=2", "out=1"));
    let inherited = inherit(&graph(text), &weights, &narrow, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "a.weight"), [2.0]);
    assert_eq!(numbers(&inherited, "b.weight"), [4.0]);
}

#[test]
fn each_group_of_a_convolution_keeps_its_own_best() {
    let text = "x = input[1, 1, 1]
        a = conv2d(x, out=4, kernel=1)
        g = conv2d(a, out=2, kernel=1, groups=2)
        f = flatten(g)
        l = linear(f, out=2)
        y = output(l)";
    let mut weights = Weights::init(&graph(text), 0);
    set(&mut weights, "a.weight", &[1.0, 2.0, 9.0, 8.0]);
    set(&mut weights, "g.weight", &[10.0, 20.0, 30.0, 40.0]);
    let narrow = graph(&text.replace("out=4", "out=2"));
    let inherited = inherit(&graph(text), &weights, &narrow, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "a.weight"), [2.0, 9.0]);
    assert_eq!(numbers(&inherited, "g.weight"), [20.0, 30.0]);
}

#[test]
fn wider_layers_start_from_noise_where_the_base_has_nothing() {
    let wide = graph(&CHAIN.replace("out=3", "out=4"));
    let inherited = inherit(&graph(CHAIN), &chain_weights(), &wide, SLICE, 7).unwrap();
    let fresh = Weights::init(&wide, 7);
    let last = numbers(&fresh, "c.weight")[3];
    assert_eq!(numbers(&inherited, "c.weight"), [2.0, -1.0, -3.0, last]);
    assert_eq!(numbers(&inherited, "n.running_var"), [1.0, 2.0, 3.0, 1.0]);
    let columns = numbers(&inherited, "l.weight");
    assert_eq!(columns[..6], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(columns[6..8], numbers(&fresh, "l.weight")[6..8]);
}

#[test]
fn copies_share_what_reads_them_unequally_and_differently_in_each_row() {
    let text = "x = input[2]\na = linear(x, out=1)\nb = linear(a, out=3)\ny = output(b)";
    let mut weights = Weights::init(&graph(text), 0);
    set(&mut weights, "b.weight", &[1.0, -2.0, 3.0]);
    let wide = graph(&text.replace("out=1", "out=2"));
    let inherited = inherit(&graph(text), &weights, &wide, NET2NET, 7).unwrap();
    let rows = numbers(&inherited, "b.weight");
    let shares: Vec<f32> = rows
        .chunks(2)
        .map(|row| row[0] / (row[0] + row[1]))
        .collect();
    for (row, sum) in rows.chunks(2).zip([1.0, -2.0, 3.0]) {
        assert!((row[0] + row[1] - sum).abs() < 1e-6, "{row:?}");
    }
    assert!(
        shares.iter().all(|share| (0.25..0.75).contains(share)),
        "{shares:?}"
    );
    assert!(shares[0] != 0.5 && shares[0] != shares[1], "{shares:?}");
    let other_seed = inherit(&graph(text), &weights, &wide, NET2NET, 8).unwrap();
    assert_ne!(numbers(&other_seed, "b.weight"), rows);
}

#[test]
fn layers_without_a_source_start_from_noise() {
    let base = graph(CHAIN);
    let candidate = graph(&CHAIN.replace("x, out=3, kernel=1", "x, out=3, kernel=1, padding=1"));
    let fresh = Weights::init(&candidate, 7);
    let inherited = inherit(&base, &chain_weights(), &candidate, SLICE, 7).unwrap();
    // Padding leaves the kernel as it is, but there is more behind the flatten.
    assert_eq!(numbers(&inherited, "c.weight"), [2.0, -1.0, -3.0]);
    assert_eq!(numbers(&inherited, "l.weight"), numbers(&fresh, "l.weight"));
    let candidate = graph(&CHAIN.replace("kernel=1", "kernel=1x2, padding=0x1, stride=1x2"));
    let fresh = Weights::init(&candidate, 7);
    let inherited = inherit(&base, &chain_weights(), &candidate, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "c.weight"), numbers(&fresh, "c.weight"));
    assert_eq!(numbers(&inherited, "n.weight"), [0.1, -0.3, 0.2]);
    let none = How {
        inherit: Inherit::None,
        ..SLICE
    };
    let inherited = inherit(&base, &chain_weights(), &candidate, none, 7).unwrap();
    assert_eq!(inherited, fresh);
    let classes = graph(&CHAIN.replace("out=2", "out=5"));
    let inherited = inherit(&base, &chain_weights(), &classes, NET2NET, 7).unwrap();
    let fresh = Weights::init(&classes, 7);
    assert_eq!(numbers(&inherited, "l.weight"), numbers(&fresh, "l.weight"));
    assert_eq!(numbers(&inherited, "c.weight"), [2.0, -1.0, -3.0]);
}

#[test]
fn a_node_may_name_its_source() {
    let base = graph(CHAIN);
    let renamed = graph(
        "x = input[1, 1, 2]
        stem = conv2d(x, out=2, kernel=1) @ from=c
        norm = batch_norm(stem) @ from=n
        f = flatten(norm)
        l = linear(f, out=2)
        y = output(l)",
    );
    let inherited = inherit(&base, &chain_weights(), &renamed, SLICE, 7).unwrap();
    assert_eq!(numbers(&inherited, "stem.weight"), [2.0, -3.0]);
    assert_eq!(numbers(&inherited, "l.weight")[..4], [0.0, 1.0, 4.0, 5.0]);
    let nowhere = graph(&CHAIN.replace("kernel=1)", "kernel=1) @ from=stem"));
    let error = inherit(&base, &chain_weights(), &nowhere, SLICE, 7).unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `c` has its weights from `stem`, which the base does not have"
    );
}

#[test]
fn weights_of_another_network_are_refused() {
    let other = graph(&CHAIN.replace("out=3", "out=4"));
    let error = inherit(&other, &chain_weights(), &other, SLICE, 7).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the weights of the base do not fit it: tensor `c.weight` has shape [3, 1, 1, 1], \
         the network expects [4, 1, 1, 1]"
    );
}

#[test]
fn words_are_those_of_study_files() {
    for inherit in Inherit::ALL {
        assert_eq!(serde_json::json!(inherit), inherit.name());
    }
    for importance in Importance::ALL {
        assert_eq!(serde_json::json!(importance), importance.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn widening_preserves_the_function(
        seed in any::<u64>(),
        n_blocks in 1..5_usize,
        more in prop::collection::vec(0..4_usize, 8),
    ) {
        let base = random_graph(seed, n_blocks);
        let weights = trained(&base, seed);
        let wide = resized(&base, |group, units| units + more[group % more.len()]);
        let inherited = inherit(&base, &weights, &wide, NET2NET, seed).unwrap();
        for statistics in [Statistics::Running, Statistics::OfRows] {
            let distance = distance((&base, &weights), (&wide, &inherited), statistics);
            prop_assert!(distance < 1e-5, "{distance} with {statistics:?} in\n{base}{wide}");
        }
    }

    #[test]
    fn what_keeps_its_width_keeps_its_weights(seed in any::<u64>(), n_blocks in 1..5_usize) {
        let base = random_graph(seed, n_blocks);
        let weights = trained(&base, seed);
        for inherits in [Inherit::Slice, Inherit::Net2net] {
            for importance in Importance::ALL {
                let how = How { inherit: inherits, importance };
                prop_assert_eq!(&inherit(&base, &weights, &base, how, seed).unwrap(), &weights);
            }
        }
    }

    #[test]
    fn what_widening_added_is_the_least_important(
        seed in any::<u64>(),
        n_blocks in 1..5_usize,
        more in prop::collection::vec(0..4_usize, 8),
    ) {
        let base = random_graph(seed, n_blocks);
        let mut weights = trained(&base, seed);
        // Far above the noise that new channels start from.
        for value in weights.0.values_mut().flat_map(|tensor| &mut tensor.data) {
            *value = 1e4_f32.copysign(*value) + *value;
        }
        let wide = resized(&base, |group, units| units + more[group % more.len()]);
        let widened = inherit(&base, &weights, &wide, SLICE, seed).unwrap();
        prop_assert!(widened.check(&wide).is_ok());
        for importance in [Importance::L1, Importance::L2, Importance::BatchNorm] {
            let how = How { importance, ..SLICE };
            let back = inherit(&wide, &widened, &base, how, seed).unwrap();
            prop_assert_eq!(&back, &weights, "{:?} in\n{}{}", importance, base, wide);
        }
    }

    #[test]
    fn every_narrower_network_has_weights(
        seed in any::<u64>(),
        n_blocks in 1..5_usize,
        share in 0.05..1.0_f64,
    ) {
        let base = random_graph(seed, n_blocks);
        let narrow = resized(&base, |_, units| ((units as f64 * share) as usize).max(1));
        for importance in Importance::ALL {
            let how = How { importance, ..NET2NET };
            let inherited = inherit(&base, &trained(&base, seed), &narrow, how, seed).unwrap();
            prop_assert!(inherited.check(&narrow).is_ok());
        }
    }
}

#[test]
fn learned_steps_are_inherited_where_the_format_is_the_same() {
    let with = |formats: [&str; 3]| {
        let [hidden, relu, last] = formats;
        graph(&format!(
            "x = input[3]
             a = linear(x, out=4) @ weight=lsq({hidden})
             r = relu(a) @ data_in=lsq({relu})
             b = linear(r, out=2) @ weight=lsq({last})
             y = output(b)"
        ))
    };
    let base = with(["4", "4", "4"]);
    let weights = trained(&base, 3);
    let same = inherit(&base, &weights, &base, SLICE, 7).unwrap();
    assert_eq!(same, weights);
    let other = with(["4", "6", "3"]);
    let inherited = inherit(&base, &weights, &other, SLICE, 7).unwrap();
    let step = |weights: &Weights, key: &str| weights.get(key).unwrap().data[0];
    let of_a = "a.weight_step";
    assert_eq!(step(&inherited, of_a), step(&weights, of_a));
    for key in ["r.data_in_step", "b.weight_step"] {
        assert_eq!(step(&inherited, key), FIRST_STEP, "{key}");
    }
}
