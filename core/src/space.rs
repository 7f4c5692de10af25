//! What may change: ordered parameters, some of them conditional.

mod domain;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::random::Stream;
use crate::value::{Params, Value};

pub use domain::Domain;

/// Ordered parameters `node/pass/field`, each with a domain and maybe a condition on an earlier one.
///
/// A parameter has at most one condition, so the parameters form a forest: that makes the size of
/// a space and its n-th point cheap, conditional spaces included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Parameter>", into = "Vec<Parameter>")]
pub struct Space {
    parameters: Vec<Parameter>,
}

/// One dimension of a space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The name, `node/pass/field` for what a pass contributes.
    pub name: String,
    /// The values that it can have.
    pub domain: Domain,
    /// When it exists; absent means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// When a parameter exists: an earlier one exists and has one of some values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The name of the earlier parameter.
    pub parameter: String,
    /// The values for which this one exists.
    pub values: Vec<Value>,
}

/// What is wrong with a space, or with params for it.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum SpaceError {
    /// A parameter is not well-formed.
    #[error("parameter `{parameter}`: {reason}")]
    Parameter {
        /// The name.
        parameter: String,
        /// What is wrong.
        reason: String,
    },
    /// Params name a parameter that the space does not have.
    #[error("there is no parameter `{parameter}` in the space")]
    Unknown {
        /// The name.
        parameter: String,
    },
    /// Params give a parameter a value outside its domain.
    #[error("parameter `{parameter}` can't be `{}`", literal(value))]
    Outside {
        /// The name.
        parameter: String,
        /// The value.
        value: Value,
    },
}

/// Writes a value so that its kind can be told: `1`, `1.0` and `"1"`.
fn literal(value: &Value) -> String {
    match value {
        Value::Float(float) => format!("{float:?}"),
        Value::Text(text) => format!("{text:?}"),
        value => value.to_string(),
    }
}

impl Space {
    /// Builds a space.
    ///
    /// # Errors
    /// [`SpaceError::Parameter`] if a domain is empty or not well-formed, a name comes twice, or a
    /// condition names a parameter that is not earlier or a value that it can't have.
    pub fn new(mut parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        let mut earlier: BTreeMap<String, Domain> = BTreeMap::new();
        for Parameter {
            name,
            domain,
            condition,
        } in &mut parameters
        {
            let error = |reason| SpaceError::Parameter {
                parameter: name.clone(),
                reason,
            };
            domain.check().map_err(error)?;
            if let Some(Condition {
                parameter: on,
                values,
            }) = condition
            {
                let domain = earlier
                    .get(on)
                    .ok_or_else(|| error(format!("depends on `{on}`, which is not earlier")))?;
                if domain.size().is_none() {
                    return Err(error(format!("depends on `{on}`, which is continuous")));
                }
                // Spelled as the domain does, so that values can be compared: `0.3` may be a
                // rounding away from 3 steps of 0.1.
                for value in values {
                    *value = domain.canonical(value).ok_or_else(|| {
                        error(format!(
                            "depends on `{on}` being `{value}`, which it can't be"
                        ))
                    })?;
                }
            }
            if earlier.insert(name.clone(), domain.clone()).is_some() {
                return Err(error("comes twice".to_owned()));
            }
        }
        Ok(Self { parameters })
    }

    /// Returns the parameters in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Returns the parameter of a name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// Returns the number of distinct canonical params; `None` if a parameter is continuous or the
    /// number does not fit 128 bits.
    pub fn size(&self) -> Option<u128> {
        self.roots().try_fold(1_u128, |size, root| {
            size.checked_mul(self.subtree_size(root)?)
        })
    }

    /// Returns the point at an index below [`Space::size`]: a bijection, the last parameter
    /// changing fastest. `None` where there is no such point or the space is not finite.
    pub fn point(&self, index: u128) -> Option<Params> {
        if index >= self.size()? {
            return None;
        }
        let roots: Vec<usize> = self.roots().collect();
        let mut params = Params::new();
        self.place(&roots, index, &mut params)?;
        Some(params)
    }

    /// Returns whether a parameter exists under params.
    pub fn is_active(&self, parameter: &Parameter, params: &Params) -> bool {
        parameter.condition.as_ref().is_none_or(|condition| {
            let on = self
                .parameter(&condition.parameter)
                .expect("a space checks its conditions");
            self.is_active(on, params)
                && params
                    .get(&on.name)
                    .is_some_and(|value| condition.values.contains(value))
        })
    }

