//! What a node computes.

use serde::{Deserialize, Serialize};

/// What a node computes, with its attributes.
///
/// The set is closed: every engine, cost and pass knows every op.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Op {
    /// The network's input, of a shape without the batch.
    Input {
        /// `[features]` or `[channels, height, width]`.
        shape: Vec<usize>,
    },
    /// `y = x Wᵀ + b`.
    Linear {
        /// Features of `x`.
        in_features: usize,
        /// Features of `y`.
        out_features: usize,
        /// Whether `b` is there.
        bias: bool,
    },
    /// A cross-correlation over two spatial dimensions, as PyTorch's `Conv2d`.
    Conv2d {
        /// Channels of the input.
        in_channels: usize,
        /// Channels of the result.
        out_channels: usize,
        /// Height and width of the kernel.
        kernel: [usize; 2],
        /// Step in height and width.
        stride: [usize; 2],
        /// Zeros on both sides of height and width.
        padding: [usize; 2],
        /// Into how many independent groups the channels fall.
        groups: usize,
        /// Whether each channel of the result has a bias.
        bias: bool,
    },
    /// Batch normalisation over the first dimension (features or channels), with learned affine.
    BatchNorm {
        /// Features or channels.
        features: usize,
        /// Weight of a new batch in the running statistics, as PyTorch counts it.
        momentum: f64,
        /// Added to the variance.
        eps: f64,
    },
    /// `max(x, 0)`.
    Relu,
    /// Largest value of each window.
    MaxPool {
        /// Height and width of the window.
        kernel: [usize; 2],
        /// Step in height and width.
        stride: [usize; 2],
        /// Minus infinities on both sides of height and width.
        padding: [usize; 2],
    },
    /// Mean of each window, padding zeros counted.
    AvgPool {
        /// Height and width of the window.
        kernel: [usize; 2],
        /// Step in height and width.
        stride: [usize; 2],
        /// Zeros on both sides of height and width.
        padding: [usize; 2],
    },
    /// Mean over height and width: `[channels, height, width]` to `[channels]`.
    GlobalAvgPool,
    /// Everything in one dimension.
    Flatten,
    /// Sum of two or more results of one shape.
    Add,
    /// Two or more results side by side in the first dimension.
    Concat,
    /// Zeroes values with probability `p` in training and scales the others by `1 / (1 - p)`.
    Dropout {
        /// In `0.0..1.0`.
        p: f64,
    },
    /// The network's output.
    Output,
}

impl Op {
    /// The names of all types of node.
    pub const NAMES: [&'static str; 13] = [
        "input",
        "linear",
        "conv2d",
        "batch_norm",
        "relu",
        "max_pool",
        "avg_pool",
        "global_avg_pool",
        "flatten",
        "add",
        "concat",
        "dropout",
        "output",
    ];

    /// Returns the type's name, as in files, seeds by type and the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Linear { .. } => "linear",
            Self::Conv2d { .. } => "conv2d",
            Self::BatchNorm { .. } => "batch_norm",
            Self::Relu => "relu",
            Self::MaxPool { .. } => "max_pool",
            Self::AvgPool { .. } => "avg_pool",
            Self::GlobalAvgPool => "global_avg_pool",
            Self::Flatten => "flatten",
            Self::Add => "add",
            Self::Concat => "concat",
            Self::Dropout { .. } => "dropout",
            Self::Output => "output",
        }
    }

    /// Returns a linear layer with bias.
    pub fn linear(in_features: usize, out_features: usize) -> Self {
        Self::Linear {
            in_features,
            out_features,
            bias: true,
        }
    }

    /// Returns batch normalisation with PyTorch's momentum 0.1 and eps 1e-5.
    pub fn batch_norm(features: usize) -> Self {
        Self::BatchNorm {
            features,
            momentum: 0.1,
            eps: 1e-5,
        }
    }

    /// Returns whether the op has weights of its own.
    pub fn has_weights(&self) -> bool {
        matches!(
            self,
            Self::Linear { .. } | Self::Conv2d { .. } | Self::BatchNorm { .. }
        )
    }
}
