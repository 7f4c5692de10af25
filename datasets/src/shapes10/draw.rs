//! Draws one picture.

use firebrick_core::random::Stream;
use rand::{Rng, RngExt};

use super::shape;

/// Pixels of a side.
const SIDE: usize = 32;

/// Points of a pixel, along each side, that are looked at for the part that a shape covers.
const POINTS: usize = 4;

type Colour = [f32; 3];

/// Turns, squeezes and moves a point of the picture to where shapes are.
#[derive(Debug, Clone, Copy)]
struct Pose {
    /// In pixels, from the left and from the top.
    centre: [f32; 2],
    /// Cosine and sine.
    turn: [f32; 2],
    /// Half the width and half the height, in pixels.
    radius: [f32; 2],
}

/// What hides a part of a shape.
#[derive(Debug, Clone, Copy)]
struct Occluder {
    centre: [f32; 2],
    turn: [f32; 2],
    /// Half the width, in pixels; a bar has no ends.
    radius: f32,
    is_bar: bool,
    colour: Colour,
}

/// Draws a picture of a class, `[3][32][32]`.
pub(super) fn draw(class: usize, random: &mut Stream, picture: &mut [u8]) {
    let size = between(random, 8.5, 13.5);
    let squeeze = between(random, 0.8, 1.0);
    let reach = [0.5 * SIDE as f32 - 4.0, 0.5 * SIDE as f32 + 4.0];
    let pose = Pose {
        centre: [0, 1].map(|_| between(random, reach[0], reach[1])),
        turn: turn(random),
        radius: [size, size * squeeze],
    };
    let background = [colour(random), colour(random)];
    let fade = turn(random);
    let paint = contrasting(random, &background);
    let n_occluders = random.random_range(0..=1);
    let occluders: Vec<Occluder> = (0..n_occluders)
        .map(|_| occluder(random, &pose, size))
        .collect();
    let noise = random.random_range(2..=24_i32);

    let mut bytes = [0; 3 * SIDE * SIDE];
    random.fill_bytes(&mut bytes);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = [x as f32 + 0.5, y as f32 + 0.5];
            let along = (at[0] - 16.0) * fade[0] + (at[1] - 16.0) * fade[1];
            let mut pixel = mix(background[0], background[1], along / 40.0 + 0.5);
            pixel = mix(pixel, paint, pose.covered(class, at));
            for occluder in &occluders {
                pixel = mix(pixel, occluder.colour, occluder.covered(at));
            }
            for (channel, value) in pixel.into_iter().enumerate() {
                let position = (channel * SIDE + y) * SIDE + x;
                let grain = (i32::from(bytes[position]) - 128) * noise / 128;
                picture[position] = (value as i32 + grain).clamp(0, 255) as u8;
            }
        }
    }
}

impl Pose {
    /// Returns what part of the pixel with this middle the shape covers.
    fn covered(&self, class: usize, [x, y]: [f32; 2]) -> f32 {
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let reach = self.radius[0] + 1.0;
        if dx * dx + dy * dy > reach * reach {
            return 0.0;
        }
        let mut n_inside = 0;
        for row in 0..POINTS {
            for column in 0..POINTS {
                let offset = |idx: usize| (idx as f32 + 0.5) / POINTS as f32 - 0.5;
                let (dx, dy) = (dx + offset(column), dy + offset(row));
                let u = (dx * self.turn[0] + dy * self.turn[1]) / self.radius[0];
                let v = (dy * self.turn[0] - dx * self.turn[1]) / self.radius[1];
                n_inside += usize::from(shape::contains(class, u, v));
            }
        }
        n_inside as f32 / (POINTS * POINTS) as f32
    }
}

impl Occluder {
    /// Returns what part of the pixel with this middle is hidden, its edge one pixel wide.
    fn covered(&self, [x, y]: [f32; 2]) -> f32 {
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        if self.is_bar {
            let distance = (dx * self.turn[0] + dy * self.turn[1]).abs();
            return (self.radius + 0.5 - distance).clamp(0.0, 1.0);
        }
        let inside = self.radius * self.radius - dx * dx - dy * dy;
        (inside / (2.0 * self.radius) + 0.5).clamp(0.0, 1.0)
    }
}

fn occluder(random: &mut Stream, pose: &Pose, size: f32) -> Occluder {
    let is_bar = random.random::<bool>();
    Occluder {
        centre: pose.centre.map(|at| at + between(random, -size, size)),
        turn: turn(random),
        radius: match is_bar {
            true => between(random, 0.5, 1.25),
            false => between(random, 1.5, 3.5),
        },
        is_bar,
        colour: colour(random),
    }
}

/// Returns a number in a range, one of 4,097 steps.
fn between(random: &mut Stream, low: f32, high: f32) -> f32 {
    low + (high - low) * random.random_range(0..=4096_u16) as f32 / 4096.0
}

/// Returns cosine and sine of any angle, by the half-angle formula, so that no sine is needed.
fn turn(random: &mut Stream) -> [f32; 2] {
    let half = between(random, -1.0, 1.0);
    let length = 1.0 + half * half;
    let [cos, sin] = [(1.0 - half * half) / length, 2.0 * half / length];
    match random.random::<bool>() {
        true => [cos, sin],
        false => [-cos, -sin],
    }
}

fn colour(random: &mut Stream) -> Colour {
    [0; 3].map(|_: u8| f32::from(random.random::<u8>()))
}

/// Returns a colour that is not like those of the background.
fn contrasting(random: &mut Stream, background: &[Colour; 2]) -> Colour {
    let difference = |a: Colour, b: Colour| -> f32 { (0..3).map(|k| (a[k] - b[k]).abs()).sum() };
    let middle = mix(background[0], background[1], 0.5);
    loop {
        let colour = colour(random);
        let is_clear = difference(colour, middle) >= 250.0
            && background
                .iter()
                .all(|other| difference(colour, *other) >= 180.0);
        // This ends: corners of the cube are 255 apart, so at most two are too near to the middle,
        // and one to each colour; four are left, and what is around them.
        if is_clear {
            return colour;
        }
    }
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|k| a[k] + (b[k] - a[k]) * share.clamp(0.0, 1.0))
}
