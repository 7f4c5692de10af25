//! Angular-ordered showers of quarks and gluons.

use std::f64::consts::{PI, TAU};

use firebrick_core::random::Stream;
use rand::RngExt;

use super::physics::Physics;

const C_F: f64 = 4.0 / 3.0;
const C_A: f64 = 3.0;
const T_R: f64 = 0.5;
const N_FLAVOURS: f64 = 5.0;
const Z_MASS: f64 = 91.188;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Quark,
    Bottom,
    Gluon,
}

/// A quark or gluon on its way: momentum in GeV, direction as rapidity and azimuth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parton {
    pub(crate) colour: Colour,
    pub(crate) pt: f64,
    pub(crate) rapidity: f64,
    pub(crate) phi: f64,
    /// Heavy quarks do not radiate at angles below mass / pt.
    pub(crate) mass: f64,
    /// The angle at which it was made: coherence lets it radiate only inside.
    pub(crate) angle: f64,
}

/// Showers a parton and returns what is left of it, followed by everything it radiated.
///
/// Emissions are a Poisson process of density `2 alpha_s C / pi` in `ln(1/theta)` and `ln(1/z)`
/// with relative transverse momentum above the cutoff, generated from wide to narrow angles. Each
/// is kept with probability `alpha_s(k_t) / alpha_s(cutoff)` times the ratio of the full
/// splitting function to its soft limit `2 C / z`. Both products share the parent's momentum, recoil
/// against each other, and radiate on inside the opening angle; gluons also split into quarks.
///
/// # Source
/// Ellis, Stirling and Webber, "QCD and Collider Physics", chapter 5 (splitting functions,
/// coherence, angular ordering).
pub(crate) fn shower(parton: Parton, physics: &Physics, rng: &mut Stream) -> Vec<Parton> {
    let mut finished = Vec::new();
    let mut pending = vec![parton];
    while let Some(parton) = pending.pop() {
        finished.push(radiate(parton, &mut pending, physics, rng));
    }
    finished
}

/// Follows one parton down to the smallest angle; what it radiates goes to `pending`.
fn radiate(
    mut parton: Parton,
    pending: &mut Vec<Parton>,
    physics: &Physics,
    rng: &mut Stream,
) -> Parton {
    let coupling_max = coupling(physics.shower_kt_min, physics.alpha_s_mz);
    let mut angle = parton.angle;
    loop {
        let angle_min = (parton.mass / parton.pt).max(2.0 * physics.shower_kt_min / parton.pt);
        let z_range = (parton.pt * angle / physics.shower_kt_min).ln();
        if angle <= angle_min || z_range <= 0.0 {
            return parton;
        }
        // The range of z at the present angle bounds the density at every narrower one.
        let density = 2.0 * coupling_max * casimir(parton.colour) / PI * z_range;
        angle *= (-exponential(rng) / density).exp();
        if angle <= angle_min {
            return parton;
        }
        let z = (-rng.random::<f64>() * z_range).exp();
        let kt = z * (1.0 - z) * parton.pt * angle;
        if kt < physics.shower_kt_min {
            continue;
        }
        let share = coupling(kt, physics.alpha_s_mz) / coupling_max;
        let [emission, splitting] = splitting_ratios(parton.colour, z);
        let draw = rng.random::<f64>() / share;
        if draw < emission + splitting {
            let is_emission = draw < emission;
            pending.push(split(&mut parton, z, angle, is_emission, rng));
        }
    }
}

/// Returns the splitting functions for a gluon and for a quark pair over the soft limit `2 C / z`.
fn splitting_ratios(colour: Colour, z: f64) -> [f64; 2] {
    let rest = 1.0 - z;
    match colour {
        Colour::Quark | Colour::Bottom => [0.5 * (1.0 + rest * rest), 0.0],
        Colour::Gluon => {
            let pair = N_FLAVOURS * T_R * z * (z * z + rest * rest) / (2.0 * C_A);
            [rest * (1.0 + 0.5 * z * z), pair]
        }
    }
}

/// Splits off the share `z` of a parton's momentum; both recoil so that the sum keeps direction.
fn split(parton: &mut Parton, z: f64, angle: f64, is_emission: bool, rng: &mut Stream) -> Parton {
    let azimuth = rng.random_range(0.0..TAU);
    let (along_phi, along_rapidity) = azimuth.sin_cos();
    let mut child = Parton {
        colour: Colour::Gluon,
        pt: z * parton.pt,
        rapidity: parton.rapidity + (1.0 - z) * angle * along_rapidity,
        phi: parton.phi + (1.0 - z) * angle * along_phi,
        mass: 0.0,
        angle,
    };
    parton.pt *= 1.0 - z;
    parton.rapidity -= z * angle * along_rapidity;
    parton.phi -= z * angle * along_phi;
    if !is_emission {
        parton.colour = Colour::Quark;
        child.colour = Colour::Quark;
    }
    child
}

