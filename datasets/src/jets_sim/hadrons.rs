//! Hadrons from partons: recursive fragmentation.

use firebrick_core::random::Stream;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::kinematics::{FourMomentum, delta_phi, total};
use super::physics::Physics;
use super::shower::{Colour, Parton};
use super::species::{BOTTOM_HADRON_MASS, PION_MASS, Particle, Species, decay_cluster};

/// Turns a parton into stable particles, appended to `particles`.
///
/// A quark gives away the share z of what is left of its momentum, drawn from
/// `(1 + c)(1 - z)^c`, to one hadron after the other, each with a Gaussian transverse momentum.
/// Hadrons that would fly outside the angle at which the quark was made are left out: soft ones
/// at wide angles are radiated coherently by its parent, which makes them itself. The others
/// share the quark's whole momentum. A gluon first splits into two collinear quarks; a b quark
/// gives most of its momentum to a heavy hadron that decays.
///
/// # Source
/// Field and Feynman, "A parametrization of the properties of quark jets", Nucl. Phys. B 136
/// (1978) 1. Differs: the limit in angle, and only the commonest species.
pub(crate) fn fragment(
    parton: &Parton,
    physics: &Physics,
    particles: &mut Vec<Particle>,
    rng: &mut Stream,
) {
    let mut primaries = Vec::new();
    let mut light = *parton;
    match parton.colour {
        Colour::Quark => draw_primaries(parton.pt, parton, physics, &mut primaries, rng),
        Colour::Gluon => {
            let share = rng.random_range(0.0..1.0);
            for share in [share, 1.0 - share] {
                draw_primaries(share * parton.pt, parton, physics, &mut primaries, rng);
            }
        }
        Colour::Bottom => {
            light.pt -= decay_bottom(parton, physics, particles, rng);
            draw_primaries(light.pt, parton, physics, &mut primaries, rng);
        }
    }
    if primaries.is_empty() {
        // Too soft for any hadron inside the angle: one takes it all.
        let species = Species::draw_pseudoscalar(physics, rng);
        primaries.push(Primary {
            species,
            pt: light.pt,
            kick: [0.0; 2],
        });
    }
    let scale = light.pt / primaries.iter().map(|primary| primary.pt).sum::<f64>();
    for Primary { species, pt, kick } in primaries {
        let pt = scale * pt;
        let (rapidity, phi) = (parton.rapidity + kick[0] / pt, parton.phi + kick[1] / pt);
        let momentum = FourMomentum::from_polar(pt, rapidity, phi, species.mass());
        species.decay(momentum, particles, rng);
    }
}

/// A hadron as it leaves the quark, before it decays.
#[derive(Debug, Clone, Copy)]
struct Primary {
    species: Species,
    pt: f64,
    /// Transverse momentum to the quark, along rapidity and azimuth.
    kick: [f64; 2],
}

/// Draws the hadrons of a light quark, or of half a gluon, that fly inside the parton's angle.
fn draw_primaries(
    pt: f64,
    parton: &Parton,
    physics: &Physics,
    primaries: &mut Vec<Primary>,
    rng: &mut Stream,
) {
    let [quark_exponent, gluon_exponent] = physics.fragmentation_exponent;
    let exponent = match parton.colour {
        Colour::Gluon => gluon_exponent,
        Colour::Quark | Colour::Bottom => quark_exponent,
    };
    let mut left = pt;
    while left * parton.angle > PION_MASS {
        let z = 1.0 - (1.0 - rng.random::<f64>()).powf(1.0 / (1.0 + exponent));
        let pt = z * left;
        left -= pt;
        let species = Species::draw(physics, rng);
        let kick: [f64; 2] = std::array::from_fn(|_| {
            let normal: f64 = StandardNormal.sample(rng);
            physics.hadron_kt * normal
        });
        let mass = species.mass();
        if pt * parton.angle > (mass * mass + kick[0] * kick[0] + kick[1] * kick[1]).sqrt() {
            primaries.push(Primary { species, pt, kick });
        }
    }
}

