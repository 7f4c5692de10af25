//! The tensors of a network on a device, of one candidate or of a stack of them.

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use firebrick_core::formats::STEP;
use firebrick_core::graph::Graph;
use firebrick_core::weights::{self, Weights, is_buffer, tensors};

use crate::stack::layout::Layout;
use shares::Shares;

pub(crate) mod shares;

/// All tensors of a network.
///
/// What is trained lies in one vector, so that an optimiser's step is a dozen operations however
/// many layers there are; nodes read views of it. In a stack each tensor holds the numbers of
/// candidate after candidate, all in the shape of the widest, so that views of it stay in one run.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// For each node of the graph, its tensors.
    slots: Vec<Vec<Slot>>,
    shares: Shares,
    /// What the gradient moves, tensor after tensor.
    pub(crate) trained: Tensor<1>,
    /// The others: running statistics and what is frozen.
    pub(crate) kept: Vec<Tensor<1>>,
}

/// Where a tensor of a node lies.
#[derive(Debug, Clone)]
struct Slot {
    name: &'static str,
    /// Of one candidate.
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
        Self::placed(graph, 1, device, |node, name, _, into| {
            into.extend_from_slice(&weights.0[&key(&graph.nodes()[node].name, name)].data);
        })
    }

    /// Puts the weights of the candidates of a stack, which fit their graphs, onto a device.
    pub(crate) fn stacked(layout: &Layout, weights: &[&Weights], device: &Device) -> Self {
        let graph = layout.graph();
        Self::placed(graph, weights.len(), device, |node, name, shape, into| {
            let key = key(&graph.nodes()[node].name, name);
            for (candidate, weights) in weights.iter().enumerate() {
                let own = &weights.0[&key].data;
                into.extend(layout.widen(candidate, node, name, shape, own));
            }
        })
    }

    /// Puts tensors onto a device, whose numbers are appended to a vector, candidate after
    /// candidate.
    fn placed(
        graph: &Graph,
        n_candidates: usize,
        device: &Device,
        numbers: impl Fn(usize, &'static str, &[usize], &mut Vec<f32>),
    ) -> Self {
        let (mut slots, mut trained, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut sizes = Vec::new();
        for (idx, node) in graph.nodes().iter().enumerate() {
            let mut slots_of_node = Vec::new();
            for (name, shape) in tensors(node) {
                let home = if node.annotations.frozen || is_buffer(name) {
                    let mut data = Vec::new();
                    numbers(idx, name, &shape, &mut data);
                    kept.push(vector(data, device));
                    Home::Kept(kept.len() - 1)
                } else {
                    let start = trained.len();
                    numbers(idx, name, &shape, &mut trained);
                    sizes.push(shape.iter().product());
                    let end = trained.len();
                    let ordinal = sizes.len() - 1;
                    Home::Trained {
                        ordinal,
                        range: start..end,
                    }
                };
                slots_of_node.push(Slot { name, shape, home });
            }
            slots.push(slots_of_node);
        }
        Self {
            slots,
            shares: Shares::new(n_candidates, sizes),
            trained: vector(trained, device),
            kept,
        }
    }

    /// Returns how many candidates there are.
    pub(crate) fn n_candidates(&self) -> usize {
        self.shares.n_candidates()
    }

    /// Returns which numbers of what is trained are whose.
    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Keeps some candidates, in their order.
    pub(crate) fn keep(&mut self, candidates: &[usize]) {
        self.trained = self.shares.of(self.trained.clone(), candidates);
        for kept in &mut self.kept {
            *kept = shares_of(kept, self.shares.n_candidates()).of(kept.clone(), candidates);
        }
        let before = self.shares.n_candidates();
        for slot in self.slots.iter_mut().flatten() {
            if let Home::Trained { range, .. } = &mut slot.home {
                let now = [range.start, range.end].map(|at| at / before * candidates.len());
                *range = now[0]..now[1];
            }
        }
        self.shares.shrink(candidates.len());
    }

    /// Gives the candidates for which it is asked the numbers that they have in others of the same
    /// stack.
    pub(crate) fn take(&mut self, others: &Self, is_asked: &[bool]) {
        self.trained = self
            .shares
            .mixed(self.trained.clone(), &others.trained, is_asked);
        for (kept, other) in self.kept.iter_mut().zip(&others.kept) {
            let shares = shares_of(kept, self.shares.n_candidates());
            *kept = shares.mixed(kept.clone(), other, is_asked);
        }
    }

    /// Copies the tensors of some candidates off the device, each in its own shape.
    pub(crate) fn weights_of(&self, layout: &Layout, candidates: &[usize]) -> Vec<Weights> {
        let trained = numbers(self.trained.clone());
        let kept: Vec<Vec<f32>> = self.kept.iter().cloned().map(numbers).collect();
        let weights = |candidate: &usize| {
            let graph = layout.graph_of(*candidate);
            let mut weights = BTreeMap::new();
            for (idx, (node, slots)) in graph.nodes().iter().zip(&self.slots).enumerate() {
                for (slot, (name, shape)) in slots.iter().zip(tensors(node)) {
                    let of_all = match &slot.home {
                        Home::Trained { range, .. } => &trained[range.clone()],
                        Home::Kept(idx) => &kept[*idx],
                    };
                    let size: usize = slot.shape.iter().product();
                    let wide = &of_all[candidate * size..(candidate + 1) * size];
                    let data = layout.narrow(*candidate, idx, name, &slot.shape, wide);
                    weights.insert(key(&node.name, name), weights::Tensor { shape, data });
                }
            }
            Weights(weights)
        };
        candidates.iter().map(weights).collect()
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

    /// Returns a tensor of a node in one dimension, candidate after candidate, if the node has it.
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

    /// Returns the shape, of one candidate, of a tensor that the op of a node always has.
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

    /// Returns how many numbers are trained, what pads them included.
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
            shares: self.shares,
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

#[cfg(test)]
thread_local! {
    /// How often [`numbers`] made a thread wait for a device.
    pub(crate) static N_WAITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Copies numbers off the device.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    #[cfg(test)]
    N_WAITS.with(|waits| waits.set(waits.get() + 1));
    tensor
        .into_data()
        .try_into_vec()
        .expect("tensors are of float32")
}

/// Returns which numbers of a single tensor are whose.
fn shares_of(tensor: &Tensor<1>, n_candidates: usize) -> Shares {
    Shares::new(n_candidates, vec![tensor.dims()[0] / n_candidates])
}

fn vector(data: Vec<f32>, device: &Device) -> Tensor<1> {
    let size = data.len();
    Tensor::from_data(TensorData::new(data, [size]), device)
}

fn key(node: &str, tensor: &str) -> String {
    format!("{node}.{tensor}")
}