fn casimir(colour: Colour) -> f64 {
    match colour {
        Colour::Quark | Colour::Bottom => C_F,
        Colour::Gluon => C_A,
    }
}

/// Returns the effective coupling of soft gluons at a scale in GeV.
///
/// Runs with two loops and five flavours; the correction of soft emissions at the next order is
/// part of it.
///
/// # Source
/// Catani, Marchesini and Webber, "QCD coherent branching and semi-inclusive processes at large
/// x", Nucl. Phys. B 349 (1991) 635 (the correction).
pub(crate) fn coupling(scale: f64, at_z_mass: f64) -> f64 {
    let strong = strong_coupling(scale, at_z_mass);
    let correction = C_A * (67.0 / 18.0 - PI * PI / 6.0) - 5.0 / 9.0 * N_FLAVOURS;
    strong * (1.0 + correction * strong / TAU)
}

/// Returns the strong coupling with two loops and five flavours.
fn strong_coupling(scale: f64, at_z_mass: f64) -> f64 {
    let one_loop = (33.0 - 2.0 * N_FLAVOURS) / (12.0 * PI);
    let two_loops = (153.0 - 19.0 * N_FLAVOURS) / (24.0 * PI * PI);
    let running = 1.0 + 2.0 * one_loop * at_z_mass * (scale / Z_MASS).ln();
    at_z_mass / (running + at_z_mass * two_loops / one_loop * running.ln())
}

fn exponential(rng: &mut Stream) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};

    use super::super::physics::PHYSICS;
    use super::*;

    fn parton(colour: Colour, mass: f64) -> Parton {
        Parton {
            colour,
            pt: 1000.0,
            rapidity: 0.1,
            phi: -0.2,
            mass,
            angle: 1.0,
        }
    }

    #[test]
    fn a_shower_keeps_momentum_and_direction() {
        let rng = &mut stream(1, Purpose::Dataset, 0);
        for _ in 0..100 {
            let partons = shower(parton(Colour::Gluon, 0.0), &PHYSICS, rng);
            let sum = |of: fn(&Parton) -> f64| partons.iter().map(of).sum::<f64>();
            assert!((sum(|p| p.pt) - 1000.0).abs() < 1e-6);
            assert!((sum(|p| p.pt * p.rapidity) - 100.0).abs() < 1e-6);
            assert!((sum(|p| p.pt * p.phi) + 200.0).abs() < 1e-6);
        }
    }

    #[test]
    fn gluons_radiate_more_than_quarks_by_about_their_charges() {
        let rng = &mut stream(2, Purpose::Dataset, 0);
        let mut count = |colour| -> usize {
            (0..300)
                .map(|_| shower(parton(colour, 0.0), &PHYSICS, rng).len() - 1)
                .sum()
        };
        let ratio = count(Colour::Gluon) as f64 / count(Colour::Quark) as f64;
        assert!((1.5..C_A / C_F).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_heavy_quark_does_not_radiate_inside_its_dead_cone() {
        let rng = &mut stream(3, Purpose::Dataset, 0);
        let mut n_radiated = 0;
        for _ in 0..300 {
            let partons = shower(parton(Colour::Quark, 172.8), &PHYSICS, rng);
            // Emissions of emissions may be narrower than the dead cone of the first.
            let widest = partons[1..].iter().map(|p| p.angle).fold(0.0, f64::max);
            assert!(partons.len() == 1 || widest > 0.1728);
            n_radiated += usize::from(partons.len() > 1);
        }
        assert!((1..300).contains(&n_radiated));
    }

    #[test]
    fn the_splitting_functions_never_exceed_the_density_that_is_thinned() {
        for colour in [Colour::Quark, Colour::Gluon] {
            for step in 1..1000 {
                let [emission, pair] = splitting_ratios(colour, f64::from(step) / 1000.0);
                assert!(emission + pair <= 1.0);
            }
        }
        // Both soft limits are 2 C / z, and half of it at z = 1 for a quark's gluon.
        assert!((splitting_ratios(Colour::Quark, 1e-9)[0] - 1.0).abs() < 1e-6);
        assert!((splitting_ratios(Colour::Gluon, 1e-9)[0] - 1.0).abs() < 1e-6);
        assert_eq!(splitting_ratios(Colour::Quark, 1.0)[0], 0.5);
    }

    #[test]
    fn the_coupling_runs_as_in_the_tables() {
        assert_eq!(strong_coupling(Z_MASS, 0.118), 0.118);
        // Review of Particle Physics: about 0.22 at the mass of the b quark.
        assert!((strong_coupling(4.5, 0.118) - 0.22).abs() < 0.005);
        // Soft gluons: K is 3.45 for five flavours.
        let correction = 3.45 * 0.118 / TAU;
        assert!((coupling(Z_MASS, 0.118) / 0.118 - 1.0 - correction).abs() < 1e-3);
    }
}
