//! The tensors of a network, where kernels want them.

use std::collections::BTreeMap;
use std::ops::Range;

use firebrick_core::formats::{Element, FixedPoint};
use firebrick_core::graph::Graph;
use firebrick_core::weights::{Tensor, Weights, is_buffer, tensors};

use crate::chain::{Chain, Kind};
use crate::kernels::{Lanes, MaskNumbers, Path, QuantizeNumbers, numbers, numbers_mut};

/// All tensors of a network: what is trained in one vector, the others in another.
///
/// Weights of linear layers are `[in, out]`, so that those of neighbouring outputs lie side by side.
/// Tensors with a number format are there twice: in float32, which is what is trained and handed
/// back, and as the format stores them, which is what the network computes with.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// For each step of the chain, its tensors.
    slots: Vec<Vec<Slot>>,
    trained: Vec<Lanes>,
    kept: Vec<Lanes>,
    quantized: Vec<f32>,
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
struct Slot {
    name: &'static str,
    key: String,
    shape: Vec<usize>,
    trained: bool,
    range: Range<usize>,
    /// The format, and where in `quantized` the numbers as it stores them are.
    stored: Option<(FixedPoint, Range<usize>)>,
}

impl Parameters {
    /// Takes over weights that fit the graph of a chain.
    pub(crate) fn new(chain: &Chain, graph: &Graph, weights: &Weights) -> Self {
        let mut slots = Vec::new();
        let (mut trained, mut kept) = (Vec::new(), Vec::new());
        let mut quantized = Vec::new();
        for (idx, step) in chain.steps.iter().enumerate() {
            let node = &graph.nodes()[step.node];
            let mut slots_of_step = Vec::new();
            // The step before the node's own, in which it quantises what it reads, has no tensors.
            let of_format = matches!(step.kind, Kind::Quantize(_));
            for (name, shape) in tensors(node).into_iter().filter(|_| !of_format) {
                let key = format!("{}.{name}", node.name);
                let is_trained = !node.annotations.frozen && !is_buffer(name);
                let home = if is_trained { &mut trained } else { &mut kept };
                let start = home.len();
                let data = &weights.0[&key].data;
                match shape[..] {
                    [outputs, inputs] => home.extend(transposed(data, outputs, inputs)),
                    _ => home.extend_from_slice(data),
                }
                let format = chain.formats.get(&(idx, name.to_owned()));
                let stored = format.map(|format| {
                    let from = quantized.len();
                    quantized.extend(home[start..].iter().map(|x| format.quantize(*x)));
                    (*format, from..quantized.len())
                });
                slots_of_step.push(Slot {
                    name,
                    key,
                    shape,
                    trained: is_trained,
                    range: start..home.len(),
                    stored,
                });
            }
            slots.push(slots_of_step);
        }
        Self {
            slots,
            trained: lanes(&trained),
            kept: lanes(&kept),
            quantized,
        }
    }

    /// Quantises anew what was trained. Has to follow every change by [`Parameters::trained_mut`].
    pub(crate) fn quantize(&mut self, path: Path) {
        for slot in self.slots.iter().flatten().filter(|slot| slot.trained) {
            if let Some((format, place)) = &slot.stored {
                path.run(QuantizeNumbers {
                    x: &numbers(&self.trained)[slot.range.clone()],
                    format: *format,
                    y: &mut self.quantized[place.clone()],
                });
            }
        }
    }

    /// Makes the gradient by numbers as they are stored that by numbers as they are trained: as if
    /// nothing were rounded, and 0 where a number is beyond what its format can store.
    pub(crate) fn mask(&self, path: Path, gradient: &mut [Lanes]) {
        for slot in self.slots.iter().flatten().filter(|slot| slot.trained) {
            if let Some((format, _)) = slot.stored {
                path.run(MaskNumbers {
                    x: self.slice(slot),
                    format,
                    gradient: &mut numbers_mut(gradient)[slot.range.clone()],
                });
            }
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
        self.quantized.copy_from_slice(&other.quantized);
    }

    /// Returns a tensor of a step, as it is stored; nothing where it has none of that name.
    pub(crate) fn get(&self, step: usize, name: &str) -> &[f32] {
        let slot = self.slots[step].iter().find(|slot| slot.name == name);
        slot.map_or(&[], |slot| match &slot.stored {
            Some((_, place)) => &self.quantized[place.clone()],
            None => self.slice(slot),
        })
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

    /// Returns a tensor in float32.
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
