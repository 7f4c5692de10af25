//! The particles that make the jets: their masses, decays and colour.

use std::f64::consts::PI;

use firebrick_core::random::Stream;
use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::hadrons::{fragment, restore_mass};
use super::kinematics::{FourMomentum, decay_in_two, delta_phi};
use super::physics::Physics;
use super::shower::{Colour, Parton, shower};
use super::species::Particle;

const W_MASS: f64 = 80.377;
const W_WIDTH: f64 = 2.085;
const Z_MASS: f64 = 91.188;
const Z_WIDTH: f64 = 2.495;
const TOP_MASS: f64 = 172.8;
const TOP_WIDTH: f64 = 1.42;
const BOTTOM_MASS: f64 = 4.7;

/// What started the jet, in the order of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Gluon,
    Quark,
    Top,
    W,
    Z,
}

pub(crate) const ORIGINS: [Origin; 5] = [
    Origin::Gluon,
    Origin::Quark,
    Origin::Top,
    Origin::W,
    Origin::Z,
];

/// Returns the stable particles of one hard process, before the underlying event and detector.
pub(crate) fn produce(origin: Origin, physics: &Physics, rng: &mut Stream) -> Vec<Particle> {
    let normal: f64 = StandardNormal.sample(rng);
    let recoil: f64 = Exp1.sample(rng);
    let pt = physics.parton_pt
        * (1.0 + physics.parton_pt_spread * normal)
        * (1.0 + physics.recoil[origin as usize] * recoil);
    let mut particles = Vec::with_capacity(256);
    let alone = |colour, mass| Parton {
        colour,
        pt,
        rapidity: 0.0,
        phi: 0.0,
        mass,
        angle: physics.shower_angle_max,
    };
    match origin {
        Origin::Gluon => radiate(alone(Colour::Gluon, 0.0), physics, &mut particles, rng),
        Origin::Quark => radiate(alone(Colour::Quark, 0.0), physics, &mut particles, rng),
        Origin::W => decay_boson(
            &boson(pt, W_MASS, W_WIDTH, rng),
            physics,
            &mut particles,
            rng,
        ),
        Origin::Z => decay_boson(
            &boson(pt, Z_MASS, Z_WIDTH, rng),
            physics,
            &mut particles,
            rng,
        ),
        Origin::Top => {
            // The top radiates outside its dead cone, then decays.
            let mass = breit_wigner(TOP_MASS, TOP_WIDTH, rng);
            let mut partons = shower(alone(Colour::Quark, mass), physics, rng).into_iter();
            let top = partons.next().unwrap_or(alone(Colour::Quark, mass));
            for gluon in partons {
                fragment(&gluon, physics, &mut particles, rng);
            }
            let top = FourMomentum::from_polar(top.pt, top.rapidity, top.phi, mass);
            decay_top(&top, physics, &mut particles, rng);
        }
    }
    particles
}

fn radiate(parton: Parton, physics: &Physics, particles: &mut Vec<Particle>, rng: &mut Stream) {
    for parton in shower(parton, physics, rng) {
        fragment(&parton, physics, particles, rng);
    }
}

fn boson(pt: f64, mass: f64, width: f64, rng: &mut Stream) -> FourMomentum {
    FourMomentum::from_polar(pt, 0.0, 0.0, breit_wigner(mass, width, rng))
}

/// Decays a W or Z to two quarks that shower inside their opening angle: the pair is colourless.
fn decay_boson(
    boson: &FourMomentum,
    physics: &Physics,
    particles: &mut Vec<Particle>,
    rng: &mut Stream,
) {
    let first = particles.len();
    let quarks = decay_in_two(boson, [0.0, 0.0], rng);
    let angle = physics
        .shower_angle_max
        .min(physics.coherence * opening_angle(&quarks));
    for quark in quarks {
        radiate(
            parton_along(&quark, Colour::Quark, 0.0, angle),
            physics,
            particles,
            rng,
        );
    }
    restore_mass(&mut particles[first..], boson.mass());
}

