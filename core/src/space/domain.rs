//! The values that one parameter can have.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::random::Stream;
use crate::value::Value;

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
            Self::Float {
                low, high, step, ..
            } => {
                // The last step may be a rounding too far: 3 times 0.1 is more than 0.3.
                Value::Float((low + idx as f64 * step.unwrap_or(0.0)).min(*high))
            }
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

    /// Says what is not well-formed.
    pub(super) fn check(&self) -> Result<(), String> {
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
                    return Err(format!(
                        "needs finite low <= high, has {low:?} and {high:?}"
                    ));
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

    /// Returns a value as the domain spells it (`2` for `2.0` where the choice is `2`), if it
    /// belongs to it.
    pub fn canonical(&self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Categorical { choices } | Self::Ordinal { choices }, _) => {
                let is_as_large = |choice: &&Value| {
                    let number = choice.as_f64();
                    number.is_some() && number == value.as_f64()
                };
                let same = choices.iter().find(|choice| *choice == value);
                same.or_else(|| choices.iter().find(is_as_large)).cloned()
            }
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
