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

use macerator::{Simd, Vector};
use rayon::prelude::*;

use super::product::{Layout, Left, Matrix, Write, multiply};
use super::scratch::{self, Scratch};
use super::simd::{BLOCK, load, load_part, splat, store, store_part};

/// Places of a tile of the result along a side.
const TILE: usize = 4;
/// Places that a tile reads along a side.
const READ: usize = 6;
/// Points that a tile is transformed to.
const POINTS: usize = READ * READ;
/// Tiles that one thread transforms at once, about: whole rows of tiles.
const TILES_A_JOB: usize = 64;
/// Numbers that the transformed tiles may have that are at hand at once, or two jobs: 1 MiB, so that they stay near.
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

/// Transforms the places that tiles read: `Bᵀ d B`.
#[macerator::with_simd]
fn transform_read<S: Simd>(x: &[f32], to: &mut [f32], job: Job, pictures: &Pictures) {
    let point = point_size(&job, pictures.channels_in);
    let size = pictures.size_in;
    let channels = pictures.channels_in;
    for (tile, [picture, row, column]) in tiles(job, pictures).enumerate() {
        let mut places = [[None; READ]; READ];
        for y in 0..READ {
            for x in 0..READ {
                let down = (row * TILE + y).checked_sub(pictures.padding[0]);
                let across = (column * TILE + x).checked_sub(pictures.padding[1]);
                if let (Some(down), Some(across)) = (down, across)
                    && down < size[0]
                    && across < size[1]
                {
                    places[y][x] = Some(((picture * size[0] + down) * size[1] + across) * channels);
                }
            }
        }
        for channel in (0..channels).step_by(S::lanes32()) {
            let mut across = [[splat::<S>(0.0); READ]; READ];
            for y in 0..READ {
                across[y] = read(of_places(x, places[y], channel, channels));
            }
            let to = &mut to[at(channel, tile, job.n_tiles)..];
            for x in 0..READ {
                let down = read(self::column(&across, x));
                for y in 0..READ {
                    store(&mut to[(y * READ + x) * point..], down[y]);
                }
            }
        }
    }
}

/// Transforms the gradient by the places that tiles made: `A g Aᵀ`.
#[macerator::with_simd]
fn transform_grad<S: Simd>(grad: &[f32], to: &mut [f32], job: Job, pictures: &Pictures) {
    let point = point_size(&job, pictures.channels_out);
    let size = pictures.size_out;
    let channels = pictures.channels_out;
    for (tile, [picture, row, column]) in tiles(job, pictures).enumerate() {
        let mut places = [[None; TILE]; TILE];
        for y in 0..TILE {
            for x in 0..TILE {
                let (down, across) = (row * TILE + y, column * TILE + x);
                if down < size[0] && across < size[1] {
                    places[y][x] = Some(((picture * size[0] + down) * size[1] + across) * channels);
                }
            }
        }
        for channel in (0..channels).step_by(S::lanes32()) {
            let mut across = [[splat::<S>(0.0); READ]; TILE];
            for y in 0..TILE {
                across[y] = spread(of_places(grad, places[y], channel, channels));
            }
            let to = &mut to[at(channel, tile, job.n_tiles)..];
            for x in 0..READ {
                let down = spread(self::column(&across, x));
                for y in 0..READ {
                    store(&mut to[(y * READ + x) * point..], down[y]);
                }
            }
        }
    }
}

/// Transforms products into the places of tiles: `Aᵀ m A`, and adds the bias unless it is empty.
#[macerator::with_simd]
fn transform_made<S: Simd>(
    made: &[f32],
    point: usize,
    y: &mut [f32],
    bias: &[f32],
    job: Job,
    pictures: &Pictures,
) {
    let channels = pictures.channels_out;
    let [height, width] = pictures.size_out;
    let mut first = 0;
    for row in 0..job.n_rows {
        let down = (job.first_row + row) % pictures.tiles_down() * TILE;
        let n_down = TILE.min(height - down);
        for column in 0..pictures.tiles_across() {
            let tile = row * pictures.tiles_across() + column;
            let n_across = TILE.min(width - column * TILE);
            for channel in (0..channels).step_by(S::lanes32()) {
                let made = &made[at(channel, tile, job.n_tiles)..];
                let mut across = [[splat::<S>(0.0); TILE]; READ];
                for y in 0..READ {
                    across[y] = gather(at_points(&made[y * READ * point..], point));
                }
                let bias = match bias {
                    [] => splat::<S>(0.0),
                    bias => load_part(&bias[channel..]),
                };
                for x in 0..TILE {
                    let places = gather(self::column(&across, x));
                    for nth in 0..TILE {
                        if nth < n_down && x < n_across {
                            let at = first + (nth * width + column * TILE + x) * channels;
                            store_part(&mut y[at + channel..at + channels], places[nth] + bias);
                        }
                    }
                }
            }
        }
        first += n_down * width * channels;
    }
}

