//! Gradients of random chains against finite differences of a network written out in f64.
//!
//! Numbers with a format, and relus, which bend, are held where they are at the weights that are
//! looked at: what they make moves with what they read where a gradient passes, and else not at all.
//! The slope of that is the straight-through gradient.

use std::collections::BTreeMap;

use firebrick_core::dataset::{Features, Rows, Split};
use firebrick_core::formats::{Layout, Quantizer, scale_and_shift_of};
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::images::Augment;
use firebrick_core::random::{Purpose, stream};
use firebrick_core::weights::{Weights, tensors};
use proptest::prelude::*;
use rand::RngExt;

use crate::chain::Chain;
use crate::kernels::{Ahead, Path};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::source::Source;

const SEED: u64 = 5;
const STEP: f64 = 1e-6;

/// Tensors by key, in f64.
type Wide = BTreeMap<String, Vec<f64>>;

/// A network in plain f64, row by row.
struct Scalar<'a> {
    graph: &'a Graph,
    rows: Rows<'a>,
    /// Which share of the target is spread evenly over all classes.
    smoothing: f64,
    /// The smallest distance from 0 of what a relu read, without what is 0.
    nearest_kink: f64,
    /// The smallest distance, in steps, of what was rounded from where rounding turns round,
    /// without what is there: sums of quantised numbers are exact in float32 too.
    nearest_half: f64,
    /// What was read where something is held, what was made of it, and whether a gradient passes.
    held: Vec<(f64, f64, bool)>,
    /// How many of them were met in this run.
    n_met: usize,
}

impl<'a> Scalar<'a> {
    fn new(graph: &'a Graph, rows: Rows<'a>, smoothing: f64) -> Self {
        Self {
            graph,
            rows,
            smoothing,
            nearest_kink: f64::INFINITY,
            nearest_half: f64::INFINITY,
            held: Vec::new(),
            n_met: 0,
        }
    }

    /// Holds what a function makes, and says whether a gradient passes.
    fn hold(&mut self, x: f64, make: impl Fn(f64) -> (f64, bool)) -> f64 {
        if self.n_met == self.held.len() {
            let (y, passes) = make(x);
            self.held.push((x, y, passes));
        }
        let (x_held, y, passes) = self.held[self.n_met];
        self.n_met += 1;
        if passes { y + (x - x_held) } else { y }
    }

    /// Stores numbers in the format of an operand, if it has one, and holds what they become.
    fn store(&mut self, node: &Node, operand: &str, layout: Layout, x: &mut [f64]) {
        let Some(format) = quantizer(node, operand) else {
            return;
        };
        if self.n_met < self.held.len() {
            x.iter_mut().for_each(|x| *x = self.hold(*x, |x| (x, true)));
            return;
        }
        if operand == "data_in" {
            self.note_halves(&format, layout, x);
        }
        let narrow: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let (mut stored, mut passes) = (narrow.clone(), vec![1.0; narrow.len()]);
        format.quantize(&narrow, layout, &mut stored);
        format.mask(&narrow, layout, &mut passes);
        for (x, (y, passes)) in x.iter_mut().zip(stored.into_iter().zip(passes)) {
            *x = self.hold(*x, |_| (f64::from(y), passes == 1.0));
        }
    }

    /// Notes how near numbers are to where a format turns round.
    fn note_halves(&mut self, format: &Quantizer, layout: Layout, x: &[f64]) {
        if let Quantizer::FixedPoint(format) = format {
            for x in x {
                let steps = *x * f64::from(format.scale());
                let from_half = (steps - steps.floor() - 0.5).abs();
                if from_half > 0.0 {
                    self.nearest_half = self.nearest_half.min(from_half);
                }
            }
            return;
        }
        // Elsewhere steps differ from number to number: are all the same a little further on?
        let stored = |by: f64| {
            let moved: Vec<f32> = x.iter().map(|x| (x * by) as f32).collect();
            let (mut stored, mut passes) = (moved.clone(), vec![1.0; moved.len()]);
            format.quantize(&moved, layout, &mut stored);
            format.mask(&moved, layout, &mut passes);
            (stored, passes)
        };
        let near = 20.0 * STEP;
        if stored(1.0 - near) != stored(1.0) || stored(1.0 + near) != stored(1.0) {
            self.nearest_half = 0.0;
        }
    }

