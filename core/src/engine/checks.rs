//! What makes no sense about a job, in the same words for every engine.

use super::{Engine, EngineError, TrainJob};
use crate::dataset::{FeatureRows, Rows};
use crate::graph::Graph;
use crate::images::Augment;
use crate::weights::Weights;

/// Checks what can be checked of a job before anything is trained: recipe, threads, and that each
/// candidate is supported, with weights and rows that fit it. The device is the engine's to check.
///
/// Features that are no numbers are looked for once for all candidates: it takes as long as
/// reading them.
///
/// # Errors
/// [`EngineError`] for the first thing that is wrong.
pub fn check_job(engine: &(impl Engine + ?Sized), job: &TrainJob<'_>) -> Result<(), EngineError> {
    if let Err((key, reason)) = job.recipe.check() {
        return Err(EngineError::Other(format!("`{key}` {reason}")));
    }
    if job.placement.threads == 0 {
        return Err(EngineError::Other(
            "`threads` must be at least 1".to_owned(),
        ));
    }
    for (position, candidate) in job.candidates.iter().enumerate() {
        let graph = &candidate.graph;
        engine.supports(graph)?;
        if let Some(weights) = &candidate.weights {
            check_weights(graph, weights)?;
        }
        check_rows(graph, job.train, "training")?;
        check_rows(graph, job.validation, "validation")?;
        if position == 0 {
            let width = row_width(graph);
            check_finite(job.train.features, width, "training")?;
            check_finite(job.validation.features, width, "validation")?;
            if let (FeatureRows::Numbers(_), true) =
                (job.train.features, job.recipe.augment != Augment::NONE)
            {
                let reason = "`augment` changes pictures, but the rows are numbers";
                return Err(EngineError::Other(reason.to_owned()));
            }
        }
    }
    Ok(())
}

/// Checks that weights fit a network.
///
/// # Errors
/// [`EngineError::Weights`] names the first tensor that does not.
pub fn check_weights(graph: &Graph, weights: &Weights) -> Result<(), EngineError> {
    let fits = weights.check(graph);
    fits.map_err(|error| EngineError::Weights(error.to_string()))
}

/// Checks that features can be read by a network as whole rows of finite numbers.
///
/// # Errors
/// [`EngineError::Rows`] names the first number that does not fit.
pub fn check_input(graph: &Graph, features: FeatureRows<'_>) -> Result<(), EngineError> {
    let width = row_width(graph);
    check_features(graph, features, features.len() / width, "given")?;
    check_finite(features, width, "given")
}

/// Numbers of one row.
pub fn row_width(graph: &Graph) -> usize {
    graph.input_shape().iter().product()
}

/// Checks that rows can be read by a network and judged, `name` being what they are called.
///
/// # Errors
/// [`EngineError::Rows`] names the first row that does not fit.
pub fn check_rows(graph: &Graph, rows: Rows<'_>, name: &str) -> Result<(), EngineError> {
    let error = |reason: String| Err(EngineError::Rows(reason));
    if rows.is_empty() {
        return error(format!("there are no {name} rows"));
    }
    if u32::try_from(rows.len()).is_err() {
        return error(format!(
            "there are {} {name} rows, fewer than 2^32 can be read",
            rows.len()
        ));
    }
    check_features(graph, rows.features, rows.len(), name)?;
    let n_classes = graph.output_shape()[0];
    match rows
        .labels
        .iter()
        .position(|label| *label as usize >= n_classes)
    {
        Some(row) => error(format!(
            "row {row} of the {name} rows has label {}, but the network has {n_classes} outputs",
            rows.labels[row]
        )),
        None => Ok(()),
    }
}

