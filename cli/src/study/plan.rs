//! Which seed takes a node of a network, and what of it the passes can do there.

mod keys;

use std::collections::BTreeMap;

use firebrick_core::channels::Lead;
use firebrick_core::graph::{Graph, Node};
use firebrick_core::pass::{Choice, Pass, PassError};
use firebrick_core::space::{Condition, Domain, Parameter};
use firebrick_core::value::{Params, Value};

use super::choices::Choices;
use super::error::{Origin, StudyError};
use super::seed::{self, By, CONFIG, Field, Group, Seed, SpaceSpec};
use super::tied::{Asked, Clash, Tied};
use super::{Loaded, Subject, section, space};

/// Types of node that MASE quantises, as far as there are such ops: the ones that a seed in its
/// spelling is about, and that its `best.json` lists.
pub(super) const MASE_OPS: [&str; 4] = ["linear", "conv2d", "relu", "add"];

/// A group of a seed at one node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// The group, with the fields that the node has.
    pub(super) group: Group,
    /// One a field.
    settings: Vec<Setting>,
}

/// What a field of a node is.
#[derive(Debug, Clone, PartialEq)]
enum Setting {
    /// Always the same.
    Fixed(Value),
    /// What the parameter of this name says.
    Free(String),
}

impl Planned {
    /// Returns whether the group is about a pass.
    pub(super) fn is_of(&self, pass: &str) -> bool {
        self.group.pass.as_deref() == Some(pass)
    }

