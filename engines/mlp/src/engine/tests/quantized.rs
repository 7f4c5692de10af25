//! Networks with number formats.

use firebrick_core::formats::{Layout, Quantizer, Shared, quantizer, stored};
use firebrick_core::graph::{Node, Op, Scale};
use firebrick_core::testing::number_formats;

use super::*;

const FORMATS: &str = "data_in=integer(8, 4) weight=integer(8, 5) bias=integer(8, 5)";
const DATA: &str = "data_in=integer(8, 4)";

/// Layers alone: everything that is added is a small multiple of a power of two, so that no sum is
/// rounded.
const EXACT: &str = "
    x = input[7]
    a = linear(x, out=21) @ FORMATS
    b = relu(a) @ DATA
    c = dropout(b, p=0.25)
    d = linear(c, out=10) @ FORMATS
    e = relu(d)
    f = linear(e, out=3) @ FORMATS
    y = output(f)";

/// With normalisations, of which one has formats too.
const NORMED: &str = "
    x = input[7]
    n = batch_norm(x) @ FORMATS
    a = linear(n, out=21) @ FORMATS
    m = batch_norm(a)
    b = relu(m) @ DATA
    f = linear(b, out=3) @ FORMATS
    y = output(f)";

fn graph(text: &str) -> Graph {
    let text = text.replace("FORMATS", FORMATS).replace("DATA", DATA);
    text.parse().unwrap()
}

/// Returns every format whose steps are not learned, on all operands of a layer that can have it, and
/// whether rows can.
fn all_formats() -> Vec<(String, bool)> {
    let formats = number_formats().into_iter();
    formats
        .filter_map(|format| {
            let shared = Quantizer::of(&format, None).ok()?.shared();
            let for_rows = !matches!(shared, Shared::Tensor { .. });
            let data = if for_rows {
                format!("data_in={format} ")
            } else {
                String::new()
            };
            Some((format!("{data}weight={format} bias={format}"), for_rows))
        })
        .collect()
}

/// A network in evaluation, row by row, number by number: sums in f64, formats by core.
struct Reference<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    /// How near, in steps, a number came to where rounding turns round, without what was there.
    nearest_half: f64,
}

impl Reference<'_> {
    /// Stores what a node reads of one row.
    fn store(&mut self, node: &Node, shape: &[usize], x: &mut [f64]) {
        let Some(format) = quantizer(node, "data_in", self.weights).unwrap() else {
            return;
        };
        if let Quantizer::FixedPoint(format) = format {
            for x in &*x {
                let steps = *x * f64::from(format.scale());
                let from_half = (steps - steps.floor() - 0.5).abs();
                if from_half > 0.0 {
                    self.nearest_half = self.nearest_half.min(from_half);
                }
            }
        }
        let narrow: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let mut stored = narrow.clone();
        format.quantize(&narrow, Layout::of_rows(1, shape), &mut stored);
        for (x, stored) in x.iter_mut().zip(stored) {
            *x = f64::from(stored);
        }
    }

    /// Returns a tensor as it is stored, of a normalisation its scale or shift.
    fn stored(&self, node: &Node, operand: &str) -> Vec<f64> {
        let tensor = stored(node, operand, self.weights).unwrap().unwrap();
        tensor.data.into_iter().map(f64::from).collect()
    }

    /// Returns the logits of a row.
    fn logits(&mut self, row: &[f32]) -> Vec<f64> {
        self.nearest_half = f64::INFINITY;
        let mut x: Vec<f64> = row.iter().copied().map(f64::from).collect();
        for (idx, node) in self.graph.nodes().iter().enumerate() {
            if let Some(shape) = self.graph.input_shapes(idx).first() {
                self.store(node, shape, &mut x);
            }
            match node.op {
                Op::Linear { in_features, .. } => {
                    let weight = self.stored(node, "weight");
                    let dot = |w: &[f64]| w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
                    let sums = weight.chunks(in_features).map(dot);
                    let bias = self.stored(node, "bias");
                    x = sums.zip(bias).map(|(y, b)| y + b).collect();
                }
                Op::BatchNorm { .. } => {
                    let (scale, shift) = (self.stored(node, "weight"), self.stored(node, "bias"));
                    for (idx, x) in x.iter_mut().enumerate() {
                        *x = scale[idx] * *x + shift[idx];
                    }
                }
                Op::Relu => x.iter_mut().for_each(|x| *x = x.max(0.0)),
                _ => {}
            }
        }
        x
    }
}

/// Trains a network and returns its weights.
fn trained_on(graph: &Graph, path: Path) -> Weights {
    let rows = rows(graph, 96);
    let job = TrainJob {
        candidates: &candidates(graph, 1),
        train: rows.rows(),
        validation: rows.rows(),
        recipe: &recipe(4, 16),
        placement: &placement(1),
    };
    let outcomes = MlpEngine::on(path).train(&job, &Silent).unwrap();
    trained(&outcomes[0]).weights.clone()
}

