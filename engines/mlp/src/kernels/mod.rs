//! The inner loops, for each kind of machine: the only `unsafe` code of this engine.
//!
//! Values of a batch lie in blocks of 16 samples, feature after feature inside a block:
//! `[block][feature][16]`. Every loop runs over samples, so no width needs padding. Lanes of the
//! last block beyond the batch hold numbers that are finite where those of the batch are; their
//! gradients are 0.
//!
//! Kernels are written once over [`Simd`] and compiled once a [`Path`]. On one path the
//! result is the same, bit for bit; paths differ in the order of additions. Machines with neither
//! AVX2 nor NEON take the portable path, whose arrays compilers turn into vectors.
//!
//! Tests hold every kernel against plain f64 on every path of the machine. After a change here run
//! them under the address sanitizer, and the portable path under Miri:
//!
//! ```text
//! RUSTFLAGS=-Zsanitizer=address cargo +nightly test -p firebrick-engine-mlp --lib --target x86_64-unknown-linux-gnu
//! cargo +nightly miri test -p firebrick-engine-mlp --lib kernels
//! ```
//!
//! And check the path of the other kind of machine, or test it, with a linker for it and qemu:
//!
//! ```text
//! rustup target add aarch64-unknown-linux-gnu && cargo check -p firebrick-engine-mlp --target aarch64-unknown-linux-gnu
//!
//! export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
//! export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
//! cargo test -p firebrick-engine-mlp --lib --target aarch64-unknown-linux-gnu
//! ```
//!
//! `cargo xtask ci` checks the other kind of machine and runs Miri where they are installed.
#![expect(
    unsafe_code,
    reason = "vectors and pointers without checks are what these are for"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over registers have to be unrolled, which they are when written with indices"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
pub(crate) mod counting;
mod elements;
mod linear;
mod loss;
#[cfg(target_arch = "aarch64")]
mod neon;
mod norm;
mod optimizer;
mod portable;
mod quantize;
mod rows;
mod simd;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use elements::{Multiply, Relu};
pub(crate) use linear::{LinearBackward, LinearForward, SumRows, WeightGradient};
pub(crate) use loss::{BatchLoss, CrossEntropy, Judge};
pub(crate) use norm::{NormBackward, NormForward, NormGradients, NormStatistics};
pub(crate) use optimizer::{Adam, Sgd, SumSquares};
pub(crate) use quantize::{MaskNumbers, Quantize, QuantizeBackward, QuantizeNumbers};
pub(crate) use rows::{Ahead, Gather, scatter};
pub(crate) use stored::{MaskTensor, StoreRows, StoreRowsBackward, StoreTensor};

use portable::Portable;
use simd::Simd;

/// Samples a block.
pub(crate) const LANES: usize = 16;

/// One number of each sample of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    /// Zeroes.
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    /// Returns lanes for at least so many numbers.
    pub(crate) fn zeroes(n_numbers: usize) -> Vec<Self> {
        vec![Self::ZERO; n_numbers.div_ceil(LANES)]
    }
}

/// Views lanes as numbers, 16 a lane.
pub(crate) fn numbers(lanes: &[Lanes]) -> &[f32] {
    // SAFETY: `Lanes` is 16 numbers without padding, `repr(C)`.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * LANES) }
}

/// Views lanes as numbers, 16 a lane.
pub(crate) fn numbers_mut(lanes: &mut [Lanes]) -> &mut [f32] {
    // SAFETY: as in `numbers`.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * LANES) }
}

/// What kernels are compiled for. One that exists can be run on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Path {
    /// Returns the paths that this machine can run, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut paths = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            // What `on_avx512` and `on_avx2` enable.
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                paths.push(Self(Kind::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self(Kind::Avx2));
            }
        }
        // Miri knows few of these instructions. On x86-64 it detects none, so nothing is to be said.
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        if std::arch::is_aarch64_feature_detected!("neon") {
            paths.push(Self(Kind::Neon));
        }
        paths.push(Self(Kind::Portable));
        paths
    }

    /// Returns the name, as in `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        }
    }

    /// Runs a kernel.
    ///
    /// # Panics
    /// If the sizes of what it reads and writes do not fit each other.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.check();
        match self.0 {
            // SAFETY: a path that exists was found on this machine, and the sizes were checked.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { on_avx512(kernel) },
            // SAFETY: likewise.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { on_avx2(kernel) },
            // SAFETY: likewise.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { on_neon(kernel) },
            // SAFETY: it needs no features, and the sizes were checked.
            Kind::Portable => unsafe { on_any(kernel) },
        }
    }
}

/// An inner loop with what it reads and writes.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Asserts that the sizes fit each other, so that [`Kernel::run`] stays inside of them.
    fn check(&self);

    /// Runs.
    ///
    /// # Safety
    /// [`Kernel::check`] passed, and the machine can run `S`.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl")]
unsafe fn on_avx512<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run::<avx512::Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn on_avx2<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run::<avx2::Avx2>() }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn on_neon<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run::<neon::Neon>() }
}

#[inline(never)]
unsafe fn on_any<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: as the caller promises.
    unsafe { kernel.run::<Portable>() }
}

/// Asserts that a slice holds `blocks` of `width` lanes.
fn check_values(what: &str, lanes: &[Lanes], blocks: usize, width: usize) {
    assert_eq!(
        lanes.len(),
        blocks * width,
        "{what}: {blocks} blocks of {width}"
    );
}
