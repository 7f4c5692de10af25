//! Residual networks for small images.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::{Model, ModelError};
use firebrick_core::register_model;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::read;
use crate::image::{Width, conv, image};

register_model!("resnet-tiny"; ResNetArgs => ResNet);

/// Residual blocks in three stages of 16, 32 and 64 channels: ResNet-8 for small images.
///
/// A 3x3 convolution to 16 channels, then `depth` blocks a stage, then the mean over height and
/// width and a linear layer to the classes. A block adds two 3x3 convolutions to its input; the
/// first block of stages 1 and 2 has stride 2, and a 1x1 convolution of stride 2 projects its
/// input. Every convolution is without bias and has a batch norm after it. The network returns
/// logits.
///
/// Nodes: `conv_0`, `batch_norm_0`, `relu_0`; for stage S and block B, counted from 0,
/// `stage_S_block_B_` before `conv_0`, `batch_norm_0`, `relu_0`, `conv_1`, `batch_norm_1`,
/// `projection` and `projection_batch_norm` where the input is projected, `add`, `relu_1`; then
/// `global_avg_pool`, `last_layer`.
///
/// For `[3, 32, 32]` and 10 classes:
/// - `depth = 1` (ResNet-8): 78,042 parameters, 12,501,632 MACs
/// - `depth = 3` (ResNet-20): 272,474 parameters, 40,813,184 MACs
///
/// Images of any size fit. Channel multipliers count in units of 16.
///
/// # Source
/// He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2,
/// <https://arxiv.org/abs/1512.03385>. Differs: there a block whose channels change pads its input
/// with zero channels; here it is projected, as their option B does for ImageNet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResNetArgs {
    /// Blocks a stage, 1 to 200; a network has 6 times as many layers and two more.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 200))]
    depth: usize,
    /// Channels relative to 16, 32 and 64, such as 0.5 or 2; each layer must get a whole number of
    /// them.
    #[serde(default = "Width::full")]
    #[schemars(with = "f64", extend("default" = 1.0, "exclusiveMinimum" = 0.0))]
    width: Width,
}

fn one() -> usize {
    1
}

/// As deep as the deepest network of the paper, 1,202 layers.
const DEPTH_MAX: usize = 200;

struct ResNet;

impl Model for ResNet {
    fn base_width(&self) -> usize {
        16
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let ResNetArgs { depth, width } = read(args)?;
        if !(1..=DEPTH_MAX).contains(&depth) {
            let reason = format!("`depth` is {depth}, expected 1 to {DEPTH_MAX}");
            return Err(ModelError::Args(reason));
        }
        let [in_channels, ..] = image(input_shape)?;

        let mut channels = width.of(16)?;
        let mut builder = GraphBuilder::new(input_shape);
        builder.push("conv_0", conv([in_channels, channels], 3, 1, 1));
        builder.push("batch_norm_0", Op::batch_norm(channels));
        let mut last = builder.push("relu_0", Op::Relu);
        for (stage_idx, full) in [16, 32, 64].into_iter().enumerate() {
            let out_channels = width.of(full)?;
            for block_idx in 0..depth {
                let block = Block {
                    prefix: format!("stage_{stage_idx}_block_{block_idx}"),
                    in_channels: channels,
                    out_channels,
                    stride: if stage_idx > 0 && block_idx == 0 {
                        2
                    } else {
                        1
                    },
                };
                last = block.push(&mut builder, &last);
                channels = out_channels;
            }
        }
        builder.push("global_avg_pool", Op::GlobalAvgPool);
        builder.push("last_layer", Op::linear(channels, n_classes));
        Ok(builder.finish()?)
    }
}

/// Two convolutions and the way around them.
struct Block {
    prefix: String,
    in_channels: usize,
    out_channels: usize,
    stride: usize,
}

impl Block {
    /// Appends the block to what node `x` makes, and returns its last node.
    fn push(&self, builder: &mut GraphBuilder, x: &str) -> String {
        let channels = self.out_channels;
        let sides = [self.in_channels, channels];
        let name = |node: &str| format!("{}_{node}", self.prefix);

        builder.join(name("conv_0"), conv(sides, 3, self.stride, 1), &[x]);
        builder.push(name("batch_norm_0"), Op::batch_norm(channels));
        builder.push(name("relu_0"), Op::Relu);
        builder.push(name("conv_1"), conv([channels; 2], 3, 1, 1));
        let through = builder.push(name("batch_norm_1"), Op::batch_norm(channels));
        let mut around = x.to_owned();
        if self.stride != 1 || self.in_channels != channels {
            builder.join(name("projection"), conv(sides, 1, self.stride, 1), &[x]);
            around = builder.push(name("projection_batch_norm"), Op::batch_norm(channels));
        }
        builder.join(name("add"), Op::Add, &[&through, &around]);
        builder.push(name("relu_1"), Op::Relu)
    }
}
