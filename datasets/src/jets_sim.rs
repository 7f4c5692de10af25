//! Simulated jets.

mod cluster;
mod decay;
mod detector;
mod groom;
mod hadrons;
mod kinematics;
mod observables;
pub(crate) mod physics;
mod shower;

use firebrick_core::random::{Purpose, stream};
use rayon::prelude::*;

use cluster::{Metric, cluster};
use decay::ORIGINS;
pub use observables::FEATURES;
use physics::{PHYSICS, Physics};

/// The classes in the order of their labels: gluon, light quark, top, W, Z.
pub const CLASSES: [&str; 5] = ["g", "q", "t", "w", "z"];

/// Simulated jets: features and labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Jets {
    /// Row-major, `n_jets * 16`, columns as in [`FEATURES`].
    pub features: Vec<f32>,
    /// One index into [`CLASSES`] a jet.
    pub labels: Vec<u32>,
}

/// Simulates jets.
pub fn generate(seed: u64, n_jets: usize) -> Jets {
    generate_with(&PHYSICS, seed, n_jets)
}

pub(crate) fn generate_with(physics: &Physics, seed: u64, n_jets: usize) -> Jets {
    let mut features = vec![0.0; n_jets * FEATURES.len()];
    features
        .par_chunks_mut(FEATURES.len())
        .enumerate()
        .for_each(|(index, row)| row.copy_from_slice(&simulate(physics, seed, index)));
    let labels = (0..n_jets)
        .map(|index| (index % CLASSES.len()) as u32)
        .collect();
    Jets { features, labels }
}

/// Simulates one jet, a function of the seed and the jet's number alone.
fn simulate(physics: &Physics, seed: u64, index: usize) -> [f32; 16] {
    let mut rng = stream(seed, Purpose::Dataset, index as u64);
    let origin = ORIGINS[index % ORIGINS.len()];
    let mut particles = decay::produce(origin, physics, &mut rng);
    detector::add_underlying_event(&mut particles, physics, &mut rng);
    let measured = detector::measure(&particles, physics, &mut rng);
    let jets = cluster(&measured, Metric::AntiKt, physics.jet_radius);
    let jet = jets
        .leading()
        .map_or_else(Vec::new, |jet| jets.constituents(jet));
    let groomed = groom::groom(&jet, physics.groom_z_cut);
    observables::observe(&jet, &groomed)
}

#[cfg(test)]
mod learning;
#[cfg(test)]
mod tests;
