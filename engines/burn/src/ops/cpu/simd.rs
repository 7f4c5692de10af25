//! Vectors of the machine, read from slices and written to them.

use macerator::{Scalar, Simd, Vector};

/// Numbers that kernels take side by side: one vector or several, whatever the machine.
pub(super) const BLOCK: usize = 32;

/// Reads the first numbers of a slice.
#[inline(always)]
pub(super) fn load<S: Simd>(from: &[f32]) -> Vector<S, f32> {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&from[..S::lanes32()]))
}

/// Writes the first numbers of a slice.
#[inline(always)]
pub(super) fn store<S: Simd>(to: &mut [f32], vector: Vector<S, f32>) {
    let to = bytemuck::cast_slice_mut(&mut to[..S::lanes32()]);
    to.copy_from_slice(bytemuck::bytes_of(&vector));
}

/// Reads the first numbers of a slice that may have fewer; zeros for those that lack.
#[inline(always)]
pub(super) fn load_part<S: Simd>(from: &[f32]) -> Vector<S, f32> {
    if from.len() >= S::lanes32() {
        return load(from);
    }
    let mut padded = [0.0; BLOCK];
    padded[..from.len()].copy_from_slice(from);
    load(&padded)
}

/// Writes the first numbers of a slice that may have fewer.
#[inline(always)]
pub(super) fn store_part<S: Simd>(to: &mut [f32], vector: Vector<S, f32>) {
    if to.len() >= S::lanes32() {
        return store(to, vector);
    }
    let numbers: &[f32] = bytemuck::cast_slice(bytemuck::bytes_of(&vector));
    to.copy_from_slice(&numbers[..to.len()]);
}

/// Fills a vector with one number.
#[inline(always)]
pub(super) fn splat<S: Simd>(number: f32) -> Vector<S, f32> {
    number.splat::<S>()
}
