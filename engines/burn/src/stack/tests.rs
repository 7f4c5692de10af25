//! Candidates in a stack come to what each comes to alone.

use std::sync::Mutex;

use firebrick_core::dataset::{Features, Split};
use firebrick_core::engine::{
    Candidate, Engine, Epoch, Observer, Placement, Silent, TrainJob, TrainOutcome, Trained, Verdict,
};
use firebrick_core::formats;
use firebrick_core::graph::Graph;
use firebrick_core::images::{Augment, Normalize};
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::{Keep, LrScheduler, Optimizer, Recipe};
use firebrick_core::testing::{PLAIN_RECIPE, check_parity, check_stacking_engine, number_formats};
use rand::RngExt;

use crate::BurnEngine;
use crate::parameters::N_WAITS;

/// How far losses in a stack may be from those alone, relative to them.
const TOLERANCE: f64 = 1e-5;

fn dense(widths: [usize; 2]) -> Graph {
    let [one, two] = widths;
    let text = format!(
        "x = input[8]
        a = linear(x, out={one})
        relu_0 = relu(a)
        drop = dropout(relu_0, p=0.2)
        b = linear(drop, out={two})
        relu_1 = relu(b)
        c = linear(relu_1, out=3)
        y = output(c)"
    );
    text.parse().unwrap()
}

/// Without shifts that a batch normalisation takes off again, whose gradients are noise.
fn normalised(widths: [usize; 2]) -> Graph {
    let [one, two] = widths;
    let text = format!(
        "x = input[8]
        norm_0 = batch_norm(x)
        relu_in = relu(norm_0)
        a = linear(relu_in, out={one}, bias=false)
        norm_1 = batch_norm(a)
        relu_0 = relu(norm_1)
        b = linear(relu_0, out={two}, bias=false)
        norm_2 = batch_norm(b)
        relu_1 = relu(norm_2)
        c = linear(relu_1, out=3)
        y = output(c)"
    );
    text.parse().unwrap()
}

fn convolutional(widths: [usize; 2]) -> Graph {
    let [one, two] = widths;
    let text = format!(
        "x = input[2, 6, 6]
        a = conv2d(x, out={one}, kernel=3, padding=1, bias=false)
        norm = batch_norm(a)
        relu_0 = relu(norm)
        b = conv2d(relu_0, out={two}, kernel=3, padding=1)
        relu_1 = relu(b)
        pool = max_pool(relu_1, kernel=2)
        f = flatten(pool)
        c = linear(f, out=3)
        y = output(c)"
    );
    text.parse().unwrap()
}

fn in_fixed_point(widths: [usize; 2]) -> Graph {
    let [one, two] = widths;
    let bits = 4 + one % 3;
    let text = format!(
        "x = input[8]
        a = linear(x, out={one}) @ data_in=integer(8, 5) weight=integer({bits}, 4) bias=integer(8, 5)
        relu_0 = relu(a) @ data_in=integer({bits}, 3)
        b = linear(relu_0, out={two}) @ data_in=integer(6, 3, unsigned) weight=integer(6, {bits})
        c = linear(b, out=3) @ weight=integer(7, 5)
        y = output(c)"
    );
    text.parse().unwrap()
}

/// Candidates of several widths, the first as wide as the last.
fn candidates(of: fn([usize; 2]) -> Graph, n: usize) -> Vec<Candidate> {
    let widths = [[8, 6], [5, 7], [7, 8], [8, 8], [6, 5]];
    let candidate = |idx: usize| Candidate {
        graph: of(widths[idx % 5]),
        seed: 40 + idx as u64,
        weights: None,
    };
    (0..n).map(candidate).collect()
}

/// Learnable rows of a network.
fn split(graph: &Graph, n_rows: usize, row_set: u64) -> Split {
    let mut rng = stream(5, Purpose::Dataset, row_set);
    let shape = graph.input_shape();
    let width: usize = shape.iter().product();
    let labels: Vec<u32> = (0..n_rows).map(|_| rng.random_range(0..3)).collect();
    let features = match shape.len() {
        1 => {
            let shifts = labels
                .iter()
                .flat_map(|label| vec![*label as f32 / 2.0; width]);
            Features::Numbers(
                shifts
                    .map(|shift| rng.random_range(-1.0..1.0) + shift)
                    .collect(),
            )
        }
        _ => {
            let lightest = labels
                .iter()
                .flat_map(|label| vec![*label as u8 * 60; width]);
            let bytes = lightest.map(|lightest| lightest + rng.random_range(0..100));
            Features::Pixels {
                bytes: bytes.collect(),
                normalize: Normalize {
                    mean: vec![0.4, 0.5],
                    std: vec![0.2, 0.3],
                },
            }
        }
    };
    Split { features, labels }
}

