//! The list of data sets.

use serde::Serialize;

use crate::jets_sim::{CLASSES, FEATURES};

/// A data set that is known by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The name that it is asked for by.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Whether it is generated rather than measured.
    pub simulated: bool,
    /// The number of rows, where it is the same for everyone.
    pub n_rows: Option<usize>,
    /// The shape of one row.
    pub input_shape: Vec<usize>,
    /// The names of the features, in order.
    pub features: Vec<&'static str>,
    /// The names of the classes, in order.
    pub classes: Vec<&'static str>,
    /// Where it is from.
    pub source: &'static str,
    /// How to get it.
    pub how_to_get: &'static str,
    /// Whether [`fetch`](crate::fetch::fetch) can download it.
    pub fetchable: bool,
}

/// Returns the data sets that are known by name, the default first.
pub fn known() -> Vec<Description> {
    let jets = Description {
        name: "jets-sim",
        summary: "simulated 1 TeV jets of five classes with the 16 features of jsc; \
                  its accuracies do not compare with those of jsc",
        simulated: true,
        n_rows: Some(crate::JETS_SIM_ROWS),
        input_shape: vec![FEATURES.len()],
        features: FEATURES.to_vec(),
        classes: CLASSES.to_vec(),
        source: "simulated by firebrick",
        how_to_get: "nothing to do: it is generated at first use, then kept in the cache folder",
        fetchable: false,
    };
    let jsc = Description {
        name: "jsc",
        summary: "jets of the LHC jet substructure classification: 16 high-level features, \
                  five classes",
        simulated: false,
        n_rows: None,
        source: "OpenML 42468 `hls4ml_lhc_jets_hlf`, https://www.openml.org/d/42468 \
                 (Zenodo 3602260, https://doi.org/10.5281/zenodo.3602260)",
        how_to_get: "`firebrick data fetch jsc`, or `--data FILE` (CSV, ARFF, NPY or NPZ)",
        fetchable: true,
        ..jets.clone()
    };
    vec![jets, jsc]
}
