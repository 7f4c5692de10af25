//! Checkpoints: the weights of a network in a safetensors file, with the network in its notes.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow};
use firebrick_core::graph::Graph;
use firebrick_core::weights::{Weights, WeightsError};

use crate::failure::hinted;

/// The note that holds the network in its text form.
const GRAPH: &str = "graph";

/// What a checkpoint holds.
pub(crate) struct Checkpoint {
    /// The tensors, which are those of the network where there is one.
    pub(crate) weights: Weights,
    /// The network, its number formats included; absent where another program wrote the file.
    pub(crate) graph: Option<Graph>,
}

/// Returns the bytes of a checkpoint, with further notes.
pub(crate) fn bytes<const N: usize>(
    graph: &Graph,
    weights: &Weights,
    notes: [(&str, String); N],
) -> Vec<u8> {
    let mut all = BTreeMap::from([(GRAPH.to_owned(), graph.to_string())]);
    let notes = notes.into_iter();
    all.extend(notes.map(|(key, value)| (key.to_owned(), value)));
    weights.to_safetensors(&all)
}

/// Reads a checkpoint.
pub(crate) fn read(path: &str) -> Result<Checkpoint> {
    let here = || format!("can't use checkpoint `{path}`");
    let bytes = fs::read(path).with_context(here)?;
    let hint = "checkpoints are safetensors files, as `firebrick train` writes them";
    let weights = Weights::from_safetensors(&bytes)
        .map_err(|error| hinted(anyhow!(error).context(here()), hint))?;
    let notes =
        Weights::notes(&bytes).map_err(|error| hinted(anyhow!(error).context(here()), hint))?;
    let Some(text) = notes.get(GRAPH) else {
        return Ok(Checkpoint {
            weights,
            graph: None,
        });
    };
    let graph: Graph = text
        .parse()
        .map_err(|error| anyhow!("{error}"))
        .context("the network in its notes can't be read")
        .with_context(here)?;
    check(
        path,
        &weights,
        &graph,
        "the file was changed after it was written",
    )?;
    Ok(Checkpoint {
        weights,
        graph: Some(graph),
    })
}

/// Checks that weights of a file fit a network.
pub(crate) fn check(path: &str, weights: &Weights, graph: &Graph, hint: &str) -> Result<()> {
    weights.check(graph).map_err(|error| {
        let hint = match error {
            WeightsError::NotFinite { .. } => {
                "its training went wrong: a lower learning rate helps"
            }
            _ => hint,
        };
        let error = anyhow!(error).context(format!("can't use checkpoint `{path}`"));
        hinted(error, hint)
    })
}