/// 5 steps an epoch.
fn recipe(max_epochs: usize) -> Recipe {
    Recipe {
        max_epochs,
        batch_size: 20,
        learning_rate: 0.01,
        log_every_n_steps: Some(1),
        ..PLAIN_RECIPE
    }
}

fn train(
    engine: &BurnEngine,
    candidates: &[Candidate],
    recipe: &Recipe,
    observer: &dyn Observer,
) -> Vec<TrainOutcome> {
    let graph = &candidates[0].graph;
    let (train, validation) = (split(graph, 96, 1), split(graph, 150, 2));
    let job = TrainJob {
        candidates,
        train: train.rows(),
        validation: validation.rows(),
        recipe,
        placement: &Placement {
            device: "cpu".to_owned(),
            threads: 2,
        },
    };
    engine.train(&job, observer).unwrap()
}

fn alone() -> BurnEngine {
    BurnEngine::cpu()
}

fn stacked(most: usize) -> BurnEngine {
    BurnEngine::cpu().stacking(most)
}

fn trained(outcome: &TrainOutcome) -> &Trained {
    match outcome {
        TrainOutcome::Trained(trained) | TrainOutcome::Stopped(trained) => trained,
        TrainOutcome::Failed { reason } => panic!("{reason}"),
    }
}

/// Returns the largest relative distance of any two losses, and checks all that has to be equal.
fn distance(one: &[TrainOutcome], other: &[TrainOutcome]) -> f64 {
    assert_eq!(one.len(), other.len());
    let mut farthest: f64 = 0.0;
    for (one, other) in one.iter().zip(other) {
        let is_stopped = |outcome| matches!(outcome, &TrainOutcome::Stopped(_));
        assert_eq!(is_stopped(one), is_stopped(other));
        let (one, other) = (trained(one), trained(other));
        assert_eq!(one.kept_epoch, other.kept_epoch);
        assert_eq!(one.epochs.len(), other.epochs.len());
        for (one, other) in one.epochs.iter().zip(&other.epochs) {
            assert_eq!(one.epoch, other.epoch);
            assert_eq!(one.learning_rate, other.learning_rate);
            let losses = |epoch: &Epoch| {
                let steps = epoch.steps.iter().map(|step| (step.step, step.loss));
                let mut losses: Vec<(u64, f64)> = steps.collect();
                losses.extend([(0, epoch.train_loss), (0, epoch.validation.loss)]);
                losses
            };
            let (ones, others) = (losses(one), losses(other));
            assert_eq!(ones.len(), others.len());
            for ((step, one), (same, other)) in ones.into_iter().zip(others) {
                assert_eq!(step, same);
                farthest = farthest.max((one - other).abs() / one);
            }
        }
        for (key, one) in &one.weights.0 {
            let other = &other.weights.0[key];
            assert_eq!(one.shape, other.shape, "{key}");
            let pairs = one.data.iter().zip(&other.data);
            let far = pairs
                .map(|(one, other)| (one - other).abs())
                .fold(0.0, f32::max);
            assert!(far < 1e-3, "{key} is {far} off");
        }
    }
    farthest
}

/// Trains 20 steps or more alone and in stacks, and compares.
fn check(of: fn([usize; 2]) -> Graph, recipe: &Recipe) {
    let candidates = candidates(of, 5);
    let alone = train(&alone(), &candidates, recipe, &Silent);
    let together = train(&stacked(5), &candidates, recipe, &Silent);
    let distance = distance(&alone, &together);
    println!("losses of {} are {distance:.1e} off", candidates[0].graph);
    assert!(distance < TOLERANCE, "{distance} with {recipe:?}");
}

#[test]
fn keeps_the_contract_of_engines() {
    check_stacking_engine(&stacked(4), TOLERANCE);
}

#[test]
fn trains_as_pytorch_does() {
    for reference in [
        include_str!("../../tests/parity/jets.json"),
        include_str!("../../tests/parity/pictures.json"),
        include_str!("../../tests/parity/stages.json"),
        include_str!("../../tests/parity/quantized.json"),
        include_str!("../../tests/parity/quantized_pictures.json"),
        include_str!("../../tests/parity/learned_steps.json"),
        include_str!("../../tests/parity/quantized_mixed.json"),
    ] {
        check_parity(&stacked(4), reference, TOLERANCE);
    }
}

