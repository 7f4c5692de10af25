//! Networks of every kind, drawn at random.

use rand::RngExt;

use crate::graph::{Graph, Node, Op};
use crate::random::{Purpose, Stream, stream};

/// Returns a small network of `n_blocks` random blocks and a classifier.
///
/// Pictures or vectors; chains, sums with and without projections, concatenations that are nested
/// and added to others with other boundaries, depthwise convolutions and such in groups, strides,
/// pools, flattens in the middle of a sum. One network in eight has no layer of its own in front of
/// the output. The same seed and number of blocks always give the same network.
pub fn random_graph(seed: u64, n_blocks: usize) -> Graph {
    let mut rng = stream(seed, Purpose::Dataset, n_blocks as u64);
    let shape = match rng.random_range(0..4) {
        0 => vec![rng.random_range(1..7)],
        _ => vec![
            rng.random_range(1..5),
            rng.random_range(4..8),
            rng.random_range(4..8),
        ],
    };
    let input = Op::Input {
        shape: shape.clone(),
    };
    let mut draft = Draft {
        nodes: vec![Node::new("x", input, &[])],
        rng,
    };
    let mut last = Wire {
        name: "x".to_owned(),
        shape,
    };
    for _ in 0..n_blocks {
        // Concatenations would soon fill the time that a test has.
        if last.shape[0] > 16 {
            last = draft.layer(&last, None);
        }
        last = match last.shape.len() {
            1 => draft.vector_block(&last),
            _ => draft.image_block(&last),
        };
    }
    if draft.one_in(8) {
        draft.op("output", Op::Output, &[&last]);
    } else {
        if last.shape.len() > 1 {
            last = draft.flattened(&last);
        }
        let n_classes = draft.rng.random_range(2..5);
        last = draft.linear(&last, n_classes);
        draft.op("output", Op::Output, &[&last]);
    }
    Graph::new(draft.nodes).expect("every block reads what the one before makes")
}

/// A network that is being drawn.
struct Draft {
    nodes: Vec<Node>,
    rng: Stream,
}

/// The result of a node.
#[derive(Debug, Clone)]
struct Wire {
    name: String,
    shape: Vec<usize>,
}

