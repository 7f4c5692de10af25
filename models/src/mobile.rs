//! Networks of depthwise-separable convolutions.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::{Model, ModelError};
use firebrick_core::register_model;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::read;
use crate::image::{Width, conv, image};

register_model!("mobile-tiny"; MobileArgs => Mobile);

/// Depthwise-separable convolutions to 32, 64, 64 and 128 channels: a MobileNet for small images.
///
/// A 3x3 convolution to 16 channels, then four blocks, then the mean over height and width and a
/// linear layer to the classes. A block is a 3x3 convolution of each channel by itself, of stride 2
/// in blocks 1 and 3, and a 1x1 convolution of all channels. Every convolution is without bias and
/// has batch norm and relu after it. The network returns logits.
///
/// Nodes: `conv_0`, `batch_norm_0`, `relu_0`; for block B, counted from 0, `block_B_` before
/// `depthwise`, `batch_norm_0`, `relu_0`, `pointwise`, `batch_norm_1`, `relu_1`; then
/// `global_avg_pool`, `last_layer`. 19,114 parameters and 3,470,592 MACs for `[3, 32, 32]` and 10
/// classes; images of any size fit. Channel multipliers count in units of 16.
///
/// # Source
/// Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
/// Applications", 2017, section 3.2, <https://arxiv.org/abs/1704.04861>. Differs: 4 blocks for 13,
/// and the first convolution keeps height and width, since the images are small.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MobileArgs {
    /// Channels relative to 16, 32, 64 and 128, such as 0.5 or 2 (the paper's width multiplier);
    /// each layer must get a whole number of them.
    #[serde(default = "Width::full")]
    #[schemars(with = "f64", extend("default" = 1.0, "exclusiveMinimum" = 0.0))]
    width: Width,
}

/// Channels and stride of each block.
const BLOCKS: [(usize, usize); 4] = [(32, 1), (64, 2), (64, 1), (128, 2)];

struct Mobile;

impl Model for Mobile {
    fn base_width(&self) -> usize {
        16
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let MobileArgs { width } = read(args)?;
        let [in_channels, ..] = image(input_shape)?;

        let mut channels = width.of(16)?;
        let mut builder = GraphBuilder::new(input_shape);
        builder.push("conv_0", conv([in_channels, channels], 3, 1, 1));
        builder.push("batch_norm_0", Op::batch_norm(channels));
        builder.push("relu_0", Op::Relu);
        for (block_idx, (full, stride)) in BLOCKS.into_iter().enumerate() {
            let out_channels = width.of(full)?;
            let mut push = |node: &str, op| builder.push(format!("block_{block_idx}_{node}"), op);
            push("depthwise", conv([channels; 2], 3, stride, channels));
            push("batch_norm_0", Op::batch_norm(channels));
            push("relu_0", Op::Relu);
            push("pointwise", conv([channels, out_channels], 1, 1, 1));
            push("batch_norm_1", Op::batch_norm(out_channels));
            push("relu_1", Op::Relu);
            channels = out_channels;
        }
        builder.push("global_avg_pool", Op::GlobalAvgPool);
        builder.push("last_layer", Op::linear(channels, n_classes));
        Ok(builder.finish()?)
    }
}
