//! Candidates come to the same numbers in a stack as alone.

use burn::tensor::{Device, Tensor, TensorData};
use firebrick_core::channels::Channels;
use firebrick_core::formats::operands;
use firebrick_core::graph::{Graph, NumberFormat, Op};
use firebrick_core::random::{Purpose, Stream, stream};
use firebrick_core::recipe::{Optimizer as Kind, Recipe};
use firebrick_core::testing::{PLAIN_RECIPE, random_graph};
use firebrick_core::weights::Weights;
use rand::RngExt;

use super::Layout;
use crate::loss::cross_entropy;
use crate::network::Network;
use crate::ops::Values;
use crate::optimizer::Optimizer;
use crate::parameters::{Parameters, numbers};

const ROWS: usize = 12;
const STEPS: usize = 20;

/// What is trained, from first weights of its own on rows of its own.
struct Candidate {
    graph: Graph,
    seed: u64,
}

impl Candidate {
    fn weights(&self) -> Weights {
        Weights::init(&self.graph, self.seed)
    }

    /// The rows of a step and their labels.
    fn batch(&self, step: usize) -> (Vec<f32>, Vec<u32>) {
        let mut rng = stream(self.seed, Purpose::Dataset, step as u64);
        let width: usize = self.graph.input_shape().iter().product();
        let rows = (0..ROWS * width).map(|_| rng.random_range(-1.5..1.5));
        let rows = rows.collect();
        let n_classes = self.graph.output_shape()[0] as u32;
        (
            rows,
            (0..ROWS).map(|_| rng.random_range(0..n_classes)).collect(),
        )
    }

    fn dropout(&self, step: usize) -> Stream {
        stream(self.seed, Purpose::Dropout, step as u64)
    }
}

/// What training a candidate came to.
#[derive(Debug)]
struct Trained {
    losses: Vec<f64>,
    weights: Weights,
    logits: Vec<f32>,
}

fn values(rows: Vec<f32>, graph: &Graph) -> Values {
    let shape = graph.input_shape();
    let shape = [ROWS, shape[0], shape[1..].iter().product()];
    Tensor::from_data(TensorData::new(rows, shape), &Device::flex())
}

fn alone(candidate: &Candidate, recipe: &Recipe) -> Trained {
    let graph = &candidate.graph;
    let mut parameters = Parameters::new(graph, &candidate.weights(), &Device::flex());
    let network = Network::new(graph, &parameters);
    let mut optimizer = Optimizer::new(recipe, &parameters);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let (rows, labels) = candidate.batch(step);
        let mut dropout = [candidate.dropout(step)];
        let x = values(rows, graph);
        let (logits, tape) = network.forward(&mut parameters, x, &mut dropout);
        let shape = logits.dims();
        let loss = cross_entropy(&numbers(logits), &labels, 0.0);
        losses.push(loss.loss);
        let grad = Tensor::from_data(TensorData::new(loss.gradient, shape), &Device::flex());
        let flat = network.backward(&parameters, tape, grad).flat();
        parameters.trained = optimizer.step(parameters.trained, flat, recipe.learning_rate);
    }
    let stored = network.stored(&parameters);
    let x = values(candidate.batch(STEPS).0, graph);
    Trained {
        losses,
        weights: parameters.to_weights(graph),
        logits: numbers(network.predict(&parameters, &stored, x)),
    }
}

/// A stack in training.
struct Stack<'a> {
    candidates: Vec<&'a Candidate>,
    layout: Layout,
    parameters: Parameters,
    optimizer: Optimizer,
    losses: Vec<Vec<f64>>,
    step: usize,
}

