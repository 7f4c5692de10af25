//! Judging rows on a device.

use burn::tensor::{Device, Tensor};
use firebrick_core::dataset::Rows;
use firebrick_core::engine::Evaluation;
use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;

use super::data::DeviceRows;
use super::loss::{Classes, right_by_class, row_losses, sums};
use super::memory::rows_a_pass;
use super::size::Size;
use crate::network::Network;
use crate::parameters::{Parameters, numbers};

/// What goes in and out of the network of a stack.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) n_candidates: usize,
    /// Channels of the input of one candidate.
    pub(crate) channels: usize,
    pub(crate) classes: Classes,
}

impl Ends {
    /// Returns those of so many candidates that are as wide as a graph.
    pub(crate) fn of(graph: &Graph, n_candidates: usize, device: &Device) -> Self {
        Self {
            n_candidates,
            channels: graph.input_shape()[0],
            classes: Classes::new(graph.output_shape()[0], device),
        }
    }
}

/// What judging rows came to, on the device.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Sums of cross-entropies over some rows each, `[sums, candidates]`.
    pub(crate) losses: Tensor<2>,
    /// Rows of each class that are right, `[classes, candidates]`.
    pub(crate) right: Tensor<2>,
}

/// Judges the candidates of a network on rows, pass after pass, without waiting for the device.
///
/// What it comes to does not depend on how many rows a pass reads.
pub(crate) fn judge(
    network: &Network<'_>,
    parameters: &Parameters,
    rows: &DeviceRows,
    ends: &Ends,
    rows_a_pass: usize,
) -> Judged {
    let stored = network.stored(parameters);
    let (mut losses, mut right): (Vec<Tensor<2>>, Option<Tensor<2>>) = (Vec::new(), None);
    for start in (0..rows.len()).step_by(rows_a_pass) {
        let pass = start..rows.len().min(start + rows_a_pass);
        let x = rows.run(pass.clone(), ends.n_candidates, ends.channels);
        let logits = network.predict(parameters, &stored, x);
        let labels = rows.labels(pass.clone());
        let of_each = labels.clone().reshape([pass.len(), 1]);
        let of_each = of_each.expand([pass.len(), ends.n_candidates]);
        let of_pass = row_losses(logits, of_each, &ends.classes);
        losses.push(of_pass.losses);
        let of_pass = right_by_class(of_pass.right, labels, &ends.classes);
        right = Some(match right {
            Some(right) => right + of_pass,
            None => of_pass,
        });
    }
    Judged {
        losses: sums(Tensor::cat(losses, 0)),
        right: right.expect("there are rows to judge"),
    }
}

/// Judges one network on rows, which fit it.
///
/// # Errors
/// Where there are more rows than can be counted on the device.
pub(crate) fn evaluate(
    graph: &Graph,
    weights: &Weights,
    rows: Rows<'_>,
    device: &Device,
) -> Result<Evaluation, String> {
    let ends = Ends::of(graph, 1, device);
    let on_device = DeviceRows::new(rows, graph.input_shape(), device)?;
    let parameters = Parameters::new(graph, weights, device);
    let network = Network::new(graph, &parameters);
    let rows_a_pass = rows_a_pass(&Size::of(graph), 1);
    let judged = judge(&network, &parameters, &on_device, &ends, rows_a_pass);
    let [losses, right] = fetch([judged.losses, judged.right]);
    let by_class = rows_by_class(rows.labels, graph.output_shape()[0]);
    Ok(evaluation(&losses, &right, &by_class, 1, 0))
}

/// Copies tensors off the device in one go, each row after row.
pub(crate) fn fetch<const N: usize>(tensors: [Tensor<2>; N]) -> [Vec<f32>; N] {
    let sizes = tensors
        .each_ref()
        .map(|tensor| tensor.shape().num_elements());
    let flat = tensors.into_iter().zip(sizes);
    let flat = flat.map(|(tensor, size)| tensor.reshape([size])).collect();
    let mut all = numbers(Tensor::<1>::cat(flat, 0)).into_iter();
    sizes.map(|size| all.by_ref().take(size).collect())
}

/// Returns the sum of a candidate's numbers in rows of `n_candidates`.
pub(crate) fn sum_of(rows: &[f32], n_candidates: usize, candidate: usize) -> f64 {
    let numbers = rows.iter().skip(candidate).step_by(n_candidates);
    numbers.map(|number| f64::from(*number)).sum()
}

/// Returns what a candidate came to, of what [`judge`] made, on rows whose classes have so many.
pub(crate) fn evaluation(
    losses: &[f32],
    right: &[f32],
    rows_by_class: &[u64],
    n_candidates: usize,
    candidate: usize,
) -> Evaluation {
    let n_rows = rows_by_class.iter().sum::<u64>() as f64;
    let right = right.iter().skip(candidate).step_by(n_candidates);
    let right: Vec<f64> = right.map(|right| f64::from(*right)).collect();
    let seen = right.iter().zip(rows_by_class);
    let shares = seen.filter(|(_, rows)| **rows > 0);
    let shares: Vec<f64> = shares.map(|(right, rows)| right / *rows as f64).collect();
    Evaluation {
        loss: sum_of(losses, n_candidates, candidate) / n_rows,
        accuracy: right.iter().sum::<f64>() / n_rows,
        macro_accuracy: shares.iter().sum::<f64>() / shares.len() as f64,
    }
}

/// Counts the rows of each class.
pub(crate) fn rows_by_class(labels: &[u32], n_classes: usize) -> Vec<u64> {
    let mut rows = vec![0; n_classes];
    for label in labels {
        rows[*label as usize] += 1;
    }
    rows
}
