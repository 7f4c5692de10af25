//! What the judges say of a network.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::network::{Made, Network};

/// What one inference takes; the bits are those of the weights of linear layers and convolutions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Costs {
    pub(super) macs: f64,
    /// MACs times the bits of both factors.
    pub(super) bops: f64,
    pub(super) weight_bits: f64,
}

/// A network as it was judged.
#[derive(Debug)]
pub(super) struct Verdict {
    network: &'static Network,
    n_rows: u64,
    /// How many of the outputs are different.
    n_distinct: u64,
    /// Whether we computed in whole numbers.
    is_exact: bool,
    qonnx: Equal,
    /// Absent where hls4ml was not asked.
    hls4ml: Option<Equal>,
    ours: Costs,
    theirs: Costs,
    took: Duration,
}

/// How many rows are equal.
#[derive(Debug)]
struct Equal {
    n_rows: u64,
    /// The first row that is not, both outputs with it.
    first: Option<Value>,
}

impl Verdict {
    /// Reads what the script printed.
    pub(super) fn read(
        network: &'static Network,
        made: &Made,
        printed: &[u8],
        took: Duration,
    ) -> Result<Self> {
        let said: Value = serde_json::from_slice(printed).context("`judge.py` printed no JSON")?;
        let missing = "`judge.py` left something out";
        let cost = |name: &str| said["costs"][name].as_f64().context(missing);
        let hls4ml = said.get("hls4ml").map(Equal::read).transpose();
        Ok(Self {
            network,
            n_rows: said["rows"].as_u64().context(missing)?,
            n_distinct: said["distinct"].as_u64().context(missing)?,
            is_exact: said["is_exact"].as_bool().context(missing)?,
            qonnx: Equal::read(&said["qonnx"])?,
            hls4ml: hls4ml?,
            ours: Costs {
                macs: made.costs.macs,
                bops: made.costs.bops * network.file_bits,
                weight_bits: (made.costs.weight_bits - network.scale_bits) * network.file_bits,
            },
            theirs: Costs {
                macs: cost("macs")?,
                bops: cost("bops")?,
                weight_bits: cost("weight_bits")?,
            },
            took,
        })
    }

    /// Returns what is not as it should be, a line each.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut complain = |what: String| complaints.push(format!("{}: {what}", self.network.name));
        if self.is_exact != self.network.is_fixed_point {
            complain("the exporter is wrong about whether it is fixed point".to_owned());
        }
        if self.n_distinct < self.n_rows / 10 {
            let n_distinct = self.n_distinct;
            complain(format!(
                "{n_distinct} different outputs only, which shows little"
            ));
        }
        if self.hls4ml.is_some() != self.network.is_for_hls4ml {
            complain("the exporter is wrong about whether hls4ml can compile it".to_owned());
        }
        let judges = [
            ("qonnx", Some(&self.qonnx)),
            ("hls4ml", self.hls4ml.as_ref()),
        ];
        for (judge, equal) in judges {
            if let Some(Equal { n_rows, first }) = equal
                && *n_rows != self.n_rows
            {
                let first = first.as_ref().map(Value::to_string).unwrap_or_default();
                let n_rows = self.n_rows - n_rows;
                complain(format!(
                    "{n_rows} rows differ from {judge}, the first is {first}"
                ));
            }
        }
        let costs = [
            ("MACs", self.ours.macs, self.theirs.macs),
            ("BOPs", self.ours.bops, self.theirs.bops),
            (
                "bits of weights",
                self.ours.weight_bits,
                self.theirs.weight_bits,
            ),
        ];
        for (name, ours, theirs) in costs {
            if ours != theirs {
                complain(format!("{ours} {name}, qonnx counts {theirs}"));
            }
        }
        complaints
    }
}

impl Equal {
    fn read(said: &Value) -> Result<Self> {
        let n_rows = said["equal"].as_u64();
        Ok(Self {
            n_rows: n_rows.context("`judge.py` does not say how many rows are equal")?,
            first: said.get("first").cloned(),
        })
    }
}

