//! What the keys of a recipe do to training.

use super::{Suite, bits, recipe, trained};
use crate::engine::{Candidate, Trained};
use crate::graph::Graph;
use crate::recipe::{LrScheduler, Optimizer, Recipe};
use crate::weights::{Weights, is_buffer};

impl Suite<'_> {
    fn trained_by(&self, recipe: &Recipe) -> Trained {
        trained(&self.one(&self.candidate(4), recipe)).clone()
    }

    pub(super) fn changes_rates_as_the_recipe_says(&self) {
        let constant = self.trained_by(&recipe(3));
        let rates: [fn(&mut Recipe); 4] = [
            |recipe| recipe.warmup_epochs = 1.5,
            |recipe| recipe.lr_scheduler = LrScheduler::Cosine,
            |recipe| {
                recipe.lr_scheduler = LrScheduler::Step;
                recipe.lr_step_epochs = Some(1);
                recipe.lr_gamma = 0.5;
            },
            |recipe| recipe.lr_scheduler = LrScheduler::OneCycle,
        ];
        for change in rates {
            let mut recipe = recipe(3);
            change(&mut recipe);
            let changed = self.trained_by(&recipe);
            assert_ne!(
                bits(&changed.weights),
                bits(&constant.weights),
                "another rate, other weights: {recipe:?}"
            );
            for (idx, epoch) in changed.epochs.iter().enumerate() {
                let last = recipe.learning_rate_at(idx, 6, 7);
                assert_eq!(
                    epoch.learning_rate, last,
                    "epoch {idx} tells the rate of its last step: {recipe:?}"
                );
            }
        }
        // Each of the two steps of an epoch has a rate of its own.
        let warming = Recipe {
            batch_size: 100,
            optimizer: Optimizer::Sgd,
            warmup_epochs: 1.0,
            log_every_n_steps: Some(1),
            ..recipe(1)
        };
        let halved = Recipe {
            learning_rate: warming.learning_rate / 2.0,
            warmup_epochs: 0.0,
            ..warming.clone()
        };
        let [warming, halved] = [&warming, &halved].map(|recipe| self.trained_by(recipe));
        assert_eq!(
            warming.epochs[0].steps, halved.epochs[0].steps,
            "warming up over two steps, the first one has half the rate"
        );
        assert_ne!(
            bits(&warming.weights),
            bits(&halved.weights),
            "and the second one all of it"
        );
    }

    pub(super) fn trains_a_part(&self) {
        let dropped = "
            x = input[4]
            norm = batch_norm(x)
            hidden = linear(norm, out=8)
            drop = dropout(hidden, p=0.25)
            classes = linear(drop, out=3)
            output = output(classes)";
        let dropped: Graph = dropped.parse().expect("the network can be parsed");
        let supported = |graph: &&Graph| self.engine.supports(graph).is_ok();
        for graph in [&self.graph, &dropped].into_iter().filter(supported) {
            // Without momentum the weights are all that one part leaves to the next.
            let whole = Recipe {
                optimizer: Optimizer::Sgd,
                learning_rate: 0.1,
                lr_scheduler: LrScheduler::Cosine,
                warmup_epochs: 3.0,
                log_every_n_steps: Some(3),
                ..recipe(5)
            };
            let train = |part, weights| {
                let recipe = Recipe {
                    part,
                    ..whole.clone()
                };
                let candidate = Candidate {
                    graph: graph.clone(),
                    seed: 4,
                    weights,
                };
                trained(&self.one(&candidate, &recipe)).clone()
            };
            let all = train(None, None);
            let first = train(Some((0, 2)), None);
            let second = train(Some((2, 5)), Some(first.weights.clone()));
            assert_eq!(
                first.epochs,
                all.epochs[..2],
                "the first epochs are those of the whole recipe"
            );
            assert_eq!(
                second.epochs,
                all.epochs[2..],
                "later epochs have numbers, rates, rows and steps of the whole recipe"
            );
            assert_eq!(
                (first.kept_epoch, second.kept_epoch),
                (2, 5),
                "the epoch that is kept is counted in the whole recipe"
            );
            assert_eq!(
                bits(&second.weights),
                bits(&all.weights),
                "two parts come to what the whole does"
            );
        }
    }

    pub(super) fn smooths_targets(&self) {
        let plain = recipe(15);
        let smoothing = Recipe {
            label_smoothing: 0.3,
            ..plain.clone()
        };
        let smoothed = self.trained_by(&smoothing);
        let plain = self.trained_by(&plain);
        assert_ne!(bits(&smoothed.weights), bits(&plain.weights));
        // The target of each row is 0.8, 0.1 and 0.1, whose entropy no prediction comes below.
        let least = -(0.8_f64 * 0.8_f64.ln() + 0.2 * 0.1_f64.ln());
        let last = &smoothed.epochs[14];
        assert!(
            last.train_loss > least - 1e-6,
            "the training loss {} is that of smoothed targets, at least {least}",
            last.train_loss
        );
        assert!(last.train_accuracy > 0.85, "and it learns");
        assert_eq!(
            last.validation,
            self.judge(&smoothed.weights),
            "what judges is not smoothed"
        );
    }

    pub(super) fn clips_gradients(&self) {
        let plain = recipe(2);
        let clipping = |max_norm| Recipe {
            gradient_clip_norm: Some(max_norm),
            ..plain.clone()
        };
        let (all, none) = (self.trained_by(&plain), self.trained_by(&clipping(1e30)));
        assert_eq!(
            bits(&none.weights),
            bits(&all.weights),
            "a norm that nothing reaches changes nothing"
        );
        assert_eq!(none.epochs, all.epochs);

        // One step over all rows, which moves as far as its rate times the norm.
        let step = Recipe {
            batch_size: 200,
            optimizer: Optimizer::Sgd,
            learning_rate: 0.5,
            gradient_clip_norm: Some(0.01),
            ..recipe(1)
        };
        let moved = self.trained_by(&step).weights;
        let far = distance(&Weights::init(&self.graph, 4), &moved);
        assert!(
            (far / 0.005 - 1.0).abs() < 0.01,
            "a step along a gradient clipped to 0.01 at a rate of 0.5 is 0.005 long, not {far}"
        );
    }
}

/// Returns how far apart two sets of weights are, running statistics aside.
fn distance(before: &Weights, after: &Weights) -> f64 {
    let mut squares = 0.0;
    for (key, before) in &before.0 {
        let name = key.rsplit('.').next().unwrap_or_default();
        if !is_buffer(name) {
            let pairs = before.data.iter().zip(&after.0[key].data);
            squares += pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        }
    }
    squares.sqrt()
}
