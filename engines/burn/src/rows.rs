//! Rows between host and device, and what makes no sense about them.

use burn::tensor::{Device, Tensor, TensorData};
use firebrick_core::dataset::Rows;
use firebrick_core::engine::EngineError;
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
    let width = width(graph);
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
    let places = width(graph) / channels;
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

/// Numbers of one row.
pub(crate) fn width(graph: &Graph) -> usize {
    graph.input_shape().iter().product()
}

/// Checks that rows can be read by a network and judged, `name` being what they are called.
///
/// # Errors
/// [`EngineError::Rows`] names the first row that does not fit.
pub(crate) fn check(graph: &Graph, rows: Rows<'_>, name: &str) -> Result<(), EngineError> {
    let error = |reason: String| Err(EngineError::Rows(reason));
    if rows.is_empty() {
        return error(format!("there are no {name} rows"));
    }
    if u32::try_from(rows.len()).is_err() {
        return error(format!(
            "there are {} {name} rows, at most 2^32 can be read",
            rows.len()
        ));
    }
    check_size(graph, rows.features, rows.len(), name)?;
    let n_classes = graph.output_shape()[0];
    match rows
        .labels
        .iter()
        .position(|label| *label as usize >= n_classes)
    {
        Some(row) => error(format!(
            "row {row} of the {name} rows has label {}, but the network has {n_classes} outputs",
            rows.labels[row]
        )),
        None => Ok(()),
    }
}

/// Checks that features are as many as a network reads for so many rows.
///
/// # Errors
/// [`EngineError::Rows`] says how many there should be.
pub(crate) fn check_size(
    graph: &Graph,
    features: &[f32],
    n_rows: usize,
    name: &str,
) -> Result<(), EngineError> {
    let width = width(graph);
    if n_rows.checked_mul(width) == Some(features.len()) {
        return Ok(());
    }
    Err(EngineError::Rows(format!(
        "{n_rows} {name} rows come with {} numbers, but the network's input {:?} takes {width} a row",
        features.len(),
        graph.input_shape()
    )))
}

/// Checks that all features are finite.
///
/// # Errors
/// [`EngineError::Rows`] names the first one that is not.
pub(crate) fn check_finite(features: &[f32], width: usize, name: &str) -> Result<(), EngineError> {
    match features.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(EngineError::Rows(format!(
            "row {} of the {name} rows has {} at position {}",
            at / width,
            features[at],
            at % width
        ))),
        None => Ok(()),
    }
}
