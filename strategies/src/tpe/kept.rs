//! Masses on grids that are kept from one proposal to the next.

use super::axis::{Axes, Scale};
use super::kernel::{LEAST_PARTS, N_LOOKED_UP};

/// How many masses an axis keeps at most: 8 MiB.
const N_KEPT_MAX: u64 = 1 << 20;

/// The masses that kernels of the least deviation have on each axis.
///
/// From 98 trials on the least deviation is a hundredth of the range, and nearly all kernels have
/// it. Then the logarithm of a mass is a function of the kernel's middle and the value, both on the
/// grid, and of nothing else: it is computed when it is first asked for, and looked up for the rest
/// of the study. What is looked up is what would be computed, to the last bit.
pub(super) struct Kept(Vec<Option<OfAxis>>);

/// The masses of one axis; NaN where none was asked for.
pub(super) struct OfAxis {
    /// The deviation that the masses are of.
    sigma: f64,
    n: u64,
    masses: Masses,
}

enum Masses {
    /// On a grid of equal steps, by distance.
    ByDistance(Vec<f64>),
    /// On any other, by value, as far as there is room, and for each by middle. The lowest values
    /// come first: their cells are the widest, which takes longest to compute.
    ByValue(Vec<Vec<f64>>),
}

/// The masses of one value.
pub(super) struct AtValue<'a> {
    kept: &'a mut [f64],
    /// Where the value itself is among them, if they are by distance.
    origin: Option<u64>,
}

impl Kept {
    /// Returns an empty store for the axes of a space.
    pub(super) fn new(axes: &Axes) -> Self {
        Self(
            (0..axes.len())
                .map(|axis| OfAxis::new(axes.scale(axis)))
                .collect(),
        )
    }

    /// Returns a store that keeps nothing.
    #[cfg(test)]
    pub(super) fn none(axes: &Axes) -> Self {
        Self((0..axes.len()).map(|_| None).collect())
    }

    /// Returns what is kept for an axis, if anything ever is.
    pub(super) fn of(&mut self, axis: usize) -> Option<&mut OfAxis> {
        self.0[axis].as_mut()
    }
}

impl OfAxis {
    fn new(scale: Scale) -> Option<Self> {
        let Scale::Grid { n, log, .. } = scale else {
            return None;
        };
        let masses = match log {
            false if n <= N_LOOKED_UP || n > N_KEPT_MAX => return None,
            false => Masses::ByDistance(Vec::new()),
            true => Masses::ByValue(Vec::new()),
        };
        let (low, high) = scale.limits();
        let sigma = (high - low) / LEAST_PARTS;
        Some(Self { sigma, n, masses })
    }

    /// Returns the deviation that the masses are of.
    pub(super) fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Returns the masses of a value of the grid; `None` if there is no room for them.
    pub(super) fn at(&mut self, coordinate: f64) -> Option<AtValue<'_>> {
        let value = coordinate as u64;
        match &mut self.masses {
            Masses::ByDistance(masses) => {
                masses.resize(self.n as usize, f64::NAN);
                Some(AtValue {
                    kept: masses,
                    origin: Some(value),
                })
            }
            Masses::ByValue(rows) => {
                let n_rows = (N_KEPT_MAX / self.n).min(self.n);
                if value >= n_rows {
                    return None;
                }
                rows.resize_with(n_rows as usize, Vec::new);
                let row = &mut rows[value as usize];
                row.resize(self.n as usize, f64::NAN);
                Some(AtValue {
                    kept: row,
                    origin: None,
                })
            }
        }
    }
}

impl AtValue<'_> {
    /// Returns the mass that the kernel with its middle at a value of the grid has; computes it if it
    /// is not kept yet.
    pub(super) fn mass(&mut self, middle: u64, compute: impl FnOnce() -> f64) -> f64 {
        let place = self.origin.map_or(middle, |origin| origin.abs_diff(middle));
        let kept = &mut self.kept[place as usize];
        if kept.is_nan() {
            *kept = compute();
        }
        *kept
    }
}
