//! Zero-cost metrics, defined at [`ZeroCost`], of what a network with number formats computes.

mod eigenvalues;

use burn::tensor::{DType, Device, Tensor, TensorData};
use firebrick_core::calibration::in_float;
use firebrick_core::dataset::{RowReader, Rows};
use firebrick_core::engine::{EngineError, ZeroCost};
use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::weights::Weights;

use crate::loss::cross_entropy;
use crate::network::{Network, Tape};
use crate::ops::Values;
use crate::parameters::{Parameters, numbers};
use crate::rows::upload;
use eigenvalues::eigenvalues;

/// What keeps logarithms and quotients of eigenvalues finite.
const FLOOR: f64 = 1e-5;

/// Returns metrics of weights and rows that fit the graph.
///
/// # Errors
/// If the batch can't be normalised, or there is nothing that a metric counts.
pub(crate) fn score(
    graph: &Graph,
    weights: &Weights,
    rows: Rows<'_>,
    metrics: &[ZeroCost],
    device: &Device,
) -> Result<Vec<f64>, EngineError> {
    let plain = without(graph, |node| {
        matches!(node.op, Op::Dropout { .. }) && node.annotations.formats.is_empty()
    });
    let batch = Batch::new(&plain, weights, rows, device);
    let score = |metric: &ZeroCost| match metric {
        ZeroCost::Synflow => Ok(synflow(graph, weights)),
        ZeroCost::GradNorm => Ok(batch.checked()?.grad_norm()),
        ZeroCost::JacobCov => Ok(batch.checked()?.jacob_cov()),
        ZeroCost::Naswot => batch.checked()?.naswot(),
    };
    metrics.iter().map(score).collect()
}

/// A network, and the rows that it reads at once.
struct Batch<'a> {
    graph: &'a Graph,
    parameters: Parameters,
    rows: Rows<'a>,
    device: &'a Device,
}

impl<'a> Batch<'a> {
    fn new(graph: &'a Graph, weights: &Weights, rows: Rows<'a>, device: &'a Device) -> Self {
        Self {
            graph,
            parameters: Parameters::new(graph, weights, device),
            rows,
            device,
        }
    }

    fn checked(&self) -> Result<&Self, EngineError> {
        let n_rows = self.rows.len();
        match Network::new(self.graph, &self.parameters).normalises_one_value(n_rows) {
            None => Ok(self),
            Some(node) => Err(EngineError::Rows(format!(
                "node `{}` (batch_norm) can't normalise a batch of {n_rows} row, which has one \
                 value a channel",
                node.name
            ))),
        }
    }

    /// Returns the logits and what the backward pass needs.
    fn forward(&self, network: &Network<'_>) -> (Values, Tape) {
        let reader = RowReader::new(self.rows.features, self.graph.input_shape());
        let mut features = vec![0.0; self.rows.len() * reader.width()];
        for (row, into) in features.chunks_exact_mut(reader.width()).enumerate() {
            reader.read(row, into);
        }
        let x = upload(self.graph, features, self.device);
        // Running statistics move in a copy that nobody reads.
        network.forward(&mut self.parameters.clone(), x, &mut [idle()])
    }

    fn grad_norm(&self) -> f64 {
        let network = Network::new(self.graph, &self.parameters);
        let (logits, tape) = self.forward(&network);
        let shape = logits.dims();
        let loss = cross_entropy(&numbers(logits), self.rows.labels, 0.0);
        let gradient = Tensor::from_data(TensorData::new(loss.gradient, shape), self.device);
        let gradients = network.backward(&self.parameters, tape, gradient);
        let norm = |idx: usize| {
            let (_, gradient) = self.parameters.weight_with(&gradients, idx)?;
            let squares = numbers(gradient).into_iter().map(|g| f64::from(g).powi(2));
            Some(squares.sum::<f64>().sqrt())
        };
        layers(self.graph).filter_map(norm).sum()
    }

    fn jacob_cov(&self) -> f64 {
        let network = Network::with_input(self.graph, &self.parameters);
        let (logits, tape) = self.forward(&network);
        let ones = logits.ones_like();
        let gradient = network.backward_to_input(&self.parameters, tape, ones);
        let gradient = gradient.expect("the output depends on the input");
        let gradient = wide(numbers(gradient));
        let values = eigenvalues(correlations(&gradient, self.rows.len()), self.rows.len());
        let terms = values
            .into_iter()
            .map(|value| (value + FLOOR).ln() + 1.0 / (value + FLOOR));
        -terms.sum::<f64>()
    }

    fn naswot(&self) -> Result<f64, EngineError> {
        let network = Network::with_input(self.graph, &self.parameters);
        let (_, tape) = self.forward(&network);
        let relus = network.relus(&tape);
        if relus.is_empty() {
            let reason = format!("`{}` counts relus, the network has none", ZeroCost::Naswot);
            return Err(EngineError::Other(reason));
        }
        let n_rows = self.rows.len();
        let mut kernel = vec![0.0; n_rows * n_rows];
        for relu in relus {
            add_agreements(&mut kernel, &numbers(relu), n_rows);
        }
        let values = eigenvalues(kernel, n_rows);
        Ok(values.into_iter().map(|value| value.max(FLOOR).ln()).sum())
    }
}