    /// Returns the fields that exist under params, with their values.
    pub(super) fn fields(&self, params: &Params) -> Vec<(&str, Value)> {
        let mut fields: Vec<(&str, Value)> = Vec::new();
        for (field, setting) in self.group.fields.iter().zip(&self.settings) {
            let is_needed = match fields.first() {
                Some(("name", name)) => self.group.needs(&field.name, name),
                _ => true,
            };
            let value = match setting {
                Setting::Fixed(value) => Some(value),
                Setting::Free(parameter) => params.get(parameter),
            };
            if let (true, Some(value)) = (is_needed, value) {
                fields.push((&field.name, value.clone()));
            }
        }
        fields
    }
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
            layers.sort_by_key(|asked| is_default(asked.seed));
            if let Err(clash) = self.tied.add(&group.table, &field.name, &layers) {
                return Err(self.clash(&clash, group, field));
            }
        }
        Ok(())
    }

    /// Returns what is worth saying of layers that have no parameter of their own.
    pub(super) fn notice(&self) -> Option<String> {
        self.tied.notice()
    }

    /// Returns the layers that a seed gives a field, in the order of the graph.
    fn layers_with(&self, table: &str, field: &str) -> Vec<Asked<'a>> {
        let mut layers = Vec::new();
        for (layer, node) in self.graph.nodes().iter().enumerate() {
            let Some(seed) = self.seed_of(node) else {
                continue;
            };
            for group in seed.groups.iter().filter(|group| group.table == table) {
                let has = self
                    .choice(group, field)
                    .is_some_and(|choice| has_op(choice, node));
                let field = group.fields.iter().find(|own| own.name == field);
                if let (true, Some(field)) = (has, field) {
                    layers.push(Asked {
                        layer,
                        seed,
                        choices: &field.choices,
                    });
                }
            }
        }
        layers
    }

    fn clash(&self, clash: &Clash<'_>, group: &Group, field: &Field) -> StudyError {
        let Clash(one, other) = clash;
        let key = |asked: &Asked<'_>| path(asked.seed, group, Some(&field.name));
        let line = match self.loaded.places.get(&key(one)) {
            Some(Origin::Line(line)) => format!(" (line {line})"),
            _ => String::new(),
        };
        let [first, second] = [one, other].map(|asked| &self.graph.nodes()[asked.layer].name);
        let name = format!("{}.{}", group.table, field.name);
        let what = format!(
            "the channels of `{first}`{line} and `{second}` are tied, but `{name}` has other \
             choices for them"
        );
        let hint = "give both the same, or leave one out: it follows; `firebrick transform \
                    --groups` shows what is tied";
        let key = key(other);
        self.loaded
            .blame(Subject::Key(&key), what, Some(hint.to_owned()))
    }

    /// Plans a node, adding its parameters.
    pub(super) fn plan(
        &self,
        node: &Node,
        parameters: &mut Vec<Parameter>,
    ) -> Result<Vec<Planned>, StudyError> {
        let seed = self.seed_of(node);
        let mut planned = Vec::new();
        for (seed, group) in seed
            .iter()
            .flat_map(|seed| seed.groups.iter().map(|g| (*seed, g)))
        {
            if !self.is_about(group, node) {
                continue;
            }
            let (group, own) = self.plan_group(group, node);
            if group.group.fields.is_empty() {
                // Another layer decides all of it.
                continue;
            }
            if self.can_change(seed, &group, node, &own)? {
                parameters.extend(own);
                planned.push(group);
            }
        }
        Ok(planned)
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
        match self.spec.by {
            By::Name => seed.key == node.name,
            By::Type => seed.key == node.op.name(),
            By::RegexName => seed::pattern(&seed.key).is_ok_and(|regex| regex.is_match(&node.name)),
        }
    }

    /// Returns whether a group has a field for the type of a node.
    fn is_about(&self, group: &Group, node: &Node) -> bool {
        match group.table == CONFIG {
            true => MASE_OPS.contains(&node.op.name()),
            false => group.fields.iter().any(|field| {
                let choice = self.choice(group, &field.name);
                choice.is_some_and(|choice| has_op(choice, node))
            }),
        }
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

    /// Plans the fields that a group has for a node, with a parameter for each choice.
    fn plan_group(&self, group: &Group, node: &Node) -> (Planned, Vec<Parameter>) {
        let mut planned = Planned {
            group: Group {
                fields: Vec::new(),
                ..group.clone()
            },
            settings: Vec::new(),
        };
        let mut parameters = Vec::new();
        let pass = group.pass.as_deref().unwrap_or(CONFIG);
        for field in &group.fields {
            let choice = self.choice(group, &field.name);
            let is_other_op = choice.is_some_and(|choice| !has_op(choice, node));
            if group.table != CONFIG && is_other_op {
                continue;
            }
            // A node of a type that has no `name` has the other fields whatever it says elsewhere.
            let has_name = planned
                .group
                .fields
                .iter()
                .any(|field| field.name == "name");
            let need = match has_name {
                true => need(group, &field.name, &format!("{}/{pass}/name", node.name)),
                false => Need::Always,
            };
            let condition = match need {
                Need::Never => continue,
                Need::Always => None,
                Need::If(condition) => Some(condition),
            };
            let mut leader = &node.name;
            let layer = self.graph.index(&node.name).unwrap_or(0);
            match self.tied.part(&group.table, &field.name, layer) {
                Some(Lead::Follows(_)) => continue,
                Some(Lead::Shares(layer)) => leader = &self.graph.nodes()[*layer].name,
                Some(Lead::Leads | Lead::Fixed) | None => {}
            }
            let name = format!("{leader}/{pass}/{}", field.name);
            let setting = match &field.choices {
                Choices::List(values) if values.len() == 1 => Setting::Fixed(values[0].clone()),
                _ if *leader != node.name => Setting::Free(name),
                choices => {
                    // In the seed's spelling every field but the mode is a size.
                    let is_ordered = choice.map_or(field.name != "name", |choice| choice.ordered);
                    let domain = choices.domain(is_ordered);
                    parameters.push(Parameter {
                        name: name.clone(),
                        domain,
                        condition,
                    });
                    Setting::Free(name)
                }
            };
            planned.group.fields.push(field.clone());
            planned.settings.push(setting);
        }
        (planned, parameters)
    }

    /// Tries what the choices of a node come to when nothing else changes.
    ///
    /// What a key takes among others (`default`, a type, a pattern) is passed over where the pass
    /// refuses this node some of it, such as another width for the layer that makes the output.
    /// What a name takes is an error where the pass refuses it all.
    fn can_change(
        &self,
        seed: &Seed,
        planned: &Planned,
        node: &Node,
        parameters: &[Parameter],
    ) -> Result<bool, StudyError> {
        let pass_name = planned.group.pass.as_deref();
        let Some(pass) = pass_name.and_then(|name| self.passes.get(name)) else {
            return Ok(true);
        };
        let mut n_tried = 0;
        let mut refusals = Vec::new();
        for params in probes(parameters) {
            let entries = [(node.name.as_str(), planned)];
            let Some(args) = space::args(&entries, &params, self.base_width) else {
                continue;
            };
            n_tried += 1;
            match pass.apply(self.graph, &args) {
                Err(PassError::NotApplicable {
                    node: refused,
                    reason,
                }) if refused == node.name => {
                    refusals.push(format!("node `{refused}`: {reason}"));
                }
                Err(PassError::Args(reason)) => {
                    let what = format!("pass `{}`: {reason}", pass_name.unwrap_or_default());
                    let key = path(seed, &planned.group, None);
                    return Err(self.loaded.blame(Subject::Key(&key), what, None));
                }
                // Nodes that do not fit together may do so when both change.
                Ok(_) | Err(_) => {}
            }
        }
        let is_named = self.spec.by == By::Name && !is_default(seed);
        match refusals.pop() {
            Some(refusal) if is_named && refusals.len() + 1 == n_tried => {
                let key = path(seed, &planned.group, None);
                Err(self.loaded.blame(Subject::Key(&key), refusal, None))
            }
            Some(_) => Ok(is_named),
            None => Ok(true),
        }
    }
}

