//! Runs an ONNX file that was written, as its operators are defined, and compares.
//!
//! Only the operators that are written here are known. Everything is read from the file's bytes, so
//! that order, attributes, names and constants are those that another program sees.

mod interpreter;
mod quant;

use firebrick_core::costs::Costs;
use firebrick_core::random::{Purpose, stream};
use rand::RngExt;

use crate::error::ExportError;
use crate::integer::IntegerNetwork;
use crate::operand::Network;
use crate::reference::Reference;
use interpreter::Interpreter;

/// What a file was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Rows that were computed.
    pub n_rows: usize,
    /// Whether all outputs are equal to those in whole numbers; otherwise they are those of
    /// float64 but for rounding.
    pub is_exact: bool,
}

const ROWS_MAX: usize = 100;
const ROWS_MIN: usize = 1;
/// Multiply-accumulates that a check takes, which is some tenths of a second.
const MACS_MAX: u64 = 500_000_000;
/// What the order of sums may change in float64, and rounding constants to float32.
const TOLERANCE: f64 = 1e-6;

/// Compares a file with the network in whole numbers, or in float64 where there is none.
pub(crate) fn check(
    format: &'static str,
    bytes: &[u8],
    network: &Network<'_>,
    integers: Option<&IntegerNetwork>,
) -> Result<Checked, ExportError> {
    let unreadable = |reason: String| ExportError::Unreadable { format, reason };
    let interpreter = Interpreter::read(bytes).map_err(unreadable)?;
    let reference = match integers {
        Some(_) => None,
        None => Some(Reference::of(network)?),
    };
    let rows = rows(network);
    let size: usize = network.graph.input_shape().iter().product();
    for (row_idx, row) in rows.chunks(size).enumerate() {
        let found = interpreter.run(row).map_err(unreadable)?;
        let expected = match (integers, &reference) {
            (Some(integers), _) => integers.forward(row),
            (None, Some(reference)) => reference.forward(row),
            (None, None) => Vec::new(),
        };
        if found.len() != expected.len() {
            let (found, expected) = (found.len(), expected.len());
            return Err(unreadable(format!(
                "it has {found} outputs, not {expected}"
            )));
        }
        let largest = expected.iter().fold(1.0, |most: f64, y| most.max(y.abs()));
        let tolerance = if integers.is_some() {
            0.0
        } else {
            TOLERANCE * largest
        };
        for (output, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            // NaN is no number that a network computes.
            let off = (found - expected).abs();
            if off.is_nan() || off > tolerance {
                return Err(ExportError::Differs {
                    format,
                    row: row_idx,
                    output,
                    found,
                    expected,
                });
            }
        }
    }
    Ok(Checked {
        n_rows: rows.len() / size,
        is_exact: integers.is_some(),
    })
}

/// Returns pseudo-random rows, the same for the same network: numbers of all sizes that data have
/// after standardising, in `-4.0..4.0`.
fn rows(network: &Network<'_>) -> Vec<f32> {
    let macs = Costs::of(network.graph).total.macs.max(1);
    let n_rows = ((MACS_MAX / macs) as usize).clamp(ROWS_MIN, ROWS_MAX);
    let size: usize = network.graph.input_shape().iter().product();
    let mut rng = stream(0, Purpose::Dataset, 0);
    let numbers = (0..n_rows * size).map(|_| rng.random_range(-4.0..4.0));
    numbers.collect()
}
