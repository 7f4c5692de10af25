//! Layers forward and backward, in plain loops over rows.

use std::collections::BTreeMap;

use firebrick_sdk::core::recipe::{Optimizer, clip_factor};
use firebrick_sdk::prelude::*;

/// One layer of a chain, with the keys of its tensors.
pub struct Layer {
    node: String,
    width: usize,
    what: What,
}

enum What {
    Linear { bias: bool },
    BatchNorm { momentum: f32, eps: f32 },
    Relu,
}

impl Layer {
    fn key(&self, tensor: &str) -> String {
        format!("{}.{tensor}", self.node)
    }
}

/// Returns the layers of a chain.
///
/// # Errors
/// [`EngineError::Unsupported`] names the first node that is of no such chain.
pub fn chain(graph: &Graph) -> Result<Vec<Layer>, EngineError> {
    let mut layers = Vec::new();
    let mut last: Option<&str> = None;
    for (idx, node) in graph.nodes().iter().enumerate() {
        let unsupported = |reason: &str| EngineError::Unsupported {
            node: node.name.clone(),
            op: node.op.name().to_owned(),
            reason: reason.to_owned(),
        };
        let notes = &node.annotations;
        if !notes.formats.is_empty() || notes.frozen || notes.sparsity.is_some() {
            return Err(unsupported(
                "has annotations, which this engine does not know",
            ));
        }
        let &[width] = graph.shape(idx) else {
            return Err(unsupported("makes more than one dimension"));
        };
        if node.inputs.first().map(String::as_str) != last {
            return Err(unsupported("does not read the node before it"));
        }
        last = Some(&node.name);
        let what = match node.op {
            Op::Input { .. } | Op::Output => continue,
            Op::Linear { bias, .. } => What::Linear { bias },
            Op::BatchNorm { momentum, eps, .. } => What::BatchNorm {
                momentum: momentum as f32,
                eps: eps as f32,
            },
            Op::Relu => What::Relu,
            _ => return Err(unsupported("is not linear, batch_norm or relu")),
        };
        layers.push(Layer {
            node: node.name.clone(),
            width,
            what,
        });
    }
    Ok(layers)
}

/// The loss of some rows, to be added up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loss {
    sum: f64,
    right: usize,
    n_rows: usize,
}

impl Loss {
    pub fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.right += other.right;
        self.n_rows += other.n_rows;
    }

    /// Returns the mean cross-entropy, in nats.
    pub fn mean(&self) -> f64 {
        self.sum / self.n_rows as f64
    }

    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.n_rows as f64
    }
}

/// What each layer read on the way forward, and the result after the last.
pub struct Tape {
    inputs: Vec<Vec<f32>>,
    /// Of batch normalisation: one over the standard deviation of each feature.
    scales: Vec<Vec<f32>>,
    logits: Vec<f32>,
}

/// Returns the logits of rows, by the running statistics.
pub fn predict(layers: &[Layer], weights: &Weights, features: &[f32]) -> Vec<f32> {
    let mut values = features.to_vec();
    for layer in layers {
        values = match layer.what {
            What::Linear { .. } => linear(layer, weights, &values),
            What::Relu => values.iter().map(|value| value.max(0.0)).collect(),
            What::BatchNorm { eps, .. } => {
                let tensor = |name: &str| &weights.0[&layer.key(name)].data;
                let (mean, var) = (tensor("running_mean"), tensor("running_var"));
                let scale: Vec<f32> = var.iter().map(|var| 1.0 / (var + eps).sqrt()).collect();
                normalise(layer, weights, &values, mean, &scale)
            }
        };
    }
    values
}

/// Runs a batch forward as in training, which moves the running statistics.
///
/// # Errors
/// A batch of one row can't be normalised.
pub fn forward(
    layers: &[Layer],
    weights: &mut Weights,
    features: Vec<f32>,
    n_rows: usize,
) -> Result<Tape, String> {
    let mut tape = Tape {
        inputs: Vec::new(),
        scales: Vec::new(),
        logits: features,
    };
    for layer in layers {
        let values = std::mem::take(&mut tape.logits);
        let mut scale = Vec::new();
        tape.logits = match layer.what {
            What::Linear { .. } => linear(layer, weights, &values),
            What::Relu => values.iter().map(|value| value.max(0.0)).collect(),
            What::BatchNorm { momentum, eps } => {
                if n_rows < 2 {
                    return Err(format!("node `{}` can't normalise one row", layer.node));
                }
                let (mean, var) = statistics(&values, layer.width, n_rows);
                let unbiased = n_rows as f32 / (n_rows as f32 - 1.0);
                let targets = [
                    ("running_mean", &mean, 1.0),
                    ("running_var", &var, unbiased),
                ];
                for (name, batch, factor) in targets {
                    let running = tensor_mut(weights, &layer.key(name));
                    for (running, batch) in running.iter_mut().zip(batch) {
                        *running += momentum * (batch * factor - *running);
                    }
                }
                scale = var.iter().map(|var| 1.0 / (var + eps).sqrt()).collect();
                normalise(layer, weights, &values, &mean, &scale)
            }
        };
        tape.inputs.push(values);
        tape.scales.push(scale);
    }
    Ok(tape)
}

