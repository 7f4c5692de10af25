//! `firebrick transform --groups`: which layers can only change together.

use firebrick_core::Json;
use firebrick_core::channels::{Channels, Fixed};
use firebrick_core::graph::Graph;
use firebrick_core::pass::Table;
use serde_json::json;

use crate::args::Format;
use crate::output::table;

/// Prints the groups of a network, one a row.
pub(super) fn print(graph: &Graph, format: Format) {
    let channels = Channels::of(graph);
    match format {
        Format::Text => print!("{}", table::render(&rows(graph, &channels))),
        Format::Json => println!("{:#}", list(graph, &channels)),
    }
}

fn rows(graph: &Graph, channels: &Channels) -> Table {
    let columns = [
        "group",
        "width",
        "multiple_of",
        "layers",
        "followers",
        "fixed",
    ]
    .map(str::to_owned)
    .to_vec();
    let rows = channels.groups().iter().enumerate().map(|(idx, group)| {
        let width = channels.group_width(idx);
        vec![
            idx.to_string(),
            width.to_string(),
            (width / group.units).to_string(),
            names(graph, &group.makers).join(" "),
            names(graph, &group.followers).join(" "),
            group
                .fixed
                .map_or_else(String::new, |fixed| reason(graph, fixed)),
        ]
    });
    Table {
        columns,
        rows: rows.collect(),
    }
}

fn list(graph: &Graph, channels: &Channels) -> Json {
    let groups = channels.groups().iter().enumerate().map(|(idx, group)| {
        let width = channels.group_width(idx);
        json!({
            "group": idx,
            "width": width,
            "multiple_of": width / group.units,
            "layers": names(graph, &group.makers),
            "followers": names(graph, &group.followers),
            "fixed": group.fixed.map(|fixed| reason(graph, fixed)),
        })
    });
    groups.collect()
}

/// Returns why a width can't change, in a few words.
fn reason(graph: &Graph, fixed: Fixed) -> String {
    match fixed {
        Fixed::Input => "input".to_owned(),
        Fixed::Output => "output".to_owned(),
        Fixed::Misaligned(node) => format!("misaligned at {}", graph.nodes()[node].name),
    }
}

fn names(graph: &Graph, nodes: &[usize]) -> Vec<String> {
    let names = nodes.iter().map(|idx| graph.nodes()[*idx].name.clone());
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_who_changes_together_and_what_can_not_change() {
        let graph: Graph = "x = input[3, 8, 8]
            a = conv2d(x, out=8, kernel=3, padding=1)
            b = conv2d(a, out=8, kernel=3, padding=1)
            n = batch_norm(b)
            s = add(n, a)
            d = conv2d(s, out=8, kernel=3, padding=1, groups=8)
            e = conv2d(d, out=6, kernel=1)
            g = conv2d(e, out=4, kernel=3, groups=2)
            p = global_avg_pool(g)
            l = linear(p, out=5)
            y = output(l)"
            .parse()
            .unwrap();
        let channels = Channels::of(&graph);
        insta::assert_snapshot!(table::render(&rows(&graph, &channels)), @r"
        | group | width | multiple_of | layers | followers | fixed  |
        |-------+-------+-------------+--------+-----------+--------|
        |     0 |     3 |           1 |        |           | input  |
        |     1 |     8 |           1 | a b    | n d       |        |
        |     2 |     6 |           2 | e      |           |        |
        |     3 |     4 |           2 | g      |           |        |
        |     4 |     5 |           1 | l      |           | output |
        ");
        insta::assert_snapshot!(list(&graph, &channels)[1], @r#"{"group":1,"width":8,"multiple_of":1,"layers":["a","b"],"followers":["n","d"],"fixed":null}"#);
    }
}
