//! The underlying event, and what a detector makes of the particles.

use firebrick_core::random::Stream;
use rand::RngExt;
use rand_distr::{Distribution, Exp1, Poisson, StandardNormal};

use super::kinematics::FourMomentum;
use super::physics::Physics;
use super::species::{Particle, Signal};

/// Half the side of the square that the underlying event fills. The harder part of the widest
/// splitting, which is the jet, is within 0.28 of the middle, and its radius is 0.4.
const UNDERLYING_REACH: f64 = 0.9;

/// Adds soft particles that have nothing to do with the jet, spread evenly over the plane.
pub(crate) fn add_underlying_event(
    particles: &mut Vec<Particle>,
    physics: &Physics,
    rng: &mut Stream,
) {
    let mean = physics.underlying_density * (2.0 * UNDERLYING_REACH).powi(2);
    let Ok(counts) = Poisson::new(mean) else {
        return;
    };
    let count: f64 = counts.sample(rng);
    for _ in 0..count as usize {
        let draw: f64 = Exp1.sample(rng);
        let rapidity = rng.random_range(-UNDERLYING_REACH..UNDERLYING_REACH);
        let phi = rng.random_range(-UNDERLYING_REACH..UNDERLYING_REACH);
        // Two thirds of the pions are charged.
        let signal = if rng.random_bool(2.0 / 3.0) {
            Signal::Track
        } else {
            Signal::Photon
        };
        let momentum = FourMomentum::from_polar(physics.underlying_pt * draw, rapidity, phi, 0.0);
        particles.push(Particle { momentum, signal });
    }
}

/// Returns the measured momenta: each smeared by the resolution of what it leaves in the detector.
///
/// Particles are measured without mass, and those below the threshold are lost.
pub(crate) fn measure(
    particles: &[Particle],
    physics: &Physics,
    rng: &mut Stream,
) -> Vec<FourMomentum> {
    let mut measured = Vec::with_capacity(particles.len());
    for particle in particles {
        let kind = particle.signal as usize;
        let normal: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(rng));
        let true_pt = particle.momentum.pt();
        let resolution =
            physics.resolution[kind].hypot(physics.resolution_stochastic[kind] / true_pt.sqrt());
        let pt = true_pt * (1.0 + resolution * normal[0]);
        if pt < physics.detector_pt_min {
            continue;
        }
        let angle = physics.resolution_angle[kind];
        measured.push(FourMomentum::from_polar(
            pt,
            particle.momentum.rapidity() + angle * normal[1],
            particle.momentum.phi() + angle * normal[2],
            0.0,
        ));
    }
    measured
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::super::kinematics::total;
    use super::super::physics::PHYSICS;
    use super::*;

    fn particle(pt: f64, signal: Signal) -> Particle {
        Particle {
            momentum: FourMomentum::from_polar(pt, 0.1, 0.2, 0.0),
            signal,
        }
    }

    #[test]
    fn loses_what_is_below_the_threshold() {
        let soft = particle(0.2 * PHYSICS.detector_pt_min, Signal::Track);
        let rng = &mut stream(1, Purpose::Dataset, 0);
        assert_eq!(
            measure(&[soft, particle(10.0, Signal::Track)], &PHYSICS, rng).len(),
            1
        );
    }

    #[test]
    fn smears_around_the_true_momentum_by_the_resolution() {
        let rng = &mut stream(1, Purpose::Dataset, 0);
        let hadrons = vec![particle(100.0, Signal::NeutralHadron); 4000];
        let measured = measure(&hadrons, &PHYSICS, rng);
        let mean = total(measured.iter().copied()).pt() / 4000.0;
        let variance = measured
            .iter()
            .map(|p| (p.pt() - mean).powi(2))
            .sum::<f64>()
            / measured.len() as f64;
        let neutral = Signal::NeutralHadron as usize;
        let expected = 100.0
            * PHYSICS.resolution[neutral].hypot(PHYSICS.resolution_stochastic[neutral] / 10.0);
        assert!((mean - 100.0).abs() < 0.5, "{mean}");
        assert!((variance.sqrt() / expected - 1.0).abs() < 0.1);
    }

    #[test]
    fn the_underlying_event_has_its_density() {
        let rng = &mut stream(1, Purpose::Dataset, 0);
        let mut particles = Vec::new();
        for _ in 0..1000 {
            add_underlying_event(&mut particles, &PHYSICS, rng);
        }
        let density = particles.len() as f64 / 1000.0 / (2.0 * UNDERLYING_REACH).powi(2);
        assert!(
            (density / PHYSICS.underlying_density - 1.0).abs() < 0.05,
            "{density}"
        );
        let pt = particles.iter().map(|p| p.momentum.pt()).sum::<f64>() / particles.len() as f64;
        assert!((pt / PHYSICS.underlying_pt - 1.0).abs() < 0.05, "{pt}");
    }
}
