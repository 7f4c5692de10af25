//! The sixteen features of a jet, by their published definitions.

use super::kinematics::{FourMomentum, delta_phi, total};

/// The features in the order of the real data set.
pub const FEATURES: [&str; 16] = [
    "zlogz",
    "c1_b0_mmdt",
    "c1_b1_mmdt",
    "c1_b2_mmdt",
    "c2_b1_mmdt",
    "c2_b2_mmdt",
    "d2_b1_mmdt",
    "d2_b2_mmdt",
    "d2_a1_b1_mmdt",
    "d2_a1_b2_mmdt",
    "m2_b1_mmdt",
    "m2_b2_mmdt",
    "n2_b1_mmdt",
    "n2_b2_mmdt",
    "mass_mmdt",
    "multiplicity",
];

/// Energy correlations of a jet for one angular exponent.
///
/// `z` is a share of the scalar sum of transverse momenta, `theta` an angle in rapidity and
/// azimuth to the power of the exponent; sums run over all pairs and triples once.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Correlations {
    /// Sum of `z_i z_j theta_ij`.
    pub(crate) e2: f64,
    /// Sum of `z_i z_j z_k` times the product of the three angles.
    pub(crate) e3: f64,
    /// The same times the smallest angle alone.
    pub(crate) e3_smallest: f64,
    /// The same times the product of the two smallest angles.
    pub(crate) e3_two_smallest: f64,
}

/// Returns the features of a jet from its constituents before and after grooming.
///
/// `zlogz` is the sum of `z ln z`, and the multiplicity the number of constituents, both before
/// grooming; everything else is of the groomed jet. With e2, e3 the correlations of exponent
/// beta: `C1 = e2`, `C2 = e3 / e2^2`, `D2 = e3 / e2^3` (for alpha 1 and beta 2,
/// `e3(1) / e2(2)^(3/2)`), `M2 = 1e3 / 1e2`, `N2 = 2e3 / (1e2)^2`. A ratio without a pair to
/// divide by is zero.
///
/// # Units
/// The mass is in GeV, all others are pure numbers.
///
/// # Source
/// Larkoski, Salam and Thaler, JHEP 06 (2013) 108, <https://arxiv.org/abs/1305.0007> (C1, C2);
/// Larkoski, Moult and Neill, JHEP 12 (2014) 009, <https://arxiv.org/abs/1409.6298> (D2);
/// Moult, Necib and Thaler, JHEP 12 (2016) 153, <https://arxiv.org/abs/1609.07483> (M2, N2);
/// the selection of features: Coleman et al., JINST 13 (2018) T01003,
/// <https://arxiv.org/abs/1709.08705>.
pub(crate) fn observe(jet: &[FourMomentum], groomed: &[FourMomentum]) -> [f32; 16] {
    let [by_angle, by_square] = correlations(groomed);
    let shares = shares(groomed);
    let c1_b0 = 0.5 * (1.0 - shares.iter().map(|z| z * z).sum::<f64>());
    let c2 = |e: &Correlations| ratio(e.e3, e.e2 * e.e2);
    let d2 = |e3: f64, e2: f64| ratio(e3, e2 * e2 * e2);
    let m2 = |e: &Correlations| ratio(e.e3_smallest, e.e2);
    let n2 = |e: &Correlations| ratio(e.e3_two_smallest, e.e2 * e.e2);
    let d2_b1 = d2(by_angle.e3, by_angle.e2);
    [
        z_log_z(jet),
        c1_b0,
        by_angle.e2,
        by_square.e2,
        c2(&by_angle),
        c2(&by_square),
        d2_b1,
        d2(by_square.e3, by_square.e2),
        d2_b1,
        d2(by_angle.e3, by_square.e2.sqrt()),
        m2(&by_angle),
        m2(&by_square),
        n2(&by_angle),
        n2(&by_square),
        total(groomed.iter().copied()).mass(),
        jet.len() as f64,
    ]
    .map(|feature| feature as f32)
}

fn ratio(above: f64, below: f64) -> f64 {
    if below > 0.0 { above / below } else { 0.0 }
}

fn z_log_z(jet: &[FourMomentum]) -> f64 {
    shares(jet).iter().map(|z| z * z.ln()).sum()
}

/// Returns each particle's share of the scalar sum of transverse momenta.
fn shares(jet: &[FourMomentum]) -> Vec<f64> {
    let pts: Vec<f64> = jet.iter().map(FourMomentum::pt).collect();
    let sum: f64 = pts.iter().sum();
    pts.iter().map(|pt| pt / sum).collect()
}

/// How many sums run side by side, so that the compiler can use vector instructions.
const LANES: usize = 8;

