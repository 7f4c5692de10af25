//! What every engine must hold.

mod formats;
mod pictures;
mod recipes;
mod refusals;
mod scores;

use std::sync::Mutex;

use rand::RngExt;

use crate::dataset::{Features, Split};
use crate::engine::{
    Candidate, Engine, Epoch, Evaluation, Observer, Placement, Silent, TrainJob, TrainOutcome,
    Trained, Verdict,
};
use crate::graph::Graph;
use crate::random::{Purpose, stream};
use crate::recipe::{Keep, LrScheduler, Optimizer, Recipe};
use crate::testing::PLAIN_RECIPE;
use crate::weights::Weights;

/// Every engine trains chains of linear layers, batch normalisation and relu.
const NETWORK: &str = "
    x = input[4]
    norm = batch_norm(x)
    hidden = linear(norm, out=8)
    relu = relu(hidden)
    classes = linear(relu, out=3)
    output = output(classes)";
const WIDTH: usize = 4;
const N_CLASSES: usize = 3;

/// Checks an engine on small chains of linear layers, batch normalisation and relu, on its
/// preferred device.
///
/// It has a device and names what it refuses. The same candidate gives the same weights, bit for
/// bit, alone or among others, on one thread or two, and wherever it is stopped.
/// It learns what can be learned; epochs, steps, best and last weights, patience, learning rates,
/// smoothed targets and clipped gradients are as the recipe says; the observer hears each epoch in
/// order and is obeyed; a loss that is no number is a failed candidate and no other's; predictions are those that epochs are
/// judged by; rows, weights and devices that do not fit are refused. Pictures train as the numbers
/// that they are, and change in training alone, by seed, epoch and row. What an engine with zero-cost
/// metrics makes of a network depends on nothing else, and synflow is what it is by hand.
/// A part of a recipe is that part of the whole. Number formats that it takes are those of
/// [`formats`](crate::formats), fixed point to the last bit, and weights are trained in float32.
///
/// # Panics
/// If a promise is broken.
pub fn check_engine(engine: &dyn Engine) {
    check_stacking_engine(engine, 0.0);
}

/// Checks an engine that trains several candidates as one computation: as [`check_engine`], but what
/// a candidate comes to alone and among others may differ by a relative `tolerance`, absolutely
/// below 1.
///
/// # Panics
/// If a promise is broken.
pub fn check_stacking_engine(engine: &dyn Engine, tolerance: f64) {
    let devices = engine.devices();
    let preferred = devices.first().expect("the engine has a device");
    let suite = Suite {
        engine,
        device: preferred.kind.clone(),
        graph: NETWORK.parse().expect("the network can be parsed"),
        train: separable(200, 1),
        validation: separable(90, 2),
        tolerance,
    };
    let supported = engine.supports(&suite.graph);
    supported.expect("chains of linear layers, batch normalisation and relu are supported");
    suite.learns();
    suite.depends_on_nothing_else();
    suite.keeps_what_the_recipe_says();
    suite.changes_rates_as_the_recipe_says();
    suite.smooths_targets();
    suite.clips_gradients();
    suite.trains_a_part();
    suite.obeys_the_observer();
    suite.fails_where_the_loss_is_no_number();
    suite.starts_from_weights();
    suite.cuts_epochs_into_batches();
    suite.refuses_what_does_not_fit();
    suite.computes_with_number_formats();
    if let Some(suite) = pictures::of(engine, &suite.device) {
        suite.reads_pictures();
        suite.changes_pictures_in_training_alone();
        suite.changes_pictures_by_seed_epoch_and_row();
    }
    suite.scores();
}

struct Suite<'a> {
    engine: &'a dyn Engine,
    device: String,
    graph: Graph,
    train: Split,
    validation: Split,
    /// How far what a candidate comes to alone may be from what it comes to among others.
    tolerance: f64,
}

/// Three classes: which of the first three numbers is largest. The fourth says nothing.
fn separable(n_rows: usize, row_set: u64) -> Split {
    let mut rng = stream(7, Purpose::Dataset, row_set);
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let row: [f32; WIDTH] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let largest = (0..N_CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b]));
        features.extend(row);
        labels.push(largest.unwrap_or_default() as u32);
    }
    let features = Features::Numbers(features);
    Split { features, labels }
}

