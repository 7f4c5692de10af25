//! What the families share: reading arguments and stringing ops together.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::ModelError;
use firebrick_core::registry;
use serde::de::DeserializeOwned;

/// Reads the arguments of a model.
pub(crate) fn read<T: DeserializeOwned>(args: &Json) -> Result<T, ModelError> {
    registry::parse(args).map_err(ModelError::Args)
}

/// Returns the number of features of an input that is one row of them.
pub(crate) fn features(input_shape: &[usize]) -> Result<usize, ModelError> {
    match input_shape {
        [features] if *features > 0 => Ok(*features),
        _ => Err(ModelError::Input {
            found: input_shape.to_vec(),
            expected: "this network takes one row of features, such as [16]".to_owned(),
        }),
    }
}

/// Appends the ops one after the other, named `prefix_0`, `prefix_1` and so on.
pub(crate) fn finish(
    mut builder: GraphBuilder,
    prefix: &str,
    ops: Vec<Op>,
) -> Result<Graph, ModelError> {
    for (op_idx, op) in ops.into_iter().enumerate() {
        builder.push(format!("{prefix}_{op_idx}"), op);
    }
    Ok(builder.finish()?)
}