/// Sums of the three triple correlations, for the exponent 1, then 2.
type Sums = [[f64; LANES]; 6];

/// Returns the correlations for the exponents 1 and 2.
///
/// The time is cubic in the number of particles, so the inner loop is a plain one over rows of a
/// table of angles, for both exponents at once, without a branch.
pub(crate) fn correlations(jet: &[FourMomentum]) -> [Correlations; 2] {
    let z = shares(jet);
    let angles = angles(jet);
    let n = jet.len();
    let mut e2 = [0.0; 2];
    let mut sums = Sums::default();
    for i in 0..n {
        for j in 0..i {
            let (pair, angle) = (z[i] * z[j], angles[i * n + j]);
            e2[0] += pair * angle;
            e2[1] += pair * angle * angle;
            let (to_first, to_second) = (&angles[i * n..][..j], &angles[j * n..][..j]);
            add_third_particles(&mut sums, pair, angle, to_first, to_second, &z[..j]);
        }
    }
    let sum = |index: usize| sums[index].iter().sum::<f64>();
    [0, 1].map(|exponent| Correlations {
        e2: e2[exponent],
        e3: sum(3 * exponent),
        e3_smallest: sum(3 * exponent + 1),
        e3_two_smallest: sum(3 * exponent + 2),
    })
}

/// Returns the angles between all particles, row by row.
fn angles(jet: &[FourMomentum]) -> Vec<f64> {
    let places: Vec<[f64; 2]> = jet.iter().map(|p| [p.rapidity(), p.phi()]).collect();
    let mut angles = Vec::with_capacity(jet.len() * jet.len());
    for a in &places {
        angles.extend(places.iter().map(|b| {
            let (rapidity, phi) = (a[0] - b[0], delta_phi(a[1], b[1]));
            (rapidity * rapidity + phi * phi).sqrt()
        }));
    }
    angles
}

/// Adds a pair with every third particle, whose angles to the two are `to_first` and `to_second`.
fn add_third_particles(
    sums: &mut Sums,
    pair: f64,
    angle: f64,
    to_first: &[f64],
    to_second: &[f64],
    z: &[f64],
) {
    let (first, first_rest) = to_first.as_chunks();
    let (second, second_rest) = to_second.as_chunks();
    let (shares, shares_rest) = z.as_chunks();
    for ((first, second), shares) in first.iter().zip(second).zip(shares) {
        add_lanes(sums, pair, angle, first, second, shares);
    }
    // The last ones are filled up with particles that have no momentum.
    let (first, second) = (filled_up(first_rest), filled_up(second_rest));
    add_lanes(sums, pair, angle, &first, &second, &filled_up(shares_rest));
}

fn filled_up(rest: &[f64]) -> [f64; LANES] {
    let mut row = [0.0; LANES];
    row[..rest.len()].copy_from_slice(rest);
    row
}

