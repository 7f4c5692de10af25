//! Sequential clustering: anti-kt finds the jet, Cambridge/Aachen orders it by angle.

use std::f64::consts::TAU;

use super::kinematics::FourMomentum;

/// What makes two particles close, beside the angle between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Hard particles first: distances are divided by the larger squared transverse momentum.
    AntiKt,
    /// The angle alone.
    CambridgeAachen,
}

/// A particle, or a pair of earlier nodes that was merged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) momentum: FourMomentum,
    pub(crate) children: Option<[usize; 2]>,
}

/// All mergers: the particles in their order, then one node a merger; and the finished jets.
#[derive(Debug)]
pub(crate) struct Clusters {
    pub(crate) nodes: Vec<Node>,
    pub(crate) jets: Vec<usize>,
}

impl Clusters {
    /// Returns the jet of highest transverse momentum, nothing where there was no particle.
    pub(crate) fn leading(&self) -> Option<usize> {
        let pt = |node: usize| self.nodes[node].momentum.pt();
        self.jets
            .iter()
            .copied()
            .max_by(|&a, &b| pt(a).total_cmp(&pt(b)))
    }

    /// Returns the momenta of the particles that were merged into a node.
    pub(crate) fn constituents(&self, node: usize) -> Vec<FourMomentum> {
        let mut found = Vec::new();
        let mut pending = vec![node];
        while let Some(node) = pending.pop() {
            match self.nodes[node].children {
                Some(children) => pending.extend(children),
                None => found.push(self.nodes[node].momentum),
            }
        }
        found
    }
}

/// A node that is not merged yet, with its nearest neighbour inside the radius.
#[derive(Debug, Clone, Copy)]
struct Active {
    node: usize,
    rapidity: f64,
    phi: f64,
    weight: f64,
    nearest: Option<usize>,
    /// Squared distance to the nearest neighbour, or the squared radius where there is none.
    distance: f64,
}

/// Merges the two closest particles until each is a jet, further than `radius` from all others.
///
/// Takes a time quadratic in the number of particles: every particle remembers its geometric
/// nearest neighbour, which alone can be its partner in the smallest distance.
///
/// # Source
/// Cacciari, Salam and Soyez, "The anti-k_t jet clustering algorithm", JHEP 04 (2008) 063,
/// <https://arxiv.org/abs/0802.1189>; Cacciari and Salam, "Dispelling the N^3 myth for the k_t
/// jet-finder", <https://arxiv.org/abs/hep-ph/0512210> (nearest neighbours).
pub(crate) fn cluster(momenta: &[FourMomentum], metric: Metric, radius: f64) -> Clusters {
    let mut nodes: Vec<Node> = momenta
        .iter()
        .map(|&momentum| Node {
            momentum,
            children: None,
        })
        .collect();
    let mut active: Vec<Active> = (0..nodes.len())
        .map(|node| activate(node, &nodes, metric, radius))
        .collect();
    for position in 0..active.len() {
        find_nearest(&mut active, position, radius);
    }
    let mut jets = Vec::new();
    while let Some(closest) = position_of_smallest_distance(&active) {
        let partner = active[closest].nearest;
        let Some(partner) = partner else {
            jets.push(active[closest].node);
            remove(&mut active, closest, radius);
            continue;
        };
        let children = [active[closest].node, active[partner].node];
        let momentum = nodes[children[0]].momentum + nodes[children[1]].momentum;
        nodes.push(Node {
            momentum,
            children: Some(children),
        });
        // The later of the two leaves, the earlier becomes their sum.
        let (kept, gone) = (closest.min(partner), closest.max(partner));
        active[kept] = activate(nodes.len() - 1, &nodes, metric, radius);
        remove(&mut active, gone, radius);
        adopt(&mut active, kept, radius);
    }
    Clusters { nodes, jets }
}

fn activate(node: usize, nodes: &[Node], metric: Metric, radius: f64) -> Active {
    let momentum = nodes[node].momentum;
    let weight = match metric {
        Metric::AntiKt => momentum.pt().powi(-2),
        Metric::CambridgeAachen => 1.0,
    };
    let (rapidity, phi) = (momentum.rapidity(), momentum.phi());
    Active {
        node,
        rapidity,
        phi,
        weight,
        nearest: None,
        distance: radius * radius,
    }
}

fn distance(a: &Active, b: &Active) -> f64 {
    let (rapidity, turn) = (a.rapidity - b.rapidity, (a.phi - b.phi).abs());
    // The shorter way round; without a branch, since this is the innermost loop.
    let phi = turn.min(TAU - turn);
    rapidity * rapidity + phi * phi
}

fn position_of_smallest_distance(active: &[Active]) -> Option<usize> {
    let mut best = None;
    let mut smallest = f64::INFINITY;
    for (position, item) in active.iter().enumerate() {
        let weight = item
            .nearest
            .map_or(item.weight, |other| item.weight.min(active[other].weight));
        if best.is_none() || item.distance * weight < smallest {
            smallest = item.distance * weight;
            best = Some(position);
        }
    }
    best
}

/// Looks for the nearest neighbour of one node among all others.
fn find_nearest(active: &mut [Active], position: usize, radius: f64) {
    let mut found = Active {
        nearest: None,
        distance: radius * radius,
        ..active[position]
    };
    for (other, item) in active.iter().enumerate() {
        let distance = distance(&found, item);
        if other != position && distance < found.distance {
            found.distance = distance;
            found.nearest = Some(other);
        }
    }
    active[position] = found;
}