/// Decays a top to a b quark, which radiates inside its angle to the W, and a W.
fn decay_top(
    top: &FourMomentum,
    physics: &Physics,
    particles: &mut Vec<Particle>,
    rng: &mut Stream,
) {
    let first = particles.len();
    let w_mass = breit_wigner(W_MASS, W_WIDTH, rng);
    let products = decay_in_two(top, [BOTTOM_MASS, w_mass], rng);
    let angle = physics
        .shower_angle_max
        .min(physics.coherence * opening_angle(&products));
    let bottom = parton_along(&products[0], Colour::Bottom, BOTTOM_MASS, angle);
    radiate(bottom, physics, particles, rng);
    decay_boson(&products[1], physics, particles, rng);
    restore_mass(&mut particles[first..], top.mass());
}

fn parton_along(momentum: &FourMomentum, colour: Colour, mass: f64, angle: f64) -> Parton {
    Parton {
        colour,
        pt: momentum.pt(),
        rapidity: momentum.rapidity(),
        phi: momentum.phi(),
        mass,
        angle,
    }
}

fn opening_angle(pair: &[FourMomentum; 2]) -> f64 {
    let phi = delta_phi(pair[0].phi(), pair[1].phi());
    (pair[0].rapidity() - pair[1].rapidity()).hypot(phi)
}

/// Draws a mass from a Breit-Wigner distribution, cut ten widths from its peak.
pub(crate) fn breit_wigner(mass: f64, width: f64, rng: &mut Stream) -> f64 {
    let edge = 20.0_f64.atan() / PI;
    let quantile = rng.random_range(-edge..edge);
    mass + 0.5 * width * (PI * quantile).tan()
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::super::kinematics::total;
    use super::super::physics::PHYSICS;
    use super::*;

    #[test]
    fn the_products_of_a_boson_or_top_have_its_mass() {
        for counter in 0..50 {
            let rng = &mut stream(1, Purpose::Dataset, counter);
            let mut particles = Vec::new();
            let parent = FourMomentum::from_polar(1000.0, 0.1, 0.2, 91.2);
            decay_boson(&parent, &PHYSICS, &mut particles, rng);
            let mass = total(particles.iter().map(|p| p.momentum)).mass();
            assert!((mass - 91.2).abs() < 0.5, "{mass}");

            particles.clear();
            let parent = FourMomentum::from_polar(1000.0, 0.1, 0.2, 172.8);
            decay_top(&parent, &PHYSICS, &mut particles, rng);
            let mass = total(particles.iter().map(|p| p.momentum)).mass();
            assert!((mass - 172.8).abs() < 1.0, "{mass}");
        }
    }

    #[test]
    fn half_of_a_breit_wigner_is_within_half_a_width() {
        let rng = &mut stream(1, Purpose::Dataset, 0);
        let masses: Vec<f64> = (0..10_000)
            .map(|_| breit_wigner(W_MASS, W_WIDTH, rng))
            .collect();
        let near = masses
            .iter()
            .filter(|m| (*m - W_MASS).abs() < 0.5 * W_WIDTH)
            .count();
        assert!((0.49..0.54).contains(&(near as f64 / 10_000.0)), "{near}");
        assert!(
            masses
                .iter()
                .all(|m| (m - W_MASS).abs() <= 10.001 * W_WIDTH)
        );
    }

    #[test]
    fn every_origin_makes_the_momentum_of_a_jet() {
        for origin in ORIGINS {
            let rng = &mut stream(1, Purpose::Dataset, 0);
            let sum = total(produce(origin, &PHYSICS, rng).iter().map(|p| p.momentum));
            assert!(
                (800.0..3000.0).contains(&sum.pt()),
                "{origin:?} {}",
                sum.pt()
            );
        }
    }
}
