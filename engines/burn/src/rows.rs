//! Rows between host and device.

use burn::tensor::{Device, Tensor, TensorData};
use firebrick_core::dataset::Rows;
use firebrick_core::engine::row_width;
use firebrick_core::graph::Graph;

use crate::network::Network;
use crate::ops::Values;
use crate::parameters::{Parameters, numbers};

/// Values of the widest result that one pass of [`predict`] may have: 16 MiB.
const VALUES_A_PASS: usize = 1 << 22;
/// Rows that one pass of [`predict`] has at most, so that small networks stay in the cache.
const ROWS_A_PASS: usize = 1024;

/// Returns the logits of rows, pass after pass, so that memory does not grow with the rows.
pub(crate) fn predict(
    graph: &Graph,
    network: &Network<'_>,
    parameters: &Parameters,
    features: &[f32],
    device: &Device,
) -> Vec<f32> {
    let width = row_width(graph);
    let widest = (0..graph.nodes().len())
        .map(|idx| graph.shape(idx).iter().product())
        .fold(1, usize::max);
    let rows_a_pass = (VALUES_A_PASS / widest).clamp(1, ROWS_A_PASS);
    let mut logits = Vec::with_capacity(features.len() / width * graph.output_shape()[0]);
    for pass in features.chunks(rows_a_pass * width) {
        let x = upload(graph, pass.to_vec(), device);
        logits.extend(numbers(network.predict(parameters, x)));
    }
    logits
}

/// Puts rows onto a device: `[rows, channels, places]`.
pub(crate) fn upload(graph: &Graph, features: Vec<f32>, device: &Device) -> Values {
    let channels = graph.input_shape()[0];
    let places = row_width(graph) / channels;
    let rows = features.len() / (channels * places);
    Tensor::from_data(TensorData::new(features, [rows, channels, places]), device)
}

/// Copies the rows of an order side by side.
pub(crate) fn gather(rows: Rows<'_>, width: usize, order: &[u32]) -> (Vec<f32>, Vec<u32>) {
    let mut features = Vec::with_capacity(order.len() * width);
    for row in order {
        let start = *row as usize * width;
        features.extend_from_slice(&rows.features[start..start + width]);
    }
    let labels = order.iter().map(|row| rows.labels[*row as usize]);
    (features, labels.collect())
}
