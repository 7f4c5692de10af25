//! The tensors of a network, where kernels want them.

use std::collections::BTreeMap;
use std::ops::Range;

use firebrick_core::graph::Graph;
use firebrick_core::weights::{Tensor, Weights, is_buffer, tensors};

use crate::chain::{Chain, Kind};
use crate::kernels::{Lanes, numbers, numbers_mut};

/// All tensors of a network: what is trained in one vector, the others in another.
///
/// Weights of linear layers are `[in, out]`, so that those of neighbouring outputs lie side by side.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// For each step of the chain, its tensors.
    slots: Vec<Vec<Slot>>,
    trained: Vec<Lanes>,
    kept: Vec<Lanes>,
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
struct Slot {
    name: &'static str,
    key: String,
    shape: Vec<usize>,
    trained: bool,
    range: Range<usize>,
}

impl Parameters {
    /// Takes over weights that fit the graph of a chain.
    pub(crate) fn new(chain: &Chain, graph: &Graph, weights: &Weights) -> Self {
        let mut slots = Vec::new();
        let (mut trained, mut kept) = (Vec::new(), Vec::new());
        for step in &chain.steps {
            let node = &graph.nodes()[step.node];
            let mut slots_of_step = Vec::new();
            for (name, shape) in tensors(node) {
                let key = format!("{}.{name}", node.name);
                let is_trained = !node.annotations.frozen && !is_buffer(name);
                let home = if is_trained { &mut trained } else { &mut kept };
                let start = home.len();
                let data = &weights.0[&key].data;
                match shape[..] {
                    [outputs, inputs] => home.extend(transposed(data, outputs, inputs)),
                    _ => home.extend_from_slice(data),
                }
                slots_of_step.push(Slot {
                    name,
                    key,
                    shape,
                    trained: is_trained,
                    range: start..home.len(),
                });
            }
            slots.push(slots_of_step);
        }
        Self {
            slots,
            trained: lanes(&trained),
            kept: lanes(&kept),
        }
    }

    /// Copies the tensors out.
    pub(crate) fn to_weights(&self) -> Weights {
        let mut weights = BTreeMap::new();
        for slot in self.slots.iter().flatten() {
            let data = self.slice(slot);
            let data = match slot.shape[..] {
                [outputs, inputs] => transposed(data, inputs, outputs).collect(),
                _ => data.to_vec(),
            };
            let shape = slot.shape.clone();
            weights.insert(slot.key.clone(), Tensor { shape, data });
        }
        Weights(weights)
    }

    /// Takes over the numbers of parameters of the same network.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.trained.copy_from_slice(&other.trained);
        self.kept.copy_from_slice(&other.kept);
    }

    /// Returns a tensor of a step; nothing where it has none of that name.
    pub(crate) fn get(&self, step: usize, name: &str) -> &[f32] {
        let slot = self.slots[step].iter().find(|slot| slot.name == name);
        slot.map_or(&[], |slot| self.slice(slot))
    }

    /// Returns a running statistic of a step, to be moved.
    pub(crate) fn running_mut(&mut self, step: usize, name: &str) -> &mut [f32] {
        let slot = self.slots[step].iter().find(|slot| slot.name == name);
        match slot {
            Some(slot) if !slot.trained => &mut numbers_mut(&mut self.kept)[slot.range.clone()],
            _ => &mut [],
        }
    }

    /// Returns where the gradient by a tensor of a step lies, in a vector like
    /// [`Parameters::gradient`]; nothing where it is not trained.
    pub(crate) fn place(&self, step: usize, name: &str) -> Range<usize> {
        let slot = self.slots[step].iter().find(|slot| slot.name == name);
        match slot {
            Some(slot) if slot.trained => slot.range.clone(),
            _ => 0..0,
        }
    }

    /// Returns numbers that lie as those that are trained do, by key.
    #[cfg(test)]
    pub(crate) fn trained_like(&self, numbers: &[Lanes]) -> BTreeMap<String, Tensor> {
        let like = Self {
            trained: numbers.to_vec(),
            ..self.clone()
        };
        let mut weights = like.to_weights().0;
        for slot in self.slots.iter().flatten().filter(|slot| !slot.trained) {
            weights.remove(&slot.key);
        }
        weights
    }

    /// Returns room for the gradient by all that is trained.
    pub(crate) fn gradient(&self) -> Vec<Lanes> {
        vec![Lanes::ZERO; self.trained.len()]
    }

    /// Returns all that is trained, to be stepped; as long as [`Parameters::gradient`].
    pub(crate) fn trained_mut(&mut self) -> &mut [Lanes] {
        &mut self.trained
    }

    fn slice(&self, slot: &Slot) -> &[f32] {
        let home = if slot.trained {
            &self.trained
        } else {
            &self.kept
        };
        &numbers(home)[slot.range.clone()]
    }
}

/// The scale of a normalisation by running statistics: `weight / sqrt(running_var + eps)`.
pub(crate) fn running_scales(chain: &Chain, parameters: &Parameters, scales: &mut [Vec<f32>]) {
    for (idx, (step, scales)) in chain.steps.iter().zip(scales).enumerate() {
        if let Kind::Norm { eps, .. } = step.kind {
            let weight = parameters.get(idx, "weight");
            let variance = parameters.get(idx, "running_var");
            for (scale, (weight, variance)) in scales.iter_mut().zip(weight.iter().zip(variance)) {
                *scale = weight / (variance + eps as f32).sqrt();
            }
        }
    }
}

fn transposed(data: &[f32], rows: usize, columns: usize) -> impl Iterator<Item = f32> {
    (0..columns).flat_map(move |column| (0..rows).map(move |row| data[row * columns + column]))
}

fn lanes(data: &[f32]) -> Vec<Lanes> {
    let mut lanes = Lanes::zeroes(data.len());
    numbers_mut(&mut lanes)[..data.len()].copy_from_slice(data);
    lanes
}
