//! Pictures as bytes, and what becomes of them on their way into a batch.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::random::{Purpose, stream};
use crate::scaling::Scaling;

/// How the bytes of a picture become numbers: `(byte / 255 - mean) / std`, a pair a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalize {
    /// The mean of each channel, in `0.0..=1.0`.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel, above 0.
    pub std: Vec<f32>,
}

/// What changes a picture each time that it is trained on. Nothing changes those that are judged.
///
/// # Source
/// Crop and flip: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section
/// 4.2. Cutout: DeVries and Taylor, <https://arxiv.org/abs/1708.04552>, section 3.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Black pixels that are put on every side before a part of the old size is cut out anywhere;
    /// 0 means that nothing is cut.
    #[serde(default)]
    pub crop: usize,
    /// Whether every second picture is mirrored, left to right.
    #[serde(default)]
    pub flip: bool,
    /// The side of a square that is blotted out with the mean colour. Its centre is anywhere in
    /// the picture, so a part of it may lie outside; 0 means none.
    #[serde(default)]
    pub cutout: usize,
}

/// Which picture of a training is changed, so that neither the order of a batch nor the thread
/// matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// The seed of the candidate.
    pub seed: u64,
    /// Counted from 0.
    pub epoch: usize,
    /// The row in the training split.
    pub row: u32,
}

/// Turns pictures of one shape into numbers.
#[derive(Debug, Clone)]
pub struct PixelReader {
    channels: usize,
    height: usize,
    width: usize,
    /// The number of each byte, channel after channel.
    numbers: Vec<f32>,
}

/// What a picture is changed by, drawn for one occasion: it is moved, then mirrored, then a part of
/// it is blotted out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// How many pixels it is moved down and to the right; what comes in is black.
    pub shift: [isize; 2],
    /// Whether it is mirrored, left to right.
    pub flip: bool,
    /// Rows and columns that become the mean colour, each from and to.
    pub hole: [[usize; 2]; 2],
}

impl Normalize {
    /// Returns the mean and standard deviation of each channel over pictures,
    /// `[pictures][channels][pixels]`.
    ///
    /// A channel of one colour gets the deviation 1. No pictures give means of 0 and deviations
    /// of 1.
    pub fn of(bytes: &[u8], shape: &[usize]) -> Self {
        let (channels, pixels) = (shape[0], shape[1..].iter().product::<usize>());
        let mut counts = vec![[0_u64; 256]; channels];
        for (plane, values) in bytes.chunks_exact(pixels).enumerate() {
            let counts = &mut counts[plane % channels];
            for byte in values {
                counts[usize::from(*byte)] += 1;
            }
        }
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        for counts in &counts {
            let n = counts.iter().sum::<u64>().max(1) as f64;
            let moment = |f: &dyn Fn(f64) -> f64| {
                let terms = counts.iter().enumerate();
                let sum: f64 = terms
                    .map(|(byte, count)| *count as f64 * f(byte as f64 / 255.0))
                    .sum();
                sum / n
            };
            let of_channel = moment(&|x| x);
            let variance = moment(&|x| (x - of_channel) * (x - of_channel));
            mean.push(of_channel as f32);
            std.push(if variance > 0.0 {
                variance.sqrt() as f32
            } else {
                1.0
            });
        }
        Self { mean, std }
    }

    /// Leaves numbers in `0.0..=1.0`.
    pub fn none(channels: usize) -> Self {
        Self {
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
        }
    }

    /// Returns what becomes of bytes in `0..=255`.
    pub fn scaling(&self) -> Scaling {
        let of_bytes = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x) * 255.0).collect();
        Scaling {
            mean: of_bytes(&self.mean),
            std: of_bytes(&self.std),
        }
    }
}

impl Augment {
    /// Changes nothing.
    pub const NONE: Self = Self {
        crop: 0,
        flip: false,
        cutout: 0,
    };

    /// What networks for CIFAR-10 are commonly trained with: 4 pixels of padding, and mirrors.
    pub const STANDARD: Self = Self {
        crop: 4,
        flip: true,
        cutout: 0,
    };

