//! From params to a graph and what is known of it before it is trained.

use std::collections::BTreeMap;

use firebrick_core::Json;
use firebrick_core::graph::Graph;
use firebrick_core::pass::Pass;

use crate::study::{Broken, Constraint};

/// An analysis pass with its arguments.
pub(crate) struct Analysis {
    /// The name that messages use.
    pub(crate) name: String,
    /// The pass.
    pub(crate) pass: Box<dyn Pass>,
    /// What it is applied with.
    pub(crate) args: Json,
}

/// Builds and measures graphs: what can be known of a candidate before it is trained.
pub(crate) struct Builder {
    /// The base network.
    pub(crate) base: Graph,
    /// The transforms of the space, by name.
    pub(crate) transforms: BTreeMap<String, Box<dyn Pass>>,
    /// What is measured on every candidate.
    pub(crate) analyses: Vec<Analysis>,
    /// What a candidate must not exceed.
    pub(crate) constraints: Vec<Constraint>,
}

impl Builder {
    /// Returns the graph of some pass arguments and its hardware metrics.
    ///
    /// # Errors
    /// Why the point can't be built or measured.
    pub(crate) fn build(
        &self,
        pass_args: &[(String, Json)],
    ) -> Result<(Graph, Vec<(String, f64)>), String> {
        let mut graph = self.base.clone();
        for (name, args) in pass_args {
            let pass = self
                .transforms
                .get(name)
                .ok_or_else(|| format!("no pass `{name}`"))?;
            graph = pass
                .apply(&graph, args)
                .map_err(|error| error.to_string())?
                .0;
        }
        let metrics = self.measure(&graph)?;
        Ok((graph, metrics))
    }

    /// Returns what of the constraints hardware metrics break, those that are not measured yet
    /// being kept; the violation is that of all together, where each has one.
    pub(crate) fn broken(&self, hardware: &[(String, f64)]) -> Option<Broken> {
        let all = self.constraints.iter().filter_map(|constraint| {
            let (_, value) = hardware
                .iter()
                .find(|(name, _)| *name == constraint.metric)?;
            constraint.broken_by(*value)
        });
        all.reduce(|one, other| Broken {
            reason: format!("{}; {}", one.reason, other.reason),
            violation: one
                .violation
                .zip(other.violation)
                .map(|(one, other)| one + other)
                .filter(|sum| sum.is_finite()),
        })
    }

    fn measure(&self, graph: &Graph) -> Result<Vec<(String, f64)>, String> {
        let mut metrics = Vec::new();
        for Analysis { name, pass, args } in &self.analyses {
            let (_, info) = pass
                .apply(graph, args)
                .map_err(|error| format!("`{name}`: {error}"))?;
            metrics.extend(info.metrics);
        }
        Ok(metrics)
    }
}