/// Returns the loss of a batch against smoothed targets and the gradients of its mean by key.
pub fn backward(
    layers: &[Layer],
    weights: &Weights,
    tape: &Tape,
    labels: &[u32],
    smoothing: f64,
) -> (Loss, BTreeMap<String, Vec<f32>>) {
    let n_rows = labels.len();
    let (loss, mut gradient) = cross_entropy(&tape.logits, labels, smoothing);
    let mut gradients = BTreeMap::new();
    for (idx, layer) in layers.iter().enumerate().rev() {
        let inputs = &tape.inputs[idx];
        gradient = match layer.what {
            What::Relu => {
                let both = gradient.iter().zip(inputs);
                both.map(|(g, x)| if *x > 0.0 { *g } else { 0.0 }).collect()
            }
            What::Linear { bias } => {
                let weight = &weights.0[&layer.key("weight")].data;
                let (n_out, n_in) = (layer.width, inputs.len() / n_rows);
                let mut to_weight = vec![0.0; weight.len()];
                let mut to_bias = vec![0.0; n_out];
                let mut to_input = vec![0.0; inputs.len()];
                for row in 0..n_rows {
                    let x = &inputs[row * n_in..][..n_in];
                    let to_x = &mut to_input[row * n_in..][..n_in];
                    for out in 0..n_out {
                        let g = gradient[row * n_out + out];
                        to_bias[out] += g;
                        let from = out * n_in;
                        for feature in 0..n_in {
                            to_weight[from + feature] += g * x[feature];
                            to_x[feature] += g * weight[from + feature];
                        }
                    }
                }
                gradients.insert(layer.key("weight"), to_weight);
                if bias {
                    gradients.insert(layer.key("bias"), to_bias);
                }
                to_input
            }
            What::BatchNorm { .. } => {
                let gain = &weights.0[&layer.key("weight")].data;
                let (mean, _) = statistics(inputs, layer.width, n_rows);
                let scale = &tape.scales[idx];
                let normal =
                    |at: usize| (inputs[at] - mean[at % layer.width]) * scale[at % layer.width];
                let mut to_gain = vec![0.0; layer.width];
                let mut to_shift = vec![0.0; layer.width];
                for (at, g) in gradient.iter().enumerate() {
                    to_gain[at % layer.width] += g * normal(at);
                    to_shift[at % layer.width] += g;
                }
                let n = n_rows as f32;
                let to_input = gradient.iter().enumerate().map(|(at, g)| {
                    let feature = at % layer.width;
                    let centred = g - to_shift[feature] / n - normal(at) * to_gain[feature] / n;
                    centred * gain[feature] * scale[feature]
                });
                let to_input = to_input.collect();
                gradients.insert(layer.key("weight"), to_gain);
                gradients.insert(layer.key("bias"), to_shift);
                to_input
            }
        };
    }
    (loss, gradients)
}

fn linear(layer: &Layer, weights: &Weights, values: &[f32]) -> Vec<f32> {
    let weight = &weights.0[&layer.key("weight")];
    let bias = weights.get(&layer.key("bias"));
    let n_in = weight.shape[1];
    let mut results = Vec::with_capacity(values.len() / n_in * layer.width);
    for row in values.chunks_exact(n_in) {
        for (out, weight) in weight.data.chunks_exact(n_in).enumerate() {
            let start = bias.map_or(0.0, |bias| bias.data[out]);
            let products = row.iter().zip(weight).map(|(x, w)| x * w);
            results.push(start + products.sum::<f32>());
        }
    }
    results
}

fn normalise(
    layer: &Layer,
    weights: &Weights,
    values: &[f32],
    mean: &[f32],
    scale: &[f32],
) -> Vec<f32> {
    let gain = &weights.0[&layer.key("weight")].data;
    let shift = &weights.0[&layer.key("bias")].data;
    let value = |(at, value): (usize, &f32)| {
        let feature = at % layer.width;
        (value - mean[feature]) * scale[feature] * gain[feature] + shift[feature]
    };
    values.iter().enumerate().map(value).collect()
}