fn add_lanes(
    sums: &mut Sums,
    pair: f64,
    angle: f64,
    to_first: &[f64; LANES],
    to_second: &[f64; LANES],
    z: &[f64; LANES],
) {
    for lane in 0..LANES {
        let (a, b, share) = (to_first[lane], to_second[lane], pair * z[lane]);
        let (low, high) = (if a < b { a } else { b }, if a < b { b } else { a });
        let smallest = if low < angle { low } else { angle };
        let two_smallest = low * if high < angle { high } else { angle };
        let product = a * b * angle;
        sums[0][lane] += share * product;
        sums[1][lane] += share * smallest;
        sums[2][lane] += share * two_smallest;
        sums[3][lane] += share * product * product;
        sums[4][lane] += share * smallest * smallest;
        sums[5][lane] += share * two_smallest * two_smallest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn particle(pt: f64, rapidity: f64, phi: f64) -> FourMomentum {
        FourMomentum::from_polar(pt, rapidity, phi, 0.0)
    }

    fn check(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-9 * expected.abs().max(1e-3),
            "{found} {expected}"
        );
    }

    fn feature(name: &str, jet: &[FourMomentum]) -> f64 {
        let column = FEATURES
            .iter()
            .position(|feature| *feature == name)
            .unwrap();
        f64::from(observe(jet, jet)[column])
    }

    #[test]
    fn two_particles_correlate_by_their_shares_and_angle() {
        let jet = [particle(75.0, 0.0, 0.1), particle(25.0, 0.3, 0.5)];
        let [by_angle, by_square] = correlations(&jet);
        check(by_angle.e2, 0.75 * 0.25 * 0.5);
        check(by_square.e2, 0.75 * 0.25 * 0.25);
        assert_eq!(by_angle.e3, 0.0);
        assert!((feature("c1_b0_mmdt", &jet) - 0.1875).abs() < 1e-6);
        assert_eq!(feature("d2_b1_mmdt", &jet), 0.0);
    }

    #[test]
    fn three_particles_correlate_as_computed_by_hand() {
        // Shares 1/2, 3/10, 1/5; a triangle with sides 0.3, 0.4 and 0.5.
        let jet = [
            particle(50.0, 0.0, 0.0),
            particle(30.0, 0.3, 0.0),
            particle(20.0, 0.0, 0.4),
        ];
        let [by_angle, by_square] = correlations(&jet);
        let shares = 0.5 * 0.3 * 0.2;
        let e2 = 0.15 * 0.3 + 0.1 * 0.4 + 0.06 * 0.5;
        check(by_angle.e2, e2);
        check(by_angle.e3, shares * 0.06);
        check(by_angle.e3_smallest, shares * 0.3);
        check(by_angle.e3_two_smallest, shares * 0.12);
        check(by_square.e2, 0.15 * 0.09 + 0.1 * 0.16 + 0.06 * 0.25);
        check(by_square.e3, shares * 0.0036);
        check(by_square.e3_smallest, shares * 0.09);
        check(by_square.e3_two_smallest, shares * 0.0144);
        let near =
            |name, expected: f64| assert!((feature(name, &jet) / expected - 1.0).abs() < 1e-6);
        near("c2_b1_mmdt", shares * 0.06 / e2.powi(2));
        near("d2_b1_mmdt", shares * 0.06 / e2.powi(3));
        near("d2_a1_b2_mmdt", shares * 0.06 / by_square.e2.powf(1.5));
        near("m2_b1_mmdt", shares * 0.3 / e2);
        near("n2_b2_mmdt", shares * 0.0144 / by_square.e2.powi(2));
    }

    #[test]
    fn many_particles_correlate_as_in_a_plain_triple_sum() {
        let jet: Vec<FourMomentum> = (0..29)
            .map(|i| {
                let i = f64::from(i);
                particle(
                    1.0 + (7.0 * i) % 11.0,
                    0.1 * (i * 1.7).sin(),
                    0.1 * (i * 2.3).cos(),
                )
            })
            .collect();
        let z = shares(&jet);
        let angle = |i: usize, j: usize| {
            (jet[i].rapidity() - jet[j].rapidity()).hypot(jet[i].phi() - jet[j].phi())
        };
        let mut expected = Correlations::default();
        for i in 0..jet.len() {
            for j in 0..i {
                for k in 0..j {
                    let mut sides = [angle(i, j), angle(i, k), angle(j, k)].map(|a| a * a);
                    sides.sort_by(f64::total_cmp);
                    let share = z[i] * z[j] * z[k];
                    expected.e3 += share * sides[0] * sides[1] * sides[2];
                    expected.e3_smallest += share * sides[0];
                    expected.e3_two_smallest += share * sides[0] * sides[1];
                }
            }
        }
        let [_, found] = correlations(&jet);
        assert!((found.e3 / expected.e3 - 1.0).abs() < 1e-9);
        assert!((found.e3_smallest / expected.e3_smallest - 1.0).abs() < 1e-9);
        assert!((found.e3_two_smallest / expected.e3_two_smallest - 1.0).abs() < 1e-9);
    }

    #[test]
    fn equal_shares_have_the_logarithm_of_their_number() {
        let jet = [particle(10.0, 0.0, 0.0); 8];
        assert!((feature("zlogz", &jet) + 8.0_f64.ln()).abs() < 1e-6);
        assert_eq!(feature("multiplicity", &jet), 8.0);
    }

    #[test]
    fn the_mass_is_of_the_groomed_jet_and_the_multiplicity_is_not() {
        let jet = [
            particle(500.0, 0.0, 0.0),
            particle(500.0, 0.0, 0.16),
            particle(1.0, 0.3, 0.0),
        ];
        let features = observe(&jet, &jet[..2]);
        let expected = (2.0 * 500.0 * 500.0 * (1.0 - 0.16_f64.cos())).sqrt();
        assert!((f64::from(features[14]) - expected).abs() < 1e-3);
        assert_eq!(features[15], 3.0);
    }

    #[test]
    fn a_jet_of_one_particle_has_finite_features() {
        let jet = [particle(500.0, 0.0, 0.0)];
        assert!(
            observe(&jet, &jet)
                .iter()
                .all(|feature| feature.is_finite())
        );
        assert!(observe(&[], &[]).iter().all(|feature| feature.is_finite()));
    }
}
