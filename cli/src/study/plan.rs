//! Which seed takes a node of a network, and what of it the passes can do there.

mod group;
mod keys;
mod notes;
mod planned;
mod probe;
mod tie;

use std::collections::BTreeMap;

use firebrick_core::graph::{Graph, Node};
use firebrick_core::pass::{Choice, Pass};
use firebrick_core::space::Parameter;

use super::error::{Origin, StudyError};
use super::seed::{self, By, CONFIG, Field, Group, QUANTIZE, Seed, SpaceSpec, mase_names};
use super::tied::{Asked, Clash, Tied};
use super::{Loaded, Subject, section};
use probe::Tried;
use tie::Shared;

pub(super) use planned::{Planned, PlannedField};

/// Types of node that MASE quantises, as far as there are such ops: the ones that a seed in its
/// spelling is about, and that its `best.json` lists.
pub(super) const MASE_OPS: [&str; 4] = ["linear", "conv2d", "relu", "add"];

/// Types of node that get the number formats of `formats`.
const FORMATS_OPS: [&str; 2] = ["linear", "conv2d"];

/// A group with the seed that has it: none where it is `formats`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) seed: Option<&'a Seed>,
    pub(super) group: &'a Group,
}

/// What is looked at while the space is made.
pub(super) struct Planner<'a> {
    loaded: &'a Loaded,
    spec: &'a SpaceSpec,
    graph: &'a Graph,
    base_width: usize,
    passes: &'a BTreeMap<String, Box<dyn Pass>>,
    choices: BTreeMap<&'a str, Vec<Choice>>,
    /// By node, the seed that names it.
    seeds: Vec<Option<&'a Seed>>,
    tied: Tied<'a>,
    shared: Shared,
    /// By the keys of a group, why nodes were passed over; none where one of them was not.
    refusals: BTreeMap<String, Option<String>>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        loaded: &'a Loaded,
        spec: &'a SpaceSpec,
        graph: &'a Graph,
        base_width: usize,
        passes: &'a BTreeMap<String, Box<dyn Pass>>,
    ) -> Self {
        let choices = passes
            .iter()
            .map(|(name, pass)| (name.as_str(), pass.choices()));
        let mut planner = Self {
            loaded,
            spec,
            graph,
            base_width,
            passes,
            choices: choices.collect(),
            seeds: Vec::new(),
            tied: Tied::new(graph),
            shared: Shared::default(),
            refusals: BTreeMap::new(),
        };
        let nodes = graph.nodes().iter();
        let seeds = nodes.map(|node| planner.keyed().find(|seed| planner.takes(seed, node)));
        planner.seeds = seeds.collect();
        planner
    }

    /// Lets one layer lead those that are tied to it, in every field that tied layers have
    /// together.
    ///
    /// The first in the graph leads, and one that a key takes before one that only the default
    /// does.
    ///
    /// # Errors
    /// [`StudyError`] if two of them have other choices.
    pub(super) fn tie(&mut self) -> Result<(), StudyError> {
        let mut fields: Vec<(&'a Group, &'a Field)> = Vec::new();
        for group in self.spec.seeds.iter().flat_map(|seed| &seed.groups) {
            for field in &group.fields {
                let choice = self.choice(group, &field.name);
                let is_new = fields.iter().all(|(known, other)| {
                    (&known.table, &other.name) != (&group.table, &field.name)
                });
                let is_tied = choice.is_some_and(|choice| choice.per_group);
                if group.table != CONFIG && is_tied && is_new {
                    fields.push((group, field));
                }
            }
        }
        for (group, field) in fields {
            let mut layers = self.layers_with(&group.table, &field.name);
            layers.sort_by_key(|asked| asked.given.is_default());
            if let Err(clash) = self.tied.add(&group.table, &field.name, &layers) {
                return Err(self.clash(&clash, field));
            }
        }
        self.share()
    }

    /// Returns the layers that a seed gives a field, in the order of the graph.
    fn layers_with(&self, table: &str, field: &str) -> Vec<Asked<'a>> {
        let mut layers = Vec::new();
        for (layer, node) in self.graph.nodes().iter().enumerate() {
            for given in self.given(node) {
                let own = given.group.fields.iter().find(|own| own.name == field);
                if let Some(own) = own.filter(|_| given.group.table == table)
                    && self.has(given.group, own, node)
                {
                    layers.push(Asked {
                        layer,
                        given,
                        choices: &own.choices,
                    });
                }
            }
        }
        layers
    }

    fn clash(&self, clash: &Clash<'_>, field: &Field) -> StudyError {
        let Clash(one, other) = clash;
        let line = self.line(one.given, field);
        let [first, second] = [one, other].map(|asked| &self.graph.nodes()[asked.layer].name);
        let name = format!("{}.{}", one.given.group.table, field.name);
        let what = format!(
            "the channels of `{first}`{line} and `{second}` are tied, but `{name}` has other \
             choices for them"
        );
        let hint = "give both the same, or leave one out: it follows; `firebrick transform \
                    --groups` shows what is tied";
        self.blame(other.given, Some(field), what, Some(hint.to_owned()))
    }

    /// Returns the line of a field in brackets, if it is in a file.
    fn line(&self, given: Given<'_>, field: &Field) -> String {
        match self.loaded.places.get(&given.path(Some(&field.name))) {
            Some(Origin::Line(line)) => format!(" (line {line})"),
            _ => String::new(),
        }
    }

    /// Returns an error about a group, or a field of it.
    fn blame(
        &self,
        given: Given<'_>,
        field: Option<&Field>,
        what: String,
        hint: Option<String>,
    ) -> StudyError {
        let key = given.path(field.map(|field| field.name.as_str()));
        self.loaded.blame(Subject::Key(&key), what, hint)
    }

    /// Plans a node, adding its parameters.
    pub(super) fn plan(
        &mut self,
        node: &Node,
        parameters: &mut Vec<Parameter>,
    ) -> Result<Vec<Planned>, StudyError> {
        let mut planned = Vec::new();
        for given in self.given(node) {
            let (group, own) = self.plan_group(given, node, true);
            let Some(group) = group else {
                continue;
            };
            let key = given.path(None);
            match self.tried(given, &group, node, &own)? {
                Tried::Fits => {
                    self.refusals.insert(key, None);
                    parameters.extend(own);
                    planned.push(group);
                }
                Tried::Refused(reason) => {
                    self.refusals.entry(key).or_insert(Some(reason));
                }
            }
        }
        Ok(planned)
    }

    /// Returns the groups for a node: those of the seed that takes it, and what `formats` says
    /// where no number format is among them.
    fn given(&self, node: &Node) -> Vec<Given<'a>> {
        let seed = self.seed_of(node);
        let groups = seed.iter().flat_map(|seed| &seed.groups);
        let mut given: Vec<Given<'a>> = groups.map(|group| Given { seed, group }).collect();
        let is_stored = given
            .iter()
            .any(|given| given.group.pass.as_deref() == Some(QUANTIZE));
        if let (Some(group), false) = (&self.spec.formats, is_stored)
            && FORMATS_OPS.contains(&node.op.name())
        {
            given.push(Given { seed: None, group });
        }
        given.retain(|given| self.is_about(given.group, node));
        given
    }

    /// Returns the seed that takes a node, that of the default if no other does.
    fn seed_of(&self, node: &Node) -> Option<&'a Seed> {
        let default = || self.spec.seeds.iter().find(|seed| is_default(seed));
        let layer = self.graph.index(&node.name)?;
        self.seeds[layer].or_else(default)
    }

    /// Returns the seeds that name nodes.
    fn keyed(&self) -> impl Iterator<Item = &'a Seed> {
        self.spec.seeds.iter().filter(|seed| !is_default(seed))
    }

    fn takes(&self, seed: &Seed, node: &Node) -> bool {
        self.matches(&seed.key, node)
    }

    /// Returns whether a node is what a key of a seed stands for.
    fn matches(&self, key: &str, node: &Node) -> bool {
        match self.spec.by {
            By::Name => key == node.name,
            By::Type => key == node.op.name(),
            By::RegexName => seed::pattern(key).is_ok_and(|regex| regex.is_match(&node.name)),
        }
    }

    /// Returns whether a group has a field for the type of a node.
    fn is_about(&self, group: &Group, node: &Node) -> bool {
        match group.table == CONFIG {
            true => MASE_OPS.contains(&node.op.name()),
            false => {
                let mut fields = group.fields.iter();
                fields.any(|field| self.has(group, field, node))
            }
        }
    }

    /// Returns whether a group has a field for the type of a node.
    fn has(&self, group: &Group, field: &Field, node: &Node) -> bool {
        let is_config = group.table == CONFIG;
        if is_config && (field.name == "name" || group.pass.as_deref() != Some(QUANTIZE)) {
            return true;
        }
        let names = field.choices.field_names(&field.name);
        names.iter().any(|name| match self.choice(group, name) {
            Some(choice) => has_op(choice, node),
            // A field that only MASE has: of what is read, or of what layers learn.
            None => is_config && (name.starts_with("data_in") || node.op.has_weights()),
        })
    }

    fn choice(&self, group: &Group, field: &str) -> Option<&Choice> {
        self.known(group)
            .iter()
            .find(|choice| choice.field == field)
    }

    /// Returns the fields of the pass of a group.
    fn known(&self, group: &Group) -> &[Choice] {
        let choices = group
            .pass
            .as_deref()
            .and_then(|pass| self.choices.get(pass));
        choices.map_or(&[], Vec::as_slice)
    }

    /// Returns for which values of `name` the fields of a group exist, those left out that do for
    /// all.
    fn needs(&self, group: &Group) -> BTreeMap<String, Vec<String>> {
        let names = group.fields.iter().flat_map(|field| {
            let names = field.choices.field_names(&field.name);
            names.into_iter()
        });
        let needs = names.filter_map(|name| {
            let needs = match self.choice(group, &name) {
                Some(choice) => choice.needs.clone(),
                None if group.table == CONFIG => mase_names(&name),
                None => Vec::new(),
            };
            (!needs.is_empty()).then_some((name, needs))
        });
        needs.collect()
    }
}

impl Given<'_> {
    /// Returns whether it is for what no key takes.
    pub(super) fn is_default(&self) -> bool {
        self.seed.is_none_or(is_default)
    }

    /// Returns the keys of the group, or of a field.
    fn path(&self, field: Option<&str>) -> String {
        let Some(seed) = self.seed else {
            return "search.search_space.formats".to_owned();
        };
        let path = section::join("search.search_space.seed", &seed.key);
        let path = section::join(&path, &self.group.table);
        field.map_or_else(|| path.clone(), |field| section::join(&path, field))
    }
}

fn is_default(seed: &Seed) -> bool {
    seed.key == "default"
}

fn has_op(choice: &Choice, node: &Node) -> bool {
    choice.ops.iter().any(|op| op == node.op.name())
}