/// Returns mean and variance (divided by the number of rows) of each feature.
fn statistics(values: &[f32], width: usize, n_rows: usize) -> (Vec<f32>, Vec<f32>) {
    let mut mean = vec![0.0; width];
    for (at, value) in values.iter().enumerate() {
        mean[at % width] += value / n_rows as f32;
    }
    let mut var = vec![0.0; width];
    for (at, value) in values.iter().enumerate() {
        var[at % width] += (value - mean[at % width]).powi(2) / n_rows as f32;
    }
    (mean, var)
}

/// Returns the loss of a batch and the gradient of its mean by logit; a share of the target,
/// `smoothing`, is spread evenly over all classes.
fn cross_entropy(logits: &[f32], labels: &[u32], smoothing: f64) -> (Loss, Vec<f32>) {
    let n_classes = logits.len() / labels.len();
    let mut loss = Loss {
        n_rows: labels.len(),
        ..Loss::default()
    };
    let mut gradient = Vec::with_capacity(logits.len());
    for (row, label) in logits.chunks_exact(n_classes).zip(labels) {
        let label = *label as usize;
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> = row
            .iter()
            .map(|logit| f64::from(logit - top).exp())
            .collect();
        let sum: f64 = powers.iter().sum();
        loss.right += usize::from(row.iter().position(|logit| *logit == top) == Some(label));
        for (class, power) in powers.iter().enumerate() {
            let is_label = f64::from(u8::from(class == label));
            let target = (1.0 - smoothing) * is_label + smoothing / n_classes as f64;
            // What is no target costs nothing, even where its logit is infinitely low.
            if target > 0.0 {
                loss.sum += target * (sum.ln() - f64::from(row[class] - top));
            }
            gradient.push(((power / sum - target) / labels.len() as f64) as f32);
        }
    }
    (loss, gradient)
}

fn tensor_mut<'a>(weights: &'a mut Weights, key: &str) -> &'a mut [f32] {
    let tensor = weights.0.get_mut(key);
    &mut tensor
        .expect("the weights were checked against the graph")
        .data
}

/// What the optimizer remembers, by key: first and second moments.
#[derive(Default)]
pub struct Stepper {
    moments: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
}

impl Stepper {
    /// Takes a step of the recipe's optimizer, counted from 1, with PyTorch's constants.
    pub fn step(
        &mut self,
        weights: &mut Weights,
        gradients: &BTreeMap<String, Vec<f32>>,
        recipe: &Recipe,
        learning_rate: f64,
        n_steps: u64,
    ) {
        let (rate, decay) = (learning_rate as f32, recipe.weight_decay as f32);
        let steps = n_steps.min(i32::MAX as u64) as i32;
        let correction = |beta: f64| (1.0 - beta.powi(steps)) as f32;
        let (first_share, second_share) = (correction(0.9), correction(0.999));
        let momentum = recipe.momentum as f32;
        let clip = clip(gradients, recipe.gradient_clip_norm);
        for (key, gradient) in gradients {
            let zeros = || vec![0.0; gradient.len()];
            let moments = self.moments.entry(key.clone());
            let (first, second) = moments.or_insert_with(|| (zeros(), zeros()));
            for (at, weight) in tensor_mut(weights, key).iter_mut().enumerate() {
                let mut g = clip * gradient[at];
                match recipe.optimizer {
                    Optimizer::AdamW => *weight -= rate * decay * *weight,
                    Optimizer::Adam | Optimizer::Sgd => g += decay * *weight,
                }
                if recipe.optimizer == Optimizer::Sgd {
                    // PyTorch starts the buffer with the first gradient, which zero comes to.
                    first[at] = momentum * first[at] + g;
                    let nesterov = g + momentum * first[at];
                    *weight -= rate * if recipe.nesterov { nesterov } else { first[at] };
                } else {
                    first[at] = 0.9 * first[at] + 0.1 * g;
                    second[at] = 0.999 * second[at] + 0.001 * g * g;
                    let size = (second[at] / second_share).sqrt() + 1e-8;
                    *weight -= rate * (first[at] / first_share) / size;
                }
            }
        }
    }
}

/// Returns what gradients are multiplied with so that their norm is at most `max_norm`.
fn clip(gradients: &BTreeMap<String, Vec<f32>>, max_norm: Option<f64>) -> f32 {
    let squares = gradients.values().flatten().map(|g| f64::from(*g).powi(2));
    max_norm.map_or(1.0, |max_norm| {
        clip_factor(max_norm, squares.sum::<f64>().sqrt()) as f32
    })
}
