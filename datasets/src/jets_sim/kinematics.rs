//! Four-momenta: sums, masses, boosts and two-body decays.

use std::f64::consts::{PI, TAU};
use std::ops::Add;

use rand::RngExt;

use firebrick_core::random::Stream;

/// An energy and a momentum in GeV; the beams run along z.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FourMomentum {
    pub(crate) e: f64,
    pub(crate) px: f64,
    pub(crate) py: f64,
    pub(crate) pz: f64,
}

impl FourMomentum {
    /// Returns the momentum with a transverse momentum, rapidity, azimuth and mass (GeV, radians).
    pub(crate) fn from_polar(pt: f64, rapidity: f64, phi: f64, mass: f64) -> Self {
        let transverse_mass = (pt * pt + mass * mass).sqrt();
        Self {
            e: transverse_mass * rapidity.cosh(),
            px: pt * phi.cos(),
            py: pt * phi.sin(),
            pz: transverse_mass * rapidity.sinh(),
        }
    }

    pub(crate) fn pt(&self) -> f64 {
        (self.px * self.px + self.py * self.py).sqrt()
    }

    pub(crate) fn phi(&self) -> f64 {
        self.py.atan2(self.px)
    }

    pub(crate) fn rapidity(&self) -> f64 {
        0.5 * ((self.e + self.pz) / (self.e - self.pz)).ln()
    }

    /// Returns the invariant mass in GeV, zero where rounding makes its square negative.
    pub(crate) fn mass(&self) -> f64 {
        let transverse = self.px * self.px + self.py * self.py;
        ((self.e - self.pz) * (self.e + self.pz) - transverse)
            .max(0.0)
            .sqrt()
    }

    /// Returns this momentum, given in the rest frame of `parent`, as seen where `parent` moves.
    pub(crate) fn boosted_with(&self, parent: &Self) -> Self {
        let mass = parent.mass();
        let along = self.px * parent.px + self.py * parent.py + self.pz * parent.pz;
        let e = (self.e * parent.e + along) / mass;
        let push = (self.e + e) / (parent.e + mass);
        Self {
            e,
            px: self.px + push * parent.px,
            py: self.py + push * parent.py,
            pz: self.pz + push * parent.pz,
        }
    }
}

impl Add for FourMomentum {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            e: self.e + other.e,
            px: self.px + other.px,
            py: self.py + other.py,
            pz: self.pz + other.pz,
        }
    }
}

/// Returns the sum of momenta, all zero where there is none.
pub(crate) fn total(momenta: impl IntoIterator<Item = FourMomentum>) -> FourMomentum {
    let nothing = FourMomentum {
        e: 0.0,
        px: 0.0,
        py: 0.0,
        pz: 0.0,
    };
    momenta.into_iter().fold(nothing, Add::add)
}

/// Returns an azimuth's difference to another one, between -pi and pi, if both are.
pub(crate) fn delta_phi(phi: f64, reference: f64) -> f64 {
    let difference = phi - reference;
    if difference > PI {
        difference - TAU
    } else if difference < -PI {
        difference + TAU
    } else {
        difference
    }
}

/// Decays a particle into two with the given masses, isotropically in its rest frame.
///
/// A pair that is heavier than the parent is made at rest to each other: callers draw masses
/// below the threshold, and rounding must not make a momentum imaginary.
pub(crate) fn decay_in_two(
    parent: &FourMomentum,
    masses: [f64; 2],
    rng: &mut Stream,
) -> [FourMomentum; 2] {
    let momentum = two_body_momentum(parent.mass(), masses);
    let cos = rng.random_range(-1.0..1.0_f64);
    let sin = (1.0 - cos * cos).sqrt();
    let azimuth = rng.random_range(0.0..TAU);
    let (px, py, pz) = (
        momentum * sin * azimuth.cos(),
        momentum * sin * azimuth.sin(),
        momentum * cos,
    );
    let energy = |mass: f64| (momentum * momentum + mass * mass).sqrt();
    let first = FourMomentum {
        e: energy(masses[0]),
        px,
        py,
        pz,
    };
    let second = FourMomentum {
        e: energy(masses[1]),
        px: -px,
        py: -py,
        pz: -pz,
    };
    [first.boosted_with(parent), second.boosted_with(parent)]
}

/// Returns the momentum of either product of a two-body decay in the rest frame (Källén).
pub(crate) fn two_body_momentum(mass: f64, products: [f64; 2]) -> f64 {
    let sum = products[0] + products[1];
    let difference = products[0] - products[1];
    let square = (mass * mass - sum * sum) * (mass * mass - difference * difference);
    square.max(0.0).sqrt() / (2.0 * mass)
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::*;

    fn is_close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-6 * expected.abs().max(1.0)
    }

    #[test]
    fn a_momentum_has_the_coordinates_it_was_made_from() {
        let momentum = FourMomentum::from_polar(500.0, 1.2, -2.5, 80.4);
        assert!(is_close(momentum.pt(), 500.0));
        assert!(is_close(momentum.rapidity(), 1.2));
        assert!(is_close(momentum.phi(), -2.5));
        assert!(is_close(momentum.mass(), 80.4));
    }

    #[test]
    fn a_boost_keeps_the_mass_and_moves_a_particle_at_rest_with_its_parent() {
        let parent = FourMomentum::from_polar(1000.0, 0.7, 1.0, 172.8);
        let at_rest = FourMomentum {
            e: 172.8,
            px: 0.0,
            py: 0.0,
            pz: 0.0,
        };
        let moved = at_rest.boosted_with(&parent);
        assert!(is_close(moved.e, parent.e) && is_close(moved.px, parent.px));
        assert!(is_close(moved.py, parent.py) && is_close(moved.pz, parent.pz));
        let other = FourMomentum::from_polar(30.0, -0.4, 2.0, 4.7).boosted_with(&parent);
        assert!((other.mass() - 4.7).abs() < 1e-4);
    }

    #[test]
    fn a_decay_keeps_the_four_momentum() {
        let rng = &mut stream(1, Purpose::Dataset, 0);
        let parent = FourMomentum::from_polar(1000.0, -0.3, 0.5, 172.8);
        for _ in 0..100 {
            let products = decay_in_two(&parent, [4.7, 80.4], rng);
            let sum = total(products);
            assert!(is_close(sum.e, parent.e) && is_close(sum.px, parent.px));
            assert!(is_close(sum.py, parent.py) && is_close(sum.pz, parent.pz));
            assert!((products[1].mass() - 80.4).abs() < 1e-4);
        }
    }

    #[test]
    fn products_have_the_momentum_in_the_tables() {
        // Review of Particle Physics: K_S to two charged pions, 206 MeV; a W to light quarks, half.
        assert!((two_body_momentum(0.497_61, [0.139_57; 2]) - 0.206).abs() < 1e-4);
        assert!(is_close(two_body_momentum(80.4, [0.0; 2]), 40.2));
        assert_eq!(two_body_momentum(1.0, [0.8, 0.8]), 0.0);
    }

    #[test]
    fn azimuths_differ_by_at_most_half_a_turn() {
        assert!(is_close(delta_phi(3.0, -3.0), 6.0 - TAU));
        assert!(is_close(delta_phi(0.2, 0.5), -0.3));
    }
}
