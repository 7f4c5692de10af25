//! Networks with number formats.

use firebrick_core::formats::{Layout, LearnedStep, operands};
use firebrick_core::graph::NumberFormat;
use firebrick_core::testing::number_formats;

use super::*;

/// One of everything, with formats on what has an effect of its own.
const NETWORK: &str = "
    x = input[2, 6, 5]
    conv = conv2d(x, out=8, kernel=3, padding=1) @ data_in=F weight=F bias=F
    norm = batch_norm(conv) @ data_in=F weight=F bias=F
    relu = relu(norm) @ data_in=F
    depthwise = conv2d(relu, out=8, kernel=3, groups=8) @ data_in=F weight=F bias=F
    other = conv2d(relu, out=8, kernel=3) @ data_in=F weight=F
    sum = add(depthwise, other) @ data_in=F
    both = concat(sum, depthwise) @ data_in=F
    pool = max_pool(both, kernel=2) @ data_in=F
    mean = global_avg_pool(pool) @ data_in=F
    drop = dropout(mean, p=0.1) @ data_in=F
    classes = linear(drop, out=3) @ data_in=F weight=F bias=F
    output = output(classes) @ data_in=F";

fn network(format: &NumberFormat) -> Graph {
    NETWORK
        .replace("=F", &format!("={format}"))
        .parse()
        .unwrap()
}

/// Returns first weights that are not all stored as 0.
fn first_weights(graph: &Graph) -> Weights {
    let mut weights = Weights::init(graph, 1);
    for (key, tensor) in &mut weights.0 {
        if key.ends_with("_step") {
            tensor.data = vec![0.1];
        } else if tensor.shape.len() > 1 {
            tensor.data.iter_mut().for_each(|weight| *weight *= 4.0);
        }
    }
    weights
}

fn last_weights(graph: &Graph, recipe: &Recipe, threads: usize) -> Weights {
    let mut candidates = candidates(graph, 2);
    candidates[1].weights = Some(first_weights(graph));
    let outcomes = train(&candidates, recipe, threads, &Silent);
    trained(&outcomes[1]).weights.clone()
}

#[test]
fn every_format_trains_on_every_operand() {
    for format in number_formats() {
        let graph = network(&format);
        if BurnEngine::cpu().supports(&graph).is_err() {
            // What is scaled by all of a tensor is for weights alone.
            assert!(matches!(format.name.as_str(), "binary" | "ternary"));
            continue;
        }
        let sgd = Recipe {
            optimizer: Optimizer::Sgd,
            weight_decay: 0.0,
            ..recipe(1, 24)
        };
        let [one, two] = [1, 2].map(|threads| last_weights(&graph, &sgd, threads));
        assert_eq!(one, two, "{format}: threads change nothing");
        let first = first_weights(&graph);
        // Of other formats sums soon lie beyond the limits, where no gradient passes.
        let has_room = format.signed && format.width > 2;
        let layers = ["conv", "depthwise", "other", "classes"].into_iter();
        for layer in layers.filter(|_| has_room) {
            let key = format!("{layer}.weight");
            assert_ne!(one.get(&key), first.get(&key), "{key} in {format} learns");
        }
    }
}

#[test]
fn every_step_of_every_operand_is_learned() {
    let graph = network(&NumberFormat::new("lsq", 4));
    let steps = |weights: &Weights| -> Vec<(String, f32)> {
        let steps = weights.0.iter().filter(|(key, _)| key.ends_with("_step"));
        steps
            .map(|(key, tensor)| (key.clone(), tensor.data[0]))
            .collect()
    };
    let first = steps(&first_weights(&graph));
    let last = steps(&last_weights(&graph, &recipe(1, 24), 1));
    // 12 nodes read; of 5 layers 2 have no bias or no weight in a format.
    assert_eq!(first.len(), 12 + 5 + 4);
    for ((key, before), (_, after)) in first.into_iter().zip(last) {
        assert_ne!(before, after, "{key}");
    }
}