/// Decays a heavy hadron that takes most of a b quark's momentum, and returns that momentum.
fn decay_bottom(
    quark: &Parton,
    physics: &Physics,
    particles: &mut Vec<Particle>,
    rng: &mut Stream,
) -> f64 {
    // The density of the share z is a z^(a - 1), with the mean a / (1 + a).
    let share = rng
        .random::<f64>()
        .powf((1.0 - physics.bottom_share) / physics.bottom_share);
    let pt = share * quark.pt;
    let hadron = FourMomentum::from_polar(pt, quark.rapidity, quark.phi, BOTTOM_HADRON_MASS);
    decay_cluster(&hadron, particles, physics, rng);
    pt
}
/// Scales the opening angles of a decayed particle's products until they have its mass again.
///
/// Showers and hadrons keep direction and momentum of each parton but give it a mass, which would
/// make their parent too heavy. Angles are taken to the centre of transverse momentum.
pub(crate) fn restore_mass(particles: &mut [Particle], mass: f64) {
    for _ in 0..3 {
        let sum = total(particles.iter().map(|particle| particle.momentum));
        let found = sum.mass();
        if found <= 0.0 {
            return;
        }
        let scale = mass / found;
        let (rapidity, phi) = (sum.rapidity(), sum.phi());
        for particle in particles.iter_mut() {
            let old = particle.momentum;
            particle.momentum = FourMomentum::from_polar(
                old.pt(),
                rapidity + scale * (old.rapidity() - rapidity),
                phi + scale * delta_phi(old.phi(), phi),
                old.mass(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::super::physics::PHYSICS;
    use super::*;

    fn parton(colour: Colour) -> Parton {
        Parton {
            colour,
            pt: 200.0,
            rapidity: 0.0,
            phi: 0.0,
            mass: 0.0,
            angle: 0.3,
        }
    }

    fn hadrons(colour: Colour, counter: u64) -> Vec<Particle> {
        let mut particles = Vec::new();
        let rng = &mut stream(1, Purpose::Dataset, counter);
        fragment(&parton(colour), &PHYSICS, &mut particles, rng);
        particles
    }

    #[test]
    fn hadrons_share_the_whole_momentum_of_their_parton() {
        for colour in [Colour::Quark, Colour::Gluon, Colour::Bottom] {
            for counter in 0..100 {
                let sum = total(hadrons(colour, counter).iter().map(|p| p.momentum));
                assert!((sum.pt() / 200.0 - 1.0).abs() < 0.01, "{}", sum.pt());
            }
        }
    }

    #[test]
    fn gluons_and_b_quarks_make_more_hadrons_than_light_quarks() {
        let count = |colour| {
            (0..200)
                .map(|counter| hadrons(colour, counter).len())
                .sum::<usize>()
        };
        assert!(count(Colour::Gluon) > count(Colour::Quark));
        assert!(count(Colour::Bottom) > count(Colour::Quark));
    }

    #[test]
    fn a_parton_too_soft_for_a_choice_is_one_hadron() {
        let soft = Parton {
            pt: 0.3,
            ..parton(Colour::Quark)
        };
        let mut particles = Vec::new();
        fragment(
            &soft,
            &PHYSICS,
            &mut particles,
            &mut stream(1, Purpose::Dataset, 0),
        );
        let sum = total(particles.iter().map(|p| p.momentum));
        assert!((sum.pt() - 0.3).abs() < 1e-9);
    }

    #[test]
    fn angles_are_scaled_until_the_mass_is_right() {
        let mut particles = hadrons(Colour::Gluon, 0);
        let before = total(particles.iter().map(|p| p.momentum));
        restore_mass(&mut particles, 40.0);
        let after = total(particles.iter().map(|p| p.momentum));
        assert!((after.mass() - 40.0).abs() < 0.1, "{}", after.mass());
        assert!((after.phi() - before.phi()).abs() < 1e-2);
        assert!((after.pt() / before.pt() - 1.0).abs() < 0.05);
    }
}
