//! Batch normalisations that a candidate's layers have taken in.
//!
//! A layer that notes `folds` computes what its source and these batch normalisations of the base
//! compute together. Its weights are found in two steps: those of the candidate with the batch
//! normalisations put back in, and then these folded, so that channels are kept or repeated before
//! anything is summed over them.

use super::InheritError;
use super::matching::source;
use crate::formats::STEP;
use crate::graph::{Graph, GraphError, Node, Op};
use crate::weights::{FIRST_STEP, Tensor, Weights, tensors};

/// A candidate with the batch normalisations that it has taken in put back in.
pub(super) struct Unfolded {
    pub(super) graph: Graph,
    layers: Vec<Layer>,
}

/// A layer with its batch normalisations, by name.
struct Layer {
    name: String,
    /// Those in front of it, in the order in which they are computed.
    before: Vec<String>,
    /// Those behind it.
    after: Vec<String>,
}

/// The affine function `scale * x + shift` of each channel.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Unfolded {
    /// Puts batch normalisations of the base back into a candidate; `None` if it has taken none in
    /// that the base still has.
    pub(super) fn of(base: &Graph, candidate: &Graph) -> Result<Option<Self>, InheritError> {
        let mut layers = Vec::new();
        let mut nodes: Vec<Node> = Vec::with_capacity(candidate.nodes().len());
        // What reads a layer reads the last batch normalisation behind it now.
        let mut renamed: Vec<(&str, String)> = Vec::new();
        for (idx, node) in candidate.nodes().iter().enumerate() {
            let mut own = node.clone();
            for input in &mut own.inputs {
                if let Some((_, now)) = renamed.iter().find(|(name, _)| name == input) {
                    input.clone_from(now);
                }
            }
            let Some((source_idx, layer)) = layer(base, node)? else {
                nodes.push(own);
                continue;
            };
            let source_op = &base.nodes()[source_idx].op;
            for name in &layer.before {
                let input = own.inputs[0].clone();
                let channels = candidate.input_shapes(idx)[0][0];
                nodes.push(batch_norm(base, name, channels, &input));
                own.inputs = vec![name.clone()];
            }
            set_bias(&mut own, has_bias(source_op));
            nodes.push(own);
            let mut last = node.name.clone();
            for name in &layer.after {
                nodes.push(batch_norm(base, name, candidate.shape(idx)[0], &last));
                last.clone_from(name);
            }
            renamed.push((&node.name, last));
            layers.push(layer);
        }
        if layers.is_empty() {
            return Ok(None);
        }
        let graph = Graph::new(nodes).map_err(|error| not_beside(&layers, &error))?;
        Ok(Some(Self { graph, layers }))
    }

    /// Returns the weights of the candidate, from those that it has with its batch normalisations.
    pub(super) fn fold(&self, candidate: &Graph, unfolded: &Weights) -> Weights {
        let mut weights = Weights::default();
        for node in candidate.nodes() {
            let layer = self.layers.iter().find(|layer| layer.name == node.name);
            let folded = layer.map(|layer| self.folded(node, layer, unfolded));
            for (name, shape) in tensors(node) {
                let key = format!("{}.{name}", node.name);
                let data = match (&folded, name) {
                    (Some((weight, _)), "weight") => weight.clone(),
                    (Some((_, bias)), "bias") => bias.clone(),
                    // It was learned for other numbers.
                    (Some(_), name) if name.ends_with(STEP) => vec![FIRST_STEP],
                    _ => unfolded
                        .get(&key)
                        .map(|tensor| tensor.data.clone())
                        .unwrap_or_default(),
                };
                weights.0.insert(key, Tensor { shape, data });
            }
        }
        weights
    }

    /// Returns weight and bias of a layer with its batch normalisations, computed in float64.
    fn folded(&self, node: &Node, layer: &Layer, weights: &Weights) -> (Vec<f32>, Vec<f32>) {
        let numbers = |name: &str| -> Vec<f64> {
            let tensor = weights.get(&format!("{}.{name}", node.name));
            let data = tensor.map_or(&[][..], |tensor| &tensor.data);
            data.iter().copied().map(f64::from).collect()
        };
        let (mut weight, mut bias) = (numbers("weight"), numbers("bias"));
        let (n_outputs, groups) = match &node.op {
            Op::Linear { out_features, .. } => (*out_features, 1),
            Op::Conv2d {
                out_channels,
                groups,
                ..
            } => (*out_channels, *groups),
            _ => (0, 1),
        };
        bias.resize(n_outputs, 0.0);
        let row = weight.len() / n_outputs.max(1);
        let before = self.affine(&layer.before, weights);
        if let Some(Affine { scale, shift }) = before {
            let n_inputs = scale.len() / groups;
            let taps = row / n_inputs;
            let rows = weight.chunks_mut(row).zip(&mut bias).enumerate();
            for (output, (row, bias)) in rows {
                let first = output / (n_outputs / groups) * n_inputs;
                for (nth, value) in row.iter_mut().enumerate() {
                    let channel = first + nth / taps;
                    *bias += *value * shift[channel];
                    *value *= scale[channel];
                }
            }
        }
        if let Some(Affine { scale, shift }) = self.affine(&layer.after, weights) {
            let rows = weight.chunks_mut(row).zip(&mut bias);
            for ((row, bias), (scale, shift)) in rows.zip(scale.iter().zip(&shift)) {
                row.iter_mut().for_each(|value| *value *= scale);
                *bias = *bias * scale + shift;
            }
        }
        let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|number| number as f32).collect();
        (narrow(weight), narrow(bias))
    }

    /// Returns what batch normalisations one after the other compute under running statistics.
    fn affine(&self, names: &[String], weights: &Weights) -> Option<Affine> {
        let mut names = names.iter();
        let mut all = self.affine_of(names.next()?, weights);
        for name in names {
            let next = self.affine_of(name, weights);
            let channels = all.scale.iter_mut().zip(&mut all.shift);
            for ((scale, shift), (by, more)) in channels.zip(next.scale.iter().zip(&next.shift)) {
                *scale *= by;
                *shift = *shift * by + more;
            }
        }
        Some(all)
    }

    fn affine_of(&self, name: &str, weights: &Weights) -> Affine {
        let eps = match self.graph.node(name).map(|node| &node.op) {
            Some(Op::BatchNorm { eps, .. }) => *eps,
            _ => 0.0,
        };
        let [weight, bias, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|tensor| {
                let tensor = weights.get(&format!("{name}.{tensor}"));
                let data = tensor.map_or(&[][..], |tensor| &tensor.data);
                data.iter().copied().map(f64::from)
            });
        let scale: Vec<f64> = weight
            .zip(variance)
            .map(|(weight, variance)| weight / (variance + eps).sqrt())
            .collect();
        let shift = bias.zip(mean).zip(&scale);
        let shift = shift
            .map(|((bias, mean), scale)| bias - mean * scale)
            .collect();
        Affine { scale, shift }
    }
}

