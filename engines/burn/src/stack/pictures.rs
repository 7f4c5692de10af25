//! Pictures as bytes on a device, and how they change there before they are trained on.

use burn::tensor::{DType, Device, Int, IntDType, Tensor, TensorData};
use firebrick_core::images::{Change, Normalize, PixelReader};

use super::data::ints;

/// Numbers that say what one picture is changed by, see [`numbers_of`].
pub(super) const NUMBERS_A_CHANGE: usize = 7;
/// What a byte can be.
const BYTES: usize = 256;

/// Pictures as bytes.
#[derive(Debug)]
pub(super) struct Pictures {
    pub(super) height: usize,
    pub(super) width: usize,
    /// `[rows, channels * places]`.
    pub(super) bytes: Tensor<2, Int>,
    /// What bytes become, channel after channel, and 0 at the end, the mean colour.
    numbers: Tensor<1>,
    /// Where the numbers of a channel begin, `[1, channels, 1]`.
    offsets: Tensor<3, Int>,
}

impl Pictures {
    pub(super) fn new(
        bytes: &[u8],
        shape: &[usize],
        normalize: &Normalize,
        device: &Device,
    ) -> Self {
        let [channels, height, width] = [shape[0], shape[1], shape[2]];
        let size = channels * height * width;
        let data = TensorData::new(bytes.to_vec(), [bytes.len() / size, size]);
        let mut numbers = PixelReader::new(shape, normalize).numbers().to_vec();
        numbers.push(0.0);
        let n_numbers = numbers.len();
        let offsets = (0..channels)
            .map(|channel| (channel * BYTES) as i32)
            .collect();
        Self {
            height,
            width,
            bytes: Tensor::from_data(data, (device, DType::U8)),
            numbers: Tensor::from_data(TensorData::new(numbers, [n_numbers]), device),
            offsets: ints(offsets, [1, channels, 1], device),
        }
    }

    /// Returns where the numbers of pictures are, `[pictures, channels, places]`.
    pub(super) fn places_of(&self, bytes: Tensor<2, Int>) -> Tensor<3, Int> {
        self.as_planes(bytes) + self.offsets.clone()
    }

    /// Returns where the numbers of pictures are once they are changed.
    pub(super) fn places_changed(
        &self,
        bytes: Tensor<2, Int>,
        changes: &Tensor<2, Int>,
    ) -> Tensor<3, Int> {
        let planes = self.as_planes(bytes);
        let [pictures, channels, places] = planes.dims();
        let (height, width) = (self.height, self.width);
        let device = planes.device();
        let part = |idx| changes.clone().narrow(1, idx, 1);
        // `[pictures, height]` and `[pictures, width]`, for each pixel of the new picture.
        let rows = || ints((0..height as i32).collect(), [1, height], &device);
        let columns = || ints((0..width as i32).collect(), [1, width], &device);
        let from_row = rows() - part(0);
        let mirrored = columns().mul_scalar(-2).add_scalar(width as i32 - 1);
        let from_column = columns() + part(2) * mirrored - part(1);
        let inside = within(&from_row, 0, height)
            .reshape([pictures, height, 1])
            .mul(within(&from_column, 0, width).reshape([pictures, 1, width]));
        let hole = between(rows(), part(3), part(4))
            .reshape([pictures, height, 1])
            .mul(between(columns(), part(5), part(6)).reshape([pictures, 1, width]));
        let from = clamped(from_row, height)
            .mul_scalar(width as i32)
            .reshape([pictures, height, 1])
            .add(clamped(from_column, width).reshape([pictures, 1, width]));
        let one_plane = |values: Tensor<3, Int>| values.reshape([pictures, 1, places]);
        let from = one_plane(from).repeat_dim(1, channels);
        // What is moved in from outside is black, byte 0.
        let byte = planes.gather(2, from) * one_plane(inside);
        let place = byte + self.offsets.clone();
        let (hole, grey) = (one_plane(hole), (channels * BYTES) as i32);
        place * (hole.clone().mul_scalar(-1).add_scalar(1)) + hole.mul_scalar(grey)
    }

    /// Returns the numbers at places, `[pictures, channels * places]`.
    pub(super) fn look_up(&self, at: Tensor<3, Int>) -> Tensor<2> {
        let [pictures, channels, places] = at.dims();
        let size = channels * places;
        let numbers = self
            .numbers
            .clone()
            .select(0, at.reshape([pictures * size]));
        numbers.reshape([pictures, size])
    }

    fn as_planes(&self, bytes: Tensor<2, Int>) -> Tensor<3, Int> {
        let [pictures, size] = bytes.dims();
        let places = self.height * self.width;
        let bytes = bytes.cast(IntDType::I32);
        bytes.reshape([pictures, size / places, places])
    }
}

/// Returns the numbers that say what a picture is changed by.
pub(super) fn numbers_of(change: &Change) -> [i32; NUMBERS_A_CHANGE] {
    let [down, right] = change.shift.map(|shift| shift as i32);
    let [[top, bottom], [left, end]] = change.hole.map(|range| range.map(|at| at as i32));
    [down, right, i32::from(change.flip), top, bottom, left, end]
}

/// Returns 1 where positions are in a range, else 0.
fn within(positions: &Tensor<2, Int>, start: i32, size: usize) -> Tensor<2, Int> {
    let least = positions.clone().greater_equal_scalar(start);
    let inside = least.bool_and(positions.clone().lower_scalar(start + size as i32));
    inside.cast(IntDType::I32)
}

/// Returns 1 where `start <= positions < end`, row by row, else 0.
fn between(
    positions: Tensor<2, Int>,
    start: Tensor<2, Int>,
    end: Tensor<2, Int>,
) -> Tensor<2, Int> {
    let shape = [start.dims()[0], positions.dims()[1]];
    let [positions, start, end] = [positions, start, end].map(|values| values.expand(shape));
    let least = positions.clone().greater_equal(start);
    least.bool_and(positions.lower(end)).cast(IntDType::I32)
}

fn clamped(positions: Tensor<2, Int>, size: usize) -> Tensor<2, Int> {
    positions.clamp(0, size as i32 - 1)
}
