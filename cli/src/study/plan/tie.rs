//! `tie`: nodes that share their parameters because the study says so.

use std::collections::BTreeMap;

use firebrick_core::channels::Lead;
use firebrick_core::graph::Node;
use firebrick_core::hint::did_you_mean;

use super::super::Subject;
use super::super::error::StudyError;
use super::super::seed::{By, Field};
use super::{Given, Planner, Tried};

const KEY: &str = "search.search_space.tie";

/// Which layers take a field from the parameter of another one.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// By table and field, the layer that a layer takes it from, which may take it from another.
    owners: BTreeMap<(String, String), BTreeMap<usize, usize>>,
    /// Groups of nodes that have no field together.
    idle: Vec<String>,
}

/// A node of a group with a field that it has.
#[derive(Clone, Copy)]
struct Member<'a> {
    layer: usize,
    given: Given<'a>,
    field: &'a Field,
    has_name: bool,
}

impl Shared {
    /// Returns the layer whose parameter decides a field of a layer.
    pub(super) fn owner(&self, table: &str, field: &str, layer: usize) -> usize {
        let key = (table.to_owned(), field.to_owned());
        let Some(owners) = self.owners.get(&key) else {
            return layer;
        };
        let mut owner = layer;
        while let Some(next) = owners.get(&owner) {
            owner = *next;
        }
        owner
    }

    /// Returns the groups of nodes that have no field together.
    pub(super) fn idle(&self) -> &[String] {
        &self.idle
    }

    /// Lets layers share a field, whose parameter is that of the first of them.
    fn join(&mut self, table: &str, field: &str, layers: &[usize]) {
        let mut owners: Vec<usize> = layers
            .iter()
            .map(|layer| self.owner(table, field, *layer))
            .collect();
        owners.sort_unstable();
        owners.dedup();
        if let Some((first, others)) = owners.split_first() {
            let key = (table.to_owned(), field.to_owned());
            let known = self.owners.entry(key).or_default();
            known.extend(others.iter().map(|other| (*other, *first)));
        }
    }
}

impl<'a> Planner<'a> {
    /// Lets the nodes of each group of `tie` share every field that more than one of them has.
    ///
    /// # Errors
    /// [`StudyError`] if a group names no node, one node, or one that another group has, or if two
    /// of its nodes have other choices for a field.
    pub(super) fn share(&mut self) -> Result<(), StudyError> {
        let mut taken: Vec<usize> = Vec::new();
        for names in &self.spec.ties {
            let layers = self.layers_of_tie(names)?;
            if let Some(layer) = layers.iter().find(|layer| taken.contains(layer)) {
                let node = &self.graph.nodes()[*layer].name;
                let what = format!("`{node}` is in two groups of `{KEY}`");
                let hint = "make them one group".to_owned();
                return Err(self.loaded.blame(Subject::Key(KEY), what, Some(hint)));
            }
            taken.extend(&layers);
            self.share_group(&layers)?;
        }
        Ok(())
    }

    /// Returns the nodes that a group names, in the order of the graph.
    fn layers_of_tie(&self, names: &[String]) -> Result<Vec<usize>, StudyError> {
        let nodes = || self.graph.nodes().iter().enumerate();
        let mut layers: Vec<usize> = Vec::new();
        for name in names {
            let mut found: Vec<usize> = self.graph.index(name).into_iter().collect();
            if found.is_empty() {
                let matched = nodes().filter(|(_, node)| self.matches(name, node));
                found.extend(matched.map(|(layer, _)| layer));
            }
            if found.is_empty() {
                return Err(self.unknown_in_tie(name));
            }
            layers.extend(found);
        }
        layers.sort_unstable();
        layers.dedup();
        match layers.len() {
            0 | 1 => {
                let what = match layers.first() {
                    Some(layer) => {
                        format!("`{KEY}` ties `{}` alone", self.graph.nodes()[*layer].name)
                    }
                    None => format!("`{KEY}` has a group without nodes"),
                };
                let hint = "a group has two nodes or more: `tie = [\"a\", \"b\"]`".to_owned();
                Err(self.loaded.blame(Subject::Key(KEY), what, Some(hint)))
            }
            _ => Ok(layers),
        }
    }