    /// Draws what changes a picture of a size on an occasion, for an engine that does it itself.
    pub fn draw(&self, occasion: Occasion, height: usize, width: usize) -> Change {
        let counter = (occasion.epoch as u64) << 32 | u64::from(occasion.row);
        let mut random = stream(occasion.seed, Purpose::Augment, counter);
        let reach = self.crop as i64;
        let shift = [0, 1].map(|_| random.random_range(-reach..=reach) as isize);
        let flip = random.random::<bool>() && self.flip;
        let centre = [height, width].map(|size| random.random_range(0..size));
        let hole = [(centre[0], height), (centre[1], width)].map(|(centre, size)| {
            let start = centre as isize - (self.cutout / 2) as isize;
            let end = start + self.cutout as isize;
            [start, end].map(|at| at.clamp(0, size as isize) as usize)
        });
        Change { shift, flip, hole }
    }
}

impl PixelReader {
    /// Prepares reading pictures of a shape, `[channels, height, width]`.
    ///
    /// # Panics
    /// If the shape is no picture's, or has other channels than `normalize`.
    pub fn new(shape: &[usize], normalize: &Normalize) -> Self {
        let [channels, height, width] = *shape else {
            panic!("pictures have channels, height and width, not {shape:?}");
        };
        assert_eq!(normalize.mean.len(), channels, "means of channels");
        assert_eq!(normalize.std.len(), channels, "deviations of channels");
        let scales = normalize.mean.iter().zip(&normalize.std);
        let of_channel = |(mean, std): (&f32, &f32)| {
            let (mean, std) = (*mean, *std);
            (0..=u8::MAX).map(move |byte| (f32::from(byte) / 255.0 - mean) / std)
        };
        Self {
            channels,
            height,
            width,
            numbers: scales.flat_map(of_channel).collect(),
        }
    }

    /// Returns what bytes become: 256 numbers a channel, channel after channel.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// Bytes of one picture.
    pub fn size(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Writes a picture as it is.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn read(&self, bytes: &[u8], numbers: &mut [f32]) {
        assert_eq!(bytes.len(), self.size(), "bytes of a picture");
        assert_eq!(numbers.len(), self.size(), "numbers of a picture");
        let plane = self.height * self.width;
        for channel in 0..self.channels {
            let table = self.table(channel);
            let from = &bytes[channel * plane..][..plane];
            let to = &mut numbers[channel * plane..][..plane];
            for (number, byte) in to.iter_mut().zip(from) {
                *number = table[usize::from(*byte)];
            }
        }
    }

    /// Writes a picture as it is changed on an occasion.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn read_changed(
        &self,
        bytes: &[u8],
        augment: &Augment,
        occasion: Occasion,
        numbers: &mut [f32],
    ) {
        assert_eq!(bytes.len(), self.size(), "bytes of a picture");
        assert_eq!(numbers.len(), self.size(), "numbers of a picture");
        let change = augment.draw(occasion, self.height, self.width);
        for channel in 0..self.channels {
            let table = self.table(channel);
            for y in 0..self.height {
                let at = (channel * self.height + y) * self.width;
                let line = &mut numbers[at..at + self.width];
                let from = y as isize - change.shift[0];
                match usize::try_from(from).ok().filter(|y| *y < self.height) {
                    None => line.fill(table[0]),
                    Some(from) => {
                        let from = &bytes[(channel * self.height + from) * self.width..];
                        copy_line(&from[..self.width], &change, table, line);
                    }
                }
                let [rows, columns] = change.hole;
                if (rows[0]..rows[1]).contains(&y) {
                    line[columns[0]..columns[1]].fill(0.0);
                }
            }
        }
    }

    fn table(&self, channel: usize) -> &[f32; 256] {
        let table = self.numbers[channel * 256..].first_chunk();
        table.expect("there are 256 numbers a channel")
    }
}

