//! Multilayer perceptrons of any widths.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::{Model, ModelError};
use firebrick_core::register_model;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::{finish, read};
use crate::toy::flat_size;

register_model!("mlp"; MlpArgs => Mlp);

/// Linear layers of the given widths with relus between them, and a last one to the classes.
///
/// Without arguments it is the jet network 64-32-32 of hls4ml: 4,389 parameters and 4,256 MACs for
/// 16 features and 5 classes. Nodes are `seq_blocks_0`, `seq_blocks_1` and so on: batch norm of
/// the input if asked for, then linear, relu (and dropout if asked for) for each width, then
/// linear to the classes; the network returns logits. An image is flattened first, by a node
/// `flatten`, so that the other names are the same for every dataset. Channel multipliers count in
/// units of 32.
///
/// # Source
/// Duarte et al., "Fast inference of deep neural networks in FPGAs for particle physics", 2018,
/// <https://arxiv.org/abs/1804.06913>, for the default widths.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MlpArgs {
    /// Outputs of each hidden layer; none makes a linear classifier.
    #[serde(default = "default_widths")]
    widths: Vec<usize>,
    /// Normalise the input by batch.
    #[serde(default)]
    batch_norm: bool,
    /// Probability of a value after each hidden relu to be dropped in training, below 1.
    #[serde(default)]
    dropout: f64,
    /// Give the linear layers biases.
    #[serde(default = "default_bias")]
    bias: bool,
}

fn default_widths() -> Vec<usize> {
    vec![64, 32, 32]
}

fn default_bias() -> bool {
    true
}

struct Mlp;

impl Model for Mlp {
    fn base_width(&self) -> usize {
        32
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let args: MlpArgs = read(args)?;
        let mut width = flat_size(input_shape)?;
        let mut builder = GraphBuilder::new(input_shape);
        if input_shape.len() > 1 {
            builder.push("flatten", Op::Flatten);
        }
        let linear = |in_features, out_features| Op::Linear {
            in_features,
            out_features,
            bias: args.bias,
        };
        let mut ops = Vec::new();
        if args.batch_norm {
            ops.push(Op::batch_norm(width));
        }
        for &hidden in &args.widths {
            ops.push(linear(width, hidden));
            ops.push(Op::Relu);
            // Only zero means none: a value that makes no sense must reach the check of the graph.
            if args.dropout != 0.0 {
                ops.push(Op::Dropout { p: args.dropout });
            }
            width = hidden;
        }
        ops.push(linear(width, n_classes));
        finish(builder, "seq_blocks", ops)
    }
}
