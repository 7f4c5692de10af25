//! What every engine must refuse, and what must fail one candidate alone.

use super::{N_CLASSES, Suite, recipe, state, trained};
use crate::dataset::{FeatureRows, Rows};
use crate::engine::{Candidate, EngineError, Placement, Silent, TrainJob, TrainOutcome};
use crate::recipe::{Optimizer, Recipe};
use crate::weights::Weights;

impl Suite<'_> {
    pub(super) fn fails_where_the_loss_is_no_number(&self) {
        let exploding = Recipe {
            optimizer: Optimizer::Sgd,
            learning_rate: 1e30,
            ..recipe(4)
        };
        let outcome = self.one(&self.candidate(1), &exploding);
        let failed = matches!(&outcome, TrainOutcome::Failed { reason } if !reason.is_empty());
        assert!(
            failed,
            "a loss that is no number fails, but {}",
            state(&outcome)
        );

        let mut wild = Weights::init(&self.graph, 1);
        for tensor in wild.0.values_mut() {
            tensor.data.fill(3e38);
        }
        let wild = Candidate {
            weights: Some(wild),
            ..self.candidate(1)
        };
        let outcomes = self.run(&[wild, self.candidate(2)], &recipe(1), 2, &Silent);
        let failed = matches!(outcomes[0], TrainOutcome::Failed { .. });
        assert!(
            failed,
            "weights that overflow fail, but {}",
            state(&outcomes[0])
        );
        trained(&outcomes[1]);
    }

    pub(super) fn refuses_what_does_not_fit(&self) {
        let attempt = |train: Rows<'_>, validation: Rows<'_>, device: &str| {
            let placement = Placement {
                device: device.to_owned(),
                threads: 1,
            };
            let job = TrainJob {
                candidates: &[self.candidate(1)],
                train,
                validation,
                recipe: &recipe(1),
                placement: &placement,
            };
            self.engine.train(&job, &Silent)
        };
        let good = self.validation.rows();
        let unknown = attempt(good, good, "abacus");
        assert!(
            matches!(unknown, Err(EngineError::Device { .. })),
            "an unknown device is refused"
        );

        let numbers = good.features.numbers();
        let long = Rows::of_numbers(&numbers[..numbers.len() - 1], good.labels);
        let mut labels = good.labels.to_vec();
        labels[4] = N_CLASSES as u32;
        let class = Rows {
            features: good.features,
            labels: &labels,
        };
        let mut features = numbers.to_vec();
        features[5] = f32::NAN;
        let number = Rows::of_numbers(&features, good.labels);
        let none = Rows::of_numbers(&[], &[]);
        let cases = [
            ("a number too few", long),
            ("a class that the network does not have", class),
            ("a feature that is no number", number),
            ("no rows", none),
        ];
        for (what, rows) in cases {
            for outcome in [
                attempt(rows, good, &self.device),
                attempt(good, rows, &self.device),
            ] {
                let refused = matches!(outcome, Err(EngineError::Rows(_)));
                assert!(refused, "rows with {what} are refused");
            }
        }

        let weights = Weights::init(&self.graph, 1);
        let placement = self.placement(1);
        let predict = |weights: &Weights, features: FeatureRows<'_>| {
            self.engine
                .predict(&self.graph, weights, features, &placement)
        };
        let logits = predict(&weights, good.features).expect("rows can be predicted");
        assert_eq!(
            logits.len(),
            good.len() * N_CLASSES,
            "one logit a row and class"
        );
        let judge = |rows: Rows<'_>| {
            self.engine
                .evaluate(&self.graph, &weights, rows, &placement)
        };
        let short = Rows {
            features: good.features,
            labels: &good.labels[1..],
        };
        for (what, rows) in [("a label too few", short), ("an unknown class", class)] {
            let refused = matches!(judge(rows), Err(EngineError::Rows(_)));
            assert!(refused, "rows with {what} are not judged");
        }
        let refused = predict(&weights, long.features);
        assert!(
            matches!(refused, Err(EngineError::Rows(_))),
            "half a row is refused"
        );
        let elsewhere = Placement {
            device: "abacus".to_owned(),
            threads: 1,
        };
        let engine = self.engine;
        let refused = engine.predict(&self.graph, &weights, good.features, &elsewhere);
        assert!(
            matches!(refused, Err(EngineError::Device { .. })),
            "nothing is predicted on an unknown device"
        );
        let mut poor = weights;
        poor.0.remove("hidden.bias");
        let refused = predict(&poor, good.features);
        assert!(
            matches!(refused, Err(EngineError::Weights(_))),
            "a missing tensor is refused"
        );
        let job = TrainJob {
            candidates: &[Candidate {
                weights: Some(poor),
                ..self.candidate(1)
            }],
            train: good,
            validation: good,
            recipe: &recipe(1),
            placement: &placement,
        };
        assert!(
            matches!(engine.train(&job, &Silent), Err(EngineError::Weights(_))),
            "nothing is trained from weights with a missing tensor"
        );
        let nobody = TrainJob {
            candidates: &[],
            ..job
        };
        let outcomes = engine.train(&nobody, &Silent);
        let outcomes = outcomes.expect("no candidates are no error");
        assert_eq!(outcomes, [], "no candidates, no outcomes");
    }
}