impl Draft {
    fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_range(0..n) == 0
    }

    fn channels(&mut self) -> usize {
        self.rng.random_range(1..9)
    }

    /// Adds a node; the shape of its result follows from its inputs.
    fn op(&mut self, name: &str, op: Op, inputs: &[&Wire]) -> Wire {
        let first = &inputs[0].shape;
        let slide = |channels: usize, kernel: [usize; 2], stride: [usize; 2], pad: [usize; 2]| {
            let size = |dim: usize| (first[1 + dim] + 2 * pad[dim] - kernel[dim]) / stride[dim] + 1;
            vec![channels, size(0), size(1)]
        };
        let shape = match &op {
            Op::Linear { out_features, .. } => vec![*out_features],
            Op::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
                ..
            } => slide(*out_channels, *kernel, *stride, *padding),
            Op::MaxPool {
                kernel,
                stride,
                padding,
            }
            | Op::AvgPool {
                kernel,
                stride,
                padding,
            } => slide(first[0], *kernel, *stride, *padding),
            Op::GlobalAvgPool => vec![first[0]],
            Op::Flatten => vec![first.iter().product()],
            Op::Concat => {
                let mut shape = first.clone();
                shape[0] = inputs.iter().map(|input| input.shape[0]).sum();
                shape
            }
            _ => first.clone(),
        };
        let name = match op {
            Op::Output => name.to_owned(),
            _ => format!("{name}_{}", self.nodes.len()),
        };
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        self.nodes.push(Node::new(&name, op, &names));
        Wire { name, shape }
    }

    fn conv(&mut self, input: &Wire, out: usize, kernel: usize, stride: usize) -> Wire {
        self.grouped(input, out, kernel, stride, 1)
    }

    fn grouped(
        &mut self,
        input: &Wire,
        out: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
    ) -> Wire {
        let op = Op::Conv2d {
            in_channels: input.shape[0],
            out_channels: out,
            kernel: [kernel, kernel],
            stride: [stride, stride],
            padding: [kernel / 2, kernel / 2],
            groups,
            bias: !self.one_in(3),
        };
        self.op("conv", op, &[input])
    }

    fn linear(&mut self, input: &Wire, out: usize) -> Wire {
        let op = Op::Linear {
            in_features: input.shape[0],
            out_features: out,
            bias: !self.one_in(3),
        };
        self.op("linear", op, &[input])
    }

    /// Adds a layer that keeps height and width, of some channels or of any number.
    fn layer(&mut self, input: &Wire, out: Option<usize>) -> Wire {
        let out = out.unwrap_or_else(|| self.channels());
        let kernel = [1, 3][self.rng.random_range(0..2)];
        match input.shape.len() {
            1 => self.linear(input, out),
            _ => self.conv(input, out, kernel, 1),
        }
    }

    /// Adds what mostly stands behind a layer.
    fn normalised(&mut self, input: &Wire) -> Wire {
        let mut last = input.clone();
        if !self.one_in(3) {
            let op = Op::BatchNorm {
                features: last.shape[0],
                momentum: 0.9,
                eps: 0.001,
            };
            last = self.op("norm", op, &[&last]);
        }
        match self.rng.random_range(0..6) {
            0 => last,
            1 => self.op("dropout", Op::Dropout { p: 0.25 }, &[&last]),
            _ => self.op("relu", Op::Relu, &[&last]),
        }
    }

    fn sum(&mut self, inputs: &[&Wire]) -> Wire {
        self.op("add", Op::Add, inputs)
    }

    fn image_block(&mut self, input: &Wire) -> Wire {
        let has_room = input.shape[1].min(input.shape[2]) > 2;
        match self.rng.random_range(0..10) {
            0 => {
                let layer = self.layer(input, None);
                self.normalised(&layer)
            }
            1 if has_room => self.residual(input, 2),
            1 | 2 => self.residual(input, 1),
            3 => self.depthwise(input),
            4 => self.in_groups(input),
            5 if has_room => self.pool(input),
            6 if self.one_in(2) => self.flattened(input),
            7 => self.crossed(input),
            _ => self.joined_block(input),
        }
    }

    fn vector_block(&mut self, input: &Wire) -> Wire {
        match self.rng.random_range(0..4) {
            0 => {
                let layer = self.layer(input, None);
                self.normalised(&layer)
            }
            1 => {
                let layer = self.layer(input, Some(input.shape[0]));
                let layer = self.normalised(&layer);
                self.sum(&[&layer, input])
            }
            _ => self.joined_block(input),
        }
    }

    /// Two layers beside a way around them, with a projection where that is needed or wanted.
    fn residual(&mut self, input: &Wire, stride: usize) -> Wire {
        let needs_projection = stride > 1 || self.one_in(3);
        let out = match needs_projection {
            true => self.channels(),
            false => input.shape[0],
        };
        let inner = self.channels();
        let first = self.conv(input, inner, 3, stride);
        let first = self.normalised(&first);
        let second = self.conv(&first, out, 3, 1);
        let second = self.normalised(&second);
        let around = match needs_projection {
            true => self.conv(input, out, 1, stride),
            false => input.clone(),
        };
        let sum = self.sum(&[&second, &around]);
        self.normalised(&sum)
    }

    /// Each channel for itself, then all together.
    fn depthwise(&mut self, input: &Wire) -> Wire {
        let multiplier = self.rng.random_range(1..4);
        let channels = input.shape[0];
        let alone = self.grouped(input, channels * multiplier, 3, 1, channels);
        let alone = self.normalised(&alone);
        match self.one_in(3) {
            true => alone,
            false => self.layer(&alone, None),
        }
    }

    /// Blocks of channels for themselves, of one layer or across the border of two.
    fn in_groups(&mut self, input: &Wire) -> Wire {
        let groups = self.rng.random_range(2..4);
        let width = groups * self.rng.random_range(2..4);
        let first = self.rng.random_range(1..width);
        let reads = match self.one_in(2) {
            true => {
                let one = self.layer(input, Some(first));
                let other = self.layer(input, Some(width - first));
                self.op("concat", Op::Concat, &[&one, &other])
            }
            false => self.layer(input, Some(width)),
        };
        let out = groups * self.rng.random_range(1..4);
        let made = self.grouped(&reads, out, 3, 1, groups);
        match out == width && self.one_in(2) {
            true => self.sum(&[&made, &reads]),
            false => self.normalised(&made),
        }
    }

    fn pool(&mut self, input: &Wire) -> Wire {
        let [kernel, stride] = [[2, 2], [3, 3]][self.rng.random_range(0..2)].map(|n| [n, n]);
        let padding = [self.rng.random_range(0..2); 2];
        let op = match self.one_in(2) {
            true => Op::MaxPool {
                kernel,
                stride,
                padding,
            },
            false => Op::AvgPool {
                kernel,
                stride,
                padding,
            },
        };
        self.op("pool", op, &[input])
    }

    /// Results side by side, maybe added to others with other boundaries.
    fn joined_block(&mut self, input: &Wire) -> Wire {
        let part = self.layer(input, None);
        let part = self.normalised(&part);
        let one = self.op("concat", Op::Concat, &[input, &part]);
        if self.one_in(2) {
            return one;
        }
        let total = one.shape[0];
        let first = self.rng.random_range(1..total);
        let left = self.layer(input, Some(first));
        let right = self.layer(input, Some(total - first));
        let other = self.op("concat", Op::Concat, &[&left, &right]);
        let sum = self.sum(&[&one, &other]);
        match self.one_in(2) {
            true => {
                let whole = self.layer(&sum, Some(total));
                self.sum(&[&whole, &sum])
            }
            false => sum,
        }
    }

    /// The same parts in two orders, added.
    fn crossed(&mut self, input: &Wire) -> Wire {
        let one = self.layer(input, None);
        let other = self.layer(input, None);
        let ahead = self.op("concat", Op::Concat, &[&one, &other]);
        let back = self.op("concat", Op::Concat, &[&other, &one]);
        self.sum(&[&ahead, &back])
    }

    /// Everything in one dimension, maybe added to a layer that sees it all.
    fn flattened(&mut self, input: &Wire) -> Wire {
        if self.one_in(3) {
            return self.op("global", Op::GlobalAvgPool, &[input]);
        }
        let flat = self.op("flatten", Op::Flatten, &[input]);
        match self.one_in(3) {
            true => {
                let layer = self.linear(&flat, flat.shape[0]);
                self.sum(&[&layer, &flat])
            }
            false => flat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn one_seed_gives_one_network() {
        assert_eq!(random_graph(3, 4), random_graph(3, 4));
        assert_ne!(random_graph(3, 4), random_graph(4, 4));
    }

    #[test]
    fn every_op_is_drawn() {
        let graphs: Vec<Graph> = (0..200).map(|seed| random_graph(seed, 4)).collect();
        let nodes = graphs.iter().flat_map(Graph::nodes);
        let ops: BTreeSet<&str> = nodes.map(|node| node.op.name()).collect();
        assert_eq!(ops, Op::NAMES.into());
    }
}