/// Computes on the processor, wherever the other metrics are: not every device has float64. Weights
/// and biases are as they are stored, while magnitudes flow in float64.
fn synflow(graph: &Graph, weights: &Weights) -> f64 {
    let device = Device::flex();
    let weights = as_stored(graph, weights);
    let bare = in_float(&without(graph, |node| {
        matches!(node.op, Op::Dropout { .. } | Op::BatchNorm { .. })
    }));
    let mut parameters = Parameters::new(&bare, &weights, &device).magnitudes();
    let network = Network::new(&bare, &parameters);
    let shape = bare.input_shape();
    let shape = [1, shape[0], shape[1..].iter().product()];
    let x = Tensor::ones(shape, (&device, DType::F64));
    let (output, tape) = network.forward(&mut parameters, x, &mut [idle()]);
    let gradients = network.backward(&parameters, tape, output.ones_like());
    let flow = |idx: usize| {
        let (weight, gradient) = parameters.weight_with(&gradients, idx)?;
        let flow = (weight * gradient).abs().sum().into_data();
        flow.try_into_vec::<f64>().ok()?.first().copied()
    };
    layers(&bare).filter_map(flow).sum::<f64>().ln()
}

/// Returns the positions of linear layers and convolutions.
fn layers(graph: &Graph) -> impl Iterator<Item = usize> {
    let nodes = graph.nodes().iter().enumerate();
    let layers = nodes.filter(|(_, node)| matches!(node.op, Op::Linear { .. } | Op::Conv2d { .. }));
    layers.map(|(idx, _)| idx)
}

/// Returns weights in which those of layers are as they are stored.
fn as_stored(graph: &Graph, weights: &Weights) -> Weights {
    let device = Device::flex();
    let parameters = Parameters::new(graph, weights, &device);
    let stored = Network::new(graph, &parameters).stored(&parameters);
    let mut weights = weights.clone();
    for idx in layers(graph) {
        for name in ["weight", "bias"] {
            let key = format!("{}.{name}", graph.nodes()[idx].name);
            if let (Some(tensor), Some(stored)) = (weights.0.get_mut(&key), stored.get(idx, name)) {
                tensor.data = numbers(stored);
            }
        }
    }
    weights
}

/// Takes nodes of one input out of a graph: who read them reads what they read. Dropout that stays
/// drops nothing.
fn without(graph: &Graph, is_out: fn(&Node) -> bool) -> Graph {
    let nodes = graph.nodes();
    let source = |name: &String| {
        let mut name = name.clone();
        while let Some(node) = graph.index(&name).map(|idx| &nodes[idx])
            && is_out(node)
        {
            name.clone_from(&node.inputs[0]);
        }
        name
    };
    let left = nodes.iter().filter(|node| !is_out(node));
    let left = left.map(|node| Node {
        inputs: node.inputs.iter().map(source).collect(),
        op: match &node.op {
            Op::Dropout { .. } => Op::Dropout { p: 0.0 },
            op => op.clone(),
        },
        ..node.clone()
    });
    Graph::new(left.collect()).expect("what is taken out changes no shape")
}

/// Adds to `K` of two rows the number of values that are above zero for both or for neither.
fn add_agreements(kernel: &mut [f64], values: &[f32], n_rows: usize) {
    let width = values.len() / n_rows;
    let rows: Vec<&[f32]> = values.chunks_exact(width).collect();
    for (idx, one) in rows.iter().enumerate() {
        for (other_idx, other) in rows.iter().enumerate() {
            let pairs = one.iter().zip(*other);
            let n_equal = pairs.filter(|(a, b)| (**a > 0.0) == (**b > 0.0)).count();
            kernel[idx * n_rows + other_idx] += n_equal as f64;
        }
    }
}

/// Returns the correlations between rows, `[rows, rows]`.
fn correlations(values: &[f64], n_rows: usize) -> Vec<f64> {
    let width = values.len() / n_rows;
    let normalised: Vec<Vec<f64>> = values
        .chunks_exact(width)
        .map(|row| {
            let mean = row.iter().sum::<f64>() / width as f64;
            let centred: Vec<f64> = row.iter().map(|value| value - mean).collect();
            let norm = centred.iter().map(|value| value * value).sum::<f64>();
            centred.iter().map(|value| value / norm.sqrt()).collect()
        })
        .collect();
    let mut matrix = Vec::with_capacity(n_rows * n_rows);
    for one in &normalised {
        for other in &normalised {
            matrix.push(one.iter().zip(other).map(|(a, b)| a * b).sum());
        }
    }
    matrix
}

fn wide(numbers: Vec<f32>) -> Vec<f64> {
    numbers.into_iter().map(f64::from).collect()
}

/// The stream of dropout for networks that have none.
fn idle() -> Stream {
    stream(0, Purpose::Dropout, 0)
}

#[cfg(test)]
mod tests;