    /// Returns a feature that is normalised: `normal` in float64, and the value that comes of storing
    /// scale and shift where they have formats, held.
    fn normalised(&mut self, node: &Node, from: [f64; 4], eps: f64, x: f64, normal: f64) -> f64 {
        let formats = ["weight", "bias"].map(|operand| quantizer(node, operand));
        if formats.iter().all(Option::is_none) {
            return normal;
        }
        if self.n_met == self.held.len() {
            let (scale, shift) = scale_and_shift_of(from.map(|number| number as f32), eps);
            let layout = Layout::of_tensor(&[1]);
            let stored = [scale, shift].into_iter().zip(&formats).map(|(x, format)| {
                let mut y = [x];
                if let Some(format) = format {
                    self.note_halves(format, layout, &[f64::from(x)]);
                    format.quantize(&[x], layout, &mut y);
                }
                f64::from(y[0])
            });
            let [scale, shift] = stored.collect::<Vec<_>>()[..] else {
                panic!("two numbers")
            };
            return self.hold(normal, |_| (scale * x + shift, true));
        }
        self.hold(normal, |x| (x, true))
    }

    /// Returns the mean cross-entropy against smoothed targets, batch statistics in use.
    fn loss(&mut self, weights: &Wide) -> f64 {
        let mut dropout = stream(SEED, Purpose::Dropout, 0);
        let n_rows = self.rows.len();
        let features = self
            .rows
            .features
            .numbers()
            .chunks(self.rows.features.len() / n_rows);
        let mut values: Vec<Vec<f64>> = features
            .map(|row| row.iter().copied().map(f64::from).collect())
            .collect();
        self.n_met = 0;
        let graph = self.graph;
        for node in graph.nodes() {
            let width = values[0].len();
            let mut read: Vec<f64> = values.into_iter().flatten().collect();
            let layout = Layout::of_rows(n_rows, &[width]);
            self.store(node, "data_in", layout, &mut read);
            values = read.chunks(width).map(<[f64]>::to_vec).collect();
            let mut stored = Wide::new();
            for (name, shape) in tensors(node) {
                if let Some(tensor) = weights.get(&format!("{}.{name}", node.name)) {
                    let mut tensor = tensor.clone();
                    if matches!(node.op, Op::Linear { .. }) {
                        self.store(node, name, Layout::of_tensor(&shape), &mut tensor);
                    }
                    stored.insert(name.to_owned(), tensor);
                }
            }
            let tensor = |name: &str| stored.get(name);
            match &node.op {
                Op::Linear { in_features, .. } => {
                    let weight = tensor("weight").unwrap();
                    for row in &mut values {
                        let dot = |w: &[f64]| w.iter().zip(&*row).map(|(w, x)| w * x).sum();
                        let mut y: Vec<f64> = weight.chunks(*in_features).map(dot).collect();
                        if let Some(bias) = tensor("bias") {
                            y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
                        }
                        *row = y;
                    }
                }
                Op::BatchNorm { features, eps, .. } => {
                    for feature in 0..*features {
                        let column = values.iter().map(|row| row[feature]);
                        let mut mean = column.clone().sum::<f64>() / n_rows as f64;
                        let squares: f64 = column.map(|x| (x - mean).powi(2)).sum();
                        let mut variance = squares / n_rows as f64;
                        if node.annotations.frozen {
                            mean = tensor("running_mean").unwrap()[feature];
                            variance = tensor("running_var").unwrap()[feature];
                        }
                        let (weight, bias) = (tensor("weight").unwrap(), tensor("bias").unwrap());
                        let from = [weight[feature], bias[feature], mean, variance];
                        for row in &mut values {
                            let x = row[feature];
                            let x_hat = (x - mean) / (variance + eps).sqrt();
                            let y = x_hat * weight[feature] + bias[feature];
                            row[feature] = self.normalised(node, from, *eps, x, y);
                        }
                    }
                }
                Op::Relu => {
                    for x in values.iter_mut().flatten() {
                        if *x != 0.0 {
                            self.nearest_kink = self.nearest_kink.min(x.abs());
                        }
                        *x = self.hold(*x, |x| (x.max(0.0), x > 0.0));
                    }
                }
                Op::Dropout { p } => {
                    for x in values.iter_mut().flatten() {
                        let keep = dropout.random::<f32>() >= *p as f32;
                        *x *= if keep { 1.0 / (1.0 - p) } else { 0.0 };
                    }
                }
                _ => {}
            }
        }
        let cost = |(row, label): (&Vec<f64>, &u32)| {
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            let target = |class: usize| {
                let is_label = f64::from(u8::from(class == *label as usize));
                (1.0 - self.smoothing) * is_label + self.smoothing / row.len() as f64
            };
            let surprises = row.iter().map(|logit| sum.ln() - logit);
            let weighed = surprises
                .enumerate()
                .map(|(class, surprise)| target(class) * surprise);
            weighed.sum::<f64>()
        };
        values.iter().zip(self.rows.labels).map(cost).sum::<f64>() / n_rows as f64
    }
}