    /// Returns params with absent values filled by the first of the domain and values of
    /// parameters that do not exist removed: the key under which an evaluation is kept.
    ///
    /// # Errors
    /// [`SpaceError`] if params name an unknown parameter or a value outside its domain.
    pub fn canonical(&self, params: &Params) -> Result<Params, SpaceError> {
        let unknown = params
            .iter()
            .find(|(name, _)| self.parameter(name).is_none());
        if let Some((name, _)) = unknown {
            return Err(SpaceError::Unknown {
                parameter: name.to_owned(),
            });
        }
        let mut canonical = Params::new();
        for parameter in &self.parameters {
            if !self.is_active(parameter, &canonical) {
                continue;
            }
            let value = match params.get(&parameter.name) {
                Some(value) => parameter.domain.canonical(value).ok_or_else(|| {
                    let parameter = parameter.name.clone();
                    SpaceError::Outside {
                        parameter,
                        value: value.clone(),
                    }
                })?,
                None => parameter.domain.value(0),
            };
            canonical.insert(&parameter.name, value);
        }
        Ok(canonical)
    }

    /// Draws params: every parameter that exists, independently.
    pub fn sample(&self, rng: &mut Stream) -> Params {
        let mut params = Params::new();
        for parameter in &self.parameters {
            if self.is_active(parameter, &params) {
                params.insert(&parameter.name, parameter.domain.sample(rng));
            }
        }
        params
    }

    fn roots(&self) -> impl Iterator<Item = usize> {
        (0..self.parameters.len()).filter(|idx| self.parameters[*idx].condition.is_none())
    }

    /// Returns the parameters that exist when parameter `idx` has a value.
    fn children<'a>(&'a self, idx: usize, value: &'a Value) -> impl Iterator<Item = usize> + 'a {
        let name = &self.parameters[idx].name;
        (idx + 1..self.parameters.len()).filter(move |child| {
            let condition = self.parameters[*child].condition.as_ref();
            condition.is_some_and(|on| on.parameter == *name && on.values.contains(value))
        })
    }

    /// Returns the indices of a parameter's values that a condition names; all others have nothing
    /// that depends on them.
    fn named_values(&self, idx: usize) -> BTreeSet<u64> {
        let Parameter { name, domain, .. } = &self.parameters[idx];
        let conditions = self.parameters[idx + 1..]
            .iter()
            .filter_map(|child| child.condition.as_ref())
            .filter(|condition| condition.parameter == *name);
        conditions
            .flat_map(|condition| &condition.values)
            .filter_map(|value| domain.index(value))
            .collect()
    }

    /// Returns the number of ways to set a parameter and everything that depends on it.
    fn subtree_size(&self, idx: usize) -> Option<u128> {
        let domain = &self.parameters[idx].domain;
        let named = self.named_values(idx);
        let plain = u128::from(domain.size()?) - named.len() as u128;
        named.into_iter().try_fold(plain, |total, value_idx| {
            total.checked_add(self.branch_size(idx, &domain.value(value_idx))?)
        })
    }

    /// Returns the number of ways to set what depends on a parameter once it has a value.
    fn branch_size(&self, idx: usize, value: &Value) -> Option<u128> {
        let mut children = self.children(idx, value);
        children.try_fold(1_u128, |size, child| {
            size.checked_mul(self.subtree_size(child)?)
        })
    }

    /// Sets some independent parameters, and what depends on them, to the index-th way.
    fn place(&self, siblings: &[usize], mut index: u128, params: &mut Params) -> Option<()> {
        for sibling in siblings.iter().rev() {
            let size = self.subtree_size(*sibling)?;
            self.place_one(*sibling, index % size, params)?;
            index /= size;
        }
        Some(())
    }

    fn place_one(&self, idx: usize, mut index: u128, params: &mut Params) -> Option<()> {
        let Parameter { name, domain, .. } = &self.parameters[idx];
        let mut next = 0;
        for value_idx in self.named_values(idx) {
            // Each value between two named ones is one way.
            let n_plain = u128::from(value_idx - next);
            if index < n_plain {
                break;
            }
            index -= n_plain;
            let value = domain.value(value_idx);
            let branch = self.branch_size(idx, &value)?;
            if index < branch {
                let children: Vec<usize> = self.children(idx, &value).collect();
                params.insert(name, value.clone());
                return self.place(&children, index, params);
            }
            index -= branch;
            next = value_idx + 1;
        }
        let value_idx = next.checked_add(u64::try_from(index).ok()?)?;
        params.insert(name, domain.value(value_idx));
        Some(())
    }
}

impl TryFrom<Vec<Parameter>> for Space {
    type Error = SpaceError;

    fn try_from(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        Self::new(parameters)
    }
}

impl From<Space> for Vec<Parameter> {
    fn from(space: Space) -> Self {
        space.parameters
    }
}

#[cfg(test)]
mod tests;
