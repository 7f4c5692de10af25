//! A table with a row a node.

use firebrick_core::graph::Graph;
use firebrick_core::pass::Table;

/// Returns a table of numbers by node, without the nodes whose cells are all zero, and with the sums
/// in the last row.
pub(crate) fn table<const N: usize>(
    graph: &Graph,
    columns: [&str; N],
    of_node: impl Fn(usize) -> [f64; N],
) -> Table {
    let mut rows = Vec::new();
    let mut sums = [0.0; N];
    for (idx, node) in graph.nodes().iter().enumerate() {
        let numbers = of_node(idx);
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number;
        }
        if numbers.iter().any(|number| *number != 0.0) {
            rows.push(row(&node.name, node.op.name(), &numbers));
        }
    }
    rows.push(row("total", "", &sums));
    let columns = ["node", "type"].into_iter().chain(columns);
    Table {
        columns: columns.map(str::to_owned).collect(),
        rows,
    }
}

fn row(name: &str, op: &str, numbers: &[f64]) -> Vec<String> {
    let mut row = vec![name.to_owned(), op.to_owned()];
    row.extend(numbers.iter().map(|number| shown(*number)));
    row
}

/// Returns a number with three digits behind the point, or four that count below 1, without those
/// that say nothing.
pub(crate) fn shown(number: f64) -> String {
    let digits = match number.abs() {
        size if size > 0.0 && size < 1.0 => 3 - size.log10().floor() as i32,
        _ => 3,
    };
    let digits = 10_f64.powi(digits.min(300));
    ((number * digits).round() / digits).to_string()
}

/// Refuses a number that is not above 0.
pub(crate) fn above_zero(name: &str, value: f64) -> Result<(), String> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(format!("`{name}` is {value}, expected a number above 0")),
    }
}
