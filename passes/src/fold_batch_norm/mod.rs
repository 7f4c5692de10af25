//! Puts batch normalisations into the layers beside them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::graph::{Graph, Node, Op};
use firebrick_core::pass::{Info, Pass, PassError, Role, Table};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::by_node::{By, keys_of_nodes};

register_pass!("fold_batch_norm", "conv_bn_fusion"; FoldBatchNormArgs => FoldBatchNorm);

/// Removes batch norms by putting their scale and shift into the layers beside them.
///
/// Folded are batch norms that read a linear layer or convolution whose result nothing else reads,
/// and such that only a linear layer, or a convolution without padding, reads. The layer gets a bias
/// if it has none, and notes what it has taken in (`folds`): weights that come from a checkpoint of
/// before are folded as they are read, so that the network computes the same with the running
/// statistics. Trained from scratch, the network is one without these batch norms.
///
/// The others stay, and the table says why: what reads a relu, a pool or a sum and is read by such has
/// no layer to go into, nor has what several layers read. In front of a convolution with padding it
/// would shift the zeros of the border too.
///
/// A layer keeps its number formats, which then store the folded numbers. Where a batch norm stood in
/// front of it, the layer reads what the batch norm read, in the format noted there if there is one; a
/// bias that is new has the format of the batch norm's.
///
/// Without entries all are folded. An entry `{"fold": true}` or `{"fold": false}` by node says it of
/// some, and then the `default`, which is false there, of the others.
///
/// # Errors
/// A key that matches no node or no batch norm; a batch norm that is named and can't be folded.
///
/// # Source
/// Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
/// Inference", CVPR 2018, section 3.2, equation 14, <https://arxiv.org/abs/1712.05877>; MASE's
/// `conv_bn_fusion`. Differs: linear layers too, and batch norms in front of a layer.
#[derive(Deserialize, JsonSchema)]
struct FoldBatchNormArgs {
    /// What the other keys are.
    #[serde(default = "By::unsaid")]
    by: By,
    /// Whether batch norms that no key matches are folded; where nothing is said, if there are no
    /// keys.
    #[serde(default)]
    #[schemars(with = "Option<Setting>")]
    default: Json,
    /// Of no meaning here; passes share it.
    #[serde(default, rename = "base_width")]
    _base_width: Option<NonZeroUsize>,
    /// Whether the batch norms that a key matches are folded.
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, Setting>")]
    nodes: BTreeMap<String, Json>,
}

/// What becomes of a batch norm.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Setting {
    /// Whether it is folded.
    fold: bool,
}

impl Setting {
    /// Reads the entry of a key; `None` if it says nothing.
    fn read(key: &str, entry: &Json) -> Result<Option<bool>, PassError> {
        if entry.is_null() || entry == "NA" {
            return Ok(None);
        }
        let setting = registry::parse::<Self>(entry);
        let setting = setting.map_err(|reason| PassError::Args(format!("`{key}`: {reason}")))?;
        Ok(Some(setting.fold))
    }
}

struct FoldBatchNorm;

impl Pass for FoldBatchNorm {
    fn role(&self) -> Role {
        Role::Transform
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let args: FoldBatchNormArgs = registry::parse(args).map_err(PassError::Args)?;
        let mut settings: BTreeMap<&str, bool> = BTreeMap::new();
        for (key, entry) in &args.nodes {
            if let Some(fold) = Setting::read(key, entry)? {
                settings.insert(key, fold);
            }
        }
        let keys = keys_of_nodes(graph, args.by, settings.keys().copied())?;
        check_keys(graph, &keys)?;
        let default = Setting::read("default", &args.default)?.unwrap_or(args.nodes.is_empty());
        let mut draft = Draft {
            nodes: graph.nodes().to_vec(),
        };
        let mut rows = Vec::new();
        let asked = graph.nodes().iter().zip(&keys).filter(|(node, key)| {
            let is_asked = key.map_or(default, |key| settings[key]);
            matches!(node.op, Op::BatchNorm { .. }) && is_asked
        });
        // Those in front of layers come last first, so that each stands beside its layer by then.
        let asked: Vec<_> = asked.collect();
        let mut into: BTreeMap<&str, Result<String, String>> = BTreeMap::new();
        for (node, _) in asked.iter().chain(asked.iter().rev()) {
            if !matches!(into.get(node.name.as_str()), Some(Ok(_))) {
                into.insert(&node.name, draft.fold(&node.name));
            }
        }
        for (node, key) in &asked {
            let row = match &into[node.name.as_str()] {
                Ok(layer) => [node.name.clone(), layer.clone(), String::new()],
                Err(reason) if key.is_some() && args.by == By::Name => {
                    return Err(PassError::NotApplicable {
                        node: node.name.clone(),
                        reason: reason.clone(),
                    });
                }
                Err(reason) => [node.name.clone(), String::new(), reason.clone()],
            };
            rows.push(row.to_vec());
        }
        let info = Info {
            table: (!rows.is_empty()).then(|| Table {
                columns: ["batch_norm", "folded_into", "why_not"]
                    .map(str::to_owned)
                    .to_vec(),
                rows,
            }),
            ..Info::default()
        };
        Ok((Graph::new(draft.nodes)?, info))
    }
}