/// Checks that features are as many as a network reads for so many rows.
///
/// # Errors
/// [`EngineError::Rows`] says how many there should be.
fn check_features(
    graph: &Graph,
    features: FeatureRows<'_>,
    n_rows: usize,
    name: &str,
) -> Result<(), EngineError> {
    let (width, shape) = (row_width(graph), graph.input_shape());
    if n_rows.checked_mul(width) != Some(features.len()) {
        let unit = match features {
            FeatureRows::Numbers(_) => "numbers",
            FeatureRows::Pixels { .. } => "bytes",
        };
        return Err(EngineError::Rows(format!(
            "{n_rows} {name} rows come with {} {unit}, but the network's input {shape:?} takes {width} a row",
            features.len(),
        )));
    }
    let FeatureRows::Pixels { normalize, .. } = features else {
        return Ok(());
    };
    let (means, deviations) = (normalize.mean.len(), normalize.std.len());
    if shape.len() != 3 || means != shape[0] || deviations != shape[0] {
        return Err(EngineError::Rows(format!(
            "the {name} rows are pictures of {means} channels, but the network's input is {shape:?}"
        )));
    }
    let usable = |std: &f32| std.is_finite() && *std > 0.0;
    match normalize.std.iter().all(usable) && normalize.mean.iter().all(|mean| mean.is_finite()) {
        true => Ok(()),
        false => Err(EngineError::Rows(format!(
            "the {name} rows can't be normalised by {normalize:?}"
        ))),
    }
}

/// Checks that all features are finite.
///
/// # Errors
/// [`EngineError::Rows`] names the first one that is not.
fn check_finite(features: FeatureRows<'_>, width: usize, name: &str) -> Result<(), EngineError> {
    let features = features.numbers();
    match features.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(EngineError::Rows(format!(
            "row {} of the {name} rows has {} at position {}",
            at / width,
            features[at],
            at % width
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Features, Split};
    use crate::engine::{Candidate, Device, Observer, Placement, TrainOutcome};
    use crate::recipe::{Keep, Recipe};
    use crate::testing::PLAIN_RECIPE;

    /// An engine that takes every network and trains none.
    struct Idle;

    impl Engine for Idle {
        fn devices(&self) -> Vec<Device> {
            Vec::new()
        }

        fn supports(&self, _graph: &Graph) -> Result<(), EngineError> {
            Ok(())
        }

        fn train(
            &self,
            _job: &TrainJob<'_>,
            _observer: &dyn Observer,
        ) -> Result<Vec<TrainOutcome>, EngineError> {
            Ok(Vec::new())
        }

        fn predict(
            &self,
            _graph: &Graph,
            _weights: &Weights,
            _features: FeatureRows<'_>,
            _placement: &Placement,
        ) -> Result<Vec<f32>, EngineError> {
            Ok(Vec::new())
        }
    }

    fn rows() -> Split {
        Split {
            features: Features::Numbers(vec![0.5; 32]),
            labels: vec![0, 1, 2, 0, 1, 2, 0, 1],
        }
    }

    fn refusal(train: &Split, batch_size: usize, threads: usize) -> String {
        let validation = rows();
        let graph = "x = input[4]\na = linear(x, out=3)\ny = output(a)";
        let candidate = Candidate {
            graph: graph.parse().unwrap(),
            seed: 0,
            weights: None,
        };
        let recipe = Recipe {
            batch_size,
            learning_rate: 0.1,
            keep: Keep::Best,
            ..PLAIN_RECIPE
        };
        let job = TrainJob {
            candidates: &[candidate],
            train: train.rows(),
            validation: validation.rows(),
            recipe: &recipe,
            placement: &Placement {
                device: "cpu".to_owned(),
                threads,
            },
        };
        check_job(&Idle, &job).unwrap_err().to_string()
    }

    #[test]
    fn says_which_row_does_not_fit() {
        let refusal = |change: fn(&mut Split)| {
            let mut split = rows();
            change(&mut split);
            refusal(&split, 4, 1)
        };
        assert_eq!(
            refusal(|split| split.labels[5] = 3),
            "row 5 of the training rows has label 3, but the network has 3 outputs"
        );
        assert_eq!(
            refusal(|split| split.features.numbers_mut()[9] = f32::INFINITY),
            "row 2 of the training rows has inf at position 1"
        );
        assert_eq!(
            refusal(|split| split.features = Features::Numbers(vec![0.0; 30])),
            "8 training rows come with 30 numbers, but the network's input [4] takes 4 a row"
        );
        assert_eq!(
            refusal(|split| *split = Split::default()),
            "there are no training rows"
        );
    }

    #[test]
    fn refuses_a_recipe_that_makes_no_sense() {
        assert_eq!(refusal(&rows(), 0, 1), "`batch_size` must be at least 1");
        assert_eq!(refusal(&rows(), 8, 0), "`threads` must be at least 1");
    }
}
