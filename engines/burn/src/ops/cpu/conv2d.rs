//! Convolutions: the way that is fastest for each.

use burn::tensor::Tensor;

use super::super::window::Window;
use super::product::Write;
use super::winograd::Pictures;
use super::{Numbers, Values, columns, depthwise, in_pool, values, vector, winograd};

/// Returns whether a convolution is made here: one group, or one a channel.
pub(crate) fn takes(weight: &Tensor<4>, window: &Window) -> bool {
    window.groups == 1 || depthwise(weight.dims(), window)
}

/// Returns `[rows, out, places]` for weights of `[out, in / groups, height, width]`.
pub(crate) fn forward(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    let geometry = Geometry::of(x.dims()[0], weight.dims(), window);
    forward_by(geometry.way(), x, weight, bias, &geometry)
}

/// Returns what [`forward`] does, of sums of products alone.
///
/// Winograd's transforms divide by 24, so that they round even where float32 holds every product and
/// every sum of a convolution to the bit, as it does of numbers in fixed point.
pub(crate) fn forward_exact(
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    window: &Window,
) -> Values {
    let geometry = Geometry::of(x.dims()[0], weight.dims(), window);
    let way = match geometry.way() {
        Way::Winograd => Way::Columns,
        way => way,
    };
    forward_by(way, x, weight, bias, &geometry)
}

fn forward_by(
    way: Way,
    x: Values,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: &Geometry,
) -> Values {
    let shape = geometry.shape_out();
    let (x, bias) = (Numbers::of_places(x), bias.map(Numbers::of));
    let weight = Numbers::of(weight);
    let (x, weight) = (x.as_slice(), weight.as_slice());
    let bias = bias.as_ref().map(Numbers::as_slice);
    let y = match way {
        Way::Depthwise => depthwise::forward(x, weight, bias, geometry),
        Way::Winograd => in_pool(|| winograd::forward(x, weight, bias, &geometry.pictures())),
        Way::Columns => columns::forward(x, weight, bias, geometry),
    };
    values(y, shape)
}

/// Returns the gradient by `x`.
pub(crate) fn backward_x(weight: Tensor<4>, grad: Values, window: &Window) -> Values {
    let geometry = Geometry::of(grad.dims()[0], weight.dims(), window);
    let (grad, weight) = (Numbers::of_places(grad), Numbers::of(weight));
    let (grad, weight) = (grad.as_slice(), weight.as_slice());
    let by_x = match geometry.way() {
        Way::Depthwise => depthwise::backward_x(grad, weight, &geometry),
        Way::Winograd => in_pool(|| winograd::backward_x(grad, weight, &geometry.pictures())),
        Way::Columns => columns::backward_x(grad, weight, &geometry),
    };
    values(by_x, geometry.shape_in())
}

/// Returns the gradient by weights of a shape, in one dimension.
pub(crate) fn backward_weight(
    x: Values,
    weight: [usize; 4],
    grad: Values,
    window: &Window,
) -> Tensor<1> {
    let geometry = Geometry::of(x.dims()[0], weight, window);
    let (x, grad) = (Numbers::of_places(x), Numbers::of_places(grad));
    let (x, grad) = (x.as_slice(), grad.as_slice());
    vector(match geometry.way() {
        Way::Depthwise => depthwise::backward_weight(x, grad, &geometry),
        Way::Winograd => in_pool(|| winograd::backward_weight(x, grad, &geometry.pictures())),
        Way::Columns => columns::backward_weight(x, grad, &geometry),
    })
}

fn depthwise([channels_out, channels_of_group, ..]: [usize; 4], window: &Window) -> bool {
    channels_of_group == 1 && window.groups == channels_out && window.groups > 1
}

/// How a convolution is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Each channel for itself.
    Depthwise,
    /// With fewer multiplications.
    Winograd,
    /// What each window reads is copied side by side: a row of one product of matrices.
    Columns,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) rows: usize,
    pub(super) channels_in: usize,
    pub(super) channels_out: usize,
    pub(super) window: Window,
}

impl Geometry {
    fn of(rows: usize, [out, of_group, ..]: [usize; 4], window: &Window) -> Self {
        Self {
            rows,
            channels_in: of_group * window.groups,
            channels_out: out,
            window: *window,
        }
    }

    fn way(&self) -> Way {
        if self.window.groups > 1 {
            return Way::Depthwise;
        }
        let Window {
            kernel,
            stride,
            padding,
            size_out: [height, width],
            ..
        } = self.window;
        let plain =
            kernel == [3, 3] && stride == [1, 1] && padding.iter().all(|padding| *padding < 3);
        // Below, transforms or tiles that hang over the border cost more than is saved.
        let wide = self.channels_in >= 16 && self.channels_out >= 16;
        let n_tiles = height.div_ceil(4) * width.div_ceil(4);
        match plain && wide && n_tiles * 7 <= height * width {
            true => Way::Winograd,
            false => Way::Columns,
        }
    }

    fn pictures(&self) -> Pictures {
        Pictures {
            n_pictures: self.rows,
            size_in: self.window.size_in,
            channels_in: self.channels_in,
            padding: self.window.padding,
            size_out: self.window.size_out,
            channels_out: self.channels_out,
        }
    }

    fn shape_in(&self) -> [usize; 3] {
        [self.rows, self.channels_in, self.places_in()]
    }

    fn shape_out(&self) -> [usize; 3] {
        [self.rows, self.channels_out, self.places_out()]
    }

    pub(super) fn places_in(&self) -> usize {
        self.window.size_in.iter().product()
    }

    pub(super) fn places_out(&self) -> usize {
        self.window.size_out.iter().product()
    }

    pub(super) fn n_taps(&self) -> usize {
        self.window.kernel.iter().product()
    }

    /// Where the channels lie that a window reads at a tap; nowhere in the border.
    #[inline(always)]
    pub(super) fn place(&self, [down, across]: [usize; 2], tap: usize) -> Option<usize> {
        let window = &self.window;
        let tap = [tap / window.kernel[1], tap % window.kernel[1]];
        let y = (down * window.stride[0] + tap[0]).checked_sub(window.padding[0])?;
        let x = (across * window.stride[1] + tap[1]).checked_sub(window.padding[1])?;
        let inside = y < window.size_in[0] && x < window.size_in[1];
        inside.then_some((y * window.size_in[1] + x) * self.channels_in)
    }
}

/// Puts the bias, if there is one, where the result will be.
pub(super) fn start(y: &mut [f32], bias: Option<&[f32]>) -> Write {
    let Some(bias) = bias else {
        return Write::Replace;
    };
    for y in y.chunks_exact_mut(bias.len()) {
        y.copy_from_slice(bias);
    }
    Write::Add
}
