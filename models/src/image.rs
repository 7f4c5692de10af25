//! What the networks for images share: their input, their widths and their convolutions.

use firebrick_core::graph::Op;
use firebrick_core::model::ModelError;
use serde::Deserialize;

/// Returns channels, height and width of an input that is an image.
pub(crate) fn image(input_shape: &[usize]) -> Result<[usize; 3], ModelError> {
    match input_shape {
        [channels, height, width] if !input_shape.contains(&0) => Ok([*channels, *height, *width]),
        _ => Err(ModelError::Input {
            found: input_shape.to_vec(),
            expected: "this network takes images, such as [3, 32, 32]".to_owned(),
        }),
    }
}

/// How wide the layers of a network are, relative to what they are by themselves.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Width(f64);

impl TryFrom<f64> for Width {
    type Error = String;

    fn try_from(width: f64) -> Result<Self, String> {
        if width > 0.0 && width.is_finite() {
            return Ok(Self(width));
        }
        Err(format!("expected a number above 0, found {width}"))
    }
}

impl Width {
    /// Returns the width that a network has by itself.
    pub(crate) fn full() -> Self {
        Self(1.0)
    }

    /// Returns what becomes of the channels of a layer.
    ///
    /// # Errors
    /// [`ModelError::Args`] if that is no whole number: to round would give a network whose layers
    /// no longer stand to each other as the argument says.
    pub(crate) fn of(self, channels: usize) -> Result<usize, ModelError> {
        let scaled = channels as f64 * self.0;
        if scaled.fract() == 0.0 && scaled >= 1.0 {
            // More than a usize holds is held at its largest value, which the graph refuses.
            return Ok(scaled as usize);
        }
        let width = self.0;
        Err(ModelError::Args(format!(
            "`width`: {width} times {channels} channels is {scaled}, expected a whole number of \
             at least 1"
        )))
    }
}

/// Returns a square convolution padded so that a stride of 1 keeps height and width.
///
/// It has no bias, since it stands before a batch norm, whose shift does the same.
pub(crate) fn conv(
    [in_channels, out_channels]: [usize; 2],
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Op {
    Op::Conv2d {
        in_channels,
        out_channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        groups,
        bias: false,
    }
}