#[test]
fn what_is_frozen_is_stored_and_stays() {
    let lsq = NumberFormat::new("lsq", 4);
    let text = NETWORK.replace(
        "conv2d(x, out=8, kernel=3, padding=1) @",
        "conv2d(x, out=8, kernel=3, padding=1) @ frozen",
    );
    let text = text.replace("batch_norm(conv) @", "batch_norm(conv) @ frozen");
    let frozen: Graph = text.replace("=F", &format!("={lsq}")).parse().unwrap();
    let last = last_weights(&frozen, &recipe(1, 24), 1);
    let first = first_weights(&frozen);
    for (key, tensor) in &last.0 {
        let stays = ["conv.", "norm."].iter().any(|node| key.starts_with(node));
        assert_eq!(first.get(key) == Some(tensor), stays, "{key}");
    }
    // A step so large that all is stored as 0 is seen.
    let features = rows(&frozen, 8).features;
    let logits = |weights: &Weights| {
        BurnEngine::cpu()
            .predict(&frozen, weights, features.borrow(), &placement(1))
            .unwrap()
    };
    let mut coarse = last.clone();
    coarse.0.get_mut("norm.weight_step").unwrap().data = vec![1e3];
    assert_ne!(logits(&last), logits(&coarse));
}

#[test]
fn wide_formats_train_as_float32_does() {
    let plain: Graph = CHAIN.parse().unwrap();
    let wide = |format: &NumberFormat| {
        let mut nodes = plain.nodes().to_vec();
        for node in &mut nodes {
            for operand in operands(node) {
                let formats = &mut node.annotations.formats;
                formats.insert(operand.to_owned(), format.clone());
            }
        }
        Graph::new(nodes).unwrap()
    };
    let descent = Recipe {
        optimizer: Optimizer::Sgd,
        weight_decay: 0.0,
        learning_rate: 0.05,
        ..recipe(4, 16)
    };
    let loss = |graph: &Graph| {
        let outcomes = train(&candidates(graph, 1), &descent, 1, &Silent);
        trained(&outcomes[0]).epochs[3].validation.loss
    };
    let expected = loss(&plain);
    let minifloat = NumberFormat {
        exponent_width: Some(8),
        ..NumberFormat::new("minifloat_ieee", 30)
    };
    for format in [NumberFormat::integer(24, 18), minifloat] {
        let found = loss(&wide(&format));
        assert!(
            (found - expected).abs() < 1e-4,
            "{format}: {found}, {expected}"
        );
    }
    let narrow = loss(&wide(&NumberFormat::integer(3, 1)));
    assert!((narrow - expected).abs() > 1e-2, "{narrow}, {expected}");
}

/// The step of one weight moves as [`LearnedStep::step_gradient`] says, by hand.
#[test]
fn a_step_moves_along_its_gradient() {
    let text = "x = input[4]
        classes = linear(x, out=3, bias=false) @ weight=lsq(3)
        output = output(classes)";
    let graph: Graph = text.parse().unwrap();
    let mut first = Weights::init(&graph, 0);
    first.0.get_mut("classes.weight_step").unwrap().data = vec![0.07];
    let weight = first.get("classes.weight").unwrap().data.clone();
    let format = LearnedStep::new(3, true, 0.07).unwrap();
    let mut stored = weight.clone();
    let layout = Layout::of_tensor(&[3, 4]);
    Quantizer::LearnedStep(format).quantize(&weight, layout, &mut stored);

    let split = rows(&graph, 96);
    let mut by_stored = vec![0.0; 12];
    for (x, label) in split.features.numbers().chunks(4).zip(&split.labels) {
        let logits: Vec<f32> = stored
            .chunks(4)
            .map(|w| w.iter().zip(x).map(|(w, x)| w * x).sum())
            .collect();
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for (class, logit) in logits.iter().enumerate() {
            let target = f32::from(u8::from(class as u32 == *label));
            for (at, x) in x.iter().enumerate() {
                by_stored[class * 4 + at] += (logit.exp() / sum - target) * x / 96.0;
            }
        }
    }
    let candidate = Candidate {
        graph: graph.clone(),
        seed: 0,
        weights: Some(first),
    };
    let descent = Recipe {
        optimizer: Optimizer::Sgd,
        weight_decay: 0.0,
        learning_rate: 0.1,
        ..recipe(1, 96)
    };
    let outcomes = train(&[candidate], &descent, 1, &Silent);
    let found = trained(&outcomes[0]).weights.0["classes.weight_step"].data[0];
    let expected = 0.07 - 0.1 * format.step_gradient(&weight, &by_stored, 12);
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}
