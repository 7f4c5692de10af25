//! How long a prediction of a candidate takes on the device of its engine.

use std::time::Instant;

use anyhow::Result;
use firebrick_core::dataset::{Dataset, Split};
use firebrick_core::engine::Candidate;
use firebrick_core::weights::Weights;

use crate::engines::Usable;
use crate::prepare;
use crate::rows::picked;
use crate::study::{LATENCY, LATENCY_SPREAD, LatencyArgs, Loaded, Subject};

/// Measures latency. Nothing else of the search runs meanwhile; what else the machine does counts.
pub(crate) struct Latency {
    args: LatencyArgs,
    /// The rows of one prediction.
    rows: Split,
}

impl Latency {
    /// Takes the rows that are predicted from the validation split.
    ///
    /// # Errors
    /// If it has fewer.
    pub(super) fn of(loaded: &Loaded, args: LatencyArgs, dataset: &Dataset) -> Result<Self> {
        let (wanted, n_rows) = (args.batch_size, dataset.validation.len());
        if wanted > n_rows {
            let key = format!("search.strategy.hw_runner.{LATENCY}.batch_size");
            let what = format!("`{key}` is {wanted}, but there are {n_rows} validation rows");
            let error = loaded.blame(Subject::Key(&key), what, None);
            return Err(prepare::blamed(error));
        }
        let width = dataset.input_shape.iter().product();
        let rows = picked(&dataset.validation, width, loaded.study.seed, wanted);
        Ok(Self { args, rows })
    }

    /// Returns the median time of a prediction and the distance between its quartiles, in
    /// microseconds, first weights and formats as they are.
    ///
    /// A prediction is one call of the engine, which checks its rows and stores the weights in their
    /// formats.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) fn measure(
        &self,
        usable: &Usable,
        candidate: &Candidate,
    ) -> Result<[(&'static str, f64); 2], String> {
        let graph = firebrick_core::calibration::provisional(&candidate.graph);
        let weights = match &candidate.weights {
            Some(weights) => weights.clone(),
            None => Weights::init(&graph, candidate.seed),
        };
        let features = self.rows.features.borrow();
        let predict = || {
            let start = Instant::now();
            let Usable {
                engine, placement, ..
            } = usable;
            engine
                .predict(&graph, &weights, features, placement)
                .map_err(|error| error.to_string())?;
            Ok::<f64, String>(start.elapsed().as_secs_f64() * 1e6)
        };
        let n_runs = self.args.n_runs;
        for _ in 0..n_runs.div_ceil(10) {
            predict()?;
        }
        let times: Result<Vec<f64>, String> = (0..n_runs).map(|_| predict()).collect();
        let mut times = times?;
        times.sort_by(f64::total_cmp);
        let at = |quarter: usize| times[(n_runs - 1) * quarter / 4];
        Ok([(LATENCY, at(2)), (LATENCY_SPREAD, at(3) - at(1))])
    }
}
