//! One parameter for layers whose channels are tied.

use std::collections::BTreeMap;

use firebrick_core::channels::{Channels, Lead};
use firebrick_core::graph::Graph;

use super::choices::Choices;
use super::plan::Given;

/// Which layers have a field of their own, and which follow another.
pub(super) struct Tied<'a> {
    graph: &'a Graph,
    channels: Channels,
    /// By table and field, what each layer that has it does.
    parts: BTreeMap<(&'a str, &'a str), BTreeMap<usize, Lead>>,
}

/// A layer that a seed gives a field.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The position in the graph.
    pub(super) layer: usize,
    pub(super) given: Given<'a>,
    pub(super) choices: &'a Choices,
}

/// Two tied layers with other choices.
pub(super) struct Clash<'a>(pub(super) Asked<'a>, pub(super) Asked<'a>);

impl<'a> Tied<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        Self {
            graph,
            channels: Channels::of(graph),
            parts: BTreeMap::new(),
        }
    }

    /// Adds a field with the layers that have it; of layers that are tied, the first in the list
    /// leads.
    pub(super) fn add(
        &mut self,
        table: &'a str,
        field: &'a str,
        layers: &[Asked<'a>],
    ) -> Result<(), Clash<'a>> {
        let positions: Vec<usize> = layers.iter().map(|asked| asked.layer).collect();
        let leads = self.channels.leads(&positions);
        for (asked, lead) in layers.iter().zip(&leads) {
            let leaders = match lead {
                Lead::Follows(leaders) => leaders.as_slice(),
                Lead::Shares(leader) => std::slice::from_ref(leader),
                Lead::Leads | Lead::Fixed => &[],
            };
            for leader in layers.iter().filter(|other| leaders.contains(&other.layer)) {
                // What a key says of one counts before what the default says of the other.
                let is_overruled = asked.given.is_default() && !leader.given.is_default();
                let differs = asked.choices.domain(true) != leader.choices.domain(true);
                if differs && !is_overruled {
                    return Err(Clash(*leader, *asked));
                }
            }
        }
        let parts = positions.into_iter().zip(leads).collect();
        self.parts.insert((table, field), parts);
        Ok(())
    }

    /// Returns the part of a layer in a field; `None` where layers have it each for itself.
    pub(super) fn part(&self, table: &str, field: &str, layer: usize) -> Option<&Lead> {
        let mut parts = self.parts.iter();
        let (_, parts) = parts.find(|(key, _)| **key == (table, field))?;
        parts.get(&layer)
    }

    /// Returns who follows whom, in one sentence; `None` if nobody does.
    pub(super) fn notice(&self) -> Option<String> {
        let mut followers: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (layer, lead) in self.parts.values().flatten() {
            let leaders = match lead {
                Lead::Follows(leaders) => leaders.clone(),
                Lead::Shares(leader) => vec![*leader],
                Lead::Leads | Lead::Fixed => continue,
            };
            let known = followers.entry(leaders).or_default();
            if !known.contains(layer) {
                known.push(*layer);
            }
        }
        let clauses = followers.iter().map(|(leaders, followers)| {
            let verb = if followers.len() == 1 {
                "follows"
            } else {
                "follow"
            };
            format!("{} {verb} {}", self.names(followers), self.names(leaders))
        });
        let clauses: Vec<String> = clauses.collect();
        (!clauses.is_empty()).then(|| {
            format!(
                "layers whose channels are tied share one parameter: {}",
                clauses.join("; ")
            )
        })
    }

    fn names(&self, layers: &[usize]) -> String {
        let names = layers
            .iter()
            .map(|idx| format!("`{}`", self.graph.nodes()[*idx].name));
        names.collect::<Vec<_>>().join(", ")
    }
}
