//! The fields of a group at one node, and the parameters that decide them.

use std::collections::BTreeMap;

use firebrick_core::channels::Lead;
use firebrick_core::graph::Node;
use firebrick_core::space::{Condition, Parameter};
use firebrick_core::value::Value;

use super::super::choices::Choices;
use super::super::seed::{CHANNEL_MULTIPLIER, CONFIG, Field, Group, QUANTIZE};
use super::planned::{PlannedField, exists};
use super::{Given, Planned, Planner};

impl Planner<'_> {
    /// Plans the fields that a group has for a node, with a parameter for each choice; none where
    /// nothing is left to plan.
    ///
    /// A node that shares takes what another one decides from it.
    pub(super) fn plan_group(
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