impl<'a> Stack<'a> {
    fn new(candidates: &'a [Candidate], recipe: &Recipe) -> Option<Self> {
        let graphs: Vec<&Graph> = candidates.iter().map(|of| &of.graph).collect();
        let layout = Layout::of(&graphs)?;
        let weights: Vec<Weights> = candidates.iter().map(Candidate::weights).collect();
        let weights: Vec<&Weights> = weights.iter().collect();
        let parameters = Parameters::stacked(&layout, &weights, &Device::flex());
        Some(Self {
            candidates: candidates.iter().collect(),
            optimizer: Optimizer::new(recipe, &parameters),
            parameters,
            layout,
            losses: vec![Vec::new(); candidates.len()],
            step: 0,
        })
    }

    fn x(&self, step: usize) -> Values {
        let rows = self.candidates.iter().map(|of| of.batch(step).0);
        let graph = self.layout.graph();
        Tensor::cat(rows.map(|rows| values(rows, graph)).collect(), 1)
    }

    /// Trains so many steps.
    fn train(&mut self, steps: usize, recipe: &Recipe) {
        for step in self.step..self.step + steps {
            self.make_step(step, recipe);
        }
        self.step += steps;
    }

    fn make_step(&mut self, step: usize, recipe: &Recipe) {
        let n = self.candidates.len();
        let network = Network::stacked(&self.layout, &self.parameters);
        let mut dropout: Vec<Stream> = self.candidates.iter().map(|of| of.dropout(step)).collect();
        let x = self.x(step);
        let (logits, tape) = network.forward(&mut self.parameters, x, &mut dropout);
        self.check_padding(&network.relus(&tape));
        let shape = logits.dims();
        let width = shape[1] / n;
        let logits = numbers(logits);
        let mut gradient = vec![0.0; logits.len()];
        for (nth, candidate) in self.candidates.iter().enumerate() {
            let places = |row: usize| (row * n + nth) * width..(row * n + nth + 1) * width;
            let own: Vec<f32> = (0..ROWS)
                .flat_map(|row| logits[places(row)].to_vec())
                .collect();
            let loss = cross_entropy(&own, &candidate.batch(step).1, 0.0);
            self.losses[nth].push(loss.loss);
            for (row, own) in loss.gradient.chunks_exact(width).enumerate() {
                gradient[places(row)].copy_from_slice(own);
            }
        }
        let grad = Tensor::from_data(TensorData::new(gradient, shape), &Device::flex());
        let flat = network.backward(&self.parameters, tape, grad).flat();
        let trained = self.parameters.trained.clone();
        self.parameters.trained = self.optimizer.step(trained, flat, recipe.learning_rate);
    }

    /// Checks that what pads the results of relus is 0.
    fn check_padding(&self, results: &[Values]) {
        let nodes = self.layout.graph().nodes().iter().enumerate();
        let relus = nodes.filter(|(_, node)| node.op == Op::Relu);
        let n = self.candidates.len();
        for ((idx, _), result) in relus.zip(results) {
            let [_, channels, places] = result.dims();
            let share = channels / n;
            let own = |channel: usize| {
                let mut own = self.layout.channels(channel / share, idx).iter();
                own.any(|own| own.contains(&(channel % share)))
            };
            for row in numbers(result.clone()).chunks_exact(channels * places) {
                for (channel, row) in row.chunks_exact(places).enumerate() {
                    assert!(own(channel) || row.iter().all(|number| *number == 0.0));
                }
            }
        }
    }

    fn keep(&mut self, candidates: &[usize]) {
        self.candidates = candidates.iter().map(|idx| self.candidates[*idx]).collect();
        self.losses = candidates
            .iter()
            .map(|idx| self.losses[*idx].clone())
            .collect();
        self.layout.keep(candidates);
        self.parameters.keep(candidates);
        self.optimizer.keep(candidates);
    }

