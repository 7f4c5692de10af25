//! Gives operands number formats.

mod choices;
mod nonnegative;
mod presets;
mod schema;
mod setting;
mod stored;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use firebrick_core::formats::{check, operands};
use firebrick_core::graph::{Graph, Node, NumberFormat};
use firebrick_core::pass::{Choice, Info, Pass, PassError, Role};
use firebrick_core::{Json, register_pass, registry};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::by_node::{By, keys_of_nodes};
use nonnegative::never_negative;
use schema::Entry;
use setting::{Asked, Setting};

register_pass!("quantize"; QuantizeArgs => Quantize);

/// Stores weights, biases and what layers read in number formats.
///
/// Arguments are a table by node, each entry in one of two spellings.
///
/// `{"format": "int8"}` takes a preset, one name for all operands of a node. What there is once a
/// channel, which is biases and the scale and shift of batch norm, has 8 bits at least.
/// - `float32`: no format.
/// - `int2`, `int3`, `int4`, `int5`, `int6`, `int7`, `int8`, `int10`, `int12`, `int16`: fixed point,
///   the fraction width of each operand chosen from its numbers, and without sign where a layer
///   reads what can't be negative, such as what a relu made.
/// - `lsq2`, `lsq3`, `lsq4`, `lsq6`, `lsq8`: the same with steps that are learned.
/// - `binary`, `ternary`: weights of two or three levels times a power of two, all else `int8`.
/// - `fp8_e4m3`, `fp8_e5m2`: 8-bit floats of the OCP. `minifloat8_e4m3`, `minifloat6_e3m2`,
///   `minifloat6_e2m3`, `minifloat4_e2m1`: IEEE-like floats without infinities.
/// - `mxfp8_e4m3`, `mxfp8_e5m2`, `mxfp6_e3m2`, `mxfp6_e2m3`, `mxfp4`, `mxint8`: microscaling
///   formats, 32 numbers with one power of two. `msfp12`: 16 numbers of 4 bits with one exponent.
/// - `log4`, `log5`, `log6`: powers of two, biases and batch norm `int8`.
///
/// `{"name": "integer", "data_in_width": 8, "weight_width": 4, ...}`, also inside
/// `{"config": ...}`, is the spelling of MASE: one format for all operands, and its numbers for
/// each of them, `data_in`, `weight` and `bias`. An operand that none of the fields is about stays in
/// float32, but a bias is stored as the weight is. Formats whose width is part of their definition
/// (`binary`, `ternary`, `fp8_*`, `mx*`) need no fields and are for all operands.
/// - `name`: `integer` (also `fixed`), `lsq`, `binary`, `ternary`, `minifloat_ieee`,
///   `minifloat_denorm`, `fp8_e4m3`, `fp8_e5m2`, `log`, `block_fp` (also `msfp`),
///   `block_minifloat`, `block_log`, `mxfp8_e4m3`, `mxfp8_e5m2`, `mxfp6_e3m2`, `mxfp6_e2m3`,
///   `mxfp4_e2m1`, `mxint8`; null or `"NA"` leaves the node as it is.
/// - `*_width`: bits a number, 1 to 32. `*_frac_width`: bits after the binary point; null or none
///   has it chosen from the numbers of the trained network. `*_signed`: false for numbers that are
///   never negative.
/// - `*_exponent_width`, `*_exponent_bias`, `*_exponent_bias_width`, `*_block_size`: as the format
///   has them. Blocks run along the channels, and the last one of a run may be shorter, which
///   stores what zeros behind it would; a list such as `[1, 16]` stands for its last number,
///   and -1 for all channels.
/// - `weight_scale`, `bias_scale`: what the levels of `binary` and `ternary` are multiplied with,
///   `one`, `mean` or `power_of_two`; of MASE's fields `*_scaling_factor` and `*_bipolar` say so.
///   What is read has `one`, since a mean over all rows would make a row depend on those beside it.
/// - `arithmetic`: `"mase"` computes as MASE does where we differ on purpose, and has half of the
///   width as the fraction width where none is given.
///
/// In both, `bypass = true` puts a node back into float32.
///
/// Nodes without weights (relu, addition, pools) have `data_in` only; fields about other operands
/// mean nothing to them, or to a layer without bias, unless no node of the key has the operand. The
/// `default` is for all nodes with weights that no key matches where it is a preset, and for linear
/// layers, convolutions, additions and relus, as in MASE, where it has a `name`. What a node has in
/// formats before, an entry replaces.
///
/// # Errors
/// A key that matches no node; a format that is not known, or not for an operand; numbers that a
/// format can't have, or lacks: the message has node, operand and value. `binary_residual`, `lutnet`
/// and `logicnets` are refused, since they are other networks rather than formats, and
/// `*_stochastic`, since a network would compute something else each time.
///
/// # Source
/// The quantise pass of MASE, <https://github.com/DeepWok/mase>, February 2024. Differs: there a
/// node whose `name` is null stays as the last call left it, a convolution loses its bias, a null
/// fraction width means half of the width, and fields that the format does not have are ignored.
#[derive(Deserialize, JsonSchema)]
struct QuantizeArgs {
    /// What the other keys are.
    #[serde(default = "By::unsaid")]
    by: By,
    /// The format of every node that no key matches.
    #[serde(default)]
    #[schemars(with = "Option<Entry>")]
    default: Json,
    /// Of no meaning here; passes share it.
    #[serde(default, rename = "base_width")]
    _base_width: Option<NonZeroUsize>,
    /// The formats of the nodes that a key matches.
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, Entry>")]
    nodes: BTreeMap<String, Json>,
}