#[test]
fn networks_of_several_widths_come_to_the_losses_of_each_alone() {
    for of in [dense, normalised, convolutional, in_fixed_point] {
        check(of, &recipe(4));
    }
}

#[test]
fn numbers_in_every_format_train_in_a_stack_as_they_do_alone() {
    for format in number_formats() {
        let mut candidates = candidates(dense, 3);
        for candidate in &mut candidates {
            let mut nodes = candidate.graph.nodes().to_vec();
            for operand in ["data_in", "weight"] {
                let formats = &mut nodes[4].annotations.formats;
                formats.insert(operand.to_owned(), format.clone());
                if formats::check(&nodes[4]).is_err() {
                    nodes[4].annotations.formats.remove(operand);
                }
            }
            candidate.graph = Graph::new(nodes).unwrap();
        }
        let [alone, together] =
            [alone(), stacked(3)].map(|engine| train(&engine, &candidates, &recipe(1), &Silent));
        let distance = distance(&alone, &together);
        assert!(distance < TOLERANCE, "{format}: {distance}");
    }
}

#[test]
fn recipes_do_in_a_stack_what_they_do_alone() {
    let changes: [fn(&mut Recipe); 7] = [
        |recipe| recipe.optimizer = Optimizer::AdamW,
        |recipe| {
            recipe.optimizer = Optimizer::Sgd;
            recipe.learning_rate = 0.05;
            recipe.momentum = 0.9;
            recipe.nesterov = true;
            recipe.weight_decay = 0.01;
        },
        |recipe| recipe.label_smoothing = 0.1,
        |recipe| recipe.gradient_clip_norm = Some(0.5),
        |recipe| {
            recipe.lr_scheduler = LrScheduler::OneCycle;
            recipe.batch_size = 19;
        },
        |recipe| {
            recipe.lr_scheduler = LrScheduler::Cosine;
            recipe.warmup_epochs = 1.5;
        },
        |recipe| recipe.part = Some((2, 6)),
    ];
    for (idx, change) in changes.into_iter().enumerate() {
        let of = [dense, normalised, convolutional][idx % 3];
        let mut recipe = recipe(6);
        change(&mut recipe);
        check(of, &recipe);
    }
}

#[test]
fn an_epoch_waits_for_the_device_once() {
    let waits = |of, n_candidates, max_epochs| {
        let recipe = Recipe {
            gradient_clip_norm: Some(0.5),
            keep: Keep::Best,
            ..recipe(max_epochs)
        };
        let before = N_WAITS.get();
        let candidates = candidates(of, n_candidates);
        let outcomes = train(&stacked(5), &candidates, &recipe, &Silent);
        assert_eq!(trained(&outcomes[0]).epochs.len(), max_epochs);
        N_WAITS.get() - before
    };
    for of in [dense, normalised, convolutional, in_fixed_point] {
        let [two, seven] = [2, 7].map(|max_epochs| waits(of, 5, max_epochs));
        assert_eq!(seven - two, 5);
        assert_eq!(waits(of, 2, 2), two, "however many candidates there are");
    }
}

#[test]
fn pictures_change_in_a_stack_as_they_do_alone() {
    let augment = Augment {
        cutout: 2,
        crop: 1,
        flip: true,
    };
    let recipe = Recipe {
        augment,
        ..recipe(4)
    };
    check(convolutional, &recipe);
}

#[test]
fn the_best_weights_are_kept_and_patience_ends_each_candidate_on_its_own() {
    // A rate this high makes losses go up and down.
    let recipe = Recipe {
        learning_rate: 0.1,
        keep: Keep::Best,
        patience: Some(2),
        ..recipe(9)
    };
    let candidates = candidates(dense, 5);
    let alone = train(&alone(), &candidates, &recipe, &Silent);
    let lengths = |outcomes: &[TrainOutcome]| -> Vec<usize> {
        outcomes
            .iter()
            .map(|one| trained(one).epochs.len())
            .collect()
    };
    let mut different = lengths(&alone);
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 1, "{different:?}");
    let together = train(&stacked(5), &candidates, &recipe, &Silent);
    let far = distance(&alone, &together);
    println!("{different:?} epochs, {far:.1e} off");
    assert!(far < TOLERANCE, "{far}");
    let last = |one: &TrainOutcome| trained(one).epochs.last().map(|epoch| epoch.epoch);
    let kept = |one: &TrainOutcome| Some(trained(one).kept_epoch);
    assert!(together.iter().any(|one| kept(one) != last(one)));
}

