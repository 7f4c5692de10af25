mod quantized;

use std::sync::Mutex;

use firebrick_core::dataset::{FeatureRows, Features, Split};
use firebrick_core::engine::{Candidate, Epoch, Silent, Trained, Verdict, row_width};
use firebrick_core::graph::{Annotations, NumberFormat};
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::{LrScheduler, Optimizer, Recipe};
use firebrick_core::registry::{Kind, Registration};
use firebrick_core::testing::{PLAIN_RECIPE, check_engine};
use rand::RngExt;

use super::*;
use crate::kernels::counting::allocations;

const CHAIN: &str = "
    x = input[4]
    norm = batch_norm(x)
    hidden = linear(norm, out=6)
    relu = relu(hidden)
    drop = dropout(relu, p=0.3)
    classes = linear(drop, out=3)
    output = output(classes)";

fn rows(graph: &Graph, n_rows: usize) -> Split {
    let mut rng = stream(1, Purpose::Dataset, 0);
    let width = row_width(graph);
    let n_classes = graph.output_shape()[0] as u32;
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let label = rng.random_range(0..n_classes);
        let shift = label as f32;
        features.extend((0..width).map(|_| rng.random_range(-1.0..1.0) + shift));
        labels.push(label);
    }
    let features = Features::Numbers(features);
    Split { features, labels }
}

fn recipe(max_epochs: usize, batch_size: usize) -> Recipe {
    Recipe {
        max_epochs,
        batch_size,
        optimizer: Optimizer::AdamW,
        weight_decay: 0.01,
        ..PLAIN_RECIPE
    }
}

fn placement(threads: usize) -> Placement {
    Placement {
        device: "cpu".to_owned(),
        threads,
    }
}

fn candidates(graph: &Graph, n: u64) -> Vec<Candidate> {
    let candidate = |seed| Candidate {
        graph: graph.clone(),
        seed,
        weights: None,
    };
    (0..n).map(candidate).collect()
}

fn train(
    candidates: &[Candidate],
    recipe: &Recipe,
    threads: usize,
    observer: &dyn Observer,
) -> Vec<TrainOutcome> {
    let rows = rows(&candidates[0].graph, 96);
    let job = TrainJob {
        candidates,
        train: rows.rows(),
        validation: rows.rows(),
        recipe,
        placement: &placement(threads),
    };
    MlpEngine::new().train(&job, observer).unwrap()
}

