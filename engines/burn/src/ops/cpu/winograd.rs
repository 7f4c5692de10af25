//! Convolutions of 3x3 at stride 1 with a quarter of the multiplications.
//!
//! The result is made in tiles of 4x4 places. A tile reads 6x6 places; both they and the kernel are
//! transformed so that the tile comes from 36 products of numbers where the plain way takes 144.
//! For each of the 36 *points* this is one product of matrices, tiles by channels. The gradients
//! are the transposed transforms, so they are those of the convolution itself.
//!
//! # Source
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, F(4x4, 3x3).
//! Differs: the gradient by the weights keeps the tiles of the forward pass.

mod kernels;
mod tiles;

use rayon::prelude::*;

use super::product::{Layout, Left, Matrix, Write, multiply};
use super::scratch::{self, Scratch};
use super::simd::BLOCK;
use kernels::{Kernels, transform_back};
use tiles::{transform_grad, transform_made, transform_read};

/// Places of a tile of the result along a side.
const TILE: usize = 4;
/// Places that a tile reads along a side.
const READ: usize = 6;
/// Points that a tile is transformed to.
const POINTS: usize = READ * READ;
/// Tiles that one thread transforms at once, about: whole rows of tiles.
const TILES_A_JOB: usize = 64;
/// Numbers that the transformed tiles may have that are at hand at once, 1 MiB, so that they stay
/// near; two jobs may have more.
const NUMBERS_AT_ONCE: usize = 1 << 18;

/// The pictures of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pictures {
    pub(super) n_pictures: usize,
    /// Height and width of what is read.
    pub(super) size_in: [usize; 2],
    pub(super) channels_in: usize,
    /// Zeros above and on the left of what is read.
    pub(super) padding: [usize; 2],
    /// Height and width of what is made.
    pub(super) size_out: [usize; 2],
    pub(super) channels_out: usize,
}

impl Pictures {
    /// Returns the convolution that takes the gradient back.
    fn reversed(&self) -> Self {
        Self {
            n_pictures: self.n_pictures,
            size_in: self.size_out,
            channels_in: self.channels_out,
            padding: self.padding.map(|padding| 2 - padding),
            size_out: self.size_in,
            channels_out: self.channels_in,
        }
    }

    /// Tiles side by side.
    fn tiles_across(&self) -> usize {
        self.size_out[1].div_ceil(TILE)
    }

    /// Rows of tiles of a picture.
    fn tiles_down(&self) -> usize {
        self.size_out[0].div_ceil(TILE)
    }

    /// All rows of tiles, dealt out to jobs, and these to chunks that are at hand at once.
    fn jobs(&self) -> Vec<Vec<Job>> {
        let n_rows = self.n_pictures * self.tiles_down();
        let rows_a_job = (TILES_A_JOB / self.tiles_across()).max(1);
        let channels = blocks(self.channels_in) + blocks(self.channels_out);
        let tiles = rows_a_job * self.tiles_across();
        let jobs_a_chunk = (NUMBERS_AT_ONCE / (channels * BLOCK * POINTS * tiles)).max(2);
        let starts: Vec<usize> = (0..n_rows).step_by(rows_a_job).collect();
        let job = |start: &usize| {
            let n_rows = rows_a_job.min(n_rows - start);
            Job {
                first_row: *start,
                n_rows,
                n_tiles: n_rows * self.tiles_across(),
            }
        };
        let chunks = starts.chunks(jobs_a_chunk);
        chunks
            .map(|starts| starts.iter().map(job).collect())
            .collect()
    }

    /// Rows of places of the result that some rows of tiles make.
    fn rows_out(&self, job: &Job) -> usize {
        let places = |row: usize| {
            let (picture, row) = (row / self.tiles_down(), row % self.tiles_down());
            picture * self.size_out[0] + (row * TILE).min(self.size_out[0])
        };
        places(job.first_row + job.n_rows) - places(job.first_row)
    }
}

/// Rows of tiles that one thread transforms at once.
#[derive(Debug, Clone, Copy)]
struct Job {
    first_row: usize,
    n_rows: usize,
    n_tiles: usize,
}

/// Blocks that hold so many channels.
fn blocks(channels: usize) -> usize {
    channels.div_ceil(BLOCK)
}

/// Numbers of one point of a job: a line more than needed, so that points don't share cache sets.
fn point_size(job: &Job, channels: usize) -> usize {
    blocks(channels) * job.n_tiles * BLOCK + BLOCK
}

/// Returns the convolution of pictures `[n, height, width, in]` with weights `[out, in, 3, 3]`.
pub(super) fn forward(
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    pictures: &Pictures,
) -> Vec<f32> {
    let (channels_in, channels_out) = (pictures.channels_in, pictures.channels_out);
    let kernels = Kernels {
        n_terms: channels_in,
        n_columns: channels_out,
        term: 9,
        column: channels_in * 9,
        turned: false,
    };
    run(x, &kernels.transformed(weight), bias, pictures)
}

/// Returns the gradient by what was read, given that by what was made.
pub(super) fn backward_x(grad: &[f32], weight: &[f32], pictures: &Pictures) -> Vec<f32> {
    let kernels = Kernels {
        n_terms: pictures.channels_out,
        n_columns: pictures.channels_in,
        term: pictures.channels_in * 9,
        column: 9,
        turned: true,
    };
    run(
        grad,
        &kernels.transformed(weight),
        None,
        &pictures.reversed(),
    )
}

