//! Which of some layers decide, where every group may be decided once.

use super::Channels;

/// What a layer has to do with the width of its channels, beside others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// It decides.
    Leads,
    /// All its groups are decided by the layers at these positions.
    Follows(Vec<usize>),
    /// The layer at this position decides, and this one must be given the same decision: it has a
    /// group that nothing else would decide.
    Shares(usize),
    /// None of its widths can change.
    Fixed,
}

impl Channels {
    /// Returns the part of each of some layers, by their positions, when one after the other may
    /// decide all its groups.
    ///
    /// A layer decides if nobody earlier in the list has decided one of its groups. A group that is
    /// left over this way, as a layer before it in the list decides another part of the same
    /// results, goes to the first who decides another group of its layer.
    pub fn leads(&self, layers: &[usize]) -> Vec<Lead> {
        let free: Vec<Vec<usize>> = layers
            .iter()
            .map(|layer| self.free_groups_of(*layer))
            .collect();
        // By group, the place in the list of who decides.
        let mut leader: Vec<Option<usize>> = vec![None; self.groups().len()];
        for (nth, groups) in free.iter().enumerate() {
            if groups.iter().all(|group| leader[*group].is_none()) {
                for group in groups {
                    leader[*group] = Some(nth);
                }
            }
        }
        let mut is_told = vec![false; layers.len()];
        for (nth, groups) in free.iter().enumerate() {
            if groups.iter().all(|group| leader[*group].is_some()) {
                continue;
            }
            let known: Vec<usize> = groups.iter().filter_map(|group| leader[*group]).collect();
            let first = known.iter().min().copied();
            is_told[nth] = true;
            for other in &known {
                is_told[*other] |= Some(*other) != first;
            }
            for (group, leader) in leader.iter_mut().enumerate() {
                let is_known = leader.is_some_and(|leader| known.contains(&leader));
                if is_known || groups.contains(&group) {
                    *leader = first;
                }
            }
        }
        let parts = free.iter().enumerate().map(|(nth, groups)| {
            let mut leaders: Vec<usize> =
                groups.iter().filter_map(|group| leader[*group]).collect();
            leaders.sort_unstable();
            leaders.dedup();
            match leaders.first() {
                None => Lead::Fixed,
                Some(first) if *first == nth => Lead::Leads,
                Some(first) if is_told[nth] => Lead::Shares(layers[*first]),
                Some(_) => Lead::Follows(leaders.iter().map(|leader| layers[*leader]).collect()),
            }
        });
        parts.collect()
    }

    /// Returns the groups of a node's result whose widths can change.
    pub fn free_groups_of(&self, node_idx: usize) -> Vec<usize> {
        let mut groups = self.groups_of(node_idx);
        groups.retain(|group| self.groups()[*group].fixed.is_none());
        groups
    }
}