/// Takes a node out; the last one moves to its place, and those that lost a neighbour look again.
fn remove(active: &mut Vec<Active>, gone: usize, radius: f64) {
    active.swap_remove(gone);
    let moved = active.len();
    for position in 0..active.len() {
        if active[position].nearest == Some(gone) {
            find_nearest(active, position, radius);
        } else if active[position].nearest == Some(moved) {
            active[position].nearest = Some(gone);
        }
    }
}

/// Makes a new node known: to those whose neighbour it replaced, and to those that it is closest to.
fn adopt(active: &mut [Active], new: usize, radius: f64) {
    find_nearest(active, new, radius);
    for position in 0..active.len() {
        if position == new {
            continue;
        }
        let distance = distance(&active[position], &active[new]);
        if distance < active[position].distance {
            active[position].distance = distance;
            active[position].nearest = Some(new);
        } else if active[position].nearest == Some(new) {
            find_nearest(active, position, radius);
        }
    }
}

#[cfg(test)]
mod tests {
    use firebrick_core::random::{Purpose, stream};
    use rand::RngExt;

    use super::super::kinematics::delta_phi;
    use super::*;

    fn particle(pt: f64, rapidity: f64, phi: f64) -> FourMomentum {
        FourMomentum::from_polar(pt, rapidity, phi, 0.0)
    }

    /// Returns the particles of every jet, sorted, by comparing all pairs in every step.
    fn by_all_pairs(momenta: &[FourMomentum], metric: Metric, radius: f64) -> Vec<Vec<usize>> {
        let weight = |p: &FourMomentum| match metric {
            Metric::AntiKt => p.pt().powi(-2),
            Metric::CambridgeAachen => 1.0,
        };
        let mut left: Vec<(FourMomentum, Vec<usize>)> = momenta
            .iter()
            .enumerate()
            .map(|(index, &p)| (p, vec![index]))
            .collect();
        let mut jets = Vec::new();
        while !left.is_empty() {
            let mut best = (f64::INFINITY, 0, None);
            for (i, (a, _)) in left.iter().enumerate() {
                let alone = radius * radius * weight(a);
                if alone < best.0 {
                    best = (alone, i, None);
                }
                for (j, (b, _)) in left.iter().enumerate().skip(i + 1) {
                    let angle = (a.rapidity() - b.rapidity()).hypot(delta_phi(a.phi(), b.phi()));
                    let pair = angle * angle * weight(a).min(weight(b));
                    if pair < best.0 {
                        best = (pair, i, Some(j));
                    }
                }
            }
            let Some(partner) = best.2 else {
                jets.push(left.remove(best.1).1);
                continue;
            };
            let (momentum, indices) = left.remove(partner);
            left[best.1].0 = left[best.1].0 + momentum;
            left[best.1].1.extend(indices);
        }
        jets.iter_mut().for_each(|jet| jet.sort_unstable());
        jets.sort_unstable();
        jets
    }

    fn particles_of(clusters: &Clusters, momenta: &[FourMomentum]) -> Vec<Vec<usize>> {
        let index = |p: &FourMomentum| momenta.iter().position(|q| q == p);
        let mut jets: Vec<Vec<usize>> = clusters
            .jets
            .iter()
            .map(|&jet| {
                clusters
                    .constituents(jet)
                    .iter()
                    .filter_map(index)
                    .collect()
            })
            .collect();
        jets.iter_mut().for_each(|jet| jet.sort_unstable());
        jets.sort_unstable();
        jets
    }

    #[test]
    fn finds_the_jets_that_comparing_all_pairs_finds() {
        let rng = &mut stream(1, Purpose::Dataset, 0);
        for metric in [Metric::AntiKt, Metric::CambridgeAachen] {
            for _ in 0..20 {
                let momenta: Vec<FourMomentum> = (0..40)
                    .map(|_| {
                        let pt = 1.0 / rng.random_range(0.01..1.0);
                        particle(pt, rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0))
                    })
                    .collect();
                let found = particles_of(&cluster(&momenta, metric, 0.4), &momenta);
                assert_eq!(found, by_all_pairs(&momenta, metric, 0.4));
                assert_eq!(found.concat().len(), momenta.len());
            }
        }
    }

    #[test]
    fn cambridge_aachen_merges_the_closest_pair_first_however_soft() {
        let momenta = [
            particle(100.0, 0.0, 0.0),
            particle(1.0, 0.3, 0.0),
            particle(1.0, 0.4, 0.0),
        ];
        let clusters = cluster(&momenta, Metric::CambridgeAachen, 1.0);
        let children = |node: usize| {
            clusters.nodes[node]
                .children
                .map(|[a, b]| (a.min(b), a.max(b)))
        };
        assert_eq!(children(3), Some((1, 2)));
        assert_eq!(children(4), Some((0, 3)));
    }

    #[test]
    fn anti_kt_merges_with_the_hardest_particle_first() {
        let momenta = [
            particle(100.0, 0.0, 0.0),
            particle(1.0, 0.3, 0.0),
            particle(1.0, 0.4, 0.0),
        ];
        let clusters = cluster(&momenta, Metric::AntiKt, 1.0);
        let children = |node: usize| {
            clusters.nodes[node]
                .children
                .map(|[a, b]| (a.min(b), a.max(b)))
        };
        assert_eq!(children(3), Some((0, 1)));
        assert_eq!(children(4), Some((2, 3)));
    }

    #[test]
    fn particles_further_than_the_radius_are_two_jets() {
        let momenta = [particle(50.0, 0.0, 0.0), particle(90.0, 0.0, 0.5)];
        let clusters = cluster(&momenta, Metric::AntiKt, 0.4);
        assert_eq!(clusters.jets.len(), 2);
        assert_eq!(clusters.leading(), Some(1));
        assert_eq!(cluster(&[], Metric::AntiKt, 0.4).leading(), None);
    }
}
