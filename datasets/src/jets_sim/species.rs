//! The hadrons that are told apart, and their decays to stable particles.

use firebrick_core::random::Stream;
use rand::RngExt;

use super::kinematics::{FourMomentum, decay_in_two};
use super::physics::Physics;

pub(crate) const PION_MASS: f64 = 0.1396;
const KAON_MASS: f64 = 0.4937;
pub(crate) const BOTTOM_HADRON_MASS: f64 = 5.28;
const RHO_MASS: f64 = 0.775;
const NUCLEON_MASS: f64 = 0.939;

/// How a particle shows in the detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Track = 0,
    Photon = 1,
    NeutralHadron = 2,
}

/// A particle that lives long enough to reach the detector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Particle {
    pub(crate) momentum: FourMomentum,
    pub(crate) signal: Signal,
}

/// The primary hadrons that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Species {
    ChargedPion,
    NeutralPion,
    ChargedKaon,
    NeutralKaon,
    Vector,
    Proton,
    Neutron,
}

impl Species {
    pub(crate) fn draw(physics: &Physics, rng: &mut Stream) -> Self {
        if rng.random_bool(physics.baryon_fraction) {
            return if rng.random_bool(0.5) {
                Self::Proton
            } else {
                Self::Neutron
            };
        }
        if rng.random_bool(physics.vector_fraction) {
            return Self::Vector;
        }
        Self::draw_pseudoscalar(physics, rng)
    }

    pub(crate) fn draw_pseudoscalar(physics: &Physics, rng: &mut Stream) -> Self {
        if rng.random_bool(physics.kaon_fraction) {
            return if rng.random_bool(0.5) {
                Self::ChargedKaon
            } else {
                Self::NeutralKaon
            };
        }
        if rng.random_bool(1.0 / 3.0) {
            Self::NeutralPion
        } else {
            Self::ChargedPion
        }
    }

    pub(crate) fn mass(self) -> f64 {
        match self {
            Self::ChargedPion | Self::NeutralPion => PION_MASS,
            Self::ChargedKaon | Self::NeutralKaon => KAON_MASS,
            Self::Vector => RHO_MASS,
            Self::Proton | Self::Neutron => NUCLEON_MASS,
        }
    }

    /// Appends the stable particles that a hadron decays to, or the hadron itself.
    pub(crate) fn decay(
        self,
        momentum: FourMomentum,
        particles: &mut Vec<Particle>,
        rng: &mut Stream,
    ) {
        let signal = match self {
            Self::ChargedPion | Self::ChargedKaon | Self::Proton => Signal::Track,
            Self::NeutralKaon | Self::Neutron => Signal::NeutralHadron,
            Self::NeutralPion => {
                for momentum in decay_in_two(&momentum, [0.0, 0.0], rng) {
                    particles.push(Particle {
                        momentum,
                        signal: Signal::Photon,
                    });
                }
                return;
            }
            Self::Vector => {
                // Pions only: rho and omega are most of the light vector mesons.
                let products = if rng.random_bool(1.0 / 3.0) {
                    [Self::ChargedPion, Self::ChargedPion]
                } else {
                    [Self::ChargedPion, Self::NeutralPion]
                };
                let momenta = decay_in_two(&momentum, [PION_MASS, PION_MASS], rng);
                for (product, momentum) in products.into_iter().zip(momenta) {
                    product.decay(momentum, particles, rng);
                }
                return;
            }
        };
        particles.push(Particle { momentum, signal });
    }
}
/// Decays a heavy hadron to two lumps, and those on, until each is light enough to be a hadron.
pub(crate) fn decay_cluster(
    cluster: &FourMomentum,
    particles: &mut Vec<Particle>,
    physics: &Physics,
    rng: &mut Stream,
) {
    let mass = cluster.mass();
    if mass < 2.0 * RHO_MASS {
        let species = [(); 2].map(|()| Species::draw_pseudoscalar(physics, rng));
        let masses = species.map(Species::mass);
        if masses[0] + masses[1] < mass {
            for (species, momentum) in species.into_iter().zip(decay_in_two(cluster, masses, rng)) {
                species.decay(momentum, particles, rng);
            }
            return;
        }
        // Too light for kaons.
        for momentum in decay_in_two(cluster, [PION_MASS, PION_MASS], rng) {
            Species::ChargedPion.decay(momentum, particles, rng);
        }
        return;
    }
    let lightest = 3.0 * PION_MASS;
    let first = rng.random_range(lightest..mass - 2.0 * lightest);
    let second = rng.random_range(lightest..mass - first);
    for lump in decay_in_two(cluster, [first, second], rng) {
        decay_cluster(&lump, particles, physics, rng);
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::super::kinematics::total;
    use super::super::physics::PHYSICS;
    use super::*;

    #[test]
    fn a_decayed_cluster_keeps_its_four_momentum() {
        let cluster = FourMomentum::from_polar(150.0, 0.2, -0.1, BOTTOM_HADRON_MASS);
        for counter in 0..100 {
            let mut particles = Vec::new();
            let rng = &mut stream(1, Purpose::Dataset, counter);
            decay_cluster(&cluster, &mut particles, &PHYSICS, rng);
            let sum = total(particles.iter().map(|p| p.momentum));
            assert!((sum.pt() - cluster.pt()).abs() < 1e-6);
            assert!((sum.mass() - BOTTOM_HADRON_MASS).abs() < 1e-3);
            assert!(particles.len() >= 4);
        }
    }
}
