//! Whether a pass does what the choices of a node ask for.

use firebrick_core::graph::Node;
use firebrick_core::pass::PassError;
use firebrick_core::space::{Domain, Parameter};
use firebrick_core::value::{Params, Value};

use super::super::error::StudyError;
use super::super::seed::By;
use super::super::space;
use super::{Given, Planned, Planner};

/// What became of a group at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tried {
    /// The pass can do it.
    Fits,
    /// The node is passed over, since the pass refuses some of it.
    Refused(String),
}

impl Planner<'_> {
    /// Tries what the choices of a node come to when nothing else changes.
    ///
    /// What a key takes among others (`default`, a type, a pattern) is passed over where the pass
    /// refuses this node some of it, such as another width for the layer that makes the output.
    /// What a name takes is an error where the pass refuses it all.
    pub(super) fn tried(
        &self,
        given: Given<'_>,
        planned: &Planned,
        node: &Node,
        parameters: &[Parameter],
    ) -> Result<Tried, StudyError> {
        let pass_name = planned.pass.as_deref();
        let Some(pass) = pass_name.and_then(|name| self.passes.get(name)) else {
            return Ok(Tried::Fits);
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
                    return Err(self.blame(given, None, what, None));
                }
                // Nodes that do not fit together may do so when both change.
                Ok(_) | Err(_) => {}
            }
        }
        let is_named = self.spec.by == By::Name && !given.is_default();
        let n_refused = refusals.len();
        match refusals.pop() {
            Some(refusal) if is_named && n_refused == n_tried => {
                Err(self.blame(given, None, refusal, None))
            }
            Some(refusal) if !is_named => Ok(Tried::Refused(refusal)),
            Some(_) | None => Ok(Tried::Fits),
        }
    }
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
