//! The shapes, each in a circle of radius 1.

/// Returns whether a point is of the shape of a class; `v` points down.
pub(super) fn contains(class: usize, u: f32, v: f32) -> bool {
    let square = |half: f32| u.abs() <= half && v.abs() <= half;
    let r2 = u * u + v * v;
    match class {
        // Disc and ring.
        0 => r2 <= 0.72,
        1 => (0.27..=0.81).contains(&r2),
        // What a disc leaves of another.
        2 => r2 <= 0.9 && (u - 0.5) * (u - 0.5) + v * v >= 0.55,
        // Square and frame.
        3 => square(0.68),
        4 => square(0.7) && !square(0.37),
        // An equilateral triangle, its tip up.
        5 => v <= 0.5 && v >= 1.732_050_8 * u.abs() - 1.0,
        6 => star(u, v),
        // A cross with arms of equal length.
        7 => square(0.85) && (u.abs() <= 0.26 || v.abs() <= 0.26),
        // Three bars.
        8 => square(0.75) && (v.abs() <= 0.15 || v.abs() >= 0.45),
        // Three by three fields, of which those at the corners and in the middle.
        _ => square(0.75) && (u.abs() <= 0.25) == (v.abs() <= 0.25),
    }
}

/// Whether a point is in a star with five tips on the circle: within at least four of the five
/// lines from tip to tip.
fn star(u: f32, v: f32) -> bool {
    /// The normals of the lines, 72 degrees apart, and how far the lines are from the middle:
    /// the cosine of 72 degrees.
    const NORMALS: [[f32; 2]; 5] = [
        [0.0, 1.0],
        [0.951_056_5, 0.309_017],
        [0.587_785_25, -0.809_017],
        [-0.587_785_25, -0.809_017],
        [-0.951_056_5, 0.309_017],
    ];
    const DISTANCE: f32 = 0.309_017;
    let within = NORMALS
        .iter()
        .filter(|[x, y]| u * x + v * y <= DISTANCE)
        .count();
    within >= 4
}
