//! Computes the network of a checkpoint, for programs that compare: `forward CHECKPOINT ROWS OUT`.
//!
//! `ROWS` are float32 and `OUT` float64, both as bytes, lowest first, row after row. Where the network
//! is fixed point it is computed in whole numbers, elsewhere with sums in float64; one line of JSON
//! says which, and how many bits the largest whole number needs.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::fs;

use firebrick_core::graph::Graph;
use firebrick_core::weights::Weights;
use firebrick_export::{ExportError, IntegerNetwork, reference};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, checkpoint, rows, out] = args.as_slice() else {
        return Err("expected `forward CHECKPOINT ROWS OUT`".into());
    };
    let bytes = fs::read(checkpoint)?;
    let weights = Weights::from_safetensors(&bytes)?;
    let notes = Weights::notes(&bytes)?;
    let text = notes.get("graph").ok_or("the checkpoint has no network")?;
    let graph: Graph = text.parse()?;
    let rows: Vec<f32> = fs::read(rows)?
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let (outputs, bits) = match IntegerNetwork::of(&graph, &weights) {
        Ok(network) => (network.forward(&rows), Some(network.bits_max())),
        Err(ExportError::Refused { .. }) => (reference(&graph, &weights, &rows)?, None),
        Err(error) => return Err(error.into()),
    };
    let bytes: Vec<u8> = outputs.iter().flat_map(|y| y.to_le_bytes()).collect();
    fs::write(out, bytes)?;
    let said = serde_json::json!({ "is_exact": bits.is_some(), "bits_max": bits });
    println!("{said}");
    Ok(())
}