    fn trained(&self) -> Vec<Trained> {
        let n = self.candidates.len();
        let network = Network::stacked(&self.layout, &self.parameters);
        let stored = network.stored(&self.parameters);
        let logits = network.predict(&self.parameters, &stored, self.x(self.step));
        let width = logits.dims()[1] / n;
        let logits = numbers(logits);
        let all: Vec<usize> = (0..n).collect();
        let weights = self.parameters.weights_of(&self.layout, &all);
        let trained = weights
            .into_iter()
            .enumerate()
            .map(|(nth, weights)| Trained {
                losses: self.losses[nth].clone(),
                weights,
                logits: logits
                    .chunks_exact(width)
                    .skip(nth)
                    .step_by(n)
                    .flatten()
                    .copied()
                    .collect(),
            });
        trained.collect()
    }

    /// Whether all that pads the candidates is 0.
    fn is_padded_with_zeros(&self) -> bool {
        let all: Vec<usize> = (0..self.candidates.len()).collect();
        let own = self.parameters.weights_of(&self.layout, &all);
        let own: Vec<&Weights> = own.iter().collect();
        let anew = Parameters::stacked(&self.layout, &own, &Device::flex());
        let kept = self.parameters.kept.iter().zip(&anew.kept);
        numbers(self.parameters.trained.clone()) == numbers(anew.trained.clone())
            && kept
                .into_iter()
                .all(|(a, b)| numbers(a.clone()) == numbers(b.clone()))
    }
}

/// Returns how far two trainings are apart: losses relative to losses, weights and logits to those
/// above 1.
fn distances(one: &Trained, other: &Trained) -> [f64; 3] {
    let far = |pairs: &mut dyn Iterator<Item = (f64, f64)>, least: f64| {
        let distances = pairs.map(|(one, other)| (one - other).abs() / one.abs().max(least));
        distances.fold(0.0, |far: f64, this| match this <= far {
            true => far,
            false => this,
        })
    };
    assert!(one.weights.0.keys().eq(other.weights.0.keys()));
    let losses = one.losses.iter().copied().zip(other.losses.iter().copied());
    let wide = |numbers: &[f32]| -> Vec<f64> { numbers.iter().copied().map(f64::from).collect() };
    let logits = wide(&one.logits).into_iter().zip(wide(&other.logits));
    let weights = one.weights.0.values().zip(other.weights.0.values());
    let mut weights = weights.flat_map(|(one, other)| {
        assert_eq!(one.shape, other.shape);
        wide(&one.data).into_iter().zip(wide(&other.data))
    });
    [
        far(&mut losses.into_iter(), 1e-3),
        far(&mut weights, 1.0),
        far(&mut logits.into_iter(), 1.0),
    ]
}

/// Returns a graph with random widths wherever they are free.
fn of_other_widths(graph: &Graph, seed: u64) -> Graph {
    let channels = Channels::of(graph);
    let mut rng = stream(seed, Purpose::Strategy, 0);
    let units = channels.groups().iter().map(|group| match group.fixed {
        Some(_) => group.units,
        None => rng.random_range(1..10),
    });
    let units: Vec<usize> = units.collect();
    Graph::new(channels.resized(graph, &units)).unwrap()
}

fn candidates(graph: &Graph, n: u64) -> Vec<Candidate> {
    let candidate = |seed| Candidate {
        graph: of_other_widths(graph, seed),
        seed,
    };
    (1..=n).map(candidate).collect()
}

/// Trains candidates of random widths in a stack, and returns how far each is from what it comes to
/// alone.
fn off(graph: &Graph, recipe: &Recipe) -> Vec<[f64; 3]> {
    let candidates = candidates(graph, 4);
    let mut stack = Stack::new(&candidates, recipe).expect("one topology");
    stack.train(STEPS, recipe);
    assert!(stack.is_padded_with_zeros(), "{graph}");
    let stacked = candidates.iter().zip(stack.trained());
    stacked
        .map(|(candidate, stacked)| distances(&alone(candidate, recipe), &stacked))
        .collect()
}

