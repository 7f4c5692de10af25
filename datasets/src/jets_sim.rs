//! `jets-sim`: simulated jets of five classes with the sixteen features of the JSC data.
//!
//! A seeded simulation, not real data: its results stand beside other results on simulated jets
//! only. Jets have a transverse momentum of about 1 TeV; the class is what started them: a gluon,
//! a light quark, a top, a W or a Z.
//!
//! # Method
//! 1. `decay`: W and Z decay to two quarks, a top to b and W, isotropically at rest, with
//!    Breit-Wigner masses, and are boosted.
//! 2. `shower`: every coloured particle radiates gluons, ordered in angle; those radiate in turn.
//! 3. `hadrons`: partons fragment to hadrons, of which the short-lived decay.
//! 4. `detector`: an underlying event is added, and every particle smeared.
//! 5. `cluster`: anti-kt finds the jet. `groom`: the modified mass-drop tagger (mMDT) cleans it.
//! 6. `observables`: the features, by their published definitions.
//!
//! Rapidity and azimuth are flat coordinates for showers and hadrons, whose angles are small;
//! decays, clustering and masses use four-momenta. The parameters, all in `physics`, were fitted
//! to quantiles of the real features: those of all 664,000 jets, and of each class in the 600
//! that are at hand. The classes themselves are what was simulated; no label is ever changed.
//!
//! # What the real data says about its conventions
//! The 600 real jets and the statistics of 664,000 (OpenML 42468) show that `zlogz` and
//! `multiplicity` are of the jet before grooming (light-quark jets groomed to 3 GeV still have 30
//! constituents); that `d2_b1` is `c2_b1 / c1_b1`, the same column as `d2_a1_b1`; that `d2_a1_b2`
//! is `e3(1) / e2(2)^(3/2)`; and that `c1_b1` ends at 0.115, which is where two equal shares 0.46
//! apart are. So the radius of the jets here is 0.4.
//!
//! # Compared with the real jets
//! Measured on 10,000 simulated jets (seed 1) by
//! `cargo test -p firebrick-datasets jets_sim::tests -- --nocapture`. Quantiles are interpolated
//! between those that are known of the real jets.
//!
//! | feature | mean real | simulated | 1 % real | simulated | 99 % real | simulated |
//! |---|---|---|---|---|---|---|
//! | zlogz | -2.8652 | -2.8756 | -4.0503 | -4.0798 | -1.3378 | -1.2704 |
//! | c1_b0_mmdt | 0.4333 | 0.4364 | 0.2034 | 0.1609 | 0.4866 | 0.4870 |
//! | c1_b1_mmdt | 0.0378 | 0.0376 | 0.000921 | 0.000319 | 0.1124 | 0.1228 |
//! | c1_b2_mmdt | 0.008000 | 0.007852 | 0.000004 | 0.000001 | 0.0384 | 0.0435 |
//! | c2_b1_mmdt | 0.0456 | 0.0461 | 0.000886 | 0.000278 | 0.1550 | 0.1631 |
//! | c2_b2_mmdt | 0.007619 | 0.007803 | 0.000003 | 0.000001 | 0.0567 | 0.0602 |
//! | d2_b1_mmdt | 1.2963 | 1.3058 | 0.4271 | 0.0974 | 2.6197 | 2.7125 |
//! | d2_b2_mmdt | 1.0844 | 1.1196 | 0.0961 | 0.0329 | 3.3972 | 3.7597 |
//! | d2_a1_b1_mmdt | 1.2963 | 1.3058 | 0.4271 | 0.0974 | 2.6197 | 2.7125 |
//! | d2_a1_b2_mmdt | 0.1904 | 0.1899 | 0.0505 | 0.0122 | 0.3348 | 0.3344 |
//! | m2_b1_mmdt | 0.0900 | 0.0876 | 0.0227 | 0.005532 | 0.1673 | 0.1650 |
//! | m2_b2_mmdt | 0.0425 | 0.0407 | 0.004656 | 0.001253 | 0.1033 | 0.1022 |
//! | n2_b1_mmdt | 0.2812 | 0.2783 | 0.0969 | 0.0220 | 0.4230 | 0.4228 |
//! | n2_b2_mmdt | 0.1440 | 0.1420 | 0.0182 | 0.005279 | 0.3025 | 0.3060 |
//! | mass_mmdt | 75.2 | 74.6 | 1.8133 | 0.5271 | 217.4 | 242.4 |
//! | multiplicity | 51.9 | 51.3 | 17.3 | 17.5 | 120.1 | 124.0 |
//!
//! # How well networks tell them apart
//! Measured by the slow test `jets_sim::learning` (prefix `FIREBRICK_SLOW_TESTS=1`, suffix
//! `-- --nocapture`): trained on 40,000 simulated jets, judged on 10,000 others and on the 600
//! real ones, all scaled by the statistics of the simulated jets; 30 epochs of Adam.
//!
//! | network | simulated | real |
//! |---|---|---|
//! | linear, 16-5 | 64.9 % | 65.3 % |
//! | 16-16-16-5 | 74.2 % | 74.0 % |
//! | 16-64-32-32-5 | 75.0 % | 73.5 % |
//!
//! With 600 jets, the last column is uncertain by 1.8 points; and it flatters a little, since the
//! parameters were fitted with these jets in sight.

mod cluster;
mod decay;
mod detector;
mod groom;
mod hadrons;
mod kinematics;
mod observables;
mod physics;
mod shower;
mod species;

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

/// Simulates jets: the jet of index `i` is of class `i % 5`, a function of the seed and `i` alone.
///
/// Runs on the threads of the current rayon pool; the jets are the same bit for bit whatever
/// their number, and the first jets of a larger sample are those of a smaller one. A jet takes
/// about 0.16 ms of a core.
///
/// # Units
/// The mass is in GeV; all other features are pure numbers, and none is standardised.
pub fn generate(seed: u64, n_jets: usize) -> Jets {
    let mut features = vec![0.0; n_jets * FEATURES.len()];
    features
        .par_chunks_mut(FEATURES.len())
        .enumerate()
        .for_each(|(index, row)| row.copy_from_slice(&simulate(&PHYSICS, seed, index)));
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
