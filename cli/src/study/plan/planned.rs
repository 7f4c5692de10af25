//! What a node gets from the params of a point.

use std::collections::BTreeMap;

use firebrick_core::value::{Params, Value};

use super::super::choices::{Choices, Record};
use super::super::seed::takes;

/// A group of a seed at one node.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::study) struct Planned {
    /// The key of the table, see [`super::super::seed::Group::table`].
    pub(in crate::study) table: String,
    /// The pass, if any.
    pub(in crate::study) pass: Option<String>,
    /// The fields that the node has, `name` first.
    pub(in crate::study) fields: Vec<PlannedField>,
    /// For which values of `name` a field exists; one that is not listed does for all.
    pub(super) needs: BTreeMap<String, Vec<String>>,
}

/// A field of a node.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::study) struct PlannedField {
    pub(in crate::study) name: String,
    /// What it can be.
    pub(in crate::study) choices: Choices,
    /// The parameter that decides; absent where there is one choice.
    pub(in crate::study) parameter: Option<String>,
}

impl Planned {
    /// Returns whether the group is about a pass.
    pub(in crate::study) fn is_of(&self, pass: &str) -> bool {
        self.pass.as_deref() == Some(pass)
    }

    /// Returns the parameter that says `name`, and for which of its values a field exists; `None`
    /// where there is no such parameter.
    pub(in crate::study) fn names_for(&self, field: &str) -> Option<(&str, Vec<Value>)> {
        let named = self.fields.first().filter(|first| first.name == "name")?;
        let parameter = named.parameter.as_deref()?;
        let names = named.choices.listed().iter();
        let names = names.filter(|name| exists(field, name, &self.needs));
        Some((parameter, names.cloned().collect()))
    }

    /// Returns the fields that exist under params, with their values, those of a record each by
    /// itself.
    pub(in crate::study) fn fields(&self, params: &Params) -> Vec<(String, Value)> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        for field in &self.fields {
            let given = field.given(params);
            let named = fields.first().filter(|(name, _)| name == "name");
            let name = named.map(|(_, name)| name.clone());
            fields.extend(given.into_iter().filter(|(field, _)| {
                name.as_ref()
                    .is_none_or(|name| exists(field, name, &self.needs))
            }));
        }
        fields
    }
}

impl PlannedField {
    /// Returns what a point says, by field; nothing if it does not say.
    fn given(&self, params: &Params) -> Vec<(String, Value)> {
        let chosen = self.parameter.as_ref().map(|name| params.get(name));
        match (&self.choices, chosen) {
            (_, Some(None)) => Vec::new(),
            (Choices::Records(records), chosen) => {
                let is_chosen = |record: &&Record| match chosen.flatten() {
                    Some(value) => value.as_str() == Some(record.to_string().as_str()),
                    None => true,
                };
                let record = records.iter().find(is_chosen);
                let values = record.iter().flat_map(|record| &record.0);
                values
                    .map(|(rest, value)| (format!("{}_{rest}", self.name), value.clone()))
                    .collect()
            }
            (_, Some(Some(value))) => vec![(self.name.clone(), value.clone())],
            (Choices::List(values), None) => {
                let value = values.first().cloned().unwrap_or(Value::Null);
                vec![(self.name.clone(), value)]
            }
            // A range has a parameter.
            (Choices::Range(_), None) => Vec::new(),
        }
    }
}

/// Returns whether a field exists beside a name.
pub(super) fn exists(field: &str, name: &Value, needs: &BTreeMap<String, Vec<String>>) -> bool {
    let is_listed = |names: &Vec<String>| names.iter().any(|needed| name.as_str() == Some(needed));
    takes(name, field) && (field == "name" || needs.get(field).is_none_or(is_listed))
}