#[test]
fn any_number_of_candidates_a_stack_comes_to_the_same() {
    let candidates = candidates(normalised, 17);
    let recipe = recipe(4);
    let expected = train(&stacked(1), &candidates, &recipe, &Silent);
    for most in [2, 5, 16] {
        let found = train(&stacked(most), &candidates, &recipe, &Silent);
        let distance = distance(&expected, &found);
        assert!(distance < TOLERANCE, "{most}: {distance}");
    }
}

#[test]
fn a_loss_that_is_no_number_fails_its_candidate_alone() {
    let mut candidates = candidates(normalised, 4);
    let expected = train(&stacked(4), &candidates, &recipe(4), &Silent);
    let mut wild = firebrick_core::weights::Weights::init(&candidates[2].graph, 1);
    for tensor in wild.0.values_mut() {
        tensor.data.fill(3e38);
    }
    candidates[2].weights = Some(wild);
    let mut found = train(&stacked(4), &candidates, &recipe(4), &Silent);
    let TrainOutcome::Failed { reason } = &found[2] else {
        panic!("{:?}", found[2]);
    };
    assert!(reason.contains("in step 1, in epoch 1"), "{reason}");
    found[2] = expected[2].clone();
    assert!(distance(&expected, &found) < TOLERANCE);
}

/// Stops candidates after so many epochs, and notes what it hears.
struct Stops<'a>(&'a [usize], Mutex<Vec<(usize, usize)>>);

impl Observer for Stops<'_> {
    fn epoch(&self, candidate: usize, epoch: &Epoch) -> Verdict {
        self.1.lock().unwrap().push((candidate, epoch.epoch));
        match self.0[candidate] == epoch.epoch {
            true => Verdict::Stop,
            false => Verdict::Continue,
        }
    }
}

#[test]
fn candidates_that_stop_leave_the_others_as_they_are() {
    let candidates = candidates(convolutional, 5);
    for keep in [Keep::Last, Keep::Best] {
        let recipe = Recipe { keep, ..recipe(6) };
        let through = train(&stacked(5), &candidates, &recipe, &Silent);
        // After 3 epochs two are left, which go on alone, after 5 one.
        let stops = [1, 99, 3, 3, 5];
        let observer = Stops(&stops, Mutex::new(Vec::new()));
        let outcomes = train(&stacked(5), &candidates, &recipe, &observer);
        for ((idx, outcome), stop) in outcomes.iter().enumerate().zip(stops) {
            let n_epochs = stop.min(6);
            let found = trained(outcome);
            let expected = TrainOutcome::Trained(Trained {
                epochs: trained(&through[idx]).epochs[..n_epochs].to_vec(),
                ..found.clone()
            });
            let found = TrainOutcome::Trained(found.clone());
            assert!(distance(&[expected], &[found]) < TOLERANCE);
            assert_eq!(matches!(outcome, TrainOutcome::Stopped(_)), stop < 99);
            let heard = observer.1.lock().unwrap();
            let of_candidate = heard.iter().filter(|(candidate, _)| *candidate == idx);
            assert!(of_candidate.map(|(_, epoch)| *epoch).eq(1..=n_epochs));
        }
        let stops = Stops(&stops, Mutex::default());
        let alone = train(&alone(), &candidates, &recipe, &stops);
        assert!(distance(&alone, &outcomes) < TOLERANCE);
    }
}

#[test]
fn an_observer_that_panics_fails_its_candidate_alone() {
    struct Panics;
    impl Observer for Panics {
        fn epoch(&self, candidate: usize, _epoch: &Epoch) -> Verdict {
            assert_ne!(candidate, 1, "out of luck");
            Verdict::Continue
        }
    }
    let outcomes = train(&stacked(3), &candidates(dense, 3), &recipe(2), &Panics);
    let TrainOutcome::Failed { reason } = &outcomes[1] else {
        panic!("{:?}", outcomes[1]);
    };
    assert!(reason.contains("out of luck"), "{reason}");
    trained(&outcomes[0]);
    trained(&outcomes[2]);
}