/// Picture, row of tiles and column of each tile of a job.
#[inline(always)]
fn tiles(job: Job, pictures: &Pictures) -> impl Iterator<Item = [usize; 3]> {
    let (down, across) = (pictures.tiles_down(), pictures.tiles_across());
    let rows = job.first_row..job.first_row + job.n_rows;
    rows.flat_map(move |row| (0..across).map(move |column| [row / down, row % down, column]))
}

/// Where the channels from one on lie of a tile.
#[inline(always)]
fn at(channel: usize, tile: usize, n_tiles: usize) -> usize {
    (channel / BLOCK * n_tiles + tile) * BLOCK + channel % BLOCK
}

/// Channels of places side by side, zeros where there is no place.
#[inline(always)]
fn of_places<S: Simd, const N: usize>(
    from: &[f32],
    places: [Option<usize>; N],
    channel: usize,
    channels: usize,
) -> [Vector<S, f32>; N] {
    let mut vectors = [splat(0.0); N];
    for x in 0..N {
        if let Some(place) = places[x] {
            vectors[x] = load_part(&from[place + channel..place + channels]);
        }
    }
    vectors
}

/// The first numbers of points side by side.
#[inline(always)]
fn at_points<S: Simd, const N: usize>(from: &[f32], point: usize) -> [Vector<S, f32>; N] {
    let mut vectors = [splat(0.0); N];
    for x in 0..N {
        vectors[x] = load(&from[x * point..]);
    }
    vectors
}

/// A column of rows.
#[inline(always)]
fn column<S: Simd, const ROWS: usize, const COLUMNS: usize>(
    rows: &[[Vector<S, f32>; COLUMNS]; ROWS],
    column: usize,
) -> [Vector<S, f32>; ROWS] {
    let mut vectors = [splat(0.0); ROWS];
    for y in 0..ROWS {
        vectors[y] = rows[y][column];
    }
    vectors
}

/// `Bᵀ d`.
#[inline(always)]
fn read<S: Simd>(d: [Vector<S, f32>; READ]) -> [Vector<S, f32>; READ] {
    let (two, four, five) = (splat(2.0), splat(4.0), splat(-5.0));
    let even = d[4] - d[2] * four;
    let odd = d[3] - d[1] * four;
    let inner = d[4] - d[2];
    let outer = (d[3] - d[1]) * two;
    [
        d[0].mul_add(four, d[2].mul_add(five, d[4])),
        even + odd,
        even - odd,
        inner + outer,
        inner - outer,
        d[1].mul_add(four, d[3].mul_add(five, d[5])),
    ]
}

/// `Aᵀ m`.
#[inline(always)]
fn gather<S: Simd>(m: [Vector<S, f32>; READ]) -> [Vector<S, f32>; TILE] {
    let (two, four, eight) = (splat(2.0), splat(4.0), splat(8.0));
    let (sum, difference) = (m[1] + m[2], m[1] - m[2]);
    let (far_sum, far_difference) = (m[3] + m[4], m[3] - m[4]);
    [
        m[0] + sum + far_sum,
        far_difference.mul_add(two, difference),
        far_sum.mul_add(four, sum),
        far_difference.mul_add(eight, difference) + m[5],
    ]
}

/// `A g`, the transpose of [`gather`].
#[inline(always)]
fn spread<S: Simd>(g: [Vector<S, f32>; TILE]) -> [Vector<S, f32>; READ] {
    let (two, four, eight) = (splat(2.0), splat(4.0), splat(8.0));
    let (even, odd) = (g[0] + g[2], g[1] + g[3]);
    let far_even = g[2].mul_add(four, g[0]);
    let far_odd = g[3].mul_add(eight, g[1] * two);
    [
        g[0],
        even + odd,
        even - odd,
        far_even + far_odd,
        far_even - far_odd,
        g[3],
    ]
}

/// Kernels of 3x3 as they lie in the weights: a matrix of terms by columns.
#[derive(Debug, Clone, Copy)]
struct Kernels {
    n_terms: usize,
    n_columns: usize,
    /// From one term to the next.
    term: usize,
    /// From one column to the next.
    column: usize,
    /// Whether the kernels are turned by half a turn.
    turned: bool,
}

