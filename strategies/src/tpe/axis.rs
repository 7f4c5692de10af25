//! A space as the estimator sees it: parameters as axes, values as coordinates.

use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::value::{Params, Value};

/// A point: a coordinate for each axis, `None` where the parameter does not exist.
///
/// The coordinate on a continuous axis is the value, or its logarithm; on any other axis it is
/// the index of the value.
pub(super) type Point = Vec<Option<f64>>;

/// The axes of a space, in the order of its parameters.
pub(super) struct Axes(Vec<Axis>);

/// One parameter.
pub(super) struct Axis {
    name: String,
    domain: Domain,
    pub(super) scale: Scale,
    condition: Option<Condition>,
}

/// How the values of a parameter lie to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// There is one value.
    Constant,
    /// Values without an order.
    Choices { n: usize },
    /// Real values between two coordinates.
    Continuous { low: f64, high: f64 },
    /// Values `low + step * idx`, of which the logarithm may be what matters.
    Grid {
        low: f64,
        step: f64,
        n: u64,
        log: bool,
    },
}

/// When an axis exists.
#[derive(PartialEq)]
struct Condition {
    parent: usize,
    /// Indices of the parent's values.
    values: Vec<u64>,
}

impl Axes {
    pub(super) fn new(space: &Space) -> Self {
        let parameters = space.parameters();
        let axis = |parameter: &Parameter| Axis {
            name: parameter.name.clone(),
            domain: parameter.domain.clone(),
            scale: Scale::of(&parameter.domain),
            condition: Condition::of(parameter, parameters),
        };
        Self(parameters.iter().map(axis).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the axes that exist under the same condition, group by group; each group comes after
    /// that of the axis it depends on.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (idx, axis) in self.0.iter().enumerate() {
            let group = groups.iter_mut();
            let mut same = group.filter(|group| self.0[group[0]].condition == axis.condition);
            match same.next() {
                Some(group) => group.push(idx),
                None => groups.push(vec![idx]),
            }
        }
        groups
    }

    pub(super) fn scale(&self, axis: usize) -> Scale {
        self.0[axis].scale
    }

    /// Returns whether an axis exists, given the coordinates of those before it.
    pub(super) fn is_active(&self, axis: usize, point: &[Option<f64>]) -> bool {
        self.0[axis].condition.as_ref().is_none_or(|condition| {
            point[condition.parent].is_some_and(|idx| condition.values.contains(&(idx as u64)))
        })
    }

    /// Returns the coordinates of canonical params.
    pub(super) fn point(&self, params: &Params) -> Point {
        let coordinate = |axis: &Axis| axis.coordinate(params.get(&axis.name)?);
        self.0.iter().map(coordinate).collect()
    }

    /// Returns the canonical params of a point.
    pub(super) fn params(&self, point: &[Option<f64>]) -> Params {
        let axes = self.0.iter().zip(point);
        axes.filter_map(|(axis, coordinate)| Some((axis.name.as_str(), axis.value((*coordinate)?))))
            .collect()
    }
}

impl Axis {
    fn coordinate(&self, value: &Value) -> Option<f64> {
        match (&self.scale, &self.domain) {
            (Scale::Continuous { .. }, Domain::Float { log, .. }) => {
                let value = value.as_f64()?;
                Some(if *log { value.ln() } else { value })
            }
            _ => self.domain.index(value).map(|idx| idx as f64),
        }
    }

    fn value(&self, coordinate: f64) -> Value {
        match (&self.scale, &self.domain) {
            (Scale::Continuous { .. }, Domain::Float { low, high, log, .. }) => {
                let value = if *log { coordinate.exp() } else { coordinate };
                // `exp(ln(x))` may be off by a rounding.
                Value::Float(value.clamp(*low, *high))
            }
            // Indices above 2^53 are rounded, maybe beyond the last one.
            (_, domain) => {
                let last = domain.size().map_or(0, |size| size - 1);
                domain.value((coordinate as u64).min(last))
            }
        }
    }
}

