use burn::tensor::{DType, Device, Tensor, TensorData};
use firebrick_core::graph::GraphBuilder;
use firebrick_core::random::{Purpose, stream};
use firebrick_core::weights::Weights;
use proptest::prelude::*;
use rand::RngExt;

use super::*;
use crate::parameters::Parameters;

const ROWS: usize = 5;

/// A network in float64, so that slopes can be told from rounding.
struct Fixture {
    graph: Graph,
    parameters: Parameters,
    x: Values,
    /// The loss is the sum of the outputs, each times its coefficient.
    coefficients: Values,
}

impl Fixture {
    fn new(graph: Graph, seed: u64) -> Self {
        let device = Device::flex();
        let mut rng = stream(seed, Purpose::Dataset, 0);
        let mut weights = Weights::init(&graph, seed);
        for tensor in weights.0.values_mut() {
            // Away from the 1 and 0 that batch normalisation starts with; variances stay positive.
            tensor
                .data
                .iter_mut()
                .for_each(|value| *value += rng.random_range(0.0..0.5));
        }
        let mut parameters = Parameters::new(&graph, &weights, &device);
        parameters.trained = parameters.trained.cast(DType::F64);
        parameters.kept = parameters
            .kept
            .into_iter()
            .map(|kept| kept.cast(DType::F64))
            .collect();
        let mut values = |shape: &[usize]| {
            let shape = [ROWS, shape[0], shape[1..].iter().product()];
            let values = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0));
            let data = TensorData::new(values.collect::<Vec<f64>>(), shape);
            Values::from_data(data, (&device, DType::F64))
        };
        let (x, coefficients) = (values(graph.input_shape()), values(graph.output_shape()));
        Self {
            graph,
            parameters,
            x,
            coefficients,
        }
    }

    /// The loss after a step of `scale` along a direction, and its gradient.
    fn loss(&self, direction: &[f64], scale: f64) -> (f64, Vec<f64>) {
        let mut parameters = self.parameters.clone();
        let step = TensorData::new(direction.to_vec(), [direction.len()]);
        let step = Tensor::<1>::from_data(step, (&Device::flex(), DType::F64));
        parameters.trained = parameters.trained + step.mul_scalar(scale);
        let network = Network::new(&self.graph, &parameters);
        let dropout = stream(3, Purpose::Dropout, 0);
        let (output, tape) = network.forward(&mut parameters, self.x.clone(), &mut [dropout]);
        let loss = (output * self.coefficients.clone()).sum();
        let loss: Vec<f64> = loss.into_data().try_into_vec().unwrap();
        let gradients = network.backward(&parameters, tape, self.coefficients.clone());
        (
            loss[0],
            gradients.flat().into_data().try_into_vec().unwrap(),
        )
    }

    /// Compares the gradient with the slopes of the loss along each of some directions, forwards and
    /// backwards, which differ where a relu or a maximum turns between them.
    fn check(&self) -> Result<(), TestCaseError> {
        const STEP: f64 = 1e-6;
        let n = self.parameters.n_trained();
        let (here, gradient) = self.loss(&vec![0.0; n], 0.0);
        let mut rng = stream(4, Purpose::Dataset, 1);
        for _ in 0..4 {
            let direction: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
            let (above, _) = self.loss(&direction, STEP);
            let (below, _) = self.loss(&direction, -STEP);
            let slopes = [(above - here) / STEP, (here - below) / STEP];
            let (least, most) = (slopes[0].min(slopes[1]), slopes[0].max(slopes[1]));
            let along: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            let scale: f64 = gradient.iter().map(|g| g.abs()).sum();
            let near = 1e-6 * (1.0 + scale);
            prop_assert!(
                (least - near..=most + near).contains(&along),
                "the slopes are {slopes:?}, the gradient says {along}\n{}",
                self.graph
            );
        }
        Ok(())
    }
}