/// Writes one line of a picture, moved and mirrored.
fn copy_line(from: &[u8], change: &Change, table: &[f32; 256], to: &mut [f32]) {
    let width = to.len();
    let shift = change.shift[1];
    // Where the old line begins and ends in the new one.
    let start = shift.clamp(0, width as isize) as usize;
    let end = (width as isize + shift).clamp(0, width as isize) as usize;
    to[..start].fill(table[0]);
    to[end.max(start)..].fill(table[0]);
    if start < end {
        let first = (start as isize - shift) as usize;
        for (number, byte) in to[start..end].iter_mut().zip(&from[first..]) {
            *number = table[usize::from(*byte)];
        }
    }
    if change.flip {
        to.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [2, 3, 4];

    fn picture() -> Vec<u8> {
        (1..=24).map(|k| k * 10).collect()
    }

    fn reader() -> PixelReader {
        let normalize = Normalize {
            mean: vec![0.0, 0.5],
            std: vec![1.0 / 255.0, 0.25],
        };
        PixelReader::new(&SHAPE, &normalize)
    }

    fn changed(augment: &Augment, row: u32) -> Vec<f32> {
        let occasion = Occasion {
            seed: 3,
            epoch: 1,
            row,
        };
        let mut numbers = vec![f32::NAN; 24];
        reader().read_changed(&picture(), augment, occasion, &mut numbers);
        numbers
    }

    fn plain() -> Vec<f32> {
        let mut numbers = vec![f32::NAN; 24];
        reader().read(&picture(), &mut numbers);
        numbers
    }

    #[test]
    fn bytes_are_scaled_by_channel() {
        let numbers = plain();
        assert!((numbers[0] - 10.0).abs() < 1e-4);
        assert!((numbers[23] - (240.0 / 255.0 - 0.5) / 0.25).abs() < 1e-5);
    }

    #[test]
    fn statistics_are_those_of_each_channel() {
        let normalize = Normalize::of(&[0, 255, 255, 255, 0, 0, 255, 255], &[2, 1, 2]);
        assert_eq!(normalize.mean, [0.25, 1.0]);
        assert!((normalize.std[0] - 0.433_012_7).abs() < 1e-6);
        assert_eq!(normalize.std[1], 1.0, "one colour");
        assert_eq!(Normalize::of(&[], &[1, 2, 2]).mean, [0.0]);
    }

    #[test]
    fn no_change_leaves_the_picture() {
        assert_eq!(changed(&Augment::NONE, 5), plain());
    }

    #[test]
    fn every_crop_is_a_part_of_the_padded_picture() {
        let augment = Augment {
            crop: 2,
            ..Augment::NONE
        };
        let plain = plain();
        let mut seen = std::collections::BTreeSet::new();
        for row in 0..400 {
            let numbers = changed(&augment, row);
            let black = [0.0 * 255.0, -2.0];
            let fits = |dy: isize, dx: isize| {
                (0..24).all(|at| {
                    let (c, y, x) = (at / 12, at / 4 % 3, at % 4);
                    let (from_y, from_x) = (y as isize - dy, x as isize - dx);
                    let inside = (0..3).contains(&from_y) && (0..4).contains(&from_x);
                    let expected = match inside {
                        true => plain[c * 12 + from_y as usize * 4 + from_x as usize],
                        false => black[c],
                    };
                    numbers[at] == expected
                })
            };
            let shifts = (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dy, dx)));
            let shift = shifts.into_iter().find(|(dy, dx)| fits(*dy, *dx));
            seen.insert(shift.expect("a crop is a shift"));
        }
        assert_eq!(seen.len(), 25, "all shifts occur");
    }

    #[test]
    fn about_every_second_picture_is_mirrored() {
        let augment = Augment {
            flip: true,
            ..Augment::NONE
        };
        let plain = plain();
        let mirrored: Vec<f32> = plain
            .chunks(4)
            .flat_map(|line| line.iter().rev().copied())
            .collect();
        let n_mirrored = (0..400)
            .filter(|row| {
                let numbers = changed(&augment, *row);
                assert!(numbers == plain || numbers == mirrored);
                numbers == mirrored
            })
            .count();
        // Four standard deviations of a fair coin.
        assert!((160..=240).contains(&n_mirrored), "{n_mirrored}");
    }

    #[test]
    fn a_hole_has_the_mean_colour() {
        let augment = Augment {
            cutout: 2,
            ..Augment::NONE
        };
        let plain = plain();
        for row in 0..50 {
            let numbers = changed(&augment, row);
            let holes: Vec<usize> = (0..24).filter(|at| numbers[*at] != plain[*at]).collect();
            assert!(holes.iter().all(|at| numbers[*at] == 0.0));
            let n_holes = holes.len();
            assert!(
                (2..=8).contains(&n_holes) && n_holes.is_multiple_of(2),
                "{holes:?}"
            );
        }
    }

    #[test]
    fn an_occasion_decides_alone() {
        let augment = Augment {
            cutout: 2,
            ..Augment::STANDARD
        };
        assert_eq!(changed(&augment, 7), changed(&augment, 7));
        let all: std::collections::BTreeSet<String> = (0..40)
            .map(|row| format!("{:?}", changed(&augment, row)))
            .collect();
        assert!(all.len() > 20, "rows differ: {}", all.len());
    }
}
