//! What a network computes, slowly and plainly: every op as its definition says, in float64, and
//! numbers as they are stored.

use crate::formats::{Layout, Quantizer, learns_step, scale_and_shift, step_of};
use crate::graph::{Graph, Node, Op};
use crate::weights::{Tensor, Weights, tensors};

/// What batch normalisation goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// Mean and variance of the rows given, as in training.
    OfRows,
    /// The running mean and variance, as in evaluation.
    Running,
}

/// Returns the outputs of a network for some rows, row after row.
///
/// Made to be compared with, not to be fast. Dropout passes everything on. What has a number format
/// is rounded to float32 and stored: what a node reads before it computes, weights and biases, scale
/// and shift of a batch normalisation.
///
/// # Shapes
/// - rows: `[n_rows, ...input shape]`
/// - result: `[n_rows, ...output shape]`
///
/// # Panics
/// If the weights do not fit the network, the rows do not fill its input, or a format can't be
/// computed.
pub fn forward(graph: &Graph, weights: &Weights, rows: &[f64], statistics: Statistics) -> Vec<f64> {
    weights.check(graph).expect("the weights fit the network");
    let size: usize = graph.input_shape().iter().product();
    assert!(rows.len().is_multiple_of(size), "rows fill the input");
    let n_rows = rows.len() / size;
    let mut results: Vec<Vec<f64>> = Vec::new();
    for (node_idx, node) in graph.nodes().iter().enumerate() {
        let shapes = graph.input_shapes(node_idx);
        let formats = Formats { node, weights };
        let inputs: Vec<Vec<f64>> = graph
            .producers(node_idx)
            .zip(&shapes)
            .map(|(producer, shape)| formats.read(&results[producer], n_rows, shape))
            .collect();
        let result = match inputs.first() {
            None => rows.to_vec(),
            Some(_) => {
                let call = Call {
                    node,
                    weights: &formats.tensors(),
                    inputs,
                    shapes,
                    shape: graph.shape(node_idx),
                    n_rows,
                    formats,
                };
                call.compute(statistics)
            }
        };
        results.push(result);
    }
    results.pop().unwrap_or_default()
}

/// One node with what it reads.
struct Call<'a> {
    node: &'a Node,
    /// The tensors of the node as they are stored; those of a batch normalisation as they are.
    weights: &'a Weights,
    inputs: Vec<Vec<f64>>,
    shapes: Vec<&'a [usize]>,
    shape: &'a [usize],
    n_rows: usize,
    formats: Formats<'a>,
}

/// The number formats of a node.
#[derive(Clone, Copy)]
struct Formats<'a> {
    node: &'a Node,
    weights: &'a Weights,
}

/// A window that slides over height and width.
struct Window {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

impl Formats<'_> {
    fn of(&self, operand: &str) -> Option<Quantizer> {
        let format = self.node.annotations.formats.get(operand)?;
        let step = step_of(operand).filter(|_| learns_step(format));
        let step = step.map(|step| self.weights.0[&format!("{}.{step}", self.node.name)].data[0]);
        Some(Quantizer::of(format, step).expect("the format can be computed"))
    }

    fn store(&self, operand: &str, x: &[f32], layout: Layout) -> Vec<f32> {
        let mut stored = x.to_vec();
        if let Some(format) = self.of(operand) {
            format.quantize(x, layout, &mut stored);
        }
        stored
    }

    /// Returns what the node reads of rows of a shape.
    fn read(&self, rows: &[f64], n_rows: usize, shape: &[usize]) -> Vec<f64> {
        if self.of("data_in").is_none() {
            return rows.to_vec();
        }
        let narrow: Vec<f32> = rows.iter().map(|value| *value as f32).collect();
        let stored = self.store("data_in", &narrow, Layout::of_rows(n_rows, shape));
        stored.into_iter().map(f64::from).collect()
    }

    fn tensors(&self) -> Weights {
        let mut weights = Weights::default();
        for (name, shape) in tensors(self.node) {
            let key = format!("{}.{name}", self.node.name);
            let mut tensor = self.weights.0[&key].clone();
            if !matches!(self.node.op, Op::BatchNorm { .. }) {
                tensor.data = self.store(name, &tensor.data, Layout::of_tensor(&shape));
            }
            weights.0.insert(key, tensor);
        }
        weights
    }