/// Returns the verdicts as a table.
pub(super) fn table(verdicts: &[Verdict]) -> String {
    let mut text = String::from(
        "| network       | rows | = qonnx | = hls4ml |    MACs |      BOPs | weight bits | seconds |\n\
         |---------------+------+---------+----------+---------+-----------+-------------+---------|\n",
    );
    for verdict in verdicts {
        let about = if verdict.is_exact { "" } else { "~" };
        let hls4ml = match &verdict.hls4ml {
            Some(equal) => equal.n_rows.to_string(),
            None => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {:<13} | {:>4} | {about:>3}{:>4} | {hls4ml:>8} | {:>7} | {:>9} | {:>11} | {:>7.1} |",
            verdict.network.name,
            verdict.n_rows,
            verdict.qonnx.n_rows,
            counted(verdict.ours.macs, verdict.theirs.macs),
            counted(verdict.ours.bops, verdict.theirs.bops),
            counted(verdict.ours.weight_bits, verdict.theirs.weight_bits),
            verdict.took.as_secs_f64(),
        );
    }
    text.push_str("~ within the rounding of float32; a cost is qonnx's as well, or behind `/`\n");
    text
}

fn counted(ours: f64, theirs: f64) -> String {
    match ours == theirs {
        true => ours.to_string(),
        false => format!("{ours}/{theirs}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::network::NETWORKS;
    use super::*;

    /// Returns the verdict on a network of ours, that of equality changed by `change`.
    fn verdict(name: &str, change: impl FnOnce(&mut Value)) -> Verdict {
        let network = NETWORKS.iter().find(|network| network.name == name);
        let mut said = json!({
            "rows": 1000, "distinct": 990, "is_exact": true,
            "qonnx": { "equal": 1000 }, "hls4ml": { "equal": 1000 },
            "costs": { "macs": 592.0, "bops": 37888.0, "weight_bits": 4736.0 },
        });
        change(&mut said);
        let made = Made {
            checkpoint: "trained.safetensors".into(),
            qonnx: "int8.onnx".into(),
            hls4ml_config: Some("hls4ml_config.yml".into()),
            costs: Costs {
                macs: 592.0,
                bops: 37888.0,
                weight_bits: 4736.0,
            },
        };
        let printed = said.to_string();
        let took = Duration::from_secs(12);
        Verdict::read(network.unwrap(), &made, printed.as_bytes(), took).unwrap()
    }

    fn complaints(change: impl FnOnce(&mut Value)) -> Vec<String> {
        verdict("int8", change).complaints()
    }

    #[test]
    fn has_nothing_against_a_network_that_all_compute_the_same_of() {
        let verdict = verdict("int8", |_| {});
        assert!(verdict.complaints().is_empty());
        let table = table(&[verdict]);
        let row = "| int8          | 1000 |    1000 |     1000 |     592 |     37888 |        4736 |    12.0 |";
        assert!(table.contains(row), "{table}");
    }

    #[test]
    fn names_the_first_row_that_differs() {
        let first = json!({ "row": 7, "ours": [0.5], "theirs": [0.25] });
        let found = complaints(|said| said["hls4ml"] = json!({ "equal": 998, "first": first }));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("int8: 2 rows differ from hls4ml, the first is {"));
        assert!(found[0].contains("\"row\":7"), "{found:?}");
        assert_eq!(
            complaints(|said| said["qonnx"]["equal"] = json!(0)).len(),
            1
        );
    }

    #[test]
    fn every_cost_has_to_be_equal() {
        for cost in ["macs", "bops", "weight_bits"] {
            let found = complaints(|said| said["costs"][cost] = json!(37_889.0));
            assert_eq!(found.len(), 1, "{cost}");
            assert!(found[0].ends_with("qonnx counts 37889"), "{found:?}");
        }
    }

    #[test]
    fn scales_count_for_us_and_two_levels_are_stored_as_three() {
        let found = verdict("binary", |said| {
            said["costs"]["bops"] = json!(2 * 37888);
            said["costs"]["weight_bits"] = json!(2 * (4736 - 24));
        });
        assert!(found.complaints().is_empty(), "{:?}", found.complaints());
    }

    #[test]
    fn outputs_that_do_not_vary_and_judges_that_are_missing_show_nothing() {
        let found = complaints(|said| said["distinct"] = json!(1));
        assert!(found[0].contains("1 different outputs only"), "{found:?}");
        let found = complaints(|said| {
            said.as_object_mut().unwrap().remove("hls4ml");
        });
        assert!(
            found[0].contains("whether hls4ml can compile it"),
            "{found:?}"
        );
        let found = complaints(|said| said["is_exact"] = json!(false));
        assert!(found[0].contains("whether it is fixed point"), "{found:?}");
    }
}