fn trained(outcome: &TrainOutcome) -> &Trained {
    match outcome {
        TrainOutcome::Trained(trained) => trained,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keeps_the_contract_of_engines() {
    for path in Path::available() {
        check_engine(&MlpEngine::on(path));
    }
}

#[test]
fn is_registered_under_its_name_with_docs() {
    let items = Registration::of_package("firebrick-engine-mlp");
    let manifest = items[0].manifest();
    assert_eq!(
        (manifest.kind, manifest.name.as_str()),
        (Kind::Engine, "mlp")
    );
    let summary = "Trains populations of small dense networks at the arithmetic limit of the CPU.";
    assert_eq!(manifest.summary(), summary);
}

#[test]
fn names_what_it_can_not_train() {
    let refusal = |change: fn(&mut Annotations)| {
        let mut nodes = CHAIN.parse::<Graph>().unwrap().nodes().to_vec();
        change(&mut nodes[2].annotations);
        let graph = Graph::new(nodes).unwrap();
        MlpEngine::new().supports(&graph).unwrap_err().to_string()
    };
    let format = refusal(|annotations| {
        let format = NumberFormat::new("integer", 8);
        annotations.formats.insert("weight".to_owned(), format);
    });
    assert_eq!(
        format,
        "node `hidden` (linear) can't have `weight` quantised: number format `integer` needs \
         `frac_width`"
    );
    let sparse = refusal(|annotations| annotations.sparsity = Some(0.5));
    assert_eq!(
        sparse,
        "node `hidden` (linear) is sparse, training would fill its zeros"
    );
    let picture = "x = input[1, 4, 4]\ny = relu(x)\noutput = output(y)";
    let picture = MlpEngine::new()
        .supports(&picture.parse().unwrap())
        .unwrap_err();
    assert_eq!(
        picture.to_string(),
        "node `output` (output) has shape [1, 4, 4], expected one number a class"
    );
}

#[test]
fn what_is_frozen_stays_as_it_is() {
    let text = CHAIN.replace("batch_norm(x)", "batch_norm(x) @ frozen");
    let graph: Graph = text.replace("out=6)", "out=6) @ frozen").parse().unwrap();
    let outcomes = train(&candidates(&graph, 1), &recipe(2, 16), 1, &Silent);
    let (first, last) = (Weights::init(&graph, 0), &trained(&outcomes[0]).weights);
    for (key, tensor) in &last.0 {
        let same = first.get(key) == Some(tensor);
        assert_eq!(same, !key.starts_with("classes"), "{key}");
    }
}

#[test]
fn a_network_with_nothing_to_train_is_only_judged() {
    let graph = "x = input[4]\ny = linear(x, out=3) @ frozen\noutput = output(y)";
    let graph: Graph = graph.parse().unwrap();
    let outcomes = train(&candidates(&graph, 1), &recipe(2, 16), 1, &Silent);
    let trained = trained(&outcomes[0]);
    assert_eq!(trained.weights, Weights::init(&graph, 0));
    assert_eq!(trained.epochs[0].validation, trained.epochs[1].validation);
}

#[test]
fn dropout_changes_training_and_not_predictions() {
    let graph: Graph = CHAIN.parse().unwrap();
    let plain: Graph = CHAIN.replace("p=0.3", "p=0").parse().unwrap();
    let first_loss = |graph: &Graph| {
        let outcomes = train(&candidates(graph, 1), &recipe(1, 96), 1, &Silent);
        trained(&outcomes[0]).epochs[0].train_loss
    };
    assert_ne!(first_loss(&graph), first_loss(&plain));
    let weights = Weights::init(&graph, 0);
    let features = rows(&graph, 8).features;
    let logits =
        |graph: &Graph| MlpEngine::new().predict(graph, &weights, features.borrow(), &placement(1));
    assert_eq!(logits(&graph), logits(&plain));
}

#[test]
fn a_panic_fails_its_candidate_alone() {
    struct Panics;
    impl Observer for Panics {
        fn epoch(&self, candidate: usize, _epoch: &Epoch) -> Verdict {
            assert_ne!(candidate, 1, "out of luck");
            Verdict::Continue
        }
    }
    let graph: Graph = CHAIN.parse().unwrap();
    let outcomes = train(&candidates(&graph, 3), &recipe(1, 16), 2, &Panics);
    let TrainOutcome::Failed { reason } = &outcomes[1] else {
        panic!("{:?}", outcomes[1]);
    };
    assert!(reason.contains("out of luck"), "{reason}");
    trained(&outcomes[0]);
    trained(&outcomes[2]);
}

/// A network with normalisation, relu and dropout in the middle, of widths that fill no vector.
fn deep(first: usize, second: usize) -> Graph {
    let text = format!(
        "x = input[5]
        a = linear(x, out={first}, bias=false)
        b = batch_norm(a)
        c = relu(b)
        d = linear(c, out={second})
        e = relu(d)
        f = dropout(e, p=0.1)
        g = batch_norm(f)
        h = linear(g, out=3)
        output = output(h)"
    );
    text.parse().unwrap()
}

#[test]
fn threads_change_no_bit_of_candidates_of_many_sizes() {
    let candidate = |(seed, (first, second)): (usize, (usize, usize))| Candidate {
        graph: deep(first, second),
        seed: seed as u64,
        weights: None,
    };
    let widths = [(3, 7), (40, 33), (1, 1), (17, 64), (8, 8)];
    let candidates: Vec<Candidate> = widths.into_iter().enumerate().map(candidate).collect();
    let [one, three] = [1, 3].map(|threads| train(&candidates, &recipe(3, 25), threads, &Silent));
    for (one, three) in one.iter().zip(&three) {
        assert_eq!(trained(one), trained(three));
    }
    for candidate in 0..candidates.len() {
        let alone = train(
            &candidates[candidate..=candidate],
            &recipe(3, 25),
            1,
            &Silent,
        );
        assert_eq!(trained(&alone[0]), trained(&one[candidate]));
    }
}

#[test]
fn the_largest_candidates_begin_first() {
    struct Order(Mutex<Vec<usize>>);
    impl Observer for Order {
        fn epoch(&self, candidate: usize, _epoch: &Epoch) -> Verdict {
            self.0.lock().unwrap().push(candidate);
            Verdict::Continue
        }
    }
    let widths = [(4, 4), (64, 64), (16, 16)];
    let candidate = |(first, second)| Candidate {
        graph: deep(first, second),
        seed: 1,
        weights: None,
    };
    let order = Order(Mutex::default());
    train(&widths.map(candidate), &recipe(1, 32), 1, &order);
    assert_eq!(order.0.into_inner().unwrap(), [1, 2, 0]);
}

#[test]
fn a_row_is_predicted_alone_as_among_others() {
    let graph = deep(9, 20);
    let weights = Weights::init(&graph, 3);
    let rows = rows(&graph, 150);
    let features = rows.features.numbers();
    for path in Path::available() {
        let predict = |features: &[f32]| {
            let engine = MlpEngine::on(path);
            engine
                .predict(
                    &graph,
                    &weights,
                    FeatureRows::Numbers(features),
                    &placement(1),
                )
                .unwrap()
        };
        let together = predict(features);
        for row in [0, 15, 16, 127, 128, 149] {
            let alone = predict(&features[row * 5..][..5]);
            assert_eq!(
                alone,
                together[row * 3..][..3],
                "row {row} on {}",
                path.name()
            );
        }
    }
}

#[test]
fn judges_as_core_judges_the_predictions() {
    let graph = deep(9, 20);
    let weights = Weights::init(&graph, 3);
    for n_rows in [1, 16, 77, 300] {
        let rows = rows(&graph, n_rows);
        let engine = MlpEngine::new();
        let logits = engine.predict(&graph, &weights, rows.features.borrow(), &placement(1));
        let expected = Evaluation::of(&logits.unwrap(), &rows.labels);
        let judged = engine
            .evaluate(&graph, &weights, rows.rows(), &placement(1))
            .unwrap();
        assert!(
            (judged.loss - expected.loss).abs() < 1e-6,
            "{judged:?}, not {expected:?}"
        );
        assert_eq!(judged.accuracy, expected.accuracy);
        assert_eq!(judged.macro_accuracy, expected.macro_accuracy);
    }
    let nothing = Split::default();
    let judged = MlpEngine::new().evaluate(&graph, &weights, nothing.rows(), &placement(1));
    assert!(judged.unwrap().loss.is_nan());
}

#[test]
fn paths_agree_but_for_rounding() {
    let graph = deep(20, 9);
    let rows = rows(&graph, 200);
    let losses: Vec<f64> = Path::available()
        .into_iter()
        .map(|path| {
            let job = TrainJob {
                candidates: &candidates(&graph, 1),
                train: rows.rows(),
                validation: rows.rows(),
                recipe: &recipe(2, 32),
                placement: &placement(1),
            };
            let outcomes = MlpEngine::on(path).train(&job, &Silent).unwrap();
            trained(&outcomes[0]).epochs[1].train_loss
        })
        .collect();
    for loss in &losses {
        assert!((loss - losses[0]).abs() < 1e-4, "{losses:?}");
    }
}

#[test]
fn a_layer_of_1024_learns() {
    let graph = deep(1024, 33);
    let gentle = Recipe {
        learning_rate: 1e-3,
        ..recipe(6, 32)
    };
    let outcomes = train(&candidates(&graph, 1), &gentle, 1, &Silent);
    let epochs = &trained(&outcomes[0]).epochs;
    let (first, last) = (epochs[0].train_loss, epochs[5].train_loss);
    assert!(last < 0.7 * first, "{first} to {last}");
}

#[test]
fn parts_of_a_recipe_make_what_the_whole_of_it_makes() {
    let graph: Graph = CHAIN.parse().unwrap();
    // Moments would start at zero again, so there are none.
    let whole = Recipe {
        optimizer: Optimizer::Sgd,
        momentum: 0.0,
        lr_scheduler: LrScheduler::Cosine,
        log_every_n_steps: Some(1),
        ..recipe(5, 16)
    };
    let expected = train(&candidates(&graph, 1), &whole, 1, &Silent);
    let expected = trained(&expected[0]);
    let (mut weights, mut epochs) = (None, Vec::new());
    for part in [(0, 2), (2, 3), (3, 5)] {
        let candidate = Candidate {
            weights,
            ..candidates(&graph, 1).remove(0)
        };
        let part = Recipe {
            part: Some(part),
            ..whole.clone()
        };
        let outcomes = train(&[candidate], &part, 1, &Silent);
        let part = trained(&outcomes[0]);
        epochs.extend(part.epochs.clone());
        assert_eq!(part.kept_epoch, epochs.len());
        weights = Some(part.weights.clone());
    }
    assert_eq!(epochs, expected.epochs);
    assert_eq!(weights.as_ref(), Some(&expected.weights));
}

#[test]
fn a_chain_without_layers_is_judged() {
    let graph: Graph = "x = input[3]\ny = output(x)".parse().unwrap();
    let outcomes = train(&candidates(&graph, 1), &recipe(1, 7), 1, &Silent);
    let trained = trained(&outcomes[0]);
    assert_eq!(
        trained.epochs[0].train_accuracy,
        trained.epochs[0].validation.accuracy
    );
}

/// Returns how often memory was asked for while a network was trained on so many rows.
fn allocations_of(graph: &Graph, n_rows: usize) -> usize {
    let rows = rows(graph, n_rows);
    let job = TrainJob {
        candidates: &candidates(graph, 1),
        train: rows.rows(),
        validation: rows.rows(),
        recipe: &recipe(2, 32),
        placement: &placement(1),
    };
    let train = || train::train(0, &job, Path::available()[0], &Silent);
    let (count, outcome) = allocations(train);
    trained(&outcome);
    count
}

#[test]
fn steps_allocate_nothing() {
    let graph = deep(12, 9);
    // 2 steps an epoch, and 100.
    assert_eq!(allocations_of(&graph, 64), allocations_of(&graph, 3200));
}