    /// Returns shift and scale of each channel of a batch normalisation, exact without formats.
    fn affine(&self, numbers: [&[f64]; 4], eps: f64) -> [Vec<f64>; 2] {
        let [weight, bias, mean, variance] = numbers;
        if self.of("weight").is_none() && self.of("bias").is_none() {
            let channels = weight.iter().zip(variance);
            let scale = channels.map(|(weight, variance)| weight / (variance + eps).sqrt());
            let scale: Vec<f64> = scale.collect();
            let channels = bias.iter().zip(mean).zip(&scale);
            let shift = channels.map(|((bias, mean), scale)| bias - mean * scale);
            return [shift.collect(), scale];
        }
        let narrow = |of: &[f64]| of.iter().map(|value| *value as f32).collect::<Vec<f32>>();
        let numbers = numbers.map(narrow);
        let (scale, shift) = scale_and_shift(numbers.each_ref().map(Vec::as_slice), eps);
        let layout = Layout::of_tensor(&[scale.len()]);
        [("bias", shift), ("weight", scale)].map(|(operand, of)| {
            let stored = self.store(operand, &of, layout);
            stored.into_iter().map(f64::from).collect()
        })
    }
}

impl Call<'_> {
    fn compute(&self, statistics: Statistics) -> Vec<f64> {
        match &self.node.op {
            Op::Linear { .. } => self.linear(),
            Op::Conv2d {
                kernel,
                stride,
                padding,
                groups,
                ..
            } => {
                let window = Window {
                    kernel: *kernel,
                    stride: *stride,
                    padding: *padding,
                };
                self.conv2d(&window, *groups)
            }
            Op::BatchNorm { eps, .. } => self.batch_norm(*eps, statistics),
            Op::Relu => self.inputs[0].iter().map(|value| value.max(0.0)).collect(),
            Op::MaxPool {
                kernel,
                stride,
                padding,
            } => {
                let window = Window {
                    kernel: *kernel,
                    stride: *stride,
                    padding: *padding,
                };
                self.pool(&window, |values| {
                    let values = values.iter().copied();
                    values.fold(f64::NEG_INFINITY, f64::max)
                })
            }
            Op::AvgPool {
                kernel,
                stride,
                padding,
            } => {
                let window = Window {
                    kernel: *kernel,
                    stride: *stride,
                    padding: *padding,
                };
                let size = (kernel[0] * kernel[1]) as f64;
                self.pool(&window, |values| values.iter().sum::<f64>() / size)
            }
            Op::GlobalAvgPool => {
                let size: usize = self.shapes[0][1..].iter().product();
                let planes = self.inputs[0].chunks(size);
                planes
                    .map(|plane| plane.iter().sum::<f64>() / size as f64)
                    .collect()
            }
            Op::Add => {
                let mut sum = self.inputs[0].to_vec();
                for input in &self.inputs[1..] {
                    for (sum, value) in sum.iter_mut().zip(input) {
                        *sum += value;
                    }
                }
                sum
            }
            Op::Concat => {
                let mut result = Vec::new();
                for row in 0..self.n_rows {
                    for (input, shape) in self.inputs.iter().zip(&self.shapes) {
                        let size: usize = shape.iter().product();
                        result.extend_from_slice(&input[row * size..][..size]);
                    }
                }
                result
            }
            Op::Input { .. } | Op::Flatten | Op::Dropout { .. } | Op::Output => {
                self.inputs[0].to_vec()
            }
        }
    }

    fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.weights.get(&format!("{}.{name}", self.node.name))
    }

    /// Returns a number of a tensor; 0 where there is no such tensor, as without bias.
    fn number(&self, name: &str, position: usize) -> f64 {
        let tensor = self.tensor(name);
        tensor.map_or(0.0, |tensor| f64::from(tensor.data[position]))
    }

    fn linear(&self) -> Vec<f64> {
        let (n_in, n_out) = (self.shapes[0][0], self.shape[0]);
        let mut result = Vec::with_capacity(self.n_rows * n_out);
        for row in self.inputs[0].chunks(n_in) {
            for out in 0..n_out {
                let products = row
                    .iter()
                    .enumerate()
                    .map(|(idx, value)| value * self.number("weight", out * n_in + idx));
                result.push(self.number("bias", out) + products.sum::<f64>());
            }
        }
        result
    }

    fn conv2d(&self, window: &Window, groups: usize) -> Vec<f64> {
        let (n_in, n_out) = (self.shapes[0][0] / groups, self.shape[0]);
        let taps = window.kernel[0] * window.kernel[1];
        let weight: Vec<f64> = (0..n_out * n_in * taps)
            .map(|position| self.number("weight", position))
            .collect();
        let mut result = Vec::new();
        for row in 0..self.n_rows {
            for out in 0..n_out {
                let first = out / (n_out / groups) * n_in;
                let bias = self.number("bias", out);
                self.slide(window, |at| {
                    let mut sum = bias;
                    for channel in 0..n_in {
                        for (tap, position) in at.iter().enumerate() {
                            let Some(position) = position else { continue };
                            let value = self.plane(row, first + channel)[*position];
                            sum += value * weight[(out * n_in + channel) * taps + tap];
                        }
                    }
                    result.push(sum);
                });
            }
        }
        result
    }

    fn pool(&self, window: &Window, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut result = Vec::new();
        for row in 0..self.n_rows {
            for channel in 0..self.shape[0] {
                let plane = self.plane(row, channel);
                self.slide(window, |at| {
                    let values: Vec<f64> = at.iter().flatten().map(|at| plane[*at]).collect();
                    result.push(of(&values));
                });
            }
        }
        result
    }

    /// Calls for each place of the result with the positions in a plane that its window covers,
    /// `None` where it covers padding.
    fn slide(&self, window: &Window, mut visit: impl FnMut(&[Option<usize>])) {
        let [height, width] = [self.shapes[0][1], self.shapes[0][2]];
        for y in 0..self.shape[1] {
            for x in 0..self.shape[2] {
                let mut at = Vec::new();
                for ky in 0..window.kernel[0] {
                    for kx in 0..window.kernel[1] {
                        let y = (y * window.stride[0] + ky).checked_sub(window.padding[0]);
                        let x = (x * window.stride[1] + kx).checked_sub(window.padding[1]);
                        at.push(match (y, x) {
                            (Some(y), Some(x)) if y < height && x < width => Some(y * width + x),
                            _ => None,
                        });
                    }
                }
                visit(&at);
            }
        }
    }

    fn plane(&self, row: usize, channel: usize) -> &[f64] {
        let size: usize = self.shapes[0][1..].iter().product();
        let start = (row * self.shapes[0][0] + channel) * size;
        &self.inputs[0][start..start + size]
    }

    fn batch_norm(&self, eps: f64, statistics: Statistics) -> Vec<f64> {
        let n_channels = self.shape[0];
        let mut result = self.inputs[0].to_vec();
        let all = |name| -> Vec<f64> {
            (0..n_channels)
                .map(|channel| self.number(name, channel))
                .collect()
        };
        let (mean, variance) = match statistics {
            Statistics::Running => (all("running_mean"), all("running_var")),
            Statistics::OfRows => (0..n_channels).map(|channel| self.moments(channel)).unzip(),
        };
        let tensors = [all("weight"), all("bias"), mean, variance];
        let [shift, scale] = self
            .formats
            .affine(tensors.each_ref().map(Vec::as_slice), eps);
        let size: usize = self.shape[1..].iter().product();
        let planes = result.chunks_mut(size).enumerate();
        for (nth, plane) in planes {
            let channel = nth % n_channels;
            for value in plane {
                *value = *value * scale[channel] + shift[channel];
            }
        }
        result
    }

    /// Returns mean and biased variance of a channel over rows, height and width.
    fn moments(&self, channel: usize) -> (f64, f64) {
        let planes = (0..self.n_rows).flat_map(|row| self.plane(row, channel));
        let values: Vec<f64> = planes.copied().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (mean, squares.sum::<f64>() / count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the outputs under weights that count up from 1 in each tensor.
    fn outputs(text: &str, rows: &[f64], statistics: Statistics) -> Vec<f64> {
        let graph: Graph = text.parse().unwrap();
        let mut weights = Weights::init(&graph, 0);
        for tensor in weights.0.values_mut() {
            for (idx, value) in tensor.data.iter_mut().enumerate() {
                *value = idx as f32 + 1.0;
            }
        }
        forward(&graph, &weights, rows, statistics)
    }

    #[test]
    fn layers_compute_what_their_definitions_say() {
        let linear = "x = input[2]\na = linear(x, out=2)\ny = output(a)";
        let running = Statistics::Running;
        // 1*10 + 2*20 + 1, 3*10 + 4*20 + 2
        assert_eq!(outputs(linear, &[10.0, 20.0], running), [51.0, 112.0]);
        let conv = "x = input[1, 2, 2]\na = conv2d(x, out=1, kernel=2, padding=1, stride=2)\ny = output(a)";
        // Each window has one pixel, under the tap across: 4*1, 3*2, 2*3, 1*4, and the bias.
        let found = outputs(conv, &[1.0, 2.0, 3.0, 4.0], running);
        assert_eq!(found, [5.0, 7.0, 7.0, 5.0]);
        let grouped = "x = input[2, 1, 1]\na = conv2d(x, out=2, kernel=1, groups=2)\ny = output(a)";
        assert_eq!(outputs(grouped, &[10.0, 20.0], running), [11.0, 42.0]);
    }

    #[test]
    fn pools_leave_padding_out_or_count_it_as_zero() {
        let pool = |op: &str| {
            let text = format!(
                "x = input[1, 2, 2]\na = {op}(x, kernel=2, stride=2, padding=1)\ny = output(a)"
            );
            outputs(&text, &[-1.0, -2.0, -3.0, -4.0], Statistics::Running)
        };
        assert_eq!(pool("max_pool"), [-1.0, -2.0, -3.0, -4.0]);
        assert_eq!(pool("avg_pool"), [-0.25, -0.5, -0.75, -1.0]);
    }

    #[test]
    fn batch_norm_goes_by_the_rows_or_by_what_it_remembers() {
        let text = "x = input[1]\na = batch_norm(x, eps=1)\ny = output(a)";
        // mean 2, variance 1: (1 - 2) / sqrt(2) + 1
        let half = 1.0 / 2.0_f64.sqrt();
        let found = outputs(text, &[1.0, 3.0], Statistics::OfRows);
        assert!((found[0] - (1.0 - half)).abs() < 1e-12, "{found:?}");
        // Remembered: mean 1, variance 1.
        let found = outputs(text, &[1.0, 3.0], Statistics::Running);
        assert!((found[1] - (1.0 + 2.0 * half)).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn concatenation_goes_row_by_row() {
        let text = "x = input[1]\nr = relu(x)\nc = concat(x, r)\ns = add(c, c)\ny = output(s)";
        let found = outputs(text, &[-1.0, 2.0], Statistics::Running);
        assert_eq!(found, [-2.0, 0.0, 4.0, 4.0]);
    }

    #[test]
    fn numbers_are_stored_before_they_are_computed_with() {
        let running = Statistics::Running;
        // Read as 10 and 15.5 (of 5 bits), times 1 and 2, 3 and 3 (of 3 bits), plus 1 and 1.
        let linear = "x = input[2]
            a = linear(x, out=2) @ bias=integer(2, 0) data_in=integer(6, 1) weight=integer(3, 0)
            y = output(a)";
        assert_eq!(outputs(linear, &[10.1, 20.0], running), [42.0, 77.5]);
        // Blocks run along the channels of a place: 6 and 1 share an exponent, 1 and 6 as well.
        let blocks = "x = input[2, 1, 2]
            a = relu(x) @ data_in=block_fp(3, exponent_width=8, block_size=2)
            y = output(a)";
        let found = outputs(blocks, &[6.0, 1.0, 1.0, 6.0], running);
        assert_eq!(found, [6.0, 0.0, 0.0, 6.0]);
        // By the rows, of mean 3 and variance 1, the scale is 1/2 and the shift -1/2. One is
        // stored as 0 in either node, the other stays.
        let norm = "x = input[1]
            a = batch_norm(x, eps=3) @ bias=integer(1, 0, unsigned)
            b = batch_norm(x, eps=3) @ bias=integer(2, 1) weight=integer(2, 0)
            c = concat(a, b)
            y = output(c)";
        let found = outputs(norm, &[2.0, 4.0], Statistics::OfRows);
        assert_eq!(found, [1.0, -0.5, 2.0, -0.5]);
    }
}
