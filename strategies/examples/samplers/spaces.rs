//! Spaces in which asking is timed.

use firebrick_core::space::{Domain, Parameter, Space};
use firebrick_core::value::Value;

/// A third each of choices of 4, whole numbers from 1 to 32, and logarithmic real numbers.
pub(crate) fn mixed(n_parameters: usize) -> Result<Space, String> {
    let domain = |idx: usize| match idx % 3 {
        0 => Domain::Categorical {
            choices: (0..4).map(Value::Int).collect(),
        },
        1 => Domain::Int {
            low: 1,
            high: 32,
            step: 1,
            log: false,
        },
        _ => Domain::Float {
            low: 1e-5,
            high: 1.0,
            step: None,
            log: true,
        },
    };
    space((0..n_parameters).map(domain).collect())
}

/// A space of domains that do not depend on each other.
pub(crate) fn space(domains: Vec<Domain>) -> Result<Space, String> {
    let parameter = |(idx, domain)| Parameter {
        name: format!("p{idx}"),
        domain,
        condition: None,
    };
    Space::new(domains.into_iter().enumerate().map(parameter).collect())
        .map_err(|error| error.to_string())
}