impl Condition {
    fn of(parameter: &Parameter, parameters: &[Parameter]) -> Option<Self> {
        let condition = parameter.condition.as_ref()?;
        let parent = parameters
            .iter()
            .position(|earlier| earlier.name == condition.parameter)?;
        let domain = &parameters[parent].domain;
        let mut values: Vec<u64> = condition
            .values
            .iter()
            .filter_map(|value| domain.index(value))
            .collect();
        // The same condition, however it is spelled, makes one group.
        values.sort_unstable();
        values.dedup();
        Some(Self { parent, values })
    }
}

impl Scale {
    /// Returns how the values of a domain lie.
    ///
    /// Where only distances matter they are counted in steps: ordered choices are as far apart as
    /// their ranks, and whole numbers of any size keep their digits.
    fn of(domain: &Domain) -> Self {
        match (domain, domain.size()) {
            (_, Some(1)) => Self::Constant,
            (Domain::Categorical { choices }, _) => Self::Choices { n: choices.len() },
            (
                Domain::Int {
                    low,
                    step,
                    log: true,
                    ..
                },
                Some(n),
            ) => Self::Grid {
                low: *low as f64,
                step: *step as f64,
                n,
                log: true,
            },
            (
                Domain::Float {
                    low,
                    step: Some(step),
                    log: true,
                    ..
                },
                Some(n),
            ) => Self::Grid {
                low: *low,
                step: *step,
                n,
                log: true,
            },
            (Domain::Float { low, high, log, .. }, None) => {
                let scaled = |x: f64| if *log { x.ln() } else { x };
                Self::Continuous {
                    low: scaled(*low),
                    high: scaled(*high),
                }
            }
            (_, Some(n)) => Self::Grid {
                low: 0.0,
                step: 1.0,
                n,
                log: false,
            },
            (_, None) => unreachable!("only floats are continuous"),
        }
    }

    /// Returns the limits between which kernels lie: half a step beyond the ends of a grid.
    pub(super) fn limits(self) -> (f64, f64) {
        match self {
            Self::Constant => (0.0, 0.0),
            Self::Choices { n } => (0.0, n as f64),
            Self::Continuous { low, high } => (low, high),
            Self::Grid { n, .. } => (self.cell(0.0).0, self.cell((n - 1) as f64).1),
        }
    }

    /// Returns where the kernel of an observed coordinate has its middle.
    pub(super) fn position(self, coordinate: f64) -> f64 {
        match self {
            Self::Grid {
                low,
                step,
                log: true,
                ..
            } => (low + step * coordinate).ln(),
            Self::Grid { low, step, .. } => low + step * coordinate,
            _ => coordinate,
        }
    }

    /// Returns the limits of what is rounded to a coordinate of a grid.
    pub(super) fn cell(self, coordinate: f64) -> (f64, f64) {
        match self {
            Self::Grid { low, step, log, .. } => {
                let middle = low + step * coordinate;
                // A logarithmic float may have less than half a step below it; the kernel then
                // starts at the lowest positive place that is as far below as above in ratio.
                let under = middle - 0.5 * step;
                let under = if log && under <= 0.0 {
                    middle * middle / (middle + 0.5 * step)
                } else {
                    under
                };
                let over = middle + 0.5 * step;
                if log {
                    (under.ln(), over.ln())
                } else {
                    (under, over)
                }
            }
            _ => (coordinate, coordinate),
        }
    }

    /// Returns the coordinate of the grid value whose cell a position is in.
    pub(super) fn nearest(self, position: f64) -> f64 {
        match self {
            Self::Grid { low, step, n, log } => {
                let value = if log { position.exp() } else { position };
                ((value - low) / step).round().clamp(0.0, (n - 1) as f64)
            }
            _ => position,
        }
    }
}