/// Refuses keys that match no batch norm.
fn check_keys(graph: &Graph, keys: &[Option<&str>]) -> Result<(), PassError> {
    let matched = || graph.nodes().iter().zip(keys);
    for (node, key) in matched().filter(|(_, key)| key.is_some()) {
        let mut same = matched().filter(|(_, other)| *other == key);
        if !same.any(|(node, _)| matches!(node.op, Op::BatchNorm { .. })) {
            return Err(PassError::NotApplicable {
                node: node.name.clone(),
                reason: format!("{} is no batch norm", node.op.name()),
            });
        }
    }
    Ok(())
}

/// A network that is being changed.
struct Draft {
    nodes: Vec<Node>,
}

impl Draft {
    /// Folds a batch norm and returns the layer that has it now, or why there is none.
    fn fold(&mut self, name: &str) -> Result<String, String> {
        let node = self.node(name)?.clone();
        let [input] = node.inputs.as_slice() else {
            return Err("reads nothing".to_owned());
        };
        let producer = self.node(input)?.clone();
        let others = self.readers(input).filter(|other| other.name != name);
        let other = others.map(|node| node.name.clone()).next();
        let behind = match (is_layer(&producer.op), other) {
            (false, _) => Err(format!("reads `{input}` ({})", producer.op.name())),
            (true, Some(other)) => Err(format!("reads `{input}`, which `{other}` reads too")),
            (true, None) => Ok(()),
        };
        let reason = match behind {
            Ok(()) => {
                self.take_in(input, &node, false)?;
                self.remove(name, input);
                return Ok(input.clone());
            }
            Err(reason) => reason,
        };
        let readers: Vec<Node> = self.readers(name).cloned().collect();
        let layer = match readers.as_slice() {
            [reader] => match &reader.op {
                Op::Conv2d { padding, .. } if *padding != [0, 0] => Err(format!(
                    "`{}` (conv2d), which reads it, has padding",
                    reader.name
                )),
                op if is_layer(op) => Ok(reader.name.clone()),
                op => Err(format!("`{}` ({}) reads it", reader.name, op.name())),
            },
            readers => Err(format!("{} nodes read it", readers.len())),
        };
        let layer = layer.map_err(|other| format!("{reason}, and {other}"))?;
        self.take_in(&layer, &node, true)?;
        self.remove(name, input);
        Ok(layer)
    }

    /// Notes at a layer that it has taken in a batch norm.
    fn take_in(&mut self, layer: &str, norm: &Node, is_before: bool) -> Result<(), String> {
        let nodes = self.nodes.iter_mut();
        let found = nodes.into_iter().find(|node| node.name == layer);
        let layer = found.ok_or_else(|| format!("`{layer}` is not there"))?;
        let has_bias = match &mut layer.op {
            Op::Linear { bias, .. } | Op::Conv2d { bias, .. } => std::mem::replace(bias, true),
            _ => true,
        };
        let (own, of_norm) = (&mut layer.annotations, &norm.annotations);
        if let (false, Some(format)) = (has_bias, of_norm.formats.get("bias")) {
            own.formats.insert("bias".to_owned(), format.clone());
        }
        let source = of_norm.weights_from.clone();
        let source = source.unwrap_or_else(|| norm.name.clone());
        match is_before {
            true => {
                if let Some(format) = of_norm.formats.get("data_in") {
                    own.formats.insert("data_in".to_owned(), format.clone());
                }
                own.folds.insert(0, source);
            }
            false => own.folds.push(source),
        }
        // What is learned together is frozen only if all of it was.
        own.frozen &= of_norm.frozen;
        Ok(())
    }

    fn remove(&mut self, name: &str, input: &str) {
        self.nodes.retain(|node| node.name != name);
        let inputs = self.nodes.iter_mut().flat_map(|node| &mut node.inputs);
        for read in inputs.filter(|read| *read == name) {
            input.clone_into(read);
        }
    }

    fn node(&self, name: &str) -> Result<&Node, String> {
        let found = self.nodes.iter().find(|node| node.name == name);
        found.ok_or_else(|| format!("`{name}` is not there"))
    }

    fn readers(&self, name: &str) -> impl Iterator<Item = &Node> {
        let nodes = self.nodes.iter();
        nodes.filter(move |node| node.inputs.iter().any(|input| input == name))
    }
}

fn is_layer(op: &Op) -> bool {
    matches!(op, Op::Linear { .. } | Op::Conv2d { .. })
}

#[cfg(test)]
mod tests;
