//! The toy network: the smallest thing that also takes images.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::{Model, ModelError};
use firebrick_core::register_model;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::{finish, read};

register_model!("toy"; ToyArgs => Toy);

/// Three linear layers 8 wide over the flattened input, for rows of features and for images.
///
/// Nodes `flatten`, then `seq_blocks_0` to `seq_blocks_4`: linear to 8, relu, linear 8-8, relu,
/// linear to the classes; the network returns logits. 24,746 parameters for CIFAR-10
/// (`[3, 32, 32]`, 10 classes), 130 for the toy data of 4 features and 2 classes. Channel
/// multipliers count in units of 8.
///
/// # Source
/// `toy` of MASE, <https://github.com/DeepWok/mase>, February 2024.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ToyArgs {}

struct Toy;

impl Model for Toy {
    fn base_width(&self) -> usize {
        8
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let ToyArgs {} = read(args)?;
        let ops = vec![
            Op::linear(flat_size(input_shape)?, 8),
            Op::Relu,
            Op::linear(8, 8),
            Op::Relu,
            Op::linear(8, n_classes),
        ];
        let mut builder = GraphBuilder::new(input_shape);
        builder.push("flatten", Op::Flatten);
        finish(builder, "seq_blocks", ops)
    }
}

/// Returns how many numbers one input has; `[features]` and `[channels, height, width]` fit.
pub(crate) fn flat_size(input_shape: &[usize]) -> Result<usize, ModelError> {
    if !matches!(input_shape.len(), 1 | 3) || input_shape.contains(&0) {
        return Err(ModelError::Input {
            found: input_shape.to_vec(),
            expected: "this network takes [features] or [channels, height, width]".to_owned(),
        });
    }
    // An input so large that this saturates is refused by the graph, which names its limit.
    let size = |product: usize, size: &usize| product.saturating_mul(*size);
    Ok(input_shape.iter().fold(1, size))
}