#[test]
fn layers_compute_what_core_says_bit_for_bit() {
    let graph = graph(EXACT);
    let rows = rows(&graph, 200);
    for path in Path::available() {
        let weights = trained_on(&graph, path);
        let mut reference = Reference {
            graph: &graph,
            weights: &weights,
            nearest_half: 0.0,
        };
        let engine = MlpEngine::on(path);
        let logits = engine.predict(&graph, &weights, rows.features.borrow(), &placement(1));
        let expected = rows
            .features
            .numbers()
            .chunks(7)
            .flat_map(|row| reference.logits(row));
        for (found, expected) in logits.unwrap().into_iter().zip(expected) {
            assert_eq!(f64::from(found), expected, "{}", path.name());
        }
    }
}

/// Small numbers of few bits, times -1, 0 or 1: their sums are not rounded either.
#[test]
fn layers_of_every_format_compute_what_core_says_bit_for_bit() {
    for format in number_formats() {
        let Ok(quantizer) = Quantizer::of(&format, None) else {
            continue;
        };
        let is_alone = !matches!(quantizer.shared(), Shared::Tensor { .. });
        let on_data = format!("data_in={format} weight=ternary(2, scale=one) bias=integer(3, 1)");
        let on_weight = format!("data_in=integer(2, 0) weight={format} bias=integer(3, 1)");
        let of_both = [on_data, on_weight]
            .into_iter()
            .skip(usize::from(!is_alone));
        for formats in of_both {
            let text = "x = input[7]
                a = linear(x, out=21) @ FORMATS
                b = relu(a)
                f = linear(b, out=3) @ FORMATS
                y = output(f)";
            let graph = text.replace("FORMATS", &formats).parse().unwrap();
            let rows = rows(&graph, 40);
            let mut weights = Weights::init(&graph, 3);
            weights
                .0
                .values_mut()
                .flat_map(|tensor| &mut tensor.data)
                .for_each(|x| *x *= 3.0);
            let mut reference = Reference {
                graph: &graph,
                weights: &weights,
                nearest_half: 0.0,
            };
            let read = rows.features.numbers();
            let expected: Vec<f64> = read
                .chunks(7)
                .flat_map(|row| reference.logits(row))
                .collect();
            for path in Path::available() {
                let engine = MlpEngine::on(path);
                let features = rows.features.borrow();
                let logits = engine.predict(&graph, &weights, features, &placement(1));
                let found: Vec<f64> = logits.unwrap().into_iter().map(f64::from).collect();
                // The sum of times a mean, which has all bits of float32, is rounded.
                let tolerance = match format.scale {
                    Some(Scale::Mean) => 1e-6,
                    _ => 0.0,
                };
                for (found, expected) in found.iter().zip(&expected) {
                    let off = (found - expected).abs();
                    let on = path.name();
                    assert!(
                        off <= tolerance,
                        "{formats} on {on}: {found}, not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn pictures_are_stored_along_their_channels() {
    let text = "x = input[5, 2, 3]
        a = relu(x) @ data_in=block_fp(4, exponent_width=8, block_size=2)
        b = flatten(a) @ data_in=mxfp4_e2m1(4, block_size=3)
        y = output(b)";
    let graph: Graph = text.parse().unwrap();
    let rows = rows(&graph, 40);
    let weights = Weights::default();
    let mut reference = Reference {
        graph: &graph,
        weights: &weights,
        nearest_half: 0.0,
    };
    let features = rows.features.borrow();
    let logits = MlpEngine::new().predict(&graph, &weights, features, &placement(1));
    let expected = rows
        .features
        .numbers()
        .chunks(30)
        .flat_map(|row| reference.logits(row));
    let found = logits.unwrap().into_iter().map(f64::from);
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn normalised_networks_compute_what_core_says() {
    let graph = graph(NORMED);
    let rows = rows(&graph, 200);
    for path in Path::available() {
        let weights = trained_on(&graph, path);
        let mut reference = Reference {
            graph: &graph,
            weights: &weights,
            nearest_half: 0.0,
        };
        let engine = MlpEngine::on(path);
        let logits = engine
            .predict(&graph, &weights, rows.features.borrow(), &placement(1))
            .unwrap();
        let (mut expected, mut n_sure) = (Vec::new(), 0);
        for (row, found) in rows.features.numbers().chunks(7).zip(logits.chunks(3)) {
            let logits = reference.logits(row);
            // Where the reference is this near to a half, float32 may round to the other side.
            if reference.nearest_half > 1e-4 {
                n_sure += 1;
                for (found, expected) in found.iter().zip(&logits) {
                    let off = (f64::from(*found) - expected).abs();
                    assert!(off < 1e-6, "{found}, not {expected}, on {}", path.name());
                }
            }
            expected.extend(logits.into_iter().map(|logit| logit as f32));
        }
        assert!(n_sure > 180, "{n_sure} rows can be compared");
        let judged = engine.evaluate(&graph, &weights, rows.rows(), &placement(1));
        let (judged, expected) = (judged.unwrap(), Evaluation::of(&expected, &rows.labels));
        assert!((judged.loss - expected.loss).abs() < 1e-3);
    }
}

#[test]
fn what_is_handed_back_is_float32_and_what_is_computed_with_is_not() {
    let graph = graph(NORMED);
    let weights = trained_on(&graph, Path::available()[0]);
    let mut as_stored = weights.clone();
    for name in ["a", "f"] {
        for operand in ["weight", "bias"] {
            let key = format!("{name}.{operand}");
            let tensor = stored(graph.node(name).unwrap(), operand, &weights).unwrap();
            assert_ne!(tensor.as_ref(), weights.get(&key), "{key} is in float32");
            as_stored.0.extend(tensor.map(|tensor| (key, tensor)));
        }
    }
    let features = rows(&graph, 50).features;
    let logits = |weights| {
        let engine = MlpEngine::new();
        engine
            .predict(&graph, weights, features.borrow(), &placement(1))
            .unwrap()
    };
    assert_eq!(logits(&weights), logits(&as_stored));
}

#[test]
fn weights_that_are_frozen_are_quantised_and_stay() {
    let text = NORMED.replace("out=21) @", "out=21) @ frozen");
    let graph = graph(&text);
    let weights = trained_on(&graph, Path::available()[0]);
    assert_eq!(
        weights.get("a.weight"),
        Weights::init(&graph, 0).get("a.weight")
    );
    let float = self::graph(&text.replace("frozen FORMATS", "frozen DATA"));
    let features = rows(&graph, 20).features;
    let logits =
        |graph| MlpEngine::new().predict(graph, &weights, features.borrow(), &placement(1));
    assert_ne!(logits(&graph).unwrap(), logits(&float).unwrap());
}

#[test]
fn many_bits_train_as_float32_does() {
    let plain = graph(&NORMED.replace("@ FORMATS", "").replace("@ DATA", ""));
    let wide = "data_in=integer(24, 18) weight=integer(24, 20) bias=integer(24, 20)";
    let wide = NORMED
        .replace("FORMATS", wide)
        .replace("DATA", "data_in=integer(24, 18)");
    let narrow = NORMED
        .replace("FORMATS", "weight=integer(2, 1)")
        .replace("@ DATA", "");
    let [plain, wide, narrow] = [plain, graph(&wide), graph(&narrow)].map(|graph| {
        // Adam would blow up what rounding makes of the gradient by `a.bias`, which is 0.
        let descent = Recipe {
            optimizer: Optimizer::Sgd,
            learning_rate: 0.05,
            ..recipe(5, 16)
        };
        let outcomes = train(&candidates(&graph, 1), &descent, 1, &Silent);
        trained(&outcomes[0]).epochs.last().unwrap().validation
    });
    assert!((plain.loss - wide.loss).abs() < 1e-4, "{plain:?}, {wide:?}");
    // That formats are seen at all.
    assert!(
        (plain.loss - narrow.loss).abs() > 1e-2,
        "{plain:?}, {narrow:?}"
    );
}

#[test]
fn a_quantised_network_learns() {
    let graph = graph(NORMED);
    let outcomes = train(&candidates(&graph, 1), &recipe(12, 16), 1, &Silent);
    let epochs = &trained(&outcomes[0]).epochs;
    let (first, last) = (epochs[0].train_loss, epochs[11].train_loss);
    assert!(last < 0.7 * first, "{first} to {last}");
}

#[test]
fn threads_change_no_bit_of_quantised_candidates() {
    let mut graphs = vec![graph(EXACT), graph(NORMED), graph(EXACT)];
    for (formats, _) in all_formats() {
        let text = NORMED.replace("FORMATS", &formats).replace("@ DATA", "");
        graphs.push(text.parse().unwrap());
    }
    let candidate = |(seed, graph): (usize, &Graph)| Candidate {
        graph: graph.clone(),
        seed: seed as u64,
        weights: None,
    };
    let candidates: Vec<Candidate> = graphs.iter().enumerate().map(candidate).collect();
    let [one, three] = [1, 3].map(|threads| train(&candidates, &recipe(3, 25), threads, &Silent));
    for (one, three) in one.iter().zip(&three) {
        assert_eq!(trained(one), trained(three));
    }
}

#[test]
fn quantised_steps_allocate_nothing() {
    let mut formats: Vec<String> = all_formats().iter().map(|all| all.0.clone()).collect();
    // Its mean is that of positive numbers.
    formats.push("weight=binary(1, unsigned, scale=mean)".to_owned());
    for formats in formats {
        let graph: Graph = NORMED
            .replace("FORMATS", &formats)
            .replace("@ DATA", "")
            .parse()
            .unwrap();
        // 2 steps an epoch, and 100.
        assert_eq!(
            allocations_of(&graph, 64),
            allocations_of(&graph, 3200),
            "{formats}"
        );
    }
}
