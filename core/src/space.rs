//! What may change: ordered parameters, some of them conditional.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::random::Stream;
use crate::value::{Params, Value};

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

/// The values that a parameter can have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Domain {
    /// Choices without an order.
    Categorical {
        /// Distinct values.
        choices: Vec<Value>,
    },
    /// Choices in an order that means something, such as multipliers and bit widths.
    Ordinal {
        /// Distinct values, in order.
        choices: Vec<Value>,
    },
    /// Whole numbers `low`, `low + step`, ... up to `high`.
    Int {
        /// The least value.
        low: i64,
        /// No value is above it.
        high: i64,
        /// The distance of two values.
        step: u64,
        /// Whether ratios matter rather than differences.
        #[serde(default)]
        log: bool,
    },
    /// Real numbers from `low` to `high`, on a grid if there is a step.
    Float {
        /// The least value.
        low: f64,
        /// No value is above it.
        high: f64,
        /// The distance of two values; absent means any value.
        #[serde(default)]
        step: Option<f64>,
        /// Whether ratios matter rather than differences.
        #[serde(default)]
        log: bool,
    },
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
    #[error("parameter `{parameter}` can't be `{value}`")]
    Outside {
        /// The name.
        parameter: String,
        /// The value.
        value: Value,
    },
}

impl Domain {
    /// Returns the number of values; `None` for a float without step.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Categorical { choices } | Self::Ordinal { choices } => Some(choices.len() as u64),
            Self::Int {
                low, high, step, ..
            } => Some((high.abs_diff(*low) / step) + 1),
            Self::Float {
                low,
                high,
                step: Some(step),
                ..
            } => {
                // Half a millionth of a step forgives the rounding of `0.1 * 3`.
                Some(((high - low) / step + 5e-7).floor() as u64 + 1)
            }
            Self::Float {
                low,
                high,
                step: None,
                ..
            } => (low == high).then_some(1),
        }
    }

    /// Returns the value at an index below [`Domain::size`].
    pub fn value(&self, idx: u64) -> Value {
        match self {
            Self::Categorical { choices } | Self::Ordinal { choices } => {
                choices[idx as usize].clone()
            }
            Self::Int { low, step, .. } => {
                // Wrapping arithmetic is exact here: the result is between low and high.
                Value::Int(low.wrapping_add(idx.wrapping_mul(*step) as i64))
            }
            Self::Float { low, step, .. } => Value::Float(low + idx as f64 * step.unwrap_or(0.0)),
        }
    }

    /// Returns the index of a value; `None` if it is outside or the domain is continuous.
    pub fn index(&self, value: &Value) -> Option<u64> {
        match self {
            Self::Categorical { choices } | Self::Ordinal { choices } => choices
                .iter()
                .position(|choice| choice == value)
                .map(|idx| idx as u64),
            Self::Int {
                low, high, step, ..
            } => match value {
                Value::Int(int) if low <= int && int <= high => {
                    let above = int.abs_diff(*low);
                    above.is_multiple_of(*step).then(|| above / step)
                }
                _ => None,
            },
            Self::Float { low, step, .. } => {
                let size = self.size()?;
                let step = step.unwrap_or(1.0);
                let idx = (value.as_f64()? - low) / step;
                let near = idx.round();
                // On a fine grid the rounding of the value itself is more than a millionth of a
                // step; `check` keeps it under half a step.
                let rounding = (near.abs() + (low / step).abs()) * 2.0 * f64::EPSILON;
                let is_near = (idx - near).abs() <= rounding.max(1e-6);
                let on_grid = is_near && near >= 0.0 && (near as u64) < size;
                on_grid.then_some(near as u64)
            }
        }
    }

    /// Returns whether a value belongs to the domain.
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Float {
                low,
                high,
                step: None,
                ..
            } => value
                .as_f64()
                .is_some_and(|value| *low <= value && value <= *high),
            _ => self.index(value).is_some(),
        }
    }

    /// Draws a value, each equally likely (in the logarithm, for continuous log domains).
    pub fn sample(&self, rng: &mut Stream) -> Value {
        match (self, self.size()) {
            (_, Some(size)) => self.value(rng.random_range(0..size)),
            (
                Self::Float {
                    low,
                    high,
                    log: true,
                    ..
                },
                None,
            ) => {
                let drawn = rng.random_range(low.ln()..=high.ln()).exp();
                Value::Float(drawn.clamp(*low, *high))
            }
            (Self::Float { low, high, .. }, None) => Value::Float(rng.random_range(*low..=*high)),
            _ => unreachable!("only floats are continuous"),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Categorical { choices } | Self::Ordinal { choices } => {
                if choices.is_empty() {
                    return Err("has no choices".to_owned());
                }
                let mut sorted: Vec<&Value> = choices.iter().collect();
                sorted.sort();
                match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                    Some(pair) => Err(format!("has the choice `{}` twice", pair[0])),
                    None => Ok(()),
                }
            }
            Self::Int {
                low,
                high,
                step,
                log,
            } => {
                if low > high || *step == 0 {
                    return Err(format!(
                        "needs low <= high and step >= 1, has {low}, {high}, {step}"
                    ));
                }
                // The whole range of i64 would have one value more than u64 can count.
                if high.abs_diff(*low) == u64::MAX {
                    return Err("has too wide a range".to_owned());
                }
                if *log && *low < 1 {
                    return Err(format!("is logarithmic and needs low >= 1, has {low}"));
                }
                Ok(())
            }
            Self::Float {
                low,
                high,
                step,
                log,
            } => {
                // An infinite distance of two finite limits can't be drawn from evenly.
                if !(low <= high && (high - low).is_finite()) {
                    return Err(format!("needs finite low <= high, has {low} and {high}"));
                }
                let largest = (high - low) + low.abs();
                if step.is_some_and(|step| !(step > 0.0 && largest / step < 1e15)) {
                    return Err("needs a step above 0 and not tiny against its range".to_owned());
                }
                if *log && *low <= 0.0 {
                    return Err(format!("is logarithmic and needs low > 0, has {low}"));
                }
                Ok(())
            }
        }
    }
}

