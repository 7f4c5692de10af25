//! The values of a parameter on a line from 0 to 1.

use firebrick_core::space::Domain;
use firebrick_core::value::Value;

/// How the values of a parameter lie on a line from 0 to 1.
///
/// Each of a finite number of values has a cell; the cells fill the line in order. All are equally
/// wide, or, where ratios matter, as wide as their share of the logarithm.
pub(crate) struct Line {
    domain: Domain,
    /// The number of values; `None` for a continuous parameter.
    n: Option<u64>,
    scale: Scale,
}

enum Scale {
    /// Indices of values, or the values of a continuous parameter, with equal distances.
    Even,
    /// The logarithm from `low` to `high`; a finite number of values is `first + step * idx`.
    Log {
        low: f64,
        high: f64,
        first: f64,
        step: f64,
    },
}

impl Line {
    pub(crate) fn new(domain: &Domain) -> Self {
        let n = domain.size();
        let grid = |first: f64, step: f64, n: u64| Scale::Log {
            low: below(first, step).ln(),
            high: (first + (n as f64 - 0.5) * step).ln(),
            first,
            step,
        };
        let scale = match (domain, n) {
            (
                Domain::Int {
                    low,
                    step,
                    log: true,
                    ..
                },
                Some(n),
            ) => grid(*low as f64, *step as f64, n),
            (
                Domain::Float {
                    low,
                    step: Some(step),
                    log: true,
                    ..
                },
                Some(n),
            ) => grid(*low, *step, n),
            (
                Domain::Float {
                    low,
                    high,
                    log: true,
                    ..
                },
                None,
            ) => Scale::Log {
                low: low.ln(),
                high: high.ln(),
                first: *low,
                step: 0.0,
            },
            _ => Scale::Even,
        };
        Self {
            domain: domain.clone(),
            n,
            scale,
        }
    }

    /// Returns the number of values; `None` for a continuous parameter.
    pub(crate) fn n_values(&self) -> Option<u64> {
        self.n
    }

    /// Returns the value at a place; places off the line are at its ends.
    pub(crate) fn value(&self, place: f64) -> Value {
        let place = place.clamp(0.0, 1.0);
        match (&self.domain, &self.scale, self.n) {
            (domain, _, Some(_)) => domain.value(self.index(place)),
            (Domain::Float { low, high, .. }, Scale::Even, None) => {
                Value::Float((low + place * (high - low)).clamp(*low, *high))
            }
            (Domain::Float { low, high, .. }, Scale::Log { .. }, None) => {
                Value::Float(self.exp(place).clamp(*low, *high))
            }
            _ => unreachable!("only floats are continuous"),
        }
    }

    /// Returns the place of a value: in the middle of its cell, if there are cells.
    ///
    /// A value that is not of the domain has the place 0.
    pub(crate) fn place(&self, value: &Value) -> f64 {
        let Some(_) = self.n else {
            let value = value.as_f64().unwrap_or_default();
            return match (&self.domain, &self.scale) {
                (_, Scale::Log { low, high, .. }) => (value.ln() - low) / (high - low),
                (Domain::Float { low, high, .. }, Scale::Even) => (value - low) / (high - low),
                _ => unreachable!("only floats are continuous"),
            };
        };
        let (low, high) = self.cell(self.domain.index(value).unwrap_or_default());
        0.5 * (low + high)
    }

    /// Returns the index of the value whose cell a place is in; 0 if there are no cells.
    pub(crate) fn index(&self, place: f64) -> u64 {
        let last = self.n.map_or(0, |n| n - 1);
        let place = place.clamp(0.0, 1.0);
        let idx = match &self.scale {
            Scale::Even => (place * (last as f64 + 1.0)).floor(),
            Scale::Log { first, step, .. } => ((self.exp(place) - first) / step).round(),
        };
        // As a whole number below 0 it is 0.
        (idx as u64).min(last)
    }

    /// Returns the ends of the cell of a value.
    pub(crate) fn cell(&self, idx: u64) -> (f64, f64) {
        (self.edge(idx), self.edge(idx + 1))
    }

    /// Returns the lower end of the cell of a value.
    fn edge(&self, idx: u64) -> f64 {
        let n = self.n.unwrap_or(1) as f64;
        match &self.scale {
            Scale::Even => idx as f64 / n,
            Scale::Log { first, step, .. } if idx == 0 => self.ln(below(*first, *step)),
            Scale::Log { first, step, .. } => self.ln(first + (idx as f64 - 0.5) * step),
        }
    }

    fn exp(&self, place: f64) -> f64 {
        match &self.scale {
            Scale::Even => place,
            Scale::Log { low, high, .. } => (low + place * (high - low)).exp(),
        }
    }

    fn ln(&self, value: f64) -> f64 {
        match &self.scale {
            Scale::Even => value,
            Scale::Log { low, high, .. } => (value.ln() - low) / (high - low),
        }
    }
}

/// Returns where the cell of the least value begins: half a step below it, and above 0.
fn below(first: f64, step: f64) -> f64 {
    (first - 0.5 * step).max(0.5 * first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains() -> Vec<Domain> {
        let choices: Vec<Value> = [1, 2, 8].map(Value::Int).to_vec();
        let mut domains = vec![
            Domain::Ordinal {
                choices: choices.clone(),
            },
            Domain::Categorical { choices },
        ];
        for log in [false, true] {
            let (low, high) = (1, 1000);
            domains.extend([1, 7].map(|step| Domain::Int {
                low,
                high,
                step,
                log,
            }));
            domains.extend([None, Some(0.25), Some(2.0)].map(|step| Domain::Float {
                low: 0.5,
                high: 8.5,
                step,
                log,
            }));
        }
        domains
    }

    #[test]
    fn the_place_of_a_value_is_where_it_is_found() {
        for domain in domains() {
            let line = Line::new(&domain);
            for idx in 0..line.n_values().unwrap_or(0) {
                let value = domain.value(idx);
                assert_eq!(line.value(line.place(&value)), value, "{domain:?}");
                let (low, high) = line.cell(idx);
                assert!(
                    0.0 <= low && low < high && high <= 1.0 + 1e-12,
                    "{domain:?}"
                );
            }
            if line.n_values().is_none() {
                let value = line.value(0.3);
                assert!((line.place(&value) - 0.3).abs() < 1e-12, "{domain:?}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_line_are_the_first_and_last_value() {
        for domain in domains() {
            let line = Line::new(&domain);
            let [first, last] = [-1.0, 2.0].map(|place| line.value(place));
            assert!(domain.contains(&first) && domain.contains(&last));
            if let Some(n) = line.n_values() {
                assert_eq!((first, last), (domain.value(0), domain.value(n - 1)));
            }
        }
    }

    #[test]
    fn ratios_count_where_the_domain_says_so() {
        let domain = Domain::Int {
            low: 1,
            high: 1024,
            step: 1,
            log: true,
        };
        let middle = Line::new(&domain).value(0.5);
        // The square root of 0.5 * 1024.5.
        assert_eq!(middle, Value::Int(23));
    }
}
