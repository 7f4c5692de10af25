//! Every number that the simulation was tuned with, in one place.
//!
//! Those that are not constants of nature were fitted, within bounds, to quantiles of the features
//! of the real jets, of all together and of each class. So they stand in for what the simulation
//! leaves out, too: the share of vector mesons includes heavier resonances, for example, and the
//! narrow first angle the interference with the other jets.

/// The parameters of the simulation. Energies and masses in GeV, angles in units of delta R.
#[derive(Debug, Clone)]
pub(crate) struct Physics {
    /// Nominal transverse momentum of the particle that makes the jet.
    pub(crate) parton_pt: f64,
    /// Relative width of the generated transverse momentum.
    pub(crate) parton_pt_spread: f64,
    /// Mean relative gain by recoil against initial-state radiation, for g, q, t, W, Z.
    pub(crate) recoil: [f64; 5],
    /// Radius of the anti-kt jet.
    pub(crate) jet_radius: f64,
    /// Strong coupling at the mass of the Z, from where it runs.
    pub(crate) alpha_s_mz: f64,
    /// Smallest relative transverse momentum of a shower emission.
    pub(crate) shower_kt_min: f64,
    /// Widest angle at which the particles of the hard process radiate.
    pub(crate) shower_angle_max: f64,
    /// Share of the opening angle of a colourless pair, or of a top's b and W, inside which they
    /// radiate: soft gluons prefer the space between the two, which one cone cannot tell.
    pub(crate) coherence: f64,
    /// Mean share of a b quark's momentum that its hadron takes.
    pub(crate) bottom_share: f64,
    /// Width of a hadron's transverse momentum to its parton, per direction.
    pub(crate) hadron_kt: f64,
    /// Exponent c of the fragmentation function (1 + c)(1 - z)^c of quarks, and of the two halves
    /// of a gluon: those are softer.
    pub(crate) fragmentation_exponent: [f64; 2],
    /// Fraction of primary mesons that are vector mesons and decay to two pseudoscalars.
    pub(crate) vector_fraction: f64,
    /// Fraction of pseudoscalars that are kaons.
    pub(crate) kaon_fraction: f64,
    /// Fraction of primary hadrons that are nucleons.
    pub(crate) baryon_fraction: f64,
    /// Mean number of particles of the underlying event and pile-up per unit of area.
    pub(crate) underlying_density: f64,
    /// Mean transverse momentum of a particle of the underlying event.
    pub(crate) underlying_pt: f64,
    /// Smallest transverse momentum that the detector sees.
    pub(crate) detector_pt_min: f64,
    /// Relative resolution of the transverse momentum of tracks, photons and neutral hadrons...
    pub(crate) resolution: [f64; 3],
    /// ... to which this over the root of the transverse momentum is added in quadrature.
    pub(crate) resolution_stochastic: [f64; 3],
    /// Angular resolution of tracks, photons and neutral hadrons.
    pub(crate) resolution_angle: [f64; 3],
    /// Smallest share of the softer branch that the modified mass-drop tagger keeps.
    pub(crate) groom_z_cut: f64,
}

/// The tuned parameters behind `jets-sim`.
pub(crate) const PHYSICS: Physics = Physics {
    parton_pt: 1000.0,
    parton_pt_spread: 0.02,
    recoil: [0.22, 0.09, 0.045, 0.05, 0.05],
    jet_radius: 0.4,
    alpha_s_mz: 0.107,
    shower_kt_min: 1.0,
    shower_angle_max: 0.56,
    coherence: 0.87,
    bottom_share: 0.52,
    hadron_kt: 0.22,
    fragmentation_exponent: [0.8, 2.2],
    vector_fraction: 0.84,
    kaon_fraction: 0.14,
    baryon_fraction: 0.07,
    underlying_density: 7.8,
    underlying_pt: 0.78,
    detector_pt_min: 0.05,
    resolution: [0.01, 0.01, 0.05],
    resolution_stochastic: [0.0, 0.05, 0.85],
    resolution_angle: [0.0005, 0.001, 0.005],
    groom_z_cut: 0.1,
};
