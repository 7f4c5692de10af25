//! Weights of a graph, outside any engine.
//!
//! Keys are `node.tensor` with PyTorch's names and layouts: `weight`, `bias`, `running_mean`,
//! `running_var`; a linear weight is `[out, in]`, a convolution's `[out, in / groups, height,
//! width]`. Every engine reads and writes these, so each reads the other's checkpoints.

use std::collections::BTreeMap;

use rand::RngExt;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

use crate::formats;
use crate::graph::{Graph, Node, Op};
use crate::random::{Purpose, stream};

/// The tensors of a graph by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights(pub BTreeMap<String, Tensor>);

/// An array of numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// As many numbers as the product of the sizes.
    pub data: Vec<f32>,
}

/// Why weights can't be read, or do not fit a graph.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeightsError {
    /// The bytes are not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(String),
    /// A tensor is not of float32.
    #[error("tensor `{key}` is {found}, expected F32")]
    Dtype {
        /// The key.
        key: String,
        /// Its type.
        found: String,
    },
    /// A tensor of the graph is missing.
    #[error("tensor `{key}` is missing")]
    Missing {
        /// The key.
        key: String,
    },
    /// A tensor belongs to no node of the graph.
    #[error("tensor `{key}` belongs to no node of the network")]
    Unknown {
        /// The key.
        key: String,
    },
    /// A tensor has another shape than the graph.
    #[error("tensor `{key}` has shape {found:?}, the network expects {expected:?}")]
    Shape {
        /// The key.
        key: String,
        /// The shape of the tensor.
        found: Vec<usize>,
        /// The shape of the graph.
        expected: Vec<usize>,
    },
    /// A tensor holds a number that is NaN or infinite.
    #[error("tensor `{key}` holds {value} at position {position}")]
    NotFinite {
        /// The key.
        key: String,
        /// The number, as text.
        value: String,
        /// Its position in the flat array.
        position: usize,
    },
    /// A variance is below zero, so that a batch normalisation would divide by what is no number.
    #[error("tensor `{key}` holds {value} at position {position}, and no variance is below 0")]
    Variance {
        /// The key.
        key: String,
        /// The number, as text.
        value: String,
        /// Its position in the flat array.
        position: usize,
    },
}

/// What a learned step is before calibration chooses where it starts.
pub(crate) const FIRST_STEP: f32 = 1.0;

/// Returns the tensors of a node: name (without the node's) and shape.
///
/// Those of [`is_buffer`] follow the batches; the others are learned, among them the step of an
/// operand whose format learns one, `weight_step` for `weight`.
pub fn tensors(node: &Node) -> Vec<(&'static str, Vec<usize>)> {
    let mut tensors = tensors_of_op(&node.op);
    for (operand, format) in &node.annotations.formats {
        if let Some(step) = formats::step_of(operand).filter(|_| formats::learns_step(format)) {
            tensors.push((step, vec![1]));
        }
    }
    tensors
}

fn tensors_of_op(op: &Op) -> Vec<(&'static str, Vec<usize>)> {
    match op {
        Op::Linear {
            in_features,
            out_features,
            bias,
        } => {
            let mut tensors = vec![("weight", vec![*out_features, *in_features])];
            tensors.extend(bias.then(|| ("bias", vec![*out_features])));
            tensors
        }
        Op::Conv2d {
            in_channels,
            out_channels,
            kernel,
            groups,
            bias,
            ..
        } => {
            let shape = vec![*out_channels, in_channels / groups, kernel[0], kernel[1]];
            let mut tensors = vec![("weight", shape)];
            tensors.extend(bias.then(|| ("bias", vec![*out_channels])));
            tensors
        }
        Op::BatchNorm { features, .. } => ["weight", "bias", "running_mean", "running_var"]
            .map(|name| (name, vec![*features]))
            .to_vec(),
        _ => Vec::new(),
    }
}

/// Returns whether a tensor follows the batches rather than the gradient.
pub fn is_buffer(tensor: &str) -> bool {
    matches!(tensor, "running_mean" | "running_var")
}

