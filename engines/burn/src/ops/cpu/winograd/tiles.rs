//! Tiles of pictures to points and back: `Bᵀ d B`, `A g Aᵀ` and `Aᵀ m A`.

use macerator::{Simd, Vector};

use super::super::simd::{BLOCK, load, load_part, splat, store, store_part};
use super::{Job, Pictures, READ, TILE, point_size};

/// Transforms the places that tiles read: `Bᵀ d B`.
#[macerator::with_simd]
pub(super) fn transform_read<S: Simd>(x: &[f32], to: &mut [f32], job: Job, pictures: &Pictures) {
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
pub(super) fn transform_grad<S: Simd>(grad: &[f32], to: &mut [f32], job: Job, pictures: &Pictures) {
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
pub(super) fn transform_made<S: Simd>(
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
pub(super) fn at_points<S: Simd, const N: usize>(
    from: &[f32],
    point: usize,
) -> [Vector<S, f32>; N] {
    let mut vectors = [splat(0.0); N];
    for x in 0..N {
        vectors[x] = load(&from[x * point..]);
    }
    vectors
}

/// A column of rows.
#[inline(always)]
pub(super) fn column<S: Simd, const ROWS: usize, const COLUMNS: usize>(
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