/// Returns the gradient by the weights, given that by what was made.
pub(super) fn backward_weight(x: &[f32], grad: &[f32], pictures: &Pictures) -> Vec<f32> {
    let (channels_in, channels_out) = (pictures.channels_in, pictures.channels_out);
    let chunks = pictures.jobs();
    let longest = |channels| chunk_size(&chunks[0], channels);
    let mut read = Scratch::new(longest(channels_in));
    let mut made = Scratch::new(longest(channels_out));
    let size = blocks(channels_out) * channels_in * BLOCK;
    let mut by_point = Scratch::new(POINTS * size);
    for (chunk, jobs) in chunks.iter().enumerate() {
        transform_all(x, &mut read, jobs, pictures, channels_in, transform_read);
        transform_all(
            grad,
            &mut made,
            jobs,
            pictures,
            channels_out,
            transform_grad,
        );
        let points = by_point.par_chunks_mut(size).enumerate();
        points.for_each(|(point, sums)| {
            let read = split(&read, jobs, channels_in).zip(split(&made, jobs, channels_out));
            for (nth, (job, (read, made))) in jobs.iter().zip(read).enumerate() {
                let write = if chunk + nth == 0 {
                    Write::Replace
                } else {
                    Write::Add
                };
                multiply(
                    [channels_in, blocks(channels_out) * BLOCK, job.n_tiles],
                    Left::Columns(at_point(read, job, channels_in, point)),
                    at_point(made, job, channels_out, point),
                    sums,
                    Layout::blocks(channels_in * BLOCK),
                    write,
                );
            }
        });
    }
    let mut weight = vec![0.0; channels_out * channels_in * 9];
    let kernels = weight.par_chunks_mut(BLOCK * channels_in * 9).enumerate();
    kernels.for_each(|(block, weight)| {
        let by_point = &by_point[block * channels_in * BLOCK..];
        transform_back(by_point, size, weight, channels_in);
    });
    weight
}

/// Transforms, multiplies and transforms back, chunk after chunk.
fn run(x: &[f32], kernels: &[f32], bias: Option<&[f32]>, pictures: &Pictures) -> Vec<f32> {
    let (channels_in, channels_out) = (pictures.channels_in, pictures.channels_out);
    let chunks = pictures.jobs();
    let longest = chunk_size(&chunks[0], channels_in);
    let mut read = Scratch::new(longest);
    let n_tiles: usize = chunks[0].iter().map(|job| job.n_tiles).sum();
    let point = blocks(channels_out) * BLOCK * n_tiles + BLOCK;
    let mut made = Scratch::new(POINTS * point);
    let [height, width] = pictures.size_out;
    let mut y = scratch::take(pictures.n_pictures * height * width * channels_out);
    let mut rest = y.as_mut_slice();
    for jobs in &chunks {
        transform_all(x, &mut read, jobs, pictures, channels_in, transform_read);
        made.par_chunks_mut(point)
            .enumerate()
            .for_each(|(point, made)| {
                let mut made = made;
                for (job, read) in jobs.iter().zip(split(&read, jobs, channels_in)) {
                    let (of_job, rest) =
                        made.split_at_mut(blocks(channels_out) * BLOCK * job.n_tiles);
                    made = rest;
                    let size = channels_in * BLOCK;
                    let kernels = Matrix {
                        numbers: &kernels[point * size..],
                        layout: Layout::blocks(POINTS * size),
                    };
                    multiply(
                        [job.n_tiles, blocks(channels_out) * BLOCK, channels_in],
                        Left::Rows(at_point(read, job, channels_in, point)),
                        kernels,
                        of_job,
                        Layout::blocks(job.n_tiles * BLOCK),
                        Write::Replace,
                    );
                }
            });
        let mut start = 0;
        let mut work = Vec::with_capacity(jobs.len());
        for job in jobs {
            let size = pictures.rows_out(job) * width * channels_out;
            let (of_job, after) = rest.split_at_mut(size);
            rest = after;
            work.push((job, start, of_job));
            start += blocks(channels_out) * BLOCK * job.n_tiles;
        }
        work.into_par_iter().for_each(|(job, start, y)| {
            transform_made(
                &made[start..],
                point,
                y,
                bias.unwrap_or(&[]),
                *job,
                pictures,
            );
        });
    }
    y
}

/// Numbers of all points of a chunk, each job for itself.
fn chunk_size(jobs: &[Job], channels: usize) -> usize {
    let size = |job: &Job| POINTS * point_size(job, channels);
    jobs.iter().map(size).sum()
}

/// What lies in a chunk, job after job.
fn split<'a>(
    numbers: &'a [f32],
    jobs: &'a [Job],
    channels: usize,
) -> impl Iterator<Item = &'a [f32]> {
    let mut rest = numbers;
    jobs.iter().map(move |job| {
        let (of_job, after) = rest.split_at(POINTS * point_size(job, channels));
        rest = after;
        of_job
    })
}

/// One point of a job: tiles by channels.
fn at_point<'a>(numbers: &'a [f32], job: &Job, channels: usize, point: usize) -> Matrix<'a> {
    Matrix {
        numbers: &numbers[point * point_size(job, channels)..],
        layout: Layout::blocks(job.n_tiles * BLOCK),
    }
}

type Transform = fn(&[f32], &mut [f32], Job, &Pictures);

/// Transforms what the tiles of a chunk read or made, job by job.
fn transform_all(
    from: &[f32],
    to: &mut [f32],
    jobs: &[Job],
    pictures: &Pictures,
    channels: usize,
    transform: Transform,
) {
    let mut rest = to;
    let mut work = Vec::with_capacity(jobs.len());
    for job in jobs {
        let (of_job, after) = rest.split_at_mut(POINTS * point_size(job, channels));
        rest = after;
        work.push((job, of_job));
    }
    let work = work.into_par_iter();
    work.for_each(|(job, to)| transform(from, to, *job, pictures));
}
