//! Which nodes the keys of a table by node stand for.

use firebrick_core::graph::Graph;
use firebrick_core::pass::PassError;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the keys of a table by node are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// Names of nodes.
    Name,
    /// Types of node, such as `linear`.
    Type,
    /// Regular expressions that match a whole name.
    RegexName,
}

impl By {
    /// Returns what the keys are where nothing is said.
    pub(crate) fn unsaid() -> Self {
        Self::Name
    }
}

/// Returns the key of each node that has one, in the order of the graph.
///
/// # Errors
/// [`PassError::UnknownNode`] if a key matches nothing, [`PassError::Args`] if it is no regular
/// expression or if two of them match one node: which of the two counts would be a guess.
pub(crate) fn keys_of_nodes<'a>(
    graph: &Graph,
    by: By,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Option<&'a str>>, PassError> {
    let mut key_of_node = vec![None; graph.nodes().len()];
    for key in keys {
        let matched = nodes_of_key(graph, by, key)?;
        if matched.is_empty() {
            return Err(unknown(graph, by, key));
        }
        for node_idx in matched {
            if let Some(other) = key_of_node[node_idx].replace(key) {
                let node = &graph.nodes()[node_idx].name;
                let reason = format!("both `{other}` and `{key}` match node `{node}`");
                return Err(PassError::Args(reason));
            }
        }
    }
    Ok(key_of_node)
}

fn nodes_of_key(graph: &Graph, by: By, key: &str) -> Result<Vec<usize>, PassError> {
    if by == By::Name {
        return Ok(graph.index(key).into_iter().collect());
    }
    let pattern = match by {
        By::RegexName => Some(whole(key)?),
        _ => None,
    };
    let nodes = graph.nodes().iter().enumerate();
    let matched = nodes.filter(|(_, node)| match &pattern {
        Some(pattern) => pattern.is_match(&node.name),
        None => node.op.name() == key,
    });
    Ok(matched.map(|(node_idx, _)| node_idx).collect())
}

/// Returns the pattern that matches whole names only.
fn whole(pattern: &str) -> Result<Regex, PassError> {
    // The pattern is compiled on its own first: brackets that close those around it are an error.
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
        .map_err(|error| {
            let reason = match error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The last line says what is wrong, those before draw the pattern.
                other => last_line(&other.to_string()),
            };
            PassError::Args(format!("`{pattern}` is no regular expression: {reason}"))
        })
}

fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or_default();
    line.trim_start_matches("error:").trim().to_owned()
}

fn unknown(graph: &Graph, by: By, key: &str) -> PassError {
    let nodes = graph.nodes().iter();
    let known = match by {
        By::Type => {
            let mut types: Vec<String> = nodes.map(|node| node.op.name().to_owned()).collect();
            types.sort();
            types.dedup();
            types
        }
        By::Name | By::RegexName => nodes.map(|node| node.name.clone()).collect(),
    };
    PassError::UnknownNode {
        key: key.to_owned(),
        known,
    }
}