/// Checks that candidates of random widths train in a stack as they do alone.
fn check(graph: &Graph, recipe: &Recipe) {
    for [losses, weights, logits] in off(graph, recipe) {
        assert!(losses < 1e-5, "losses are {losses:.1e} off in\n{graph}");
        assert!(weights < 1e-4, "weights are {weights:.1e} off in\n{graph}");
        assert!(logits < 1e-4, "logits are {logits:.1e} off in\n{graph}");
    }
}

fn recipe(optimizer: Kind) -> Recipe {
    Recipe {
        optimizer,
        learning_rate: 1e-2,
        ..PLAIN_RECIPE
    }
}

// A bias in front of a batch normalisation has no gradient but for rounding, of which Adam makes
// whole steps: these networks have none there, so that weights can be compared.
const DENSE: &str = "
    x = input[6]
    n = batch_norm(x)
    r = relu(n)
    a = linear(r, out=8)
    ra = relu(a)
    b = linear(ra, out=5, bias=false)
    rb = relu(b)
    c = linear(rb, out=4)
    output = output(c)";

const NORMALISED: &str = "
    x = input[6]
    a = linear(x, out=8, bias=false)
    n = batch_norm(a)
    r = relu(n)
    d = dropout(r, p=0.3)
    b = linear(d, out=5, bias=false)
    m = batch_norm(b, momentum=0.5)
    q = relu(m)
    c = linear(q, out=4)
    output = output(c)";

const CONVOLUTIONS: &str = "
    x = input[3, 8, 8]
    a = conv2d(x, out=6, kernel=3, padding=1, bias=false)
    n = batch_norm(a)
    r = relu(n)
    p = max_pool(r, kernel=2)
    b = conv2d(p, out=7, kernel=3, padding=1, bias=false)
    m = batch_norm(b)
    q = relu(m)
    f = flatten(q)
    d = dropout(f, p=0.2)
    l = linear(d, out=9)
    rl = relu(l)
    c = linear(rl, out=5)
    output = output(c)";

const JOINED: &str = "
    x = input[3, 6, 6]
    a = conv2d(x, out=4, kernel=3, padding=1, bias=false)
    b = conv2d(x, out=5, kernel=1, bias=false)
    ab = concat(a, b)
    n = batch_norm(ab)
    r = relu(n)
    w = conv2d(r, out=9, kernel=3, padding=1)
    s = add(r, w)
    k = conv2d(s, out=9, kernel=3, padding=1, groups=9)
    g = avg_pool(k, kernel=2)
    q = relu(g)
    e = dropout(q, p=0.2)
    p = global_avg_pool(e)
    f = flatten(e)
    pf = concat(p, f)
    c = linear(pf, out=4)
    output = output(c)";

#[test]
fn dense_networks_train_as_they_do_alone() {
    check(&DENSE.parse().unwrap(), &recipe(Kind::Adam));
}

#[test]
fn normalised_networks_train_as_they_do_alone() {
    for kind in [Kind::Adam, Kind::AdamW, Kind::Sgd] {
        let recipe = Recipe {
            weight_decay: 0.01,
            momentum: 0.9,
            nesterov: true,
            ..recipe(kind)
        };
        check(&NORMALISED.parse().unwrap(), &recipe);
    }
}

#[test]
fn convolutions_train_as_they_do_alone() {
    check(&CONVOLUTIONS.parse().unwrap(), &recipe(Kind::Adam));
}

#[test]
fn sums_and_concatenations_train_as_they_do_alone() {
    check(&JOINED.parse().unwrap(), &recipe(Kind::AdamW));
}

#[test]
fn gradients_are_clipped_for_each_candidate() {
    for max_norm in [0.05, 1e3] {
        let clipped = Recipe {
            gradient_clip_norm: Some(max_norm),
            ..recipe(Kind::Sgd)
        };
        check(&NORMALISED.parse().unwrap(), &clipped);
    }
}

