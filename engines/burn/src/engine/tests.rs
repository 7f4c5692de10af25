use std::process::Command;

use firebrick_core::dataset::{Features, Split};
use firebrick_core::engine::{Candidate, Epoch, Silent, Trained, Verdict, row_width};
use firebrick_core::graph::Annotations;
use firebrick_core::random::{Purpose, stream};
use firebrick_core::recipe::{Optimizer, Recipe};
use firebrick_core::registry::{Kind, Registration};
use firebrick_core::testing::{PLAIN_RECIPE, check_engine};
use rand::RngExt;

use super::*;

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
    BurnEngine::cpu().train(&job, observer).unwrap()
}

fn trained(outcome: &TrainOutcome) -> &Trained {
    match outcome {
        TrainOutcome::Trained(trained) => trained,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keeps_the_contract_of_engines() {
    check_engine(&BurnEngine::cpu());
}

#[test]
fn is_registered_under_its_name_with_docs() {
    let items = Registration::of_package("firebrick-engine-burn");
    let manifest = items[0].manifest();
    assert_eq!(
        (manifest.kind, manifest.name.as_str()),
        (Kind::Engine, "burn")
    );
    let summary = "Trains any network with the burn library, on the CPU.";
    assert_eq!(manifest.summary(), summary);
}

#[test]
fn names_what_it_can_not_train() {
    let refusal = |change: fn(&mut Annotations)| {
        let mut nodes = CHAIN.parse::<Graph>().unwrap().nodes().to_vec();
        change(&mut nodes[2].annotations);
        let graph = Graph::new(nodes).unwrap();
        BurnEngine::cpu().supports(&graph).unwrap_err().to_string()
    };
    let format = |operand: &str, format: &str| {
        let text = CHAIN.replace(
            "out=6)",
            &format!("out=6, bias=false) @ {operand}={format}"),
        );
        let graph: Graph = text.parse().unwrap();
        BurnEngine::cpu().supports(&graph).unwrap_err().to_string()
    };
    assert_eq!(
        format("data_in", "integer(8)"),
        "node `hidden` (linear) can't have `data_in` quantised: number format `integer` needs \
         `frac_width`"
    );
    assert_eq!(
        format("weight", "integer(1, 4)"),
        "node `hidden` (linear) can't have `weight` quantised: number format `integer` has \
         `width` 1, expected 2 to 32, of which one bit is the sign"
    );
    assert_eq!(
        format("bias", "integer(8, 4)"),
        "node `hidden` (linear) has number format `integer` on `bias`, it has data_in, weight"
    );
    assert!(format("weight", "intger(8, 4)").starts_with(
        "node `hidden` (linear) can't have `weight` quantised: number format `intger` is not \
             known"
    ));
    let sparse = refusal(|annotations| annotations.sparsity = Some(0.5));
    assert_eq!(
        sparse,
        "node `hidden` (linear) is sparse, training would fill its zeros"
    );
    let picture = "x = input[1, 4, 4]\ny = relu(x)\noutput = output(y)";
    let picture = BurnEngine::cpu()
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
    let logits = |graph: &Graph| {
        BurnEngine::cpu().predict(graph, &weights, features.borrow(), &placement(1))
    };
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

/// Large enough for burn to spread its operations over a pool of threads.
const PICTURES: &str = "
    x = input[3, 12, 12]
    conv_0 = conv2d(x, out=32, kernel=3, padding=1)
    norm = batch_norm(conv_0)
    relu_0 = relu(norm)
    conv_1 = conv2d(relu_0, out=32, kernel=3, padding=1)
    pool = max_pool(conv_1, kernel=2)
    flat = flatten(pool)
    hidden = linear(flat, out=256)
    relu_1 = relu(hidden)
    classes = linear(relu_1, out=4)
    output = output(classes)";

#[test]
fn a_convolutional_network_learns() {
    let graph: Graph = PICTURES.parse().unwrap();
    let one = Recipe {
        learning_rate: 1e-3,
        ..recipe(2, 48)
    };
    let outcomes = train(&candidates(&graph, 2), &one, 2, &Silent);
    let [first, last] = [0, 1].map(|epoch| trained(&outcomes[0]).epochs[epoch].train_loss);
    assert!(last < first, "{first} to {last}");
    for outcome in &outcomes {
        let tensors = trained(outcome).weights.0.values();
        let bits = tensors.flat_map(|tensor| tensor.data.iter().map(|value| value.to_bits()));
        // Read by the test below.
        println!("sum of bits: {}", bits.map(u64::from).sum::<u64>());
    }
}

#[test]
fn the_pool_of_threads_of_burn_changes_nothing() {
    let sums = |n_threads: &str| {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program)
            .args([
                "--exact",
                "engine::tests::a_convolutional_network_learns",
                "--nocapture",
            ])
            .env("RAYON_NUM_THREADS", n_threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let sums = text.lines().filter(|line| line.starts_with("sum of bits"));
        sums.map(str::to_owned).collect::<Vec<_>>()
    };
    let one = sums("1");
    assert_eq!(one.len(), 2, "two candidates were trained");
    assert_eq!(one, sums("3"));
}

mod quantized;