impl Weights {
    /// Returns first weights: uniform in `±1/sqrt(fan_in)` for linear layers and convolutions,
    /// 1 and 0 for batch normalisation, as PyTorch starts (though not the same numbers).
    ///
    /// # Source
    /// PyTorch's `kaiming_uniform_(a=sqrt(5))`, after He et al. 2015, which comes to this range.
    pub fn init(graph: &Graph, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Weights, 0);
        let mut weights = BTreeMap::new();
        for node in graph.nodes() {
            let fan_in = match &node.op {
                Op::Linear { in_features, .. } => *in_features,
                Op::Conv2d {
                    in_channels,
                    kernel,
                    groups,
                    ..
                } => in_channels / groups * kernel[0] * kernel[1],
                _ => 0,
            };
            for (name, shape) in tensors(node) {
                let size = shape.iter().product();
                let data = match (name, fan_in) {
                    (name, _) if name.ends_with(formats::STEP) => vec![FIRST_STEP],
                    ("weight" | "running_var", 0) => vec![1.0; size],
                    (_, 0) => vec![0.0; size],
                    _ => {
                        let bound = 1.0 / (fan_in as f32).sqrt();
                        (0..size).map(|_| rng.random_range(-bound..bound)).collect()
                    }
                };
                weights.insert(format!("{}.{name}", node.name), Tensor { shape, data });
            }
        }
        Self(weights)
    }

    /// Returns a tensor by key.
    pub fn get(&self, key: &str) -> Option<&Tensor> {
        self.0.get(key)
    }

    /// Returns those tensors that a graph has a use for.
    pub fn for_graph(&self, graph: &Graph) -> Self {
        let keys = graph.nodes().iter().flat_map(|node| {
            let tensors = tensors(node).into_iter();
            tensors.map(|(tensor, _)| format!("{}.{tensor}", node.name))
        });
        let found = keys.filter_map(|key| {
            let tensor = self.get(&key)?.clone();
            Some((key, tensor))
        });
        Self(found.collect())
    }

    /// Checks that there is exactly what a graph needs, all of it finite.
    ///
    /// # Errors
    /// [`WeightsError`] names the first tensor that is missing, too much, of another shape or not
    /// finite, or a variance below zero.
    pub fn check(&self, graph: &Graph) -> Result<(), WeightsError> {
        let mut known = Vec::new();
        for node in graph.nodes() {
            for (name, expected) in tensors(node) {
                let key = format!("{}.{name}", node.name);
                let Some(tensor) = self.get(&key) else {
                    return Err(WeightsError::Missing { key });
                };
                if tensor.shape != expected {
                    let found = tensor.shape.clone();
                    return Err(WeightsError::Shape {
                        key,
                        found,
                        expected,
                    });
                }
                if let Some(position) = tensor.data.iter().position(|value| !value.is_finite()) {
                    let value = tensor.data[position].to_string();
                    return Err(WeightsError::NotFinite {
                        key,
                        value,
                        position,
                    });
                }
                let is_variance = name == "running_var";
                let below = tensor.data.iter().position(|value| *value < 0.0);
                if let Some(position) = below.filter(|_| is_variance) {
                    let value = tensor.data[position].to_string();
                    return Err(WeightsError::Variance {
                        key,
                        value,
                        position,
                    });
                }
                known.push(key);
            }
        }
        match self.0.keys().find(|key| !known.contains(key)) {
            Some(key) => Err(WeightsError::Unknown { key: key.clone() }),
            None => Ok(()),
        }
    }

    /// Returns the bytes of a safetensors file, the same for the same weights and notes.
    ///
    /// Notes stand in the header under the one key `firebrick`, as JSON: the format keeps keys in
    /// no order, so several would make the bytes differ from run to run.
    pub fn to_safetensors(&self, notes: &BTreeMap<String, String>) -> Vec<u8> {
        let bytes: Vec<(&String, &Tensor, Vec<u8>)> = self
            .0
            .iter()
            .map(|(key, tensor)| {
                let data = tensor
                    .data
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                (key, tensor, data)
            })
            .collect();
        let views = bytes.iter().map(|(key, tensor, data)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), data);
            (
                *key,
                view.expect("a tensor has as many numbers as its shape says"),
            )
        });
        let notes = (!notes.is_empty()).then(|| {
            let notes = serde_json::to_string(notes).expect("a table of texts is JSON");
            [("firebrick".to_owned(), notes)].into()
        });
        safetensors::serialize(views, notes).expect("float32 tensors in memory can be written")
    }

    /// Reads the notes of [`Weights::to_safetensors`]; none where another program wrote the file.
    ///
    /// # Errors
    /// [`WeightsError::Format`] if the bytes are not such a file, or its notes no table of texts.
    pub fn notes(bytes: &[u8]) -> Result<BTreeMap<String, String>, WeightsError> {
        let (_, header) = SafeTensors::read_metadata(bytes)
            .map_err(|error| WeightsError::Format(error.to_string()))?;
        let notes = header
            .metadata()
            .as_ref()
            .and_then(|notes| notes.get("firebrick"));
        match notes {
            Some(notes) => serde_json::from_str(notes)
                .map_err(|error| WeightsError::Format(format!("its notes can't be read: {error}"))),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Reads the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`WeightsError`] if the bytes are not such a file or a tensor is not of float32.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let format = |error: safetensors::SafeTensorError| WeightsError::Format(error.to_string());
        let file = SafeTensors::deserialize(bytes).map_err(format)?;
        let mut weights = BTreeMap::new();
        for (key, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(WeightsError::Dtype {
                    key: key.to_owned(),
                    found,
                });
            }
            let data = view.data().chunks_exact(4);
            let data = data
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            weights.insert(
                key.to_owned(),
                Tensor {
                    shape: view.shape().to_vec(),
                    data,
                },
            );
        }
        Ok(Self(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        "x = input[4]\nb = batch_norm(x)\na = linear(b, out=3)\ny = output(a)"
            .parse()
            .unwrap()
    }

    #[test]
    fn reads_what_it_wrote() {
        let weights = Weights::init(&graph(), 1);
        let notes = ["graph", "trial", "epoch"].map(|key| (key.to_owned(), graph().to_string()));
        let bytes = weights.to_safetensors(&notes.clone().into());
        assert_eq!(bytes, weights.to_safetensors(&notes.clone().into()));
        assert_eq!(Weights::notes(&bytes).unwrap(), notes.into());
        let without = weights.to_safetensors(&BTreeMap::new());
        assert_eq!(Weights::notes(&without).unwrap(), BTreeMap::new());
        let notes = Some([("firebrick".to_owned(), "no JSON".to_owned())].into());
        let tensors: [(&str, TensorView<'_>); 0] = [];
        let broken = safetensors::serialize(tensors, notes).unwrap();
        let error = Weights::notes(&broken).unwrap_err().to_string();
        assert!(error.contains("its notes can't be read"), "{error}");
        let read = Weights::from_safetensors(&bytes).unwrap();
        assert_eq!(read, weights);
        read.check(&graph()).unwrap();
    }

    #[test]
    fn starts_in_the_range_of_pytorch() {
        let weights = Weights::init(&graph(), 1);
        assert!(
            weights
                .get("a.weight")
                .unwrap()
                .data
                .iter()
                .all(|value| value.abs() <= 0.5)
        );
        assert_eq!(weights.get("b.running_var").unwrap().data, [1.0; 4]);
        assert_ne!(weights, Weights::init(&graph(), 2));
    }

    #[test]
    fn names_the_first_tensor_that_does_not_fit() {
        let error = |weights: &Weights| weights.check(&graph()).unwrap_err().to_string();
        let good = Weights::init(&graph(), 1);
        let mut weights = good.clone();
        weights.0.remove("a.bias");
        assert_eq!(error(&weights), "tensor `a.bias` is missing");
        let mut weights = good.clone();
        weights.0.get_mut("a.weight").unwrap().shape = vec![4, 3];
        let expected = "tensor `a.weight` has shape [4, 3], the network expects [3, 4]";
        assert_eq!(error(&weights), expected);
        let mut weights = good.clone();
        weights.0.get_mut("a.bias").unwrap().data[1] = f32::NAN;
        assert_eq!(error(&weights), "tensor `a.bias` holds NaN at position 1");
        let mut weights = good.clone();
        weights.0.get_mut("b.running_var").unwrap().data[3] = -0.5;
        let expected =
            "tensor `b.running_var` holds -0.5 at position 3, and no variance is below 0";
        assert_eq!(error(&weights), expected);
        let mut weights = good;
        weights.0.insert(
            "z.bias".to_owned(),
            Tensor {
                shape: vec![1],
                data: vec![0.0],
            },
        );
        assert_eq!(
            error(&weights),
            "tensor `z.bias` belongs to no node of the network"
        );
    }

    #[test]
    fn refuses_bytes_that_are_no_safetensors_file() {
        let error = Weights::from_safetensors(b"PK\x03\x04 something else").unwrap_err();
        assert!(
            error.to_string().starts_with("not a safetensors file"),
            "{error}"
        );
    }
}