#[test]
fn networks_of_every_kind_train_as_they_do_alone() {
    let graphs = (0..40).map(|seed| random_graph(seed, 3));
    let graphs = graphs.filter(|graph| graph.output_shape().len() == 1);
    let recipe = Recipe {
        momentum: 0.5,
        learning_rate: 1e-3,
        ..recipe(Kind::Sgd)
    };
    let (mut n, mut n_equal) = (0, 0);
    for graph in graphs {
        let learns = !Weights::init(&graph, 0).0.is_empty();
        if !learns || Stack::new(&candidates(&graph, 4), &recipe).is_none() {
            continue;
        }
        for [losses, weights, _] in off(&graph, &recipe) {
            assert!(losses < 1e-3, "losses are {losses:.1e} off in\n{graph}");
            n += 1;
            n_equal += usize::from(losses < 1e-5 && weights < 1e-4);
        }
    }
    println!("{n_equal} of {n} candidates are equal");
    // Where rounding decides on which side of a relu a number is, what follows is another training.
    assert!(n > 60 && 50 * n_equal > 49 * n, "{n_equal} of {n}");
}

/// Gives every operand of every node fixed point, coarser or finer from candidate to candidate.
fn in_fixed_point(graph: &Graph, bits: u32) -> Graph {
    let mut nodes = graph.nodes().to_vec();
    for node in &mut nodes {
        let formats = operands(node).into_iter().map(|operand| {
            let frac_width = bits as i32 - 4 + (operand == "weight") as i32;
            (operand.to_owned(), NumberFormat::integer(bits, frac_width))
        });
        node.annotations.formats = formats.collect();
    }
    Graph::new(nodes).unwrap()
}

#[test]
fn numbers_in_fixed_point_are_stored_as_by_each_alone() {
    let recipe = recipe(Kind::Sgd);
    let (mut n, mut n_equal) = (0, 0);
    for text in [DENSE, NORMALISED, CONVOLUTIONS, JOINED] {
        for widths in [[8, 8, 8], [6, 9, 12]] {
            let mut candidates = candidates(&text.parse().unwrap(), 3);
            for (candidate, bits) in candidates.iter_mut().zip(widths) {
                candidate.graph = in_fixed_point(&candidate.graph, bits);
            }
            let mut stack = Stack::new(&candidates, &recipe).expect("one topology");
            stack.train(STEPS, &recipe);
            assert!(stack.is_padded_with_zeros(), "{text}");
            for (candidate, stacked) in candidates.iter().zip(stack.trained()) {
                let off = distances(&alone(candidate, &recipe), &stacked);
                n += 1;
                n_equal += usize::from(off[0] < 1e-5);
            }
        }
    }
    // Where rounding decides of a half, what follows is another training.
    assert!(n == 24 && n_equal + 1 >= n, "{n_equal} of {n}");
}

#[test]
fn as_many_candidates_as_may_be_come_to_the_same() {
    let recipe = recipe(Kind::Adam);
    for text in [DENSE, CONVOLUTIONS] {
        let candidates = candidates(&text.parse().unwrap(), 5);
        let in_stacks = |size: usize| -> Vec<Trained> {
            let stacks = candidates.chunks(size).map(|candidates| {
                let mut stack = Stack::new(candidates, &recipe).unwrap();
                stack.train(STEPS, &recipe);
                stack.trained()
            });
            stacks.flatten().collect()
        };
        let [one, two, five] = [1, 2, 5].map(in_stacks);
        for ((one, two), five) in one.iter().zip(&two).zip(&five) {
            for other in [two, five] {
                let [losses, weights, _] = distances(one, other);
                assert!(
                    losses < 1e-5 && weights < 1e-4,
                    "{losses:.1e} {weights:.1e}"
                );
            }
        }
    }
}

