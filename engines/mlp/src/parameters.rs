//! The tensors of a network, where kernels want them.

use std::collections::BTreeMap;
use std::ops::Range;

use firebrick_core::formats::{Layout, Quantizer, Shared};
use firebrick_core::graph::Graph;
use firebrick_core::weights::{Tensor, Weights, is_buffer, tensors};

use crate::chain::{Chain, Kind};
use crate::formats::{mask, store};
use crate::kernels::{Lanes, Path, numbers, numbers_mut};

/// All tensors of a network: what is trained in one vector, the others in another.
///
/// Weights of linear layers are `[in, out]`, so that those of neighbouring outputs lie side by side.
/// Tensors of layers with a number format are there twice: in float32, which is what is trained and
/// handed back, and as the format stores them, which is what the network computes with. Those of
/// normalisations are not: their formats are those of scale and shift.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    /// For each step of the chain, its tensors.
    slots: Vec<Vec<Slot>>,
    trained: Vec<Lanes>,
    kept: Vec<Lanes>,
    quantized: Vec<f32>,
    /// Room for a tensor, and what it is stored as, in the order of files.
    turned: [Vec<f32>; 2],
}

/// Where a tensor lies.
#[derive(Debug, Clone)]
struct Slot {
    name: &'static str,
    key: String,
    shape: Vec<usize>,
    trained: bool,
    range: Range<usize>,
    stored: Option<Stored>,
}

/// How a tensor is stored in a format.
#[derive(Debug, Clone)]
struct Stored {
    format: Quantizer,
    layout: Layout,
    /// Outputs and inputs, where numbers have to be in the order of files: what is summed over all
    /// of them depends on it.
    turned: Option<[usize; 2]>,
    /// Where the numbers as they are stored lie in `quantized`.
    place: Range<usize>,
}

impl Parameters {
    /// Takes over weights that fit the graph of a chain.
    pub(crate) fn new(path: Path, chain: &Chain, graph: &Graph, weights: &Weights) -> Self {
        let mut slots = Vec::new();
        let (mut trained, mut kept) = (Vec::new(), Vec::new());
        let (mut n_quantized, mut n_turned) = (0, 0);
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
                let of_layer = matches!(step.kind, Kind::Linear { .. });
                let format = chain.format(idx, name).filter(|_| of_layer);
                let stored = format.map(|format| Stored::new(*format, &shape, n_quantized));
                if let Some(stored) = &stored {
                    n_quantized = stored.place.end;
                    let turned = stored.turned.map_or(0, |_| stored.place.len());
                    n_turned = n_turned.max(turned);
                }
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
        let mut parameters = Self {
            slots,
            trained: lanes(&trained),
            kept: lanes(&kept),
            quantized: vec![0.0; n_quantized],
            turned: [vec![0.0; n_turned], vec![0.0; n_turned]],
        };
        parameters.quantize_those(path, |_| true);
        parameters
    }

    /// Quantises anew what was trained. Has to follow every change by [`Parameters::trained_mut`].
    pub(crate) fn quantize(&mut self, path: Path) {
        self.quantize_those(path, |slot| slot.trained);
    }

    fn quantize_those(&mut self, path: Path, which: fn(&Slot) -> bool) {
        for slot in self.slots.iter().flatten().filter(|slot| which(slot)) {
            if let Some(stored) = &slot.stored {
                let home = if slot.trained {
                    &self.trained
                } else {
                    &self.kept
                };
                let x = &numbers(home)[slot.range.clone()];
                let y = &mut self.quantized[stored.place.clone()];
                stored.store(path, x, y, &mut self.turned);
            }
        }
    }

    /// Makes the gradient by numbers as they are stored that by numbers as they are trained: as if
    /// nothing were rounded, and 0 where a number is beyond what its format can store.
    pub(crate) fn mask(&self, path: Path, gradient: &mut [Lanes]) {
        for slot in self.slots.iter().flatten().filter(|slot| slot.trained) {
            if let Some(stored) = &slot.stored {
                let x = &numbers(&self.trained)[slot.range.clone()];
                let gradient = &mut numbers_mut(gradient)[slot.range.clone()];
                stored.mask(path, x, gradient);
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
            Some(stored) => &self.quantized[stored.place.clone()],
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

impl Stored {
    /// Returns how a tensor is stored whose place in `quantized` begins at `start`.
    fn new(format: Quantizer, shape: &[usize], start: usize) -> Self {
        let of_tensor = Layout::of_tensor(shape);
        let (layout, turned) = match *shape {
            [outputs, inputs] if matches!(format.shared(), Shared::Tensor { .. }) => {
                (of_tensor, Some([outputs, inputs]))
            }
            // `[in, out]`: blocks run along the inputs, each with its outputs side by side.
            [outputs, inputs] => {
                let layout = Layout {
                    outer: 1,
                    channels: inputs,
                    inner: outputs,
                };
                (layout, None)
            }
            _ => (of_tensor, None),
        };
        Self {
            format,
            layout,
            turned,
            place: start..start + of_tensor.len(),
        }
    }

    fn store(&self, path: Path, x: &[f32], y: &mut [f32], turned: &mut [Vec<f32>; 2]) {
        let Some([outputs, inputs]) = self.turned else {
            return store(path, &self.format, x, self.layout, y);
        };
        let [x_turned, y_turned] = turned.each_mut().map(|room| &mut room[..x.len()]);
        turn(x, inputs, outputs, x_turned);
        store(path, &self.format, x_turned, self.layout, y_turned);
        turn(y_turned, outputs, inputs, y);
    }

    /// Which gradients pass does not depend on the order of numbers: the levels do, not their range.
    fn mask(&self, path: Path, x: &[f32], gradient: &mut [f32]) {
        mask(path, &self.format, x, self.layout, gradient);
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

/// Exchanges rows and columns.
fn turn(data: &[f32], rows: usize, columns: usize, into: &mut [f32]) {
    for (column, into) in into.chunks_exact_mut(rows.max(1)).enumerate() {
        let from = data[column..].iter().step_by(columns);
        into.iter_mut()
            .zip(from)
            .for_each(|(into, from)| *into = *from);
    }
}

fn lanes(data: &[f32]) -> Vec<Lanes> {
    let mut lanes = Lanes::zeroes(data.len());
    numbers_mut(&mut lanes)[..data.len()].copy_from_slice(data);
    lanes
}