pub(super) fn is_default(seed: &Seed) -> bool {
    seed.key == "default"
}

fn has_op(choice: &Choice, node: &Node) -> bool {
    choice.ops.iter().any(|op| op == node.op.name())
}

/// Returns the keys of a group, or of a field, of a seed.
fn path(seed: &Seed, group: &Group, field: Option<&str>) -> String {
    let path = section::join("search.search_space.seed", &seed.key);
    let path = section::join(&path, &group.table);
    field.map_or_else(|| path.clone(), |field| section::join(&path, field))
}

/// Returns params that show every value of each parameter once, the others at their first one; of
/// a range, its ends.
fn probes(parameters: &[Parameter]) -> Vec<Params> {
    let ends = |domain: &Domain| match (domain, domain.size()) {
        (Domain::Float { low, high, .. }, None) => vec![Value::Float(*low), Value::Float(*high)],
        (Domain::Int { .. } | Domain::Float { .. }, Some(size)) => {
            vec![domain.value(0), domain.value(size - 1)]
        }
        (_, size) => (0..size.unwrap_or(0))
            .map(|idx| domain.value(idx))
            .collect(),
    };
    let values: Vec<(&str, Vec<Value>)> = parameters
        .iter()
        .map(|parameter| (parameter.name.as_str(), ends(&parameter.domain)))
        .collect();
    let firsts = values
        .iter()
        .filter_map(|(name, values)| Some((*name, values.first()?.clone())));
    let base: Params = firsts.collect();
    let mut probes = vec![base.clone()];
    for (name, values) in &values {
        probes.extend(values.iter().skip(1).map(|value| {
            let mut params = base.clone();
            params.insert(*name, value.clone());
            params
        }));
    }
    probes
}

/// When a field exists.
enum Need {
    Always,
    Never,
    If(Condition),
}

/// Returns when a field exists, by the names that its group can have.
fn need(group: &Group, field: &str, parameter: &str) -> Need {
    let name = group.fields.iter().find(|field| field.name == "name");
    let Some(Choices::List(names)) = name.map(|name| &name.choices) else {
        return Need::Always;
    };
    let needed = names.iter().filter(|name| group.needs(field, name));
    let values: Vec<Value> = needed.cloned().collect();
    match values.len() {
        0 => Need::Never,
        n_values if n_values == names.len() => Need::Always,
        _ => Need::If(Condition {
            parameter: parameter.to_owned(),
            values,
        }),
    }
}