#[test]
fn those_who_stay_train_on_as_they_do_alone() {
    let recipe = Recipe {
        weight_decay: 0.01,
        gradient_clip_norm: Some(0.5),
        ..recipe(Kind::Adam)
    };
    let candidates = candidates(&CONVOLUTIONS.parse().unwrap(), 4);
    let mut stack = Stack::new(&candidates, &recipe).unwrap();
    stack.train(7, &recipe);
    stack.keep(&[1, 2, 3]);
    stack.train(6, &recipe);
    stack.keep(&[2, 0]);
    stack.train(7, &recipe);
    assert!(stack.is_padded_with_zeros());
    for (position, stacked) in [3, 1].into_iter().zip(stack.trained()) {
        let [losses, weights, _] = distances(&alone(&candidates[position], &recipe), &stacked);
        assert!(
            losses < 1e-5 && weights < 1e-4,
            "{losses:.1e} {weights:.1e}"
        );
    }
}

#[test]
fn takes_the_numbers_of_those_that_are_asked_for() {
    let candidates = candidates(&NORMALISED.parse().unwrap(), 3);
    let recipe = recipe(Kind::Adam);
    let mut stack = Stack::new(&candidates, &recipe).unwrap();
    let before = stack.parameters.clone();
    stack.train(3, &recipe);
    let mut mixed = before.clone();
    mixed.take(&stack.parameters, &[true, false, true]);
    let of = |parameters: &Parameters| parameters.weights_of(&stack.layout, &[0, 1, 2]);
    let [before, now, mixed] = [&before, &stack.parameters, &mixed].map(of);
    assert_eq!(mixed[0], now[0]);
    assert_eq!(mixed[1], before[1]);
    assert_eq!(mixed[2], now[2]);
    assert_ne!(before[1], now[1]);
}

#[test]
fn a_layout_has_room_for_each_part_of_a_sum() {
    let graph = |a: usize, b: usize| -> Graph {
        let text = format!(
            "x = input[3]\na = linear(x, out={a})\nb = linear(x, out={b})\nab = concat(a, b)\n\
             s = linear(ab, out={})\nt = add(s, ab)\nc = linear(t, out=2)\ny = output(c)",
            a + b
        );
        text.parse().unwrap()
    };
    let graphs = [graph(4, 2), graph(1, 5)];
    let layout = Layout::of(&[&graphs[0], &graphs[1]]).unwrap();
    let sum = layout.graph().index("t").unwrap();
    assert_eq!(layout.graph().shape(sum), [9]);
    assert_eq!(layout.channels(0, sum), [0..4, 4..6]);
    assert_eq!(layout.channels(1, sum), [0..1, 4..9]);
    let weight = Weights::init(&graphs[1], 1).0["s.weight"].data.clone();
    let s = layout.graph().index("s").unwrap();
    let wide = layout.widen(1, s, "weight", &[9, 9], &weight);
    assert_eq!(wide.iter().filter(|number| **number != 0.0).count(), 36);
    assert_eq!(layout.narrow(1, s, "weight", &[9, 9], &wide), weight);
}

#[test]
fn other_topologies_have_no_layout() {
    let graph = |body: &str| -> Graph {
        let text = format!("x = input[4]\n{body}\nc = linear(b, out=2)\ny = output(c)");
        text.parse().unwrap()
    };
    let first = graph("a = linear(x, out=5)\nb = relu(a)");
    let fits = |body: &str| Layout::of(&[&first, &graph(body)]).is_some();
    assert!(fits("a = linear(x, out=2)\nb = relu(a)"));
    assert!(!fits("a = linear(x, out=5)\nb = batch_norm(a)"));
    assert!(!fits("a = linear(x, out=5, bias=false)\nb = relu(a)"));
    assert!(!fits("a = linear(x, out=5) @ frozen\nb = relu(a)"));
    assert!(!fits("e = linear(x, out=5)\nb = relu(e)"));
    assert!(!fits(
        "a = linear(x, out=5) @ weight=integer(8, 4)\nb = relu(a)"
    ));
    assert!(!fits("a = linear(x, out=5)\nr = relu(a)\nb = relu(r)"));
}
