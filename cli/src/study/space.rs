//! The space of a network: which nodes the seeds are about, as parameters `node/pass/field`.

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::graph::{Graph, Node};
use firebrick_core::hint::did_you_mean;
use firebrick_core::pass::Choice;
use firebrick_core::space::{Condition, Domain, Parameter, Space};
use firebrick_core::value::{Params, Value};
use serde_json::Map;

use super::error::StudyError;
use super::seed::{self, By, CONFIG, Choices, Group, Seed, SpaceSpec};
use super::{Loaded, Subject, section};

/// The space of a network, and what its points mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchSpace {
    /// The parameters `node/pass/field`; what can only be one thing is none of them.
    pub(crate) space: Space,
    by: By,
    base_width: usize,
    /// The passes in the order in which they are applied.
    passes: Vec<String>,
    /// The nodes that the sampled config lists, in the order of the graph.
    nodes: Vec<PlannedNode>,
}

/// A node with what its seed says.
#[derive(Debug, Clone, PartialEq)]
struct PlannedNode {
    name: String,
    groups: Vec<PlannedGroup>,
}

#[derive(Debug, Clone, PartialEq)]
struct PlannedGroup {
    group: Group,
    /// One a field of the group.
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

/// Types of node that MASE quantises, as far as there are such ops: the ones that a seed in its
/// spelling is about, and that its `best.json` lists.
const MASE_OPS: [&str; 4] = ["linear", "conv2d", "relu", "add"];

impl Loaded {
    /// Makes the space of a network.
    ///
    /// `choices` are those of the passes that [`Loaded::space_passes`] names.
    ///
    /// # Errors
    /// [`StudyError`] if a key matches nothing in the network, a pass lacks a field or a field does
    /// not belong to a type of node, or nothing is left to choose.
    pub(crate) fn search_space(
        &self,
        graph: &Graph,
        base_width: usize,
        choices: &BTreeMap<String, Vec<Choice>>,
    ) -> Result<SearchSpace, StudyError> {
        let nothing = "nothing to search: there is no `[search.search_space.seed]`";
        let Some(search) = &self.study.search else {
            return Err(self.blame(Subject::Key("search"), nothing, None));
        };
        let spec = &search.space;
        if spec.seeds.is_empty() {
            return Err(self.blame(Subject::Key("search.search_space"), nothing, None));
        }
        let planner = Planner {
            loaded: self,
            spec,
            graph,
            choices,
        };
        planner.check_keys()?;
        let mut parameters = Vec::new();
        let mut nodes = Vec::new();
        let in_config = |group: &Group| group.table == CONFIG;
        let is_mase = spec
            .seeds
            .iter()
            .flat_map(|seed| &seed.groups)
            .any(in_config);
        for node in graph.nodes() {
            let seed = planner.seed_of(node).or_else(|| planner.seed("default"));
            let groups = match seed {
                Some(seed) => planner.plan(seed, node, &mut parameters)?,
                None => Vec::new(),
            };
            if !groups.is_empty() || (is_mase && MASE_OPS.contains(&node.op.name())) {
                nodes.push(PlannedNode {
                    name: node.name.clone(),
                    groups,
                });
            }
        }
        if parameters.is_empty() {
            let what = "nothing to search: no field has more than one choice";
            return Err(self.blame(Subject::Key("search.search_space.seed"), what, None));
        }
        let space = Space::new(parameters).map_err(|error| {
            self.blame(
                Subject::Key("search.search_space.seed"),
                error.to_string(),
                None,
            )
        })?;
        let passes = self.space_passes().into_iter().map(str::to_owned).collect();
        Ok(SearchSpace {
            space,
            by: spec.by,
            base_width,
            passes,
            nodes,
        })
    }
}

impl SearchSpace {
    /// Returns what each pass is applied with for params of the space, in the order of applying;
    /// a pass that has nothing to do is left out.
    pub(crate) fn pass_args(&self, params: &Params) -> Vec<(String, Json)> {
        let mut steps = Vec::new();
        for pass in &self.passes {
            let mut args = Map::new();
            let mut is_mase = false;
            for node in &self.nodes {
                for planned in &node.groups {
                    if planned.group.pass.as_ref() != Some(pass) {
                        continue;
                    }
                    let mut fields = planned.fields(params);
                    fields.retain(|(_, value)| *value != Value::Null);
                    if !fields.is_empty() {
                        is_mase |= planned.group.table == CONFIG;
                        args.insert(node.name.clone(), object(fields));
                    }
                }
            }
            if args.is_empty() {
                continue;
            }
            args.insert("by".to_owned(), By::Name.word().into());
            if is_mase {
                args.insert("base_width".to_owned(), self.base_width.into());
            }
            steps.push((pass.clone(), Json::Object(args)));
        }
        steps
    }

