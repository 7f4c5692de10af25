//! How well networks tell simulated jets apart, measured in a test.

use std::fs;

use firebrick_core::random::{Purpose, Stream, epoch_order, stream};
use rand::RngExt;

use super::{CLASSES, FEATURES, generate};
use crate::testing::test_data;

const N_JETS: usize = 50_000;
const N_TRAINING: usize = 40_000;
const N_EPOCHS: usize = 30;
const BATCH: usize = 256;
const LEARNING_RATE: f32 = 2e-3;

#[test]
fn a_small_network_beats_a_linear_classifier_on_simulated_jets() {
    if std::env::var_os("FIREBRICK_SLOW_TESTS").is_none() {
        return;
    }
    let jets = generate(1, N_JETS);
    let scaler = Scaler::fit(&jets.features[..N_TRAINING * FEATURES.len()]);
    let rows = scaler.apply(&jets.features);
    let real = real_jets().map(|(features, labels)| (scaler.apply(&features), labels));
    let accuracy = |widths: &[usize]| {
        let network = Network::train(widths, &rows[..N_TRAINING], &jets.labels[..N_TRAINING]);
        let held_out = network.accuracy(&rows[N_TRAINING..], &jets.labels[N_TRAINING..]);
        let on_real = real
            .as_ref()
            .map(|(rows, labels)| network.accuracy(rows, labels));
        println!("{widths:?}: {held_out:.4} on simulated jets, {on_real:?} on real ones");
        (held_out, on_real)
    };
    let (linear, _) = accuracy(&[16, 5]);
    let (small, _) = accuracy(&[16, 16, 16, 5]);
    let (large, large_on_real) = accuracy(&[16, 64, 32, 32, 5]);
    assert!(small > linear + 0.02, "{small} {linear}");
    assert!(large > linear + 0.04, "{large} {linear}");
    // Chance is 0.2: what is learnt is about jets, not about this simulation.
    assert!(
        large_on_real.is_none_or(|accuracy| accuracy > 0.6),
        "{large_on_real:?}"
    );
}

/// Reads the features, row by row, and labels of the real jets.
fn real_jets() -> Option<(Vec<f32>, Vec<u32>)> {
    let text = fs::read_to_string(test_data("jsc/jsc_openml_600.csv")?).unwrap();
    let (header, lines) = text.split_once('\n').unwrap();
    assert_eq!(header.trim(), format!("{},class", FEATURES.join(",")));
    let mut features = Vec::new();
    let mut labels = Vec::new();
    for line in lines.lines() {
        let mut cells = line.split(',');
        features.extend(
            cells
                .by_ref()
                .take(FEATURES.len())
                .map(|cell| cell.parse::<f32>().unwrap()),
        );
        let class = cells.next().unwrap();
        labels.push(CLASSES.iter().position(|name| *name == class).unwrap() as u32);
    }
    Some((features, labels))
}

type Row = [f32; 16];

/// Mean and standard deviation of each feature.
struct Scaler([(f32, f32); 16]);

impl Scaler {
    fn fit(features: &[f32]) -> Self {
        let n_rows = (features.len() / FEATURES.len()) as f64;
        Self(std::array::from_fn(|index| {
            let column = || {
                features
                    .iter()
                    .skip(index)
                    .step_by(FEATURES.len())
                    .map(|v| f64::from(*v))
            };
            let mean = column().sum::<f64>() / n_rows;
            let variance = column().map(|v| (v - mean).powi(2)).sum::<f64>() / n_rows;
            (mean as f32, variance.sqrt() as f32)
        }))
    }

    fn apply(&self, features: &[f32]) -> Vec<Row> {
        let rows = features.chunks_exact(FEATURES.len());
        rows.map(|row| std::array::from_fn(|i| (row[i] - self.0[i].0) / self.0[i].1))
            .collect()
    }
}

/// A dense network with relu between its layers, and Adam's moments.
struct Network {
    layers: Vec<Layer>,
}

struct Layer {
    n_inputs: usize,
    /// A row of weights, then the bias, for each output.
    weights: Vec<f32>,
    gradient: Vec<f32>,
    moments: Vec<[f32; 2]>,
}

