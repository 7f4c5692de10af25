//! The modified mass-drop tagger: takes soft branches at wide angles off a jet.

use super::cluster::{Clusters, Metric, cluster};
use super::kinematics::FourMomentum;

/// So wide that Cambridge/Aachen merges every constituent of a jet into one tree.
const WHOLE_JET: f64 = 100.0;

/// Returns the constituents that are left of a jet after grooming.
///
/// The jet is clustered again by angle and taken apart from the widest angle on: the softer
/// branch is dropped while it has less than `z_cut` of the two branches' transverse momentum.
/// A jet that never has two hard branches is groomed to its hardest particle.
///
/// # Source
/// Dasgupta, Fregoso, Marzani and Salam, "Towards an understanding of jet substructure", JHEP 09
/// (2013) 029, section 7, <https://arxiv.org/abs/1307.0007>, without the mass-drop condition,
/// which they find to matter little.
pub(crate) fn groom(constituents: &[FourMomentum], z_cut: f64) -> Vec<FourMomentum> {
    let tree = cluster(constituents, Metric::CambridgeAachen, WHOLE_JET);
    match tree.leading() {
        Some(jet) => tree.constituents(first_hard_node(&tree, jet, z_cut)),
        None => Vec::new(),
    }
}

fn first_hard_node(tree: &Clusters, jet: usize, z_cut: f64) -> usize {
    let mut node = jet;
    while let Some([a, b]) = tree.nodes[node].children {
        let (pt_a, pt_b) = (tree.nodes[a].momentum.pt(), tree.nodes[b].momentum.pt());
        if pt_a.min(pt_b) >= z_cut * (pt_a + pt_b) {
            return node;
        }
        node = if pt_a >= pt_b { a } else { b };
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn particle(pt: f64, rapidity: f64) -> FourMomentum {
        FourMomentum::from_polar(pt, rapidity, 0.0, 0.0)
    }

    #[test]
    fn drops_a_soft_particle_at_a_wide_angle() {
        let (a, b) = (particle(600.0, 0.0), particle(400.0, 0.15));
        let mut groomed = groom(&[a, particle(5.0, -0.3), b], 0.1);
        groomed.sort_by(|p, q| p.pt().total_cmp(&q.pt()));
        assert_eq!(groomed, [b, a]);
    }

    #[test]
    fn keeps_soft_particles_inside_the_first_hard_splitting() {
        let jet = [
            particle(600.0, 0.0),
            particle(5.0, 0.02),
            particle(400.0, 0.15),
        ];
        assert_eq!(groom(&jet, 0.1).len(), 3);
    }

    #[test]
    fn keeps_a_branch_of_exactly_the_cut() {
        let jet = [particle(90.0, 0.0), particle(10.0, 0.1)];
        assert_eq!(groom(&jet, 0.099).len(), 2);
        assert_eq!(groom(&jet, 0.101), [jet[0]]);
    }

    #[test]
    fn a_jet_without_particles_stays_empty() {
        assert_eq!(groom(&[], 0.1), []);
    }
}