    /// Returns params as `best.json` lists them: a table by node in the order of the graph, then
    /// `by`, and the accelerator that was used.
    pub(crate) fn sampled_config(&self, params: &Params, accelerator: &str) -> Json {
        let mut config = Map::new();
        for node in &self.nodes {
            let mut tables = Map::new();
            for planned in &node.groups {
                tables.insert(planned.group.table.clone(), object(planned.fields(params)));
            }
            if tables.is_empty() {
                // A node that no seed is about stays as it is, which MASE spells this way.
                tables.insert(CONFIG.to_owned(), object(vec![("name", Value::Null)]));
            }
            config.insert(node.name.clone(), Json::Object(tables));
        }
        config.insert("by".to_owned(), self.by.word().into());
        config.insert("accelerator".to_owned(), accelerator.into());
        Json::Object(config)
    }
}

impl PlannedGroup {
    /// Returns the fields that exist under params, with their values.
    fn fields(&self, params: &Params) -> Vec<(&str, Value)> {
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

/// Returns the keys of a group or field of a seed.
pub(super) fn path(seed: &str, table: &str, field: Option<&str>) -> String {
    let path = section::join(&section::join("search.search_space.seed", seed), table);
    match field {
        Some(field) => section::join(&path, field),
        None => path,
    }
}

fn object(fields: Vec<(&str, Value)>) -> Json {
    Json::Object(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect(),
    )
}

/// What is looked at while the space is made.
struct Planner<'a> {
    loaded: &'a Loaded,
    spec: &'a SpaceSpec,
    graph: &'a Graph,
    choices: &'a BTreeMap<String, Vec<Choice>>,
}

impl<'a> Planner<'a> {
    fn seed(&self, key: &str) -> Option<&'a Seed> {
        self.spec.seeds.iter().find(|seed| seed.key == key)
    }

    /// Returns the seed whose own key takes a node.
    fn seed_of(&self, node: &Node) -> Option<&'a Seed> {
        match self.spec.by {
            By::Name => self.seed(&node.name).filter(|seed| seed.key != "default"),
            By::Type => self.seed(node.op.name()),
            By::RegexName => self.spec.seeds.iter().find(|seed| {
                seed.key != "default"
                    && seed::pattern(&seed.key).is_ok_and(|regex| regex.is_match(&node.name))
            }),
        }
    }

    /// Checks that each key takes a node, and that each of its groups can change one.
    fn check_keys(&self) -> Result<(), StudyError> {
        for seed in self.spec.seeds.iter().filter(|seed| seed.key != "default") {
            let is_taken = |node: &&Node| self.seed_of(node) == Some(seed);
            let taken: Vec<&Node> = self.graph.nodes().iter().filter(is_taken).collect();
            if taken.is_empty() {
                return Err(self.unmatched(seed));
            }
            for group in &seed.groups {
                if !taken.iter().any(|node| self.can_change(group, node)) {
                    let ops: Vec<String> = taken.iter().map(|node| shown(node)).collect();
                    let what = format!("{} can't be changed by `{}`", ops.join(", "), group.table);
                    let key = path(&seed.key, &group.table, None);
                    let hint = self.changeable(group);
                    return Err(self.loaded.blame(Subject::Key(&key), what, hint));
                }
            }
        }
        Ok(())
    }

    fn unmatched(&self, seed: &Seed) -> StudyError {
        let key = section::join("search.search_space.seed", &seed.key);
        let nodes = self.graph.nodes();
        let known: Vec<&str> = match self.spec.by {
            By::Name | By::RegexName => nodes.iter().map(|node| node.name.as_str()).collect(),
            By::Type => nodes.iter().map(|node| node.op.name()).collect(),
        };
        let is_type = nodes.iter().any(|node| node.op.name() == seed.key);
        let by_type = "it is a type of node: set `search.search_space.setup.by = \"type\"`";
        let is_name = self.graph.node(&seed.key).is_some();
        let by_name = "it is the name of a node: set `search.search_space.setup.by = \"name\"`";
        let hint = match self.spec.by {
            By::Name | By::RegexName if is_type => by_type.to_owned(),
            By::Type if is_name => by_name.to_owned(),
            _ => did_you_mean(&seed.key, known.iter().copied()).unwrap_or_else(|| {
                let mut list: Vec<String> = Vec::new();
                for name in known {
                    let name = format!("`{name}`");
                    if !list.contains(&name) {
                        list.push(name);
                    }
                }
                format!("`{}` has {}", self.loaded.study.model.name, list.join(", "))
            }),
        };
        let what = format!("no node matches `{}`", seed.key);
        self.loaded.blame(Subject::Key(&key), what, Some(hint))
    }

    fn can_change(&self, group: &Group, node: &Node) -> bool {
        let op = node.op.name();
        if group.table == CONFIG {
            return MASE_OPS.contains(&op);
        }
        let fields = self.fields_of(group);
        fields
            .iter()
            .any(|choice| choice.ops.iter().any(|other| other == op))
    }

