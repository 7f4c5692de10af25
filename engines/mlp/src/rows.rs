//! What makes no sense about rows.

use firebrick_core::dataset::Rows;
use firebrick_core::engine::EngineError;
use firebrick_core::graph::Graph;

/// Classes up to which labels can be told apart as float32.
const CLASSES_MAX: usize = 1 << 24;

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
        let n_rows = rows.len();
        return error(format!(
            "there are {n_rows} {name} rows, at most 2^32 can be read"
        ));
    }
    check_size(graph, rows.features, rows.len(), name)?;
    let n_classes = graph.output_shape()[0];
    let unknown = |label: &u32| *label as usize >= n_classes.min(CLASSES_MAX);
    match rows.labels.iter().position(unknown) {
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
