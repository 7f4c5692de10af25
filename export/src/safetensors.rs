//! Weights as they are stored, as safetensors.
//!
//! Keys are those of checkpoints. A tensor with a number format holds the numbers that the format
//! has; one without is as it was learned. Of a batch normalisation with a format its `scale` and
//! `shift` are there, of one without its four tensors. The notes hold the network's text form
//! (`graph`), in which the formats are, `numbers` = `stored`, and where rows are scaled before the
//! network reads them `input_mean` and `input_std`, JSON lists.

use std::collections::BTreeMap;

use firebrick_core::graph::Op;
use firebrick_core::scaling::Scaling;
use firebrick_core::weights::{Tensor, Weights, tensors};

use crate::error::ExportError;
use crate::operand::{Network, format};

/// Returns the weights of a network as a safetensors file.
pub(crate) fn write(
    network: &Network<'_>,
    scaling: Option<&Scaling>,
) -> Result<Vec<u8>, ExportError> {
    let mut stored = BTreeMap::new();
    for node in network.graph.nodes() {
        let key = |tensor: &str| format!("{}.{tensor}", node.name);
        let has_format = ["weight", "bias"]
            .iter()
            .any(|operand| format(node, operand).is_some());
        if matches!(node.op, Op::BatchNorm { .. }) && has_format {
            for (operand, name) in [("weight", "scale"), ("bias", "shift")] {
                let tensor = network.stored(node, operand)?;
                stored.extend(tensor.map(|tensor| (key(name), tensor)));
            }
            continue;
        }
        for (name, _) in tensors(node) {
            let tensor: Option<Tensor> = match format(node, name) {
                Some(_) => network.stored(node, name)?,
                None => network.tensor(node, name).cloned(),
            };
            stored.extend(tensor.map(|tensor| (key(name), tensor)));
        }
    }
    let notes = [
        ("graph", network.graph.to_string()),
        ("numbers", "stored".to_owned()),
    ];
    let notes = notes
        .into_iter()
        .chain(scaling.into_iter().flat_map(Scaling::notes));
    let notes = notes.map(|(key, value)| (key.to_owned(), value)).collect();
    let stored = Weights(stored);
    let bytes = stored.to_safetensors(&notes);
    match Weights::from_safetensors(&bytes)? == stored {
        true => Ok(bytes),
        false => Err(ExportError::Unreadable {
            format: "safetensors",
            reason: "it holds other numbers than were written".to_owned(),
        }),
    }
}