    fn fields_of(&self, group: &Group) -> &'a [Choice] {
        let pass = group.pass.as_ref();
        pass.and_then(|pass| self.choices.get(pass))
            .map_or(&[], Vec::as_slice)
    }

    fn changeable(&self, group: &Group) -> Option<String> {
        let mut ops: Vec<&str> = match group.table == CONFIG {
            true => MASE_OPS.to_vec(),
            false => {
                let choices = self.fields_of(group).iter();
                choices
                    .flat_map(|choice| choice.ops.iter().map(String::as_str))
                    .collect()
            }
        };
        ops.sort_unstable();
        ops.dedup();
        (!ops.is_empty()).then(|| format!("it changes nodes of type `{}`", ops.join("`, `")))
    }

    /// Plans one node, adding its parameters.
    fn plan(
        &self,
        seed: &Seed,
        node: &Node,
        parameters: &mut Vec<Parameter>,
    ) -> Result<Vec<PlannedGroup>, StudyError> {
        let mut planned: Vec<PlannedGroup> = Vec::new();
        for group in &seed.groups {
            let fields = self.check_fields(seed, group)?;
            if !self.can_change(group, node) {
                continue;
            }
            let twin = planned
                .iter()
                .find(|other| other.group.pass.is_some() && other.group.pass == group.pass);
            if twin.is_some() {
                let key = path(&seed.key, &group.table, None);
                let what = format!("`{key}` gives a pass twice that another table gives already");
                return Err(self.loaded.blame(Subject::Key(&key), what, None));
            }
            let (group, settings) = plan_group(group, node, &fields, parameters);
            planned.push(PlannedGroup { group, settings });
        }
        Ok(planned)
    }

    /// Returns what the pass says about each field of a group; nothing for the seed's spelling,
    /// whose fields are known.
    fn check_fields(
        &self,
        seed: &Seed,
        group: &Group,
    ) -> Result<Vec<Option<&'a Choice>>, StudyError> {
        if group.table == CONFIG {
            return Ok(vec![None; group.fields.len()]);
        }
        let known = self.fields_of(group);
        let mut fields = Vec::new();
        for field in &group.fields {
            let Some(choice) = known.iter().find(|choice| choice.field == field.name) else {
                let key = path(&seed.key, &group.table, Some(&field.name));
                let names = || known.iter().map(|choice| choice.field.as_str());
                let what = format!("pass `{}` has no field `{}`", group.table, field.name);
                let hint =
                    did_you_mean(&field.name, names()).unwrap_or_else(|| match known.is_empty() {
                        true => format!("`{}` has nothing to choose", group.table),
                        false => format!("known: `{}`", names().collect::<Vec<_>>().join("`, `")),
                    });
                return Err(self.loaded.blame(Subject::Key(&key), what, Some(hint)));
            };
            fields.push(Some(choice));
        }
        Ok(fields)
    }
}

/// Plans the fields of a group that belong to a node, adding a parameter for each choice.
fn plan_group(
    group: &Group,
    node: &Node,
    known: &[Option<&Choice>],
    parameters: &mut Vec<Parameter>,
) -> (Group, Vec<Setting>) {
    let Some(pass) = &group.pass else {
        let settings = group.fields.iter().map(|_| Setting::Fixed(Value::Null));
        return (group.clone(), settings.collect());
    };
    let mut own = Group {
        fields: Vec::new(),
        ..group.clone()
    };
    let mut settings = Vec::new();
    for (field, choice) in group.fields.iter().zip(known) {
        let op = node.op.name();
        if choice.is_some_and(|choice| !choice.ops.iter().any(|other| other == op)) {
            continue;
        }
        let condition = match need(group, &field.name, &format!("{}/{pass}/name", node.name)) {
            Need::Never => continue,
            Need::Always => None,
            Need::If(condition) => Some(condition),
        };
        let is_ordered = match choice {
            Some(choice) => choice.ordered,
            None => field.name != "name",
        };
        let name = format!("{}/{pass}/{}", node.name, field.name);
        let setting = match &field.choices {
            Choices::List(values) if values.len() == 1 => Setting::Fixed(values[0].clone()),
            choices => {
                let domain = domain(choices, is_ordered);
                parameters.push(Parameter {
                    name: name.clone(),
                    domain,
                    condition,
                });
                Setting::Free(name)
            }
        };
        own.fields.push(field.clone());
        settings.push(setting);
    }
    (own, settings)
}

fn domain(choices: &Choices, is_ordered: bool) -> Domain {
    match choices {
        Choices::Range(domain) => domain.clone(),
        Choices::List(values) if is_ordered => {
            let mut choices = values.clone();
            if choices.iter().all(|value| value.as_f64().is_some()) {
                choices.sort_by(|a, b| {
                    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
                    number(a).total_cmp(&number(b))
                });
            }
            Domain::Ordinal { choices }
        }
        Choices::List(values) => Domain::Categorical {
            choices: values.clone(),
        },
    }
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
    let values: Vec<Value> = names
        .iter()
        .filter(|name| group.needs(field, name))
        .cloned()
        .collect();
    match values.len() {
        0 => Need::Never,
        n_values if n_values == names.len() => Need::Always,
        _ => Need::If(Condition {
            parameter: parameter.to_owned(),
            values,
        }),
    }
}

fn shown(node: &Node) -> String {
    format!("`{}` ({})", node.name, node.op.name())
}