impl Network {
    fn train(widths: &[usize], rows: &[Row], labels: &[u32]) -> Self {
        let rng = &mut stream(1, Purpose::Weights, 0);
        let layers = widths
            .windows(2)
            .map(|pair| Layer::new(pair[0], pair[1], rng))
            .collect();
        let mut network = Self { layers };
        let n_steps = (N_EPOCHS * rows.len().div_ceil(BATCH)) as f32;
        let mut step = 0;
        for epoch in 0..N_EPOCHS {
            for batch in epoch_order(1, epoch, rows.len()).chunks(BATCH) {
                for &row in batch {
                    network.add_gradient(&rows[row as usize], labels[row as usize] as usize);
                }
                step += 1;
                let done = step as f32 / n_steps;
                let rate = LEARNING_RATE * 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
                for layer in &mut network.layers {
                    layer.update(rate, step, batch.len());
                }
            }
        }
        network
    }

    fn accuracy(&self, rows: &[Row], labels: &[u32]) -> f64 {
        let is_right = |(row, label): &(&Row, &u32)| {
            let activations = self.forward(row);
            let logits = &activations[self.layers.len()];
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            best == Some(**label as usize)
        };
        rows.iter().zip(labels).filter(is_right).count() as f64 / rows.len() as f64
    }

    /// Returns the input and the output of every layer.
    fn forward(&self, row: &Row) -> Vec<Vec<f32>> {
        let mut activations = vec![row.to_vec()];
        for (index, layer) in self.layers.iter().enumerate() {
            let mut output = layer.forward(&activations[index]);
            if index + 1 < self.layers.len() {
                output.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            activations.push(output);
        }
        activations
    }

    fn add_gradient(&mut self, row: &Row, label: usize) {
        let activations = self.forward(row);
        let logits = &activations[self.layers.len()];
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut errors: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f32 = errors.iter().sum();
        errors.iter_mut().for_each(|error| *error /= sum);
        errors[label] -= 1.0;
        for (layer, input) in self.layers.iter_mut().zip(&activations).rev() {
            errors = layer.add_gradient(input, &errors);
            for (error, value) in errors.iter_mut().zip(input) {
                *error = if *value > 0.0 { *error } else { 0.0 };
            }
        }
    }
}

impl Layer {
    fn new(n_inputs: usize, n_outputs: usize, rng: &mut Stream) -> Self {
        let bound = (6.0 / n_inputs as f32).sqrt() * 0.5;
        let len = (n_inputs + 1) * n_outputs;
        Self {
            n_inputs,
            weights: (0..len).map(|_| rng.random_range(-bound..bound)).collect(),
            gradient: vec![0.0; len],
            moments: vec![[0.0; 2]; len],
        }
    }

    fn forward(&self, input: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.n_inputs + 1);
        rows.map(|row| {
            let products = row.iter().zip(input).map(|(weight, value)| weight * value);
            products.sum::<f32>() + row[self.n_inputs]
        })
        .collect()
    }

    /// Adds to the gradient, and returns the errors of the inputs.
    fn add_gradient(&mut self, input: &[f32], errors: &[f32]) -> Vec<f32> {
        let n = self.n_inputs;
        let mut below = vec![0.0; n];
        let rows = self
            .weights
            .chunks_exact(n + 1)
            .zip(self.gradient.chunks_exact_mut(n + 1));
        for ((weights, gradient), error) in rows.zip(errors) {
            for index in 0..n {
                below[index] += error * weights[index];
                gradient[index] += error * input[index];
            }
            gradient[n] += error;
        }
        below
    }

    /// Makes a step of Adam and clears the gradient.
    fn update(&mut self, rate: f32, step: i32, n_rows: usize) {
        let correction = [1.0 - 0.9_f32.powi(step), 1.0 - 0.999_f32.powi(step)];
        let parts = self
            .weights
            .iter_mut()
            .zip(&mut self.gradient)
            .zip(&mut self.moments);
        for ((weight, gradient), moments) in parts {
            let slope = *gradient / n_rows as f32;
            *gradient = 0.0;
            moments[0] = 0.9 * moments[0] + 0.1 * slope;
            moments[1] = 0.999 * moments[1] + 0.001 * slope * slope;
            let mean_square = moments[1] / correction[1];
            *weight -= rate * moments[0] / correction[0] / (mean_square.sqrt() + 1e-8);
        }
    }
}
