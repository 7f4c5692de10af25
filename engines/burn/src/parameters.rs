//! The tensors of a network on a device.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use firebrick_core::formats::STEP;
use firebrick_core::graph::Graph;
use firebrick_core::weights::{self, Weights, is_buffer, tensors};

/// All tensors of a network.
///
/// What is trained lies in one vector, so that an optimiser's step is a dozen operations however
/// many layers there are; nodes read views of it.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// For each node of the graph, its tensors.
    slots: Vec<Vec<Slot>>,
    /// What the gradient moves, tensor after tensor.
    pub(crate) trained: Tensor<1>,
    /// The others: running statistics and what is frozen.
    pub(crate) kept: Vec<Tensor<1>>,
}

/// Where a tensor of a node lies.
#[derive(Debug, Clone)]
struct Slot {
    name: &'static str,
    shape: Vec<usize>,
    home: Home,
}

#[derive(Debug, Clone)]
enum Home {
    Trained { ordinal: usize, range: Range<usize> },
    Kept(usize),
}

/// The gradients by what is trained, tensor by tensor.
#[derive(Debug)]
pub(crate) struct Gradients(Vec<Option<Tensor<1>>>);

impl Parameters {
    /// Puts weights that fit the graph onto a device.
    pub(crate) fn new(graph: &Graph, weights: &Weights, device: &Device) -> Self {
        let (mut slots, mut trained, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut n_trained = 0;
        for node in graph.nodes() {
            let mut slots_of_node = Vec::new();
            for (name, shape) in tensors(node) {
                let data = &weights.0[&key(&node.name, name)].data;
                let home = if node.annotations.frozen || is_buffer(name) {
                    kept.push(vector(data.clone(), device));
                    Home::Kept(kept.len() - 1)
                } else {
                    let range = trained.len()..trained.len() + data.len();
                    trained.extend_from_slice(data);
                    n_trained += 1;
                    let ordinal = n_trained - 1;
                    Home::Trained { ordinal, range }
                };
                slots_of_node.push(Slot { name, shape, home });
            }
            slots.push(slots_of_node);
        }
        Self {
            slots,
            trained: vector(trained, device),
            kept,
        }
    }

    /// Copies the tensors off the device.
    pub(crate) fn to_weights(&self, graph: &Graph) -> Weights {
        let trained = numbers(self.trained.clone());
        let mut weights = BTreeMap::new();
        for (node, slots) in graph.nodes().iter().zip(&self.slots) {
            for slot in slots {
                let data = match &slot.home {
                    Home::Trained { range, .. } => trained[range.clone()].to_vec(),
                    Home::Kept(idx) => numbers(self.kept[*idx].clone()),
                };
                let shape = slot.shape.clone();
                weights.insert(key(&node.name, slot.name), weights::Tensor { shape, data });
            }
        }
        Weights(weights)
    }

    /// Returns a tensor of a node in one dimension, if the node has it.
    pub(crate) fn find(&self, node: usize, name: &str) -> Option<Tensor<1>> {
        let slot = self.slots[node].iter().find(|slot| slot.name == name)?;
        Some(match &slot.home {
            Home::Trained { range, .. } => self.trained.clone().slice([range.clone()]),
            Home::Kept(idx) => self.kept[*idx].clone(),
        })
    }

    /// Returns a tensor that the op of a node always has, in one dimension.
    pub(crate) fn get(&self, node: usize, name: &str) -> Tensor<1> {
        self.find(node, name)
            .expect("the op of the node has this tensor")
    }

    /// Returns the shape of a tensor that the op of a node always has.
    pub(crate) fn shape(&self, node: usize, name: &str) -> &[usize] {
        let slot = self.slots[node].iter().find(|slot| slot.name == name);
        &slot.expect("the op of the node has this tensor").shape
    }

    /// Replaces a tensor that is not trained.
    pub(crate) fn replace(&mut self, node: usize, name: &str, tensor: Tensor<1>) {
        let slot = self.slots[node].iter().find(|slot| slot.name == name);
        if let Some(Home::Kept(idx)) = slot.map(|slot| &slot.home) {
            self.kept[*idx] = tensor;
        }
    }

    /// Returns whether a tensor of a node is trained; one that it does not have is not.
    pub(crate) fn trains_tensor(&self, node: usize, name: &str) -> bool {
        self.ordinal(node, name).is_some()
    }

    /// Returns whether a node has a tensor that is trained.
    pub(crate) fn trains(&self, node: usize) -> bool {
        let trained = |slot: &Slot| matches!(slot.home, Home::Trained { .. });
        self.slots[node].iter().any(trained)
    }

    /// Returns 1 for each number of what is trained that weight decay is for, 0 for learned steps;
    /// `None` where there are no steps.
    pub(crate) fn decaying(&self) -> Option<Tensor<1>> {
        let mut decays = vec![1.0; self.n_trained()];
        let mut any = false;
        for slot in self
            .slots
            .iter()
            .flatten()
            .filter(|slot| slot.name.ends_with(STEP))
        {
            if let Home::Trained { range, .. } = &slot.home {
                decays[range.clone()].fill(0.0);
                any = true;
            }
        }
        any.then(|| vector(decays, &self.trained.device()))
    }

    /// Returns how many numbers are trained.
    pub(crate) fn n_trained(&self) -> usize {
        self.trained.dims()[0]
    }

    /// Returns a place for each gradient.
    pub(crate) fn gradients(&self) -> Gradients {
        let trained = |slot: &&Slot| matches!(slot.home, Home::Trained { .. });
        let n_tensors = self.slots.iter().flatten().filter(trained).count();
        Gradients(vec![None; n_tensors])
    }

    /// Notes the gradient by a tensor of a node; one that is not trained is dropped.
    pub(crate) fn note(
        &self,
        gradients: &mut Gradients,
        node: usize,
        name: &str,
        gradient: impl FnOnce() -> Tensor<1>,
    ) {
        if let Some(ordinal) = self.ordinal(node, name)
            && let Some(place) = gradients.0.get_mut(ordinal)
        {
            *place = Some(gradient());
        }
    }

    /// Returns whether the gradient by a tensor of a node is asked for.
    pub(crate) fn asks(&self, gradients: &Gradients, node: usize, name: &str) -> bool {
        let ordinal = self.ordinal(node, name);
        ordinal.is_some_and(|ordinal| ordinal < gradients.0.len())
    }

    /// Returns the position of a tensor of a node among those that are trained.
    fn ordinal(&self, node: usize, name: &str) -> Option<usize> {
        let slot = self.slots[node].iter().find(|slot| slot.name == name)?;
        match slot.home {
            Home::Trained { ordinal, .. } => Some(ordinal),
            Home::Kept(_) => None,
        }
    }

    /// Returns the weight of a node and the gradient by it, both in one dimension, where the node
    /// has one that is trained.
    pub(crate) fn weight_with(
        &self,
        gradients: &Gradients,
        node: usize,
    ) -> Option<(Tensor<1>, Tensor<1>)> {
        let ordinal = self.ordinal(node, "weight")?;
        let gradient = gradients.0.get(ordinal)?.clone()?;
        Some((self.get(node, "weight"), gradient))
    }

    /// Returns the magnitudes of all tensors, in float64.
    pub(crate) fn magnitudes(self) -> Self {
        let magnitude = |tensor: Tensor<1>| tensor.abs().cast(DType::F64);
        Self {
            slots: self.slots,
            trained: magnitude(self.trained),
            kept: self.kept.into_iter().map(magnitude).collect(),
        }
    }
}

impl Gradients {
    /// Returns places for none, so that none is computed.
    pub(crate) fn unasked() -> Self {
        Self(Vec::new())
    }

    /// Returns all gradients in one vector, in the order of [`Parameters::trained`].
    pub(crate) fn flat(self) -> Tensor<1> {
        let known = |gradient: Option<Tensor<1>>| {
            gradient.expect("every node is read, so the output depends on every tensor")
        };
        Tensor::cat(self.0.into_iter().map(known).collect(), 0)
    }
}

/// Copies numbers off the device.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec()
        .expect("tensors are of float32")
}

fn vector(data: Vec<f32>, device: &Device) -> Tensor<1> {
    let size = data.len();
    Tensor::from_data(TensorData::new(data, [size]), device)
}

fn key(node: &str, tensor: &str) -> String {
    format!("{node}.{tensor}")
}