fn recipe(max_epochs: usize) -> Recipe {
    Recipe {
        max_epochs,
        learning_rate: 0.02,
        ..PLAIN_RECIPE
    }
}

fn trained(outcome: &TrainOutcome) -> &Trained {
    match outcome {
        TrainOutcome::Trained(trained) => trained,
        other => panic!(
            "the candidate should have been trained, but {}",
            state(other)
        ),
    }
}

fn state(outcome: &TrainOutcome) -> String {
    match outcome {
        TrainOutcome::Trained(_) => "it was trained".to_owned(),
        TrainOutcome::Stopped(_) => "it was stopped".to_owned(),
        TrainOutcome::Failed { reason } => format!("it failed: {reason}"),
    }
}

/// The bits of all weights, so that a comparison is exact and NaN equals itself.
fn bits(weights: &Weights) -> Vec<(&String, Vec<u32>)> {
    let bits = |data: &[f32]| data.iter().map(|value| value.to_bits()).collect();
    let tensors = weights.0.iter();
    tensors
        .map(|(key, tensor)| (key, bits(&tensor.data)))
        .collect()
}

impl Suite<'_> {
    fn candidate(&self, seed: u64) -> Candidate {
        Candidate {
            graph: self.graph.clone(),
            seed,
            weights: None,
        }
    }

    fn placement(&self, threads: usize) -> Placement {
        Placement {
            device: self.device.clone(),
            threads,
        }
    }

    fn run(
        &self,
        candidates: &[Candidate],
        recipe: &Recipe,
        threads: usize,
        observer: &dyn Observer,
    ) -> Vec<TrainOutcome> {
        let placement = self.placement(threads);
        let job = TrainJob {
            candidates,
            train: self.train.rows(),
            validation: self.validation.rows(),
            recipe,
            placement: &placement,
        };
        let outcomes = self.engine.train(&job, observer);
        let outcomes = outcomes.expect("the job can be trained");
        assert_eq!(outcomes.len(), candidates.len(), "one outcome a candidate");
        outcomes
    }

    fn one(&self, candidate: &Candidate, recipe: &Recipe) -> TrainOutcome {
        let mut outcomes = self.run(std::slice::from_ref(candidate), recipe, 1, &Silent);
        outcomes.pop().expect("one outcome a candidate")
    }

    /// Checks that a candidate came to the same alone and among others.
    fn same(&self, one: &Weights, other: &Weights, promise: &str) {
        if self.tolerance == 0.0 {
            assert_eq!(bits(one), bits(other), "{promise}");
        }
        for (key, one) in &one.0 {
            let pairs = one.data.iter().zip(&other.0[key].data);
            for (one, other) in pairs.map(|(a, b)| (f64::from(*a), f64::from(*b))) {
                assert!(
                    self.is_near(one, other),
                    "{promise}: {one}, {other} in `{key}`"
                );
            }
        }
    }

    /// Checks that what is reported of a candidate is the same alone and among others.
    fn same_epochs(&self, alone: &[Epoch], among: &[Epoch]) {
        if self.tolerance == 0.0 {
            assert_eq!(alone, among, "others change nothing that is reported");
        }
        assert_eq!(
            alone.len(),
            among.len(),
            "others change no number of epochs"
        );
        for (alone, among) in alone.iter().zip(among) {
            let losses = |epoch: &Epoch| [epoch.train_loss, epoch.validation.loss];
            let mut pairs = losses(alone).into_iter().zip(losses(among));
            let near = pairs.all(|(alone, among)| self.is_near(alone, among));
            assert!(near, "others change no loss: {alone:?}, {among:?}");
        }
    }

    fn is_near(&self, one: f64, other: f64) -> bool {
        (one - other).abs() <= self.tolerance * one.abs().max(1.0)
    }

    fn judge(&self, weights: &Weights) -> Evaluation {
        let placement = self.placement(1);
        let rows = self.validation.rows();
        let judged = self.engine.evaluate(&self.graph, weights, rows, &placement);
        judged.expect("trained weights can be judged")
    }

    fn learns(&self) {
        for optimizer in [Optimizer::Adam, Optimizer::AdamW, Optimizer::Sgd] {
            let recipe = Recipe {
                optimizer,
                learning_rate: if optimizer == Optimizer::Sgd {
                    0.2
                } else {
                    0.02
                },
                momentum: if optimizer == Optimizer::Sgd {
                    0.9
                } else {
                    0.0
                },
                lr_scheduler: LrScheduler::Cosine,
                ..recipe(20)
            };
            let outcome = self.one(&self.candidate(3), &recipe);
            let trained = trained(&outcome);
            let fits = trained.weights.check(&self.graph);
            fits.expect("trained weights fit the graph and are finite");
            assert_eq!(trained.epochs.len(), 20, "every epoch is reported");
            for (idx, epoch) in trained.epochs.iter().enumerate() {
                assert_eq!(epoch.epoch, idx + 1, "epochs are counted from 1");
                // 200 rows in batches of 32 are 7 steps an epoch.
                let rate = recipe.learning_rate_at(idx, 6, 7);
                assert_eq!(
                    epoch.learning_rate, rate,
                    "epoch {idx} has the rate of the recipe"
                );
                assert!(
                    epoch.steps.is_empty(),
                    "no step is kept unless it is asked for"
                );
            }
            let (first, last) = (&trained.epochs[0], &trained.epochs[19]);
            assert!(
                last.train_loss < 0.5 * first.train_loss,
                "{optimizer:?} lowers the training loss: {} to {}",
                first.train_loss,
                last.train_loss
            );
            let right = last.validation.accuracy;
            assert!(
                right > 0.85,
                "{optimizer:?} gets {right} of separable rows right"
            );
            assert!(last.train_accuracy > 0.85, "training accuracy follows");
        }
    }

    fn depends_on_nothing_else(&self) {
        let recipe = recipe(2);
        let mut candidates: Vec<Candidate> = (0..5).map(|seed| self.candidate(seed)).collect();
        candidates[3] = self.candidate(0);
        let one_thread = self.run(&candidates, &recipe, 1, &Silent);
        let two_threads = self.run(&candidates, &recipe, 2, &Silent);
        for (position, candidate) in candidates.iter().enumerate() {
            let alone = self.one(candidate, &recipe);
            let [alone, one_thread, two_threads] =
                [&alone, &one_thread[position], &two_threads[position]].map(trained);
            self.same(&alone.weights, &one_thread.weights, "others change nothing");
            assert_eq!(
                bits(&two_threads.weights),
                bits(&one_thread.weights),
                "threads change nothing"
            );
            assert_eq!(one_thread.epochs, two_threads.epochs);
            self.same_epochs(&alone.epochs, &one_thread.epochs);
        }
        let weights = |position: usize| &trained(&one_thread[position]).weights;
        self.same(weights(0), weights(3), "same seed, same weights");
        assert_ne!(
            bits(weights(0)),
            bits(weights(1)),
            "another seed, other weights"
        );
    }

    fn keeps_what_the_recipe_says(&self) {
        // A rate this high makes the loss go up and down.
        let unsteady = Recipe {
            learning_rate: 0.3,
            keep: Keep::Best,
            log_every_n_steps: Some(4),
            ..recipe(8)
        };
        let outcome = self.one(&self.candidate(5), &unsteady);
        let best = trained(&outcome);
        let losses: Vec<f64> = best
            .epochs
            .iter()
            .map(|epoch| epoch.validation.loss)
            .collect();
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let first_least = losses.iter().position(|loss| *loss == least);
        let kept = best.kept_epoch - 1;
        assert_eq!(
            Some(kept),
            first_least,
            "`best` keeps the least validation loss"
        );
        let judged = self.judge(&best.weights);
        assert_eq!(
            judged, best.epochs[kept].validation,
            "predictions of the kept weights are those that their epoch was judged by"
        );

        let last = Recipe {
            keep: Keep::Last,
            ..unsteady.clone()
        };
        let outcome = self.one(&self.candidate(5), &last);
        let last = trained(&outcome);
        assert_eq!(last.kept_epoch, 8, "`last` keeps the last epoch");
        assert_eq!(last.epochs, best.epochs, "what is kept changes no epoch");
        assert_eq!(self.judge(&last.weights), last.epochs[7].validation);

        // 200 rows in batches of 32 are 7 steps an epoch.
        let steps: Vec<u64> = best
            .epochs
            .iter()
            .flat_map(|epoch| epoch.steps.iter().map(|step| step.step))
            .collect();
        let expected: Vec<u64> = (1..=56).filter(|step| step % 4 == 0).collect();
        assert_eq!(
            steps, expected,
            "every 4th step is kept, counted from 1 over all epochs"
        );
        let kept = best.epochs.iter().flat_map(|epoch| &epoch.steps);
        let sound = |loss: f64, accuracy: f64| loss >= 0.0 && (0.0..=1.0).contains(&accuracy);
        assert!(kept.into_iter().all(|step| sound(step.loss, step.accuracy)));

        let impatient = Recipe {
            patience: Some(1),
            ..unsteady
        };
        let outcome = self.one(&self.candidate(5), &impatient);
        let n_epochs = trained(&outcome).epochs.len();
        let worse = |idx: &usize| losses[..*idx].iter().any(|loss| *loss <= losses[*idx]);
        let expected = (1..losses.len()).find(worse).map_or(8, |idx| idx + 1);
        assert_eq!(
            n_epochs, expected,
            "patience ends training at the first worse epoch"
        );
    }

    fn obeys_the_observer(&self) {
        struct StopSecond(Mutex<Vec<(usize, usize)>>);
        impl Observer for StopSecond {
            fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
                let mut heard = self.0.lock().expect("no observer panics");
                heard.push((candidate, epoch.epoch));
                match (candidate, epoch.epoch) {
                    (1, 2) => Verdict::Stop,
                    _ => Verdict::Continue,
                }
            }
        }
        let observer = StopSecond(Mutex::new(Vec::new()));
        let candidates = [self.candidate(1), self.candidate(2), self.candidate(3)];
        let outcomes = self.run(&candidates, &recipe(4), 2, &observer);
        let heard = observer.0.into_inner().expect("no observer panics");
        for (position, n_epochs) in [4, 2, 4].into_iter().enumerate() {
            let epochs = heard.iter().filter(|(candidate, _)| *candidate == position);
            let epochs: Vec<usize> = epochs.map(|(_, epoch)| *epoch).collect();
            let expected: Vec<usize> = (1..=n_epochs).collect();
            assert_eq!(
                epochs, expected,
                "candidate {position} is heard epoch by epoch"
            );
        }
        let TrainOutcome::Stopped(stopped) = &outcomes[1] else {
            panic!(
                "the observer stopped the candidate, but {}",
                state(&outcomes[1])
            );
        };
        assert_eq!(stopped.epochs.len(), 2, "it stopped where it was told");
        let two_epochs = self.one(&candidates[1], &recipe(2));
        let promise = "it is where a recipe of as many epochs ends";
        self.same(&stopped.weights, &trained(&two_epochs).weights, promise);
    }

    fn starts_from_weights(&self) {
        let fresh = self.one(&self.candidate(9), &recipe(1));
        let given = Candidate {
            weights: Some(Weights::init(&self.graph, 9)),
            ..self.candidate(9)
        };
        let given = self.one(&given, &recipe(1));
        assert_eq!(
            bits(&trained(&fresh).weights),
            bits(&trained(&given).weights),
            "absent weights are those that `Weights::init` draws under the seed"
        );
        let other = Candidate {
            weights: Some(Weights::init(&self.graph, 10)),
            ..self.candidate(9)
        };
        let other = self.one(&other, &recipe(1));
        assert_ne!(
            bits(&trained(&fresh).weights),
            bits(&trained(&other).weights)
        );
    }

    fn cuts_epochs_into_batches(&self) {
        // 200 rows in batches of 199 leave one row, which joins the batch before it.
        let recipe = Recipe {
            batch_size: 199,
            log_every_n_steps: Some(1),
            ..recipe(2)
        };
        let outcome = self.one(&self.candidate(1), &recipe);
        let steps = trained(&outcome)
            .epochs
            .iter()
            .map(|epoch| epoch.steps.len());
        let steps: Vec<usize> = steps.collect();
        assert_eq!(
            steps,
            [1, 1],
            "a last batch of one row joins the one before"
        );
        let epoch = &trained(&outcome).epochs[0];
        let close = (epoch.steps[0].loss - epoch.train_loss).abs() < 1e-9;
        assert!(close, "the loss of the only step is that of the epoch");

        let single = Recipe {
            batch_size: 1,
            ..recipe
        };
        let outcome = self.one(&self.candidate(1), &single);
        let failed = matches!(&outcome, TrainOutcome::Failed { reason } if reason.contains("norm"));
        assert!(
            failed,
            "batches of one row can't be normalised, the reason names the node, but {}",
            state(&outcome)
        );
    }
}