fn quantizer(node: &Node, operand: &str) -> Option<Quantizer> {
    let format = node.annotations.formats.get(operand)?;
    Some(Quantizer::of(format, None).unwrap())
}

/// Formats of what is read, and of the weight and the bias of a layer and of a normalisation, so
/// narrow that some numbers are beyond the limits.
type Formats = [&'static str; 5];

const FORMATS: [Formats; 4] = [
    [
        "integer(6, 4)",
        "integer(4, 4)",
        "integer(5, 4)",
        "integer(6, 5)",
        "integer(5, 6)",
    ],
    [
        "integer(5, 4, unsigned)",
        "ternary(2)",
        "integer(5, 4)",
        "log(5)",
        "integer(4, 3)",
    ],
    [
        "minifloat_ieee(5, exponent_width=2)",
        "fp8_e4m3(8)",
        "binary(1, scale=mean)",
        "minifloat_denorm(5, exponent_width=2)",
        "log(4)",
    ],
    [
        "block_fp(4, exponent_width=8, block_size=3)",
        "mxfp4_e2m1(4, block_size=2)",
        "block_log(4, exponent_bias_width=8, block_size=2)",
        "ternary(2, scale=one)",
        "fp8_e5m2(8)",
    ],
];

/// Returns the text of a chain of nodes, each given by a kind, a width, and which operands have a
/// format: 1 for what is read, 2 for the weight, 4 for the bias, or their sum.
fn chain_text(
    input: usize,
    nodes: &[(u8, usize, u8)],
    formats: &Formats,
    classes: usize,
) -> String {
    let mut text = format!("v0 = input[{input}]\n");
    for (idx, (kind, width, quantized)) in nodes.iter().enumerate() {
        let mut call = match kind {
            0 => format!("linear(v{idx}, out={width})"),
            1 => format!("linear(v{idx}, out={width}, bias=false)"),
            2 => format!("linear(v{idx}, out={width}) @ frozen"),
            3 => format!("batch_norm(v{idx}, eps=0.05)"),
            4 => format!("batch_norm(v{idx}, eps=0.05) @ frozen"),
            5 => format!("dropout(v{idx}, p=0.3)"),
            6 => format!("flatten(v{idx})"),
            _ => format!("relu(v{idx})"),
        };
        let [data, weight, bias, scale, shift] = formats;
        let operands = match kind {
            0 | 2 => vec![("data_in", data), ("weight", weight), ("bias", bias)],
            1 => vec![("data_in", data), ("weight", weight)],
            3 | 4 => vec![("data_in", data), ("weight", scale), ("bias", shift)],
            _ => vec![("data_in", data)],
        };
        for (bit, (operand, format)) in operands.into_iter().enumerate() {
            if quantized >> bit & 1 == 1 {
                call += if call.contains(" @ ") { " " } else { " @ " };
                call += &format!("{operand}={format}");
            }
        }
        text += &format!("v{} = {call}\n", idx + 1);
    }
    let n = nodes.len();
    text + &format!("classes = linear(v{n}, out={classes})\noutput = output(classes)\n")
}

fn random_rows(n_rows: usize, width: usize, classes: usize) -> Split {
    let mut rng = stream(SEED, Purpose::Dataset, 0);
    Split {
        features: Features::Numbers(
            (0..n_rows * width)
                .map(|_| rng.random_range(-2.0..2.0))
                .collect(),
        ),
        labels: (0..n_rows)
            .map(|_| rng.random_range(0..classes as u32))
            .collect(),
    }
}

/// First weights whose normalisations differ from those that do nothing.
fn random_weights(graph: &Graph) -> Weights {
    let mut weights = Weights::init(graph, SEED);
    let mut rng = stream(SEED, Purpose::Weights, 1);
    for tensor in weights.0.values_mut() {
        for value in &mut tensor.data {
            *value += rng.random_range(-0.3..0.3);
        }
    }
    weights
}

fn check(graph: &Graph, split: &Split, smoothing: f64, path: Path) -> Result<(), TestCaseError> {
    let weights = random_weights(graph);
    let mut scalar = Scalar::new(graph, split.rows(), smoothing);
    let wide = |(key, tensor): (&String, &firebrick_core::weights::Tensor)| {
        (
            key.clone(),
            tensor.data.iter().copied().map(f64::from).collect(),
        )
    };
    let mut wide: Wide = weights.0.iter().map(wide).collect();
    let loss = scalar.loss(&wide);
    // Nearer than that, float32 may be on the other side.
    prop_assume!(scalar.nearest_kink > 20.0 * STEP && scalar.nearest_half > 100.0 * STEP);

    let chain = Chain::of(graph).unwrap();
    let mut parameters = Parameters::new(path, &chain, graph, &weights);
    // Room for more rows than there are, so that blocks beyond them would be noticed.
    let mut pass = Pass::new(path, &chain, &parameters, split.len() + 40);
    let order: Vec<u32> = (0..split.len() as u32).collect();
    let shape = graph.input_shape();
    let mut source = Source::new(split.features.borrow(), shape, Augment::NONE, order.len());
    pass.load(&mut source, &split.labels, &order, (0, 0));
    pass.draw_masks(&chain, &mut stream(SEED, Purpose::Dropout, 0));
    let batch = pass.forward(&chain, &mut parameters, smoothing, Ahead::NONE);
    let found = batch.loss / split.len() as f64;
    prop_assert!(
        (found - loss).abs() < 1e-5 * loss.max(1.0),
        "loss {found}, not {loss}"
    );

    let gradient = pass.backward(&chain, &parameters).to_vec();
    let gradient = parameters.trained_like(&gradient);
    for (key, found) in &gradient {
        for (idx, found) in found.data.iter().enumerate() {
            let mut at = |step: f64| {
                wide.get_mut(key).unwrap()[idx] += step;
                let loss = scalar.loss(&wide);
                wide.get_mut(key).unwrap()[idx] -= step;
                loss
            };
            let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let off = (f64::from(*found) - slope).abs();
            prop_assert!(
                off < 1e-4 * slope.abs().max(1.0),
                "{key}[{idx}] on {}: {found}, not {slope}\n{graph}",
                path.name()
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn gradients_are_slopes(
        input in 1_usize..10,
        nodes in prop::collection::vec((0_u8..10, 1_usize..12, Just(0)), 0..6),
        classes in 1_usize..6,
        n_rows in 2_usize..40,
        smoothing in prop_oneof![Just(0.0), 0.01..0.9],
    ) {
        let graph: Graph = chain_text(input, &nodes, &FORMATS[0], classes).parse().unwrap();
        let split = random_rows(n_rows, input, classes);
        for path in Path::available() {
            check(&graph, &split, smoothing, path)?;
        }
    }

    #[test]
    fn gradients_of_quantised_chains_go_straight_through(
        input in 1_usize..8,
        nodes in prop::collection::vec((0_u8..10, 1_usize..9, 0_u8..8), 1..6),
        formats in prop::sample::select(FORMATS.to_vec()),
        classes in 1_usize..6,
        n_rows in 2_usize..24,
    ) {
        let graph: Graph = chain_text(input, &nodes, &formats, classes).parse().unwrap();
        let split = random_rows(n_rows, input, classes);
        for path in Path::available() {
            check(&graph, &split, 0.0, path)?;
        }
    }
}

#[test]
fn gradients_of_wide_layers_are_slopes() {
    let text = "x = input[19]
        a = linear(x, out=37)
        b = batch_norm(a, eps=0.05)
        c = relu(b)
        d = linear(c, out=21)
        e = dropout(d, p=0.2)
        f = linear(e, out=7)
        g = output(f)";
    let graph: Graph = text.parse().unwrap();
    for path in Path::available() {
        check(&graph, &random_rows(25, 19, 7), 0.1, path).unwrap();
    }
}
