//! `shapes10`: generated colour pictures of ten shapes, so that networks for pictures can be tried
//! with nothing downloaded.
//!
//! Each picture shows one shape near the middle, of any size and turn, squeezed a little, in a
//! colour that differs from those of the background, which fades from one to another; noise is
//! over it, and every second one has a bar or a dot that may hide a part. Which of shape and
//! background is brighter is chance, so no single pixel tells the class.
//!
//! A picture is a function of the seed and its number alone, the same on every machine: there is
//! no arithmetic but that of integers and the sums, products and quotients of floats.
//!
//! # How well networks tell them apart
//! On the 2,000 pictures of the test, after training on 10,000 (the linear one on 9,000):
//!
//! | network | accuracy |
//! |---|---|
//! | linear, 4 epochs (the test `no_linear_classifier_is_good`) | 14.8 % |
//! | three convolutions of 16, 32 and 64 channels, 33,946 parameters, PyTorch with crops and mirrors, after 8 of 10 epochs | 96.4 % |

mod draw;
mod shape;

use firebrick_core::dataset::Dataset;
use firebrick_core::random::{Purpose, stream};
use rayon::prelude::*;

use crate::Request;
use crate::error::LoadError;
use crate::pictures::{self, PictureRows, Pictures};

/// The classes in the order of their labels.
pub const CLASSES: [&str; 10] = [
    "disc", "ring", "crescent", "square", "frame", "triangle", "star", "cross", "stripes", "checks",
];

/// Channels, height and width.
pub const SHAPE: [usize; 3] = [3, 32, 32];

/// Bytes of one picture.
const SIZE: usize = 3 * 32 * 32;

/// How many pictures there are unless asked otherwise: 10,000 to train on, 2,000 for the test.
pub(crate) const ROWS: usize = 12_000;

/// One picture of each class in so many is for the test.
const TEST_EVERY: usize = 6;

/// The least pictures: one for the test of each class.
const LEAST: usize = TEST_EVERY * CLASSES.len();

/// The most pictures: more are gigabytes.
const MOST: usize = 500_000;

/// The seed that the pictures are generated from, whatever the seed of a study, so that studies
/// compare. (`shap` in ASCII.)
const SEED: u64 = 0x7368_6170;

/// Generates pictures: `[n_pictures][3][32][32]`, and their labels. The picture of index `i` is of
/// class `i % 10`.
///
/// Runs on the threads of the current rayon pool; the first pictures of a larger set are those of
/// a smaller one.
pub fn generate(seed: u64, n_pictures: usize) -> (Vec<u8>, Vec<u32>) {
    let mut bytes = vec![0; n_pictures * SIZE];
    let pictures = bytes.par_chunks_exact_mut(SIZE).enumerate();
    pictures.for_each(|(index, picture)| {
        let mut random = stream(seed, Purpose::Dataset, index as u64);
        draw::draw(index % CLASSES.len(), &mut random, picture);
    });
    let labels = (0..n_pictures).map(|index| (index % CLASSES.len()) as u32);
    (bytes, labels.collect())
}

/// Loads the data set that a request asks for.
///
/// # Errors
/// [`LoadError::RowCount`] if that is too few for the splits, or too many for memory.
pub(crate) fn load(request: &Request) -> Result<Dataset, LoadError> {
    let n_pictures = request.n_rows.unwrap_or(ROWS);
    if !(LEAST..=MOST).contains(&n_pictures) {
        return Err(LoadError::RowCount {
            name: request.name.clone(),
            asked: n_pictures,
            least: LEAST,
            most: MOST,
        });
    }
    let (bytes, labels) = generate(SEED, n_pictures);
    let (mut train, mut test) = (PictureRows::default(), PictureRows::default());
    for (index, picture) in bytes.chunks_exact(SIZE).enumerate() {
        let is_test = index / CLASSES.len() % TEST_EVERY == TEST_EVERY - 1;
        let rows = if is_test { &mut test } else { &mut train };
        rows.bytes.extend_from_slice(picture);
        rows.labels.push(labels[index]);
    }
    let pictures = Pictures {
        shape: SHAPE,
        class_names: CLASSES.map(str::to_owned).to_vec(),
        train,
        test,
    };
    pictures::prepare(pictures, request, None, true)
}

#[cfg(test)]
mod tests;
