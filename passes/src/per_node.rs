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

/// Returns a number with three digits behind the point at most, without those that say nothing.
pub(crate) fn shown(number: f64) -> String {
    let rounded = (number * 1e3).round() / 1e3;
    rounded.to_string()
}

/// Refuses a number that is not above 0.
pub(crate) fn above_zero(name: &str, value: f64) -> Result<(), String> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(format!("`{name}` is {value}, expected a number above 0")),
    }
}
