//! Pooling over height and width.

use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Int, Tensor, module};

use super::conv2d::{picture, places};
use super::window::Window;
use super::{Values, cpu};

/// Returns the largest value of each window.
pub(crate) fn forward_max(x: Values, window: &Window) -> Values {
    if cpu::takes(&x) && cpu::pool::takes(window) {
        return cpu::pool::forward(x, window).0;
    }
    places(module::max_pool2d(
        picture(x, window.size_in),
        max_options(window),
    ))
}

/// Where the largest values of windows were.
#[derive(Debug)]
pub(crate) enum Maxima {
    /// By the kernels of this engine.
    Cpu(cpu::pool::Winners),
    /// By burn, with what was read.
    Burn(Box<(Values, Tensor<4, Int>)>),
}

/// Returns the largest value of each window and where it was.
pub(crate) fn forward_max_with_places(x: Values, window: &Window) -> (Values, Maxima) {
    if cpu::takes(&x) && cpu::pool::takes(window) {
        let (y, winners) = cpu::pool::forward(x, window);
        return (y, Maxima::Cpu(winners));
    }
    let read = picture(x.clone(), window.size_in);
    let (y, indices) = module::max_pool2d_with_indices(read, max_options(window));
    (places(y), Maxima::Burn(Box::new((x, indices))))
}

/// Returns the gradient by `x`: what a window passes on goes to its largest value.
pub(crate) fn backward_max(maxima: Maxima, grad: Values, window: &Window) -> Values {
    match maxima {
        Maxima::Cpu(winners) => cpu::pool::backward(&winners, grad, window),
        Maxima::Burn(kept) => {
            let (x, indices) = *kept;
            places(module::max_pool2d_with_indices_backward(
                picture(x, window.size_in),
                window.kernel,
                window.stride,
                window.padding,
                [1, 1],
                false,
                picture(grad, window.size_out),
                indices,
            ))
        }
    }
}

/// Returns the mean of each window, zeros of the border counted.
pub(crate) fn forward_avg(x: Values, window: &Window) -> Values {
    let options = AvgPoolOptions::new(window.kernel)
        .with_stride(window.stride)
        .with_padding(window.padding)
        .with_count_include_pad(true);
    places(module::avg_pool2d(picture(x, window.size_in), options))
}

/// Returns the gradient by `x`: each value of a window gets an equal share.
pub(crate) fn backward_avg(x: Values, grad: Values, window: &Window) -> Values {
    places(module::avg_pool2d_backward(
        picture(x, window.size_in),
        picture(grad, window.size_out),
        window.kernel,
        window.stride,
        window.padding,
        true,
        false,
    ))
}

/// Returns the mean over all places, `[rows, channels, 1]`.
pub(crate) fn forward_global(x: Values) -> Values {
    x.mean_dim(2)
}

/// Returns the gradient by `x` of `places` places.
pub(crate) fn backward_global(grad: Values, places: usize) -> Values {
    let [rows, channels, _] = grad.dims();
    let share = grad.div_scalar(places as f64);
    share.expand([rows, channels, places])
}

fn max_options(window: &Window) -> MaxPoolOptions<2> {
    MaxPoolOptions::new(window.kernel)
        .with_stride(window.stride)
        .with_padding(window.padding)
}
