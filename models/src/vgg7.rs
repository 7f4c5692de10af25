//! The VGG networks: stages of convolutions, each followed by a pool, then linear layers.

use firebrick_core::Json;
use firebrick_core::graph::{Graph, GraphBuilder, Op};
use firebrick_core::model::{Model, ModelError};
use firebrick_core::register_model;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::chain::read;
use crate::image::{Width, image};

register_model!("vgg7"; Vgg7Args => VGG7);
register_model!("vgg-tiny"; VggTinyArgs => VGG_TINY);

/// Six convolutions and three linear layers for images: the network of the seed's second study.
///
/// Three stages of two 3x3 convolutions (128, 256, 512 channels), each with batch norm and relu,
/// and a 2x2 max pool after each stage; then linear layers to 1024, 1024 and the classes, with
/// relus between. The network returns logits.
///
/// Nodes: `feature_layers_0` to `feature_layers_20` (convolutions are 0, 3, 7, 10, 14 and 17, pools
/// 6, 13 and 20), `view` (the flatten), `classifier_0` to `classifier_3`, `last_layer`.
/// Convolutions have biases; batch norms take 0.9 of a new batch into their running statistics,
/// where PyTorch's default is 0.1.
///
/// For `[3, 32, 32]` and 10 classes:
/// - `width = 1`: 14,029,450 parameters, 616,966,144 MACs
/// - `width = 0.5`: 3,512,650 parameters, 155,128,832 MACs
/// - `width = 0.25`: 880,810 parameters, 39,225,856 MACs
/// - `width = 0.125`: 221,530 parameters, 10,028,288 MACs
///
/// Other images fit as well, if height and width are at least 8. Channel multipliers count in units
/// of 128 whatever the `width` is, as in the seed; at another width than 1 use `factor`, which is
/// relative to the layer's own channels.
///
/// # Source
/// `vgg7` of MASE, <https://github.com/DeepWok/mase>, February 2024, after Simonyan and Zisserman,
/// "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
/// <https://arxiv.org/abs/1409.1556>. Differs: there the input must be 32x32.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Vgg7Args {
    /// Channels and hidden features relative to the full network's, such as 0.5, 0.25 or 0.125;
    /// each layer must get a whole number of them.
    #[serde(default = "Width::full")]
    #[schemars(with = "f64", extend("default" = 1.0, "exclusiveMinimum" = 0.0))]
    width: Width,
}

/// Three convolutions and two linear layers for images: a small VGG for tests and small machines.
///
/// Three stages of one 3x3 convolution (16, 32, 64 channels), each with batch norm, relu and a 2x2
/// max pool; then linear layers to 32 and the classes, with a relu between. The network returns
/// logits.
///
/// Nodes: `feature_layers_0` to `feature_layers_11` (convolutions are 0, 4 and 8, pools 3, 7 and
/// 11), `view` (the flatten), `classifier_0` and `classifier_1`, `last_layer`. Convolutions have
/// biases; batch norms are PyTorch's. 56,938 parameters and 2,834,752 MACs for `[3, 32, 32]` and 10
/// classes; height and width must be at least 8. Channel multipliers count in units of 16.
///
/// # Source
/// Our own, in the layout of `vgg7`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VggTinyArgs {
    /// Channels and hidden features relative to the full network's, such as 0.5 or 2; each layer
    /// must get a whole number of them.
    #[serde(default = "Width::full")]
    #[schemars(with = "f64", extend("default" = 1.0, "exclusiveMinimum" = 0.0))]
    width: Width,
}

/// A member of the family.
struct Vgg {
    /// Reads the width out of the member's arguments.
    width: fn(&Json) -> Result<Width, ModelError>,
    base_width: usize,
    /// Channels of the convolutions, stage by stage; a pool ends each stage.
    stages: &'static [&'static [usize]],
    /// Outputs of the linear layers but for the last.
    hidden: &'static [usize],
    /// Of the batch norms, as PyTorch counts it.
    momentum: f64,
}

const VGG7: Vgg = Vgg {
    width: |args| Ok(read::<Vgg7Args>(args)?.width),
    base_width: 128,
    stages: &[&[128, 128], &[256, 256], &[512, 512]],
    hidden: &[1024, 1024],
    momentum: 0.9,
};

const VGG_TINY: Vgg = Vgg {
    width: |args| Ok(read::<VggTinyArgs>(args)?.width),
    base_width: 16,
    stages: &[&[16], &[32], &[64]],
    hidden: &[32],
    momentum: 0.1,
};

impl Model for Vgg {
    fn base_width(&self) -> usize {
        self.base_width
    }

    fn build(
        &self,
        args: &Json,
        input_shape: &[usize],
        n_classes: usize,
    ) -> Result<Graph, ModelError> {
        let width = (self.width)(args)?;
        let [mut channels, ..] = image(input_shape)?;
        let places = self.pooled(input_shape)?;

        let mut ops = Vec::new();
        for stage in self.stages {
            for full in *stage {
                let out_channels = width.of(*full)?;
                ops.push(conv3x3(channels, out_channels));
                ops.push(Op::BatchNorm {
                    features: out_channels,
                    momentum: self.momentum,
                    eps: 1e-5,
                });
                ops.push(Op::Relu);
                channels = out_channels;
            }
            ops.push(Op::MaxPool {
                kernel: [2; 2],
                stride: [2; 2],
                padding: [0; 2],
            });
        }
        let mut builder = GraphBuilder::new(input_shape);
        for (op_idx, op) in ops.into_iter().enumerate() {
            builder.push(format!("feature_layers_{op_idx}"), op);
        }

        builder.push("view", Op::Flatten);
        // An input so large that this saturates is refused by the graph, which names its limit.
        let mut features = places.saturating_mul(channels);
        for (layer_idx, full) in self.hidden.iter().enumerate() {
            let out_features = width.of(*full)?;
            let linear = Op::linear(features, out_features);
            builder.push(format!("classifier_{}", 2 * layer_idx), linear);
            builder.push(format!("classifier_{}", 2 * layer_idx + 1), Op::Relu);
            features = out_features;
        }
        builder.push("last_layer", Op::linear(features, n_classes));
        Ok(builder.finish()?)
    }
}

impl Vgg {
    /// Returns how many places of an image are left after the pools.
    ///
    /// # Errors
    /// [`ModelError::Input`] names the side that has none left.
    fn pooled(&self, input_shape: &[usize]) -> Result<usize, ModelError> {
        let mut places = 1_usize;
        for (side, size) in ["height", "width"].iter().zip(&input_shape[1..]) {
            let mut left = *size;
            for n_pools in 1..=self.stages.len() {
                left /= 2;
                if left == 0 {
                    let smallest = 1 << self.stages.len();
                    return Err(ModelError::Input {
                        found: input_shape.to_vec(),
                        expected: format!(
                            "a {side} of {size} is pooled to zero by pool {n_pools} of {}, each of \
                             which halves it; expected at least {smallest}",
                            self.stages.len()
                        ),
                    });
                }
            }
            places = places.saturating_mul(left);
        }
        Ok(places)
    }
}

fn conv3x3(in_channels: usize, out_channels: usize) -> Op {
    Op::Conv2d {
        in_channels,
        out_channels,
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 2],
        groups: 1,
        bias: true,
    }
}