struct Quantize;

impl Pass for Quantize {
    fn role(&self) -> Role {
        Role::Transform
    }

    fn choices(&self) -> Vec<Choice> {
        choices::choices()
    }

    fn apply(&self, graph: &Graph, args: &Json) -> Result<(Graph, Info), PassError> {
        let args: QuantizeArgs = registry::parse(args).map_err(PassError::Args)?;
        let default = Setting::read("default", &args.default)?;
        let mut settings: BTreeMap<&str, Setting> = BTreeMap::new();
        for (key, entry) in &args.nodes {
            settings.insert(key, Setting::read(key, entry)?);
        }
        let keys = keys_of_nodes(graph, args.by, settings.keys().copied())?;
        check_keys(graph, &keys, &settings)?;
        let is_never_negative = never_negative(graph);
        let mut nodes = graph.nodes().to_vec();
        for (idx, node) in nodes.iter_mut().enumerate() {
            let setting = match keys[idx] {
                Some(key) => &settings[key],
                None if default.is_default_for(&node.op) => &default,
                None => continue,
            };
            let reads_no_negatives = graph.producers(idx).all(|read| is_never_negative[read]);
            quantize(node, setting, reads_no_negatives)?;
        }
        Ok((Graph::new(nodes)?, Info::default()))
    }
}

/// Gives a node the formats that a setting asks for.
fn quantize(node: &mut Node, setting: &Setting, reads_no_negatives: bool) -> Result<(), PassError> {
    let formats = match setting.asked {
        Asked::Leave => return Ok(()),
        Asked::Float => BTreeMap::new(),
        Asked::Preset(preset) => formats(node, |operand| {
            preset.stored(&node.op, operand, reads_no_negatives)
        }),
        Asked::Named(ref named) => formats(node, |operand| named.format(operand)),
    };
    // A bias may be stored as the weight is, so that a fault of the weight is told first.
    for operand in operands(node) {
        let Some((operand, format)) = formats.get_key_value(operand) else {
            continue;
        };
        node.annotations.formats = [(operand.clone(), format.clone())].into();
        check(node).map_err(|error| PassError::NotApplicable {
            node: node.name.clone(),
            reason: error.to_string(),
        })?;
    }
    node.annotations.formats = formats;
    Ok(())
}

fn formats(
    node: &Node,
    format: impl Fn(&str) -> Option<NumberFormat>,
) -> BTreeMap<String, NumberFormat> {
    let operands = operands(node).into_iter();
    let formats = operands.filter_map(|operand| Some((operand.to_owned(), format(operand)?)));
    formats.collect()
}

/// Refuses keys that are about operands which none of their nodes has.
fn check_keys(
    graph: &Graph,
    keys: &[Option<&str>],
    settings: &BTreeMap<&str, Setting>,
) -> Result<(), PassError> {
    for (key, setting) in settings {
        let nodes = graph.nodes().iter().zip(keys);
        let matched: Vec<&Node> = nodes
            .filter(|(_, of_node)| **of_node == Some(*key))
            .map(|(node, _)| node)
            .collect();
        // Of a space, a relu may have the name alone, where the fields are about weights.
        if let (Asked::Named(named), true) = (
            &setting.asked,
            matched.iter().any(|node| node.op.has_weights()),
        ) {
            let idle = named.idleness().map(|reason| format!("`{key}`: {reason}"));
            idle.map_or(Ok(()), |reason| Err(PassError::Args(reason)))?;
        }
        let has = |operand: &str| matched.iter().any(|node| could_have(node, operand));
        let Some(first) = matched.first() else {
            continue;
        };
        let lacking = setting.operands().into_iter().find(|operand| !has(operand));
        let Some(operand) = lacking else {
            continue;
        };
        let op = first.op.name();
        let reason = match operands(first).is_empty() {
            true => format!("{op} reads and learns nothing that could have a number format"),
            false => format!("{op} has no `{operand}` that could have a number format"),
        };
        return Err(PassError::NotApplicable {
            node: first.name.clone(),
            reason,
        });
    }
    Ok(())
}

/// Returns whether nodes of a type have an operand, even if this one has no bias.
fn could_have(node: &Node, operand: &str) -> bool {
    operands(node).contains(&operand) || operand == "bias" && node.op.has_weights()
}

#[cfg(test)]
mod tests;