impl Space {
    /// Builds a space.
    ///
    /// # Errors
    /// [`SpaceError::Parameter`] if a domain is empty or not well-formed, a name comes twice, or a
    /// condition names a parameter that is not earlier or a value that it can't have.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        let mut earlier: BTreeMap<&str, &Domain> = BTreeMap::new();
        for parameter in &parameters {
            let error = |reason| SpaceError::Parameter {
                parameter: parameter.name.clone(),
                reason,
            };
            parameter.domain.check().map_err(error)?;
            if let Some(condition) = &parameter.condition {
                let domain = earlier.get(condition.parameter.as_str()).ok_or_else(|| {
                    error(format!(
                        "depends on `{}`, which is not earlier",
                        condition.parameter
                    ))
                })?;
                if domain.size().is_none() {
                    let reason =
                        format!("depends on `{}`, which is continuous", condition.parameter);
                    return Err(error(reason));
                }
                if let Some(value) = condition
                    .values
                    .iter()
                    .find(|value| !domain.contains(value))
                {
                    let on = &condition.parameter;
                    return Err(error(format!(
                        "depends on `{on}` being `{value}`, which it can't be"
                    )));
                }
            }
            if earlier.insert(&parameter.name, &parameter.domain).is_some() {
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

    fn has_children(&self, idx: usize) -> bool {
        let name = &self.parameters[idx].name;
        let conditions = self.parameters[idx + 1..]
            .iter()
            .filter_map(|child| child.condition.as_ref());
        conditions
            .into_iter()
            .any(|condition| condition.parameter == *name)
    }

    /// Returns the number of ways to set a parameter and everything that depends on it.
    fn subtree_size(&self, idx: usize) -> Option<u128> {
        let domain = &self.parameters[idx].domain;
        let size = domain.size()?;
        if !self.has_children(idx) {
            return Some(u128::from(size));
        }
        let mut total = 0_u128;
        for value_idx in 0..size {
            total = total.checked_add(self.branch_size(idx, &domain.value(value_idx))?)?;
        }
        Some(total)
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
        if !self.has_children(idx) {
            params.insert(name, domain.value(u64::try_from(index).ok()?));
            return Some(());
        }
        for value_idx in 0..domain.size()? {
            let value = domain.value(value_idx);
            let branch = self.branch_size(idx, &value)?;
            if index < branch {
                let children: Vec<usize> = self.children(idx, &value).collect();
                params.insert(name, value.clone());
                return self.place(&children, index, params);
            }
            index -= branch;
        }
        None
    }
}

impl Domain {
    /// Returns a value as the domain spells it (`2` for `2.0` in an int), if it belongs to it.
    fn canonical(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Float { step: None, .. }, _) => self
                .contains(value)
                .then(|| value.as_f64().map(Value::Float))?,
            (Self::Int { .. }, Value::Float(float)) if float.fract() == 0.0 => self
                .index(&Value::Int(*float as i64))
                .map(|idx| self.value(idx)),
            _ => self.index(value).map(|idx| self.value(idx)),
        }
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