impl Kernels {
    /// Transforms all: `[block of columns][point][term][BLOCK]`, zeros in columns that are none.
    fn transformed(self, weight: &[f32]) -> Scratch {
        let size = POINTS * self.n_terms * BLOCK;
        let mut transformed = Scratch::new(blocks(self.n_columns) * size);
        let columns = transformed.par_chunks_mut(size).enumerate();
        columns.for_each(|(block, to)| transform_kernels(weight, to, block, self));
        transformed
    }
}

/// Transforms a block of kernels: `G k Gᵀ`.
#[macerator::with_simd]
fn transform_kernels<S: Simd>(weight: &[f32], to: &mut [f32], block: usize, kernels: Kernels) {
    let width = BLOCK.min(kernels.n_columns - block * BLOCK);
    let point = kernels.n_terms * BLOCK;
    let mut taps = [0.0; 9 * BLOCK];
    for term in 0..kernels.n_terms {
        for column in 0..width {
            let from = (block * BLOCK + column) * kernels.column + term * kernels.term;
            for (tap, number) in weight[from..from + 9].iter().enumerate() {
                let tap = if kernels.turned { 8 - tap } else { tap };
                taps[tap * BLOCK + column] = *number;
            }
        }
        for start in (0..BLOCK).step_by(S::lanes32()) {
            let mut across = [[splat::<S>(0.0); READ]; 3];
            for y in 0..3 {
                across[y] = widen(at_points(&taps[y * 3 * BLOCK + start..], BLOCK));
            }
            for x in 0..READ {
                let down = widen(column(&across, x));
                for y in 0..READ {
                    let at = (y * READ + x) * point + term * BLOCK + start;
                    store(&mut to[at..], down[y]);
                }
            }
        }
    }
}

/// Transforms the gradient by points into that by a block of kernels: `Gᵀ u G`.
#[macerator::with_simd]
fn transform_back<S: Simd>(by_point: &[f32], point: usize, weight: &mut [f32], n_terms: usize) {
    let width = weight.len() / (n_terms * 9);
    let mut taps = [0.0; 9 * BLOCK];
    for term in 0..n_terms {
        for start in (0..BLOCK).step_by(S::lanes32()) {
            let from = &by_point[term * BLOCK + start..];
            let mut across = [[splat::<S>(0.0); 3]; READ];
            for y in 0..READ {
                across[y] = narrow(at_points(&from[y * READ * point..], point));
            }
            for x in 0..3 {
                let down = narrow(column(&across, x));
                for y in 0..3 {
                    store(&mut taps[(y * 3 + x) * BLOCK + start..], down[y]);
                }
            }
        }
        for column in 0..width {
            let to = &mut weight[(column * n_terms + term) * 9..][..9];
            for (tap, to) in to.iter_mut().enumerate() {
                *to = taps[tap * BLOCK + column];
            }
        }
    }
}

/// `G k`.
#[inline(always)]
fn widen<S: Simd>(k: [Vector<S, f32>; 3]) -> [Vector<S, f32>; READ] {
    let (quarter, sixth) = (splat(0.25), splat(-1.0 / 6.0));
    let (twelfth, twenty_fourth) = (splat(1.0 / 12.0), splat(1.0 / 24.0));
    let even = (k[0] + k[2]) * sixth;
    let far = k[0].mul_add(twenty_fourth, k[2] * splat(1.0 / 6.0));
    [
        k[0] * quarter,
        k[1].mul_add(sixth, even),
        even - k[1] * sixth,
        k[1].mul_add(twelfth, far),
        far - k[1] * twelfth,
        k[2],
    ]
}

/// `Gᵀ u`, the transpose of [`widen`].
#[inline(always)]
fn narrow<S: Simd>(u: [Vector<S, f32>; READ]) -> [Vector<S, f32>; 3] {
    let (quarter, sixth) = (splat(0.25), splat(1.0 / 6.0));
    let (twelfth, twenty_fourth) = (splat(1.0 / 12.0), splat(1.0 / 24.0));
    let (sum, difference) = (u[1] + u[2], u[2] - u[1]);
    let (far_sum, far_difference) = (u[3] + u[4], u[3] - u[4]);
    [
        u[0].mul_add(quarter, far_sum * twenty_fourth) - sum * sixth,
        difference.mul_add(sixth, far_difference * twelfth),
        (far_sum - sum).mul_add(sixth, u[5]),
    ]
}
