//! The space of a network, and what its points mean to passes and to `best.json`.

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::graph::Graph;
use firebrick_core::pass::Pass;
use firebrick_core::space::Space;
use firebrick_core::value::{Params, Value};
use serde_json::Map;

use super::error::StudyError;
use super::plan::{MASE_OPS, Planned, Planner};
use super::seed::{By, CHANNEL_MULTIPLIER, CONFIG, Group};
use super::{Loaded, Subject};

/// The space of a network, and what its points mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchSpace {
    /// The parameters `node/pass/field`; what can only be one thing is none of them.
    pub(crate) space: Space,
    /// What is worth saying of it: layers that share a parameter, keys without effect on this
    /// network, and what stays in float32.
    pub(crate) notices: Vec<String>,
    by: By,
    base_width: usize,
    /// The passes in the order in which they are applied.
    passes: Vec<String>,
    /// The nodes that the sampled config lists, in the order of the graph.
    pub(super) nodes: Vec<PlannedNode>,
}

/// A node with what its seed says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedNode {
    pub(super) name: String,
    pub(super) groups: Vec<Planned>,
}

impl Loaded {
    /// Makes the space of a network whose multipliers in the seed's spelling count in
    /// `base_width`.
    ///
    /// `passes` are those that [`Loaded::space_passes`] names, by these names.
    ///
    /// # Errors
    /// [`StudyError`] if a key matches nothing in the network, a pass lacks a field or can't change
    /// what it is asked to, or nothing is left to choose.
    pub(crate) fn search_space(
        &self,
        graph: &Graph,
        base_width: usize,
        passes: &BTreeMap<String, Box<dyn Pass>>,
    ) -> Result<SearchSpace, StudyError> {
        let key = "search.search_space.seed";
        let nothing = "nothing to search: there is no `[search.search_space.seed]`";
        let Some(search) = &self.study.search else {
            return Err(self.blame(Subject::Key("search"), nothing, None));
        };
        let spec = &search.space;
        if spec.seeds.is_empty() && spec.formats.is_none() {
            return Err(self.blame(Subject::Key("search.search_space"), nothing, None));
        }
        let mut planner = Planner::new(self, spec, graph, base_width, passes);
        planner.check_keys()?;
        planner.tie()?;
        let in_config = |group: &Group| group.table == CONFIG;
        let is_mase = spec
            .seeds
            .iter()
            .flat_map(|seed| &seed.groups)
            .any(in_config);
        let mut parameters = Vec::new();
        let mut planned = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            planned.push(planner.plan(node, &mut parameters)?);
        }
        planner.check_refused()?;
        let notes = planner.notes(&planned);
        let mut nodes = Vec::new();
        for (node, groups) in graph.nodes().iter().zip(planned) {
            if !groups.is_empty() || (is_mase && MASE_OPS.contains(&node.op.name())) {
                let name = node.name.clone();
                nodes.push(PlannedNode { name, groups });
            }
        }
        if parameters.is_empty() {
            let what = "nothing to search: no field has more than one choice";
            return Err(self.blame(Subject::Key(key), what, None));
        }
        let space = Space::new(parameters)
            .map_err(|error| self.blame(Subject::Key(key), error.to_string(), None))?;
        let passes = self.space_passes().into_iter().map(str::to_owned).collect();
        Ok(SearchSpace {
            space,
            notices: notes,
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
        let steps = self.passes.iter().filter_map(|pass| {
            let mut entries = Vec::new();
            for node in &self.nodes {
                let own = node.groups.iter().filter(|planned| planned.is_of(pass));
                entries.extend(own.map(|planned| (node.name.as_str(), planned)));
            }
            let args = args(&entries, params, self.base_width)?;
            Some((pass.clone(), args))
        });
        steps.collect()
    }

    /// Returns params as `best.json` lists them: a table by node in the order of the graph, then
    /// `by`, and the accelerator that was used.
    pub(crate) fn sampled_config(&self, params: &Params, accelerator: &str) -> Json {
        let mut config = Map::new();
        for node in &self.nodes {
            let mut tables = Map::new();
            for planned in &node.groups {
                let fields = object(planned.fields(params));
                tables.insert(planned.table.clone(), fields);
            }
            if tables.is_empty() {
                // A node that no seed is about stays as it is, which MASE spells this way.
                tables.insert(
                    CONFIG.to_owned(),
                    object(vec![("name".to_owned(), Value::Null)]),
                );
            }
            config.insert(node.name.clone(), Json::Object(tables));
        }
        config.insert("by".to_owned(), self.by.word().into());
        config.insert("accelerator".to_owned(), accelerator.into());
        Json::Object(config)
    }
}

/// Returns what one pass is applied with, given its part of some nodes; `None` where it has
/// nothing to do.
pub(super) fn args(
    entries: &[(&str, &Planned)],
    params: &Params,
    base_width: usize,
) -> Option<Json> {
    let mut args = Map::new();
    let mut is_mase = false;
    for (node, planned) in entries {
        let mut fields = planned.fields(params);
        // `NA` leaves a node as it is, and so does being left out.
        fields.retain(|(_, value)| *value != Value::Null);
        if !fields.is_empty() {
            is_mase |= planned.table == CONFIG && planned.is_of(CHANNEL_MULTIPLIER);
            args.insert((*node).to_owned(), object(fields));
        }
    }
    if args.is_empty() {
        return None;
    }
    args.insert("by".to_owned(), By::Name.word().into());
    if is_mase {
        args.insert("base_width".to_owned(), base_width.into());
    }
    Some(Json::Object(args))
}

fn object(fields: Vec<(String, Value)>) -> Json {
    let fields = fields.into_iter();
    Json::Object(fields.map(|(name, value)| (name, value.into())).collect())
}
