//! Which seed takes a node of a network, and what of it the passes can do there.

mod keys;
mod notes;
mod planned;
mod probe;
mod tie;

use std::collections::BTreeMap;

use firebrick_core::channels::Lead;
use firebrick_core::graph::{Graph, Node};
use firebrick_core::pass::{Choice, Pass};
use firebrick_core::space::{Condition, Parameter};
use firebrick_core::value::Value;

use super::choices::Choices;
use super::error::{Origin, StudyError};
use super::seed::{
    self, By, CHANNEL_MULTIPLIER, CONFIG, Field, Group, QUANTIZE, Seed, SpaceSpec, mase_names,
};
use super::tied::{Asked, Clash, Tied};
use super::{Loaded, Subject, section};
use planned::{PlannedField, exists};
use probe::Tried;
use tie::Shared;

pub(super) use planned::Planned;

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
        Self {
            loaded,
            spec,
            graph,
            base_width,
            passes,
            choices: choices.collect(),
            tied: Tied::new(graph),
            shared: Shared::default(),
            refusals: BTreeMap::new(),
        }
    }

    /// Lets one layer lead those that are tied to it, in every field that tied layers have
    /// together.
    ///
    /// The first in the graph leads, and one that a key takes before one that only the default does.
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

    /// Returns the groups for a node: those of the seed that takes it, and what `formats` says where
    /// no number format is among them.
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
        self.keyed()
            .find(|seed| self.takes(seed, node))
            .or_else(default)
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

    /// Plans the fields that a group has for a node, with a parameter for each choice; none where
    /// nothing is left to plan.
    ///
    /// A node that shares takes what another one decides from it.
    fn plan_group(
        &self,
        given: Given<'_>,
        node: &Node,
        shares: bool,
    ) -> (Option<Planned>, Vec<Parameter>) {
        let group = given.group;
        let layer = self.graph.index(&node.name).unwrap_or(0);
        let pass = group.pass.as_deref().unwrap_or(CONFIG);
        let needs = self.needs(group);
        let parameter = |field: &str| {
            let owner = match shares {
                true => self.owner(&group.table, field, layer)?,
                false => layer,
            };
            let name = format!("{}/{pass}/{field}", self.graph.nodes()[owner].name);
            Some((name, owner == layer))
        };
        let mut fields: Vec<PlannedField> = Vec::new();
        let mut parameters = Vec::new();
        let (mut n_given, mut n_left) = (0, 0);
        for field in &group.fields {
            n_given += usize::from(is_of_operand(&field.name));
            if !self.has(group, field, node) {
                continue;
            }
            n_left += usize::from(is_of_operand(&field.name));
            // A node of a type that has no `name` has the other fields whatever it says elsewhere.
            let has_name = fields.iter().any(|field| field.name == "name");
            let need = match has_name {
                true => need(group, field, &needs),
                false => Need::Always,
            };
            let Some((name, is_own)) = parameter(&field.name) else {
                // Another layer decides.
                continue;
            };
            let condition = match need {
                Need::Never => continue,
                Need::Always => None,
                Need::If(values) => {
                    parameter("name").map(|(parameter, _)| Condition { parameter, values })
                }
            };
            let is_free = !field.choices.is_single();
            if is_free && is_own {
                parameters.push(Parameter {
                    name: name.clone(),
                    domain: field.choices.domain(self.is_ordered(group, field)),
                    condition,
                });
            }
            fields.push(PlannedField {
                name: field.name.clone(),
                choices: field.choices.clone(),
                parameter: is_free.then_some(name),
            });
        }
        // A node without any of the operands that the fields are about stays as it is.
        let is_idle = group.pass.as_deref() == Some(QUANTIZE) && n_given > 0 && n_left == 0;
        if fields.is_empty() || is_idle {
            return (None, Vec::new());
        }
        let planned = Planned {
            table: group.table.clone(),
            pass: group.pass.clone(),
            fields,
            needs,
        };
        (Some(planned), parameters)
    }

    /// Returns the layer whose parameter decides a field of a layer; none where other layers decide
    /// it by themselves.
    fn owner(&self, table: &str, field: &str, layer: usize) -> Option<usize> {
        let owner = match self.tied.part(table, field, layer) {
            Some(Lead::Follows(_)) => return None,
            Some(Lead::Shares(leader)) => *leader,
            Some(Lead::Leads | Lead::Fixed) | None => layer,
        };
        Some(self.shared.owner(table, field, owner))
    }

    /// Returns whether the order of the choices of a field means something.
    fn is_ordered(&self, group: &Group, field: &Field) -> bool {
        let names = field.choices.field_names(&field.name);
        names.iter().all(|name| {
            let choice = self.choice(group, name);
            // In the seed's spelling every field of channels but the mode is a size.
            choice.map_or(name == CHANNEL_MULTIPLIER, |choice| choice.ordered)
        })
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

/// Returns whether a field is about one operand, rather than about the whole node.
fn is_of_operand(field: &str) -> bool {
    ["data_in", "weight", "bias"]
        .iter()
        .any(|operand| field.starts_with(operand))
}

/// When a field exists.
enum Need {
    Always,
    Never,
    /// For these values of `name`.
    If(Vec<Value>),
}

/// Returns when a field exists, by the names that its group can have.
fn need(group: &Group, field: &Field, needs: &BTreeMap<String, Vec<String>>) -> Need {
    let name = group.fields.iter().find(|field| field.name == "name");
    let Some(Choices::List(names)) = name.map(|name| &name.choices) else {
        return Need::Always;
    };
    let fields = field.choices.field_names(&field.name);
    let exists = |name: &&Value| fields.iter().any(|field| exists(field, name, needs));
    let values: Vec<Value> = names.iter().filter(exists).cloned().collect();
    match values.len() {
        0 => Need::Never,
        n_values if n_values == names.len() => Need::Always,
        _ => Need::If(values),
    }
}
