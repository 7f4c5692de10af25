//! `firebrick transform --verify`: how many values quantised operands really have.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use firebrick_core::Json;
use firebrick_core::formats::{self, Shared, operands};
use firebrick_core::graph::Graph;
use firebrick_core::pass::Table;
use firebrick_core::weights::Weights;
use serde_json::json;

/// A learned operand as it is stored.
struct Stored {
    node: String,
    operand: &'static str,
    /// The format in its text form.
    format: String,
    /// How many values the bits of a number tell apart; absent where blocks of them have ranges of
    /// their own.
    possible: Option<u64>,
    numbers: usize,
    /// Values that differ; both zeroes are one.
    distinct: usize,
    /// The largest absolute difference to the float32 that it was made of.
    largest_error: f64,
}

/// What a network's weights are stored as, and which nodes passes changed.
pub(super) struct Verified {
    stored: Vec<Stored>,
    /// By type of node: nodes in all, and those that differ from the base.
    changed: BTreeMap<&'static str, [usize; 2]>,
}

impl Verified {
    /// Stores the weights of a network in its formats and counts.
    ///
    /// # Errors
    /// If a format is still open.
    pub(super) fn of(base: &Graph, graph: &Graph, weights: &Weights) -> Result<Self> {
        let mut all = Vec::new();
        let mut changed: BTreeMap<&'static str, [usize; 2]> = BTreeMap::new();
        for node in graph.nodes() {
            let counts = changed.entry(node.op.name()).or_default();
            counts[0] += 1;
            counts[1] += usize::from(base.node(&node.name) != Some(node));
            for operand in operands(node) {
                let Some(format) = node.annotations.formats.get(operand) else {
                    continue;
                };
                let here = |error| anyhow!("node `{}`, `{operand}`: {error}", node.name);
                let Some(float) = formats::learned(node, operand, weights) else {
                    continue;
                };
                let quantizer = formats::quantizer(node, operand, weights).map_err(here)?;
                let shared = quantizer.map(|quantizer| quantizer.shared());
                let has_blocks = matches!(shared, Some(Shared::Block { .. }));
                let tensor = formats::stored(node, operand, weights).map_err(here)?;
                let data = tensor.map(|tensor| tensor.data).unwrap_or_default();
                let off = data.iter().zip(&float.data);
                let off = off.map(|(stored, float)| f64::from((stored - float).abs()));
                all.push(Stored {
                    node: node.name.clone(),
                    operand,
                    format: format.to_string(),
                    possible: (!has_blocks).then(|| 1 << format.width),
                    numbers: data.len(),
                    // Adding 0 makes one of both zeroes.
                    distinct: data
                        .iter()
                        .map(|value| (value + 0.0).to_bits())
                        .collect::<BTreeSet<u32>>()
                        .len(),
                    largest_error: off.fold(0.0, f64::max),
                });
            }
        }
        Ok(Self {
            stored: all,
            changed,
        })
    }

    /// Returns one row an operand.
    pub(super) fn values(&self) -> Table {
        let columns = [
            "node",
            "operand",
            "format",
            "numbers",
            "distinct values",
            "2^width",
            "largest error",
        ];
        let rows = self.stored.iter().map(|one| {
            vec![
                one.node.clone(),
                one.operand.to_owned(),
                one.format.clone(),
                one.numbers.to_string(),
                one.distinct.to_string(),
                one.possible
                    .map_or_else(|| "-".to_owned(), |possible| possible.to_string()),
                format!("{:.2e}", one.largest_error),
            ]
        });
        Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }

    /// Returns one row a type of node, as MASE's summary of quantisation has.
    pub(super) fn histogram(&self) -> Table {
        let columns = ["type", "total", "changed", "unchanged"];
        let rows = self.changed.iter().map(|(op, [total, changed])| {
            vec![
                (*op).to_owned(),
                total.to_string(),
                changed.to_string(),
                (total - changed).to_string(),
            ]
        });
        Table {
            columns: columns.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        let stored = self.stored.iter().map(|one| {
            json!({
                "node": one.node,
                "operand": one.operand,
                "format": one.format,
                "numbers": one.numbers,
                "distinct_values": one.distinct,
                "possible_values": one.possible,
                "largest_error": one.largest_error,
            })
        });
        let changed = self.changed.iter().map(|(op, [total, changed])| {
            json!({ "type": op, "total": total, "changed": changed, "unchanged": total - changed })
        });
        json!({ "stored": stored.collect::<Vec<_>>(), "nodes": changed.collect::<Vec<_>>() })
    }
}