/// Returns the source of a layer, with those of its batch normalisations that the source has not
/// taken in; `None` where there are none.
fn layer(base: &Graph, node: &Node) -> Result<Option<(usize, Layer)>, InheritError> {
    let folds = &node.annotations.folds;
    if folds.is_empty() {
        return Ok(None);
    }
    let Some(source_idx) = source(base, node)? else {
        return Ok(None);
    };
    let source = &base.nodes()[source_idx];
    let taken_in = &source.annotations.folds;
    let left: Vec<&String> = folds
        .iter()
        .filter(|fold| !taken_in.contains(fold))
        .collect();
    let error = |fold: &str, reason: &'static str| InheritError::Fold {
        node: node.name.clone(),
        fold: fold.to_owned(),
        reason,
    };
    if let (Some(fold), false) = (left.first(), has_bias(&node.op)) {
        return Err(error(fold, "but has no bias that could hold its shift"));
    }
    let mut input_of = Vec::with_capacity(left.len());
    for fold in &left {
        let Some(found) = base.node(fold) else {
            return Err(error(fold, "which the base does not have"));
        };
        let (Op::BatchNorm { .. }, [input]) = (&found.op, found.inputs.as_slice()) else {
            return Err(error(fold, "which is no batch normalisation of the base"));
        };
        input_of.push(input);
    }
    let mut before = Vec::new();
    let mut input = source.inputs.first();
    while let Some(nth) = left.iter().position(|fold| Some(*fold) == input) {
        if matches!(source.op, Op::Conv2d { padding, .. } if padding != [0, 0]) {
            let reason = "but pads with zeros what that would shift";
            return Err(error(left[nth], reason));
        }
        before.insert(0, left[nth].clone());
        input = Some(input_of[nth]);
    }
    let mut after: Vec<String> = Vec::new();
    while let Some(nth) = {
        let last = after.last().unwrap_or(&source.name);
        input_of.iter().position(|input| *input == last)
    } {
        after.push(left[nth].clone());
    }
    match left
        .iter()
        .find(|fold| !before.contains(fold) && !after.contains(fold))
    {
        Some(fold) => Err(error(fold, "which does not stand beside it in the base")),
        None if left.is_empty() => Ok(None),
        None => {
            let name = node.name.clone();
            Ok(Some((
                source_idx,
                Layer {
                    name,
                    before,
                    after,
                },
            )))
        }
    }
}

/// Returns a batch normalisation of the base for so many channels of a candidate.
fn batch_norm(base: &Graph, name: &str, channels: usize, input: &str) -> Node {
    let mut op = Op::batch_norm(channels);
    if let Some(Op::BatchNorm { momentum, eps, .. }) = base.node(name).map(|node| &node.op) {
        op = Op::BatchNorm {
            features: channels,
            momentum: *momentum,
            eps: *eps,
        };
    }
    Node::new(name, op, &[input])
}

fn has_bias(op: &Op) -> bool {
    matches!(
        op,
        Op::Linear { bias: true, .. } | Op::Conv2d { bias: true, .. }
    )
}

fn set_bias(node: &mut Node, has_bias: bool) {
    if let Op::Linear { bias, .. } | Op::Conv2d { bias, .. } = &mut node.op {
        *bias = has_bias;
    }
}

/// Says that a batch normalisation can't be put back in, as when the candidate has a node of its
/// name.
fn not_beside(layers: &[Layer], error: &GraphError) -> InheritError {
    let named = match error {
        GraphError::Name { node, .. } => node.clone(),
        _ => String::new(),
    };
    let of = |layer: &&Layer| layer.before.contains(&named) || layer.after.contains(&named);
    let layer = layers.iter().find(of).or(layers.first());
    InheritError::Fold {
        node: layer.map_or_else(String::new, |layer| layer.name.clone()),
        fold: named,
        reason: "which has the name of another of its nodes",
    }
}

#[cfg(test)]
mod tests;
