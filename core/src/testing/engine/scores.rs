//! What every engine that has zero-cost metrics must hold.

use super::{N_CLASSES, Suite, WIDTH};
use crate::dataset::Rows;
use crate::engine::{EngineError, Placement, ZeroCost};
use crate::weights::Weights;

/// Rows of a batch.
const N_ROWS: usize = 16;

impl Suite<'_> {
    /// Checks scores, of an engine that has them.
    pub(super) fn scores(&self) {
        let weights = Weights::init(&self.graph, 5);
        let score = |weights: &Weights, rows: Rows<'_>, metrics: &[ZeroCost], threads| {
            let placement = self.placement(threads);
            self.engine
                .score(&self.graph, weights, rows, metrics, &placement)
        };
        let nothing = Rows::of_numbers(&[], &[]);
        let asked = score(&Weights::default(), nothing, &[], 1);
        match asked {
            Ok(scores) => assert!(scores.is_empty(), "no metric, no score"),
            Err(_) => return,
        }
        let numbers = &self.train.features.numbers()[..N_ROWS * WIDTH];
        let labels = &self.train.labels[..N_ROWS];
        let batch = Rows::of_numbers(numbers, labels);
        let all = score(&weights, batch, &ZeroCost::ALL, 2);
        let all = all.expect("the engine scores the network");
        for (metric, together) in ZeroCost::ALL.into_iter().zip(&all) {
            let alone = score(&weights, batch, &[metric], 1);
            let alone = alone.expect("the engine scores the network");
            assert_eq!(
                alone.iter().map(|s| s.to_bits()).collect::<Vec<_>>(),
                [together.to_bits()],
                "`{metric}` is the same whatever else is asked for, on however many threads"
            );
            assert!(together.is_finite(), "`{metric}` is {together}");
        }

        let expected = synflow(&weights);
        assert!(
            (all[0] - expected).abs() < 1e-6,
            "`synflow` is {expected} by hand, not {}",
            all[0]
        );
        assert!(all[1] > 0.0, "gradients have a norm");
        self.refuses_to_score(&weights, batch);
    }

    fn refuses_to_score(&self, weights: &Weights, batch: Rows<'_>) {
        let refusal = |weights: &Weights, rows: Rows<'_>, device: &str| {
            let placement = Placement {
                device: device.to_owned(),
                threads: 1,
            };
            let metrics = [ZeroCost::GradNorm];
            self.engine
                .score(&self.graph, weights, rows, &metrics, &placement)
        };
        let elsewhere = refusal(weights, batch, "abacus");
        assert!(
            matches!(elsewhere, Err(EngineError::Device { .. })),
            "nothing is scored on an unknown device"
        );
        let mut labels = batch.labels.to_vec();
        labels[1] = N_CLASSES as u32;
        let numbers = batch.features.numbers();
        let cases = [
            ("no rows", Rows::of_numbers(&[], &[])),
            (
                "a label too few",
                Rows::of_numbers(numbers, &batch.labels[1..]),
            ),
            ("an unknown class", Rows::of_numbers(numbers, &labels)),
        ];
        for (what, rows) in cases {
            let refused = refusal(weights, rows, &self.device);
            assert!(
                matches!(refused, Err(EngineError::Rows(_))),
                "{what}: not scored"
            );
        }
        let mut poor = weights.clone();
        poor.0.remove("hidden.bias");
        let refused = refusal(&poor, batch, &self.device);
        assert!(
            matches!(refused, Err(EngineError::Weights(_))),
            "nothing is scored with a missing tensor"
        );
    }
}

/// Computes the metric of the network of the suite, `classes(relu(hidden(x)))`, by hand.
fn synflow(weights: &Weights) -> f64 {
    let tensor = |key: &str| -> Vec<f64> {
        let tensor = weights.get(key).expect("the network has the tensor");
        let magnitudes = tensor.data.iter().map(|value| f64::from(*value).abs());
        magnitudes.collect()
    };
    let (hidden, classes) = (tensor("hidden.weight"), tensor("classes.weight"));
    let biases = tensor("hidden.bias");
    let mut flow = 0.0;
    for (unit, inputs) in hidden.chunks_exact(WIDTH).enumerate() {
        let onwards: f64 = classes.iter().skip(unit).step_by(biases.len()).sum();
        let reached: f64 = inputs.iter().sum();
        flow += onwards * reached;
        flow += onwards * (reached + biases[unit]);
    }
    flow.ln()
}