/// Appends a node that a number between 0 and 255 stands for, if it fits.
fn push(builder: &mut GraphBuilder, last: &str, shape: &[usize], code: u8, idx: usize) -> String {
    let name = format!("n{idx}");
    let attribute = usize::from(code / 16);
    let (one, two) = (1 + attribute % 2, 1 + attribute / 2 % 2);
    let (kernel, padding) = ([1 + two, two], [one / 2, two / 2]);
    let fits = |padding: [usize; 2]| {
        let padded = shape
            .iter()
            .skip(1)
            .zip(padding)
            .map(|(size, padding)| size + 2 * padding);
        shape.len() == 3 && padded.zip(kernel).all(|(size, kernel)| size >= kernel)
    };
    let op = match code % 16 {
        0 | 1 if shape.len() == 1 => Op::Linear {
            in_features: shape[0],
            out_features: 2 + attribute % 4,
            bias: attribute != 3,
        },
        0..=3 if fits(padding) => Op::Conv2d {
            in_channels: shape[0],
            out_channels: if attribute > 7 { 2 * shape[0] } else { 3 },
            kernel,
            stride: [two, one],
            padding,
            groups: if attribute > 7 { shape[0] } else { 1 },
            bias: attribute % 3 != 0,
        },
        4 | 5 => Op::BatchNorm {
            features: shape[0],
            momentum: 0.3,
            eps: 1e-3,
        },
        6 | 7 => Op::Relu,
        8 if fits([0, 0]) => Op::MaxPool {
            kernel,
            stride: [one, two],
            padding: [0, 0],
        },
        9 if fits([kernel[0] / 2, 0]) => Op::AvgPool {
            kernel,
            stride: [two, one],
            padding: [kernel[0] / 2, 0],
        },
        10 => Op::Dropout { p: 0.25 },
        11 | 12 => {
            let side = builder.join(format!("{name}_side"), Op::Relu, &[last]);
            return builder.join(name, Op::Add, &[last, &side, last]);
        }
        13 | 14 if shape[0] < 9 => {
            let side = builder.join(format!("{name}_side"), Op::batch_norm(shape[0]), &[last]);
            return builder.join(name, Op::Concat, &[&side, last]);
        }
        15 if shape.len() == 3 => Op::GlobalAvgPool,
        _ => Op::Relu,
    };
    builder.join(name, op, &[last])
}

fn network(codes: &[u8]) -> Graph {
    let mut builder = GraphBuilder::new(&[2, 5, 4]);
    let mut last = "x".to_owned();
    for (idx, code) in codes.iter().enumerate() {
        // What shape comes next is asked of a graph that ends here.
        let so_far = builder.clone().finish();
        let shape = so_far
            .expect("every prefix is well-formed")
            .output_shape()
            .to_vec();
        last = push(&mut builder, &last, &shape, *code, idx);
    }
    builder.push("flat", Op::Flatten);
    let so_far = builder.clone().finish().expect("well-formed");
    builder.push("hidden", Op::linear(so_far.output_shape()[0], 4));
    builder.push("norm", Op::batch_norm(4));
    builder.push("classes", Op::linear(4, 3));
    builder.finish().expect("well-formed")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn gradients_are_slopes(codes in prop::collection::vec(any::<u8>(), 0..8), seed in 0_u64..1000) {
        Fixture::new(network(&codes), seed).check()?;
    }
}

#[test]
fn a_relu_that_turns_beside_a_point_has_a_slope_on_each_side() {
    let codes = [173, 45, 32, 157, 102];
    Fixture::new(network(&codes), 897).check().unwrap();
}

#[test]
fn gradients_of_what_is_not_frozen_are_slopes() {
    let graph = "
        x = input[6]
        a = linear(x, out=5) @ frozen
        b = batch_norm(a) @ frozen
        c = linear(b, out=4)
        d = batch_norm(c) @ frozen
        e = relu(d)
        f = linear(e, out=4) @ frozen
        g = batch_norm(f)
        output = output(g)";
    let fixture = Fixture::new(graph.parse().unwrap(), 1);
    // c has 5 * 4 + 4 numbers, g has 2 * 4.
    assert_eq!(fixture.parameters.n_trained(), 32);
    fixture.check().unwrap();
}
