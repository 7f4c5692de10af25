//! Rows between host and device.

use burn::tensor::{Device, Tensor, TensorData};
use firebrick_core::dataset::{FeatureRows, RowReader};
use firebrick_core::engine::row_width;
use firebrick_core::graph::Graph;
use firebrick_core::images::{Augment, Occasion};

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
    features: FeatureRows<'_>,
    device: &Device,
) -> Vec<f32> {
    let reader = RowReader::new(features, graph.input_shape());
    let width = reader.width();
    let widest = (0..graph.nodes().len())
        .map(|idx| graph.shape(idx).iter().product())
        .fold(1, usize::max);
    let rows_a_pass = (VALUES_A_PASS / widest).clamp(1, ROWS_A_PASS);
    let n_rows = features.len() / width;
    let stored = network.stored(parameters);
    let mut logits = Vec::with_capacity(n_rows * graph.output_shape()[0]);
    for start in (0..n_rows).step_by(rows_a_pass) {
        let mut pass = vec![0.0; rows_a_pass.min(n_rows - start) * width];
        for (row, into) in (start..).zip(pass.chunks_exact_mut(width)) {
            reader.read(row, into);
        }
        let x = upload(graph, pass, device);
        logits.extend(numbers(network.predict(parameters, &stored, x)));
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
pub(crate) fn gather(
    reader: &RowReader<'_>,
    augment: &Augment,
    seed: u64,
    epoch: usize,
    order: &[u32],
) -> Vec<f32> {
    let mut features = vec![0.0; order.len() * reader.width()];
    for (row, into) in order.iter().zip(features.chunks_exact_mut(reader.width())) {
        let row = *row;
        reader.read_to_train(augment, Occasion { seed, epoch, row }, into);
    }
    features
}