    fn unknown_in_tie(&self, name: &str) -> StudyError {
        let nodes = self.graph.nodes().iter();
        let mut known: Vec<&str> = nodes.clone().map(|node| node.name.as_str()).collect();
        if self.spec.by == By::Type {
            known.extend(nodes.map(|node| node.op.name()));
        }
        known.sort_unstable();
        known.dedup();
        let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
            let model = &self.loaded.study.model.name;
            format!("`{model}` has `{}`", known.join("`, `"))
        });
        let what = format!("no node matches `{name}` in `{KEY}`");
        self.loaded.blame(Subject::Key(KEY), what, Some(hint))
    }

    fn share_group(&mut self, layers: &[usize]) -> Result<(), StudyError> {
        let mut members: BTreeMap<(&'a str, &'a str), Vec<Member<'a>>> = BTreeMap::new();
        for layer in layers {
            for member in self.members(*layer)? {
                let key = (
                    member.given.group.table.as_str(),
                    member.field.name.as_str(),
                );
                members.entry(key).or_default().push(member);
            }
        }
        let mut shares_something = false;
        for ((table, field), members) in members {
            // Where a field depends on a name, those without a name have it in another way.
            for has_name in [true, false] {
                let alike = members.iter().filter(|member| member.has_name == has_name);
                let alike: Vec<Member<'_>> = alike.copied().collect();
                let [first, others @ ..] = alike.as_slice() else {
                    continue;
                };
                for other in others {
                    self.check_same(first, other)?;
                }
                let owners = alike.iter().map(|member| self.leader(table, member));
                let owners = owners.collect::<Result<Vec<usize>, StudyError>>()?;
                shares_something |= !others.is_empty();
                self.shared.join(table, field, &owners);
            }
        }
        if !shares_something {
            let names = layers
                .iter()
                .map(|layer| format!("`{}`", self.graph.nodes()[*layer].name));
            self.shared.idle.push(names.collect::<Vec<_>>().join(", "));
        }
        Ok(())
    }

    /// Returns the fields that a node has and that the passes can change there.
    fn members(&self, layer: usize) -> Result<Vec<Member<'a>>, StudyError> {
        let node: &Node = &self.graph.nodes()[layer];
        let mut members = Vec::new();
        for given in self.given(node) {
            let (Some(planned), parameters) = self.plan_group(given, node, false) else {
                continue;
            };
            if self.tried(given, &planned, node, &parameters)? != Tried::Fits {
                continue;
            }
            let has = |name: &str| planned.fields.iter().any(|field| field.name == name);
            let fields = given.group.fields.iter().filter(|field| has(&field.name));
            members.extend(fields.map(|field| Member {
                layer,
                given,
                field,
                has_name: has("name"),
            }));
        }
        Ok(members)
    }

    fn check_same(&self, one: &Member<'_>, other: &Member<'_>) -> Result<(), StudyError> {
        let [first, second] = [one, other].map(|member| member.field.choices.domain(true));
        if first == second {
            return Ok(());
        }
        let line = self.line(one.given, one.field);
        let [first, second] = [one, other].map(|member| &self.graph.nodes()[member.layer].name);
        let name = format!("{}.{}", one.given.group.table, one.field.name);
        let what = format!(
            "`{KEY}` ties `{first}`{line} and `{second}`, but `{name}` has other choices for them"
        );
        let hint = "give both the same, or leave one out of `tie`".to_owned();
        Err(self.blame(other.given, Some(other.field), what, Some(hint)))
    }

    /// Returns the layer that decides a field of a node as far as channels tie it.
    fn leader(&self, table: &str, member: &Member<'_>) -> Result<usize, StudyError> {
        match self.tied.part(table, &member.field.name, member.layer) {
            Some(Lead::Shares(leader)) => Ok(*leader),
            Some(Lead::Follows(leaders)) => match leaders.as_slice() {
                [leader] => Ok(*leader),
                _ => {
                    let nodes = self.graph.nodes();
                    let node = &nodes[member.layer].name;
                    let leaders: Vec<String> = leaders
                        .iter()
                        .map(|leader| format!("`{}`", nodes[*leader].name))
                        .collect();
                    let what = format!(
                        "`{KEY}` ties `{node}`, whose channels follow {}",
                        leaders.join(" and ")
                    );
                    let hint = "tie those, or leave it out".to_owned();
                    Err(self.loaded.blame(Subject::Key(KEY), what, Some(hint)))
                }
            },
            Some(Lead::Leads | Lead::Fixed) | None => Ok(member.layer),
        }
    }
}
