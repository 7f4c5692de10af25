//! Checkpoints: the weights of a network in a safetensors file, with the network in its notes.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow};
use firebrick_core::graph::Graph;
use firebrick_core::scaling::Scaling;
use firebrick_core::weights::{Weights, WeightsError};

use crate::failure::hinted;

/// The note that holds the network in its text form.
const GRAPH: &str = "graph";

/// The notes that hold what its training rows are drawn from.
const DATASET: &str = "dataset";
const SEED: &str = "seed";

/// The hint where a file does not fit itself.
const CHANGED: &str = "the file was changed after it was written";

/// Which rows are for training, validation and the test: a data set, and the seed that splits it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drawn {
    pub(crate) dataset: String,
    pub(crate) seed: u64,
    /// What those rows are scaled by, where they are.
    pub(crate) scaling: Option<Scaling>,
}

/// What a checkpoint holds.
pub(crate) struct Checkpoint {
    /// The tensors, which are those of the network where there is one.
    pub(crate) weights: Weights,
    /// The network, its number formats included; absent where another program wrote the file.
    pub(crate) graph: Option<Graph>,
    /// What it was trained on, where it is known.
    pub(crate) drawn: Option<Drawn>,
}

/// Returns the bytes of a checkpoint, with further notes.
pub(crate) fn bytes<const N: usize>(
    graph: &Graph,
    weights: &Weights,
    drawn: Option<&Drawn>,
    notes: [(&str, String); N],
) -> Vec<u8> {
    let mut all = BTreeMap::from([(GRAPH.to_owned(), graph.to_string())]);
    if let Some(Drawn {
        dataset,
        seed,
        scaling,
    }) = drawn
    {
        all.insert(DATASET.to_owned(), dataset.clone());
        all.insert(SEED.to_owned(), seed.to_string());
        let scaling = scaling.iter().flat_map(Scaling::notes);
        all.extend(scaling.map(|(key, value)| (key.to_owned(), value)));
    }
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
    let seed = notes.get(SEED).and_then(|seed| seed.parse().ok());
    let mut drawn = notes.get(DATASET).zip(seed).map(|(dataset, seed)| Drawn {
        dataset: dataset.clone(),
        seed,
        scaling: None,
    });
    let Some(text) = notes.get(GRAPH) else {
        return Ok(Checkpoint {
            weights,
            graph: None,
            drawn,
        });
    };
    let graph: Graph = text
        .parse()
        .map_err(|error| anyhow!("{error}"))
        .context("the network in its notes can't be read")
        .with_context(here)?;
    check(path, &weights, &graph, CHANGED)?;
    let scaling = Scaling::of_notes(&notes, graph.input_shape())
        .map_err(|error| hinted(anyhow!(error).context(here()), CHANGED))?;
    if let Some(drawn) = &mut drawn {
        drawn.scaling = scaling;
    }
    Ok(Checkpoint {
        weights,
        graph: Some(graph),
        drawn,
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
